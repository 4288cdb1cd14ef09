"""`Answer`: all that a study found, and what can be read from it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import nan, sqrt
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.errors import KuzushijiError, UsageError
from kuzushiji.evaluation.compare import (
    Comparison,
    Scores,
    SeedSpread,
)
from kuzushiji.evaluation.ensemble import ensemble
from kuzushiji.evaluation.learning_curve import LearningCurve, fit_learning_curve
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.roc import RocCurve
from kuzushiji.evaluation.significance import RankCorrelation
from kuzushiji.explore.balance import Balance, measure_balance
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run
from kuzushiji.studies.definition import LIMIT, MEASURES, RECIPE_FIELDS, Study, Trial, filled


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
        if measure.startswith(("train_", "validation_")):
            lines = [
                run.kept if measure.startswith("validation_") else run.metrics[-1] for run in self.runs if run.metrics
            ]
            return [line[measure] for line in lines if line and line.get(measure) is not None]
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

    def seed_interval(self) -> tuple[float, float]:
        """Ends of the 95 % t interval of the mean test accuracy over the seeds; NaN for fewer than two."""
        count = len(self.evaluations)
        if count < 2:
            return nan, nan
        half = SeedSpread(self.deviation("test_accuracy") / sqrt(count), count - 1).half_width()
        return max(0.0, self.accuracy - half), min(1.0, self.accuracy + half)

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
"""The measures that `Result.values` knows: the training's are of its last epoch, those of the validation
images of the epoch whose weights were kept, the others of the test images."""


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

    def told(self, text: str) -> str:
        """A text of the study with what was done in the place of names in braces: `{epochs}`, `{seeds}`.

        A field of the recipe has its values in all trainings, such as `8 to 30`, of which the study says only one.
        """
        return filled(text, self._done)

    @cached_property
    def _done(self) -> dict[str, str]:
        recipes = [run.config.recipe for result in self.measured for run in result.runs]
        values = {name: [getattr(recipe, name) for recipe in recipes] for name in RECIPE_FIELDS}
        told = {name: _range(each) for name, each in values.items()}
        return told | {"seeds": "one seed" if self.seeds == 1 else f"{self.seeds} seeds"}

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


def _range(values: Sequence[Any]) -> str:
    """`12`, or `8 to 30` of several."""
    try:
        ends = sorted({min(values), max(values)})
    except (TypeError, ValueError):
        ends = []  # nothing, or what has no order
    return " to ".join(f"{end:g}" if isinstance(end, float) else str(end) for end in ends)


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
    choice = config.data.choice
    if not config.data.rare:
        return None
    try:
        source = parse(config.data.address)
        images = source.load("train", limit=choice.limit, image_size=choice.image_size, exact=True)
    except KuzushijiError:
        return None
    balance = measure_balance({"train": images}, choice.cover or 1.0)
    kept = len(config.classes) - 1
    return replace(balance, kept=kept, cover=choice.cover or float(balance.coverage[kept - 1]))


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


def measure_title(measure: str) -> str:
    """What a measure is called."""
    return MEASURES.get(measure, measure.replace("_", " "))


def factor_title(factor: str) -> str:
    """What a field of the recipe or an option of a network is called."""
    name = factor.removeprefix("options.")
    return {"lr": "learning rate", LIMIT: "number of training images"}.get(name, name.replace("_", " "))
