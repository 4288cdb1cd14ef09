"""Figures of a sweep: its history, its trials' curves, and what each field does."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from kuzushiji.plots.style import Theme, drawable, new_figure, themed
from kuzushiji.sweep.results import SweepResult, TrialRecord
from kuzushiji.sweep.space import Choices, Dimension, Range, written

SLICES_IN_A_ROW = {1: 1, 2: 2, 4: 2}
"""How many slices stand side by side where there are so many, and else three."""


def shown(result: SweepResult) -> list[TrialRecord]:
    """The trials that figures show: those that are over and were measured at least once."""
    over = result.of("finished", "pruned", "diverged")
    return [trial for trial in over if math.isfinite(trial.score)]


def history_figure(result: SweepResult, dark: bool = False) -> Figure:
    """Draws each trial's value by its number, and the best value so far.

    Args:
        result: a sweep with trials to show.
        dark: for a dark page.
    """
    trials, finished = shown(result), result.of("finished")
    with themed(dark) as theme:
        figure = new_figure(8, 3.2)
        axes = figure.subplots()
        window = _window(result)
        _scatter(axes, result, [trial.number for trial in trials], window, theme)
        handles = _legend(result, theme)
        if finished:
            better = np.maximum if _larger_is_better(result) else np.minimum
            so_far = better.accumulate([trial.score for trial in finished])
            numbers = [*(trial.number for trial in finished), max(trial.number for trial in trials)]
            axes.step(numbers, [*so_far, so_far[-1]], where="post", color=theme.series[0], linewidth=1.6)
            handles.append(Line2D([], [], color=theme.series[0], linewidth=1.6, label="best so far"))
        _value_axis(axes, result, window)
        axes.set_ylabel(_measure(result))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("trial")
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        return figure


def curves_figure(result: SweepResult, dark: bool = False) -> Figure:
    """Draws what was measured after each epoch of each trial; those that were ended early stop short."""
    trials = shown(result)
    with themed(dark) as theme:
        figure = new_figure(8, 3.2)
        axes = figure.subplots()
        for trial in trials:
            epochs, values = list(trial.values), list(trial.values.values())
            best, early = _is_best(result, trial), trial.state != "finished"
            colour = theme.series[1] if best else theme.muted if early else theme.series[0]
            look: dict[str, Any] = {"color": colour, "alpha": 1 if best else 0.55, "zorder": 3 if best else 2}
            axes.plot(epochs, values, linewidth=2.2 if best else 1, **look)
            if early or len(epochs) == 1:
                axes.plot(epochs[-1:], values[-1:], "x" if early else "o", markersize=4, **look)
        low, high = _window(result)
        every = [value for trial in trials for value in trial.values.values()]
        # Of the first epochs, in which all are bad, so much is shown as leaves the last ones apart.
        if _larger_is_better(result):
            low = max(min(every), high - 3 * (high - low))
        else:
            high = min(max(every), low + 3 * (high - low))
        _value_axis(axes, result, (low, high))
        axes.set_ylabel(_measure(result))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("epoch")
        handles = [
            Line2D([], [], color=theme.series[1], linewidth=2.2, label="best"),
            Line2D([], [], color=theme.series[0], linewidth=1, label="other"),
            Line2D([], [], color=theme.muted, linewidth=1, marker="x", ms=4, label="ended early"),
        ]
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        return figure


def importance_figure(result: SweepResult, dark: bool = False) -> Figure:
    """Draws how much each field explains of what the trials differ in, the most important on top."""
    importance = result.importance
    with themed(dark) as theme:
        figure = new_figure(8, 0.8 + 0.34 * len(importance))
        axes = figure.subplots()
        places = range(len(importance))
        axes.barh(places, list(importance.values()), height=0.6, color=theme.series[0], zorder=2)
        for place, share in zip(places, importance.values(), strict=True):
            axes.annotate(
                f"{share:.0%}", (share, place), (5, 0), textcoords="offset points", va="center", color=theme.ink
            )
        axes.set_yticks(places, [drawable(name) for name in importance])
        axes.tick_params(axis="y", colors=theme.ink)
        axes.invert_yaxis()
        axes.set_xlim(0, max(importance.values()) * 1.08)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("share of what the fields explain")
        return figure


def parallel_figure(result: SweepResult, dark: bool = False) -> Figure:
    """Draws each finished trial as a line through its values of all fields to what it reached.

    The better a trial, the stronger its line.
    """
    fields = result.settings.space
    sign = 1 if _larger_is_better(result) else -1
    ranked = sorted(result.of("finished"), key=lambda trial: sign * trial.score)
    with themed(dark) as theme:
        figure = new_figure(8, 3.6)
        axes = figure.subplots()
        axes.set_axis_off()
        low, high = _window(result)
        for rank, trial in enumerate(ranked):
            heights = [field.position(trial.params[field.name]) for field in fields]
            value = (trial.score - low) / (high - low)
            # Lines through the same choice stay apart.
            shift = (rank + 0.5) / len(ranked) - 0.5
            spread = [shift * 0.5 / len(field.values) if isinstance(field, Choices) else 0.0 for field in fields]
            path = [*map(sum, zip(heights, spread, strict=True)), min(max(value, 0.0), 1.0)]
            best = _is_best(result, trial)
            axes.add_collection(
                LineCollection(
                    [_eased(path)],
                    colors=[theme.series[1] if best else theme.series[0]],
                    linewidths=2.4 if best else 1.2,
                    alpha=1 if best else 0.12 + 0.6 * ((rank + 1) / len(ranked)) ** 2,
                    zorder=4 if best else 2,
                )
            )
        for column, field in enumerate(fields):
            _upright(axes, column, drawable(field.name), _marks(field), theme)
        ticks = [tick for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]
        written_value = _formatter(result, high - low)
        marks = [((tick - low) / (high - low), written_value(tick)) for tick in ticks]
        _upright(axes, len(fields), _measure(result).removeprefix("validation "), marks, theme)
        axes.set_xlim(-0.3, len(fields) + 0.3)
        axes.set_ylim(-0.06, 1.16)
        return figure


def slices_figure(result: SweepResult, dark: bool = False) -> Figure:
    """Draws the value of each trial against each field."""
    fields, trials = result.settings.space, shown(result)
    columns = SLICES_IN_A_ROW.get(len(fields), 3)
    rows = -(-len(fields) // columns)
    with themed(dark) as theme:
        figure = new_figure(8, 0.4 + 2.5 * rows)
        window = _window(result)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(fields):
                axes.set_axis_off()
                continue
            field = fields[place]
            values = [trial.params[field.name] for trial in trials]
            _value_axis(axes, result, window)
            axes.set_xlabel(drawable(field.name))
            if place % columns == 0:
                axes.set_ylabel(_measure(result))
            if isinstance(field, Choices):
                # Those with the same value stand side by side, spread evenly by the golden ratio.
                places = places_of(field.values)
                across = [
                    places[field.values.index(value)] + ((number * 0.6180339887) % 1 - 0.5) * 0.45
                    for number, value in enumerate(values)
                ]
                axes.set_xticks(places, [_label(choice) for choice in field.values])
                axes.set_xlim(min(places) - 0.5, max(places) + 0.5)
                axes.grid(axis="x", visible=False)
            else:
                across = values
                if field.log:
                    axes.set_xscale("log")
                axes.set_xticks(*zip(*_ticks(field), strict=True))
                axes.minorticks_off()
                axes.set_xlim(*_with_margin(field))
            _scatter(axes, result, across, window, theme)
        handles = _legend(result, theme)
        figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        return figure


def _larger_is_better(result: SweepResult) -> bool:
    return result.settings.direction == "maximize"


def _is_best(result: SweepResult, trial: TrialRecord) -> bool:
    return result.best is not None and trial.number == result.best.number


def _measure(result: SweepResult) -> str:
    return f"validation {result.settings.objective}"


def _formatter(result: SweepResult, reach: float) -> Formatter:
    """How values are written on an axis that goes so far."""
    if result.settings.objective == "accuracy":
        digits = 0 if reach > 0.06 else 1 if reach > 0.006 else 2
        return FuncFormatter(lambda value, _: f"{value:.{digits}%}")
    return FuncFormatter(lambda value, _: f"{value:.3g}")


def _window(result: SweepResult) -> tuple[float, float]:
    """The values that are shown; the worst trials are left beyond, for they would press the others together."""
    values = np.array([trial.score for trial in result.of("finished") or shown(result)])
    low, high = float(values.min()), float(values.max())
    worse, better = (float(each) for each in np.quantile(values, [0.25, 0.75]))
    reach = max(3 * (better - worse), 1e-3)
    if _larger_is_better(result):
        low = max(low, worse - reach)
    else:
        high = min(high, better + reach)
    margin = 0.08 * (high - low) or 0.01
    return low - margin, high + margin


def _value_axis(axes: Axes, result: SweepResult, window: tuple[float, float]) -> None:
    low, high = window
    axes.set_ylim(low, high)
    axes.yaxis.set_major_formatter(_formatter(result, high - low))


def _scatter(
    axes: Axes, result: SweepResult, across: Sequence[float], window: tuple[float, float], theme: Theme
) -> None:
    """Draws the trials as dots; those beyond what is shown stand at its edge as triangles."""
    low, high = window
    inset = 0.03 * (high - low)
    for x, trial in zip(across, shown(result), strict=True):
        value = trial.score
        y = min(max(value, low + inset), high - inset)
        marker = "v" if value < low else "^" if value > high else "o"
        if _is_best(result, trial):
            axes.plot(x, y, "o", color=theme.series[1], markersize=8, zorder=4)
        elif trial.state == "finished":
            axes.plot(x, y, marker, color=theme.series[0], markersize=5.5, alpha=0.75, mew=0, zorder=3)
        else:
            axes.plot(x, y, marker, color=theme.muted, markersize=4.5, mfc="none", mew=0.9, zorder=2)


def _legend(result: SweepResult, theme: Theme) -> list[Line2D]:
    dot: dict[str, Any] = {"linestyle": "", "marker": "o"}
    handles = []
    if result.best is not None:
        handles.append(Line2D([], [], color=theme.series[1], markersize=8, label="best", **dot))
    if len(result.of("finished")) > 1:
        handles.append(Line2D([], [], color=theme.series[0], markersize=5.5, mew=0, label="finished", **dot))
    if any(trial.state != "finished" for trial in shown(result)):
        handles.append(Line2D([], [], color=theme.muted, ms=4.5, mfc="none", mew=0.9, label="ended early", **dot))
    return handles


def _upright(axes: Axes, x: float, title: str, marks: Sequence[tuple[float, str]], theme: Theme) -> None:
    """Draws one of the parallel axes."""
    axes.plot([x, x], [0, 1], color=theme.muted, linewidth=0.8, zorder=3)
    axes.text(x, 1.08, title, ha="center", va="bottom", color=theme.ink, fontsize=9)
    for height, text in marks:
        axes.plot([x - 0.015, x + 0.015], [height, height], color=theme.muted, linewidth=0.8, zorder=3)
        axes.annotate(
            text,
            (x, height),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=theme.ink,
            zorder=5,
            bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
        )


def _ticks(field: Range) -> list[tuple[float, str]]:
    """Some values of a range, and how they are written."""
    if field.step is not None and len(field.grid()) <= 8:
        ticks = list(field.grid())
    else:
        decades = math.log10(field.high / field.low) if field.log else 0.0
        subs = (1.0,) if decades > 2.5 else (1.0, 3.0) if decades > 1 else (1.0, 2.0, 5.0)
        locator = LogLocator(subs=subs, numticks=9) if field.log else MaxNLocator(4, integer=isinstance(field.low, int))
        ticks = list(locator.tick_values(field.low, field.high))
    return [(tick, f"{tick:g}") for tick in ticks if field.low <= tick <= field.high]


def _with_margin(field: Range) -> tuple[float, float]:
    """The ends of a range and a little more, so that dots at the ends are whole."""
    if field.log:
        margin = (field.high / field.low) ** 0.05
        return field.low / margin, field.high * margin
    margin = 0.05 * (field.high - field.low)
    return field.low - margin, field.high + margin


def _marks(field: Dimension) -> list[tuple[float, str]]:
    """Heights and texts along the axis of a field, from 0 to 1."""
    if isinstance(field, Choices):
        return [(field.position(choice), _label(choice)) for choice in field.values]
    return [(field.position(tick), text) for tick, text in _ticks(field)]


def _eased(path: Sequence[float]) -> NDArray[np.float64]:
    """A curve (N, 2) that passes through the heights at 0, 1, 2 ... and is level there."""
    heights = np.array(path)
    along = np.linspace(0, len(path) - 1, 24 * (len(path) - 1) + 1)
    left = np.minimum(along.astype(int), len(path) - 2)
    share = along - left
    eased = share * share * (3 - 2 * share)
    return np.stack([along, heights[left] * (1 - eased) + heights[left + 1] * eased], axis=1)


def places_of(choices: Sequence[Any]) -> list[float]:
    """Where choices stand along an axis: numbers as far apart as they are, of which the nearest are 1 apart.

    Numbers of several magnitudes stand apart as their logarithms do; what is no number, one after the other.
    """
    if len(choices) < 2 or any(isinstance(each, bool) or not isinstance(each, int | float) for each in choices):
        return [float(number) for number in range(len(choices))]
    values = np.array(choices, dtype=np.float64)
    if values.min() > 0 and values.max() >= 8 * values.min():
        values = np.log(values)
    nearest = np.diff(np.sort(values)).min()
    return ((values - values.min()) / nearest).tolist() if nearest > 0 else list(map(float, range(len(choices))))


def _label(value: Any) -> str:
    return drawable(f"{value:g}" if isinstance(value, float) else written(value))
