"""A small residual network of this project, the default."""

from torch import Tensor, nn

from kuzushiji.errors import UsageError
from kuzushiji.models.network import Dropout, Flatten, Network


class Block(nn.Module):
    """Two 3 x 3 convolutions around which the input passes by (He et al., arXiv:1512.03385).

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
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
        return self.relu2(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet(
    classes: int, image_size: tuple[int, int], *, width: int = 32, depth: int = 1, stem: int = 32, dropout: float = 0.0
) -> Network:
    """A stem, three stages of blocks, global average pooling.

    Each stage after the first halves the image and doubles the channels.  Images of more than `stem` pixels are halved
    by the stem until they have no more than that, so that the first stage costs the same for all.

    Args:
        width: channels of the first stage; the embedding has four times as many.
        depth: blocks in each stage.
        stem: the largest side, in pixels, of what the first stage works on.  Half the side and twice the width cost
            about the same and serve thousands of classes better.
        dropout: share of the embedding that is dropped in training.
    """
    if width < 1 or depth < 1 or stem < 1:
        raise UsageError(f"resnet needs a width, a depth and a stem of 1 or more, found {width}, {depth} and {stem}")
    layers: list[nn.Module] = []
    channels = 1
    side = max(image_size)
    while True:
        stride = 2 if side > stem else 1
        layers += [nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels, side = width, (side + stride - 1) // stride
        if side <= stem:
            break
    for stage in range(3):
        for number in range(depth):
            halves = stage > 0 and number == 0
            layers.append(Block(channels, width << stage, stride=2 if halves else 1))
            channels = width << stage
    layers += [nn.AdaptiveAvgPool2d(1), Flatten()]
    if dropout:
        layers.append(Dropout(dropout))
    return Network(nn.Sequential(*layers), nn.Linear(channels, classes))
