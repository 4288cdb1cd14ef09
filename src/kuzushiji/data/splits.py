"""Dividing images: validation, a split by hash where there is no official one, and the rare classes."""

import hashlib
import math
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataWarning, UsageError, whole_number

HASH_SPLITS = ("train", "validation", "test")
"""What the numbers of `assign_by_hash` stand for."""


@dataclass(frozen=True)
class Sample:
    """So many images of a split, each class in its proportion.

    Attributes:
        limit: how many at most.
        seed: of the draw.
        exact: choose among all, even where all must be decoded for that.
    """

    limit: int
    seed: int = 0
    exact: bool = False

    def __str__(self) -> str:
        return f"{self.limit} {self.seed}" if self.seed else str(self.limit)

    def rows(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which images of those with these labels, by their numbers, sorted."""
        return sample_of(labels, self.limit, seed=self.seed)


RARE = "rare"
"""What the class of all rare characters together is called."""


def validation_split(
    data: CharacterImages, *, fraction: float = 0.1, method: str = "stratified", seed: int = 0
) -> tuple[CharacterImages, CharacterImages]:
    """Sets images apart for validation.

    Args:
        data: the images to divide, a training set.
        fraction: how much of it is for validation, between 0 and 1.
        method: `stratified`: the same share of every class, drawn by `seed`; a class of n images gives
            round(n * fraction) of them, and never all.  `last`: the last part of the data as it stands, as Keras'
            `fit(validation_split=...)` has it: the first floor(N * (1 - fraction)) images train.  The experiments on
            Kuzushiji-49 with dense and convolutional networks used the last 30 %.  Where the images stand class by
            class, as class folders have them, it is `stratified`, and a `DataWarning` says so.
        seed: of the draw; `last` draws nothing.

    Returns:
        The images to train on and those for validation, both in the order of `data`.

    Raises:
        UsageError: fraction or method is wrong, or one part would be empty.
    """
    if not 0 < fraction < 1:
        raise UsageError(f"fraction is {fraction}; expected a number between 0 and 1")
    if method == "last":
        split_at = math.floor(len(data) * (1.0 - fraction))
        if not 0 < split_at < len(data):
            raise UsageError(f"{fraction:g} of {len(data)} images leaves one part empty; choose another fraction")
        if not _is_by_class(data.labels):
            return data.select(slice(None, split_at), "train"), data.select(slice(split_at, None), "validation")
        note = (
            f"the images of {data.name} are in the order of their classes, so that the last of them are no sample of "
            "all; validation has its share of every class instead"
        )
        warnings.warn(note, DataWarning, stacklevel=2)
        data, method = replace(data, notes=(*data.notes, note)), "stratified"
    if method != "stratified":
        raise UsageError(f"there is no method {method!r}; known: stratified, last")
    counts = data.class_counts()
    # round() to even would treat classes of 5, 15 and 25 images differently.
    wanted = np.minimum(np.floor(counts * fraction + 0.5), np.maximum(counts - 1, 0))
    held_out = shuffled_ranks(data.labels, seed) < wanted[data.labels]
    if not held_out.any():
        raise UsageError(f"{fraction:g} of each class of {data.name} is less than one image; choose a larger fraction")
    return data.select(~held_out, "train"), data.select(held_out, "validation")


def _is_by_class(labels: NDArray[np.int64]) -> bool:
    """Whether images with these labels stand class by class, as class folders have them, perhaps of several sources.

    Where they stand in any order, the class changes from one image to the next nearly as often as it does between two
    images that are drawn.
    """
    counts = np.bincount(labels).astype(np.float64)
    others = 1 - (counts * (counts - 1)).sum() / max(1, len(labels) * (len(labels) - 1))
    changes = np.count_nonzero(np.diff(labels))
    return changes < others * (len(labels) - 1) / 2


def add_to_training(
    train: CharacterImages, validation: CharacterImages, share: float, *, seed: int = 0
) -> tuple[CharacterImages, CharacterImages]:
    """Gives a share of the validation images to training, for a last training when all choices have been made.

    Args:
        share: of the validation images, between 0 and 1.
        seed: of the draw, which is by image and not class by class, so that those left have their share of the rare
            classes and can still calibrate.

    Returns:
        The training images, the added ones last, and the validation images that are left.

    Raises:
        UsageError: none would be added, or none left.
    """
    count = math.floor(len(validation) * share + 0.5)
    if not 0 < count < len(validation):
        what = "all" if count else "none"
        raise UsageError(f"a share of {share:g} is {what} of {len(validation)} validation images; choose another one")
    chosen = np.zeros(len(validation), dtype=bool)
    chosen[np.random.default_rng(seed).permutation(len(validation))[:count]] = True
    added, left = validation.select(chosen), validation.select(~chosen)
    both = replace(
        train,
        images=np.concatenate([train.images, added.images]),
        labels=np.concatenate([train.labels, added.labels]),
        ids=np.concatenate([train.ids, added.ids]),
    )
    return both, left


def subsample(data: CharacterImages, count: int, *, seed: int = 0) -> CharacterImages:
    """At most `count` images, each class in the proportion that it has; they keep their ids and their order.

    A smaller sample of the same seed is part of a larger one.

    Raises:
        UsageError: count is less than 1.
    """
    whole_number("limit", count)
    return data.select(sample_of(data.labels, count, seed=seed)) if count < len(data) else data


def sample_of(labels: NDArray[np.int64], count: int, *, seed: int = 0) -> NDArray[np.int64]:
    """Which images `subsample` takes of those with these labels, by their numbers, sorted."""
    if count >= len(labels):
        return np.arange(len(labels))
    # An image's place within its class, between 0 and 1: the smallest places are an equal share of every class.
    place = (shuffled_ranks(labels, seed) + 0.5) / np.bincount(labels)[labels]
    return np.sort(np.argsort(place, kind="stable")[:count])


def pixel_hash(pixels: NDArray[np.uint8]) -> bytes:
    """SHA-256 of the size and the pixels of an image: equal for equal images, however they were stored."""
    return hashlib.sha256(b"%dx%d:" % pixels.shape + pixels.tobytes()).digest()


def assign_by_hash(hashes: NDArray, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The side of each image in a split by hash: an index into `HASH_SPLITS`.

    Each class is divided by itself.  Its images are sorted by hash; the first tenth is for test, the next tenth for
    validation, the rest for training.  A tenth is rounded to whole images, so that a class of fewer than five only
    trains: the accuracy of a sample with one image of every rare class would say little of what one meets in books.

    - every class keeps at least one image for training, and a class with a single image has only that;
    - images with equal pixels stay together; where they have different labels, as blank images do, all of them train.

    Since the hash alone sorts, a copy of the data that lacks some images gives nearly all others the same side.

    Args:
        hashes: (N,), equal for equal images; any type that holds bytes.
        labels: int64 (N,).
    """
    train, validation, test = range(3)
    keys = [hash_.tobytes() for hash_ in hashes]
    positions: dict[bytes, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        positions[key].append(position)
    of_class: dict[int, set[bytes]] = defaultdict(set)
    for label, key in zip(labels.tolist(), keys, strict=True):
        of_class[label].add(key)

    sides = np.full(len(labels), train, dtype=np.int64)
    for members in of_class.values():
        own = [key for key in sorted(members) if len(set(labels[positions[key]])) == 1]
        shared = len(own) < len(members)
        count = sum(len(positions[key]) for key in own)
        tenth = int(count / 10 + 0.5)
        # One hash stays for training, unless the class trains on images that it shares with another.
        free = own if shared else own[:-1]
        wanted = {test: tenth, validation: tenth}
        for side in (test, validation):
            while free and wanted[side] > 0:
                key, *free = free
                sides[positions[key]] = side
                wanted[side] -= len(positions[key])
    return sides


def check_cut_off(cover: float | None, rare_below: int | None) -> None:
    """Checks what says which classes are rare; both may be None.

    Raises:
        UsageError: a value is out of range, or both are given.
    """
    if cover is not None and rare_below is not None:
        raise UsageError("cover and rare_below both say which classes are rare; give one of them")
    if cover is not None and not 0 < cover <= 1:
        raise UsageError(f"cover is {cover:g}; it must be above 0 and at most 1, such as 0.9 for nine tenths")
    if rare_below is not None and rare_below < 1:
        raise UsageError(f"rare_below is {rare_below}; it must be at least 1")


def frequent_classes(
    data: CharacterImages, *, cover: float | None = None, rare_below: int | None = None
) -> tuple[str, ...]:
    """The classes that are not rare, the most frequent first.

    Args:
        data: the training images, whose counts alone decide.
        cover: the fewest classes that make up so large a share of the images, above 0 and at most 1.
        rare_below: all classes with at least so many images.

    Returns:
        `kept` of `group_rare`; every class that has an image where neither is given.

    Raises:
        UsageError: a value is out of range, both are given, or every class would be rare.

    Example:
        >>> kept = frequent_classes(train, cover=0.9)                   # doctest: +SKIP
        >>> train, test = group_rare(train, kept), group_rare(test, kept)  # doctest: +SKIP
    """
    check_cut_off(cover, rare_below)
    counts = np.sort(data.class_counts())[::-1]
    kept = int(np.count_nonzero(counts >= (rare_below or 1)))
    if cover is not None:
        # Compared as whole images: the sum of shares that are not exact may fall short of 1.
        kept = int(np.searchsorted(np.cumsum(counts), math.ceil(cover * len(data) - 1e-9)) + 1)
    if kept == 0:
        raise UsageError(
            f"no class of {data.name} has {rare_below:,} images to train on (the most frequent has "
            f"{counts.max(initial=0):,}), so that all would be rare; choose a smaller number"
        )
    frequent = np.argsort(-data.class_counts(), kind="stable")[:kept]
    return tuple(data.classes[label] for label in frequent)


def group_rare(data: CharacterImages, kept: tuple[str, ...], *, rare: str = RARE) -> CharacterImages:
    """The same images with the classes `kept` and, as the last class, all others together.

    Args:
        kept: `frequent_classes` of the training set; the same for every split.
        rare: what the last class is called.

    Raises:
        UsageError: a class to keep is not one of the data's, or is called as the last one.
    """
    index = {name: number for number, name in enumerate(data.classes)}
    for name in kept:
        if name not in index or name == rare:
            raise UsageError(f"the class {name!r} cannot be kept: {data.name} does not have it, or it is the rare one")
    new_label = np.full(len(data.classes), len(kept), dtype=np.int64)
    new_label[[index[name] for name in kept]] = np.arange(len(kept))
    return replace(data, labels=new_label[data.labels], classes=(*kept, rare))


def with_classes_of(classes: tuple[str, ...], data: CharacterImages, *, has_rare: bool = False) -> CharacterImages:
    """The images whose characters are among `classes`, labelled by their index there.

    Args:
        has_rare: whether the last of `classes` stands for all rare characters, so that every image whose character is
            not among the others is kept, and is one of these.

    Raises:
        UsageError: none of the characters is among them.
    """
    if data.classes == classes:
        return data
    named = classes[:-1] if has_rare else classes
    otherwise = len(named) if has_rare else -1
    index = {character: number for number, character in enumerate(named)}
    numbers = np.array([index.get(character, otherwise) for character in data.classes], dtype=np.int64)
    known = numbers[data.labels] >= 0
    if not known.any():
        raise UsageError(f"no image of {data.name} shows a character that the network knows")
    chosen = data if known.all() else data.select(np.flatnonzero(known))
    return replace(chosen, labels=numbers[chosen.labels], classes=classes)


def shuffled_ranks(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Numbers the images of each class 0, 1, 2 ... in an order drawn by `seed`, (N,)."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    starts = np.searchsorted(labels[by_class], labels[by_class], side="left")
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - starts
    return ranks
