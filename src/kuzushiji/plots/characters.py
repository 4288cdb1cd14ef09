"""Sheets of character images with a caption under each."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kuzushiji.plots.labels import breadth, class_name, shortened
from kuzushiji.plots.style import draw_ink, new_figure, themed

ROOM, LEAST = 56, 5.5
"""Points that a line of a caption may take, and that its letters have at least."""


def read_and_actual(predicted: str, actual: str) -> str:
    """A caption with what an image was read as (P) and what it is (A, actual)."""
    names = class_name(predicted), class_name(actual)
    between = "\n" if max(map(breadth, names)) > 1.2 else "  "
    return between.join(f"{letter} {name}" for letter, name in zip("PA", names, strict=True))


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
        captions: what stands under each image, in one line or more; only characters that figures can draw
            (`drawable`).  They are as large as there is room for, and cut where there is none.
        wrong: which images are marked, by a frame and a cross; none if empty.
    """
    count, height, width = images.shape
    marked = list(wrong) or [False] * count
    rows = -(-count // columns)
    lines = 1 + max(caption.count("\n") for caption in captions)
    # In pixels of the images: how far it is from one to the next.
    across, down = round(1.16 * width), height + round((0.26 + 0.2 * lines) * width)
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
            colour, cross = (theme.wrong, "× ") if marked[place] else (theme.muted, "")
            caption, size = _fitting(cross + captions[place])
            below = top + height + 0.06 * width
            axes.text(left + width / 2, below, caption, ha="center", va="top", fontsize=size, color=colour)
        draw_ink(axes, sheet, theme.ink, (0, columns * across, rows * down, 0))
        return figure


def _fitting(caption: str) -> tuple[str, float]:
    """A caption that is no broader than there is room, and the size of its letters."""
    lines = caption.split("\n")
    size = min(max(ROOM / max(1, *map(breadth, lines)), LEAST), 8)
    return "\n".join(shortened(line, ROOM / size) for line in lines), size
