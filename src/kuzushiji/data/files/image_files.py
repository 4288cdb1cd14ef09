"""Image files in a folder for each class, or an archive of such folders, as images of characters."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.files.cache import CachedImages, bounds_of, cached, find_cached, place_in_order
from kuzushiji.data.files.class_map import folder_of_class
from kuzushiji.data.files.decode import decode_listing, pixel_hashes
from kuzushiji.data.files.listing import Listing, identity, list_images, split_folders
from kuzushiji.data.files.undivided import some_that_train, training_counts
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import HASH_SPLITS, assign_by_hash, sample_of
from kuzushiji.errors import DataError
from kuzushiji.files import file_hash


@dataclass(frozen=True)
class ImageFiles:
    """A folder of class folders, perhaps within `train`, `validation` and `test`, or a tar or zip of such a folder.

    Attributes:
        path: the folder or the archive; it need not exist before it is read.
    """

    path: Path

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that its folders are, else those that the hash of the pixels makes.

        Raises:
            DataError: there is no such path.
        """
        if not os.path.exists(self.path):  # which is said of no name that is too long
            raise DataError(
                f"{self.path} does not exist; expected a folder of class folders, a tar of them, "
                "a folder with npz or IDX files, or a folder or zip of pages"
            )
        if self.path.is_dir():
            divided = set(split_folders(self.path).values())
        elif found := find_cached(self.path, str(None), self.identity):
            return tuple(found.bounds)
        else:
            divided = set(list_images(self.path).splits or ())
        return tuple(split for split in HASH_SPLITS if split in divided) or HASH_SPLITS

    @cached_property
    def identity(self) -> str:
        """Changes when the files do.

        Raises:
            DataError: they cannot be found.
        """
        return identity(self.path)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, mapped into memory.

        Raises:
            DataError, KuzushijiError: as in `decoded`.
        """
        return self.decoded(side, progress).of(split)

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, limit: int, *, exact: bool = False
    ) -> CharacterImages | None:
        """Some of the images of a split, as `Sampled` has it.

        Where the pixels divide them, they are training images by `some_that_train`, whether or not all have been
        decoded before; to tell which images are for validation or test takes all of them.

        Raises:
            DataError, KuzushijiError: as in `decoded`.
        """
        listing = list_images(self.path)
        if listing.splits is None:
            if exact or split != "train" or training_counts(listing.labels).sum() <= limit:
                return None
        elif listing.splits.count(split) <= limit or find_cached(self.path, str(side), self.identity):
            return None

        def make(beside: Path) -> dict[str, Any]:
            return _decode(self.path, beside, side, progress, (split, limit))

        return cached(self.path, f"{side} {split} {limit}", self.identity, make).of(split)

    def decoded(self, side: int | None = None, progress: Progress | None = None) -> CachedImages:
        """All images, decoded if that has not been done yet.

        Args:
            side: bring all images to (side, side); if None they must have one size.
            progress: called with the numbers of images done and of all, while there is something to decode.

        Raises:
            DataError: the files are missing, or one cannot be read; the message names it.
            KuzushijiError: the cache could not be written.
        """

        def make(beside: Path) -> dict[str, Any]:
            return _decode(self.path, beside, side, progress)

        return cached(self.path, str(side), self.identity, make)


def _decode(
    source: Path, beside: Path, side: int | None, progress: Progress | None, some: tuple[str, int] | None = None
) -> dict[str, Any]:
    """Decodes class folders, or a tar of them; or of a split so many images."""
    plain = beside / "unpacked.tar"
    listing = list_images(source).unpacked(plain)
    kept = np.arange(len(listing))
    if some is not None and listing.splits is not None:
        split, limit = some
        kept = np.flatnonzero(np.array(listing.splits) == split)
        kept = kept[sample_of(listing.labels[kept], limit)]
    elif some is not None:
        split, limit = some
        kept = some_that_train(listing.labels, limit, lambda places: pixel_hashes(listing, places))
        listing = replace(listing, splits=(split,) * len(listing))
    made, hashes = decode_into(beside, listing, side, progress, kept)
    plain.unlink(missing_ok=True)
    return made | {"source": {source.name: _source_hash(source, listing.only(kept).names, hashes)}}


def decode_into(
    beside: Path, whole: Listing, side: int | None, progress: Progress | None, kept: NDArray[np.int64] | None = None
) -> tuple[dict[str, Any], NDArray]:
    """Decodes a listing, or those `kept` of it, into the folder that `cached` gives.

    Returns:
        What `cached` wants to know of it but `source`, and the hashes of the images.
    """
    kept = np.arange(len(whole)) if kept is None else kept
    listing = whole.only(kept)
    decoded = decode_listing(listing, beside, side=side, progress=progress, like=whole)
    if listing.splits is None:
        sides = assign_by_hash(decoded.hashes, listing.labels)
        names: tuple[str, ...] = HASH_SPLITS
    else:
        names = tuple(dict.fromkeys(listing.splits))
        sides = np.array([names.index(split) for split in listing.splits])
    order = np.argsort(sides, kind="stable").astype(np.int64)
    place_in_order(decoded.images, beside / "images.npy", order)
    np.save(beside / "labels.npy", listing.labels[order])
    np.save(beside / "ids.npy", kept[order])
    about = {
        "bounds": bounds_of(names, sides[order]),
        "classes": listing.classes,
        "notes": (*listing.notes, *decoded.notes),
    }
    return about, decoded.hashes


def _source_hash(source: Path, names: tuple[str, ...], hashes: NDArray) -> str:
    """SHA-256 of a tar; of a folder, that of the names of its files and the hashes of their pixels."""
    if source.is_file():
        return file_hash(source)
    digest = hashlib.sha256("\n".join(names).encode(errors="surrogateescape"))
    digest.update(hashes.tobytes())
    return digest.hexdigest()


def write_class_folders(folder: Path, data: CharacterImages, told: Callable[[int], None] = lambda count: None) -> None:
    """Writes one split as a folder for each class that has an image, such as `U+304A/000123.png`; the number is the id.

    Args:
        folder: where they go; made if it is not there.
        told: gets how many images have been written since it was last called.
    """
    places = [folder / folder_of_class(name) for name in data.classes]
    for label in np.unique(data.labels):
        places[label].mkdir(parents=True)
    digits = max(6, len(str(data.ids.max(initial=0))))  # so that they sort as the ids do
    for pixels, label, number in zip(data.images, data.labels, data.ids, strict=True):
        Image.fromarray(pixels).save(places[label] / f"{number:0{digits}d}.png", "PNG")
        told(1)
