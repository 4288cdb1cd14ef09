"""Images in two dimensions, the components that they are made of, and how good the maps are."""

import colorsys
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from kuzushiji.plots.labels import breadth, class_name
from kuzushiji.plots.style import Theme, draw_ink, new_figure, themed

LUMINANCE = 0.2
"""Of the colours of classes, between light and dark paper: each has a contrast of more than 3 to both."""

CELLS = 8
"""A map has a thumbnail at most in each of so many cells along each side."""


def class_colours(count: int) -> list[str]:
    """Colours for so many classes, `#rrggbb`, evenly around the circle, that show on light and on dark paper.

    Neighbours in the list are far apart on the circle, since neighbouring classes often lie together.
    """
    step = next(each for each in (7, 3, 2, 1) if each == 1 or (count > 2 * each and count % each))
    return [_of_luminance(place * step % count / max(count, 1)) for place in range(count)]


def _of_luminance(hue: float) -> str:
    """The colour of a hue, 0 to 1, whose relative luminance (WCAG) is `LUMINANCE`."""
    dark, light = 0.0, 1.0
    for _ in range(20):
        lightness = (dark + light) / 2
        rgb = colorsys.hls_to_rgb(hue, lightness, 0.62)
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in rgb]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        dark, light = (lightness, light) if luminance < LUMINANCE else (dark, lightness)
    return "#" + "".join(f"{round(255 * value):02x}" for value in rgb)


def map_figure(
    positions: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    images: NDArray[np.uint8] | None = None,
    dark: bool = False,
) -> Figure:
    """Draws a map: a point an image in the colour of its class, the characters amid their points, some images.

    Colours of points are the same in both themes.  A few far outliers are drawn at the margin.

    Args:
        positions: (N, 2).
        labels: (N,).
        classes: all characters, by label.
        images: (N, H, W), of which some are shown where they lie; none if None.
    """
    there = np.unique(labels)
    colours = dict(zip(there.tolist(), class_colours(len(there)), strict=True))
    places = _within_unit_square(positions)
    with themed(dark) as theme:
        figure = new_figure(5, 5)
        axes = figure.subplots()
        for label in there.tolist():
            own = places[labels == label]
            axes.plot(own[:, 0], own[:, 1], "o", color=colours[label], markersize=3, alpha=0.75, mew=0)
        if images is not None:
            for number in _spread_out(places):
                _draw_thumbnail(axes, places[number], images[number], colours[int(labels[number])])
        middles = np.array([_densest(places[labels == label]) for label in there])
        names = [class_name(classes[label]) for label in there.tolist()]
        _write_characters(axes, _apart(middles), names, list(colours.values()), theme)
        axes.set_xlim(-0.05, 1.05)
        axes.set_ylim(-0.05, 1.05)
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(theme.faint)
        return figure


def _within_unit_square(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions scaled along each axis so that all but far outliers lie between 0 and 1."""
    low, high = np.percentile(positions, [1, 99], axis=0)
    margin = 0.1 * (high - low)
    low, high = np.maximum(low - margin, positions.min(axis=0)), np.minimum(high + margin, positions.max(axis=0))
    return np.clip((positions - low) / np.maximum(high - low, 1e-12), 0, 1)


def _spread_out(places: NDArray[np.float64]) -> list[int]:
    """Of each cell of a grid over the map, the point nearest to its middle."""
    cells = np.minimum((places * CELLS).astype(int), CELLS - 1)
    off_middle = np.linalg.norm(places * CELLS - cells - 0.5, axis=1)
    order = np.argsort(off_middle, kind="stable")
    _, first = np.unique(cells[order] @ [CELLS, 1], return_index=True)
    return order[first].tolist()


def _draw_thumbnail(axes: Axes, place: NDArray[np.float64], image: NDArray[np.uint8], colour: str) -> None:
    height, width = image.shape
    across = 0.034
    up = across * height / width
    x, y = place
    draw_ink(axes, image / 255, colour, (x - across, x + across, y - up, y + up), "antialiased", zorder=3)


def _densest(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """The one of some places that has the most others near."""
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    return places[np.exp(-((distances / 0.06) ** 2)).sum(axis=1).argmax()]


def _write_characters(
    axes: Axes, places: NDArray[np.float64], names: Sequence[str], colours: Sequence[str], theme: Theme
) -> None:
    """Writes each character on paper, in a ring of its colour; a longer name is smaller and in a frame."""
    size = 14 if len(names) <= 24 else 9
    for (x, y), name, colour in zip(places, names, colours, strict=True):
        is_long = breadth(name) > 1.2
        shape = "round,pad=0.3" if is_long else "circle,pad=0.18"
        ring = {"boxstyle": shape, "facecolor": theme.paper, "edgecolor": colour, "linewidth": 1.6}
        text = axes.text(x, y, name, color=theme.ink, ha="center", va="center", zorder=4, bbox=ring)
        text.set_fontsize(min(size, 7) if is_long else size)


def _apart(places: NDArray[np.float64], least: float = 0.07) -> NDArray[np.float64]:
    """Moves places that are nearer than `least` apart, a little at a time."""
    places = places.copy()
    nudge = np.random.default_rng(0).normal(scale=1e-4, size=places.shape)  # parts those that coincide
    places += nudge
    for _ in range(60):
        offsets = places[:, None] - places[None]
        distances = np.linalg.norm(offsets, axis=2) + np.eye(len(places))
        push = np.maximum(least - distances, 0)[..., None] * offsets / np.maximum(distances, 1e-9)[..., None]
        places += 0.25 * push.sum(axis=1)
    return np.clip(places, 0, 1)


def variance_figure(explained: NDArray[np.float64], marks: Sequence[float] = (0.5, 0.9), dark: bool = False) -> Figure:
    """Draws the share of the variance that the first principal components explain together.

    Args:
        explained: (D,), the share of each.
        marks: shares at which the number of components is written.
    """
    together = np.cumsum(explained)
    last = int(np.searchsorted(together, 0.995)) + 1
    with themed(dark) as theme:
        figure = new_figure(8, 3)
        axes = figure.subplots()
        counts = np.arange(1, len(together) + 1)
        axes.plot(counts[:last], together[:last], color=theme.series[0])
        for mark in marks:
            needed = int(np.searchsorted(together, mark - 1e-9)) + 1
            axes.plot([needed, needed], [0, together[needed - 1]], color=theme.series[1], linewidth=1, linestyle=":")
            axes.plot([needed], [together[needed - 1]], "o", color=theme.series[1], markersize=6)
            axes.annotate(
                f"{needed:,} for {mark:.0%}",
                (needed, together[needed - 1]),
                (8, -4),
                textcoords="offset points",
                va="top",
                color=theme.ink,
            )
        axes.set_ylim(0, 1.02)
        axes.set_xlim(0, last)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("principal components")
        axes.set_ylabel("variance explained")
        return figure


def components_figure(
    components: NDArray[np.float32], captions: Sequence[str], columns: int = 8, dark: bool = False
) -> Figure:
    """Draws principal components as images: what they add in one colour, what they take away in another.

    Args:
        components: (K, H, W).
        captions: what stands under each.
        columns: how many stand side by side.
    """
    count, height, width = components.shape
    rows = -(-count // columns)
    across, down = round(1.16 * width), height + round(0.42 * width)
    with themed(dark) as theme:
        sheet = np.zeros((rows * down, columns * across))
        figure = new_figure(0.9 * columns * across / width, 0.9 * rows * down / width)
        axes = figure.subplots()
        axes.set_axis_off()
        for place, component in enumerate(components):
            top, left = place // columns * down, place % columns * across
            strongest = max(float(np.abs(component).max()), 1e-12)
            sheet[top : top + height, left : left + width] = component / strongest
            axes.text(
                left + width / 2, top + height + 0.05 * width, captions[place], ha="center", va="top", fontsize=8,
                color=theme.muted,
            )  # fmt: skip
        for sign, colour in ((1, theme.series[0]), (-1, theme.series[1])):
            draw_ink(axes, np.maximum(sign * sheet, 0), colour, (0, columns * across, rows * down, 0))
        return figure


def map_measures_figure(
    titles: Sequence[str],
    trustworthiness: Sequence[float],
    accuracy: Sequence[float],
    all_dimensions: float,
    dark: bool = False,
) -> Figure:
    """Draws how good each map is.

    Args:
        titles: of the methods.
        trustworthiness: of each map.
        accuracy: what the nearest neighbours know on each map.
        all_dimensions: what they know without a map.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 0.9 + 0.3 * len(titles))
        axes = figure.subplots()
        places = np.arange(len(titles))[::-1]
        axes.hlines(places, np.minimum(trustworthiness, accuracy), np.maximum(trustworthiness, accuracy),
                    color=theme.faint, linewidth=2)  # fmt: skip
        axes.plot(trustworthiness, places, "o", color=theme.series[0], label="trustworthiness")
        axes.plot(accuracy, places, "s", color=theme.series[1], label="accuracy of neighbours")
        axes.axvline(all_dimensions, color=theme.series[1], linewidth=1, linestyle=":", label="in all dimensions")
        axes.set_yticks(places, titles)
        axes.tick_params(axis="y", colors=theme.ink)
        axes.grid(axis="y", visible=False)
        axes.set_ylim(-0.6, len(titles) - 0.4)
        axes.set_xlim(min(*trustworthiness, *accuracy, all_dimensions) - 0.04, 1.01)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.legend(loc="outside upper right", ncols=3)
        return figure
