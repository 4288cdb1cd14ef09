"""Several arrays in one npz file: written whole or not at all, read without running what is in it."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.files import written_whole

_LITTLE, _TIMES = 2**28, 100
_BLOCK = 2**20

Choose = Callable[[int], NDArray[np.int64]]
"""The numbers, sorted, of those of so many rows that are wanted."""


def most_unpacked(packed: int) -> int:
    """The most bytes that so many packed ones are unpacked to; more is damage, or made to fill the memory.

    Images of characters are packed to a third of their size or a twentieth.
    """
    return max(_LITTLE, _TIMES * packed)


def save_arrays(path: Path, arrays: Mapping[str, Any], *, compressed: bool = False) -> None:
    """Writes arrays, and whatever NumPy makes an array of, under their names."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        (np.savez_compressed if compressed else np.savez)(file, **arrays)


@contextmanager
def opened_arrays(path: Path, what: str, written_by: str) -> Iterator[Mapping[str, Any]]:
    """Opens what `save_arrays` wrote; an array is read when it is asked for.

    Args:
        what: what the file is, for messages, such as `predictions file`.
        written_by: the command that writes it.

    Raises:
        DataError: the file is missing, truncated or something else, or what is done with its arrays within the context
            shows that they make no sense.
    """
    try:
        with ZipFile(path) as archive:
            yield _Arrays(archive, most_unpacked(path.stat().st_size))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; `{written_by}` writes it") from None
    except KuzushijiError:
        raise
    except Exception as error:  # on a damaged file zipfile and NumPy raise whatever comes
        raise DataError(f"{path} is not a whole {what} ({error}); remove it and run `{written_by}`") from None


class _Arrays(Mapping[str, NDArray]):
    """The arrays in a zip, by name."""

    def __init__(self, archive: ZipFile, most: int) -> None:
        self._archive = archive
        self._most = most

    def __getitem__(self, name: str) -> NDArray:
        member = self._archive.getinfo(f"{name}.npy")
        with self._archive.open(member) as file:
            return read_npy(file, member.file_size, self._most)

    def __iter__(self) -> Iterator[str]:
        return (name.removesuffix(".npy") for name in self._archive.namelist() if name.endswith(".npy"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_npy(file: IO[bytes], held: int, most: int, rows: Choose | None = None) -> NDArray:
    """Reads the array of an npy file, block by block.

    Args:
        file: at its beginning, to which it can go back.
        held: bytes that it says it has.
        most: bytes that the array may have.
        rows: says which of so many rows are read; all if None.

    Raises:
        ValueError: it is damaged, holds Python objects, or declares another size than it has.
    """
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, dtype = header(file)
    except Exception as error:  # NumPy evaluates the header as Python, and raises whatever comes of that
        raise ValueError(f"its header makes no sense: {error}") from None
    if dtype.hasobject:
        raise ValueError(
            "it holds Python objects (a pickle), which could run any code when loaded; expected plain numbers: save it "
            "again from an array of integers"
        )
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or not size <= held <= size + 2**16:
        raise ValueError(f"its header says {shape} {dtype}, but it holds {held} bytes")
    if size > most:
        raise ValueError(
            f"it declares an array of {shape}, {size // 2**20:,} MiB unpacked; the most that is read of a file of its "
            f"size is {most // 2**20:,} MiB: it is damaged, or made to fill the memory"
        )
    if rows is not None and shape and not by_columns:
        array = read_rows(file, shape, dtype, rows)
        file.read(1)  # at its end a zip is asked for its checksum
        return array
    file.seek(0)
    array = np.lib.format.read_array(file, allow_pickle=False)
    return array if rows is None or not shape else array[rows(shape[0])]


def read_rows(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype, rows: Choose | None) -> NDArray:
    """Reads rows of an array, a block at a time: a gzip file asked for everything at once makes a second copy of it.

    Args:
        file: where the array begins; at its end afterwards.
        rows: says which of so many rows are read; all if None.

    Raises:
        EOFError: the array ends before; the message is the number of its bytes.
    """
    count, row = shape[0], math.prod(shape[1:]) * dtype.itemsize
    kept = np.arange(count) if rows is None else rows(count)
    array = np.empty((len(kept), *shape[1:]), dtype)
    step = max(1, _BLOCK // max(1, row))
    for first in range(0, count if row else 0, step):
        size = row * min(step, count - first)
        block = _read_all(file, size)
        if len(block) < size:
            raise EOFError(row * first + len(block))
        low, high = np.searchsorted(kept, (first, first + step))
        found = np.frombuffer(block, dtype).reshape(-1, *shape[1:])
        array[low:high] = found[kept[low:high] - first]
    return array


def _read_all(file: IO[bytes], size: int) -> bytes:
    """So many bytes, or as many as there are; some files give fewer at a time."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
