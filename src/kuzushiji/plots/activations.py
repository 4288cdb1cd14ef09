"""What a network sees where, drawn over images of characters, lines and pages."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.numbers import percent
from kuzushiji.plots.characters import character_sheet
from kuzushiji.plots.labels import shortened
from kuzushiji.plots.style import Theme, draw_ink, drawable, new_figure, themed

if TYPE_CHECKING:
    from kuzushiji.inference.explain import Explanation, LayerMaps, PageExplanation

SIDE = 1.15
"""Inches from one image to the next."""


def explained_figure(explained: Sequence["Explanation"], dark: bool = False) -> Figure:
    """Draws a row an image: the image alone, then once for each class, with what speaks for the class behind the ink.

    The strongest place of a row has the full colour, so that the classes of one image can be compared.

    Args:
        explained: one an image; all have as many classes.
    """
    columns = 1 + max(len(each.evidence) for each in explained)
    height, width = explained[0].picture.pixels.shape
    with themed(dark) as theme:
        figure = new_figure(SIDE * columns, (SIDE * height / width + 0.22) * len(explained))
        grid = figure.subplots(len(explained), columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for each, line in zip(explained, grid, strict=True):
            picture = each.picture
            strongest = max(1e-12, *(float(seen.map.max(initial=0)) for seen in each.evidence))
            _draw_ink(line[0], picture.pixels, theme)
            caption = f"is {picture.actual}" if picture.actual else picture.name
            _write_below(line[0], picture.pixels, drawable(caption), theme.ink)
            for axes, seen in zip(line[1:], each.evidence, strict=False):
                _draw_heat(axes, seen.map / strongest, picture.pixels.shape, theme)
                _draw_ink(axes, picture.pixels, theme)
                caption = f"{drawable(seen.character)}  {percent(seen.probability, 1)}"
                _write_below(axes, picture.pixels, caption, theme.muted)
        return figure


def seen_figure(page: "PageExplanation", dark: bool = False) -> Figure:
    """Draws a line or a page with the places where a network sees something, and what it sees there.

    Where it is less than half sure, nothing is drawn.
    """
    image, scale = page.picture.pixels, page.picture.scale
    height, width = image.shape
    inches = min(9 / width, 11 / height)
    with themed(dark) as theme:
        figure = new_figure(max(width * inches, 1), max(height * inches, 1))
        axes = figure.subplots()
        axes.set_axis_off()
        _draw_heat(axes, 2 * page.sureness - 1, image.shape, theme, strongest=0.5)
        _draw_ink(axes, image, theme)
        around = [withStroke(linewidth=2, foreground=theme.paper)]
        for character, peak in page.seen:
            place = peak.x / scale, peak.y / scale
            axes.plot(*place, "o", markersize=3, color=theme.right, path_effects=around)
            axes.annotate(
                drawable(character),
                place,
                xytext=(3, 2),
                textcoords="offset points",
                fontsize=9,
                color=theme.right,
                path_effects=around,
            )
        axes.set(xlim=(0, width), ylim=(height, 0))
        return figure


def layer_figure(found: "LayerMaps", dark: bool = False) -> Figure:
    """Draws an image and what a layer makes of it, as `feature_map_figure` does."""
    return feature_map_figure(found.picture.pixels, found.maps, [str(number) for number in found.numbers], dark=dark)


def feature_map_figure(
    image: NDArray[np.uint8], maps: NDArray[np.float32], names: Sequence[str], columns: int = 10, dark: bool = False
) -> Figure:
    """Draws an image and what a layer makes of it, a small picture for each feature map.

    Each map is drawn from its lowest value (no ink) to its highest; one that is the same everywhere is empty.

    Args:
        image: uint8 (H, W), ink bright on black.
        maps: (K, h, w).
        names: of the maps, such as their numbers.
    """
    size = image.shape[1], image.shape[0]
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    shades = np.rint(255 * (maps - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)
    enlarged = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.NEAREST)) for each in shades]
    columns = min(columns, 1 + len(maps))
    return character_sheet(np.stack([image, *enlarged]), ["input", *names], columns=columns, dark=dark)


def _draw_ink(axes: Axes, image: NDArray[np.uint8], theme: Theme) -> None:
    draw_ink(axes, image / 255, theme.ink, (0, image.shape[1], image.shape[0], 0), zorder=2)


def _draw_heat(
    axes: Axes, strength: NDArray[np.float32], size: tuple[int, ...], theme: Theme, strongest: float = 0.85
) -> None:
    """A map of 0 to 1 behind an image of a size; its points are the centres of equal parts of the image."""
    draw_ink(axes, strongest * np.clip(strength, 0, 1), theme.wrong, (0, size[1], size[0], 0), "bilinear")


def _write_below(axes: Axes, image: NDArray[np.uint8], text: str, colour: str) -> None:
    height, width = image.shape
    text = shortened(text, 72 * SIDE / 8)
    axes.text(width / 2, height * 1.04, text, ha="center", va="top", fontsize=8, color=colour)
