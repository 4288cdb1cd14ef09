"""Which image files a folder of class folders or an archive of them holds, in one fixed order."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files import packed
from kuzushiji.data.files.archive import Zips
from kuzushiji.data.files.class_map import class_of_folder
from kuzushiji.data.files.names import SPLIT_FOLDERS, SUFFIXES, endings, is_litter, meant, split_of
from kuzushiji.data.files.odd_names import odd_classes
from kuzushiji.errors import DataError


@dataclass(frozen=True, eq=False)
class Listing:
    """The image files of a source, sorted by split, then by character, then by name.

    The order depends on the names alone, never on how a disk or an archive happens to list them.

    Attributes:
        root: the folder, or the archive.
        names: N paths of files, relative to the folder, or of members of the archive.
        labels: int64 (N,), indices into `classes`.
        classes: the characters, by code point.
        splits: the split of each of the N files, or None if the source is not divided.
        places: of a tar, int64 (N, 2), where in it each file begins and how many bytes it has; else None.
        keys: of a zip, what it has each of the N files under; else None.
        tar: the plain tar that `places` are in, where `root` is a compressed one.
        notes: what is odd about the source, a sentence each.
    """

    root: Path
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    splits: tuple[str, ...] | None
    places: NDArray[np.int64] | None
    keys: tuple[str, ...] | None = None
    tar: Path | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def only(self, positions: NDArray[np.int64]) -> "Listing":
        """The files at `positions` alone, in that order."""
        some = positions.tolist()
        return replace(
            self,
            names=tuple(self.names[place] for place in some),
            labels=self.labels[positions],
            splits=None if self.splits is None else tuple(self.splits[place] for place in some),
            places=None if self.places is None else self.places[positions],
            keys=None if self.keys is None else tuple(self.keys[place] for place in some),
        )

    def unpacked(self, path: Path) -> "Listing":
        """The same files, to be read from the plain tar that is written to `path`, if `root` is a compressed one.

        Raises:
            DataError: it is damaged.
        """
        if self.places is None or not packed.is_compressed(self.root):
            return self
        packed.unpack(self.root, path)
        return replace(self, tar=path)

    def contents(self, positions: Iterable[int]) -> Iterator[bytes]:
        """The bytes of the files at `positions`, one after the other.

        Raises:
            DataError: a file cannot be read.
        """
        try:
            if self.keys is not None:
                with Zips() as zips:
                    for position in positions:
                        try:
                            content = zips.read(self.root, self.keys[position])
                        except DataError as error:
                            raise DataError(f"{self.called(position)} {error}") from None
                        yield content
            elif self.places is None:
                for position in positions:
                    yield (self.root / self.names[position]).read_bytes()
            else:
                with open(self.tar or self.root, "rb") as archive:
                    for position in positions:
                        start, size = self.places[position]
                        archive.seek(start)
                        yield archive.read(size)
        except OSError as error:
            raise unreadable(self.root, error) from None

    def called(self, position: int) -> str:
        """What a file is called in messages."""
        name = self.names[position]
        is_packed = self.places is not None or self.keys is not None
        return f"{name} in {self.root}" if is_packed else f"{self.root / name}"


def list_images(source: Path) -> Listing:
    """Lists a folder of class folders, or a tar (of any compression) or a zip of them.

    A class folder is named by its character or by its code point (`お`, `U+304A`).  The class folders may lie in
    `train`, `validation` and `test`; in an archive all of it may lie in one folder, whatever its name.

    Raises:
        DataError: there is no such file or folder, or something in it is not as described.
    """
    try:
        if source.is_dir():
            return _list_folder(source)
        return _list_archive(source, packed.list_zip(source) if packed.is_zip(source) else packed.list_tar(source))
    except OSError as error:
        raise unreadable(source, error) from None


def identity(source: Path) -> str:
    """A hash that changes when the source does and not when it moves; found without reading much of it.

    Of an archive: its size, its time of change and what is in it, of a large one at the ends and at places between.  Of
    a folder: the name, the size and the times of change of each file.

    Raises:
        DataError: there is no such file or folder, or it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        if source.is_dir():
            for name, status in sorted(_image_files(source), key=lambda file: file[0]):
                digest.update(f"{name}\0{state_of(status)}\n".encode(errors="surrogateescape"))
        else:
            digest.update(archive_state(source).encode())
    except OSError as error:
        raise unreadable(source, error) from None
    return digest.hexdigest()


def state_of(status: os.stat_result) -> str:
    """What changes when a file does, even if another of the same size and time takes its place."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


_WHOLE, _BLOCK, _BLOCKS = 2**26, 2**16, 256


def archive_state(path: Path) -> str:
    """What changes when an archive does and not when it moves."""
    status = path.stat()
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        if status.st_size <= _WHOLE:
            digest.update(file.read())
        else:
            for start in np.linspace(0, status.st_size - _BLOCK, _BLOCKS).astype(int).tolist():
                file.seek(start)
                digest.update(file.read(_BLOCK))
    return f"{status.st_size} {status.st_mtime_ns} {digest.hexdigest()}"


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
    return _divided(root, [entry.name for entry in _folders(root)])


def _divided(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Those of the folders at the top that divide a source, and their splits."""
    found = {name: split for name in names if (split := split_of(name))}
    if other := next((name for name in names if found and name not in found), ""):
        raise DataError(
            f"{root} holds {', '.join(found)} and beside them {other}; expected either class folders, "
            f"or {_SPLIT_NAMES} with class folders in them"
        )
    if len(set(found.values())) < len(found):
        raise DataError(f"{root} holds {', '.join(found)}: two folders for one split; keep one of them")
    return found


_SPLIT_NAMES = "train, validation and test"


def _folders(path: Path) -> list[os.DirEntry[str]]:
    with os.scandir(path) as entries:
        return sorted(
            (entry for entry in entries if entry.is_dir() and not is_litter(entry.name)), key=lambda entry: entry.name
        )


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
                            f"{entry.path} is a folder in a class folder; name the folder that holds the class "
                            f"folders; those that divide them are called {_SPLIT_NAMES}"
                        )
                    if not entry.name.lower().endswith(SUFFIXES) or not entry.is_file():
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
    divided = split_folders(root)
    listing = _sorted(root, names, divided)
    return replace(listing, notes=(*listing.notes, *_notes(root, divided, listing.classes)))


def _notes(root: Path, divided: dict[str, str], classes: tuple[str, ...]) -> Iterator[str]:
    """What lies in a folder of class folders and gives no image."""
    tops = [root / top for top in divided] or [root]
    empty = {_character(root, folder.name) for top in tops for folder in _folders(top)} - set(classes)
    if empty:
        yield f"{root} has no image in {' '.join(sorted(empty))}: what has none is no class"
    beside = [path for top in {root, *tops} for path in top.iterdir() if path.is_file() and not is_litter(path.name)]
    yield from _loose(root, [path.name for path in beside])


def _loose(root: Path, names: Iterable[str]) -> Iterator[str]:
    """What lies in no class folder: images, and what is none."""
    images: list[str] = []
    others: list[str] = []
    for name in sorted(names):
        (images if name.lower().endswith(SUFFIXES) else others).append(name)
    if images:
        which = f"{len(images):,} images that are" if len(images) > 1 else "1 image that is"
        yield f"{root} has {which} in no class folder, such as {images[0]}, and not read"
    if others:
        which = f"{len(others):,} files that are" if len(others) > 1 else "1 file that is"
        yield f"{root} has {which} in no class folder and no image, and not read ({endings(others)})"


def _list_archive(path: Path, members: "packed.Members") -> Listing:
    """The images of an archive, without the one folder that all of it may lie in."""
    apart = {name: name.split("/") for name in members.names}
    loose = list(members.others)
    while True:
        loose += [name for name, parts in apart.items() if len(parts) == 1]
        apart = {name: parts for name, parts in apart.items() if len(parts) > 1}
        tops = {parts[0] for parts in apart.values()}
        if len(tops) != 1 or max(map(len, apart.values())) == 2 or split_of(*tops):
            break
        apart = {name: parts[1:] for name, parts in apart.items()}
    if not apart:
        raise DataError(f"{path}: {loose[0]} {packed.NO_CLASS}")
    divided = _divided(path, sorted(tops)) if max(map(len, apart.values())) > 2 else {}
    _check_depths(path, apart, loose)
    listing = _sorted(path, list(apart), divided, {name: parts[0] for name, parts in apart.items()})
    listing = replace(listing, notes=(*listing.notes, *_loose(path, (name.rsplit("/", 1)[-1] for name in loose))))
    if members.keys:
        return replace(listing, keys=tuple(members.keys[name] for name in listing.names))
    return replace(listing, places=np.array([members.places[name] for name in listing.names], dtype=np.int64))


def _check_depths(path: Path, apart: dict[str, list[str]], loose: Iterable[str]) -> None:
    """Raises:
    DataError: a class folder holds a folder with images, or what is no image.
    """
    folders = {tuple(parts[:-1]) for parts in apart.values()}
    for folder in folders:
        if any(folder[:depth] in folders for depth in range(1, len(folder))):
            raise DataError(
                f"{path}: {'/'.join(folder)} is a folder in a class folder; expected images alone there; those that "
                f"divide class folders are called {_SPLIT_NAMES}"
            )
    named = {name.rsplit("/", 1)[0] for name in apart}
    if other := next((name for name in loose if "/" in name and name.rsplit("/", 1)[0] in named), ""):
        raise DataError(f"{path}: {other} {packed.NO_CLASS}")


def _sorted(root: Path, names: list[str], divided: dict[str, str], tops: dict[str, str] | None = None) -> Listing:
    """The files in their order; `tops` are the folders that may divide them, where these are not the first ones."""
    order = list(SPLIT_FOLDERS)
    rank = {folder: order.index(split) for folder, split in divided.items()}
    folders = [name.rsplit("/", 2)[-2] for name in names]
    character = {folder: _character(root, folder) for folder in set(folders)}
    classes = tuple(sorted(set(character.values())))
    index = {name: number for number, name in enumerate(classes)}
    rows = sorted(
        (
            rank[tops[name] if tops else name.split("/", 1)[0]] if divided else -1,
            index[character[folder]],
            name.rsplit("/", 1)[-1],
            name,
        )
        for name, folder in zip(names, folders, strict=True)
    )
    return Listing(
        root=root,
        names=tuple(row[3] for row in rows),
        labels=np.array([row[1] for row in rows], dtype=np.int64),
        classes=classes,
        splits=tuple(order[row[0]] for row in rows) if divided else None,
        places=None,
        notes=tuple(f"{root}: {note}" for note in odd_classes(classes)),
    )


def _character(root: Path, folder: str) -> str:
    name = meant(folder)
    try:
        name.encode()
    except UnicodeEncodeError:  # of an archive of Japan, unpacked by a program that took its names as they were
        raise DataError(
            f"{root}: the name of the folder {os.fsencode(folder)!r} is not in UTF-8; rename it, such as with convmv"
        ) from None
    return class_of_folder(name)
