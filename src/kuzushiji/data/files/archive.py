"""Zips from any system: the names in them as they were meant, and what is in them.

Old programs write backslashes for slashes, begin names with `./`, and write Japanese names in Shift JIS without saying
so.
"""

import lzma
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from zipfile import BadZipFile, ZipFile, ZipInfo

from kuzushiji.data.files.names import is_litter
from kuzushiji.data.files.text import japanese
from kuzushiji.errors import DataError
from kuzushiji.npz import most_unpacked

_UTF8 = 0x800
"""The flag of a member whose name is in UTF-8."""

DAMAGE = (
    BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    IndexError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    lzma.LZMAError,
)
"""What is raised by a zip that is damaged, encrypted, or compressed in a way that is not known here."""


@dataclass(frozen=True)
class Member:
    """A file in a zip.

    Attributes:
        key: its name as `ZipFile` has it.
        name: its name as it was meant, with slashes.
        size: bytes.
    """

    key: str
    name: str
    size: int

    @property
    def is_litter(self) -> bool:
        """Whether it, or a folder that it is in, was left behind by a file manager."""
        return any(map(is_litter, self.name.split("/")))


class Zips:
    """Reads zips, each of which is opened once and stays open as long as the context lasts."""

    def __init__(self) -> None:
        self._open: dict[Path, ZipFile] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for archive in self._open.values():
            archive.close()

    def archive(self, path: Path) -> ZipFile:
        """The zip at a path.

        Raises:
            BadZipFile, OSError: it is none, or cannot be read.
        """
        if path not in self._open:
            self._open[path] = ZipFile(path)
        return self._open[path]

    def members(self, path: Path) -> list[Member]:
        """The files in a zip; of a name that comes twice the last.

        Raises:
            DataError: it is not a whole zip, or cannot be read.
        """
        try:
            infos = self.archive(path).infolist()
        except OSError as error:
            raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
        except DAMAGE as error:
            raise DataError(f"{path} is not a whole zip file ({error}); fetch it again") from None
        names = [_decoded(info) for info in infos]
        if not any("/" in name for name in names):
            names = [name.replace("\\", "/") for name in names]
        found = {
            plain: Member(info.filename, plain, info.file_size)
            for info, name in zip(infos, names, strict=True)
            if not name.endswith("/") and (plain := _plain(name))
        }
        return list(found.values())

    def read(self, path: Path, key: str) -> bytes:
        """All bytes of a file in a zip.

        Raises:
            DataError: it cannot be unpacked; the message goes on from the name of the file.
            OSError: the zip cannot be read.
        """
        try:
            archive = self.archive(path)
            if (size := archive.getinfo(key).file_size) > most_unpacked(path.stat().st_size):
                raise DataError(f"has {size:,} bytes unpacked, which is damage, or made to fill the memory")
            return archive.read(key)
        except DAMAGE as error:
            raise DataError(f"cannot be unpacked ({error})") from None


def _decoded(info: ZipInfo) -> str:
    """The name of a member; where nothing says its encoding, it is UTF-8 or Shift JIS if it can be."""
    name = info.orig_filename.split("\0")[0]
    if info.flag_bits & _UTF8 or name.isascii():
        return name
    try:
        content = name.encode("cp437")  # what `ZipFile` took it for
    except UnicodeEncodeError:
        return name
    try:
        return content.decode()
    except UnicodeDecodeError:
        return japanese(content) or name


def _plain(name: str) -> str:
    """A name without `./`, and without what leads out of the zip."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))
