"""Some images of class folders that nothing divides but the hashes of their pixels, without decoding all.

`assign_by_hash` gives the lowest tenth of each class to test, the next to validation.  How many images of a class there
are is known from the names of the files, and hashes are as good as drawn; so an image whose hash is high enough trains,
and one whose hash is low enough tests, whatever the hashes of the others are.  Images are looked at in an order that is
drawn until there are enough of these.  That one of them is of another split after all has a chance of less than one in
10^9, where it is not that many images of its class are copies of one another, or that another class has a copy of it.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.splits import HASH_SPLITS, Sample, assign_by_hash, sample_of, shuffled_ranks

_CHANCE = 1e-9

_FEW = 0.25
"""Where more than this share of all images is to be looked at, all may as well be decoded, with all cores, and kept."""


def counts_of(labels: NDArray[np.int64], split: str) -> NDArray[np.int64]:
    """How many images of each class `assign_by_hash` gives to a split, if none is a copy of another; (C,)."""
    sizes = np.bincount(labels).astype(np.int64)
    return sizes - 2 * _tenth(sizes) if split == "train" else _tenth(sizes)


def are_found_soon(labels: NDArray[np.int64], split: str, wanted: Sample) -> bool:
    """Whether `some_of` has to look at few of the images with these labels, and not at most of them."""
    sizes = np.bincount(labels).tolist()
    number = _wanted(labels, split, wanted)
    looked = sum(min(size, _asked(size, split, some)) for size, some in zip(sizes, number.tolist(), strict=True))
    return looked <= max(_FEW * len(labels), 2 * wanted.limit)


def some_of(
    labels: NDArray[np.int64], split: str, wanted: Sample, hashes: Callable[[list[int]], list[bytes]]
) -> NDArray[np.int64]:
    """Which images to take where some of a split are wanted, each class in its proportion.

    Those for a smaller limit are part of those for a larger one.

    Args:
        labels: int64 (N,), of all images.
        split: one of `HASH_SPLITS`.
        wanted: how many at most.
        hashes: is given positions in ascending order, and returns the `pixel_hash` of each image; it is asked for no
            more images than it takes.

    Returns:
        Positions, sorted; fewer than wanted only where classes hold many copies.
    """
    number = _wanted(labels, split, wanted)
    order = np.lexsort((shuffled_ranks(labels, wanted.seed), labels))
    starts = np.searchsorted(labels[order], np.arange(len(number) + 1))
    drawn = [
        _Class(order[starts[each] : starts[each + 1]].tolist(), split, int(number[each]))
        for each in number.nonzero()[0]
    ]
    while asked := sorted(place for each in drawn for place in each.next()):
        found = dict(zip(asked, hashes(asked), strict=True))
        for each in drawn:
            each.look(found)
    return np.array(sorted(place for each in drawn for place in each.taken()), np.int64)


def _wanted(labels: NDArray[np.int64], split: str, wanted: Sample) -> NDArray[np.int64]:
    """How many of each class; (C,)."""
    counts = counts_of(labels, split)
    of_split = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(of_split[sample_of(of_split, wanted.limit, seed=wanted.seed)], minlength=len(counts))


class _Class:
    """One class, of which images are looked at until enough of them are sure to be of the split."""

    def __init__(self, places: list[int], split: str, wanted: int) -> None:
        self._places, self._split, self._wanted = places, split, wanted
        self._range = _surely_in(len(places), split)
        self._hashes: dict[int, bytes] = {}

    def next(self) -> list[int]:
        """The places to look at next; none if there are enough, or no more."""
        missing, seen = self._wanted - len(self._sure()), len(self._hashes)
        return self._places[seen : seen + _asked(len(self._places), self._split, missing)] if missing > 0 else []

    def look(self, found: dict[int, bytes]) -> None:
        """Takes note of the hashes of the places that were asked for."""
        self._hashes.update((place, found[place]) for place in self.next())

    def taken(self) -> list[int]:
        """The places of the split: the sure ones first, then, of a class that is known whole, the others."""
        sure = self._sure()
        if len(sure) < self._wanted and len(self._hashes) == len(self._places):
            whole = np.array([self._hashes[place] for place in self._places], "V32")
            sides = assign_by_hash(whole, np.zeros(len(whole), np.int64))
            rows = np.flatnonzero(sides == HASH_SPLITS.index(self._split))
            first = set(sure)
            sure += [place for place in (self._places[row] for row in rows) if place not in first]
        return sure[: self._wanted]

    def _sure(self) -> list[int]:
        low, high = self._range.low * 2**64, self._range.high * 2**64
        return [place for place, hash_ in self._hashes.items() if low <= int.from_bytes(hash_[:8]) < high]


@dataclass(frozen=True)
class _Range:
    """Shares of all hashes between which an image is sure to be of a split; none where `low` is above `high`."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return max(0.0, self.high - self.low)


def _asked(size: int, split: str, missing: int) -> int:
    """Of how many images of a class of `size` so many are likely to be sure."""
    width = _surely_in(size, split).width
    return min(size, math.ceil(missing / width)) if width else size * (missing > 0)


def _tenth(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.floor(sizes / 10 + 0.5).astype(np.int64)


@functools.cache
def _surely_in(size: int, split: str) -> _Range:
    """Between what hashes an image of a class of `size` images is sure to be of a split."""
    tenth = int(_tenth(np.array(size)))
    if not tenth:
        return _Range(0, 1) if split == "train" else _Range(1, 0)
    if split == "test":
        return _Range(0, _bound(size, tenth, above=False))
    if split == "train":
        return _Range(_bound(size, 2 * tenth, above=True), 1)
    return _Range(_bound(size, tenth, above=True), _bound(size, 2 * tenth, above=False))


def _bound(size: int, count: int, *, above: bool) -> float:
    """The share of all hashes above which an image is surely not among the lowest `count`, or below which it surely is.

    That no more than `count` of the others are below a share u, where more are to be expected, or no fewer where fewer
    are, has at most the chance exp(-(size - 1) D) (Chernoff), with D the Kullback-Leibler divergence between a coin of
    that share of heads and one of u.
    """
    share = count / (size - 1)
    near, far = share, 1.0 if above else 0.0
    for _ in range(50):
        middle = (near + far) / 2
        divergence = share * math.log(share / middle) + (1 - share) * math.log((1 - share) / (1 - middle))
        near, far = (near, middle) if (size - 1) * divergence >= -math.log(_CHANCE) else (middle, far)
    return far
