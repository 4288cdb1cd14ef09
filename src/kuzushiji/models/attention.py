"""Attention within convolutional networks: squeeze-and-excitation, CBAM and self-attention.

Each takes feature maps (B, C, H, W) and gives maps of the same shape.
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from kuzushiji.errors import unknown_name

Attention = Literal["none", "se", "cbam", "self"]


def attention_for(kind: Attention, channels: int) -> list[nn.Module]:
    """The attention called `kind` for maps of so many channels; no module for `none`.

    Raises:
        UsageError: there is no such attention.
    """
    match kind:
        case "none":
            return []
        case "se":
            return [SqueezeExcitation(channels)]
        case "cbam":
            return [CBAM(channels)]
        case "self":
            return [SelfAttention(channels)]
    raise unknown_name("attention", kind, get_args(Attention))


def _bottleneck(channels: int, reduction: int) -> nn.Sequential:
    hidden = max(4, channels // reduction)  # one or two alone may never pass their relu
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))


class SqueezeExcitation(nn.Module):
    """Scales each channel by what the means of all channels say (Hu et al. 2018, arXiv:1709.01507).

    Args:
        channels: C.
        reduction: how many times fewer units the layer between has; 16 in the paper.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.excite = _bottleneck(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.excite(x.mean((2, 3))).sigmoid()[:, :, None, None]


class CBAM(nn.Module):
    """Scales each channel, then each position (Woo et al. 2018, arXiv:1807.06521).

    Channels go by their means and maxima, through the same two layers; positions by mean and maximum over the channels,
    through a convolution.

    Args:
        channels: C.
        reduction: as of `SqueezeExcitation`.
        kernel_size: of the convolution; 7 in the paper.
    """

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.excite = _bottleneck(channels, reduction)
        self.conv = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        channels = self.excite(x.mean((2, 3))) + self.excite(x.amax((2, 3)))
        x = x * channels.sigmoid()[:, :, None, None]
        positions = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * self.norm(self.conv(positions)).sigmoid()


class SelfAttention(nn.Module):
    """Adds to each position what it gathers from the positions that resemble it (Zhang et al. 2019, arXiv:1805.08318).

    The share of what is added, `gamma`, starts at 0: at first the maps pass unchanged.

    Args:
        channels: C.
        reduction: how many times fewer channels resemblance is judged by; 8 in the paper.
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.query = nn.Conv2d(channels, hidden, 1)
        self.key = nn.Conv2d(channels, hidden, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (conv(x).flatten(2) for conv in (self.query, self.key, self.value))
        weights = (query.transpose(1, 2) @ key).softmax(dim=2)  # (B, H * W, H * W)
        gathered = value @ weights.transpose(1, 2)
        return x + self.gamma * gathered.view_as(x)
