"""The files of pages: in a folder, in the folders and zips in it, or in one zip."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from kuzushiji.data.files.archive import DAMAGE, Zips
from kuzushiji.data.files.listing import archive_state, state_of, unreadable
from kuzushiji.data.files.names import SUFFIXES, is_litter, stem_of
from kuzushiji.errors import DataError

_DEPTH = 2
"""How many folders deep pages are looked for: `images` in the folder of a book."""
_OF_PAGES = ("train_images", "images")
"""What the folder of the pages is called."""


@dataclass(frozen=True)
class PageFile:
    """A file in a folder, or in a zip.

    Attributes:
        path: the file, or the zip that it is in.
        key: what the zip has it under; empty if it is in none.
        name: its name in the zip as it was meant, with slashes.
    """

    path: Path
    key: str = ""
    name: str = ""

    @property
    def inside(self) -> PurePosixPath:
        """The path, that in the zip if it is in one."""
        return PurePosixPath(self.name or self.path.as_posix())

    @property
    def folder(self) -> PurePosixPath:
        """The folder that it lies in; a zip is one of the same name without the ending."""
        whole = self.path.with_suffix("") / self.name if self.name else self.path
        return PurePosixPath(whole.as_posix()).parent

    def __str__(self) -> str:
        return f"{self.name} in {self.path}" if self.name else str(self.path)


class FileReader(Zips):
    """Reads files; a zip is opened once and stays open."""

    def content(self, file: PageFile) -> bytes:
        """All bytes of a file.

        Raises:
            DataError: it cannot be read; the message goes on from the name of the file.
        """
        try:
            return self.read(file.path, file.key) if file.key else file.path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror or error})") from None

    def beginning(self, file: PageFile, length: int) -> bytes:
        """The first bytes of a file; all of them of a TIFF, whose facts may stand at its end.

        Raises:
            DataError: as `content`.
        """
        if file.inside.suffix.lower() in (".tif", ".tiff"):
            return self.content(file)
        try:
            if file.key:
                with self.archive(file.path).open(file.key) as opened:
                    return opened.read(length)
            with open(file.path, "rb") as opened:
                return opened.read(length)
        except (OSError, *DAMAGE) as error:
            raise DataError(f"cannot be read ({error})") from None

    def within(self, path: Path) -> list[PageFile]:
        """The files in a zip but for what file managers leave.

        Raises:
            DataError: it is not a whole zip, or cannot be read.
        """
        return [PageFile(path, each.key, each.name) for each in self.members(path) if not each.is_litter]


class PageImages:
    """The image files of a source, found by the names that the tables have."""

    def __init__(self, files: Iterable[PageFile]) -> None:
        self._named: dict[str, list[PageFile]] = {}
        for file in files:
            if file.inside.suffix.lower() in SUFFIXES:
                self._named.setdefault(stem_of(file.inside.name).casefold(), []).append(file)

    def of(self, table: PageFile, page: str) -> PageFile | None:
        """The image of a page of a table; None if there is none.

        Of several that which is nearest to the table, in a folder called as that of pages is.

        Raises:
            DataError: several are so in the same way.
        """
        found = sorted(self._named.get(page.casefold(), ()), key=lambda file: _distance(file, table, page))
        if len(found) > 1 and _distance(found[0], table, page) == _distance(found[1], table, page):
            raise DataError(
                f"the image of {page} is there twice, {found[0]} and {found[1]}; "
                "keep one of them, or call the folder of the pages train_images"
            )
        return found[0] if found else None


def _distance(file: PageFile, table: PageFile, page: str) -> tuple[bool, int, int, int, bool]:
    """By what one image is preferred to another of the same name."""
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(file.folder.parts, table.folder.parts, strict=False))
    )
    called = 0 if file.folder.name.casefold() in _OF_PAGES else 1 if file.folder == table.folder else 2
    return stem_of(file.inside.name) != page, -shared, called, len(file.folder.parts), bool(file.key)


def identity(source: Path) -> str:
    """Names, sizes and times of change of all files of a source, as one text; it changes when the source does.

    Raises:
        DataError: a file cannot be read.
    """
    try:
        if source.is_file():
            return archive_state(source)
        states = [(path.relative_to(source).as_posix(), path.stat()) for path in sorted(_walk(source))]
    except OSError as error:
        raise unreadable(source, error) from None
    return "\n".join(f"{name}\0{state_of(state)}" for name, state in states)


def page_files(source: Path, reader: FileReader) -> list[PageFile]:
    """The tables and images of a folder, of the zips in it, or of a zip.

    Raises:
        DataError: a file cannot be read, or a zip is not whole or holds another.
    """
    found = []
    try:
        for path in [source] if source.is_file() else _walk(source):
            if path.suffix.lower() != ".zip":
                found.append(PageFile(path))
                continue
            for file in reader.within(path):
                if _is_wanted(file.inside.name) and not any(map(_is_skipped, file.inside.parts[:-1])):
                    if file.inside.suffix.lower() == ".zip":
                        raise DataError(f"{path} holds another zip, {file.name}; unpack it once")
                    found.append(file)
    except OSError as error:
        raise unreadable(source, error) from None
    return found


def _walk(root: Path) -> Iterator[Path]:
    """The tables, images and zips of a folder and of those in it, sorted."""

    def fail(error: OSError) -> None:
        raise error

    for place, folders, names in os.walk(root, onerror=fail, followlinks=True):
        depth = len(Path(place).relative_to(root).parts)
        folders[:] = sorted(name for name in folders if depth < _DEPTH and not _is_skipped(name))
        paths = (Path(place, name) for name in sorted(names) if _is_wanted(name))
        yield from (path for path in paths if path.is_file())  # a pipe or a device may never end


def _is_wanted(name: str) -> bool:
    return name.lower().endswith((".csv", ".zip", *SUFFIXES)) and not is_litter(name)


def _is_skipped(folder: str) -> bool:
    """Folders without pages to learn from; `characters` holds CODH's own crops, a file each."""
    return folder.casefold() in ("characters", "test_images") or is_litter(folder)
