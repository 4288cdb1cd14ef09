"""The files of pages: in a folder, in the folders and zips in it, or in one zip."""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile

from kuzushiji.data.files.listing import SUFFIXES, unreadable
from kuzushiji.errors import DataError

_DEPTH = 2
"""How many folders deep pages are looked for: `images` in the folder of a book."""


@dataclass(frozen=True)
class PageFile:
    """A file in a folder, or in a zip.

    Attributes:
        path: the file, or the zip that it is in.
        member: its name in the zip; empty if it is in none.
    """

    path: Path
    member: str = ""

    @property
    def inside(self) -> PurePosixPath:
        """The path, that in the zip if it is in one."""
        return PurePosixPath(self.member or self.path.as_posix())

    def __str__(self) -> str:
        return f"{self.member} in {self.path}" if self.member else str(self.path)


class FileReader:
    """Reads files; a zip is opened once and stays open."""

    def __init__(self) -> None:
        self._archives: dict[Path, ZipFile] = {}

    def __enter__(self) -> "FileReader":
        return self

    def __exit__(self, *_: object) -> None:
        for archive in self._archives.values():
            archive.close()

    def read(self, file: PageFile) -> bytes:
        """All bytes of a file.

        Raises:
            DataError: it cannot be read; the message goes on from the name of the file.
        """
        try:
            return self._archive(file.path).read(file.member) if file.member else file.path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror or error})") from None
        except (BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, NotImplementedError) as error:
            raise DataError(f"cannot be unpacked ({error})") from None

    def members(self, path: Path) -> list[str]:
        """The names of the files in a zip.

        Raises:
            DataError: it is not a whole zip.
        """
        try:
            return [member.filename for member in self._archive(path).infolist() if not member.is_dir()]
        except BadZipFile as error:
            raise DataError(f"{path} is not a whole zip file ({error}); fetch it again") from None
        except OSError as error:
            raise unreadable(path, error) from None

    def _archive(self, path: Path) -> ZipFile:
        if path not in self._archives:
            self._archives[path] = ZipFile(path)
        return self._archives[path]


def identity(source: Path) -> str:
    """Names, sizes and times of change of all files of a source, as one text; it changes when the source does.

    Raises:
        DataError: a file cannot be read.
    """
    try:
        paths = [source] if source.is_file() else sorted(_walk(source))
        states = [(path.relative_to(source).as_posix(), path.stat()) for path in paths]
    except OSError as error:
        raise unreadable(source, error) from None
    return "\n".join(f"{name}\0{state.st_size}\0{state.st_mtime_ns}" for name, state in states)


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
            for member in reader.members(path):
                *folders, name = member.split("/")
                if _is_wanted(name) and not any(_is_skipped(folder) for folder in folders):
                    if name.lower().endswith(".zip"):
                        raise DataError(f"{path} holds another zip, {member}; unpack it once")
                    found.append(PageFile(path, member))
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
        yield from (Path(place, name) for name in sorted(names) if _is_wanted(name))


def _is_wanted(name: str) -> bool:
    return name.lower().endswith((".csv", ".zip", *SUFFIXES)) and not name.startswith(".")


def _is_skipped(folder: str) -> bool:
    """Folders without pages to learn from; `characters` holds CODH's own crops, a file each."""
    return folder in ("characters", "test_images", "__MACOSX") or folder.startswith(".")
