"""Files that the user already has: in a folder, in folders within it, in zips."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import IO

from kuzushiji.data.files.archive import Zips
from kuzushiji.errors import DataError

DEPTH = 2
"""How many folders deep files are looked for."""


@dataclass(frozen=True)
class LocalFile:
    """A file in a folder or in a zip.

    Attributes:
        where: where it lies, for messages.
        folder: name of the folder, or of the zip without its suffix, that it lies in.
        name: its own name.
        size: bytes.
        open: opens it for reading.
    """

    where: str
    folder: str
    name: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def local_files(source: Path) -> Iterator[list[LocalFile]]:
    """Lists the files at `source`: itself, or those in it and in the folders up to two deep, and in the zips there.

    Links are followed.  Zips stay open, and their files can be opened, as long as the context lasts.

    Args:
        source: a folder, a zip or a single file.

    Raises:
        DataError: `source` does not exist, or is a zip that is not whole.
    """
    if not source.exists():
        raise DataError(f"{source} does not exist; expected a folder, a zip or a file")
    with Zips() as zips:
        yield list(_files(source, zips))


def _files(source: Path, zips: Zips) -> Iterator[LocalFile]:
    for path in _paths(source):
        if path.suffix.lower() != ".zip":
            yield LocalFile(str(path), path.parent.name, path.name, path.stat().st_size, partial(FileIO, path))
            continue
        try:
            members = zips.members(path)
        except DataError:
            if path == source:
                raise
            continue  # someone's Downloads folder holds all kinds of things
        for member in members:
            inside = PurePosixPath(member.name)
            within = inside.parent.name or path.stem
            opener = partial(zips.archive(path).open, member.key)
            yield LocalFile(f"{path}/{inside}", within, inside.name, member.size, opener)


def _paths(source: Path) -> Iterator[Path]:
    """Every readable file, the nearest first."""
    if source.is_file():
        yield source
        return
    level = [source]
    for _ in range(DEPTH + 1):
        below = []
        for place in level:
            try:
                entries = sorted(os.scandir(place), key=lambda entry: entry.name)
            except OSError:
                continue
            below += [Path(entry.path) for entry in entries if entry.is_dir()]
            yield from (Path(entry.path) for entry in entries if entry.is_file() and os.access(entry.path, os.R_OK))
        level = below
