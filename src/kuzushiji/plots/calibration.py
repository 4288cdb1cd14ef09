"""How far certainty can be trusted: the reliability diagram, and what answering only the surest gains."""

from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from kuzushiji.evaluation.calibration import Calibration, Reliability
from kuzushiji.plots.style import Theme, new_figure, themed


def reliability_figure(before: Reliability, after: Reliability | None = None, dark: bool = False) -> Figure:
    """Draws the share of right answers over their certainty, and below how many answers are so sure.

    Args:
        before: of the probabilities as the network gives them.
        after: of those after temperature scaling; beside the first if there are any.
    """
    panels = [("As the network gives it", before)]
    if after is not None:
        panels.append(("After temperature scaling", after))
    with themed(dark) as theme:
        figure = new_figure(8, 4.4)
        grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=[4, 1])
        for column, (title, reliability) in enumerate(panels):
            _draw_reliability(grid[0, column], reliability, theme)
            _draw_counts(grid[1, column], reliability, theme)
            grid[0, column].set_title(f"{title}: ECE {reliability.ece.value:.2%}")
            grid[1, column].set_xlabel("certainty")
        grid[0, 0].set_ylabel("right answers")
        grid[1, 0].set_ylabel("images")
        if after is None:
            grid[0, 1].set_axis_off()
            grid[1, 1].set_axis_off()
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        return figure


def _draw_reliability(axes: Axes, reliability: Reliability, theme: Theme) -> None:
    filled = [each for each in reliability.bins if each.count]
    certainty = np.array([each.certainty for each in filled])
    accuracy = np.array([each.accuracy.value for each in filled])
    ends = np.array([[each.accuracy.low, each.accuracy.high] for each in filled]).T
    axes.plot([0, 1], [0, 1], color=theme.muted, linestyle="--", linewidth=1, label="as sure as right")
    axes.vlines(certainty, certainty, accuracy, color=theme.series[1], linewidth=4, alpha=0.55, label="difference")
    axes.errorbar(
        certainty,
        accuracy,
        yerr=np.abs(ends - accuracy),
        fmt="o",
        markersize=5,
        color=theme.series[0],
        elinewidth=1.2,
        label="share of right answers",
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _draw_counts(axes: Axes, reliability: Reliability, theme: Theme) -> None:
    edges = [each.low for each in reliability.bins] + [reliability.bins[-1].high]
    every = sum(each.count for each in reliability.bins)
    shares = [each.count / every for each in reliability.bins]
    axes.stairs(shares, edges, fill=True, color=theme.series[0], alpha=0.6)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="x", visible=False)
    axes.set_axisbelow(True)


def risk_coverage_figure(calibration: Calibration, dark: bool = False) -> Figure:
    """Draws the share of wrong answers among the surest, over how many of them are given, with its interval.

    Where the answers have 99 % and 99.9 % of right ones among them, the curve is marked.
    """
    coverage = np.array([point.coverage for point in calibration.curve])
    risk, low, high = (
        np.array([getattr(point.risk, name) for point in calibration.curve]) for name in ("value", "low", "high")
    )
    with themed(dark) as theme:
        figure = new_figure(8, 3.2)
        axes = figure.subplots()
        if not np.isnan(low).any():
            axes.fill_between(coverage, low, high, color=theme.series[0], alpha=0.2, linewidth=0)
        axes.plot(coverage, risk, color=theme.series[0], linewidth=2)
        for (accuracy, estimate), colour in zip(
            calibration.coverage_at_accuracy.items(), (theme.series[2], theme.series[3]), strict=True
        ):
            if estimate.value > 0 and not isnan(estimate.value):
                axes.plot(
                    [estimate.value],
                    [np.interp(estimate.value, coverage, risk)],
                    "o",
                    color=colour,
                    markersize=7,
                    clip_on=False,
                    label=f"{estimate.value:.1%} answered, {accuracy * 100:g}% of them rightly",
                )
        axes.set_xlim(-0.01, 1.01)
        axes.set_ylim(0, max(float(np.nanmax([risk, high])) * 1.1, 1e-3))
        axes.set_xlabel("answers given, the surest first")
        axes.set_ylabel("wrong answers")
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left")
        return figure
