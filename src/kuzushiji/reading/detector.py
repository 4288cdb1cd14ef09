"""From the maps of a detector to the boxes of characters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAIN, RUBY = 0, 1
"""The heat maps of the main text and of ruby."""

STRIDE = 4
"""Pixels of the image for one cell of the maps."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Found:
    """Characters that a detector found.

    Attributes:
        boxes: float32 (n, 4): left, top, width and height in pixels.
        scores: float32 (n,), how sure the detector is, 0 to 1; the surest first.
        roles: int64 (n,), which heat map each stands in.
    """

    boxes: Floats
    scores: Floats
    roles: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, chosen: NDArray) -> "Found":
        """Those at `chosen` (indices or a mask)."""
        return Found(self.boxes[chosen], self.scores[chosen], self.roles[chosen])


def known(boxes: NDArray[np.integer]) -> Found:
    """Characters of which it is known where they stand: boxes (n, 4), all of the main text."""
    count = len(boxes)
    return Found(boxes.astype(np.float32).reshape(count, 4), np.ones(count, np.float32), np.zeros(count, np.int64))


def decode(heat: Floats, boxes: Floats, *, least: float = 0.3, overlap: float = 0.5) -> Found:
    """Finds the characters that the maps of one image show.

    Args:
        heat: (R, h, w), probabilities that a centre lies in a cell.
        boxes: (4, h, w), how far the centre lies from the middle of the cell (right, down), and the logarithms of width
            and height, in cells.
        least: what is less probable is left out.
        overlap: of two boxes whose intersection is a larger share of their union, the less probable one is left out.
    """
    peak = _is_peak(heat) & (heat >= least)
    roles, rows, columns = np.nonzero(peak)
    scores = heat[roles, rows, columns]
    order = np.argsort(-scores, kind="stable")
    roles, rows, columns, scores = roles[order], rows[order], columns[order], scores[order]
    right, down, wide, high = boxes[:, rows, columns]
    width, height = np.exp(np.clip(wide, -3, 6)), np.exp(np.clip(high, -3, 6))
    left, top = columns + 0.5 + right - width / 2, rows + 0.5 + down - height / 2
    found = Found((np.stack([left, top, width, height], axis=1) * STRIDE).astype(np.float32), scores, roles)
    return found.take(_kept(found.boxes, overlap))


def _is_peak(heat: Floats) -> NDArray[np.bool_]:
    """Where no neighbour, diagonal ones included, is higher; of equal ones the first counts."""
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), constant_values=-1)
    rows, columns = heat.shape[1:]
    peak = np.ones(heat.shape, np.bool_)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if (down, right) != (1, 1):
                neighbour = padded[:, down : down + rows, right : right + columns]
                peak &= heat > neighbour if (down, right) < (1, 1) else heat >= neighbour
    return peak


def _kept(boxes: Floats, overlap: float) -> NDArray[np.int64]:
    """Greedy suppression of boxes that are sorted by their scores."""
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    areas = boxes[:, 2] * boxes[:, 3]
    left = np.ones(len(boxes), np.bool_)
    for number in range(len(boxes)):
        if left[number]:
            later = slice(number + 1, None)
            sides = np.minimum(high[later], high[number]) - np.maximum(low[later], low[number])
            common = np.clip(sides, 0, None).prod(axis=1)
            left[later] &= common <= overlap * (areas[later] + areas[number] - common)
    return np.flatnonzero(left)
