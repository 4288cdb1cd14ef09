"""Figures that compare trainings pair by pair and class by class."""

from collections.abc import Sequence
from itertools import cycle, product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from kuzushiji.evaluation.roc import RocCurve
from kuzushiji.plots.labels import breadth, name_classes, shortened
from kuzushiji.plots.studies import PERCENT
from kuzushiji.plots.style import Theme, drawable, new_figure, themed

CLASSES_NAMED_UP_TO = 64


def differences_figure(
    labels: Sequence[str], differences: NDArray[np.float64], chance: NDArray[np.bool_], dark: bool = False
) -> Figure:
    """Draws every pair as a cell: row minus column in percentage points; pale where it could be chance.

    Args:
        labels: the trials, the best first.
        differences: (T, T), row minus column, as shares.
        chance: (T, T), where the difference could be chance.
    """
    count = len(labels)
    with themed(dark) as theme:
        cell = 0.42 if count > 6 else 0.6
        beside = 0.7 + 0.13 * max(breadth(shortened(label, 20)) for label in labels)
        figure = new_figure(beside + cell * count, 0.4 + cell * count)
        axes = figure.subplots()
        greatest = max(float(np.abs(differences).max()), 1e-9)
        for row, column in product(range(count), range(count)):
            if row == column:
                continue
            difference, by_chance = float(differences[row, column]), bool(chance[row, column])
            colour = theme.right if difference > 0 else theme.wrong
            strength = 0.0 if by_chance else 0.15 + 0.85 * (abs(difference) / greatest) ** 0.5
            place = (column - 0.46, row - 0.46)
            if by_chance:
                axes.add_patch(Rectangle(place, 0.92, 0.92, fill=False, ec=theme.faint, lw=1, ls=(0, (2, 2))))
            else:
                axes.add_patch(Rectangle(place, 0.92, 0.92, fc=(colour, strength), ec="none"))
            axes.text(
                column,
                row,
                f"{100 * difference:z.1f}".replace("-", "−"),
                ha="center",
                va="center",
                fontsize=7 if count > 6 else 8.5,
                color=theme.muted if by_chance else theme.paper if strength > 0.62 else theme.ink,
            )
        axes.set_yticks(
            range(count), [f"{shortened(drawable(label), 20)}   {number}" for number, label in enumerate(labels, 1)]
        )
        axes.set_xticks(range(count), [str(number) for number in range(1, count + 1)])
        axes.tick_params(axis="both", colors=theme.ink, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_aspect("equal", anchor="E")  # what room is left goes to the labels
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        return figure


def class_areas_figure(
    pairs: Sequence[tuple[str, str]],
    areas: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    train_counts: NDArray[np.int64],
    classes: Sequence[str],
    dark: bool = False,
) -> Figure:
    """Draws the areas under the classes' ROC curves of two trials, pair below pair, the commonest class first.

    Args:
        pairs: names of the two trials of each pair.
        areas: (C,) of either; NaN for a class without test images.
        train_counts: (C,), training images of each class.
        classes: the C characters.
    """
    order = np.argsort(-train_counts, kind="stable")
    with themed(dark) as theme:
        figure = new_figure(8, 0.5 + 1.75 * len(pairs))
        panels = figure.subplots(len(pairs), 1, squeeze=False).ravel()
        for axes, names, values in zip(panels, pairs, areas, strict=True):
            known = np.array([each for each in order if all(np.isfinite(side[each]) for side in values)], dtype=int)
            places = np.arange(len(known))
            upper = np.maximum(values[0], values[1])[known]
            lower = np.minimum(values[0], values[1])[known]
            axes.vlines(places, lower, upper, color=theme.faint, lw=1.4, zorder=1)
            many = len(known) > CLASSES_NAMED_UP_TO
            for side, colour, name in zip(values, theme.series, names, strict=False):
                axes.plot(places, side[known], "o", color=colour, ms=2 if many else 4.5, label=name)
            if many:
                axes.set_xticks([])
            else:
                name_classes(axes, [classes[each] for each in known], 9 if len(known) > 24 else 11, theme)
            axes.grid(axis="x", visible=False)
            axes.set_ylabel("AUC")
            axes.set_xlim(-0.7, max(len(known), 1) - 0.3)
            axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, borderaxespad=0, handletextpad=0.2)
        panels[-1].set_xlabel("classes, the one with the most training images first")
        return figure


def scatter_figure(points: Sequence[tuple[str, float, float]], axis: str, dark: bool = False) -> Figure:
    """Draws accuracy against an area under the curve, a dot with its name for each trial.

    Args:
        points: label, accuracy and area.
        axis: what the area is.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 4.4)
        axes = figure.subplots()
        axes.plot([x for _, x, _ in points], [y for _, _, y in points], "o", ms=6, color=theme.series[0])
        axes.xaxis.set_major_formatter(PERCENT)
        axes.set_xlabel("test accuracy")
        axes.set_ylabel(axis)
        axes.margins(0.12)
        figure.draw_without_rendering()  # lays the axes out, so that names can be placed where nothing is yet
        taken = [axes.transData.transform((x, y)) + np.array([[-6, -6], [6, 6]]) for _, x, y in points]
        for label, x, y in points:
            name_dot(axes, drawable(label), (x, y), taken, theme)
        return figure


def name_dot(
    axes: Axes, label: str, point: tuple[float, float], taken: list[NDArray[np.float64]], theme: Theme
) -> None:
    """Writes a name near its dot where it covers neither a dot nor another name, with a line to the dot if far."""
    dot = axes.transData.transform(point)
    frame = axes.get_window_extent()
    unit = axes.figure.dpi / 72
    width, height = 8.2 * breadth(label) * unit, 8.5 * unit
    for distance, side in product((7, 16, 27, 40, 55, 72), ((1, 0), (-1, 0), (1, -1), (-1, 1), (1, 1), (-1, -1))):
        across, up = side[0] * (7 if side[1] == 0 else 6) * unit, side[1] * distance * unit
        if side[1] == 0:
            across = side[0] * distance * unit
        left = dot[0] + across - (width if side[0] < 0 else 0)
        box = np.array([[left, dot[1] + up - height / 2], [left + width, dot[1] + up + height / 2]])
        inside = frame.x0 <= box[0, 0] and box[1, 0] <= frame.x1 and frame.y0 <= box[0, 1] and box[1, 1] <= frame.y1
        free = all((box[1] < other[0]).any() or (box[0] > other[1]).any() for other in taken)
        if inside and free:
            break
    taken.append(box)
    axes.annotate(
        label,
        point,
        (across / unit, up / unit),
        textcoords="offset points",
        ha="left" if side[0] > 0 else "right",
        va="center",
        fontsize=8,
        arrowprops={"arrowstyle": "-", "color": theme.muted, "lw": 0.6, "shrinkB": 3} if distance > 10 else None,
    )


def all_rocs_figure(
    trials: Sequence[tuple[str, RocCurve]], classes: Sequence[Sequence[RocCurve]], dark: bool = False
) -> Figure:
    """Draws the mean ROC curve of each trial, and every curve of every class of all of them behind.

    Args:
        trials: label and mean curve, the best first.
        classes: of each trial, the curves of its classes; may be empty.
    """
    with themed(dark) as theme:
        figure = new_figure(8, max(3.9, 1.2 + 0.2 * len(trials)))
        linear, logarithmic = figure.subplots(1, 2)
        lowest = 1e-4
        looks = list(product(("-", (0, (5, 1.5)), (0, (1, 1))), theme.series))
        lines = [
            np.stack([curve.false_positive_rate, curve.true_positive_rate], axis=1)
            for each in classes
            for curve in each
        ]
        handles = []
        for axes in (linear, logarithmic):
            axes.add_collection(
                LineCollection(lines, colors=[(theme.muted, 0.18)], linewidths=0.5, rasterized=len(lines) > 60)
            )
            axes.set_ylim(-0.02, 1.02)
            axes.xaxis.set_major_formatter(PERCENT)
            axes.yaxis.set_major_formatter(PERCENT)
            axes.set_xlabel("false positive rate")
        for (label, curve), (style, colour) in zip(trials, cycle(looks), strict=False):
            for axes in (linear, logarithmic):
                axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=colour, ls=style, lw=1.5)
            handles.append(Line2D([], [], color=colour, ls=style, lw=1.5, label=shortened(drawable(label), 18)))
        linear.set_xlim(-0.02, 1.02)
        linear.set_ylabel("true positive rate")
        logarithmic.set_xscale("log")
        logarithmic.set_xlim(lowest, 1)
        logarithmic.xaxis.set_major_formatter(
            FuncFormatter(lambda rate, _: f"{rate:.4%}".rstrip("%0").rstrip(".") + "%")
        )
        if any(classes):
            handles.append(Line2D([], [], color=theme.muted, lw=0.7, label="each class of each"))
        columns = 1 if len(handles) > 9 else 3
        figure.legend(
            handles=handles, loc="outside right center" if columns == 1 else "outside lower center", ncols=columns
        )
        return figure
