"""Which image files a folder of class folders or a tar of them holds, in one fixed order."""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.class_map import class_of_folder
from kuzushiji.errors import DataError

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".jp2", ".j2k", ".bmp", ".gif", ".avif"
)  # fmt: skip

SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}
"""Folders that divide a dataset, and the split that each stands for."""


@dataclass(frozen=True, eq=False)
class Listing:
    """The image files of a source, sorted by split, then by character, then by name.

    The order depends on the names alone, never on how a disk or an archive happens to list them.

    Attributes:
        root: the folder, or the tar.
        names: N paths of files, relative to the folder, or of members of the tar.
        labels: int64 (N,), indices into `classes`.
        classes: the characters, by code point.
        splits: the split of each of the N files, or None if the source is not divided.
        places: of a tar, int64 (N, 2), where in it each file begins and how many bytes it has; None of a folder.
    """

    root: Path
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    splits: tuple[str, ...] | None
    places: NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.names)

    def contents(self, positions: Iterable[int]) -> Iterator[bytes]:
        """The bytes of the files at `positions`, one after the other.

        Raises:
            DataError: a file cannot be read.
        """
        try:
            if self.places is None:
                for position in positions:
                    yield (self.root / self.names[position]).read_bytes()
            else:
                with open(self.root, "rb") as archive:
                    for position in positions:
                        start, size = self.places[position]
                        archive.seek(start)
                        yield archive.read(size)
        except OSError as error:
            raise unreadable(self.root, error) from None


def list_images(source: Path) -> Listing:
    """Lists a folder of class folders, or a tar of them such as `kkanji.tar`.

    A class folder is named by its character or by its code point (`お`, `U+304A`).  In a folder the class folders
    may lie in `train`, `validation` and `test`; in a tar they may lie in one folder, whatever its name.

    Raises:
        DataError: there is no such file or folder, or something in it is not as described.
    """
    try:
        return _list_folder(source) if source.is_dir() else _list_tar(source)
    except OSError as error:
        raise unreadable(source, error) from None


def identity(source: Path) -> str:
    """A hash that changes when the source does and not when it moves; found without reading it whole.

    Of a tar: its size, its time of change and its two ends.  Of a folder: the name, the size and the time of change
    of each file.

    Raises:
        DataError: there is no such file or folder, or it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if source.is_dir():
            for name, status in sorted(_image_files(source)):
                line = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
                digest.update(line.encode(errors="surrogateescape"))
        else:
            status = source.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
            with open(source, "rb") as file:
                digest.update(file.read(2**16))
                file.seek(max(0, status.st_size - 2**16))
                digest.update(file.read())
    except OSError as error:
        raise unreadable(source, error) from None
    return digest.hexdigest()


def unreadable(source: Path, error: OSError) -> DataError:
    """The error for a file or folder that the operating system does not let one read."""
    if isinstance(error, FileNotFoundError):
        return DataError(f"{error.filename or source} does not exist")
    return DataError(f"{error.filename or source} cannot be read ({error.strerror or error})")


def split_folders(root: Path) -> dict[str, str]:
    """The folders in `root` that divide it, and their splits; empty if it holds class folders itself.

    Raises:
        DataError: `root` holds both, or two folders for one split.
    """
    names = [entry.name for entry in _folders(root)]
    found = {name: SPLIT_FOLDERS[name] for name in names if name in SPLIT_FOLDERS}
    if found and len(found) < len(names):
        other = next(name for name in names if name not in found)
        raise DataError(
            f"{root} holds {', '.join(found)} and beside them {other}; expected either class folders, "
            "or train, validation and test with class folders in them"
        )
    if len(set(found.values())) < len(found):
        raise DataError(f"{root} holds {', '.join(found)}: two folders for one split; keep one of them")
    return found


def _folders(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(
            (entry for entry in entries if entry.is_dir() and not is_litter(entry.name)), key=lambda entry: entry.name
        )


def is_litter(name: str) -> bool:
    """Whether a file manager left this behind."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _image_files(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Each image file of a folder: its path relative to the folder, and its size and times."""
    tops = [f"{name}/" for name in split_folders(root)] or [""]
    for top in tops:
        for class_folder in _folders(root / top):
            with os.scandir(class_folder.path) as entries:
                for entry in entries:
                    if is_litter(entry.name):
                        continue
                    if entry.is_dir():
                        raise DataError(
                            f"{entry.path} is a folder in a class folder; name the folder that holds the class folders"
                        )
                    if not entry.name.lower().endswith(SUFFIXES):
                        raise DataError(
                            f"{entry.path} lies in a class folder and is not an image; "
                            f"expected only {' '.join(SUFFIXES)} there"
                        )
                    yield f"{top}{class_folder.name}/{entry.name}", entry.stat()


def _list_folder(root: Path) -> Listing:
    names = [name for name, _ in _image_files(root)]
    if not names:
        raise DataError(
            f"{root} holds no images; expected a folder for each class, named by its character or its code point "
            "(お or U+304A), or npz or IDX files named as those of Kuzushiji-MNIST (kmnist-train-imgs.npz ...)"
        )
    return _sorted(root, names, None, split_folders(root))


def _list_tar(path: Path) -> Listing:
    places: dict[str, tuple[int, int]] = {}  # of a name that comes twice the last counts, as tar has it
    end = 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                end = member.offset_data + (member.size + 511) // 512 * 512
                parts = member.name.split("/")
                if member.isdir() or any(is_litter(part) for part in parts[-3:] if part != "."):
                    continue
                if not member.isreg() or member.issparse():
                    raise DataError(f"{path}: {member.name} is neither a file nor a folder; expected images alone")
                if len(parts) < 2 or not parts[-1].lower().endswith(SUFFIXES):
                    raise DataError(
                        f"{path}: {member.name} is not an image in a class folder; expected names such as "
                        "kkanji2/U+4E00/1f2e.png"
                    )
                places[member.name] = (member.offset_data, member.size)
        with open(path, "rb") as file:
            file.seek(end)
            if places and file.read(512) != bytes(512):
                # tarfile takes a file that was cut between two members for a whole one; only the end mark tells.
                raise DataError(f"{path} is cut off after {list(places)[-1]}; remove it and fetch it again")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} is not a whole tar file ({error}); if it is compressed unpack it, else fetch it again"
        ) from None
    if not places:
        raise DataError(f"{path} holds no images; expected names such as kkanji2/U+4E00/1f2e.png")
    return _sorted(path, list(places), list(places.values()), {})


def _sorted(root: Path, names: list[str], places: list[tuple[int, int]] | None, divided: dict[str, str]) -> Listing:
    order = list(dict.fromkeys(SPLIT_FOLDERS.values()))
    rank = {folder: order.index(split) for folder, split in divided.items()}
    folders = [name.rsplit("/", 2)[-2] for name in names]
    character = {folder: _character(root, folder) for folder in set(folders)}
    classes = tuple(sorted(set(character.values())))
    index = {name: number for number, name in enumerate(classes)}
    rows = sorted(
        (
            rank[name.split("/", 1)[0]] if divided else -1,
            index[character[folder]],
            name.rsplit("/", 1)[-1],
            name,
            number,
        )
        for number, (name, folder) in enumerate(zip(names, folders, strict=True))
    )
    return Listing(
        root=root,
        names=tuple(row[3] for row in rows),
        labels=np.array([row[1] for row in rows], dtype=np.int64),
        classes=classes,
        splits=tuple(order[row[0]] for row in rows) if divided else None,
        places=None if places is None else np.array([places[row[4]] for row in rows], dtype=np.int64),
    )


def _character(root: Path, folder: str) -> str:
    try:
        folder.encode()
    except UnicodeEncodeError:  # of an archive of Japan, unpacked by a program that took its names as they were
        raise DataError(
            f"{root}: the name of the folder {os.fsencode(folder)!r} is not in UTF-8; rename it, such as with convmv"
        ) from None
    return class_of_folder(folder)
