"""What came of a sweep: its trials as plain numbers, and a conclusion computed from them."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from kuzushiji.evaluation.bootstrap import wilson_interval
from kuzushiji.records import as_plain
from kuzushiji.sweep.settings import Sweep
from kuzushiji.sweep.space import Range
from kuzushiji.sweep.storage import OpenSweep
from kuzushiji.sweep.trials import best_trial

ENOUGH = 4
"""From so many trials that came to their end, it is said what each field matters."""

STATES: Mapping[TrialState, str] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: from 0, in the order in which the trials were begun.
        state: `finished`, `pruned`, `diverged`, `failed` or `running`.
        params: field -> value.
        value: what it is measured by; of one that did not come to its end, the last that was measured; None if there
            is nothing.
        values: epoch -> what was measured after it.
        seconds: how long its epochs took; None while it runs.
        parameters: of its network.
        command: the `kuzushiji train` command that trains it again.
        why: why it diverged or failed.
        kept: the metrics of the epoch that the recipe keeps.
    """

    number: int
    state: str
    params: dict[str, Any]
    value: float | None
    values: dict[int, float]
    seconds: float | None
    parameters: int | None
    command: str | None
    why: str | None
    kept: dict[str, Any] | None

    @property
    def score(self) -> float:
        """The value as a number, NaN where there is none."""
        return math.nan if self.value is None else self.value


@dataclass(frozen=True)
class SweepResult:
    """A sweep in numbers.

    Attributes:
        name, settings: of the sweep.
        validation_images: on how many images the trials are measured; None before the first is.
        trials: those that were begun, in the order of their numbers.
        best: the best of those that came to their end; None if there is none.
        interval: 95 % interval of its validation accuracy over the images; None where loss is the objective.
        importance: field -> how much it explains, by itself, of the variance among the finished trials, as a share of
            what all fields explain (functional ANOVA, Hutter et al. 2014), the most important first; empty where
            there are too few trials to say.
        conclusion: what follows, in sentences.
    """

    name: str
    settings: Sweep
    validation_images: int | None
    trials: tuple[TrialRecord, ...]
    best: TrialRecord | None
    interval: tuple[float, float] | None
    importance: dict[str, float]
    conclusion: str = ""

    def of(self, *states: str) -> list[TrialRecord]:
        """The trials in some states."""
        return [trial for trial in self.trials if trial.state in states]

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            "name": self.name,
            **as_plain(self.settings),
            "seed": self.settings.base.seed,
            "validation_images": self.validation_images,
            "conclusion": self.conclusion,
            "best": as_plain(self.best) | {"interval": self.interval} if self.best else None,
            "importance": self.importance,
            "trials": as_plain(self.trials),
        }


def sweep_result(sweep: OpenSweep) -> SweepResult:
    """Reads what a sweep has found so far."""
    trials = tuple(_record(trial) for trial in sweep.trials(*STATES))
    found = best_trial(sweep)
    best = next((trial for trial in trials if found is not None and trial.number == found.number), None)
    images = sweep.study.user_attrs.get("images", {}).get("validation", {}).get("count")
    interval = None
    if best is not None and best.value is not None and images and sweep.settings.objective == "accuracy":
        low, high = wilson_interval(round(best.value * images), images)
        interval = (float(low), float(high))
    result = SweepResult(sweep.name, sweep.settings, images, trials, best, interval, _importance(sweep))
    return replace(result, conclusion=conclusion(result))


def objective_text(settings: Sweep, value: float | None) -> str:
    """A value of the objective as people read it."""
    if value is None:
        return "–"
    return f"{value:.2%}" if settings.objective == "accuracy" else f"{value:.4f}"


def param_text(value: Any) -> str:
    """A value of a field as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def params_text(params: Mapping[str, Any]) -> str:
    """Values of fields as people read them."""
    return ", ".join(f"{name} = {param_text(value)}" for name, value in params.items())


def _record(trial: FrozenTrial) -> TrialRecord:
    attributes = trial.user_attrs
    state = STATES[trial.state]
    if state == "pruned" and attributes.get("ended"):
        state = "diverged"
    value = trial.value if trial.state is TrialState.COMPLETE else None
    if value is None and trial.intermediate_values:
        value = trial.intermediate_values[max(trial.intermediate_values)]
    return TrialRecord(
        trial.number,
        state,
        dict(trial.params),
        value,
        dict(sorted(trial.intermediate_values.items())),
        attributes.get("seconds"),
        attributes.get("parameters"),
        attributes.get("command"),
        attributes.get("ended") or None,
        attributes.get("kept"),
    )


def _importance(sweep: OpenSweep) -> dict[str, float]:
    """How much each field explains by itself, where there is something to explain."""
    finished = sweep.trials(TrialState.COMPLETE)
    if len(finished) < ENOUGH or len(sweep.settings.space) < 2 or np.ptp([trial.value for trial in finished]) == 0:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = optuna.importance.get_param_importances(sweep.study, evaluator=evaluator)
    except (RuntimeError, ValueError):  # its trees find no variance in what there is
        return {}
    return {name: float(share) for name, share in found.items()}


def conclusion(result: SweepResult) -> str:
    """What follows from the numbers of a sweep, in sentences."""
    settings = result.settings
    sentences = [_what_ran(result)]
    if result.best is None:
        sentences.append("There is no best one yet.")
        return " ".join(sentences)
    best, finished = result.best, result.of("finished")
    measured = f"{objective_text(settings, best.value)} validation {settings.objective}"
    if result.interval:
        low, high = (f"{end:.1%}" for end in result.interval)
        measured += f" (95% interval over the {result.validation_images:,} images: {low} to {high})"
    sentences.append(f"The best, number {best.number}, has {measured} with {params_text(best.params)}.")
    sentences += _rivals(result)
    if result.importance:
        (first, share), *others = result.importance.items()
        then = [f"{name} {share:.0%}" for name, share in others if share >= 0.005]
        sentences.append(
            f"What matters most is {first}: by itself it makes up {share:.0%} of what the fields explain"
            + (f", then {_joined(then)}." if then else ".")
        )
    sentences += _at_the_edge(result)
    later = [trial for trial in finished if trial.number > best.number]
    if len(later) >= max(5, len(finished) // 3):
        sentences.append(f"The last {len(later)} finished trials brought nothing better.")
    return " ".join(sentences)


def _what_ran(result: SweepResult) -> str:
    """How many trials there are, and how they ended."""
    ends = {
        "finished": "ran to the end",
        "pruned": f"got cut short by the pruner {result.settings.pruner.replace('_', ' ')}",
        "diverged": "diverged or ran out of memory",
        "failed": "failed",
        "running": "did not end yet",
    }
    counts = {state: len(result.of(state)) for state in ends}
    parts = [f"{count} {ends[state]}" for state, count in counts.items() if count]
    count = len(result.trials)
    if len(parts) < 2:
        end = next((ends[state] for state in ends if counts[state]), "")
        return (
            f"All {count} trials {end}." if count > 1 else f"The only trial {end}." if count else "No trial was begun."
        )
    return f"Of {count} trials, {_joined(parts)}."


def _rivals(result: SweepResult) -> list[str]:
    """What chance may have decided."""
    if result.interval is None or result.best is None:
        return []
    low = result.interval[0]
    near = [trial for trial in result.of("finished") if trial.number != result.best.number and trial.score >= low]
    if not near:
        return []
    count = "1 other lies" if len(near) == 1 else f"{len(near)} others lie"
    return [f"{count} within that interval: between them and the best, chance may have decided."]


def _at_the_edge(result: SweepResult) -> list[str]:
    """Where the best lies so near the end of a range that a better one may lie beyond."""
    assert result.best is not None
    found = []
    for dimension in result.settings.space:
        if not isinstance(dimension, Range):
            continue
        value = result.best.params[dimension.name]
        position = dimension.position(value)
        if position < 0.05 or position > 0.95:
            end = "lower" if position < 0.05 else "upper"
            found.append(
                f"Its {dimension.name} lies at the {end} end of what was searched ({dimension.text}): "
                "a better one may lie beyond."
            )
    return found


def _joined(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
