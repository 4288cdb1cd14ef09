"""Shake-shake regularisation (Gastaldi, arXiv:1705.07485)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError
from kuzushiji.models.network import AdaptiveAvgPool2d, Flatten, Network


def shake_shake(classes: int, image_size: tuple[int, int], *, width: int = 96, depth: int = 26) -> Network:
    """A residual network whose blocks have two branches, mixed in training in shares drawn anew for each image.

    The default is the paper's 26 2x96d with both noises drawn for each image (S-S-I), "Shake-Shake-26 2x96d" in the
    table of Kuzushiji-MNIST's makers.

    Args:
        image_size: has no influence; the network takes images of any size.
        width: channels of the first of the three stages; the embedding has four times as many.
        depth: convolutions on the longest way, and the dense layer: 2 more than a multiple of 6.
    """
    if width < 1 or depth < 8 or (depth - 2) % 6:
        raise UsageError(
            f"shake_shake needs a width of 1 or more and a depth of 2 more than a multiple of 6 (such as 8 or 26), "
            f"found {width} and {depth}"
        )
    channels = 16
    stem = [nn.Conv2d(1, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)]
    stages: list[nn.Module] = []
    for stage in range(3):
        blocks: list[nn.Module] = [] if stage else [*stem]
        for number in range((depth - 2) // 6):
            blocks.append(ShakeBlock(channels, width << stage, stride=2 if stage and not number else 1))
            channels = width << stage
        stages.append(nn.Sequential(*blocks))
    body = nn.Sequential(*stages, nn.ReLU(), AdaptiveAvgPool2d(1), Flatten())
    return Network(body, nn.Linear(channels, classes))


class ShakeBlock(nn.Module):
    """Two branches of two convolutions of 3 x 3, around which the input passes by.

    In training the branches are mixed in the shares a and 1 - a, a being uniform in [0, 1] and drawn for each image;
    their gradients in shares drawn for themselves.  In evaluation both count half.

    Args:
        channels_in: channels of the input.
        channels: channels of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.left = _branch(channels_in, channels, stride)
        self.right = _branch(channels_in, channels, stride)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.shortcut = Shortcut(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels, H / stride, W / stride)."""
        return self.shortcut(x) + shaken(self.left(x), self.right(x), self.training)


def shaken(left: Tensor, right: Tensor, training: bool) -> Tensor:
    """The mixture of two branches (B, C, H, W)."""
    if not training:
        return (left + right) / 2
    forward, backward = torch.rand(2, len(left), 1, 1, 1, dtype=left.dtype, device=left.device)
    mixture = torch.lerp(right, left, backward)
    # Its value is that of the one mixture, its gradient that of the other.
    return mixture + (torch.lerp(right, left, forward) - mixture).detach()


def _branch(channels_in: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
    )


class Shortcut(nn.Module):
    """The input in another shape: half of the channels from every `stride`-th pixel, half from their neighbours."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(channels_in, channels // 2, 1, bias=False)
        self.conv2 = nn.Conv2d(channels_in, channels - channels // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        neighbours = F.pad(x, (-1, 1, -1, 1))
        step = self.stride
        halves = self.conv1(x[:, :, ::step, ::step]), self.conv2(neighbours[:, :, ::step, ::step])
        return self.norm(torch.cat(halves, dim=1))
