"""How many images each class has, and which share of the images the most frequent classes make up."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from kuzushiji.plots.labels import name_classes
from kuzushiji.plots.style import new_figure, themed

NAMES_UP_TO = 64
"""Up to so many classes there is a bar for each, with its character."""


def balance_figure(
    counts: Mapping[str, NDArray[np.int64]], order: NDArray[np.int64], classes: Sequence[str], dark: bool = False
) -> Figure:
    """Draws the images of each class, the class with the most first.

    Args:
        counts: split -> (C,), images of each class.
        order: (C,), the labels in the order in which they are drawn.
        classes: the C characters.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 3.2)
        axes = figure.subplots()
        axes.set_ylabel("images")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.0f}"))
        if len(order) <= NAMES_UP_TO:
            width = 0.8 / len(counts)
            for number, (split, count) in enumerate(counts.items()):
                places = np.arange(len(order)) + (number - (len(counts) - 1) / 2) * width
                axes.bar(places, count[order], width, color=theme.series[number], label=split)
            name_classes(axes, [classes[each] for each in order], 9 if len(order) > 24 else 12, theme)
            axes.grid(axis="x", visible=False)
            axes.set_axisbelow(True)
            axes.set_xlim(-0.8, len(order) - 0.2)
        else:
            for number, (split, count) in enumerate(counts.items()):
                # Sorted within each split: the same classes in another order would be a cloud, not a line.
                line = np.sort(count[count > 0])[::-1]
                # Validation and test often have as many: the last is dashed, so that the one below it shows.
                style = (0, (3, 3)) if number > 1 else "-"
                ranks = range(1, len(line) + 1)
                axes.step(ranks, line, where="mid", color=theme.series[number], linestyle=style, label=split)
            axes.set_yscale("log")
            axes.set_xscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda count, _: f"{count:,.0f}"))
            axes.set_xlabel("rank of the character, the most frequent first")
        if len(counts) > 1:
            figure.legend(loc="outside upper right", ncols=len(counts))
        return figure


def coverage_figure(coverage: NDArray[np.float64], kept: int, cover: float, dark: bool = False) -> Figure:
    """Draws which share of the images the most frequent classes make up, and the cut-off.

    Args:
        coverage: (C,), the share of the first, the first two, ... classes.
        kept: how many classes make up the share asked for.
        cover: that share.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 3.2)
        axes = figure.subplots()
        ranks = np.arange(len(coverage) + 1)
        shares = np.concatenate([[0], coverage])
        marker = "o" if len(coverage) <= NAMES_UP_TO else ""
        axes.fill_between(ranks[: kept + 1], shares[: kept + 1], color=theme.series[0], alpha=0.15, linewidth=0)
        axes.plot(ranks, shares, color=theme.series[0], marker=marker, markersize=3)
        axes.plot([kept, kept], [0, shares[kept]], color=theme.series[1], linewidth=1.2, linestyle=":")
        axes.plot([0, kept], [shares[kept]] * 2, color=theme.series[1], linewidth=1.2, linestyle=":")
        axes.plot([kept], [shares[kept]], "o", color=theme.series[1], markersize=6)
        left = kept > 0.6 * len(coverage)
        axes.annotate(
            f"{kept:,} of {len(coverage):,} characters\nmake up {shares[kept]:.1%}",
            (kept, 0),
            (-10 if left else 10, 10),
            textcoords="offset points",
            ha="right" if left else "left",
            va="bottom",
            color=theme.ink,
        )
        axes.xaxis.set_major_formatter(FuncFormatter(lambda rank, _: f"{rank:,.0f}"))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlim(0, len(coverage))
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("characters, the most frequent first")
        axes.set_ylabel("share of the images")
        return figure
