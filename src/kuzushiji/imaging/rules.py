"""Ruled lines of a page: frames, the lines of tables, those between columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

_LOOK = 1000
"""Lines are looked for in a copy of so many pixels on its longer side."""
_AROUND = 12
"""Ink is darker than the mean of what is so many of these pixels around it."""
_CONTRAST = 18
"""By so many tones."""
_SHORTEST, _THICKEST = 60, 14
"""Of these pixels: a line is at least so long; what is thicker is a shadow or a picture."""
_TILT = 0.03
"""A line may rise or fall by so much of its length."""
_BREAK = 4
"""Lines go on over gaps of fewer of these pixels."""


@dataclass(frozen=True)
class Rules:
    """Straight lines of a page, in its pixels; strokes of large writing are among them.

    Attributes:
        horizontal: float64 (n, 3): height, left end, right end.
        vertical: float64 (m, 3): distance from the left, upper end, lower end.
    """

    horizontal: NDArray[np.float64]
    vertical: NDArray[np.float64]


def find_rules(gray: NDArray[np.uint8]) -> Rules:
    """The ruled lines of a page, level or upright to about two degrees.

    Args:
        gray: uint8 (H, W), dark ink on bright paper.
    """
    image = Image.fromarray(gray)
    scale = min(1.0, _LOOK / max(image.size))
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    image = image.resize(size, Image.Resampling.BOX)
    around = np.asarray(image.filter(ImageFilter.BoxBlur(_AROUND)), np.int16)
    dark = around - np.asarray(image, np.int16) > _CONTRAST
    return Rules(_level(dark) / scale, _level(dark.T) / scale)


def _level(dark: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Height, left and right end of each level line."""
    thick = dark.copy()  # a line that rises or falls a little stays in one row for longer
    thick[1:] |= dark[:-1]
    thick[:-1] |= dark[1:]
    whole = thick.copy()
    for gap in range(1, _BREAK):
        whole[:, gap:] |= thick[:, :-gap]
    steps = np.diff(np.pad(whole, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    found: list[list[int]] = []  # first and last row, left and right end
    for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if end - start < _SHORTEST:
            continue
        for line in found:
            if row - line[1] <= 2 and start < line[3] + _BREAK and end > line[2] - _BREAK:
                line[1:] = row, min(line[2], start), max(line[3], end)
                break
        else:
            found.append([row, row, start, end])
    lines = [
        ((first + last) / 2, left, right)
        for first, last, left, right in found
        if last - first < _THICKEST + _TILT * (right - left)
    ]
    return np.array(lines, np.float64).reshape(-1, 3)
