"""Two splits as a classifier sees them."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from kuzushiji.plots.style import new_figure, themed


def shift_figure(
    names: tuple[str, str], scores: tuple[NDArray[np.float64], NDArray[np.float64]], dark: bool = False
) -> Figure:
    """Draws how much like the second split the images of both look.

    Args:
        names: of the splits.
        scores: of the images of each, 0 to 1.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 2.6)
        axes = figure.subplots()
        bins = np.linspace(0, 1, 41)
        for number, (name, score) in enumerate(zip(names, scores, strict=True)):
            shares, _ = np.histogram(score, bins, weights=np.full(len(score), 1 / len(score)))
            axes.stairs(shares, bins, fill=True, color=theme.series[number], alpha=0.25)
            axes.stairs(shares, bins, color=theme.series[number], linewidth=1.6, label=name)
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(f"how much it looks like {names[1]}")
        axes.set_ylabel("share of the images")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="x", visible=False)
        axes.set_axisbelow(True)
        figure.legend(loc="outside upper right", ncols=2)
        return figure
