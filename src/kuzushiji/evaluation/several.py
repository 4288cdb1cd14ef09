"""Several runs on the same images: compared pair by pair, or asked together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Literal

import numpy as np

from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.calibration import Calibration, calibrate
from kuzushiji.evaluation.compare import Comparison, compare_groups, divided
from kuzushiji.evaluation.ensemble import check_same_images, ensemble, fit_weights, shared_images
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.evaluation.runs import same_but_for_the_seed
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, as_predictions, find_run


@dataclass(frozen=True, eq=False)
class Compared:
    """Runs compared on the same images.

    Attributes:
        groups: name -> predictions of a run, or of runs that differ in nothing but the seed; the most accurate first.
        comparisons: pair by pair, their p-values corrected together.
    """

    groups: Mapping[str, Sequence[Predictions]]
    comparisons: Sequence[Comparison]

    @property
    def accuracies(self) -> dict[str, list[float]]:
        """Name -> accuracy of each run of the group."""
        return {name: [each.accuracy for each in group] for name, group in self.groups.items()}

    def divided(self, comparison: Comparison) -> list["DividedImage"]:
        """The images that one of two runs named right and the other wrong, those of the first alone first."""
        (first,), (second,) = self.groups[comparison.first], self.groups[comparison.second]
        classes = first.classes
        return [
            DividedImage(
                image=int(first.ids[row]),
                actual=classes[first.labels[row]],
                first=classes[first.predicted[row]],
                second=classes[second.predicted[row]],
            )
            for rows in divided(first, second)
            for row in rows.tolist()
        ]


@dataclass(frozen=True)
class DividedImage:
    """An image that one of two runs named right and the other wrong.

    Attributes:
        image: its number in the dataset (`Predictions.ids`).
        actual: what it shows.
        first, second: what the two said.
    """

    image: int
    actual: str
    first: str
    second: str


def compare(
    *runs: Run | str | Path,
    seeds: bool = False,
    together: bool = False,
    against: Run | str | Path | None = None,
    on: str = "test",
) -> Compared:
    """Compares runs on the same images, pair by pair: by how much one is better, and whether it could be chance.

    Args:
        runs: two or more, or their names or paths.
        seeds: take runs that differ in nothing but the seed together, and compare their means.
        together: measure all runs together too, as `ensemble`: the mean of their probabilities.
        against: compare with this run alone, not every run with every other.
        on: the predictions to compare: `test`, `validation`, or `NAME-SPLIT` of other data that was predicted.

    Raises:
        UsageError: fewer than two runs, or predictions of other images.
        RunError: one is not finished.
        DataError: one has no such predictions, or they are damaged.

    Example:
        >>> compare("lenet5", "alexnet").comparisons[0].p_value                                 # doctest: +SKIP
        3.1e-42
    """
    found = _different([*runs, *([against] if against is not None else [])])
    if len(found) < 2:
        raise UsageError("name two runs or more to compare; `kuzushiji runs` lists them")
    predictions = [as_predictions(run, on) for run in found]
    groups = _by_training(found, predictions) if seeds else _by_run(found, predictions)
    if together:
        groups["ensemble"] = [ensemble(predictions)]
    if len(groups) < 2:
        raise UsageError("these runs differ in nothing but the seed; without --seeds they are compared one by one")
    groups = dict(sorted(groups.items(), key=lambda entry: -mean(each.accuracy for each in entry[1])))
    pairs = None
    if against is not None:
        place = [run.path.resolve() for run in found].index(find_run(against).path.resolve())
        target = next(name for name, group in groups.items() if any(each is predictions[place] for each in group))
        pairs = [(name, target) for name in groups if name != target]
    return Compared(groups, compare_groups(groups, pairs))


@dataclass(frozen=True)
class Member:
    """A run of an ensemble.

    Attributes:
        run: its name.
        weight: how much it has to say; those of all members sum to 1.
        accuracy: on the images that the ensemble is measured on.
        validation_accuracy: on its own validation images; None unless all members have predicted theirs.
    """

    run: str
    weight: float
    accuracy: float
    validation_accuracy: float | None


@dataclass(frozen=True, eq=False)
class Ensemble:
    """What several runs say together.

    Attributes:
        members: the runs.
        predictions: what they say.
        best: the member that is best on validation images; None where there are none to choose it on.
        validation_images: how many validation images all members share, on which weights and temperature are fitted.
        why_none: why there are none, for the reader; empty if there are.
        evaluation, calibration: of `predictions`.
        comparisons: with the best member; with each where none is known to be best.
    """

    members: Sequence[Member]
    predictions: Predictions
    best: str | None
    validation_images: int
    why_none: str
    evaluation: Evaluation
    calibration: Calibration
    comparisons: Sequence[Comparison]


def measure_ensemble(
    *runs: Run | str | Path,
    average: Literal["probabilities", "logits"] = "probabilities",
    weights: Literal["equal", "fitted"] = "equal",
    on: str = "test",
) -> Ensemble:
    """Measures what several runs say together, from their predictions alone, against the best of them.

    Args:
        runs: two or more, or their names or paths.
        average: as in `ensemble`.
        weights: `equal`, or `fitted`: those that make the validation images likeliest that all runs share.
        on: as in `compare`.

    Raises:
        UsageError, RunError, DataError: as `compare` does; weights are to be fitted and there is nothing to fit them
            on, or to be judged by what they were fitted on.

    Example:
        >>> measure_ensemble("lenet5", "alexnet").evaluation.accuracy.value                     # doctest: +SKIP
        0.9687
    """
    found = _different(runs)
    if len(found) < 2:
        raise UsageError("name two runs or more that are to speak together; `kuzushiji runs` lists them")
    predictions = [as_predictions(run, on) for run in found]
    check_same_images(predictions)
    own = _validation(found)
    shared = shared_images(own) if own else []
    if shared and not len(shared[0]):
        shared = []
    why_none = "" if shared else _why_none(own)
    shares = np.full(len(found), 1 / len(found))
    if weights == "fitted":
        if not shared:
            raise DataError(f"weights are fitted on validation images: {why_none}")
        if on == "validation":
            raise UsageError("weights that are fitted on the validation images cannot be judged by them")
        shares = fit_weights(shared, average=average)

    together = ensemble(predictions, weights=shares.tolist(), average=average)
    validation = ensemble(shared, weights=shares.tolist(), average=average) if shared and on != "validation" else None
    names = _names(found, "ensemble")
    best = None
    if own and on != "validation":
        best = max(names, key=lambda name: own[names.index(name)].accuracy)
    groups = {**dict(zip(names, predictions, strict=True)), "ensemble": together}
    return Ensemble(
        members=[
            Member(name, float(share), said.accuracy, own[place].accuracy if own else None)
            for place, (name, share, said) in enumerate(zip(names, shares, predictions, strict=True))
        ],
        predictions=together,
        best=best,
        validation_images=len(shared[0]) if shared else 0,
        why_none=why_none,
        evaluation=evaluate(together, train_counts=found[0].config.train_counts or None),
        calibration=calibrate(together, validation),
        comparisons=compare_groups(groups, [("ensemble", name) for name in ([best] if best else names)]),
    )


def _different(runs: Sequence[Run | str | Path]) -> list[Run]:
    """The runs that are meant, each once."""
    if len(runs) == 1 and isinstance(runs[0], list | tuple):
        runs = runs[0]  # a list of them was given as one
    return list({run.path.resolve(): run for run in map(find_run, runs)}.values())


def _names(runs: Sequence[Run], *taken: str) -> list[str]:
    """What the runs are called: their paths where two have the same name, or one that is taken."""
    names = [run.name for run in runs]
    return names if len({*names, *taken}) == len(names) + len(taken) else [str(run.path) for run in runs]


def _by_run(runs: Sequence[Run], predictions: Sequence[Predictions]) -> dict[str, list[Predictions]]:
    return {name: [each] for name, each in zip(_names(runs), predictions, strict=True)}


def _by_training(runs: Sequence[Run], predictions: Sequence[Predictions]) -> dict[str, list[Predictions]]:
    """Runs that differ in nothing but the seed together, by the name of the first and their number."""
    number = {run.path: place for place, run in enumerate(runs)}
    groups = {}
    for together in same_but_for_the_seed(runs):
        name = together[0].name if len(together) == 1 else f"{together[0].name} and {len(together) - 1} more"
        groups[name] = [predictions[number[run.path]] for run in together]
    return groups


def _validation(runs: Sequence[Run]) -> list[Predictions]:
    """The validation predictions of all runs; empty where one has none."""
    if not all(run.predictions_file("validation").exists() for run in runs):
        return []
    return [as_predictions(run, "validation") for run in runs]


def _why_none(own: Sequence[Predictions]) -> str:
    if own:
        return "the runs set different images apart for validation; those with the same --seed share them"
    return "not all of the runs have predictions of validation images"
