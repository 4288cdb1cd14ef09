"""A detector of characters on pages: a heat map of centres, with the size and the exact place of what stands there.

After CenterNet (Zhou et al., "Objects as Points", arXiv:1904.07850), with a small residual network and a feature
pyramid (Lin et al., arXiv:1612.03144) in the place of its backbone.  It is fully convolutional: a page of any size is
read in tiles, or whole.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError
from kuzushiji.models.resnet import Block

STRIDE = 4
"""Pixels of the page for one cell of the maps, in both directions."""

ROLES = ("main", "ruby")
"""What a character can be; each has a heat map of its own."""

PRIOR = 0.02
"""Share of the cells that hold a centre, with which the heat maps begin (Lin et al., arXiv:1708.02002)."""


class Maps(NamedTuple):
    """What a detector says of each cell.

    Attributes:
        heat: (B, R, h, w), logits that the centre of a character of each role lies in it.
        boxes: (B, 4, h, w), of the character whose centre it is: how far the centre lies to the right of and below the
            middle of the cell, and the logarithms of width and height, all in cells.
    """

    heat: Tensor
    boxes: Tensor


class Detector(nn.Module):
    """Images of pages to `Maps`.

    Args:
        width: channels at a quarter of the page's size; the deepest stage has four times as many.
        depth: residual blocks in each stage.
        roles: heat maps.

    Raises:
        UsageError: a number is below 1.
    """

    def __init__(self, width: int = 32, depth: int = 2, roles: int = len(ROLES)) -> None:
        super().__init__()
        if min(width, depth, roles) < 1:
            raise UsageError(f"a detector needs width, depth and roles of 1 or more, found {width}, {depth}, {roles}")
        self.stem = nn.Sequential(
            nn.Conv2d(1, width // 2, 3, 2, padding=1, bias=False), nn.BatchNorm2d(width // 2), nn.ReLU()
        )
        stages, channels = [], width // 2
        for factor in (1, 2, 3, 4):
            blocks = [Block(channels, factor * width, 2)]
            blocks += [Block(factor * width, factor * width, 1) for _ in range(depth - 1)]
            stages.append(nn.Sequential(*blocks))
            channels = factor * width
        self.stages = nn.ModuleList(stages)
        self.lateral = nn.ModuleList(nn.Conv2d(factor * width, 2 * width, 1) for factor in (1, 2, 3, 4))
        self.smooth = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, 3, padding=1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU()
        )
        self.heat = nn.Conv2d(2 * width, roles, 1)
        self.boxes = nn.Conv2d(2 * width, 4, 1)
        self.heat.bias.data.fill_(-math.log(1 / PRIOR - 1))  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Maps:
        """(B, 1, H, W), ink bright from 0 to 1, H and W multiples of 32 -> maps of H / 4 x W / 4."""
        found = []
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
            found.append(x)
        top = self.lateral[-1](found[-1])
        for lateral, below in zip(reversed(self.lateral[:-1]), reversed(found[:-1]), strict=True):
            top = lateral(below) + F.interpolate(top, scale_factor=2.0, mode="nearest")
        top = self.smooth(top)
        return Maps(self.heat(top), self.boxes(top))


@dataclass(frozen=True, eq=False)
class Targets:
    """What the maps of one image should say.

    Attributes:
        heat: float32 (R, h, w), 1 where a centre lies, falling to 0 around it.
        counted: float32 (R, h, w), 0 where nobody knows what is there, else 1.
        boxes: float32 (4, h, w), as `Maps.boxes`; 0 where there is no centre.
        is_centre: bool (h, w).
    """

    heat: NDArray[np.float32]
    counted: NDArray[np.float32]
    boxes: NDArray[np.float32]
    is_centre: NDArray[np.bool_]


def encode(
    boxes: NDArray[np.float32],
    roles: NDArray[np.integer],
    size: tuple[int, int],
    *,
    count: int = len(ROLES),
    unknown: NDArray[np.float32] | None = None,
) -> Targets:
    """Boxes as the maps should have them.

    Around a centre the heat falls as a Gaussian whose deviations are a sixth of the box's sides, so that characters
    that touch have peaks of their own.

    Args:
        boxes: float32 (n, 4): left, top, width and height in pixels.
        roles: (n,), which heat map each belongs to.
        size: height and width of the image in pixels, multiples of 32.
        count: heat maps.
        unknown: float32 (m, 4), regions of which nobody knows what stands in them.
    """
    rows, columns = size[0] // STRIDE, size[1] // STRIDE
    heat = np.zeros((count, rows, columns), np.float32)
    counted = np.ones((count, rows, columns), np.float32)
    places = np.zeros((4, rows, columns), np.float32)
    is_centre = np.zeros((rows, columns), np.bool_)
    for left, top, width, height in (np.empty((0, 4)) if unknown is None else unknown / STRIDE).tolist():
        counted[
            :, max(0, math.floor(top)) : math.ceil(top + height), max(0, math.floor(left)) : math.ceil(left + width)
        ] = 0
    y, x = np.arange(rows, dtype=np.float32) + 0.5, np.arange(columns, dtype=np.float32) + 0.5
    for (left, top, width, height), role in zip((boxes / STRIDE).tolist(), roles.tolist(), strict=True):
        across, down = left + width / 2, top + height / 2
        column, row = math.floor(across), math.floor(down)
        if not (0 <= row < rows and 0 <= column < columns):
            continue
        reach_y, reach_x = max(height / 6, 0.4), max(width / 6, 0.4)
        near_y = slice(max(0, math.floor(down - 3 * reach_y)), math.ceil(down + 3 * reach_y) + 1)
        near_x = slice(max(0, math.floor(across - 3 * reach_x)), math.ceil(across + 3 * reach_x) + 1)
        bell = np.exp(
            -(((y[near_y] - row - 0.5) / reach_y) ** 2)[:, None] / 2 - ((x[near_x] - column - 0.5) / reach_x) ** 2 / 2
        )
        np.maximum(heat[role, near_y, near_x], bell, out=heat[role, near_y, near_x])
        heat[role, row, column] = counted[role, row, column] = 1
        places[:, row, column] = (
            across - column - 0.5,
            down - row - 0.5,
            math.log(max(width, 0.1)),
            math.log(max(height, 0.1)),
        )
        is_centre[row, column] = True
    return Targets(heat, counted, places, is_centre)


def centre_loss(heat: Tensor, target: Tensor, counted: Tensor, count: Tensor | None = None) -> Tensor:
    """Focal loss of heat maps, less strict around the centres (Law and Deng, arXiv:1808.01244), for each centre.

    Args:
        heat: (B, R, h, w) logits.
        target: (B, R, h, w), 1 at a centre, falling to 0 around it.
        counted: (B, R, h, w), 0 where nobody knows what is there, else 1.
        count: of centres, by which the loss is divided; of those that there are if None.
    """
    positive = target.eq(1).float() * counted
    log_there, log_not = F.logsigmoid(heat), F.logsigmoid(-heat)
    there = log_there.exp()
    found = positive * (1 - there).square() * log_there
    invented = (counted - positive) * (1 - target).pow(4) * there.square() * log_not
    return -(found + invented).sum() / (positive.sum().clamp(min=1) if count is None else count)


def box_loss(boxes: Tensor, target: Tensor, is_centre: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean absolute error of place and size over the cells with a centre.

    Args:
        boxes, target: (B, 4, h, w).
        is_centre: bool (B, h, w).
        count: of boxes, by which the loss is divided; of those that there are if None.
    """
    difference = (boxes - target).abs().sum(1)[is_centre]
    return difference.sum() / (is_centre.sum().clamp(min=1) if count is None else count)
