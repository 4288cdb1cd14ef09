"""VGG with batch normalisation (Simonyan and Zisserman, arXiv:1409.1556) for small images."""

from torch import nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import AdaptiveAvgPool2d, Flatten, Network

STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Depth -> convolutions of each stage: the paper's configurations A, B, D and E."""


def vgg(classes: int, image_size: tuple[int, int], *, depth: int = 16, width: int = 64) -> Network:
    """Batch-normalised convolutions of 3 x 3 in five stages, each of which ends in pooling.

    VGG as kuangliu/pytorch-cifar cuts it to 32 x 32 pixels: the three dense layers are one.  Pooling rounds up, so
    that 28 x 28 pixels last for all five stages, and what a larger image leaves is averaged.

    Args:
        image_size: has no influence; the network takes images of any size.
        depth: layers that learn in the paper, three of them dense: 11, 13, 16 or 19.
        width: filters of the first stage; the last two have eight times as many, which is also the embedding.
    """
    if depth not in STAGES:
        raise UsageError(f"vgg has a depth of 11, 13, 16 or 19, found {depth}")
    if width < 1:
        raise UsageError(f"vgg needs a width of 1 or more, found {width}")
    layers: list[nn.Module] = []
    channels = 1
    for times, convolutions in zip((1, 2, 4, 8, 8), STAGES[depth], strict=True):
        filters = times * width
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    layers += [AdaptiveAvgPool2d(1), Flatten()]
    return Network(nn.Sequential(*layers), nn.Linear(channels, classes))
