"""Pages with a box around each character: Kaggle's table and those of CODH -> `Page`, and what is wrong with them.

Three layouts are read, each from a folder or from the zip that it came in:

- Kaggle's Kuzushiji Recognition: `train.csv` with the columns `image_id` and `labels` (`U+306F 1231 3465 133 53 ...`:
  code point, left, top, width, height), the pages in `train_images` or `train_images.zip`;
- CODH's Kuzushiji Dataset (doi:10.20676/00000340), a folder or a zip for each book: `BOOK_coordinate.csv` with the
  columns `Unicode, Image, X, Y, Block ID, Char ID, Width, Height`, the pages in `images`;
- a single one of these books.

People drew the boxes and typed the code points, and downloads break off.  Nothing that is wrong with a box or with a
page ends the reading: it is counted by its kind, and the first of each kind are named.
"""

import csv
import io
import os
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from kuzushiji.characters import from_codepoint
from kuzushiji.data.files.listing import SUFFIXES, unreadable
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.read import to_gray

KINDS = {
    "malformed_entry": "not a code point with four numbers",
    "malformed_code_point": "not a code point such as U+304A",
    "unknown_code_point": "a code point that stands for no known character",
    "no_size": "width or height zero or negative",
    "outside": "outside the page",
    "clipped": "partly outside the page; cut off at its edge",
    "listed_twice": "page listed twice; the first counts",
    "no_image": "image of the page missing",
    "broken_image": "image of the page damaged or cut off",
}
"""What can be wrong with a box, and what it means.  A box that is `clipped` counts; the others are left out."""

LAYOUTS = (
    "train.csv beside train_images as Kaggle has it, or BOOK_coordinate.csv beside images as CODH has it, "
    "in a folder or a zip"
)
"""What is read, for messages."""

_BOX_TABLE = "_coordinate.csv"
_DEPTH = 2
"""How many folders deep pages are looked for: `images` in the folder of a book."""
_KAGGLE = ("image_id", "labels")
_CODH = ("Unicode", "Image", "X", "Y", "Width", "Height")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?")


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


@dataclass(frozen=True, eq=False)
class Page:
    """A page and the boxes on it, of those that could be read.

    Attributes:
        name: such as `100241706_00004_2`.
        book: the book that it is from, such as `100241706`.
        image: where its image is, None if it is missing.
        characters: the n characters, as one string.
        boxes: int32 (n, 4): left, top, width and height in pixels of the page.
        ids: int64 (n,), the number of each box among all in the tables, bad ones included.
    """

    name: str
    book: str
    image: PageFile | None
    characters: str
    boxes: NDArray[np.int32]
    ids: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.characters)


@dataclass(frozen=True)
class Problem:
    """Everything of one kind that is wrong.

    Attributes:
        kind: one of `KINDS`.
        boxes: on how many boxes it bears; no box need lie on a page that is missing.
        pages: on how many pages.
        examples: the first few, in words.
    """

    kind: str
    boxes: int
    pages: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class PageReport:
    """What a source of pages holds.

    Attributes:
        pages: pages in its tables.
        books: books that these are from.
        boxes: boxes in its tables.
        characters: how many of these became the image of a character.
        classes: different characters among them.
        problems: what is wrong with the others, in the order of `KINDS`.
    """

    pages: int
    books: int
    boxes: int
    characters: int
    classes: int
    problems: tuple[Problem, ...]

    @property
    def left_out(self) -> int:
        """How many boxes did not become the image of a character."""
        return self.boxes - self.characters

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PageReport":
        """What `to_dict` described."""
        problems = tuple(Problem(**{**each, "examples": tuple(each["examples"])}) for each in values["problems"])
        return cls(**{**values, "problems": problems})


@dataclass
class Tally:
    """Counts what is wrong, kind by kind, and keeps the first examples."""

    most_examples: int = 5
    _boxes: dict[str, int] = field(default_factory=dict)
    _pages: dict[str, set[str]] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, page: str, example: str, boxes: int = 1) -> None:
        """Counts `boxes` boxes on a page."""
        self._boxes[kind] = self._boxes.get(kind, 0) + boxes
        self._pages.setdefault(kind, set()).add(page)
        examples = self._examples.setdefault(kind, [])
        if len(examples) < self.most_examples:
            examples.append(f"{page}: {example[:200]}")

    def problems(self) -> tuple[Problem, ...]:
        """What was counted, in the order of `KINDS`."""
        return tuple(
            Problem(kind, self._boxes[kind], len(self._pages[kind]), tuple(self._examples[kind]))
            for kind in KINDS
            if kind in self._boxes
        )


@dataclass(frozen=True)
class PageListing:
    """All pages of a source.

    Attributes:
        source: the folder or the zip.
        pages: every page in the tables, in their order; some may have no box.
        tables: the tables that were read.
        boxes: how many boxes the tables list, bad ones included.
        tally: what is wrong with those of which `pages` say nothing.
    """

    source: Path
    pages: tuple[Page, ...]
    tables: tuple[PageFile, ...]
    boxes: int
    tally: Tally

    def page(self, name: str) -> Page:
        """The page of this name.

        Raises:
            UsageError: there is none.
        """
        for page in self.pages:
            if page.name == name:
                return page
        some = ", ".join(page.name for page in self.pages[:5])
        raise UsageError(f"{self.source} has no page {name!r}; its {len(self.pages):,} pages are {some} ...")


def holds_pages(path: Path) -> bool:
    """Whether a folder or a zip looks like one of the layouts of pages; looks at names alone."""
    try:
        if path.is_file():
            return path.suffix.lower() == ".zip"
        with os.scandir(path) as entries:
            found = list(entries)
        if any(_is_table(entry.name) or os.path.exists(f"{entry.path}/{entry.name}{_BOX_TABLE}") for entry in found):
            return True
        with FileReader() as reader:
            zips = [Path(entry.path) for entry in found if entry.name.lower().endswith(".zip")]
            return any(_is_table(PurePosixPath(member).name) for path in zips for member in reader.members(path))
    except (OSError, DataError):
        return False


def list_pages(source: Path) -> PageListing:
    """Reads the tables of a folder or a zip of pages; the images are looked for, not read.

    Raises:
        DataError: there is no such file or folder, no table in it, a table has other columns, or a zip is not whole.
    """
    with FileReader() as reader:
        files = _files(source, reader)
        tables = _tables(source, files)
        images = {file.inside.stem: file for file in reversed(files) if file.inside.suffix.lower() in SUFFIXES}
        known = _known_characters(files, reader)
        tally, pages, number = Tally(), {}, 0
        for table in tables:
            for name, book, entries in _rows(table, reader):
                if name in pages:
                    tally.add("listed_twice", name, str(table), len(entries))
                else:
                    pages[name] = _page(name, book, images.get(name), entries, known, number, tally)
                number += len(entries)
    return PageListing(source, tuple(pages.values()), tuple(tables), number, tally)


def read_page(page: Page) -> NDArray[np.uint8]:
    """The image of a page, uint8 (H, W, 3), in its colours.

    Raises:
        DataError: it is missing or damaged.
    """
    if page.image is None:
        raise DataError(f"the image of page {page.name} is missing")
    with FileReader() as reader:
        try:
            content = reader.read(page.image)
            to_gray(content)  # refuses what is damaged, in words
            with Image.open(io.BytesIO(content)) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        except DataError as error:
            raise DataError(f"{page.image} {error}") from None


def page_names(source: Path) -> dict[str, str]:
    """The name of each page with an entry and an image -> its book; much faster than `list_pages`.

    Raises:
        DataError: as `list_pages`.
    """
    with FileReader() as reader:
        files = _files(source, reader)
        images = {file.inside.stem for file in files if file.inside.suffix.lower() in SUFFIXES}
        rows = (row for table in _tables(source, files) for row in _rows(table, reader))
        return {name: book for name, book, entries in rows if entries and name in images}


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


def _is_table(name: str) -> bool:
    return name == "train.csv" or name.endswith(_BOX_TABLE)


def _tables(source: Path, files: Iterable[PageFile]) -> list[PageFile]:
    found = sorted((file for file in files if _is_table(file.inside.name)), key=lambda file: file.inside.name)
    if not found:
        raise DataError(f"{source} holds no pages; expected {LAYOUTS}")
    return found


def _files(source: Path, reader: FileReader) -> list[PageFile]:
    """The tables and images of a folder, of the zips in it, or of a zip."""
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


# Tables

_Entry = tuple[str, list[str]]
"""A code point and the numbers of its box, as they stand in the table."""


def _rows(table: PageFile, reader: FileReader) -> Iterator[tuple[str, str, list[_Entry]]]:
    """Name, book and entries of each page of a table.

    Raises:
        DataError: it is another kind of table.
    """
    try:
        text = reader.read(table).decode("utf-8-sig", errors="replace")
        rows = csv.reader(io.StringIO(text))
        header = [name.strip() for name in next(rows, [])]
        if tuple(header[:2]) == _KAGGLE:
            for row in rows:
                if row:
                    yield row[0], re.split("[_-]", row[0])[0], list(_entries(" ".join(row[1:])))
        elif set(_CODH) <= set(header):
            book = table.inside.name.removesuffix(_BOX_TABLE)
            for name, entries in _entries_of_pages(rows, [header.index(column) for column in _CODH]).items():
                yield name, book, entries
        else:
            raise DataError(f"begins with {','.join(header)[:60]!r}; expected {','.join(_KAGGLE)} or {','.join(_CODH)}")
    except (DataError, csv.Error) as error:
        raise DataError(f"{table} {error}") from None


def _entries(labels: str) -> Iterator[_Entry]:
    """The entries of Kaggle's `labels`.

    One ends after four numbers, or before them where something comes that is no number, so that one bad entry spoils
    no other.
    """
    entry: _Entry | None = None
    for word in labels.split():
        if entry is not None and len(entry[1]) < 4 and _NUMBER.fullmatch(word):
            entry[1].append(word)
        else:
            if entry is not None:
                yield entry
            entry = (word, [])
    if entry is not None:
        yield entry


def _entries_of_pages(rows: Iterable[list[str]], columns: list[int]) -> dict[str, list[_Entry]]:
    """The entries of CODH's table by page."""
    found: dict[str, list[_Entry]] = {}
    for row in rows:
        if row:
            code, name, *box = (row[column].strip() if column < len(row) else "" for column in columns)
            found.setdefault(name, []).append((code, box))
    return found


def _page(
    name: str,
    book: str,
    image: PageFile | None,
    entries: list[_Entry],
    known: frozenset[str],
    number: int,
    tally: Tally,
) -> Page:
    """The page with those of its entries that make sense; the others go into the tally."""
    characters, boxes, ids = [], [], []
    for place, (code, numbers) in enumerate(entries):
        found = _checked(code, numbers, known)
        if isinstance(found, str):
            tally.add(found, name, " ".join([code, *numbers]))
        else:
            characters.append(found[0])
            boxes.append(found[1])
            ids.append(number + place)
    return Page(
        name,
        book,
        image,
        "".join(characters),
        np.array(boxes, dtype=np.int32).reshape(-1, 4),
        np.array(ids, dtype=np.int64),
    )


def _checked(code: str, numbers: list[str], known: frozenset[str]) -> tuple[str, list[int]] | str:
    """The character and its box, or what is wrong with them."""
    if len(numbers) != 4 or not all(map(_NUMBER.fullmatch, numbers)):
        return "malformed_entry"
    try:
        character = from_codepoint(code)
    except UsageError:
        return "malformed_code_point"
    # Unassigned, surrogate, private and control: no character that a book can have, unless the makers name it.
    if character not in known and unicodedata.category(character) in ("Cn", "Cs", "Co", "Cc"):
        return "unknown_code_point"
    box = [round(float(number)) for number in numbers]
    return (character, box) if box[2] > 0 and box[3] > 0 else "no_size"


def _known_characters(files: list[PageFile], reader: FileReader) -> frozenset[str]:
    """The characters that Kaggle's `unicode_translation.csv` names; none where it is missing or damaged."""
    found = set()
    for file in files:
        if file.inside.name == "unicode_translation.csv":
            with suppress(DataError):
                lines = reader.read(file).decode("utf-8-sig", errors="replace").splitlines()
                for line in lines:
                    with suppress(UsageError):
                        found.add(from_codepoint(line.partition(",")[0]))
    return frozenset(found)
