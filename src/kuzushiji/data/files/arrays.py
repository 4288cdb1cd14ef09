"""Array files: readers that trust nothing, writers that hold no copy.

The formats are those of the Kuzushiji-MNIST family (Clanuwat et al., "Deep Learning for Classical Japanese
Literature", 2018): IDX as MNIST has it, plain or gzipped, and npz with one array.  Files of single images, in
folders or in a tar, are listed by `listing.py` and decoded by `decode.py`.
"""

import contextlib
import gzip
import math
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError, UsageError
from kuzushiji.npz import Choose, most_unpacked, read_npy, read_rows

MOST_LABELS = 2**26
MOST_CLASSES = 2**20
_BLOCK = 2**20

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# What the standard library and NumPy raise on a damaged file.
_DAMAGE = (ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, struct.error)


# Reading arrays


def read_array(path: Path, rows: Choose | None = None) -> NDArray:
    """Reads the one array of an npz file, or of an IDX file, plain or gzipped.

    Needs hardly more memory than the array itself, or than those of its rows whose numbers `rows` gives for the number
    of all of them.

    Raises:
        DataError: the file is missing, damaged, of another format, or declares an absurd size.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected an IDX or npz file")
    try:
        with open(path, "rb") as file:
            is_npz = file.read(2) == b"PK" or path.suffix == ".npz"
            return _read_npz(path, file, rows) if is_npz else _read_idx(path, rows)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except OSError as error:
        # gzip reports a wrong checksum as an OSError without a number; the rest is the operating system's.
        raise _damaged(path, error.strerror or error) from None


def read_images(path: Path, rows: Choose | None = None) -> NDArray[np.uint8]:
    """Reads the images of an IDX or npz file: uint8 (N, H, W), 0 to 255; those of 0 and 1 are brought to that.

    Args:
        rows: says which of so many are read, sorted; all if None.

    Raises:
        DataError: as `read_array`; or the array is of another type or shape.
    """
    images = read_array(path, rows)
    if images.ndim == 1:
        raise DataError(
            f"{path} holds {len(images)} numbers {images.dtype}, which look like labels; "
            "expected images, uint8 (N, H, W): were the two files swapped?"
        )
    if images.dtype != np.uint8 or images.ndim != 3:
        raise DataError(
            f"{path} holds {images.dtype} {images.shape}; expected images, uint8 (N, H, W), 0 to 255: "
            "convert the array and save it again"
        )
    if images.max(initial=0) == 1:  # masks, which nobody could see otherwise
        return np.multiply(images, 255, out=images)
    return images


def read_labels(path: Path) -> NDArray[np.int64]:
    """Reads the labels of an IDX or npz file as int64 (N,).

    Raises:
        DataError: as `read_array`; or the array is of another type or shape.
    """
    labels = read_array(path)
    if labels.ndim == 3:
        raise DataError(
            f"{path} holds images, {labels.dtype} {labels.shape}; expected labels, integers (N,): "
            "were the two files swapped?"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(f"{path} holds {labels.dtype} {labels.shape}; expected labels, integers (N,)")
    if len(labels) > MOST_LABELS:
        raise DataError(f"{path} holds {len(labels):,} labels; the most that are read are {MOST_LABELS:,}")
    if len(labels) and labels.min() < 0:
        raise DataError(f"{path} holds the label {labels.min()}; labels count from 0")
    if labels.max(initial=0) >= MOST_CLASSES:
        raise DataError(
            f"{path} holds the label {labels.max():,}; labels count from 0 to the number of classes less 1, which are "
            f"{MOST_CLASSES:,} at most"
        )
    return labels.astype(np.int64)


def read_pair(
    images_path: Path, labels_path: Path, choose: Callable[[NDArray[np.int64]], NDArray[np.int64]] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Reads images and their labels and sees that there are as many of the one as of the other.

    Args:
        choose: says for all labels the numbers of those that are read, sorted; all if None.

    Returns:
        Images, labels, and the number of each among all.

    Raises:
        DataError: as `read_images` and `read_labels`; or the counts differ.
    """
    labels = read_labels(labels_path)
    kept = np.arange(len(labels)) if choose is None else choose(labels)

    counts = []

    def rows(count: int) -> NDArray[np.int64]:
        counts.append(count)
        return kept if count == len(labels) else np.arange(0)

    images = read_images(images_path, rows)
    if counts != [len(labels)]:
        raise DataError(
            f"{images_path} holds {counts[0]} images but {labels_path} {len(labels)} labels; "
            "they do not belong together, or one of them is not whole"
        )
    return images, labels[kept], kept


def _read_npz(path: Path, file: BinaryIO, rows: Choose | None) -> NDArray:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            named = [member for member in members if member.filename == "arr_0.npy"]
            if len(members) != 1 and len(named) != 1:
                found = ", ".join(member.filename for member in archive.infolist()[:8]) or "nothing"
                raise DataError(f"{path} holds {found}; expected one array, or one that is called arr_0")
            member = (named or members)[0]
            with archive.open(member) as stream:
                return read_npy(stream, member.file_size, most_unpacked(path.stat().st_size), rows)
    except DataError:
        raise
    except Exception as error:  # on a damaged file zipfile and NumPy raise whatever comes
        raise _damaged(path, error) from None


def _read_idx(path: Path, rows: Choose | None) -> NDArray:
    with open(path, "rb") as plain:
        gzipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if gzipped else open(path, "rb") as file:
        try:
            return _read_idx_stream(path, file, most_unpacked(path.stat().st_size), rows)  # type: ignore[arg-type]
        except _DAMAGE as error:
            raise _damaged(path, error) from None


def _read_idx_stream(path: Path, file: BinaryIO, most: int, rows: Choose | None) -> NDArray:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or not 1 <= magic[3] <= 4:
        kind = "a web page" if magic.lstrip()[:1] == b"<" else f"{magic!r}"
        raise DataError(
            f"{path} is not an IDX file: it starts with {kind}, expected 0 0, a type and 1 to 4 dimensions; "
            "fetch it again"
        )
    dtype = np.dtype(_IDX_TYPES[magic[2]])
    shape = struct.unpack(f">{magic[3]}I", file.read(4 * magic[3]))
    size = math.prod(shape) * dtype.itemsize
    if size > most:
        raise _damaged(path, f"its header says {shape}, {size:,} bytes: damage, or made to fill the memory")
    try:
        array = read_rows(file, shape, dtype, rows)
    except EOFError as error:
        raise _damaged(path, f"its header says {shape}, {size} bytes, but it ends after {error}") from None
    if file.read(1):
        raise _damaged(path, f"its header says {shape}, {size} bytes, but there are more")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _damaged(path: Path, found: object) -> DataError:
    return DataError(f"{path} is damaged or not whole ({found}); remove it and fetch it again")


# Writing arrays


def write_npz(path: Path, array: NDArray, told: Callable[[int], None] = lambda count: None) -> None:
    """Writes one array under the key `arr_0`, compressed, as CODH publishes its sets.

    The same array gives the same bytes at any time.

    Args:
        told: gets how many rows have been written since it was last called.
    """
    member = zipfile.ZipInfo("arr_0.npy")  # dated 1980
    member.compress_type = zipfile.ZIP_DEFLATED
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
    with zipfile.ZipFile(path, "w") as archive, archive.open(member, "w", force_zip64=True) as file:
        np.lib.format.write_array_header_1_0(file, header)
        _write_rows(file, array, told)


def write_idx(path: Path, array: NDArray, told: Callable[[int], None] = lambda count: None) -> None:
    """Writes an array as an IDX file, gzipped if the name ends in `.gz`.

    The same array gives the same bytes at any time.

    Args:
        told: gets how many rows have been written since it was last called.

    Raises:
        UsageError: IDX has no such type; labels of the type int64 must be made smaller first.
    """
    code = next((code for code, kind in _IDX_TYPES.items() if np.dtype(kind) == array.dtype.newbyteorder(">")), None)
    if code is None:
        raise UsageError(f"IDX has no type for {array.dtype}; convert to uint8 or int32 first")
    with open(path, "wb") as plain, contextlib.ExitStack() as packing:
        file: BinaryIO | gzip.GzipFile = plain
        if path.suffix == ".gz":
            file = packing.enter_context(gzip.GzipFile("", "wb", compresslevel=6, fileobj=plain, mtime=0))
        file.write(bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape))
        _write_rows(file, array.astype(_IDX_TYPES[code], copy=False), told)


def _write_rows(file: IO[bytes] | gzip.GzipFile, array: NDArray, told: Callable[[int], None]) -> None:
    """Writes what an array holds, a few rows at a time, so that what is mapped into memory need not fit there."""
    count = max(1, _BLOCK // max(1, array[:1].nbytes))
    for start in range(0, len(array), count):
        rows = array[start : start + count]
        file.write(rows.tobytes())
        told(len(rows))
