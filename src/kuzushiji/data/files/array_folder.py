"""A folder with the array files of a dataset, npz or IDX, named as those of Kuzushiji-MNIST."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.arrays import read_labels, read_pair, write_idx, write_npz
from kuzushiji.data.files.class_map import read_class_map, write_class_map
from kuzushiji.data.files.names import numbered
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import HASH_SPLITS, Sample
from kuzushiji.errors import DataError
from kuzushiji.files import file_hash
from kuzushiji.imaging.polarity import BRIGHT_PAPER, DARK_PAPER, papers, told_apart

_BLOCK = 4096
"""So many images are looked at at once."""
_NPZ = re.compile(r"(?P<prefix>.+)-(?P<split>train|validation|test)-(?P<kind>imgs|labels)\.npz")
_IDX = re.compile(r"(?P<split>train|validation|t10k)-(?P<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?")


@dataclass(frozen=True)
class Pair:
    """The files of one split; one of the two may be missing."""

    images: Path | None
    labels: Path | None

    @property
    def is_whole(self) -> bool:
        """Whether both are there."""
        return self.images is not None and self.labels is not None


@dataclass(frozen=True)
class ArrayFolder:
    """Array files in a folder, and perhaps a class map beside them.

    Attributes:
        path: the folder.
        classes: the characters, for where no class map says them; if empty too, the labels are their own names.
    """

    path: Path
    classes: tuple[str, ...] = ()

    def pairs(self) -> dict[str, Pair]:
        """The files of each split; npz goes before IDX where both are whole.  Empty where there is no folder.

        Raises:
            DataError: the folder holds the npz files of more than one dataset.
        """
        found: dict[tuple[str, str, str], Path] = {}
        prefixes = set()
        # The second copy of a download, "... (1).npz", stands in for the first and sorts before it.
        for path in sorted(self.path.iterdir()) if self.path.is_dir() else ():
            name, _ = numbered(path.name)
            if match := _NPZ.fullmatch(name):
                prefixes.add(match["prefix"])
                found["npz", match["split"], "images" if match["kind"] == "imgs" else "labels"] = path
            elif match := _IDX.fullmatch(name):
                split = "test" if match["split"] == "t10k" else match["split"]
                found["idx", split, match["kind"]] = path
        if len(prefixes) > 1:
            names = " and ".join(sorted(prefixes))
            raise DataError(f"{self.path} holds the files of {names}; give each a folder of its own")
        pairs = {}
        for split in HASH_SPLITS:
            forms = [
                Pair(*(found.get((form, split, kind)) for kind in ("images", "labels"))) for form in ("npz", "idx")
            ]
            # max takes the first of equals: whole before half, half before none, npz before IDX.
            best = max(forms, key=lambda pair: (pair.images is not None) + (pair.labels is not None))
            if best.images or best.labels:
                pairs[split] = best
        return pairs

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of which there is any file."""
        return tuple(self.pairs())

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, in the size that they have.

        Raises:
            DataError: one of the two files is missing, one is damaged, or they do not belong together.
        """
        return self._read(split, None)

    def count(self, split: str) -> int:
        """How many labels a split has."""
        labels = self.pairs()[split].labels
        return len(read_labels(labels)) if labels else 0

    def read_some(self, split: str, side: int | None, progress: Progress | None, wanted: Sample) -> CharacterImages:
        """Some of the images of a split, chosen by their labels, so that no others are held in memory."""
        return self._read(split, wanted.rows)

    def labelled(self, split: str) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
        """The labels of a split and what they stand for; None where one of its two files is missing."""
        pairs = self.pairs()
        labels = pairs[split].labels
        if labels is None or not pairs[split].is_whole:
            return None
        class_map = self._class_map()
        classes = read_class_map(class_map) if class_map else self.classes or _numbers(pairs)[0]
        return read_labels(labels), classes

    def read_rows(
        self, split: str, side: int | None, progress: Progress | None, rows: NDArray[np.int64]
    ) -> CharacterImages:
        """The images with these numbers; no others are held in memory."""
        return self._read(split, lambda labels: rows)

    def _read(self, split: str, choose: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None) -> CharacterImages:
        pairs = self.pairs()
        images_path, labels_path = pairs[split].images, pairs[split].labels
        if images_path is None or labels_path is None:
            there, lacking = (images_path, "labels") if images_path else (labels_path, "images")
            raise DataError(f"{there} is there, but not the {lacking} that go with it; expected both in {self.path}")
        images, labels, ids = read_pair(images_path, labels_path, choose)
        read = [images_path, labels_path]
        notes = []
        if not self.classes:  # those of the catalogue are known to be bright on dark
            images, note = _bright_on_dark(images)
            notes += [f"{images_path}: {note}"] if note else []
        class_map = self._class_map()
        if class_map is not None:
            classes = read_class_map(class_map)
            read.append(class_map)
        elif self.classes:
            classes = self.classes
        else:
            classes, without = _numbers(pairs)
            if without:
                shown = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
                notes.append(f"{self.path} has no image of the class {shown}; labels count from 0, and without a gap")
        if labels.max(initial=-1) >= len(classes):
            raise DataError(
                f"{labels_path} has the label {labels.max()}, but {class_map or 'the dataset'} has {len(classes)} "
                f"classes, 0 to {len(classes) - 1}; they do not belong together"
            )
        source = {path.name: file_hash(path) for path in read}
        return CharacterImages(
            images=images, labels=labels, classes=classes, split=split, source=source, ids=ids, notes=tuple(notes)
        )

    def _class_map(self) -> Path | None:
        found = sorted(self.path.glob("*classmap.csv"))
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise DataError(f"{self.path} holds {names}; keep the one that is meant")
        return found[0] if found else None


def _numbers(pairs: dict[str, Pair]) -> tuple[tuple[str, ...], list[str]]:
    """As many numbers as all splits together need for classes, and those of them that none has an image of."""
    counts = np.zeros(0, np.int64)
    for pair in pairs.values():
        if pair.labels:
            found = np.bincount(read_labels(pair.labels))
            counts = np.pad(counts, (0, max(0, len(found) - len(counts))))
            counts[: len(found)] += found
    return tuple(map(str, range(len(counts)))), [str(number) for number in np.flatnonzero(counts == 0)]


def _bright_on_dark(images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], str]:
    """The images with those inverted in place that are dark on bright, and what to say of it.

    What is not clear is taken as most of the others are; where most are not, all are as they should be.
    """
    found = np.zeros(len(images), np.int8)
    for start in range(0, len(images), _BLOCK):
        found[start : start + _BLOCK] = papers(images[start : start + _BLOCK])
    bright, dark = int((found == BRIGHT_PAPER).sum()), int((found == DARK_PAPER).sum())
    if not bright or bright + dark < len(images) / 2:
        return images, ""
    inverted = found != DARK_PAPER if bright > dark else found == BRIGHT_PAPER
    for start in range(0, len(images), _BLOCK):  # in place: a copy of all may not fit
        block = slice(start, start + _BLOCK)
        images[block][inverted[block]] ^= 255
    return images, told_apart(bright, dark) or "the images are dark on bright, and were inverted"


def write_arrays(
    folder: Path,
    data: CharacterImages,
    *,
    prefix: str,
    form: str = "npz",
    told: Callable[[int], None] = lambda count: None,
) -> None:
    """Writes one split as a pair of array files beside a class map, so that an `ArrayFolder` reads it.

    Args:
        folder: where the files go; made if it is not there.
        prefix: what the names begin with, such as `kmnist` in `kmnist-train-imgs.npz`.
        form: `npz`, or `idx` for gzipped IDX files named as those of MNIST.
        told: gets how many images have been written since it was last called.
    """
    folder.mkdir(parents=True, exist_ok=True)
    labels = data.labels.astype(np.uint8 if len(data.classes) <= 256 else np.int32)
    if form == "npz":
        write_npz(folder / f"{prefix}-{data.split}-imgs.npz", data.images, told)
        write_npz(folder / f"{prefix}-{data.split}-labels.npz", labels)
    else:
        stem = "t10k" if data.split == "test" else data.split
        write_idx(folder / f"{stem}-images-idx3-ubyte.gz", data.images, told)
        write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", labels)
    write_class_map(folder / f"{prefix}_classmap.csv", data.classes)
