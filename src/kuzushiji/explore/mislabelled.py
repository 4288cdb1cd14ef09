"""Labels that are likely wrong, by confident learning.

Source:
    Northcutt, Jiang and Chuang, Confident learning: estimating uncertainty in dataset labels (JAIR 70, 2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.runs.predictions import Predictions

VOTERS = 10
"""Neighbours whose labels speak for an image."""

FEWEST = 5
"""A class with fewer images is not judged: nothing could be learned of it."""

HIGHEST_THRESHOLD = 0.8
"""Of classes that are hardly ever mistaken the threshold would be so near 1 that a single wrong vote would miss it."""

QUERIES_AT_ONCE = 8192


@dataclass(frozen=True, eq=False)
class Opinions:
    """What somebody who has not seen an image's label thinks of each of N images.

    Attributes:
        classes: int64 (N, K), some classes of each image, each once; -1 where there are fewer.
        shares: float (N, K), the probability of each of them; all others count as 0.
    """

    classes: NDArray[np.int64]
    shares: NDArray[np.float64]

    def of(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """The probability of one class of each image, (N,)."""
        return np.where(self.classes == labels[:, None], self.shares, 0).sum(axis=1)

    @property
    def favourite(self) -> NDArray[np.int64]:
        """The most probable class of each image, (N,)."""
        return self.classes[np.arange(len(self.classes)), self.shares.argmax(axis=1)]


@dataclass(frozen=True, eq=False)
class Suspects:
    """Images whose labels are likely wrong, the likeliest first.

    Attributes:
        places: (M,), which of the images.
        suggested: (M,), the class that each more likely shows.
        given_share: (M,), the probability of the class that it has.
        suggested_share: (M,), that of the class suggested.
        judged: how many images were judged.
        agreement: the share of these whose most probable class is the one they have: how far the judge can be trusted.
    """

    places: NDArray[np.int64]
    suggested: NDArray[np.int64]
    given_share: NDArray[np.float64]
    suggested_share: NDArray[np.float64]
    judged: int
    agreement: float


def nearest_neighbours(
    scores: NDArray[np.float32],
    count: int,
    tell: Callable[[int, int], None] = lambda done, every: None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Distances to, and places of, the nearest other images of each image, both (N, count) or fewer."""
    from sklearn.neighbors import NearestNeighbors

    count = min(count, len(scores) - 1)
    search = NearestNeighbors(n_neighbors=count + 1, algorithm="brute").fit(scores)
    distances = np.empty((len(scores), count), dtype=np.float32)
    places = np.empty((len(scores), count), dtype=np.int64)
    for start in range(0, len(scores), QUERIES_AT_ONCE):
        queries = np.arange(start, min(start + QUERIES_AT_ONCE, len(scores)))
        found, who = search.kneighbors(scores[queries])
        # The image itself is among them, but among equal ones not always the first, and perhaps not at all.
        others = who != queries[:, None]
        others[others.all(axis=1), -1] = False
        distances[queries] = found[others].reshape(len(queries), count)
        places[queries] = who[others].reshape(len(queries), count)
        tell(int(queries[-1]) + 1, len(scores))
    return distances, places


def neighbours_opinions(
    labels: NDArray[np.int64],
    distances: NDArray[np.float32],
    neighbours: NDArray[np.int64],
    same_as: NDArray[np.int64],
    voters: int = VOTERS,
) -> Opinions:
    """What the nearest neighbours of each image say of it: each votes for its own class, the nearer the more.

    A neighbour with the same pixels does not vote, for its label is as doubtful.

    Args:
        labels: (N,), the class of each image.
        distances, neighbours: what `nearest_neighbours` gave, with some more than the voters.
        same_as: (N,), equal for images of equal pixels.
    """
    weights = 1 / np.maximum(distances.astype(np.float64), 1e-6)
    weights[same_as[neighbours] == same_as[:, None]] = 0
    # The nearest `voters` of those that may vote.
    weights[np.cumsum(weights > 0, axis=1) > voters] = 0
    voted = labels[neighbours]
    # A class's votes are gathered where it is named first.
    same_class = voted[:, :, None] == voted[:, None, :]
    gathered = (same_class * weights[:, None, :]).sum(axis=2)
    named_before = np.tril(np.ones(same_class.shape[1:], dtype=bool), -1) & same_class
    first = ~named_before.any(axis=2)
    shares = np.where(first, gathered, 0) / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return Opinions(np.where(first, voted, -1), shares)


def network_opinions(predictions: Predictions, most: int = 16) -> Opinions:
    """What a network says of images that it was not trained on: the probabilities of its likeliest classes.

    Args:
        predictions: its logits.
        most: how many classes of each image.
    """
    count = len(predictions)
    most = min(most, len(predictions.classes))
    classes, shares = np.empty((count, most), dtype=np.int64), np.empty((count, most))
    for start in range(0, count, QUERIES_AT_ONCE):
        logits = predictions.logits[start : start + QUERIES_AT_ONCE].astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        likely = np.argpartition(-logits, most - 1, axis=1)[:, :most]
        whole = np.exp(logits).sum(axis=1, keepdims=True)
        classes[start : start + len(logits)] = likely
        shares[start : start + len(logits)] = np.exp(np.take_along_axis(logits, likely, axis=1)) / whole
    return Opinions(classes, shares)


def find_suspects(
    labels: NDArray[np.int64],
    opinions: Opinions,
    class_count: int,
    nearness: NDArray[np.floating] | None = None,
) -> Suspects:
    """Finds labels that are likely wrong.

    A class's threshold is the mean probability that it is given on the images labelled with it, or `HIGHEST_THRESHOLD`
    if that is less.  An image of whose classes above their thresholds the most probable is not the one that it is
    labelled with is a suspect: it counts off the diagonal of the confident joint.  Here it must be more probable than
    the label's own class too.  Suspects are sorted by the margin between the two probabilities.  Classes with fewer
    than `FEWEST` images are neither suspected nor suggested.

    Args:
        labels: (N,), the class that each image is labelled with.
        opinions: of each image, from somebody who did not learn from it.
        class_count: the number of classes.
        nearness: (N,), of suspects with the same margin the one with the least comes first.
    """
    counts = np.bincount(labels, minlength=class_count)
    common = counts >= FEWEST
    judged = common[labels]
    given = opinions.of(labels)
    sums = np.bincount(labels, weights=given, minlength=class_count)
    thresholds = np.where(common, np.minimum(sums / np.maximum(counts, 1), HIGHEST_THRESHOLD), np.inf)
    # Of a class that is never recognized the threshold is 0, which every class that is not named at all would reach.
    reached = (opinions.classes >= 0) & (opinions.shares > 0)
    reached &= opinions.shares >= thresholds[opinions.classes] - 1e-12
    confident = np.where(reached, opinions.shares, -1)
    place = confident.argmax(axis=1)
    rows = np.arange(len(labels))
    favourite = opinions.classes[rows, place]
    suspected = judged & (confident[rows, place] > 0) & (favourite != labels)
    suspected &= confident[rows, place] > given
    chosen = np.flatnonzero(suspected)
    margin = given[chosen] - confident[chosen, place[chosen]]
    then = np.zeros(len(chosen)) if nearness is None else nearness[chosen]
    chosen = chosen[np.lexsort([then, margin.round(6)])]
    agreement = float((opinions.favourite == labels)[judged].mean()) if judged.any() else float("nan")
    return Suspects(
        chosen, favourite[chosen], given[chosen], confident[chosen, place[chosen]], int(judged.sum()), agreement
    )
