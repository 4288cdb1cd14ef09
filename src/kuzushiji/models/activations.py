"""What a network sees where: maps of its classes over an image, and the feature maps of any layer.

Three kinds of class maps, of which each network has the one that is exact for it:

- `class_maps`: a fully convolutional network has a map for each class itself, the highest point of which is the logit;
- `cam`: where global average pooling and a linear head end the network, the head is applied to each point of the maps
  (class activation mapping, Zhou et al. 2016, arXiv:1512.04150); their mean, and the bias, are the logit;
- `hires_cam`: for any other network with convolutions, the maps that the last of them gives, each point times how the
  logit changes with it (HiResCAM, Draelos and Carin 2020, arXiv:2011.08891).  Grad-CAM takes the mean of the changes
  over each map first, which a dense layer does not do: there it may be blank for the class that the network names.

In the legends of shapes: b images, c classes, d channels, h x w points of the maps.
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.models.fcn import FullyConvolutional

Method = Literal["class_maps", "cam", "hires_cam"]

AFTER_POOLING = (nn.Flatten, nn.Dropout)
"""What may stand between global average pooling and the head of a network that has class activation maps."""

POINTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Identity)
"""What changes maps after a convolution, but point by point."""


def map_method(network: nn.Module) -> Method:
    """The kind of class maps that a network has.

    Raises:
        UsageError: it has no convolution, so that it sees nothing at a place.
    """
    if isinstance(network, FullyConvolutional):
        return "class_maps"
    return "cam" if _take_apart(network)[2] else "hires_cam"


def takes_any_size(network: nn.Module) -> bool:
    """Whether a network has class maps of images of any size, such as a line or a page."""
    return map_method(network) != "hires_cam"


@torch.no_grad()
def every_class_map(network: nn.Module, images: Tensor) -> Tensor:
    """The maps of all classes, (b, c, h, w), of a network that `takes_any_size`: logits of each point.

    Args:
        images: (b, 1, H, W), float in [0, 1].
    """
    head: Any = network.head
    if isinstance(network, FullyConvolutional):
        return head.maps(network.body(images))
    before, _, _ = _take_apart(network)
    return F.conv2d(before(images), head.weight[:, :, None, None], head.bias)


def class_maps(network: nn.Module, images: Tensor, classes: list[int]) -> Tensor:
    """Where in each image a network sees some classes: what speaks for a class is positive.

    Args:
        network: in evaluation mode; it is not changed.
        images: (b, 1, H, W), float in [0, 1].
        classes: the labels to look for, k of them.

    Returns:
        (b, k, h, w), smaller than the images by as much as the network shrinks them.
    """
    match map_method(network):
        case "class_maps":
            return every_class_map(network, images)[:, classes]
        case "cam":
            head: Any = network.head
            return every_class_map(network, images)[:, classes] - head.bias.detach()[classes, None, None]
        case "hires_cam":
            return _hires_cam(network, images, classes)


def _hires_cam(network: nn.Module, images: Tensor, classes: list[int]) -> Tensor:
    before, after, _ = _take_apart(network)
    head: Any = network.head
    with torch.no_grad():
        maps = before(images)
    with torch.enable_grad():
        maps.requires_grad_()
        logits = head(after(maps))
        found = []
        for label in classes:
            (slopes,) = torch.autograd.grad(logits[:, label].sum(), maps, retain_graph=True)
            found.append((slopes * maps).sum(1))
    return torch.stack(found, 1).detach()


@torch.no_grad()
def feature_maps(network: nn.Module, images: Tensor, layer: str) -> Tensor:
    """What a layer makes of images, (b, d, h, w).

    Args:
        network: in evaluation mode; it is not changed.
        images: (b, 1, H, W), float in [0, 1].
        layer: name of a layer or of a block of layers, such as `body.3`.

    Raises:
        UsageError: there is no such layer, it does not run, or what it gives are no maps.
    """
    layers = {name: module for name, module in network.named_modules() if name}
    if layer not in layers:
        raise unknown_name("layer", layer, layers)
    outputs: list[Any] = []
    handle = layers[layer].register_forward_hook(lambda module, inputs, output: outputs.append(output))
    try:
        network(images)
    finally:
        handle.remove()
    if not outputs or not isinstance(outputs[0], Tensor) or outputs[0].ndim != 4:
        gives = f"{outputs[0].shape[1]} values" if outputs and isinstance(outputs[0], Tensor) else "nothing"
        raise UsageError(f"{layer} gives {gives} and no maps; choose a layer before the image is flattened")
    return outputs[0]


def peaks(surface: NDArray[np.float32], least: float, apart: float) -> list[tuple[int, int]]:
    """The points of a map that stand out: row and column of each, the highest first.

    Args:
        surface: (h, w).
        least: no point below this is taken.
        apart: no two points are nearer than this, in rows and in columns; the higher one is taken.
    """
    taken: list[tuple[int, int]] = []
    rows, columns = np.nonzero(surface >= least)
    for number in np.argsort(-surface[rows, columns], kind="stable"):
        row, column = int(rows[number]), int(columns[number])
        if all(max(abs(row - r), abs(column - c)) >= apart for r, c in taken):
            taken.append((row, column))
    return taken


def _take_apart(network: nn.Module) -> tuple[nn.Sequential, nn.Sequential, bool]:
    """The body of a network in two parts: what gives the last maps, and what makes an embedding of them.

    The third value is whether the second part is a mean over the maps and the head is linear.

    Raises:
        UsageError: there is no convolution.
    """
    body = list(network.body) if isinstance(network.body, nn.Sequential) else []
    convolutional = [number for number, layer in enumerate(body) if any(map(_is_convolution, layer.modules()))]
    if not convolutional:
        raise UsageError("this network has no convolution: it does not look at places of an image")
    means = [number for number, layer in enumerate(body) if _is_global_mean(layer)]
    if means and all(isinstance(layer, AFTER_POOLING) for layer in body[means[-1] + 1 :]):
        return nn.Sequential(*body[: means[-1]]), nn.Sequential(*body[means[-1] :]), isinstance(network.head, nn.Linear)
    cut = convolutional[-1] + 1
    while cut < len(body) and isinstance(body[cut], POINTWISE):
        cut += 1
    return nn.Sequential(*body[:cut]), nn.Sequential(*body[cut:]), False


def _is_convolution(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d)


def _is_global_mean(layer: nn.Module) -> bool:
    return isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1))
