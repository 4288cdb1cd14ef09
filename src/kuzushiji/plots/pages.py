"""A page as it was scanned, with its boxes and what they say."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.plots.style import LIGHT, drawable, has_glyph, new_figure, themed

_HEIGHT = 10.0
_MOST_PIXELS = 1600
"""A page is drawn with so many pixels a side at most: enough to read it, and a figure that can be sent."""


def page_figure(
    page: NDArray[np.uint8], boxes: NDArray[np.int32], characters: Sequence[str], *, title: str = "", dark: bool = False
) -> Figure:
    """Draws a page with a frame around each character and the character beside it, and the same characters set in type.

    Args:
        page: uint8 (H, W, 3).
        boxes: int32 (n, 4): left, top, width and height in pixels of the page.
        characters: n characters.
        title: what stands above it.
        dark: for a dark page.
    """
    height, width = page.shape[:2]
    scale = min(1.0, _MOST_PIXELS / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = np.asarray(Image.fromarray(page).resize(size, Image.Resampling.LANCZOS))
    points = 72 * _HEIGHT / height  # of one pixel of the page
    with themed(dark) as theme:
        figure = new_figure(2 * _HEIGHT * width / height, _HEIGHT + 0.4)
        scan, text = figure.subplots(1, 2)
        scan.imshow(small, extent=(0, width, height, 0), interpolation="antialiased")
        frames = [Rectangle((left, top), across, down) for left, top, across, down in boxes.tolist()]
        # The scan is bright in both themes.
        scan.add_collection(PatchCollection(frames, facecolor="none", edgecolor=LIGHT.series[1], linewidth=0.7))
        sizes = boxes[:, 2:].max(axis=1)
        usual = np.median(sizes) if len(sizes) else 0
        fontsizes = 0.75 * points * sizes.clip(0.6 * usual, 1.2 * usual)  # a long stroke is no large character
        for (x, y), fontsize, character in zip(boxes[:, :2] + boxes[:, 2:] / 2, fontsizes, characters, strict=True):
            if not has_glyph(character):
                fontsize /= 4  # what stands for it is so much longer
            place = {"ha": "center", "va": "center", "clip_on": True}
            text.text(x, y, drawable(character), color=theme.ink, fontsize=fontsize, **place)
        scan.set_title(title)
        for axes in (scan, text):
            axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
            axes.grid(False)
            axes.spines[:].set_visible(False)
        return figure
