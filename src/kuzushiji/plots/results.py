"""What networks reach for their size and for the time that they are trained."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from kuzushiji.numbers import short
from kuzushiji.plots.comparisons import name_dot
from kuzushiji.plots.style import Theme, drawable, new_figure, themed

LEAST_ERROR = 1e-4
"""What no error lies below, for it has no logarithm."""

TICKS_PER_DECADE = (0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985)
"""Accuracies that may be written beside the axis, and likewise nearer to 1 or farther from it."""


@dataclass(frozen=True)
class Reached:
    """What one network reached.

    Attributes:
        label: what it is called.
        parameters: of the network.
        minutes: of its training.
        accuracy: share of the test images that it named right.
    """

    label: str
    parameters: float
    minutes: float
    accuracy: float


def results_figure(points: Sequence[Reached], dark: bool = False) -> Figure:
    """Draws accuracy against the number of parameters and against the minutes of training.

    Accuracies lie apart as the logarithms of their errors do, so that the best can be told from one another.  Those
    that none surpasses which is as small, or as fast, stand out and have their names.
    """
    with themed(dark) as theme:
        figure = new_figure(9, 4)
        panels = figure.subplots(1, 2, sharey=True)
        errors = [max(1 - point.accuracy, LEAST_ERROR) for point in points]
        sizes = [point.parameters for point in points], [max(point.minutes, 1 / 60) for point in points]
        for axes, across, title in zip(panels, sizes, ("parameters", "minutes of training"), strict=True):
            axes.set(xscale="log", yscale="log", xlabel=title)
            axes.plot(across, errors, "o", ms=4, color=theme.series[0], alpha=0.4, mew=0)
            axes.margins(0.15)
            few = max(across) < 30 * min(across)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: short(size, ("k", "M", "G"))))
            axes.xaxis.set_minor_locator(NullLocator())
        panels[0].set_ylabel("test accuracy")
        _accuracies_beside(panels[0], errors)
        figure.draw_without_rendering()  # lays the axes out, so that names can be placed where nothing is yet
        for axes, across in zip(panels, sizes, strict=True):
            _name_unsurpassed(axes, [point.label for point in points], across, errors, theme)
        return figure


def unsurpassed(sizes: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Which of several are better than all that are as small or smaller, from the smallest on."""
    found: list[int] = []
    for place in sorted(range(len(sizes)), key=lambda place: (sizes[place], errors[place])):
        if not found or errors[place] < errors[found[-1]]:
            found.append(place)
    return found


def _accuracies_beside(axes: Axes, errors: Sequence[float]) -> None:
    """Writes accuracies beside an axis of errors, the best above."""
    low, high = min(errors) / 1.3, min(1.0, max(errors) * 1.15)
    axes.set_ylim(high, low)
    ticks: list[float] = []
    for decade in range(5):
        for tick in TICKS_PER_DECADE:
            error = 10 * (1 - tick) / 10**decade
            apart = log10(ticks[-1] / error) if ticks else 1.0
            if low <= error <= high and apart > log10(high / low) / 9:
                ticks.append(error)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda error, _: f"{100 * (1 - error):.4g}%"))


def _name_unsurpassed(
    axes: Axes, labels: Sequence[str], sizes: Sequence[float], errors: Sequence[float], theme: Theme
) -> None:
    around = np.array([[-5, -5], [5, 5]])
    taken = [axes.transData.transform(point) + around for point in zip(sizes, errors, strict=True)]
    for place in unsurpassed(sizes, errors):
        point = sizes[place], errors[place]
        axes.plot(*point, "o", ms=6.5, color=theme.series[0])
        name_dot(axes, drawable(labels[place]), point, taken, theme)
