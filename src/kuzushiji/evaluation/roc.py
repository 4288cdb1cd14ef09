"""Receiver operating characteristic, one class against the rest: areas, their replicates, curves to draw.

A class's area under the curve (AUC) is the share of pairs of an image of the class and an image of another
class that the class's probability ranks right, a tie counting half.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLASSES_AT_ONCE = 128  # bounds the memory of a (classes, images) block
REPLICATES_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class RocCurve:
    """The corners of a curve, from (0, 0) to (1, 1).

    Attributes:
        false_positive_rate: (K,), never falling.
        true_positive_rate: (K,), never falling.
    """

    false_positive_rate: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]

    @property
    def area(self) -> float:
        """Area under the curve."""
        x, y = self.false_positive_rate, self.true_positive_rate
        return float((np.diff(x) * (y[1:] + y[:-1])).sum() / 2)


_DIAGONAL = RocCurve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))


def misranked(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each image, the share of the images of the other side that stand on the wrong side of it.

    That is, for a positive the share of negatives with a higher score, for a negative the share of positives
    with a lower one; a tie counts half.  Its mean over the positives, and as well over the negatives, is 1 - AUC.
    These are the placement values of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), from one.

    Args:
        scores: (N,).
        positive: (N,), with at least one positive and one negative.
    """
    distinct, place, counts = np.unique(scores[positive], return_inverse=True, return_counts=True)
    # Positives strictly below each image, and up to it: without sorting all N scores.
    below = np.searchsorted(distinct, scores, side="left")
    up_to = np.searchsorted(distinct, scores, side="right")
    positives_below = np.concatenate([[0], np.cumsum(counts)])
    shares = (positives_below[below] + positives_below[up_to]) / (2 * positives_below[-1])
    negative = ~positive
    above = _beyond(below[negative], len(distinct)) + _beyond(up_to[negative], len(distinct))
    shares[positive] = (above / (2 * negative.sum()))[place]
    return shares


def _beyond(places: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """How many of `places` are greater than 0, 1, ..., count - 1."""
    return np.cumsum(np.bincount(places, minlength=count + 1)[:0:-1])[::-1]


def areas_with_replicates(
    scores: NDArray[np.floating], labels: NDArray[np.int64], drawn: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUC of each class against the rest, of the whole set and of every bootstrap replicate.

    A replicate's area is a double sum over positives and negatives.  It is taken here from the marginal sums
    (`misranked`, weighted by how often each image was drawn), which leaves out only the interaction of the two
    draws; that is smaller than the rest by about the square root of the number of negatives.  So nothing is
    ranked again, and 1,000 replicates cost a single matrix product.

    Args:
        scores: (N, C), such as probabilities.
        labels: (N,).
        drawn: (R, N), how often each image was drawn in each replicate.

    Returns:
        areas (C,) and replicates (R, C); NaN where a class has no image or every image.
    """
    count, classes = scores.shape
    members = np.bincount(labels, minlength=classes)
    ranked = np.flatnonzero((members > 0) & (members < count))
    lost = np.full(classes, np.nan)  # 1 - AUC
    lost_positives = np.zeros(count)  # each image among the images of its own class
    replicates = np.full((len(drawn), classes), np.nan)
    for start in range(0, len(ranked), CLASSES_AT_ONCE):
        some = ranked[start : start + CLASSES_AT_ONCE]
        columns = np.ascontiguousarray(scores[:, some].T)
        lost_negatives = np.empty(columns.shape, dtype=np.float32)
        for row, label in enumerate(some):
            positive = labels == label
            shares = misranked(columns[row], positive)
            lost[label] = shares[positive].mean()
            lost_positives[positive] = shares[positive]
            shares[positive] = 0
            lost_negatives[row] = shares
        for first in range(0, len(drawn), REPLICATES_AT_ONCE):
            rows = slice(first, first + REPLICATES_AT_ONCE)
            replicates[rows, some] = drawn[rows].astype(np.float32) @ lost_negatives.T

    for times, replicate in zip(drawn, replicates, strict=True):
        positives = np.bincount(labels, times, classes)
        sums = np.bincount(labels, times * lost_positives, classes)
        with np.errstate(divide="ignore", invalid="ignore"):  # the replicate may have lost a class: NaN
            replicate[:] = 1 - np.clip(sums / positives + replicate / (count - positives) - lost, 0, 1)
    return 1 - lost, replicates


def roc_curve_of(scores: NDArray[np.floating], labels: NDArray[np.int64], label: int) -> RocCurve:
    """The curve of one class against the rest.

    Args:
        scores: (N, C), such as probabilities.
        labels: (N,).
        label: the class.

    Returns:
        The curve without the points that lie on the straight line between their neighbours.  A class that
        has no image, or every image, has no curve: the diagonal is given.
    """
    positive = labels == label
    distinct, counts = np.unique(scores[positive, label], return_counts=True)
    negatives = scores[~positive, label]
    if not len(counts) or not len(negatives):
        return _DIAGONAL
    # Negatives with a higher score than each distinct one of a positive, and with a higher or the same one.
    above = _beyond(np.searchsorted(distinct, negatives, side="left"), len(distinct))
    not_below = _beyond(np.searchsorted(distinct, negatives, side="right"), len(distinct))
    up_to = np.cumsum(counts[::-1])
    # Each distinct score gives the point just before it is reached and the point when all ties are in.
    x = np.concatenate([[0], np.stack([above, not_below], axis=1)[::-1].ravel(), [len(negatives)]])
    y = np.concatenate([[0], np.stack([up_to - counts[::-1], up_to], axis=1).ravel(), [up_to[-1]]])
    moved = np.concatenate([[True], (np.diff(x) > 0) | (np.diff(y) > 0)])
    x, y = x[moved].astype(np.int64), y[moved].astype(np.int64)
    dx, dy = np.diff(x), np.diff(y)
    corner = np.concatenate([[True], dx[:-1] * dy[1:] != dx[1:] * dy[:-1], [True]])
    return RocCurve(x[corner] / len(negatives), y[corner] / up_to[-1])


def macro_roc_curve(scores: NDArray[np.floating], labels: NDArray[np.int64], points: int = 501) -> RocCurve:
    """The mean of the classes' curves at equal false positive rates, each class with an image counting the same.

    Args:
        scores: (N, C), such as probabilities.
        labels: (N,).
        points: at how many false positive rates; they lie closer towards 0, where good curves bend.
    """
    rates = np.concatenate([[0.0], np.geomspace(1e-5, 1, points - 1)])
    members = np.bincount(labels, minlength=scores.shape[1])
    ranked = np.flatnonzero((members > 0) & (members < len(labels)))
    if not len(ranked):
        return _DIAGONAL
    mean = np.zeros(points)
    for label in ranked:
        curve = roc_curve_of(scores, labels, int(label))
        mean += np.interp(rates, curve.false_positive_rate, curve.true_positive_rate) / len(ranked)
    return RocCurve(np.concatenate([[0.0], rates]), np.concatenate([[0.0], mean]))
