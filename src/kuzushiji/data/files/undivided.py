"""Some training images of class folders that nothing divides but the hashes of their pixels, without decoding all.

`assign_by_hash` gives the lowest two tenths of each class to test and validation.  How many images of a class there are
is known from the names of the files, and hashes are as good as drawn; so an image whose hash is high enough trains,
whatever the hashes of the others are, and images are looked at in an order that is drawn until there are enough of
these.  That one of them is not for training after all has a chance of less than one in 10^9, where it is not that many
images of its class are copies of one another.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.splits import HASH_SPLITS, assign_by_hash, sample_of, shuffled_ranks

_CHANCE = 1e-9


def training_counts(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many images of each class `assign_by_hash` leaves for training, if none is a copy of another; (C,)."""
    sizes = np.bincount(labels).astype(np.int64)
    return sizes - 2 * _tenth(sizes)


def some_that_train(
    labels: NDArray[np.int64], limit: int, hashes: Callable[[list[int]], list[bytes]]
) -> NDArray[np.int64]:
    """Which images to take where `limit` training images are wanted, each class in its proportion.

    Those for a smaller limit are part of those for a larger one.

    Args:
        labels: int64 (N,), of all images.
        limit: how many at most.
        hashes: is given positions in ascending order, and returns the `pixel_hash` of each image; it is asked for few
            more images than are taken.

    Returns:
        Positions, sorted; fewer than `limit` only where classes hold many copies.
    """
    trained = np.repeat(np.arange(labels.max(initial=-1) + 1), training_counts(labels))
    wanted = np.bincount(trained[sample_of(trained, limit)], minlength=labels.max(initial=-1) + 1)
    order = np.lexsort((shuffled_ranks(labels, 0), labels))
    starts = np.searchsorted(labels[order], np.arange(len(wanted) + 1))
    drawn = [_Class(order[starts[each] : starts[each + 1]].tolist(), int(wanted[each])) for each in wanted.nonzero()[0]]
    while asked := sorted(place for each in drawn for place in each.next()):
        found = dict(zip(asked, hashes(asked), strict=True))
        for each in drawn:
            each.look(found)
    return np.array(sorted(place for each in drawn for place in each.taken()), np.int64)


class _Class:
    """One class, of which images are looked at until enough of them are sure to train."""

    def __init__(self, places: list[int], wanted: int) -> None:
        self._places, self._wanted = places, wanted
        self._bound = _surely_from(len(places))
        self._hashes: dict[int, bytes] = {}

    def next(self) -> list[int]:
        """The places to look at next; none if there are enough, or no more."""
        missing, seen = self._wanted - len(self._sure()), len(self._hashes)
        return self._places[seen : seen + math.ceil(missing / (1 - self._bound))] if missing > 0 else []

    def look(self, found: dict[int, bytes]) -> None:
        """Takes note of the hashes of the places that were asked for."""
        self._hashes.update((place, found[place]) for place in self.next())

    def taken(self) -> list[int]:
        """The places that train: the sure ones first, then, of a class that is known whole, the others."""
        sure = self._sure()
        if len(sure) < self._wanted and len(self._hashes) == len(self._places):
            whole = np.array([self._hashes[place] for place in self._places], "V32")
            sides = assign_by_hash(whole, np.zeros(len(whole), np.int64))
            train = np.flatnonzero(sides == HASH_SPLITS.index("train"))
            first = set(sure)
            sure += [place for place in (self._places[row] for row in train) if place not in first]
        return sure[: self._wanted]

    def _sure(self) -> list[int]:
        return [place for place, hash_ in self._hashes.items() if int.from_bytes(hash_[:8]) >= self._bound * 2**64]


def _tenth(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.floor(sizes / 10 + 0.5).astype(np.int64)


@functools.cache
def _surely_from(size: int) -> float:
    """The share of all hashes that lie below those which train for sure in a class of `size` images.

    That no more than two tenths of the others are below a share u has at most the chance exp(-(size - 1) D) (Chernoff),
    with D the Kullback-Leibler divergence between a coin of that share of heads and one of u.
    """
    below = 2 * int(_tenth(np.array(size)))
    if not below:
        return 0.0
    share, low, high = below / (size - 1), below / (size - 1), 1.0
    for _ in range(50):
        middle = (low + high) / 2
        divergence = share * math.log(share / middle) + (1 - share) * math.log((1 - share) / (1 - middle))
        low, high = (low, middle) if (size - 1) * divergence >= -math.log(_CHANCE) else (middle, high)
    return high
