"""Networks that were made for photographs: Xception and ResNet-152-V2, from timm.

They are what stlanier/Flatiron-School-Capstone-Project trained on characters of pages, from weights learnt on ImageNet.
A fresh one begins at random, like any other network; `kuzushiji.training.start` gives it weights to start from.
"""

from functools import cache
from types import ModuleType
from typing import Literal

import torch
from torch import Tensor, nn

from kuzushiji.errors import KuzushijiError, unknown_name
from kuzushiji.models.network import AdaptiveAvgPool2d, Dropout, Flatten, Network, keras_norm_1d

Layers = Literal["linear", "dense"]

BASE = "body.1."
"""What the names of timm's weights begin with in the networks of this module."""

DENSE = (10_000, 5_000, 1_000)
"""Units of the dense layers that the source put between the network and its classes."""


def xception(classes: int, image_size: tuple[int, int], *, layers: Layers = "linear", dropout: float = 0.2) -> Network:
    """36 convolutions, most of them separable, in 14 blocks (Chollet 2017, arXiv:1610.02357).

    timm's `legacy_xception`, the one that corresponds to Keras' Xception: it has the same 20,806,952 parameters.  The
    others of this name in timm (`xception41`, `xception65` ...) are those of DeepLab.

    Args:
        image_size: has no influence; the network takes images of any size from 7 pixels.
        layers: `linear`: global average pooling, then the classes; `dense`: as the source has it, dense layers of
            10,000, 5,000 and 1,000 between them, batch-normalised, with a dropout of 0.3 after each.
        dropout: share that is dropped after pooling in training.
    """
    return _made_for_photographs("legacy_xception", classes, layers, dropout)


def resnet152v2(
    classes: int, image_size: tuple[int, int], *, layers: Layers = "linear", dropout: float = 0.2
) -> Network:
    """50 residual blocks, normalised first (He et al. 2016, arXiv:1603.05027).

    timm's `resnetv2_152`, which corresponds to Keras' ResNet152V2 in its blocks, but halves the image in the first
    block of a stage instead of the last, and has no biases in its convolutions.

    Args:
        image_size: has no influence; the network takes images of any size.
        layers, dropout: as of `xception`.
    """
    return _made_for_photographs("resnetv2_152", classes, layers, dropout)


class GrayAsColour(nn.Module):
    """Gray images (B, 1, H, W) in [0, 1] as photographs (B, 3, H, W) in [-1, 1], which these networks learnt from."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * 2 - 1).expand(-1, 3, -1, -1)


def _made_for_photographs(name: str, classes: int, layers: Layers, dropout: float) -> Network:
    base = import_timm().create_model(name, pretrained=False, num_classes=0, global_pool="")
    body: list[nn.Module] = [GrayAsColour(), base, AdaptiveAvgPool2d(1), Flatten(), Dropout(dropout)]
    width = base.num_features
    match layers:
        case "linear":
            pass
        case "dense":
            for units in DENSE:
                body += [nn.Linear(width, units), keras_norm_1d(units), nn.ReLU(), Dropout(0.3)]
                width = units
        case _:
            raise unknown_name("kind of layers", layers, ("linear", "dense"))
    return Network(nn.Sequential(*body), nn.Linear(width, classes))


def import_timm() -> ModuleType:
    """timm, which imports torchvision.

    Raises:
        KuzushijiError: it is not installed.
    """
    try:
        try:
            import torchvision  # noqa: F401
        except (ImportError, RuntimeError):
            _define_operators_of_torchvision()
        import timm
    except (ImportError, RuntimeError) as error:
        raise KuzushijiError(
            f"this network needs timm, which can't be imported here ({error}); it comes with: "
            "pip install 'kuzushiji[transfer]'"
        ) from None
    return timm


@cache
def _define_operators_of_torchvision() -> torch.library.Library:
    """Makes the two operators known that torchvision looks for when it is imported.

    Beside a PyTorch of another build, such as one for CPUs alone, its own library does not load and they are missing.
    No classifier calls them.  The definitions last as long as what is returned, which the cache keeps.
    """
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library
