"""ROC curves, one class against the rest, and the areas under them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from kuzushiji.evaluation.roc import RocCurve
from kuzushiji.plots.labels import name_classes
from kuzushiji.plots.style import new_figure, themed

NAMES_UP_TO = 64
"""Up to so many classes the areas are drawn class by class, with their characters."""


def roc_figure(macro: RocCurve, each: Sequence[RocCurve] = (), dark: bool = False) -> Figure:
    """Draws ROC curves over linear and over logarithmic false positive rates, the latter to show where good ones bend.

    Args:
        macro: the mean over the classes, drawn strongly.
        each: curves of single classes, drawn thinly.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 3.8)
        linear, logarithmic = figure.subplots(1, 2)
        lowest = 1e-4
        for axes in (linear, logarithmic):
            lines = [np.stack([curve.false_positive_rate, curve.true_positive_rate], axis=1) for curve in each]
            axes.add_collection(LineCollection(lines, colors=[(theme.muted, 0.45)], linewidths=0.6))
            axes.plot(macro.false_positive_rate, macro.true_positive_rate, color=theme.series[0], linewidth=2.2)
            axes.set_ylim(-0.02, 1.02)
            axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            axes.set_xlabel("false positive rate")
        diagonal = np.geomspace(lowest, 1, 200)
        linear.plot([0, 1], [0, 1], color=theme.faint, linestyle="--", linewidth=1)
        logarithmic.plot(diagonal, diagonal, color=theme.faint, linestyle="--", linewidth=1)
        linear.set_xlim(-0.02, 1.02)
        linear.set_ylabel("true positive rate")
        logarithmic.set_xscale("log")
        logarithmic.set_xlim(lowest, 1)
        logarithmic.xaxis.set_major_formatter(
            FuncFormatter(lambda rate, _: f"{rate:.4%}".rstrip("%0").rstrip(".") + "%")
        )
        linear.set_title("All of it")
        logarithmic.set_title("Few false positives, enlarged")
        handles = [linear.plot([], [], color=theme.series[0], linewidth=2.2)[0]]
        labels = ["mean of the classes"]
        if each:
            handles.append(linear.plot([], [], color=theme.muted, linewidth=0.8)[0])
            labels.append("each class")
        linear.legend(handles, labels, loc="lower right")
        return figure


def auc_figure(
    areas: NDArray[np.float64], train_counts: NDArray[np.int64], classes: Sequence[str], dark: bool = False
) -> Figure:
    """Draws the area under each class's ROC curve, the classes sorted by their number of training images.

    Args:
        areas: (C,), NaN for a class that has none; such classes are left out.
        train_counts: (C,), training images of each class.
        classes: the C characters.
    """
    known = np.flatnonzero(np.isfinite(areas))
    order = known[np.argsort(-train_counts[known], kind="stable")]
    with themed(dark) as theme:
        figure = new_figure(8, 3)
        axes = figure.subplots()
        axes.set_ylabel("AUC")
        if len(order) <= NAMES_UP_TO:
            places = range(len(order))
            axes.vlines(places, areas[order], 1, color=theme.series[0], linewidth=1.2, alpha=0.5)
            axes.plot(places, areas[order], "o", color=theme.series[0], markersize=5)
            name_classes(axes, [classes[each] for each in order], 9 if len(order) > 24 else 12, theme)
            axes.grid(axis="x", visible=False)
            axes.set_xlim(-0.7, max(len(order), 1) - 0.3)
            axes.set_xlabel("classes, the one with the most training images first")
        else:
            axes.plot(
                np.maximum(train_counts[order], 0.5), areas[order], "o", color=theme.series[0], ms=3, alpha=0.35, mew=0
            )
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.0f}"))
            axes.set_xlabel("training images of the class")
        lowest = float(areas[order].min()) if len(order) else 0.0
        axes.set_ylim(lowest - 0.08 * (1 - lowest) - 1e-4, 1 + 0.05 * (1 - lowest) + 1e-5)
        return figure
