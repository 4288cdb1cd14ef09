"""What a network consists of: its layers in the order in which they run, its parameters and its multiplications."""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


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
