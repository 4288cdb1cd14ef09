"""Decoded images, kept: a source of image files or of pages is decoded once and mapped into memory afterwards.

A cache is a folder under `home.cache_folder()`, named after its source and a hash of what the source was when it was
read.  When the source changes the hash does, so that a stale cache is never found; it is removed when the new one is
made.  The folder takes its name when it is complete, so that half a cache is never found either.

Within it the images are sorted by split, so that each split is one slice of the mapped file and costs no memory.
"""

import contextlib
import functools
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji import home
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.files import folder_written_whole
from kuzushiji.locks import FileLock
from kuzushiji.records import from_plain, parse_json

_VERSION = 5
"""Raised when the same source would give other files, so that what an older version wrote is made again."""


@dataclass(frozen=True, eq=False)
class CachedImages:
    """All images of a source, those of each split side by side.

    Attributes:
        images: uint8 (N, H, W), mapped copy-on-write: what is read stays on disk until it is looked at, and nothing
            that is written reaches the file.
        labels: int64 (N,).
        ids: int64 (N,), the position of each image in the sorted listing of the source.
        classes: the characters.
        bounds: split -> where it starts and stops.
        source: file name -> SHA-256.
        folder: where they are kept.
        about: what else is known of them.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]
    classes: tuple[str, ...]
    bounds: dict[str, tuple[int, int]]
    source: dict[str, str]
    folder: Path
    about: dict[str, Any]

    def of(self, split: str) -> CharacterImages:
        """The images of a split.

        Raises:
            DataError: there are none.
        """
        if split not in self.bounds:
            raise DataError(
                f"{self.about['path']} holds no images for {split}; it has some for {', '.join(self.bounds)}"
            )
        start, stop = self.bounds[split]
        return CharacterImages(
            images=self.images[start:stop],
            labels=self.labels[start:stop],
            classes=self.classes,
            split=split,
            source=self.source,
            ids=self.ids[start:stop],
            notes=tuple(self.about.get("notes", ())),
        )


def cached(source: Path, variant: str, identity: str, make: Callable[[Path], dict[str, Any]]) -> CachedImages:
    """What `make` once made of a source, made if that has not been done yet or the source has changed since.

    Two processes that need the same cache do not get in each other's way: the second waits for the first.

    Args:
        source: the folder or file that it is made of.
        variant: what else decides about it, such as a size; each variant is kept for itself.
        identity: what changes when the source does.
        make: is given an empty folder, writes `images.npy`, `labels.npy` and `ids.npy` into it, the images of each
            split side by side, and returns `classes`, `bounds` and `source` as `CachedImages` has them, and whatever
            else is to be known, as JSON can hold it.

    Raises:
        KuzushijiError: the cache could not be written; besides, what `make` raises.
    """
    folder = _folder(source, variant, identity)
    cached = _read(folder)
    if cached is None:
        with _locked(folder):
            cached = _read(folder)  # another process may have made it while this one waited
            if cached is None:
                _remove_left_behind(folder, source, variant)
                _make(folder, source, variant, make)
                cached = _read(folder)
    if cached is None:
        raise KuzushijiError(f"{folder} was written and cannot be read back; is the disk sound?")
    return cached


def find_cached(source: Path, variant: str, identity: str) -> CachedImages | None:
    """What `cached` would return, or None where it would have to be made."""
    return _read(_folder(source, variant, identity))


def _folder(source: Path, variant: str, identity: str) -> Path:
    key = hashlib.sha256(f"{_VERSION} {variant} {identity}".encode(errors="surrogateescape")).hexdigest()[:20]
    return home.cache_folder() / "decoded" / f"{source.resolve().stem[:60]}-{key}"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.with_name(f".{folder.name}.lock"))
        lock.acquire()
    except OSError as error:
        raise KuzushijiError(
            f"{folder.parent} cannot be written ({error.strerror or error}); "
            "set KUZUSHIJI_HOME to a folder that can, and try again"
        ) from error
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True)
class _About:
    """What is read of `about.json`, in which more may stand."""

    shape: tuple[int, ...]
    classes: tuple[str, ...]
    bounds: Mapping[str, tuple[int, int]]
    source: Mapping[str, str]
    notes: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    checksums: Mapping[str, int] = field(default_factory=dict)


def _read(folder: Path) -> CachedImages | None:
    """What `_make` wrote, or None if it is not there or not whole."""
    try:
        about = parse_json((folder / "about.json").read_bytes())
        written = from_plain(about, _About, tolerant=True)
        states = {name: (folder / name).stat() for name in written.sizes}
        if about.get("checksum", checksum := _checksum_of(about)) != checksum:
            return None
        if any(states[name].st_size != size for name, size in written.sizes.items()):
            return None
        if any(_checksum(folder / name, states[name].st_mtime_ns) != crc for name, crc in written.checksums.items()):
            return None
        images = np.load(folder / "images.npy", mmap_mode="c")  # refuses a file that is shorter than its header says
        labels, ids = np.load(folder / "labels.npy"), np.load(folder / "ids.npy")
        whole = images.dtype == np.uint8 and images.shape == written.shape
        whole = whole and labels.dtype == ids.dtype == np.int64 and labels.shape == ids.shape == (len(images),)
        whole = whole and labels.min(initial=0) >= 0 and labels.max(initial=-1) < len(written.classes)
        whole = whole and all(0 <= start <= stop <= len(images) for start, stop in written.bounds.values())
    except Exception:  # it is damaged, on which NumPy raises whatever comes, and is made again
        return None
    if not whole:
        return None
    return CachedImages(
        images=images,
        labels=labels,
        ids=ids,
        classes=written.classes,
        bounds=dict(written.bounds),
        source=dict(written.source),
        folder=folder,
        about=about,
    )


def _make(folder: Path, source: Path, variant: str, make: Callable[[Path], dict[str, Any]]) -> None:
    with folder_written_whole(folder) as beside:
        about = make(beside)
        shape = np.load(beside / "images.npy", mmap_mode="r").shape
        sizes = {path.name: path.stat().st_size for path in beside.iterdir()}
        checksums = {path.name: _checksum(path, path.stat().st_mtime_ns) for path in beside.iterdir()}
        about |= {"path": str(source.resolve()), "variant": variant, "shape": shape}
        about |= {"sizes": sizes, "checksums": checksums}
        about |= {"checksum": _checksum_of(about)}
        (beside / "about.json").write_text(json.dumps(about), encoding="utf-8")


def _checksum_of(about: dict[str, Any]) -> int:
    """The CRC-32 of what is known of the images, but of itself."""
    others = {key: value for key, value in about.items() if key != "checksum"}
    return zlib.crc32(json.dumps(others, sort_keys=True).encode())


@functools.cache
def _checksum(path: Path, changed: int) -> int:
    """The CRC-32 of a file that was `changed` last at that time: a gigabyte takes a second, once in a process."""
    found = 0
    with open(path, "rb") as file:
        while block := file.read(2**22):
            found = zlib.crc32(block, found)
    return found


def bounds_of(names: tuple[str, ...], sides: NDArray[np.int64]) -> dict[str, list[int]]:
    """Where each split starts and stops in images that are sorted by their `sides`, indices into `names`."""
    edges = np.searchsorted(sides, np.arange(len(names) + 1)).tolist()
    return {name: edges[number : number + 2] for number, name in enumerate(names)}


def place_in_order(decoded: Path, ordered: Path, order: NDArray[np.int64]) -> None:
    """Turns the npy file `decoded` into `ordered`, with the images at `order`, a block at a time."""
    images = np.load(decoded, mmap_mode="r")
    if np.array_equal(order, np.arange(len(images))):
        del images  # some systems do not rename what is mapped
        os.replace(decoded, ordered)
        return
    block = max(1, 2**24 // images[0].size)
    header = np.lib.format.header_data_from_array_1_0(images) | {"shape": (len(order), *images.shape[1:])}
    with open(ordered, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, len(order), block):
            file.write(images[order[start : start + block]].tobytes())
        file.flush()
        os.fsync(file.fileno())  # the folder must not get its name before its pixels are on the disk
    del images
    decoded.unlink()


def _remove_left_behind(folder: Path, source: Path, variant: str) -> None:
    """Removes this cache if it is damaged, its unfinished parts, and older caches of the same source."""
    for other in folder.parent.iterdir():
        if other == folder or (other.name.startswith(f".{folder.name}.") and other.suffix == ".part"):
            shutil.rmtree(other, ignore_errors=True)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            about = parse_json((other / "about.json").read_bytes())
            if (about["path"], about["variant"]) == (str(source.resolve()), variant):
                shutil.rmtree(other, ignore_errors=True)
