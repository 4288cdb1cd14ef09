"""Data that is made of other data: several sources together, parent kanji as their kana."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from kuzushiji.characters import kana_of
from kuzushiji.data.catalogue.catalogued import Catalogued
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import HASH_SPLITS
from kuzushiji.errors import UsageError

if TYPE_CHECKING:
    from kuzushiji.data.source import Source

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
        for source in self.sources:
            if split != "all" and split not in source.splits:
                trained = source.load("train", image_size=side, progress=progress)
                loaded.append(trained.select(slice(0), split))
                continue
            taken = [split] if split != "all" else list(source.splits)
            if split == "train" and "validation" not in self.splits and "validation" in source.splits:
                taken.append("validation")
            loaded += [source.load(each, image_size=side, progress=progress) for each in taken]
        return self._joined(loaded, split)

    def _joined(self, loaded: Sequence[CharacterImages], split: str) -> CharacterImages:
        sizes = {data.image_size for data in loaded}
        if len(sizes) > 1:
            found = " and ".join(sorted(f"{height} x {width}" for height, width in sizes))
            raise UsageError(
                f"{'+'.join(source.name for source in self.sources)} have images of {found} pixels; say to how many a "
                "side they are brought, such as --image-size 28"
            )
        classes = tuple(dict.fromkeys(character for data in loaded for character in data.classes))
        number = {character: place for place, character in enumerate(classes)}
        labels = [np.array([number[each] for each in data.classes], np.int64)[data.labels] for data in loaded]
        return CharacterImages(
            images=np.concatenate([data.images for data in loaded]),
            labels=np.concatenate(labels),
            classes=classes,
            split=split,
            source={file: digest for data in loaded for file, digest in data.source.items()},
            notes=tuple(dict.fromkeys(note for data in loaded for note in data.notes)),
        )
