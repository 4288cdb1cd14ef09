"""DenseNet (Huang et al., Densely Connected Convolutional Networks, arXiv:1608.06993)."""

import torch
from torch import Tensor, nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import AdaptiveAvgPool2d, AvgPool2d, Flatten, Network


def densenet(
    classes: int, image_size: tuple[int, int], *, depth: int = 100, growth: int = 12, bottleneck: bool = False
) -> Network:
    """Three blocks in which each layer reads the outputs of all before it; between them the image is halved.

    The default is the paper's DenseNet-100 (k = 12), which stands in the table of Kuzushiji-MNIST's makers.

    Args:
        image_size: has no influence; the network takes images of any size.
        depth: layers in all; each block has (depth - 4) / 3 of them, or half as many pairs with `bottleneck`.
        growth: channels that each layer adds, k in the paper.
        bottleneck: the paper's DenseNet-BC: a convolution of 1 x 1 before each of 3 x 3, and the channels halved
            between the blocks.
    """
    each = 6 if bottleneck else 3
    if depth < 4 + each or (depth - 4) % each or growth < 1:
        raise UsageError(
            f"densenet needs a depth of 4 more than a multiple of {each} (such as {4 + 6 * each} or 100) and a growth "
            f"of 1 or more, found {depth} and {growth}"
        )
    channels = 2 * growth if bottleneck else 16
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1, bias=False)]
    for block in range(3):
        if block:
            outputs = channels // 2 if bottleneck else channels
            layers.append(_transition(channels, outputs))
            channels = outputs
        count = (depth - 4) // each
        layers.append(DenseBlock(*(DenseLayer(channels + growth * i, growth, bottleneck) for i in range(count))))
        channels += growth * count
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), AdaptiveAvgPool2d(1), Flatten()]
    return Network(nn.Sequential(*layers), nn.Linear(channels, classes))


class DenseLayer(nn.Sequential):
    """Normalisation, relu and a convolution of 3 x 3: (B, channels, H, W) -> (B, growth, H, W).

    Args:
        channels: channels of the input.
        growth: channels of the output.
        bottleneck: first a convolution of 1 x 1 to four times the growth.
    """

    def __init__(self, channels: int, growth: int, bottleneck: bool) -> None:
        layers: list[nn.Module] = [nn.BatchNorm2d(channels), nn.ReLU()]
        if bottleneck:
            inner = 4 * growth
            layers += [nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()]
            channels = inner
        super().__init__(*layers, nn.Conv2d(channels, growth, 3, padding=1, bias=False))


class DenseBlock(nn.Sequential):
    """Layers each of which reads the block's input and the outputs of all layers before it."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, channels + layers * growth, H, W)."""
        for layer in self:
            x = torch.cat([x, layer(x)], dim=1)
        return x


def _transition(channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, outputs, 1, bias=False), AvgPool2d(2))
