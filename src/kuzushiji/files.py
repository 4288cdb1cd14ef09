"""Writing files whole or not at all, whatever ends the program or the power, and hashing them."""

import errno
import hashlib
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from uuid import uuid4

from kuzushiji.errors import KuzushijiError, UsageError

_MANY = 256
"""From so many files on, all that the system has yet to write is written at once."""

_PART = re.compile(r"\..+\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.part", re.DOTALL)
_DAY = 24 * 60 * 60


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on success it takes the place of `path` in one step.

    Whatever goes wrong, a power cut too, what stood at `path` before still stands there and nothing is left beside it;
    afterwards the new file is on the disk.

    Raises:
        KuzushijiError: the file system refused (disk full, no permission); the message names the file.
    """
    beside = _part_of(path)
    try:
        make_folder(path.parent)
        _sweep(path.parent)
        yield beside
        put_in_place(beside, path)
    except OSError as error:
        raise KuzushijiError(f"{path} could not be written: {error.strerror or error}; nothing was lost") from error
    finally:
        # Also where what should be the folder is a file, in which nothing can lie.
        with suppress(FileNotFoundError, NotADirectoryError):
            beside.unlink()


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path`; on success it becomes `path`, which must not exist, in one step.

    Whatever goes wrong, nothing is left beside `path`; afterwards the folder is on the disk.

    Raises:
        KuzushijiError: the file system refused (disk full, no permission); the message names the folder.
    """
    beside = _part_of(path)
    try:
        make_folder(path.parent)
        _sweep(path.parent)
        beside.mkdir()
        yield beside
        put_in_place(beside, path)
    except OSError as error:
        raise KuzushijiError(f"{path} could not be written: {error.strerror or error}; nothing was lost") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def expanded(path: str | Path) -> Path:
    """A path with the home folder for its `~`; that of nobody stays as it is, and names nothing.

    Raises:
        UsageError: it can be the path of nothing.
    """
    try:
        return Path(os.path.expanduser(path))
    except TypeError:
        raise UsageError(f"{path!r} is no path") from None
    except ValueError:
        raise UsageError(f"{str(path)!r} can be the path of nothing") from None


def put_in_place(beside: Path, path: Path) -> None:
    """Gives a file or folder its name: its bytes are on the disk before, and the name is when this returns.

    Raises:
        OSError: the file system refused; `path` is as it was.
    """
    if beside.is_dir():
        _sync_below(beside)
        os.rename(beside, path)
    else:
        _sync(beside)
        os.replace(beside, path)
    _sync(path.parent)


def make_folder(path: Path, *, new: bool = False) -> None:
    """Makes a folder, and those that it lies in, where they are missing; they are on the disk when this returns.

    Raises:
        FileExistsError: a file is there, or with `new` anything.
        OSError: the file system refused.
    """
    if path.is_dir() and not new:
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=not new)
    _sync(path.parent)


def remove_file(path: Path) -> None:
    """Removes a file if there is one; it is gone from the disk when this returns."""
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _part_of(path: Path) -> Path:
    """A path beside `path` that no other process has, and that tells whose it is."""
    return path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{uuid4().hex[:8]}.part")


@cache
def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


@cache
def _sweep(folder: Path) -> None:
    """Removes, once, what processes that were killed have left of files and folders that they wrote."""
    for path in list(folder.iterdir()):
        if (part := _PART.fullmatch(path.name)) and _is_dead(path, *part.groups()):
            with suppress(OSError):  # somebody else sweeps too
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _is_dead(path: Path, machine: str, process: str) -> bool:
    """Whether the process that wrote a part is no more; of one elsewhere: no change for a day."""
    if machine == _machine() and os.name != "nt":
        try:
            os.kill(int(process), 0)
        except (ProcessLookupError, OverflowError):
            return True
        except OSError:
            pass  # it is another user's
    with suppress(OSError):
        return time.time() - path.lstat().st_mtime > _DAY
    return False


def _sync_below(folder: Path) -> None:
    """Brings all that a folder holds to the disk."""
    below = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    if len(below) > _MANY and hasattr(os, "sync"):
        os.sync()  # thousands of files one by one take minutes
        return
    for each in (*below, *(Path(place) for place, _, _ in os.walk(folder))):
        _sync(each)


def _sync(path: Path) -> None:
    """Brings the bytes of a file, or the names in a folder, to the disk.

    Raises:
        OSError: the disk refused, full or damaged.
    """
    is_folder = path.is_dir()
    if is_folder and os.name == "nt":
        return  # which opens no folders, and keeps their names safe by itself
    # Windows syncs only what is open for writing.
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems can't
            raise
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text whole or not at all; what is no Unicode, as in names of files, is escaped."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with written_whole(path) as beside:
        beside.write_bytes(content)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Hash of a file's bytes in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
