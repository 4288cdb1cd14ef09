"""Whether two splits differ: a classifier that tells their images apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.roc import misranked
from kuzushiji.records import as_plain

MOST = 4000
"""Images of each split that are compared."""

FOLDS = 5
FEWEST = 25
"""With fewer images on a side nothing is said."""


@dataclass(frozen=True, eq=False)
class Shift:
    """How far two splits can be told apart.

    Attributes:
        first: name of one split, such as `train`.
        second: name of the other.
        auc: the chance that of two images, one of each split, the classifier knows which is which, with its 95 %
            interval; 0.5 where the splits do not differ.
        count: images of each split, equally many of every class.
        first_numbers: (count,), numbers of the images of the first split, those most like the second one last.
        second_numbers: (count,), numbers of those of the second, those most like the first one last.
        first_scores: (count,), how much like the second split each of `first_numbers` looks, 0 to 1.
        second_scores: (count,), the same of `second_numbers`.
    """

    first: str
    second: str
    auc: Estimate
    count: int
    first_numbers: NDArray[np.int64]
    second_numbers: NDArray[np.int64]
    first_scores: NDArray[np.float64]
    second_scores: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON has them."""
        return {"splits": [self.first, self.second], "images_of_each": self.count, "auc": as_plain(self.auc)}


def measure_shift(
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    names: tuple[str, str] = ("train", "test"),
    *,
    most: int = MOST,
    seed: int = 0,
) -> Shift | None:
    """Trains a classifier to tell two splits apart and measures it by cross-validation.

    Each image of one split is paired with one of the same class of the other, so that the mixture of classes says
    nothing; a pair stays together, so that what is left of a class to learn from says nothing either.  The classifier
    is gradient boosting of decision trees; each image is scored by one that has not seen it.

    Args:
        scores: (N, D), features of all images.
        labels: (N,), their classes.
        first, second: numbers of the images of the two splits.
        names: of the two splits.
        most: how many images of each are taken.
        seed: of the draw and the folds.

    Returns:
        None if the splits have too few images of the same classes.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    first, second = _alike(labels, first, second, most, seed)
    if len(first) < FEWEST:
        return None
    numbers = np.concatenate([first, second])
    side = np.repeat([False, True], len(first))
    score, areas = np.empty(len(numbers)), []
    fold = np.tile(np.random.default_rng(seed).permutation(len(first)) % FOLDS, 2)
    for number in range(FOLDS):
        learn, judge = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        trees = HistGradientBoostingClassifier(max_leaf_nodes=15, early_stopping=False, random_state=seed)
        trees.fit(scores[numbers[learn]], side[learn])
        score[judge] = trees.predict_proba(scores[numbers[judge]])[:, 1]
        areas.append(1 - float(misranked(score[judge], side[judge])[side[judge]].mean()))
    one, other = np.argsort(score[~side], kind="stable"), np.argsort(-score[side], kind="stable")
    return Shift(
        *names,
        mean_with_interval(areas, 1 / (FOLDS - 1)),
        len(first),
        first[one],
        second[other],
        score[~side][one],
        score[side][other],
    )


def mean_with_interval(measured: list[float], judged_to_learned: float, confidence: float = 0.95) -> Estimate:
    """The mean over the folds of a cross-validation, with an interval that knows that the folds share images.

    Args:
        measured: what was measured in each fold, between 0 and 1.
        judged_to_learned: images that are judged for one that is learned from.
        confidence: share of such intervals that should hold the true mean.

    Source:
        The corrected variance of Nadeau and Bengio, Inference for the generalization error (Machine Learning 52, 2003).
    """
    from scipy.stats import t

    mean = float(np.mean(measured))
    variance = float(np.var(measured, ddof=1)) * (1 / len(measured) + judged_to_learned)
    half = float(t.ppf((1 + confidence) / 2, len(measured) - 1)) * variance**0.5
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0))


def _alike(
    labels: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64], most: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As many images of the same classes in the same order from both, drawn at random, about `most` of each at most."""
    generator = np.random.default_rng(seed)
    first, second = generator.permutation(first), generator.permutation(second)
    size = int(labels.max(initial=0)) + 1
    common = np.minimum(np.bincount(labels[first], minlength=size), np.bincount(labels[second], minlength=size))
    if common.sum() > most:
        # Each class gives its share, rounded at random so that rare ones are neither all lost nor all kept.
        wanted = common * (most / common.sum())
        common = np.minimum(np.floor(wanted + generator.random(size)).astype(np.int64), common)
    chosen = (numbers[_first_of_each(labels[numbers], common)] for numbers in (first, second))
    first, second = (numbers[np.argsort(labels[numbers], kind="stable")] for numbers in chosen)
    return first, second


def _first_of_each(labels: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which are among the first `wanted` of their class."""
    order = np.argsort(labels, kind="stable")
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels)) - np.searchsorted(labels[order], labels[order], side="left")
    return ranks < wanted[labels]
