"""The forms of characters: mean image, spread and examples of each form, a character a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kuzushiji.plots.labels import LONGEST, breadth, shortened
from kuzushiji.plots.style import draw_ink, new_figure, themed

EXAMPLES = 8
"""Images of each form."""


@dataclass(frozen=True, eq=False)
class FormsRow:
    """What is shown of one character.

    Attributes:
        title: the character; only what figures can draw (`drawable`).
        note: what stands below it.
        mean: (H, W), 0 to 255.
        spread: (H, W), 0 to 127.5.
        forms: for each form its share and images of it, (K, H, W).
    """

    title: str
    note: str
    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    forms: Sequence[tuple[float, NDArray[np.uint8]]]


def forms_figure(rows: Sequence[FormsRow], dark: bool = False) -> Figure:
    """Draws characters with their forms, in the ink of the theme on a transparent background.

    Args:
        rows: one a character, with images of one size.
    """
    height, width = rows[0].mean.shape
    # In pixels of the images: from one image to the next, and where the columns begin.
    across, down = round(1.12 * width), round(1.12 * height)
    spread_at, share_at, forms_at = 3 * across, round(4.3 * across), round(5.3 * across)
    mean_at = 2 * across
    lines = [max(len(row.forms), 1) for row in rows]
    gap, head = round(0.35 * height), round(0.5 * height)
    total = head + sum(lines) * down + gap * len(rows)
    with themed(dark) as theme:
        sheet = np.zeros((total, forms_at + EXAMPLES * across))
        figure = new_figure(0.42 * sheet.shape[1] / width, 0.42 * total / width)
        axes = figure.subplots()
        axes.set_axis_off()

        def write(x: float, y: float, text: str, size: float, colour: str) -> None:
            axes.text(x, y, text, fontsize=size, color=colour, va="center", ha="left")

        for x, text in ((mean_at, "mean"), (spread_at, "spread"), (share_at, "share"), (forms_at, "its forms")):
            write(x, head / 2, text, 7.5, theme.muted)
        top = head
        for row, count in zip(rows, lines, strict=True):
            sheet[top : top + height, mean_at : mean_at + width] = row.mean / 255
            sheet[top : top + height, spread_at : spread_at + width] = row.spread / 127.5
            if breadth(row.title) > 1.2:
                write(0, top + 0.3 * height, shortened(row.title, LONGEST), 6, theme.ink)
                write(0, top + 0.7 * height, row.note, 7, theme.muted)
            else:
                write(0, top + height / 2, row.title, 17, theme.ink)
                write(0.85 * across, top + height / 2, row.note, 7, theme.muted)
            for line, (share, images) in enumerate(row.forms):
                at = top + line * down
                write(share_at, at + height / 2, f"{share:.0%}", 7.5, theme.muted)
                for place, image in enumerate(images[:EXAMPLES]):
                    left = forms_at + place * across
                    sheet[at : at + height, left : left + width] = image / 255
            top += count * down + gap
            axes.axhline(top - gap / 2, color=theme.faint, linewidth=0.6)
        draw_ink(axes, sheet, theme.ink, (0, sheet.shape[1], total, 0))
        return figure
