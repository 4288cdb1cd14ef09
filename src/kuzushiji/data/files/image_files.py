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
from kuzushiji.data.files.undivided import are_found_soon, counts_of, some_of
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import HASH_SPLITS, Sample, assign_by_hash
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
        elif found := self._kept(None, *HASH_SPLITS):
            divided = set(found.about.get("splits", found.bounds))
        else:
            divided = set(self._listing.splits or ())
        return tuple(split for split in HASH_SPLITS if split in divided) or HASH_SPLITS

    @cached_property
    def identity(self) -> str:
        """Changes when the files do.

        Raises:
            DataError: they cannot be found.
        """
        return identity(self.path)

    @cached_property
    def _listing(self) -> Listing:
        return list_images(self.path)

    def _kept(self, side: int | None, *splits: str) -> CachedImages | None:
        """What has been decoded before: all, or one of the splits."""
        variants = (str(side), *(f"{side} {split}" for split in splits))
        return next(filter(None, (find_cached(self.path, each, self.identity) for each in variants)), None)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, mapped into memory; where folders divide them, no others are decoded.

        Raises:
            DataError, KuzushijiError: as in `decoded`.
        """
        if found := self._kept(side, split):
            return found.of(split)
        if (divided := self._listing.splits) is None:
            return self.decoded(side, progress).of(split)
        if split not in divided:
            there = ", ".join(dict.fromkeys(divided))
            raise DataError(f"{self.path} holds no images for {split}; it has some for {there}")
        return self._some(split, side, progress, "", self._rows_of(split))

    def count(self, split: str) -> int:
        """How many images a split has; where the pixels divide them, how many it has if none is a copy of another."""
        listing = self._listing
        if listing.splits is None:
            return int(counts_of(listing.labels, split).sum())
        return listing.splits.count(split)

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Some of the images of a split, as `Sampled` has it.

        Where the pixels divide them they are found by `some_of`, whether or not all have been decoded before.

        Raises:
            DataError, KuzushijiError: as in `decoded`.
        """
        listing = self._listing
        if listing.splits is not None:
            if self.count(split) <= wanted.limit or self._kept(side, split):
                return None
            rows = self._rows_of(split)
            return self._some(split, side, progress, f" {wanted}", rows[wanted.rows(listing.labels[rows])])
        if wanted.exact or self.count(split) <= wanted.limit or not are_found_soon(listing.labels, split, wanted):
            return None

        def choose(unpacked: Listing) -> NDArray[np.int64]:
            return some_of(unpacked.labels, split, wanted, lambda places: pixel_hashes(unpacked, places))

        return self._some(split, side, progress, f" {wanted}", choose)

    def labelled(self, split: str) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
        """The labels of a split, where folders divide it."""
        listing = self._listing
        return None if listing.splits is None else (listing.labels[self._rows_of(split)], listing.classes)

    def read_rows(
        self, split: str, side: int | None, progress: Progress | None, rows: NDArray[np.int64]
    ) -> CharacterImages:
        """The images with these numbers among those of a split, as `Labelled` has it.

        Raises:
            DataError, KuzushijiError: as in `decoded`.
        """
        if found := self._kept(side, split):
            return found.of(split).select(rows)
        which = hashlib.sha256(rows.tobytes()).hexdigest()[:20]
        return self._some(split, side, progress, f" rows {which}", self._rows_of(split)[rows])

    def _rows_of(self, split: str) -> NDArray[np.int64]:
        return np.flatnonzero(np.array(self._listing.splits) == split)

    def _some(
        self,
        split: str,
        side: int | None,
        progress: Progress | None,
        which: str,
        chosen: NDArray[np.int64] | Callable[[Listing], NDArray[np.int64]],
    ) -> CharacterImages:
        """Images of a split by their numbers in the listing, decoded if that has not been done yet."""

        def make(beside: Path) -> dict[str, Any]:
            return _decode(self.path, self._listing, beside, side, progress, (split, chosen))

        return cached(self.path, f"{side} {split}{which}", self.identity, make).of(split)

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
            return _decode(self.path, self._listing, beside, side, progress)

        return cached(self.path, str(side), self.identity, make)


def _decode(
    source: Path,
    listed: Listing,
    beside: Path,
    side: int | None,
    progress: Progress | None,
    some: tuple[str, NDArray[np.int64] | Callable[[Listing], NDArray[np.int64]]] | None = None,
) -> dict[str, Any]:
    """Decodes class folders, or a tar of them; or those of a split that are chosen."""
    plain = beside / "unpacked.tar"
    listing = listed.unpacked(plain)
    kept, splits = np.arange(len(listing)), listing.splits
    if some is not None:
        split, chosen = some
        kept = chosen(listing) if callable(chosen) else chosen
        listing = replace(listing, splits=listing.splits or (split,) * len(listing))
    made, hashes = decode_into(beside, listing, side, progress, kept)
    plain.unlink(missing_ok=True)
    divided = [each for each in HASH_SPLITS if each in splits] if splits else HASH_SPLITS
    return made | {"source": {source.name: _source_hash(source, listing.only(kept).names, hashes)}, "splits": divided}


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
