"""Writing files whole or not at all, and hashing them."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from kuzushiji.errors import KuzushijiError


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside `path`; on success it takes the place of `path` in one step.

    Whatever goes wrong, what stood at `path` before still stands there and nothing is left beside it.

    Raises:
        KuzushijiError: the file system refused (disk full, no permission); the message names the file.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        os.replace(beside, path)
    except OSError as error:
        raise KuzushijiError(f"{path} could not be written: {error.strerror or error}; nothing was lost") from error
    finally:
        # Also where what should be the folder is a file, in which nothing can lie.
        with suppress(FileNotFoundError, NotADirectoryError):
            beside.unlink()


@contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path`; on success it becomes `path`, which must not exist, in one step.

    Whatever goes wrong, nothing is left beside `path`.

    Raises:
        KuzushijiError: the file system refused (disk full, no permission); the message names the folder.
    """
    beside = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        beside.mkdir(parents=True)
        yield beside
        os.rename(beside, path)
    except OSError as error:
        raise KuzushijiError(f"{path} could not be written: {error.strerror or error}; nothing was lost") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with written_whole(path) as beside:
        beside.write_bytes(content)


def file_hash(path: Path, algorithm: str = "sha256") -> str:
    """Hash of a file's bytes in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
