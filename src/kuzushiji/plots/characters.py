"""Sheets of character images with a caption under each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kuzushiji.plots.style import draw_ink, new_figure, themed


def character_sheet(
    images: NDArray[np.uint8],
    captions: Sequence[str],
    wrong: Sequence[bool] = (),
    columns: int = 10,
    dark: bool = False,
) -> Figure:
    """Draws images in rows, in the ink of the theme on a transparent background.

    Args:
        images: (N, H, W), ink bright on black.
        captions: what stands under each image; only characters that figures can draw (`drawable`).
        wrong: which images are marked, by a frame and a cross; none if empty.
    """
    count, height, width = images.shape
    marked = list(wrong) or [False] * count
    rows = -(-count // columns)
    # In pixels of the images: how far it is from one to the next.
    across, down = round(1.16 * width), height + round(0.46 * width)
    with themed(dark) as theme:
        sheet = np.zeros((rows * down, columns * across))
        figure = new_figure(0.7 * columns * across / width, 0.7 * rows * down / width)
        axes = figure.subplots()
        axes.set_axis_off()
        for place, image in enumerate(images):
            top, left = place // columns * down, place % columns * across
            sheet[top : top + height, left : left + width] = image / 255
            if marked[place]:
                axes.add_patch(
                    Rectangle(
                        (left, top), width, height, fill=False, edgecolor=theme.wrong, linewidth=1.4, clip_on=False
                    )
                )
            axes.text(
                left + width / 2,
                top + height + 0.06 * width,
                f"× {captions[place]}" if marked[place] else captions[place],
                ha="center",
                va="top",
                fontsize=8,
                color=theme.wrong if marked[place] else theme.muted,
            )
        draw_ink(axes, sheet, theme.ink, (0, columns * across, rows * down, 0))
        return figure
