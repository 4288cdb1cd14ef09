"""Array files and class maps: readers that trust nothing, writers that leave nothing half done.

The formats are those of the Kuzushiji-MNIST family (Clanuwat et al., "Deep Learning for Classical Japanese
Literature", 2018): IDX as MNIST has it, plain or gzipped, and npz with one array.  Files of single images, in
folders or in a tar, are listed by `listing.py` and decoded by `decode.py`.
"""

import csv
import gzip
import io
import math
import re
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, UsageError
from kuzushiji.files import folder_written_whole, write_text, written_whole

MOST_BYTES = 8 * 2**30
"""The largest array that a file may declare: 40 times Kuzushiji-49.  Anything above is damage or a zip bomb."""

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_BLOCK = 2**20

# What the standard library and NumPy raise on a damaged file.
_DAMAGE = (ValueError, EOFError, KeyError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, struct.error)


# Reading arrays


def read_array(path: Path) -> NDArray:
    """Reads the one array of an npz file, or of an IDX file, plain or gzipped.

    Needs hardly more memory than the array itself.

    Raises:
        DataError: the file is missing, damaged, of another format, or declares an absurd size.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder; expected an IDX or npz file")
    try:
        with open(path, "rb") as file:
            return _read_npz(path, file) if file.read(2) == b"PK" or path.suffix == ".npz" else _read_idx(path)
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except OSError as error:
        # gzip reports a wrong checksum as an OSError without a number; the rest is the operating system's.
        raise _damaged(path, error.strerror or error) from None


def read_images(path: Path) -> NDArray[np.uint8]:
    """Reads the images of an IDX or npz file: uint8 (N, H, W).

    Raises:
        DataError: as `read_array`; or the array is of another type or shape.
    """
    images = read_array(path)
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
    if len(labels) and labels.min() < 0:
        raise DataError(f"{path} holds the label {labels.min()}; labels count from 0")
    return labels.astype(np.int64)


def read_pair(images_path: Path, labels_path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Reads images and their labels and sees that there are as many of the one as of the other.

    Raises:
        DataError: as `read_images` and `read_labels`; or the counts differ.
    """
    labels = read_labels(labels_path)
    images = read_images(images_path)
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels; "
            "they do not belong together, or one of them is not whole"
        )
    return images, labels


def _read_npz(path: Path, file: BinaryIO) -> NDArray:
    try:
        with zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            named = [member for member in members if member.filename == "arr_0.npy"]
            if len(members) != 1 and len(named) != 1:
                found = ", ".join(member.filename for member in archive.infolist()[:8]) or "nothing"
                raise DataError(f"{path} holds {found}; expected one array, or one that is called arr_0")
            member = (named or members)[0]
            with archive.open(member) as stream:
                shape, dtype = _npy_header(stream)
                if dtype.hasobject:
                    raise DataError(
                        f"{path} holds Python objects (a pickle), which could run any code when loaded; "
                        "expected plain numbers: save it again from an array of integers"
                    )
                size = math.prod(shape) * dtype.itemsize
                if not size <= member.file_size <= size + 2**16:
                    raise _damaged(path, f"its header says {shape} {dtype}, but it holds {member.file_size} bytes")
                _refuse_absurd(path, size, shape)
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)  # reads block by block
    except (*_DAMAGE, NotImplementedError, RuntimeError) as error:  # the last two: odd compression, encryption
        raise _damaged(path, error) from None


def _npy_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype


def _read_idx(path: Path) -> NDArray:
    with open(path, "rb") as plain:
        gzipped = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if gzipped else open(path, "rb") as file:
        try:
            return _read_idx_stream(path, file)  # type: ignore[arg-type]
        except _DAMAGE as error:
            raise _damaged(path, error) from None


def _read_idx_stream(path: Path, file: BinaryIO) -> NDArray:
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
    _refuse_absurd(path, size, shape)
    array = np.empty(shape, dtype)
    # Block by block: a gzip file asked for everything at once makes a second copy of it.
    into, filled = memoryview(array.data).cast("B") if size else memoryview(b""), 0
    while filled < size:
        block = file.read(min(_BLOCK, size - filled))
        if not block:
            raise _damaged(path, f"its header says {shape}, {size} bytes, but it ends after {filled}")
        into[filled : filled + len(block)] = block
        filled += len(block)
    if file.read(1):
        raise _damaged(path, f"its header says {shape}, {size} bytes, but there are more")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _refuse_absurd(path: Path, size: int, shape: tuple[int, ...]) -> None:
    if size > MOST_BYTES:
        raise DataError(
            f"{path} declares an array of {shape}, {size // 2**30:,} GiB unpacked; the most that is read is "
            f"{MOST_BYTES / 2**30:.0f} GiB: the file is damaged, or made to fill the memory"
        )


def _damaged(path: Path, found: object) -> DataError:
    return DataError(f"{path} is damaged or not whole ({found}); remove it and fetch it again")


# Class maps


def read_class_map(path: Path) -> tuple[str, ...]:
    """Reads the characters of a class map: CSV with the columns index, codepoint and char, as CODH publishes it.

    Raises:
        DataError: the file is missing, has other columns, or indices that do not run 0, 1, 2 ...
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a class map in UTF-8 ({error}); fetch it again") from None
    if not rows or not {"index", "char"} <= set(rows[0]):
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise DataError(f"{path} has {found}; expected the columns index, codepoint, char")
    for number, row in enumerate(rows):
        if row["index"] != str(number) or not row["char"]:
            raise DataError(
                f"{path}, line {number + 2}: index {row['index']!r} and char {row['char']!r}; "
                f"expected index {number} and a character"
            )
        if row.get("codepoint") and class_of_folder(row["codepoint"]) != row["char"]:
            raise DataError(f"{path}, line {number + 2}: {row['codepoint']} is not {row['char']}")
    classes = tuple(row["char"] for row in rows)
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(f"{path} has the class {twice} twice")
    return classes


def write_class_map(path: Path, classes: Sequence[str]) -> None:
    """Writes a class map as `read_class_map` reads it, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "codepoint", "char"])
    for index, name in enumerate(classes):
        writer.writerow([index, "" if _is_word(name) else _codepoints(name), name])
    write_text(path, text.getvalue())


def class_of_folder(name: str) -> str:
    """The class that a folder name stands for: `U+304A` is お, `U+304B_U+309A` か゚; any other name is itself.

    Some file systems keep が as か and a mark; the two are put together again.  A single character stays as it is,
    because normalization would turn a compatibility ideograph into another character.
    """
    if re.fullmatch(r"U\+[0-9A-Fa-f]{4,6}(_U\+[0-9A-Fa-f]{4,6})*", name):
        points = [int(part[2:], 16) for part in name.split("_")]
        if max(points) <= 0x10FFFF:
            return "".join(map(chr, points))
    return name if len(name) == 1 else unicodedata.normalize("NFC", name)


def folder_of_class(name: str) -> str:
    """The folder name of a class: `U+304A` for お.  A word of ASCII letters, such as `rare`, is itself.

    Raises:
        UsageError: the name cannot be the name of a folder.
    """
    if not _is_word(name):
        return _codepoints(name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.+-]*", name) or class_of_folder(name) != name:
        raise UsageError(f"the class {name!r} cannot be the name of a folder; use letters and digits")
    return name


def _is_word(name: str) -> bool:
    return name.isascii() and len(name) != 1


def _codepoints(name: str) -> str:
    return "_".join(f"U+{ord(character):04X}" for character in name)


# Writing


def write_npz(path: Path, array: NDArray) -> None:
    """Writes one array under the key `arr_0`, compressed, as CODH publishes its sets; whole or not at all."""
    with written_whole(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, array)


def write_idx(path: Path, array: NDArray) -> None:
    """Writes an array as an IDX file, gzipped if the name ends in `.gz`; whole or not at all.

    The same array gives the same bytes at any time.

    Raises:
        UsageError: IDX has no such type; labels of the type int64 must be made smaller first.
    """
    code = next((code for code, kind in _IDX_TYPES.items() if np.dtype(kind) == array.dtype.newbyteorder(">")), None)
    if code is None:
        raise UsageError(f"IDX has no type for {array.dtype}; convert to uint8 or int32 first")
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    payload = np.ascontiguousarray(array, np.dtype(_IDX_TYPES[code]))
    with written_whole(path) as beside, open(beside, "wb") as plain:
        if path.suffix == ".gz":
            with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=plain, mtime=0) as packed:
                packed.write(header)
                packed.write(payload.data)
        else:
            plain.write(header)
            plain.write(payload.data)


def write_arrays(folder: Path, data: CharacterImages, *, prefix: str, form: str = "npz") -> list[Path]:
    """Writes one split as a pair of array files beside a class map, so that `load(folder, split)` reads it.

    Args:
        folder: where the files go; made if it is not there.
        prefix: what the names begin with, such as `kmnist` in `kmnist-train-imgs.npz`.
        form: `npz`, or `idx` for gzipped IDX files named as those of MNIST.

    Returns:
        The paths of images, labels and class map.

    Raises:
        UsageError: an unknown form, or classes too many for IDX labels.
    """
    labels = data.labels.astype(np.uint8 if len(data.classes) <= 256 else np.int32)
    class_map = folder / f"{prefix}_classmap.csv"
    if form == "npz":
        paths = [folder / f"{prefix}-{data.split}-imgs.npz", folder / f"{prefix}-{data.split}-labels.npz"]
        write = write_npz
    elif form == "idx":
        stem = "t10k" if data.split == "test" else data.split
        paths = [folder / f"{stem}-images-idx3-ubyte.gz", folder / f"{stem}-labels-idx1-ubyte.gz"]
        write = write_idx
    else:
        raise UsageError(f"unknown form {form!r}; known: npz, idx")
    write(paths[0], data.images)
    write(paths[1], labels)
    write_class_map(class_map, data.classes)
    return [*paths, class_map]


def write_class_folders(folder: Path, data: CharacterImages) -> None:
    """Writes a folder for each class (`U+304A/000123.png`, the number is the id), whole or not at all.

    Raises:
        UsageError: the folder is already there, or a class cannot be the name of a folder.
    """
    names = [folder_of_class(name) for name in data.classes]
    if folder.exists():
        raise UsageError(f"{folder} is already there; name a new folder or remove it")
    with folder_written_whole(folder) as beside:
        for label in np.unique(data.labels):
            (beside / names[label]).mkdir()
        for pixels, label, identity in zip(data.images, data.labels, data.ids, strict=True):
            Image.fromarray(pixels).save(beside / names[label] / f"{identity:06d}.png", "PNG")


def write_tar(path: Path, data: CharacterImages, *, top: str = "kkanji2") -> None:
    """Writes a tar in the layout of Kuzushiji-Kanji, `kkanji2/U+4E00/000123.png`, whole or not at all.

    The same data gives the same bytes at any time.

    Raises:
        UsageError: a class cannot be the name of a folder.
    """
    names = [folder_of_class(name) for name in data.classes]
    with written_whole(path) as beside, tarfile.open(beside, "w") as archive:
        for pixels, label, identity in zip(data.images, data.labels, data.ids, strict=True):
            packed = io.BytesIO()
            Image.fromarray(pixels).save(packed, "PNG")
            member = tarfile.TarInfo(f"{top}/{names[label]}/{identity:06d}.png")
            member.size = packed.tell()
            packed.seek(0)
            archive.addfile(member, packed)
