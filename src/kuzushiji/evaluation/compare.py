"""Which of several predictions of the same test images is better, by how much, and whether it could be chance.

What is compared are predictions that exist, image by image.  Where something was trained with several seeds, its mean
over the seeds is compared: of each image, the share of the seeds that named it right.  Intervals and p-values tell how
other test images of the same kind could change the outcome; how another training could is only seen from the spread
over seeds (`Comparison.over_seeds`), and a difference counts as one only where both say so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import lcm, nan, sqrt
from statistics import stdev

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import UsageError
from kuzushiji.evaluation.bootstrap import (
    Estimate,
    bootstrap_estimate,
    check_interval,
    mean_of_defined,
    resampled,
    sums_by_class,
)
from kuzushiji.evaluation.roc import areas_with_replicates
from kuzushiji.evaluation.significance import holm, sign_flip_test
from kuzushiji.runs.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Scores:
    """What `compare_groups` needs to know of predictions; it is far smaller than they are.

    Attributes:
        right: int64 (N,), how many of the predictions named each image right.
        accuracies: of each of the predictions.
        values: measure -> (1 + R,), its value and its bootstrap replicates.
        predictions_of: what was predicted, for messages.
        ids, labels, classes: of the images, to tell whether others are the same.
    """

    right: NDArray[np.int64]
    accuracies: tuple[float, ...]
    values: Mapping[str, NDArray[np.float64]]
    predictions_of: str
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """How many predictions there are."""
        return len(self.accuracies)


Group = Predictions | Scores | Sequence[Predictions | Scores]
"""Predictions of one network, or those of several seeds; or their scores."""


@dataclass(frozen=True)
class SeedSpread:
    """How far other seeds could change a number.

    Attributes:
        error: its standard error over the seeds.
        freedom: degrees of freedom of that.
    """

    error: float
    freedom: float

    def half_width(self, confidence: float = 0.95) -> float:
        """Half the width of the t interval."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, (1 + confidence) / 2)) * self.error


def together(spreads: Sequence[SeedSpread]) -> SeedSpread:
    """The spread of a sum or difference of numbers.

    Source:
        B. L. Welch, The generalization of "Student's" problem when several different population variances are involved,
        Biometrika 34 (1947).
    """
    squares = [each.error**2 for each in spreads]
    parts = sum(square**2 / each.freedom for square, each in zip(squares, spreads, strict=True))
    # Where no seed differs from another, any number of them would do.
    freedom = sum(squares) ** 2 / parts if parts else sum(each.freedom for each in spreads)
    return SeedSpread(sqrt(sum(squares)), freedom)


@dataclass(frozen=True)
class Comparison:
    """The first of two against the second, on the same images.  Differences are first minus second.

    Attributes:
        first, second: what they are called.
        images: how many were compared.
        seeds: how many predictions stand behind each of the two.
        accuracy: difference in accuracy.
        balanced_accuracy: difference in the mean recall of the classes.
        auc_macro: difference in the mean area under the classes' ROC curves.
        only_first: images that the first alone named right; None where there are several seeds.
        only_second: images that the second alone named right; None likewise.
        p_value: of the difference in accuracy, by `sign_flip_test`, which for single predictions is McNemar's exact
            test.
        p_adjusted: the same, corrected by Holm for all pairs that were compared together.
        over_seeds: how far other seeds could change the difference in accuracy; None where either has a single one.
    """

    first: str
    second: str
    images: int
    seeds: tuple[int, int]
    accuracy: Estimate
    balanced_accuracy: Estimate
    auc_macro: Estimate
    only_first: int | None
    only_second: int | None
    p_value: float
    p_adjusted: float
    over_seeds: SeedSpread | None = None

    def differs(self, level: float = 0.05) -> bool:
        """Whether the accuracies differ by more than chance.

        That is, by the test over the images, at a level that holds for all pairs together, and, where there are
        several seeds, by the t interval over them.
        """
        low, high = self.seed_interval(1 - level)
        return self.p_adjusted < level and not low <= 0 <= high

    def seed_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Ends of the t interval over the seeds of the difference in accuracy; NaN where either has a single one."""
        half = nan if self.over_seeds is None else self.over_seeds.half_width(confidence)
        return self.accuracy.value - half, self.accuracy.value + half

    def swapped(self) -> "Comparison":
        """The second against the first."""
        return replace(
            self,
            first=self.second,
            second=self.first,
            seeds=self.seeds[::-1],
            only_first=self.only_second,
            only_second=self.only_first,
            accuracy=_negated(self.accuracy),
            balanced_accuracy=_negated(self.balanced_accuracy),
            auc_macro=_negated(self.auc_macro),
        )


def compare_groups(
    groups: Mapping[str, Group],
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> list[Comparison]:
    """Compares predictions of the same images, pair by pair.

    The intervals are bootstrapped over the images: all that is compared is measured on the same draws, so that what
    is hard for both cancels.

    Args:
        groups: name -> predictions of one network, or of several seeds.
        pairs: which to compare with which; every one with every other if None.
        confidence: share of such intervals that should hold the true difference, between 0 and 1.
        replicates: draws of the bootstrap; 0 gives no intervals.
        seed: of the draws.

    Returns:
        A comparison for each pair, their p-values corrected together.

    Raises:
        UsageError: fewer than two groups, an empty one, other images in one than in another, or a number out of range.
        DataError: predictions are no such thing: empty, not finite, labels that are none.

    Example:
        >>> compare_groups({"lenet5": one.predictions(), "alexnet": other.predictions()})[0].p_value  # doctest: +SKIP
        3.1e-42
    """
    scored: dict[int, Scores] = {}  # the same predictions may stand in several groups

    def scores(each: Predictions | Scores) -> Scores:
        if isinstance(each, Scores):
            return each
        if id(each) not in scored:
            scored[id(each)] = score(each, replicates=replicates, seed=seed)
        return scored[id(each)]

    means = {}
    for name, group in groups.items():
        members = [group] if isinstance(group, Predictions | Scores) else group
        means[name] = _mean_scores(name, [scores(each) for each in members])
    _check(means, confidence)
    chosen = list(combinations(means, 2)) if pairs is None else list(pairs)

    compared = []
    for first, second in chosen:
        one, other = means[first], means[second]
        single = one.seeds == other.seeds == 1
        differences = _whole_differences(one, other)
        compared.append(
            Comparison(
                first=first,
                second=second,
                images=len(one.right),
                seeds=(one.seeds, other.seeds),
                only_first=int((differences > 0).sum()) if single else None,
                only_second=int((differences < 0).sum()) if single else None,
                p_value=(p_value := sign_flip_test(differences)),
                p_adjusted=p_value,
                over_seeds=_over_seeds(one, other),
                **{
                    measure: _difference(one.values[measure], other.values[measure], confidence)
                    for measure in ("accuracy", "balanced_accuracy", "auc_macro")
                },
            )
        )
    return adjusted(compared)


def score(predictions: Predictions, *, replicates: int = 1000, seed: int = 0) -> Scores:
    """Measures predictions as `compare_groups` does itself; apart from it, so that they need not stay in memory.

    Args:
        predictions: logits and labels of N images.
        replicates, seed: as of `compare_groups`; only what was drawn alike can be compared.

    Raises:
        UsageError, DataError: as `compare_groups` does.
    """
    predictions.check()
    check_interval(replicates=replicates)
    labels, count = predictions.labels, len(predictions)
    drawn = _drawn(count, replicates if count > 1 else 0, seed)
    right = (predictions.predicted == labels).astype(np.int64)
    # The whole is a draw of each image once.
    draws = np.concatenate([np.ones((1, count), dtype=np.uint8), drawn])
    classes = len(predictions.classes)
    hits, support = sums_by_class(draws, labels, classes, right), sums_by_class(draws, labels, classes)
    recalls = np.divide(hits, support, out=np.full(hits.shape, nan), where=support > 0)
    accuracy = hits.sum(axis=1) / count
    areas, drawn_areas = areas_with_replicates(predictions.probabilities, labels, drawn)
    return Scores(
        right=right,
        accuracies=(float(accuracy[0]),),
        values={
            "accuracy": accuracy,
            "balanced_accuracy": mean_of_defined(recalls),
            "auc_macro": mean_of_defined(np.concatenate([areas[None], drawn_areas])),
        },
        predictions_of=f"{count:,} of {predictions.dataset} ({predictions.split})",
        ids=predictions.ids,
        labels=labels,
        classes=predictions.classes,
    )


def divided(first: Predictions, second: Predictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the images that the first alone named right, and of those that the second alone did.

    Args:
        first, second: predictions of the same images, as `compare_groups` checks.
    """
    right, other = (each.predicted == each.labels for each in (first, second))
    return np.flatnonzero(right & ~other), np.flatnonzero(other & ~right)


def adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, their p-values corrected for being so many and no more."""
    corrected = holm([each.p_value for each in comparisons])
    return [replace(each, p_adjusted=value) for each, value in zip(comparisons, corrected, strict=True)]


_drawn = lru_cache(maxsize=1)(resampled)


def _mean_scores(name: str, scores: Sequence[Scores]) -> Scores:
    if not scores:
        raise UsageError(f"there are no predictions of {name}")
    for each in scores[1:]:
        _check_same_images(scores[0], each, name, name)
    values = {measure: np.mean([each.values[measure] for each in scores], axis=0) for measure in scores[0].values}
    right = np.sum([each.right for each in scores], axis=0)
    accuracies = tuple(accuracy for each in scores for accuracy in each.accuracies)
    return replace(scores[0], right=right, accuracies=accuracies, values=values)


def _whole_differences(one: Scores, other: Scores) -> NDArray[np.int64]:
    """Differences of the shares of seeds that were right, each times a number that makes them whole."""
    common = lcm(one.seeds, other.seeds)
    return one.right * (common // one.seeds) - other.right * (common // other.seeds)


def _over_seeds(one: Scores, other: Scores) -> SeedSpread | None:
    if min(one.seeds, other.seeds) < 2:
        return None
    return together([SeedSpread(stdev(each.accuracies) / sqrt(each.seeds), each.seeds - 1) for each in (one, other)])


def _difference(one: NDArray[np.float64], other: NDArray[np.float64], confidence: float) -> Estimate:
    return bootstrap_estimate(one[0] - other[0], one[1:] - other[1:], confidence, low=-1.0, high=1.0)


def _negated(estimate: Estimate) -> Estimate:
    return Estimate(-estimate.value, -estimate.high, -estimate.low)


def _check(groups: Mapping[str, Scores], confidence: float) -> None:
    if len(groups) < 2:
        raise UsageError(f"a comparison needs at least two, found {len(groups)}")
    check_interval(confidence)
    first_name, first = next(iter(groups.items()))
    for name, scores in groups.items():
        _check_same_images(first, scores, first_name, name)
        if len(scores.values["accuracy"]) != len(first.values["accuracy"]):
            raise UsageError(f"{first_name} and {name} were scored with different numbers of replicates")


def _check_same_images(one: Scores, other: Scores, first: str, second: str) -> None:
    same = one.classes == other.classes and np.array_equal(one.ids, other.ids)
    if not same or not np.array_equal(one.labels, other.labels):
        raise UsageError(
            f"{first} and {second} did not predict the same images: {one.predictions_of} of {len(one.classes):,} "
            f"classes, {other.predictions_of} of {len(other.classes):,} classes"
        )
