"""From the runs of a study to its answer: measures, paired differences, and a conclusion in words."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, load, parse
from kuzushiji.errors import KuzushijiError, RunError, UsageError
from kuzushiji.evaluation.compare import (
    Comparison,
    Scores,
    compare_groups,
    score,
)
from kuzushiji.evaluation.ensemble import ensemble
from kuzushiji.evaluation.learning_curve import LearningCurve, fit_learning_curve
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.evaluation.roc import RocCurve, macro_roc_curve, roc_curve_of
from kuzushiji.evaluation.runs import stored_evaluation
from kuzushiji.evaluation.significance import RankCorrelation, rank_correlation
from kuzushiji.explore.balance import Balance, measure_balance
from kuzushiji.inference.weights import build_network
from kuzushiji.models.inspection import count_macs
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run
from kuzushiji.studies.definition import LIMIT, MEASURES, Study, Trial
from kuzushiji.studies.runner import Outcome

CURVES_UP_TO = 64
"""Up to so many classes the ROC curve of each is kept."""


@dataclass(frozen=True, eq=False)
class Result:
    """What came of a trial.

    Attributes:
        trial: what was asked for.
        runs: the finished trainings, one a seed; empty for an ensemble.
        evaluations: of the test images, one a seed.
        scores: the same, as `compare` takes them.
        macro_roc: mean ROC curve over the classes, of the first seed.
        class_rocs: the ROC curve of each class that has test images, of the first seed; empty where there are many.
        failures: why a training has no result, such as "seed 0: the loss became nan".
        missing: why it was not measured at all, for want of what it would have started from; empty otherwise.
        parameters, macs: of the network, or of all members of an ensemble together; None where they can't be counted.
    """

    trial: Trial
    runs: tuple[Run, ...]
    evaluations: tuple[Evaluation, ...]
    scores: tuple[Scores, ...]
    macro_roc: RocCurve | None
    class_rocs: tuple[RocCurve, ...]
    failures: tuple[str, ...]
    parameters: int | None
    macs: int | None
    missing: str = ""

    @property
    def label(self) -> str:
        """Name of the trial."""
        return self.trial.label

    @property
    def measured(self) -> bool:
        """Whether there is anything to compare."""
        return bool(self.evaluations)

    def values(self, measure: str) -> list[float]:
        """A measure of each seed; see `VALUES`."""
        if measure in ("test_accuracy", "test_loss"):
            measure = {"test_accuracy": "accuracy", "test_loss": "loss"}[measure]
        if measure in ("train_accuracy", "train_loss", "validation_accuracy", "validation_loss"):
            last = [run.metrics[-1].get(measure) for run in self.runs if run.metrics]
            return [value for value in last if value is not None]
        if measure == "seconds":
            return [run.seconds for run in self.runs]
        if measure == "seconds_per_epoch":
            return [median(line["seconds"] for line in run.metrics) for run in self.runs if run.metrics]
        return [getattr(each, measure).value for each in self.evaluations]

    def mean(self, measure: str) -> float:
        """The mean of a measure over the seeds; NaN where there is none."""
        values = self.values(measure)
        return mean(values) if values else nan

    def deviation(self, measure: str) -> float:
        """Standard deviation over the seeds; NaN for fewer than two."""
        values = self.values(measure)
        return stdev(values) if len(values) > 1 else nan

    @property
    def accuracy(self) -> float:
        """Mean test accuracy."""
        return self.mean("test_accuracy")


VALUES = (
    "train_accuracy",
    "train_loss",
    "validation_accuracy",
    "validation_loss",
    "test_accuracy",
    "test_loss",
    "balanced_accuracy",
    "top5_accuracy",
    "auc_macro",
    "auc_inverse_frequency",
    "seconds",
    "seconds_per_epoch",
)
"""The measures that `Result.values` knows: the training's are of its last epoch, the others of the test images."""


@dataclass(frozen=True)
class Effect:
    """What a change does: over all its pairs together, and in each of them.  Differences are with minus without."""

    name: str
    together: Comparison
    pairs: tuple[Comparison, ...]


@dataclass(frozen=True)
class Pretraining:
    """A training that others start from.

    Attributes:
        trial: what was asked for.
        run: the run folder.
        failure: why it has no result; empty if there is one.
    """

    trial: Trial
    run: Run
    failure: str


@dataclass(frozen=True, eq=False)
class Answer:
    """All that a study found.

    Attributes:
        study: the question.
        data: what it was asked of.
        folder: where the run folders lie.
        results: one a trial, in the order of the study.
        comparisons: every measured trial with every other, p-values corrected together.
        effects: what the study's contrasts come to, p-values of all of them corrected together.
        order: how far our order agrees with the published one, None where none was published.
        ordered_by: the published measure that this goes by.
        pretrainings: what was trained for others to start from.
    """

    study: Study
    data: Source
    folder: Path
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    effects: tuple[Effect, ...]
    order: RankCorrelation | None
    ordered_by: str
    pretrainings: tuple[Pretraining, ...] = ()

    @cached_property
    def measured(self) -> list[Result]:
        """The trials that there are numbers for, in the order of the study."""
        return [result for result in self.results if result.measured]

    @cached_property
    def ranked(self) -> list[Result]:
        """The same, the best accuracy first."""
        return sorted(self.measured, key=lambda result: -result.accuracy)

    @property
    def best(self) -> Result:
        """The trial with the highest test accuracy."""
        return self.ranked[0]

    @property
    def reference(self) -> Result:
        """What the others are measured against: the study's baseline, else the best."""
        named = [result for result in self.measured if result.label == self.study.baseline]
        return named[0] if named else self.best

    @property
    def first_run(self) -> Run:
        """Any finished training, for what all have in common."""
        return next(run for result in self.measured for run in result.runs)

    @property
    def seeds(self) -> int:
        """How often each trial was trained, at most."""
        return max(len(result.evaluations) for result in self.measured)

    @property
    def unbalanced(self) -> bool:
        """Whether some characters are far more frequent among the test images than others."""
        support = [scores.support for scores in self.best.evaluations[0].per_class if scores.support]
        return max(support) > 1.2 * min(support)

    @cached_property
    def learning_curves(self) -> dict[str, LearningCurve]:
        """The learning curve of each series; none where the study asks for none, or has too few trials for one."""
        if not self.study.extrapolate:
            return {}
        curves = {}
        for name, line in factor_values(self).items():
            errors = [[1 - accuracy for accuracy in result.values("test_accuracy")] for _, result in line]
            with suppress(UsageError):
                images = [int(value) for value, _ in line]
                curves[name] = fit_learning_curve(images, errors, self.best.evaluations[0].count)
        return curves

    def comparison(self, first: str, second: str) -> Comparison:
        """The first of two trials against the second."""
        for each in self.comparisons:
            if (each.first, each.second) == (first, second):
                return each
            if (each.first, each.second) == (second, first):
                return each.swapped()
        raise KeyError((first, second))


def gather_answer(study: Study, data: str | Path | Source, folder: Path, outcomes: Sequence[Outcome]) -> Answer:
    """Reads the runs of a study and compares them.

    Args:
        study: what was asked.
        data: what it was asked of.
        folder: where the run folders lie.
        outcomes: what `run_study` gave.

    Raises:
        RunError: no training came to its end; or they were measured on different images.
        DataError: predictions are missing or damaged.
    """
    by_label: dict[str, list[Outcome]] = {label: [] for label in study.labels}
    for outcome in outcomes:
        by_label[outcome.training.label].append(outcome)
    results = tuple(_result(trial, by_label) for trial in study.trials if not trial.pretraining)
    pretrainings = tuple(
        Pretraining(trial, outcome.run, outcome.failure)
        for trial in study.trials
        if trial.pretraining
        for outcome in by_label[trial.label]
    )
    measured = [result for result in results if result.measured]
    if not measured:
        reasons = "; ".join(f"{result.label}: {', '.join(result.failures) or result.missing}" for result in results)
        raise RunError(f"no training of {study.name} came to its end: {reasons}")
    scores = {result.label: result.scores for result in measured}
    comparisons: Sequence[Comparison] = compare_groups(scores) if len(measured) > 1 else ()
    order, ordered_by = _order(measured)
    effects = _effects(study, scores)
    return Answer(study, parse(data), folder, results, tuple(comparisons), effects, order, ordered_by, pretrainings)


def _result(trial: Trial, outcomes: Mapping[str, Sequence[Outcome]]) -> Result:
    runs: list[Run] = []
    failures: list[str] = []
    evaluations: list[Evaluation] = []
    scores: list[Scores] = []
    rocs: tuple[RocCurve | None, tuple[RocCurve, ...]] = None, ()
    members = [_finished(outcomes[label]) for label in trial.ensemble] or [_finished(outcomes[trial.label])]
    missing = ""
    for label in trial.ensemble or (trial.label,):
        for outcome in outcomes[label]:
            if outcome.missing:
                missing = outcome.failure  # the same for each seed, or nearly so
            elif outcome.failure:
                failures.append(
                    f"{'' if label == trial.label else f'{label}, '}seed {outcome.training.seed}: {outcome.failure}"
                )
    for seed in sorted(set.intersection(*(set(each) for each in members))):
        together = [each[seed] for each in members]
        predictions = _predictions(together)
        if trial.ensemble:
            counts = np.array(together[0].config.train_counts)
            evaluations.append(evaluate(predictions, train_counts=counts))
        else:
            runs.append(together[0])
            evaluations.append(stored_evaluation(together[0]))
        if rocs[0] is None:
            rocs = _rocs(predictions)
        scores.append(score(predictions))
    of_each = [next(iter(each.values())) for each in members if each]
    return Result(
        trial=trial,
        runs=tuple(runs),
        evaluations=tuple(evaluations),
        scores=tuple(scores),
        macro_roc=rocs[0],
        class_rocs=rocs[1],
        failures=tuple(failures),
        parameters=_sum([run.config.model.parameters for run in of_each]),
        macs=_sum([_macs(run) for run in of_each]),
        missing=missing,
    )


def _finished(outcomes: Sequence[Outcome]) -> dict[int, Run]:
    return {outcome.training.seed: outcome.run for outcome in outcomes if not outcome.failure}


def _predictions(runs: Sequence[Run]) -> Predictions:
    """What a run says of the test images, or several together."""
    return runs[0].predictions() if len(runs) == 1 else ensemble([run.predictions() for run in runs])


def predictions_of(result: Result, answer: Answer) -> Predictions:
    """What a trial says of the test images with its first seed."""
    if result.runs:
        return result.runs[0].predictions()
    members = [each for each in answer.results if each.label in result.trial.ensemble]
    return ensemble([each.runs[0].predictions() for each in members])


def test_images(answer: Answer, predictions: Predictions) -> CharacterImages | None:
    """The images that were predicted, in the order of the predictions; None where they can't be had any more."""
    try:
        images = answer.first_run.images("test")
    except KuzushijiError:
        return None
    return images if images.fingerprint() == predictions.data_fingerprint else None


def cut_off(answer: Answer) -> Balance | None:
    """How few characters make up most of the training images, and how many of them were kept.

    None where no classes were merged, or the images can't be had any more.
    """
    config = answer.first_run.config
    if not config.data.rare:
        return None
    try:
        images = load(config.data.address, "train", limit=config.data.limit, image_size=config.data.image_size)
    except KuzushijiError:
        return None
    balance = measure_balance({"train": images}, config.data.cover or 1.0)
    kept = len(config.classes) - 1
    return replace(balance, kept=kept, cover=config.data.cover or float(balance.coverage[kept - 1]))


def _rocs(predictions: Predictions) -> tuple[RocCurve, tuple[RocCurve, ...]]:
    scores, labels = predictions.probabilities, predictions.labels
    each: tuple[RocCurve, ...] = ()
    if len(predictions.classes) <= CURVES_UP_TO:
        each = tuple(roc_curve_of(scores, labels, label) for label in np.unique(labels).tolist())
    return macro_roc_curve(scores, labels), each


def _macs(run: Run) -> int | None:
    """Multiplications for an image; None for what is no network, or none of this version."""
    import torch

    try:
        with torch.device("meta"):
            network = build_network(run.config)
        if not any(True for _ in network.parameters()):
            return None
        return count_macs(network, run.config.model.image_size)
    except KuzushijiError:
        return None


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number]
    return sum(known) if known and len(known) == len(numbers) else None


def _effects(study: Study, scores: Mapping[str, tuple[Scores, ...]]) -> tuple[Effect, ...]:
    """What each contrast comes to, over those of its pairs that were measured."""
    pairs_of = {
        contrast.name: [pair for pair in contrast.pairs if pair[0] in scores and pair[1] in scores]
        for contrast in study.contrasts
    }
    pairs_of = {name: pairs for name, pairs in pairs_of.items() if pairs}
    if not pairs_of:
        return ()
    groups: dict[str, list[Scores]] = {}
    asked = []
    for name, pairs in pairs_of.items():
        sides = f"{name}: with", f"{name}: without"
        for side, place in zip(sides, (0, 1), strict=True):
            groups[side] = [each for pair in pairs for each in scores[pair[place]]]
        asked.append(sides)
    together = compare_groups(groups, asked)
    singles = iter(compare_groups({**scores}, [pair for pairs in pairs_of.values() for pair in pairs]))
    effects = []
    for (name, pairs), whole in zip(pairs_of.items(), together, strict=True):
        each = tuple(next(singles) for _ in pairs)
        # Over seeds, not over the different networks of the pairs.
        errors = [pair.seed_error for pair in each if pair.seed_error is not None]
        error = sqrt(sum(one * one for one in errors)) / len(each) if len(errors) == len(each) else None
        effects.append(Effect(name, replace(whole, seed_error=error), each))
    return tuple(effects)


def _order(measured: Sequence[Result]) -> tuple[RankCorrelation | None, str]:
    """Our order by test accuracy against the published one, by the measure that was published of most trials."""
    published = {
        measure: [result for result in measured if measure in result.trial.theirs]
        for measure in ("test_accuracy", "validation_accuracy")
    }
    measure = max(published, key=lambda name: len(published[name]))
    known = published[measure]
    if not known:
        return None, ""
    if len(known) < 3:
        return None, measure
    ours = [result.accuracy for result in known]
    return rank_correlation(ours, [result.trial.theirs[measure] for result in known]), measure


def factor_values(answer: Answer) -> dict[str, list[tuple[float, Result]]]:
    """The trials by the study's factor, for each value of its series; empty where the factor is no number."""
    study = answer.study
    if not study.factor:
        return {}
    lines: dict[str, list[tuple[float, Result]]] = {}
    for result in answer.measured:
        if result.trial.ensemble:
            continue
        if study.factor == LIMIT:
            value = result.runs[0].config.data.splits["train"].count
        else:
            value = result.trial.value_of(study.factor)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return {}
        name = f"{factor_title(study.series)} {result.trial.value_of(study.series)}" if study.series else ""
        lines.setdefault(name, []).append((float(value), result))
    return {name: sorted(line, key=lambda point: point[0]) for name, line in lines.items()}


def to_json(answer: Answer, conclusion: Sequence[str]) -> dict[str, Any]:
    """The answer as a program reads it."""
    return {
        "study": answer.study.name,
        "title": answer.study.title,
        "question": answer.study.question,
        "source": answer.study.source,
        "data": answer.data.address,
        "data_title": answer.data.title,
        "folder": str(answer.folder),
        "test_images": answer.best.evaluations[0].count,
        "conclusion": list(conclusion),
        "best": answer.best.label,
        "reference": answer.reference.label,
        "trials": [_trial_json(result) for result in answer.results],
        "pretrainings": [
            {
                **_training_json(pretraining.trial),
                "data": pretraining.trial.data,
                "run": str(pretraining.run.path),
                "failure": pretraining.failure or None,
            }
            for pretraining in answer.pretrainings
        ],
        "comparisons": [comparison.to_dict() for comparison in answer.comparisons],
        "effects": [
            {
                "name": effect.name,
                "together": effect.together.to_dict(),
                "pairs": [pair.to_dict() for pair in effect.pairs],
            }
            for effect in answer.effects
        ],
        "order": vars(answer.order) | {"by": answer.ordered_by} if answer.order else None,
        "learning_curves": [
            {
                "series": name or None,
                "images": curve.images.astype(int).tolist(),
                "errors": curve.errors.tolist(),
                "scale": curve.scale,
                "exponent": curve.exponent,
                "floor": curve.floor,
                "expected": [
                    {"images": images, "error": curve.expected(images).to_dict()} for images in answer.study.extrapolate
                ],
            }
            for name, curve in answer.learning_curves.items()
        ],
    }


def _training_json(trial: Trial) -> dict[str, Any]:
    return {
        "label": trial.label,
        "model": trial.model or None,
        "options": dict(trial.options),
        "recipe": trial.recipe.to_dict() if trial.model else None,
        "limit": trial.limit,
        "start": trial.start or trial.weights or None,
        "unfrozen": trial.unfrozen,
    }


def _trial_json(result: Result) -> dict[str, Any]:
    trial = result.trial
    values = {measure: result.values(measure) for measure in VALUES} if result.measured else {}
    return {
        **_training_json(trial),
        "ensemble": list(trial.ensemble),
        "runs": [str(run.path) for run in result.runs],
        "parameters": result.parameters,
        "macs": result.macs,
        "values": values,
        "mean": {measure: mean(each) for measure, each in values.items() if each},
        "accuracy_interval": result.evaluations[0].accuracy.to_dict() if len(result.evaluations) == 1 else None,
        "theirs": dict(trial.theirs),
        "failures": list(result.failures),
        "not_measured": result.missing or None,
    }


def measure_title(measure: str) -> str:
    """What a measure is called."""
    return MEASURES.get(measure, measure.replace("_", " "))


def factor_title(factor: str) -> str:
    """What a field of the recipe or an option of a network is called."""
    name = factor.removeprefix("options.")
    return {"lr": "learning rate", LIMIT: "number of training images"}.get(name, name.replace("_", " "))
