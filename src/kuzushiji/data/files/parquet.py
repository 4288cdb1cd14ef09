"""Images and labels in parquet files, as Hugging Face's `datasets` and hub write them, as images of characters."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.cache import CachedImages, cached, find_cached
from kuzushiji.data.files.decode import sampled
from kuzushiji.data.files.image_files import decode_into
from kuzushiji.data.files.listing import Listing, state_of
from kuzushiji.data.files.parquet_layout import Card, files_by_split, read_card
from kuzushiji.data.files.parquet_pages import unpacked_sizes
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import Sample
from kuzushiji.errors import DataError, in_a_line
from kuzushiji.extras import check_extras
from kuzushiji.files import file_hash
from kuzushiji.npz import most_unpacked

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData

_IMAGES = ("image", "img", "pixels", "png")
_LABELS = ("label", "labels", "character", "char", "class", "target", "text")
"""What the columns are called where the file does not say what they hold."""

_ROWS, _BYTES = 1024, 2**27
"""That are unpacked at once, and more bytes only where a value may have more."""
_LITTLE, _LEAST = 2**17, 32
"""A file of more rows than the first has so many bytes for each at least: an image of one pixel takes twice as many."""


@dataclass(frozen=True)
class ParquetFiles:
    """A folder with parquet files of images and labels, and perhaps a card that says which are of which split.

    The images are in the files themselves, as bytes of PNG, JPEG and the like; a label is a number with names for the
    numbers, or the character itself.

    Attributes:
        path: the folder.
        part: which part of the data set, where its card or its folders have several; empty for the only one.
        called: what the data set is called in messages; its path if empty.
    """

    path: Path
    part: str = ""
    called: str = ""

    @property
    def splits(self) -> tuple[str, ...]:
        """Those of which there is a file.

        Raises:
            DataError: there is none.
            UsageError: there are several parts.
        """
        return tuple(self._files)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, mapped into memory; decoded if that has not been done yet.

        Raises:
            DataError: a file is damaged, or holds something else.
            KuzushijiError: pyarrow is not installed, or the cache could not be written.
        """
        check_extras("parquet")
        return (self._kept(side, split) or self._some(split, side, progress, None)).of(split)

    def count(self, split: str) -> int:
        """How many rows the files of a split have.

        Raises:
            DataError: as in `read`.
        """
        check_extras("parquet")
        return sum(_Table.opened(path, {}).file.metadata.num_rows for path in self._files[split])

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Some of the images of a split, as `Sampled` has it.

        Raises:
            DataError, KuzushijiError: as in `read`.
        """
        check_extras("parquet")
        return None if self._kept(side, split) else self._some(split, side, progress, wanted).of(split)

    def _kept(self, side: int | None, split: str) -> CachedImages | None:
        """What has been decoded before: all, as older versions did, or the split."""
        variants = (f"{side} {self.part}", f"{side} {self.part} {split}")
        return next(filter(None, (find_cached(self.path, each, self._identity) for each in variants)), None)

    def _some(self, split: str, side: int | None, progress: Progress | None, wanted: Sample | None) -> CachedImages:
        """The images of a split, or some of them, decoded if that has not been done yet."""

        def make(beside: Path) -> dict[str, Any]:
            return _decode(self, beside, side, progress, split, wanted)

        variant = f"{side} {self.part} {split}" + (f" {wanted}" if wanted else "")
        return cached(self.path, variant, self._identity, make)

    @cached_property
    def _card(self) -> Card:
        check_extras("parquet")
        return read_card(self.path / "README.md")

    @cached_property
    def _part(self) -> str:
        return self._card.part(self.part, self.called or str(self.path))

    @cached_property
    def _files(self) -> dict[str, list[Path]]:
        return files_by_split(self.path, self._card, self._part)

    @property
    def _identity(self) -> str:
        files = [*chain(*self._files.values()), *filter(Path.is_file, [self.path / "README.md"])]
        states = [f"{path.relative_to(self.path)} {state_of(path.stat())}" for path in files]
        return hashlib.sha256("\n".join(states).encode(errors="surrogateescape")).hexdigest()

    def listed(self) -> Listing:
        """The images by their labels, before the bytes of one have been read: see `with_bytes`."""
        classes = _classes(list(self._tables.values()))
        names: list[str] = []
        labels, places, splits = [], [], []
        without = 0
        for split, paths in self._files.items():
            for number, path in enumerate(paths):
                for row, label in enumerate(self._tables[path].labels()):
                    if label is None:
                        without += 1
                        continue
                    names.append(f"{path.relative_to(self.path).as_posix()}, row {row}")
                    labels.append(classes.index_of(label, names[-1]))
                    places.append((number, row))
                    splits.append(split)
        if not names:
            raise DataError(f"{self.called or self.path} has no image with a label")
        note = (f"{self.called or self.path} has {without:,} images without a label, and these are left out",)
        return Listing(
            root=self.path,
            names=tuple(names),
            labels=np.array(labels, np.int64),
            classes=classes.names,
            splits=tuple(splits),
            places=np.array(places, np.int64),
            notes=note if without else (),
        )

    def with_bytes(self, listing: Listing, needed: NDArray[np.int64], unpacked: Path) -> Listing:
        """A listing whose images at `needed`, sorted, lie in a file that is written to `unpacked`."""
        assert listing.splits is not None
        assert listing.places is not None
        places = np.zeros_like(listing.places)
        with open(unpacked, "wb") as file:
            for split, paths in self._files.items():
                of_split = needed[np.array(listing.splits)[needed] == split]
                for number, path in enumerate(paths):
                    of_file = of_split[listing.places[of_split, 0] == number]
                    contents = self._tables[path].images(listing.places[of_file, 1])
                    for place, content in zip(of_file.tolist(), contents, strict=True):
                        places[place] = file.tell(), len(content)
                        file.write(content)
        return replace(listing, places=places, tar=unpacked)

    @cached_property
    def _tables(self) -> dict[Path, "_Table"]:
        named = self._card.classes.get(self._part or "default", {})
        return {path: _Table.opened(path, named) for path in chain(*self._files.values())}

    def hashes(self) -> dict[str, str]:
        """Of the files, by their names."""
        return {path.relative_to(self.path).as_posix(): file_hash(path) for path in chain(*self._files.values())}


def holds_parquet(folder: Path) -> bool:
    """Whether there are parquet files in a folder, or in one within it."""
    return any(chain(folder.glob("*.parquet"), folder.glob("*/*.parquet")))


def _decode(
    source: ParquetFiles, beside: Path, side: int | None, progress: Progress | None, split: str, wanted: Sample | None
) -> dict[str, Any]:
    listing = source.listed()
    kept = np.flatnonzero(np.array(listing.splits) == split)
    if not len(kept):
        raise DataError(f"{source.called or source.path} has no image with a label for {split}")
    if wanted is not None:
        kept = kept[wanted.rows(listing.labels[kept])]
    unpacked = beside / "unpacked"
    listing = source.with_bytes(listing, np.union1d(kept, sampled(listing)), unpacked)
    made, _ = decode_into(beside, listing, side, progress, kept)
    unpacked.unlink()
    return made | {"source": source.hashes()}


@dataclass(frozen=True)
class _Table:
    """A parquet file and its two columns.

    Attributes:
        names: of its classes; None where the labels are their own names.
        at_once: the rows of a column that are unpacked together.
    """

    path: Path
    file: Any
    image: str
    label: str
    names: tuple[str, ...] | None
    at_once: Mapping[str, int]

    @staticmethod
    def opened(path: Path, told: Mapping[str, tuple[str, ...]]) -> "_Table":
        import pyarrow as pa
        from pyarrow.parquet import ParquetFile

        try:
            file = ParquetFile(path)
            schema = file.schema_arrow
            said = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
            features = said.get("info", {}).get("features", {}) if isinstance(said, dict) else {}
            rows, size = file.metadata.num_rows, path.stat().st_size
        except (pa.ArrowException, OSError, ValueError, AttributeError) as error:
            raise DataError(f"{path} is no parquet file, or not a whole one ({in_a_line(error)})") from None
        if rows > max(_LITTLE, size // _LEAST):
            raise DataError(
                f"{path} has {rows:,} rows in {size:,} bytes, which is damage, or made to fill the memory; of the same "
                "image again and again leave out all but one"
            )
        kinds = {name: each.get("_type") for name, each in features.items() if isinstance(each, dict)}
        image = _column(schema, [name for name in kinds if kinds[name] == "Image"], _IMAGES, _is_image)
        label = _column(schema, [name for name in kinds if kinds[name] == "ClassLabel"], _LABELS, _is_label)
        if not image or not label:
            columns = ", ".join(f"{each.name} ({each.type})" for each in schema)
            raise DataError(f"{path} has the columns {columns}; expected one of images and one of labels")
        at_once = {name: max(1, min(_ROWS, _BYTES // _longest(path, file.metadata, name))) for name in (image, label)}
        names = features.get(label, {}).get("names") or told.get(label)
        return _Table(path, file, image, label, tuple(map(str, names)) if names else None, at_once)

    def labels(self) -> Iterator[int | str | None]:
        """The label of each image; None where there is none."""
        for column in self._columns(self.label):
            for label in column.to_pylist():
                yield None if label in (None, -1, "") else label

    def images(self, rows: NDArray[np.int64]) -> Iterator[bytes]:
        """The bytes of the images in these rows, sorted."""
        start = 0
        for column in self._columns(self.image) if len(rows) else ():
            some = rows[slice(*np.searchsorted(rows, (start, start + len(column))))] - start
            for image in column.take(some).to_pylist():
                content = image.get("bytes") if isinstance(image, dict) else image
                if not content:
                    raise DataError(f"{self.path} has no bytes for an image; expected it in the file itself")
                yield content
            start += len(column)
            if start > rows[-1]:
                return
        if len(rows):
            raise DataError(
                f"{self.path} is damaged (its column {self.image} has {start:,} rows, and {self.label} has more)"
            )

    def _columns(self, name: str) -> "Iterator[pa.Array]":
        """A column, so many rows at once; the same value again and again takes its bytes each time."""
        import pyarrow as pa

        most, unpacked = most_unpacked(self.path.stat().st_size), 0
        try:
            for batch in self.file.iter_batches(self.at_once[name], columns=[name]):
                if (unpacked := unpacked + batch.nbytes) > most:
                    raise _too_much(self.path, most)
                yield batch.column(name)
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.path} is damaged ({in_a_line(error)})") from None


def _too_much(path: Path, most: int) -> DataError:
    return DataError(f"{path} has more than {most:,} bytes unpacked, which is damage, or made to fill the memory")


def _longest(path: Path, metadata: "FileMetaData", column: str) -> int:
    """The bytes that a value of a column may have, which are those of a page at most.

    Raises:
        DataError: its pages unpack to more than such a file can hold.
    """
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    chunks = (group.column(number) for group in groups for number in range(group.num_columns))
    most = most_unpacked(path.stat().st_size)
    longest = 1
    unpacked = 0
    try:
        with open(path, "rb") as file:
            for chunk in chunks:
                if chunk.path_in_schema.partition(".")[0] != column:
                    continue
                starts = (chunk.dictionary_page_offset, chunk.data_page_offset)
                start = min(each for each in starts if each is not None)
                for size in unpacked_sizes(file, start, chunk.total_compressed_size):
                    longest = max(longest, size)
                    if (unpacked := unpacked + size) > most:
                        raise _too_much(path, most)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({in_a_line(error)})") from None
    return longest


@dataclass(frozen=True)
class _Classes:
    names: tuple[str, ...]
    numbers: dict[int | str, int]

    def index_of(self, label: int | str, where: str) -> int:
        if label not in self.numbers:
            raise DataError(f"{where} has the label {label!r}, but there are {len(self.names)} classes")
        return self.numbers[label]


def _classes(tables: list[_Table]) -> _Classes:
    """The classes of all files together: those that are named, else the labels that there are, in their order."""
    named = {table.names for table in tables}
    if len(named) > 1:
        different = next(table for table in tables if table.names != tables[0].names)
        raise DataError(f"{different.path} names other classes than {tables[0].path}; they do not belong together")
    if names := next(iter(named)):
        return _Classes(names, {number: number for number in range(len(names))})
    labels = sorted(
        {each for table in tables for each in table.labels() if each is not None},
        key=lambda label: (isinstance(label, str), label),
    )
    return _Classes(tuple(map(str, labels)), {label: number for number, label in enumerate(labels)})


def _column(schema: "pa.Schema", said: list[str], usual: tuple[str, ...], fits: Any) -> str:
    """The column that the file says it is, else one of a usual name, else the only one that may be it."""
    possible = [each.name for each in schema if fits(each.type)]
    chosen = [name for name in (*said, *usual) if name in possible] or (possible if len(possible) == 1 else [])
    return next(iter(chosen), "")


def _is_image(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_label(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))
