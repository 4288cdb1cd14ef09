"""Loss and accuracy over the epochs."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from kuzushiji.plots.style import Theme, new_figure, themed


def learning_curves(metrics: Sequence[Mapping[str, Any]], kept: int | None = None, dark: bool = False) -> Figure:
    """Draws loss and accuracy of the training and the validation images side by side.

    Args:
        metrics: one mapping an epoch, as `Run.metrics` has them; what was not measured is None.
        kept: number of the epoch whose weights were kept; it is marked.
    """
    with themed(dark) as theme:
        figure = new_figure(8, 3)
        loss, accuracy = figure.subplots(1, 2)
        for axes, quantity in ((loss, "loss"), (accuracy, "accuracy")):
            _draw(axes, metrics, quantity, kept, theme)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
        handles, labels = loss.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
        return figure


def _draw(axes: Axes, metrics: Sequence[Mapping[str, Any]], quantity: str, kept: int | None, theme: Theme) -> None:
    axes.set_title(quantity.capitalize())
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(axis="x", visible=False)
    epochs: list[int] = [line["epoch"] for line in metrics]
    marker = "o" if len(epochs) == 1 else ""
    for split, colour, style in (("train", theme.muted, "--"), ("validation", theme.series[0], "-")):
        values = [line.get(f"{split}_{quantity}") for line in metrics]
        numbers = [nan if value is None else value for value in values]
        if any(number == number for number in numbers):
            axes.plot(epochs, numbers, color=colour, linestyle=style, marker=marker, label=split)
            if split == "validation" and kept is not None and kept in epochs:
                axes.plot([kept], [numbers[epochs.index(kept)]], "o", color=colour, markersize=6)
    if kept is not None and kept in epochs:
        axes.axvline(kept, color=theme.series[1], linewidth=1, linestyle=":", label=f"kept: epoch {kept}")
