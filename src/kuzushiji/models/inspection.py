"""What a network consists of: its layers in the order in which they run, its parameters and its multiplications."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from kuzushiji.models import MODELS, create_model, resolve


@dataclass(frozen=True)
class Layer:
    """One layer as it runs.

    Attributes:
        name: where it stands in the network, such as `body.0`.
        kind: name of its class, such as `Conv2d`.
        output_shape: of one image's output: (C, H, W) or (D,).
        parameters: number of trainable parameters; 0 where a layer runs a second time.
        macs: multiply-accumulate operations for one image, of convolutions and matrix products.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class ModelDescription:
    """What is known of a network.

    Attributes:
        name: the network.
        summary: in a few words.
        parameters: number of trainable parameters; None where they were not counted.
        macs: multiply-accumulate operations for one image; None where they were not counted, or depend on the training
            images that a classical model keeps.
        recipe: how it is trained unless another recipe is asked for.
        source, reference: which experiment it stands for, and where it was published.
        options: what it lets one choose, with the defaults.
        made_for_classes, made_for_image_size: what its authors made it for.
        smallest_image_size: that it takes, in pixels.
        extra: which of the package's extras it needs besides `train`; empty if none.
    """

    name: str
    summary: str
    parameters: int | None
    macs: int | None
    recipe: str
    source: str
    reference: str
    options: Mapping[str, Any]
    made_for_classes: int
    made_for_image_size: int
    smallest_image_size: int
    extra: str


def describe_model(name: str, *, classes: int = 10, image_size: int = 28, count: bool = True) -> ModelDescription:
    """Describes a network without making it: its values take no memory and no time.

    Args:
        name: as `create_model` takes it, or one that stands for a network and a recipe, such as `nn_1_sgd`.
        classes, image_size: for which it is counted.
        count: whether parameters and operations are counted.

    Raises:
        UsageError: there is no such network, or not for such images.

    Example:
        >>> describe_model("lenet5").parameters
        61706
    """
    model_name, recipe = resolve(name)
    entry = MODELS[model_name]
    model = outline_model(model_name, classes=classes, image_size=image_size) if count else None
    return ModelDescription(
        name=model_name,
        summary=entry.summary,
        parameters=count_parameters(model) if model else None,
        macs=count_macs(model, image_size) if model and not entry.fitted else None,
        recipe=recipe,
        source=entry.source,
        reference=entry.reference,
        options=dict(entry.options),
        made_for_classes=entry.classes,
        made_for_image_size=entry.image_size,
        smallest_image_size=entry.smallest,
        extra=entry.extra,
    )


def outline_model(name: str, *, classes: int, image_size: int | tuple[int, int], **options: Any) -> nn.Module:
    """The network without values, as `create_model` makes it: it can be counted and drawn, but computes nothing."""
    with torch.device("meta"):
        return create_model(name, classes=classes, image_size=image_size, **options)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def count_macs(model: nn.Module, image_size: int | tuple[int, int]) -> int:
    """Multiply-accumulate operations for one image, of convolutions and matrix products: half the FLOPs."""
    return sum(layer.macs for layer in list_layers(model, image_size))


@torch.no_grad()
def list_layers(model: nn.Module, image_size: int | tuple[int, int], blocks: bool = False) -> list[Layer]:
    """The layers of a network in the order in which they run; those that change nothing (`Identity`) are left out.

    Nothing is computed: a copy of the network runs on PyTorch's `meta` device, which knows shapes alone.

    Args:
        model: takes images (B, 1, H, W); it is not changed.
        image_size: height and width in pixels, or one number for both.
        blocks: list the modules that layers are grouped in, too, each after its last layer; of parameters and
            operations they have those alone that are in none of their layers.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    shadow = deepcopy(model).to("meta").eval()
    layers: list[Layer] = []
    counted: set[nn.Module] = set()

    def watch(name: str, module: nn.Module) -> None:
        def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            macs = counter.get_total_flops() // 2 - sum(layer.macs for layer in layers)
            own = sum(each.numel() for each in module.parameters(recurse=False) if each.requires_grad)
            parameters = 0 if module in counted else own
            counted.add(module)
            layers.append(Layer(name, type(module).__name__, tuple(output.shape[1:]), parameters, macs))

        module.register_forward_hook(note)

    for name, module in shadow.named_modules():
        is_block = any(True for _ in module.children())
        if (blocks and name) if is_block else not isinstance(module, nn.Identity):
            watch(name, module)
    dtype = next((parameter.dtype for parameter in shadow.parameters()), torch.float32)
    with FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, 1, height, width, dtype=dtype, device="meta"))
    return layers
