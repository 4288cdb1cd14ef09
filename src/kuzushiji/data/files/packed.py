"""The images in a tar or a zip of class folders."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from kuzushiji.data.files.archive import Zips
from kuzushiji.data.files.names import SUFFIXES, is_litter, meant
from kuzushiji.errors import DataError
from kuzushiji.imaging.kinds import kind_of_file
from kuzushiji.npz import most_unpacked

_OPENERS: dict[bytes, Callable[..., IO[Any]]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""How a compressed file begins, and what opens it."""
_OTHERS = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7z archive", b"(\xb5/\xfd": "compressed by zstd"}
_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
"""Members of a tar that hold what does not fit into the header of the next one, such as its name."""
_LONGEST_NAME = 2**16
_DAMAGE = (tarfile.TarError, EOFError, ValueError, zlib.error, lzma.LZMAError)


@dataclass(frozen=True)
class Members:
    """The image files of an archive.

    Attributes:
        names: as they were meant, with slashes, without what file managers leave.
        keys: of a zip, by name what it has each file under.
        places: of a tar, by name where each file begins in it, unpacked, and how many bytes it has.
        others: the names of what is no image.
    """

    names: tuple[str, ...]
    keys: dict[str, str] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    others: tuple[str, ...] = ()


class _Header(tarfile.TarInfo):
    """A header of a tar whose size can be one: tarfile goes back by a negative one, and never ends."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        if not 0 <= header.size < (_LONGEST_NAME if header.type in _NAMES else 2**50):
            raise ValueError(f"{header.name} has {header.size:,} bytes")
        return header


def is_zip(path: Path) -> bool:
    """Whether a file is a zip, by its first bytes or its name."""
    return path.suffix.lower() == ".zip" or _start(path).startswith(b"PK")


def is_compressed(path: Path) -> bool:
    """Whether a tar is compressed."""
    return _opener(path) is not None


def list_zip(path: Path) -> Members:
    """The images in a zip of class folders.

    Raises:
        DataError: it is not a whole zip, or holds no image.
    """
    with Zips() as zips:
        found = {member.name: member.key for member in zips.members(path) if not member.is_litter}
    names, others = _images(path, found)
    return Members(names, keys=found, others=others)


def list_tar(path: Path) -> Members:
    """The images in a tar of class folders, of any compression; of a name that comes twice the last counts.

    Raises:
        DataError: it is not a whole tar, or holds no image.
    """
    places: dict[str, tuple[int, int]] = {}
    end = 0
    try:
        most = most_unpacked(path.stat().st_size)
        with tarfile.open(path, "r:*" if is_compressed(path) else "r:", tarinfo=_Header) as archive:
            for member in archive:
                if not 0 <= member.size <= member.offset_data + member.size <= most:
                    raise ValueError(f"{member.name} has {member.size:,} bytes")
                end = member.offset_data + (member.size + 511) // 512 * 512
                name = "/".join(part for part in meant(member.name).split("/") if part not in ("", "."))
                if member.isdir() or any(map(is_litter, name.split("/"))):
                    continue
                if not member.isreg() or member.issparse():
                    raise DataError(f"{path}: {name} is neither a file nor a folder; expected images alone")
                places[name] = (member.offset_data, member.size)
        with open(path, "rb") as file:
            file.seek(end)
            if places and not is_compressed(path) and file.read(512) != bytes(512):
                # tarfile takes a file that was cut between two members for a whole one; only the end mark tells.
                raise DataError(f"{path} is cut off after {list(places)[-1]}; remove it and fetch it again")
    except _DAMAGE as error:
        raise DataError(f"{path} {_why_not(path, error)}") from None
    names, others = _images(path, places)
    return Members(names, places=places, others=others)


def _why_not(path: Path, error: Exception) -> str:
    """Why something can't be read as a tar."""
    start = _start(path)
    if known := next((kind for begins, kind in _OTHERS.items() if start.startswith(begins)), ""):
        return f"is {known}, which is not read: unpack it"
    if not is_compressed(path) and ".tar" not in path.suffixes:
        with open(path, "rb") as file:
            if file.read(262)[257:] != b"ustar":
                found = kind_of_file(path) or f"begins with {start!r}"
                return (
                    f"is no data that is read ({found}); expected a folder of class folders, a tar or zip of them, "
                    "or a folder with npz, IDX or parquet files"
                )
    why = str(error).partition("\n")[0]
    return f"is not a whole tar file ({why}); if it is compressed unpack it, else fetch it again"


def unpack(path: Path, plain: Path) -> None:
    """Writes what is in a compressed tar.

    Raises:
        DataError: it is damaged.
    """
    opener = _opener(path)
    assert opener is not None
    try:
        left = most_unpacked(path.stat().st_size)
        with opener(path) as source, open(plain, "wb") as target:
            while block := source.read(2**20):
                left -= target.write(block)
                if left < 0:
                    raise EOFError("it unpacks to more than 100 times its size")
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or not whole ({error}); fetch it again") from None


NO_CLASS = (
    "is not an image in a class folder; expected names such as kkanji2/U+4E00/1f2e.png, "
    "or of pages train.csv beside train_images; unpack it, if it holds something else that is read"
)
"""What is said of a file in an archive."""


def _images(path: Path, found: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The images among some files, and the others.

    Raises:
        DataError: none is an image.
    """
    images = tuple(name for name in found if name.lower().endswith(SUFFIXES))
    if images:
        return images, tuple(name for name in found if not name.lower().endswith(SUFFIXES))
    if found:
        raise DataError(f"{path}: {next(iter(found))} {NO_CLASS}")
    raise DataError(f"{path} holds no images; expected names such as kkanji2/U+4E00/1f2e.png")


def _opener(path: Path) -> Callable[..., IO[Any]] | None:
    start = _start(path)
    return next((opener for begins, opener in _OPENERS.items() if start.startswith(begins)), None)


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(8)
