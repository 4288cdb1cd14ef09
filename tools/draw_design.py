"""Draws the figures of `docs/design.md`: the rooms of the package and who imports whom, and how a page is read.

`python -m tools.draw_design` writes them into `docs/pictures/design/`, from the source and from a page that lies there.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from tests.test_house import MODULES, ROOMS, imports, room

from kuzushiji.document.page import Page
from kuzushiji.imaging.read import read_gray
from kuzushiji.plots.files import save
from kuzushiji.plots.style import Theme, draw_ink, drawable, new_figure, themed
from kuzushiji.reading.reader import Reader

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
PAGE = PICTURES / "pages" / "機巧図彙" / "2568591_17.jpg"
PART = (1555, 380, 1935, 980)
"""Left, top, right and bottom of the part of the page that is shown, as shares of 3,000 pixels of its width."""


def rooms_figure() -> Figure:
    """Which room imports from which: a dot for each pair, the larger the more modules do."""
    names = ["base", *(group[0] for group in ROOMS)]
    found = Counter(
        (room(module), room(other)) for module in MODULES for other in {name for _, name in imports(module)}
    )
    names = [name for name in names if any(name in pair for pair in found)]
    place = {name: number for number, name in enumerate(names)}
    with themed() as theme:
        figure = new_figure(6.6, 5.6)
        axes = figure.subplots()
        n = len(names)
        axes.fill([-0.5, n - 0.5, n - 0.5], [-0.5, -0.5, n - 0.5], color=theme.faint, alpha=0.35, linewidth=0)
        for (importer, imported), count in found.items():
            if importer in place and imported in place and importer != imported:
                dot = {"color": theme.series[0], "linewidth": 0, "zorder": 3, "clip_on": False}
                axes.scatter(place[imported], place[importer], s=20 * count**0.7, **dot)
        axes.text(
            n * 0.66, n * 0.2, "no import\ngoes this way", color=theme.muted, ha="center", va="center", fontsize=10
        )
        axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal")
        axes.set_xticks(range(n), names, rotation=60, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(n), names)
        axes.xaxis.tick_top()
        axes.set_xlabel("imports from")
        axes.xaxis.set_label_position("top")
        axes.spines[:].set_visible(False)
        return figure


def reading_figure(pixels: np.ndarray, page: Page) -> Figure:
    """Four steps on a part of a page: the ink, what is found, in which order, and what it is called."""
    left, top, right, bottom = (round(share * page.image.size[0] / 3000) for share in PART)
    boxes = page.characters.boxes
    middle = boxes[:, :2] + boxes[:, 2:] / 2
    inside = ((middle > (left, top)) & (middle < (right, bottom))).all(axis=1)
    part = pixels[top:bottom, left:right].astype(float)
    ink = np.clip((np.median(part) - part) / np.median(part) * 1.6, 0, 1)
    extent = (left, right, bottom, top)
    with themed() as theme:
        figure = new_figure(8, 3.6)
        for axes, title in zip(figure.subplots(1, 4), ("a scan", "found", "put in order", "named"), strict=True):
            axes.set_title(title, loc="center")
            axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
            axes.set_axis_off()
            draw_ink(axes, ink * {"found": 0.8, "put in order": 0.4, "named": 0.0}.get(title, 1.0), theme.ink, extent)
            if title == "found":
                _frames(axes, boxes[inside], theme)
            if title == "put in order":
                _order(axes, page, inside, middle, theme)
            if title == "named":
                _names(axes, page, inside, middle, theme)
        return figure


def _frames(axes: Axes, boxes: np.ndarray, theme: Theme) -> None:
    for left, top, width, height in boxes:
        axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=theme.series[0], linewidth=0.8))


def _order(axes: Axes, page: Page, inside: np.ndarray, middle: np.ndarray, theme: Theme) -> None:
    for line in page.lines:
        chosen = np.arange(len(page))[line.characters]
        chosen = chosen[inside[chosen]]
        if len(chosen):
            colour = theme.series[1] if line.role == "ruby" else theme.series[3]
            axes.plot(*middle[chosen].T, "-o", color=colour, markersize=2, linewidth=1.1)


def _names(axes: Axes, page: Page, inside: np.ndarray, middle: np.ndarray, theme: Theme) -> None:
    across = axes.get_xlim()[1] - axes.get_xlim()[0]
    for number in np.flatnonzero(inside):
        best, sure = page.characters.best[number], page.characters.probabilities[number, 0] >= 0.5
        size = 150 * np.sqrt(page.characters.boxes[number, 2:].prod()) / across
        colour = theme.ink if sure else theme.wrong
        axes.text(*middle[number], drawable(best), fontsize=min(size, 9), color=colour, ha="center", va="center")


if __name__ == "__main__":
    folder = PICTURES / "design"
    folder.mkdir(exist_ok=True)
    save(rooms_figure(), folder / "rooms.svg", "Which room of the package imports from which: none from one below it")
    page = Reader()(PAGE)
    label = "A part of a page as a scan, with what is found on it, in which order, and what it is called"
    save(reading_figure(read_gray(PAGE), page), folder / "reading.svg", label)
