"""Several arrays in one npz file: written whole or not at all, read without running what is in it."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.files import written_whole

_LITTLE, _TIMES = 2**28, 100


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


def read_npy(file: IO[bytes], held: int, most: int) -> NDArray:
    """Reads the array of an npy file, block by block.

    Args:
        file: at its beginning, to which it can go back.
        held: bytes that it says it has.
        most: bytes that the array may have.

    Raises:
        ValueError: it is damaged, holds Python objects, or declares another size than it has.
    """
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
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
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
