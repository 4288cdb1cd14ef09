"""The confusion matrix as a figure."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from kuzushiji.plots.labels import breadth, class_name, name_classes
from kuzushiji.plots.style import new_figure, themed

COUNTS_UP_TO = 16
"""Up to so many classes the cells carry their counts."""


def confusion_figure(confusion: NDArray[np.int64], classes: Sequence[str], dark: bool = False) -> Figure:
    """Draws a confusion matrix: a row a true class, a column a predicted one.

    A cell's strength is the square root of its share of the row, so that rare confusions still show; right answers
    have one colour, wrong ones another.  Readable up to about a hundred classes.

    Args:
        confusion: (C, C) counts, true class by predicted class.
        classes: the C characters.
    """
    count = len(classes)
    with_counts = count <= COUNTS_UP_TO
    with themed(dark) as theme:
        side = (
            1.1
            + 0.1 * max(breadth(class_name(name)) for name in classes)
            + (0.46 * count if with_counts else 0.175 * count)
        )
        figure = new_figure(side, side)
        axes = figure.subplots()
        shares = np.sqrt(confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1))
        for of_diagonal, colour in ((True, theme.right), (False, theme.wrong)):
            cells = [
                (true, predicted)
                for true, predicted in np.argwhere(confusion).tolist()
                if (true == predicted) == of_diagonal
            ]
            axes.add_collection(
                PatchCollection(
                    [Rectangle((predicted - 0.46, true - 0.46), 0.92, 0.92) for true, predicted in cells],
                    facecolors=[(colour, 0.14 + 0.86 * float(shares[cell])) for cell in cells],
                    edgecolors="none",
                )
            )
            for true, predicted in cells if with_counts else ():
                strong = shares[true, predicted] > 0.6
                axes.text(
                    predicted,
                    true,
                    f"{confusion[true, predicted]:,}",
                    ha="center",
                    va="center",
                    fontsize=8 if confusion[true, predicted] < 10_000 else 6,
                    color=theme.paper if strong else theme.ink,
                )
        name_classes(axes, classes, 12 if with_counts else 8.5, theme, both=True)
        axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.set_xlim(-0.5, count - 0.5)
        axes.set_ylim(count - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xlabel("predicted")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel("actual")
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        if not with_counts:
            axes.set_xticks(np.arange(count + 1) - 0.5, minor=True)
            axes.set_yticks(np.arange(count + 1) - 0.5, minor=True)
            axes.grid(visible=True, which="minor", color=theme.faint, linewidth=0.4)
        return figure
