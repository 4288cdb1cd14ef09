"""Data that is made of other data: several sources together, a few beside many, parent kanji as their kana."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import kana_of
from kuzushiji.data.catalogue.catalogued import Catalogued
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.origin import Labelled, Sampled
from kuzushiji.data.splits import HASH_SPLITS, Sample, pixel_hash, sample_of, subsample
from kuzushiji.errors import UsageError

if TYPE_CHECKING:
    from kuzushiji.data.source import Source

MOST_BESIDE = 6000
"""Of what stands beside the few, so many images train and so many test."""

_SHARE = 0.25
"""The few are taken so often that they are as many as this share of what stands beside them."""

_HELD_OUT = 0.2

_TRAIN_ALONE = ("train",)
"""The splits of what is there to train on and for nothing else."""


@dataclass(frozen=True)
class ParentKanji:
    """Of a set of kanji the parents of some kana, each as its kana: their cursive forms are how the kana was written.

    Attributes:
        kanji: the set of kanji.
        kana: the classes, in their order; those without a parent in the set are left out.
    """

    kanji: Catalogued
    kana: tuple[str, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of the kanji."""
        return self.kanji.splits

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split whose characters are parents of these kana, labelled by the kana."""
        data = self.kanji.read(split, side, progress)
        kana = [kana_of(character) for character in data.classes]
        classes = tuple(each for each in self.kana if each in kana)
        label = np.array([classes.index(each) if each in classes else -1 for each in kana], np.int64)[data.labels]
        kept = np.flatnonzero(label >= 0)
        return replace(data, images=data.images[kept], labels=label[kept], ids=data.ids[kept], classes=classes)


@dataclass(frozen=True)
class Together:
    """Several sources, each image labelled by its character; the classes of the first come first.

    Validation images of one are training images where others have none; one that has training images alone adds to
    these, and its classes to all splits.
    """

    sources: tuple["Source", ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that all have but the ones that have training images alone; `all` where that is none."""
        each = [source.splits for source in self.sources]
        divided = [has for has in each if has != _TRAIN_ALONE] or each
        return tuple(split for split in HASH_SPLITS if all(split in has for has in divided)) or ("all",)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split of all sources.

        Raises:
            UsageError: they have several sizes and `side` is None.
        """
        loaded = []
        for source, each, adds in self._parts(split):
            data = source.load(each, image_size=side, progress=progress)
            loaded.append(data if adds else data.select(slice(0), split))
        return _joined(self._name, loaded, split)

    def count(self, split: str) -> int:
        """About how many images a split has, without those that are made or cut when they are asked for."""
        origins = ((source.origin, each) for source, each, adds in self._parts(split) if adds)
        return sum(origin.count(each) for origin, each in origins if isinstance(origin, Sampled))

    def read_some(self, split: str, side: int | None, progress: Progress | None, wanted: Sample) -> CharacterImages:
        """Some of the images of all sources, as `Sampled` has it.

        They are chosen by the labels of all, where these can be had without the images.  Where they can't, each source
        gives its share, unless they are to be exact: then it is read whole.
        """
        parts = [_Part.of(*part, side, progress, wanted) for part in self._parts(split)]
        name = self._name
        if any(part.labels is None for part in parts):
            owners = np.repeat(np.arange(len(parts)), [part.count for part in parts])
            shares = np.bincount(owners[sample_of(owners, wanted.limit, seed=wanted.seed)], minlength=len(parts))
            return _joined(name, [part.share(count) for part, count in zip(parts, shares.tolist(), strict=True)], split)
        _, labels = _labelled_together([(part.classes, part.labels) for part in parts if part.labels is not None])
        rows = wanted.rows(labels)
        ends = np.cumsum([part.count for part in parts])
        loaded = [
            part.taken(rows[(end - part.count <= rows) & (rows < end)] - (end - part.count))
            for part, end in zip(parts, ends.tolist(), strict=True)
        ]
        return replace(_joined(name, loaded, split), ids=rows)

    @property
    def _name(self) -> str:
        return "+".join(source.name for source in self.sources)

    def _parts(self, split: str) -> list[tuple["Source", str, bool]]:
        """The sources and splits that a split is made of, and whether each adds images to it, or its classes alone."""
        parts = []
        for source in self.sources:
            if split != "all" and split not in source.splits:
                parts.append((source, "train", False))
                continue
            taken = [split] if split != "all" else list(source.splits)
            if split == "train" and "validation" not in self.splits and "validation" in source.splits:
                taken.append("validation")
            parts += [(source, each, True) for each in taken]
        return parts


@dataclass(frozen=True)
class _Part:
    """A split of one of several sources, of which some images are wanted.

    Attributes:
        load: loads the split, or with `limit` so many of it, or of these `rows`.
        count: how many images it has; 0 where its classes alone are wanted.
        labels: of its images, None where they are not known before these are read.
        classes: that the labels stand for.
    """

    load: Callable[..., CharacterImages]
    count: int
    labels: NDArray[np.int64] | None
    classes: tuple[str, ...]

    @staticmethod
    def of(
        source: "Source", split: str, adds: bool, side: int | None, progress: Progress | None, wanted: Sample
    ) -> "_Part":
        def load(*, limit: int | None = None, rows: NDArray[np.int64] | None = None) -> CharacterImages:
            if rows is not None:
                return source.load_rows(split, rows, image_size=side, progress=progress)
            return source.load(split, limit=limit, image_size=side, progress=progress, seed=wanted.seed)

        origin = source.origin
        if isinstance(origin, Labelled) and (found := origin.labelled(split)):
            labels = found[0] if adds else found[0][:0]
            return _Part(load, len(labels), labels, found[1])
        if isinstance(origin, Sampled) and not wanted.exact:
            return _Part(load, origin.count(split) if adds else 0, None, ())
        data = load()
        data = data if adds else data.select(slice(0))

        def taken(*, limit: int | None = None, rows: NDArray[np.int64] | None = None) -> CharacterImages:
            return data.select(rows) if rows is not None else data if limit is None else subsample(data, limit)

        return _Part(taken, len(data), data.labels, data.classes)

    def share(self, count: int) -> CharacterImages:
        """So many of the images."""
        return self.load(limit=count) if count else self.load(limit=1).select(slice(0))

    def taken(self, rows: NDArray[np.int64]) -> CharacterImages:
        """The images with these numbers."""
        return self.load(rows=rows) if len(rows) else self.load(limit=1).select(slice(0))


@dataclass(frozen=True)
class Beside:
    """A few images of one hand to learn from, beside many of all else that a network is to know, lest it forget that.

    A fifth of the few validates, those whose pixels have the smallest hashes; the others are repeated until they are a
    fifth of what trains.  The test images are those of all else: what is learnt of one hand is measured by
    validation, and what became of all others by the test.

    Attributes:
        few: of which the training images are taken.
        rest: all else.
    """

    few: "Source"
    rest: "Source"

    @property
    def splits(self) -> tuple[str, ...]:
        """A test only where all else has one."""
        return HASH_SPLITS if "test" in self.rest.splits else HASH_SPLITS[:2]

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, labelled by the classes of both.

        Raises:
            UsageError: they have several sizes and `side` is None, or the few are too few to set some apart.
        """
        few = self.few.load("train", image_size=side, progress=progress)
        named = f"{self.few.name} beside {self.rest.name}"
        count = round(_HELD_OUT * len(few))
        if not 0 < count < len(few):
            raise UsageError(
                f"{self.few.name} has {len(few)} images, of which none can be set apart; expected 3 or more"
            )
        order = sorted(range(len(few)), key=lambda number: pixel_hash(few.images[number]))
        held_out, own = few.select(np.sort(order[:count])), few.select(np.sort(order[count:]))
        if split == "test":
            rest = self.rest.load("test", limit=MOST_BESIDE, image_size=side, progress=progress)
            return _joined(named, [rest, few.select(slice(0))], split)
        rest = self.rest.load("train", limit=MOST_BESIDE, image_size=side, progress=progress)
        if split == "validation":
            return _joined(named, [rest.select(slice(0)), held_out], split)
        times = max(1, round(_SHARE * len(rest) / len(own)))
        return _joined(named, [rest, *[own] * times], split)


def _joined(named: str, loaded: Sequence[CharacterImages], split: str) -> CharacterImages:
    """Several images as those of one split, with the classes of all."""
    sizes = {data.image_size for data in loaded}
    if len(sizes) > 1:
        found = " and ".join(sorted(f"{height} x {width}" for height, width in sizes))
        raise UsageError(
            f"{named} have images of {found} pixels; say to how many a side they are brought, such as --image-size 28"
        )
    classes, labels = _labelled_together([(data.classes, data.labels) for data in loaded])
    return CharacterImages(
        images=np.concatenate([data.images for data in loaded]),
        labels=labels,
        classes=classes,
        split=split,
        source={file: digest for data in loaded for file, digest in data.source.items()},
        notes=tuple(dict.fromkeys(note for data in loaded for note in data.notes)),
    )


def _labelled_together(
    parts: Sequence[tuple[tuple[str, ...], NDArray[np.int64]]],
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes of all parts, those of the first first, and the labels of all by these."""
    classes = tuple(dict.fromkeys(character for part, _ in parts for character in part))
    number = {character: place for place, character in enumerate(classes)}
    return classes, np.concatenate(
        [np.array([number[each] for each in part], np.int64)[labels] for part, labels in parts]
    )
