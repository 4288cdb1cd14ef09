"""Colours -> the one tone in which writing is read, before colour is thrown away.

Red seals and punctuation over black writing are taken off; writing that differs from its paper in hue alone is read in
the channel that shows it best.  All else becomes gray as ever, by its brightness.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LOOK = 128
"""Pixels of the longer side of the copy on which colours are looked for, at most."""
_MOST = 1024
"""Where colour is taken off, no more pixels a side are left."""
_COLOURED = 0.4
"""Density: by so much one channel is darker than another where ink has a colour."""
_BLACK = 0.6
"""Density of black ink in each channel, at least."""
_LEAST_COLOURED, _LEAST_BLACK = 0.002, 0.01
"""Shares of the image that coloured and black ink take at least."""
_BETTER = 1.6
"""A channel is read instead of the brightness if its contrast is so many times as high."""
_BRIGHT = 90
"""Mean tone of paper on which ink is darker than it."""


def gray_of_writing(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """An image as gray, such that its writing is seen best.

    Args:
        colours: uint8 (H, W, 3).

    Returns:
        uint8 (H, W), or smaller where colour was taken off a large image.
    """
    image = Image.fromarray(colours)
    small = image.copy()
    small.thumbnail((_LOOK, _LOOK), Image.Resampling.BOX, reducing_gap=2)
    few = np.asarray(small)
    gray = np.asarray(image.convert("L"))
    paper = np.median(few.reshape(-1, 3), axis=0)
    least, most = _densities(few, paper)
    chroma = most - least
    coloured = (chroma > _COLOURED) & (least < most / 2)
    if coloured.mean() < _LEAST_COLOURED:
        return gray
    black = (least > _BLACK) & (chroma < least / 2)
    if paper.mean() >= _BRIGHT and black.mean() >= _LEAST_BLACK:
        share = float(np.median(least[coloured] / chroma[coloured]))
        image.thumbnail((_MOST, _MOST), Image.Resampling.BOX, reducing_gap=2)
        least, most = _densities(np.asarray(image), paper)
        density = least - max(share, 0.0) * (most - least).clip(0)
        return (255 * np.exp(-density.clip(0))).round().astype(np.uint8)
    contrasts = [_contrast(few[..., channel]) for channel in range(3)]
    best = int(np.argmax(contrasts))
    return colours[..., best].copy() if contrasts[best] > _BETTER * _contrast(np.asarray(small.convert("L"))) else gray


def _densities(
    colours: NDArray[np.uint8], paper: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How much darker than the paper each pixel is, as a logarithm: in the channel where it is so least, and most."""
    tones = np.arange(256)
    tables = [(-np.log((tones + 8) / (tone + 8))).astype(np.float32) for tone in paper]
    red, green, blue = (table[colours[..., channel]] for channel, table in enumerate(tables))
    return np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)


def _contrast(tones: NDArray[np.uint8]) -> float:
    """Between the paper and the tones that are furthest from it."""
    low, middle, high = np.percentile(tones, [1, 50, 99])
    return float(max(middle - low, high - middle))
