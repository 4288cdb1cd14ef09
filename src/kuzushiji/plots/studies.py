"""Figures that compare several trainings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from kuzushiji.evaluation.learning_curve import LearningCurve
from kuzushiji.plots.labels import shortened
from kuzushiji.plots.style import Theme, drawable, new_figure, themed

TOGETHER_UP_TO = 5
"""Up to so many trials are drawn over one another, each in a colour of its own; more get a panel each."""

PANELS_IN_A_ROW = 4


PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.4g}%")


@dataclass(frozen=True)
class Mark:
    """A measured number in a row of a figure.

    Attributes:
        label: name of the row.
        value: the number.
        low, high: its interval; NaN where there is none.
        each: the same of every seed, where there are several.
        published: what somebody else measured; NaN if nobody did.
    """

    label: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    each: tuple[float, ...] = ()
    published: float = float("nan")


@dataclass(frozen=True)
class Course:
    """How a training went: a value an epoch, NaN where nothing was measured."""

    label: str
    train_loss: tuple[float, ...]
    train_accuracy: tuple[float, ...]
    validation_loss: tuple[float, ...]
    validation_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class FactorPoint:
    """What came of one value of a factor."""

    value: float
    accuracy: Mark
    seconds: float


def marks_figure(
    marks: Sequence[Mark], axis: str, published: str = "", as_share: bool = True, dark: bool = False
) -> Figure:
    """Draws a number and its interval in a row for each trial.

    Args:
        marks: the rows, the first at the top.
        axis: what the numbers are.
        published: what the published numbers are, for the legend.
        as_share: write the numbers as percentages.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 0.7 + 0.29 * len(marks) + (0.3 if published else 0))
        axes = figure.subplots()
        for row, mark in enumerate(marks):
            _mark(axes, mark, row, theme, theme.series[0])
            if not isnan(mark.published):
                axes.plot([mark.published], [row], "D", mfc="none", mec=theme.series[1], ms=5.5, mew=1.3)
        _rows(axes, [mark.label for mark in marks], theme)
        axes.set_xlabel(axis)
        if as_share:
            axes.xaxis.set_major_formatter(PERCENT)
        if published:
            ours = Line2D([], [], color=theme.series[0], marker="o", ms=5.5, label="measured here")
            theirs = Line2D([], [], ls="", marker="D", mfc="none", mec=theme.series[1], ms=5.5, label=published)
            figure.legend(handles=[ours, theirs], loc="outside upper right", ncols=2)
        return figure


def courses_figure(courses: Sequence[Course], dark: bool = False) -> Figure:
    """Draws how all trainings went: validation images in full lines, training images dashed.

    A few are drawn together, loss and accuracy side by side; of many, each has a panel with its accuracy, the others
    faint behind it.
    """
    with themed(dark) as theme:
        if len(courses) <= TOGETHER_UP_TO:
            return _courses_together(courses, theme)
        return _courses_apart(courses, theme)


def _courses_together(courses: Sequence[Course], theme: Theme) -> Figure:
    figure = new_figure(8, 3.5)
    panels = figure.subplots(1, 2)
    for axes, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for course, colour in zip(courses, theme.series, strict=False):
            _course(axes, course, quantity, colour)
        axes.set_title(quantity.capitalize())
        _epochs(axes)
    panels[1].yaxis.set_major_formatter(PERCENT)
    handles = [
        Line2D([], [], color=colour, label=course.label) for course, colour in zip(courses, theme.series, strict=False)
    ]
    handles += [
        Line2D([], [], color=theme.muted, label="validation"),
        Line2D([], [], color=theme.muted, ls="--", label="training"),
    ]
    fits = sum(len(course.label) for course in courses) < 60
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles) if fits else 3)
    return figure


def _courses_apart(courses: Sequence[Course], theme: Theme) -> Figure:
    columns = PANELS_IN_A_ROW
    rows = -(-len(courses) // columns)
    figure = new_figure(8, 0.4 + 1.55 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for place, (axes, course) in enumerate(zip(panels, courses, strict=False)):
        for other in courses:
            values = other.validation_accuracy
            axes.plot(range(1, len(values) + 1), values, color=theme.faint, lw=0.9, zorder=1)
        _course(axes, course, "accuracy", theme.series[0])
        axes.set_title(shortened(course.label, 18), fontsize=7.5, pad=4)
        _epochs(axes)
        axes.set_xlabel("")
        axes.yaxis.set_major_formatter(PERCENT)
        if place + columns >= len(courses):
            axes.tick_params(labelbottom=True)
    for axes in panels[len(courses) :]:
        axes.set_visible(False)
    handles = [
        Line2D([], [], color=theme.series[0], label="validation accuracy"),
        Line2D([], [], color=theme.series[0], ls="--", lw=1.1, label="training accuracy"),
        Line2D([], [], color=theme.faint, label="the others"),
    ]
    figure.supxlabel("epoch", fontsize=9, color=theme.muted)
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    return figure


def _course(axes: Axes, course: Course, quantity: str, colour: str) -> None:
    for split, style, width in (("train", "--", 1.1), ("validation", "-", 1.8)):
        values = getattr(course, f"{split}_{quantity}")
        marker = "o" if len(values) == 1 else ""
        axes.plot(range(1, len(values) + 1), values, color=colour, ls=style, lw=width, marker=marker, ms=4)


def _epochs(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    axes.grid(axis="x", visible=False)


def factor_figure(
    lines: Sequence[tuple[str, Sequence[FactorPoint]]], factor: str, published: str = "", dark: bool = False
) -> Figure:
    """Draws test accuracy against a number that was varied, and beside it the time of an epoch where it is known.

    Args:
        lines: name of each line, which may be empty, and its points.
        factor: what was varied.
        published: what the published numbers are, for the legend.
    """
    with themed(dark) as theme:
        timed = any(not isnan(point.seconds) for _, points in lines for point in points)
        figure = new_figure(8 if timed else 5.5, 3.5)
        left, *rest = figure.subplots(1, 2, width_ratios=(1.4, 1)) if timed else [figure.subplots()]
        handles = []
        for (name, points), colour in zip(lines, cycle(theme.series), strict=False):
            values = [point.value for point in points]
            marks = [point.accuracy for point in points]
            left.plot(values, [mark.value for mark in marks], color=colour, marker="o", ms=5)
            for value, mark in zip(values, marks, strict=True):
                if not isnan(mark.low):
                    left.plot([value, value], [mark.low, mark.high], color=colour, lw=2.4, alpha=0.5)
                left.plot([value] * len(mark.each), mark.each, "o", color=colour, ms=2.5, alpha=0.6)
            theirs = [(value, mark.published) for value, mark in zip(values, marks, strict=True)]
            theirs = [(value, number) for value, number in theirs if not isnan(number)]
            if theirs:
                left.plot(*zip(*theirs, strict=True), color=theme.muted, ls=":", marker="D", mfc="none", ms=5, lw=1.1)
            for right in rest:
                right.plot(values, [point.seconds for point in points], color=colour, marker="o", ms=5)
            if name:
                handles.append(Line2D([], [], color=colour, marker="o", ms=5, label=name))
        every = sorted({point.value for _, points in lines for point in points})
        for axes in (left, *rest):
            axes.set_xlabel(factor)
            if every[0] > 0 and every[-1] >= 8 * every[0]:
                axes.set_xscale("log")
                axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_locator(FixedLocator(every))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.grid(axis="x", visible=False)
        left.set_title("Test accuracy")
        left.yaxis.set_major_formatter(PERCENT)
        for right in rest:
            right.set_title("Seconds an epoch")
            right.set_ylim(bottom=0)
        if published:
            handles.append(Line2D([], [], color=theme.muted, ls=":", marker="D", mfc="none", ms=5, label=published))
        if handles:
            figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return figure


def learning_curve_figure(
    curves: Mapping[str, LearningCurve], extrapolate: Sequence[int], dark: bool = False
) -> Figure:
    """Draws the error against the number of training images, both on logarithmic scales, and where the curve leads.

    Args:
        curves: by the name of the series, which may be empty.
        extrapolate: the numbers of images for which the expected error is drawn, with its interval.
    """
    with themed(dark) as theme:
        figure = new_figure(7, 4)
        axes = figure.subplots()
        for (name, curve), colour in zip(curves.items(), cycle(theme.series), strict=False):
            last = max(float(curve.images[-1]), *map(float, extrapolate))
            measured = np.geomspace(curve.images[0], curve.images[-1], 100)
            beyond = np.geomspace(curve.images[-1], last, 100)
            axes.plot(measured, curve.at(measured), color=colour, lw=1.6, label=name or "fitted curve")
            axes.plot(beyond, curve.at(beyond), color=colour, lw=1.6, ls=(0, (4, 3)))
            every = np.concatenate([measured, beyond])
            axes.fill_between(every, *curve.band(every), color=colour, alpha=0.18, lw=0)
            axes.errorbar(
                curve.images, curve.errors, 1.96 * curve.deviations, fmt="o", color=colour, ms=5, lw=2, label="measured"
            )
            for images in extrapolate:
                error = curve.expected(images)
                axes.plot(images, error.value, "o", mfc="none", color=colour, ms=6)
                axes.annotate(
                    f"{error.value:.2%}", (images, error.value), (0, 9), textcoords="offset points", ha="center"
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        numbers = sorted({*(int(each) for curve in curves.values() for each in curve.images), *extrapolate})
        axes.xaxis.set_major_locator(FixedLocator(numbers))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda images, _: f"{images:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(axis="x", labelrotation=30)
        axes.yaxis.set_major_formatter(PERCENT)
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda share, _: f"{100 * share:.4g}%"))
        axes.set_xlabel("training images")
        axes.set_ylabel("error on the test images")
        axes.legend()
        return figure


def effects_figure(effects: Sequence[tuple[Mark, Sequence[Mark]]], dark: bool = False) -> Figure:
    """Draws what each change does in percentage points: all its pairs together, and each pair below.

    Args:
        effects: the whole and its pairs, differences as shares.
    """
    with themed(dark) as theme:
        heights = [1.0 + (0.72 * len(pairs) if len(pairs) > 1 else 0) + 0.45 for _, pairs in effects]
        figure = new_figure(8, 0.6 + 0.24 * sum(heights))
        axes = figure.subplots()
        axes.axvline(0, color=theme.muted, lw=1)
        places, names, strong = [], [], []
        at = 0.0
        for (whole, pairs), height in zip(effects, heights, strict=True):
            _mark(axes, _in_points(whole), at, theme, theme.series[0])
            places.append(at)
            names.append(whole.label)
            strong.append(True)
            if len(pairs) > 1:
                for number, pair in enumerate(pairs, start=1):
                    row = at + 0.2 + 0.72 * number
                    _mark(axes, _in_points(pair), row, theme, theme.muted, small=True)
                    places.append(row)
                    names.append(pair.label)
                    strong.append(False)
            at += height
        axes.set_yticks(places, [shortened(name, 36) for name in names])
        for tick, is_strong in zip(axes.get_yticklabels(), strong, strict=True):
            tick.set_color(theme.ink if is_strong else theme.muted)
            tick.set_fontsize(9 if is_strong else 7.5)
        axes.set_ylim(at - 0.6, -0.8)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("change of the test accuracy in percentage points")
        return figure


def order_figure(
    labels: Sequence[str],
    published: Sequence[float],
    ours: Sequence[float],
    titles: tuple[str, str],
    dark: bool = False,
) -> Figure:
    """Draws two orders of the same trials side by side, a line from one rank to the other.

    Args:
        labels: the trials.
        published, ours: accuracies, which decide the ranks.
        titles: what stands above either side.
    """
    count = len(labels)
    with themed(dark) as theme:
        figure = new_figure(8, 0.8 + 0.3 * count)
        axes = figure.subplots()
        sides = [np.argsort(np.argsort([-value for value in side], kind="stable")) for side in (published, ours)]
        for number, label in enumerate(labels):
            left, right = int(sides[0][number]), int(sides[1][number])
            moved = abs(left - right)
            colour = theme.series[0] if moved <= 1 else theme.series[2] if moved <= 3 else theme.series[1]
            axes.plot([0, 1], [left, right], color=colour, lw=1.6, marker="o", ms=4.5)
            axes.text(-0.04, left, f"{drawable(label)}  {published[number]:.1%}", ha="right", va="center")
            axes.text(1.04, right, f"{ours[number]:.1%}  {drawable(label)}", ha="left", va="center")
        for side, (title, where) in enumerate(zip(titles, ("right", "left"), strict=True)):
            axes.text(side + (0.04 if side else -0.04), -1, title, ha=where, va="center", color=theme.muted)
        axes.set_axis_off()
        axes.set_xlim(-1.1, 2.1)
        axes.set_ylim(count - 0.4, -1.5)
        return figure


def _mark(axes: Axes, mark: Mark, row: float, theme: Theme, colour: str, small: bool = False) -> None:
    if not isnan(mark.low):
        axes.plot([mark.low, mark.high], [row, row], color=colour, lw=1.2 if small else 2.4, alpha=0.5)
    if len(mark.each) > 1:
        axes.plot(mark.each, [row] * len(mark.each), "o", color=colour, ms=3, alpha=0.55, mew=0)
    axes.plot([mark.value], [row], "o", color=colour, ms=3.5 if small else 5.5)


def _rows(axes: Axes, labels: Sequence[str], theme: Theme) -> None:
    axes.set_yticks(range(len(labels)), [shortened(drawable(label), 26) for label in labels])
    axes.tick_params(axis="y", colors=theme.ink, labelsize=9)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def _in_points(mark: Mark) -> Mark:
    return Mark(mark.label, 100 * mark.value, 100 * mark.low, 100 * mark.high)
