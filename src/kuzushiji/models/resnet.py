"""Residual networks: a small one of this project, the default, and those of the papers for small images."""

from typing import Literal, get_args

from torch import Tensor, nn

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.models.attention import Attention, attention_for
from kuzushiji.models.network import AdaptiveAvgPool2d, Dropout, Flatten, Network, create_head

Pooling = Literal["average", "depthwise"]


class Block(nn.Module):
    """Two 3 x 3 convolutions around which the input passes by (He et al., arXiv:1512.03385).

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        stride: 2 halves height and width.
        attention: what the output passes before the input is added to it.
    """

    def __init__(self, channels_in: int, channels: int, stride: int, attention: Attention = "none") -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.attention = nn.Sequential(*attention_for(attention, channels))
        self.relu2 = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )
        # The block begins as the identity, so that a deep network trains as a shallow one at first.
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.relu1(self.norm1(self.conv1(x)))
        return self.relu2(self.attention(self.norm2(self.conv2(y))) + self.shortcut(x))


def resnet(
    classes: int,
    image_size: tuple[int, int],
    *,
    width: int = 32,
    depth: int = 1,
    stem: int = 20,
    embedding: int = 0,
    pooling: Pooling = "average",
    dropout: float = 0.0,
    attention: Attention = "none",
    head: str = "linear",
) -> Network:
    """A stem, three stages of blocks, pooling over the whole image.

    Each stage after the first halves the image and doubles the channels.  Images of more than `stem` pixels are halved
    by the stem until they have no more than that, so that the first stage costs the same for all.

    Args:
        width: channels of the first stage; the last has four times as many.
        depth: blocks in each stage.
        stem: the largest side, in pixels, of what the first stage works on.  Twice the side costs four times as
            much, as twice the width does (`benchmarks/convolution_speed.py`).
        embedding: length of the embedding, to which a convolution of 1 x 1 widens the last stage before pooling, so
            that thousands of classes find room (as in MobileNetV2, Sandler et al., arXiv:1801.04381); 0 leaves it
            at four times the width.
        pooling: `average` is the mean of all positions; `depthwise` weighs them by a global depthwise convolution, for
            each channel on its own, so that the embedding can tell where a stroke is (MobileFaceNets, Chen et al.,
            arXiv:1804.07573).  With the latter the network takes images of `image_size` alone.
        dropout: share of the embedding that is dropped in training.
        attention: within each block: `none`, `se` (squeeze-and-excitation), `cbam` or `self`.
        head: `linear`, or for thousands of classes `cosine` or `prototype`.
    """
    if width < 1 or depth < 1 or stem < 1:
        raise UsageError(f"resnet needs a width, a depth and a stem of 1 or more, found {width}, {depth} and {stem}")
    if embedding < 0:
        raise UsageError(f"the embedding of resnet has a length of 0 or more, found {embedding}")
    layers: list[nn.Module] = []
    channels = 1
    shrunk = 1  # how many times smaller than the image the maps are
    while True:
        stride = 2 if max(image_size) > stem * shrunk else 1
        layers += [nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels, shrunk = width, shrunk * stride
        if max(image_size) <= stem * shrunk:
            break
    for stage in range(3):
        for number in range(depth):
            stride = 2 if stage > 0 and number == 0 else 1
            layers.append(Block(channels, width << stage, stride, attention))
            channels, shrunk = width << stage, shrunk * stride
    if embedding:
        layers += [nn.Conv2d(channels, embedding, 1, bias=False), nn.BatchNorm2d(embedding), nn.ReLU()]
        channels = embedding
    height, breadth = (-(-side // shrunk) for side in image_size)
    layers += [*_pooling(pooling, channels, (height, breadth)), Flatten()]
    if dropout:
        layers.append(Dropout(dropout))
    return Network(nn.Sequential(*layers), create_head(head, channels, classes))


def _pooling(kind: Pooling, channels: int, size: tuple[int, int]) -> list[nn.Module]:
    """What makes one value a channel of maps of `size`."""
    match kind:
        case "average":
            return [AdaptiveAvgPool2d(1)]
        case "depthwise":
            return [nn.Conv2d(channels, channels, size, groups=channels, bias=False), nn.BatchNorm2d(channels)]
    raise unknown_name("pooling", kind, get_args(Pooling))


def preact_resnet20(
    classes: int, image_size: tuple[int, int], *, depth: int = 20, width: int = 16, attention: Attention = "none"
) -> Network:
    """Three stages of pre-activation blocks, each of twice the channels of the one before it.

    The networks for CIFAR-10 of He et al., arXiv:1512.03385 and arXiv:1603.05027, with convolutions for shortcuts as in
    the latter: 0.27 million parameters at depth 20.

    Args:
        image_size: has no influence; the network takes images of any size.
        depth: convolutions on the longest way, and the dense layer: 2 more than a multiple of 6.
        width: channels of the first stage; the embedding has four times as many.
        attention: within each block: `none`, `se` (squeeze-and-excitation), `cbam` or `self`.
    """
    if depth < 8 or (depth - 2) % 6:
        raise UsageError(f"preact_resnet20 needs a depth of 2 more than a multiple of 6, such as 20, found {depth}")
    return _three_stages(classes, (depth - 2) // 6, width, width, 0.0, attention)


def wide_resnet(
    classes: int, image_size: tuple[int, int], *, depth: int = 28, widen: int = 10, dropout: float = 0.0
) -> Network:
    """`preact_resnet20` with fewer layers and more channels (Zagoruyko and Komodakis, arXiv:1605.07146).

    The default is the paper's WRN-28-10, of 36.5 million parameters.

    Args:
        image_size: has no influence; the network takes images of any size.
        depth: convolutions on the longest way, shortcuts among them: 4 more than a multiple of 6.
        widen: how many times the 16, 32 and 64 channels of the stages.
        dropout: share of what lies between a block's convolutions that is dropped in training; the paper has 0.3.
    """
    if depth < 10 or (depth - 4) % 6:
        raise UsageError(f"wide_resnet needs a depth of 4 more than a multiple of 6, such as 16 or 28, found {depth}")
    return _three_stages(classes, (depth - 4) // 6, 16, 16 * widen, dropout, "none")


def _three_stages(classes: int, blocks: int, stem: int, width: int, dropout: float, attention: Attention) -> Network:
    """A convolution, three stages of pre-activation blocks, normalisation, global average pooling."""
    if stem < 1 or width < 1:
        raise UsageError(f"a residual network needs a width of 1 or more, found {width}")
    layers: list[nn.Module] = [nn.Conv2d(1, stem, 3, padding=1, bias=False)]
    channels = stem
    for stage in range(3):
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            layers.append(PreActBlock(channels, width << stage, stride, attention, dropout))
            channels = width << stage
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), AdaptiveAvgPool2d(1), Flatten()]
    return Network(nn.Sequential(*layers), nn.Linear(channels, classes))


def resnet18(classes: int, image_size: tuple[int, int], *, width: int = 64) -> Network:
    """Four stages of two blocks each, without pooling before them, then global average pooling.

    ResNet-18 (He et al., arXiv:1512.03385) with the stem of kuangliu/pytorch-cifar, a convolution of 3 x 3.

    Args:
        image_size: has no influence; the network takes images of any size.
        width: channels of the first stage; the embedding has eight times as many.
    """
    return _four_stages(classes, width, Block)


def preact_resnet18(classes: int, image_size: tuple[int, int], *, width: int = 64) -> Network:
    """`resnet18` with normalisation and relu before each convolution (He et al., arXiv:1603.05027).

    The network of three lines in the table of Kuzushiji-MNIST's makers.  As in kuangliu/pytorch-cifar and in the code
    of manifold mixup (vikasverma1077/manifold_mixup), nothing normalises what the last block gives.

    Args:
        image_size: has no influence; the network takes images of any size.
        width: channels of the first stage; the embedding has eight times as many.
    """
    return _four_stages(classes, width, PreActBlock)


class PreActBlock(nn.Module):
    """Two 3 x 3 convolutions, each after normalisation and relu, around which the input passes by.

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        stride: 2 halves height and width.
        attention: what the output passes before the input is added to it.
        dropout: share of what lies between the convolutions that is dropped in training.
    """

    def __init__(
        self, channels_in: int, channels: int, stride: int, attention: Attention = "none", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels_in)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()
        self.dropout = nn.Sequential(*([Dropout(dropout)] if dropout else []))
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.attention = nn.Sequential(*attention_for(attention, channels))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels, H / stride, W / stride)."""
        y = self.relu1(self.norm1(x))
        past = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(y)
        return self.attention(self.conv2(self.dropout(self.relu2(self.norm2(self.conv1(y)))))) + past


def _four_stages(classes: int, width: int, block: type[Block] | type[PreActBlock]) -> Network:
    """Two blocks in each stage; the first stage begins with a convolution, the others halve the image."""
    if width < 1:
        raise UsageError(f"a residual network needs a width of 1 or more, found {width}")
    stem: list[nn.Module] = [nn.Conv2d(1, width, 3, padding=1, bias=False)]
    if block is Block:
        stem += [nn.BatchNorm2d(width), nn.ReLU()]
    stages: list[nn.Module] = [nn.Sequential(*stem, block(width, width, 1), block(width, width, 1))]
    for channels in (2 * width, 4 * width, 8 * width):
        stages.append(nn.Sequential(block(channels // 2, channels, 2), block(channels, channels, 1)))
    return Network(nn.Sequential(*stages, AdaptiveAvgPool2d(1), Flatten()), nn.Linear(8 * width, classes))
