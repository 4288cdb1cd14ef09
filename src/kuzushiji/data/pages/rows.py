"""The rows of the tables of pages, Kaggle's and CODH's, as they are written."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kuzushiji.characters import composed
from kuzushiji.data.files.names import stem_of
from kuzushiji.data.files.text import text_of
from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.data.pages.problems import NUMBER
from kuzushiji.errors import DataError

BOX_TABLE = "_coordinate.csv"
_KAGGLE = ("image_id", "labels")
_CODH = ("Unicode", "Image", "X", "Y", "Width", "Height")
_CODH_ORDER = ("Block ID", "Char ID")


class Entry(NamedTuple):
    """A code point and the numbers of its box, as the table has them; in CODH's also its block and its place in it."""

    code: str
    box: list[str]
    block: str = ""
    place: str = ""


def is_table(name: str) -> bool:
    """Whether a table of boxes is called so."""
    return name.casefold() == "train.csv" or name.casefold().endswith(BOX_TABLE)


def book_of(name: str) -> str:
    """The book of a page by the name of the page, as Kaggle's are called.

    Example:
        >>> book_of("200021637-00005_2")
        '200021637'
        >>> book_of("hnsd001-011")
        'hnsd001'
    """
    return re.split("[_-]", name)[0]


def rows_of(table: PageFile, reader: FileReader) -> Iterator[tuple[str, str, list[Entry]]]:
    """Name, book and entries of each page of a table; the name is without folders and suffix.

    Raises:
        DataError: it is another kind of table.
    """
    try:
        header, rows = _columns(text_of(_unpacked(reader.content(table))))
        if set(map(str.casefold, _CODH)) <= set(header):
            book = composed(table.inside.name)[: -len(BOX_TABLE)]
            for name, entries in _entries_of_pages(rows, header).items():
                yield name, book, entries
            return
        image, labels = (header.index(column) for column in _KAGGLE)
        last = None if labels == len(header) - 1 else labels + 1  # one that is not quoted may have commas
        for row in rows:
            if len(row) > image and any(row):
                name = stem_of(row[image])
                yield name, book_of(name), list(_entries(" ".join(row[labels:last])))
    except (DataError, csv.Error) as error:
        raise DataError(f"{table} {error}") from None


def _columns(text: str) -> tuple[list[str], Iterator[list[str]]]:
    """The names of the columns in lower case, and the rows, whatever stands between two columns.

    Raises:
        DataError: they are no columns of ours.
    """
    found: list[str] = []
    for delimiter in (",", ";", "\t"):
        rows = csv.reader(io.StringIO(text), delimiter=delimiter)
        names = [name.strip() for name in next(rows, [])]
        header = [name.casefold() for name in names]
        if any(set(map(str.casefold, columns)) <= set(header) for columns in (_KAGGLE, _CODH)):
            return header, rows
        found = found or names
    raise DataError(f"begins with {','.join(found)[:60]!r}; expected {','.join(_KAGGLE)} or {','.join(_CODH)}")


def _unpacked(content: bytes) -> bytes:
    try:
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be unpacked ({error})") from None


def _entries(labels: str) -> Iterator[Entry]:
    """The entries of Kaggle's `labels`.

    One ends after four numbers, or before them where something comes that is no number, so that one bad entry spoils
    no other.  Where every box stands before its code point it is read so.
    """
    words = labels.split()
    if [bool(NUMBER.fullmatch(word)) for word in words] == [True, True, True, True, False] * (len(words) // 5):
        yield from (Entry(words[end], words[end - 4 : end]) for end in range(4, len(words), 5))
        return
    entry: Entry | None = None
    for word in words:
        if entry is not None and len(entry.box) < 4 and NUMBER.fullmatch(word):
            entry.box.append(word)
        else:
            if entry is not None:
                yield entry
            entry = Entry(word, [])
    if entry is not None:
        yield entry


def _entries_of_pages(rows: Iterable[list[str]], header: list[str]) -> dict[str, list[Entry]]:
    """The entries of CODH's table by page."""
    wanted = [column.casefold() for column in (*_CODH, *_CODH_ORDER)]
    columns = [header.index(column) for column in wanted if column in header]
    found: dict[str, list[Entry]] = {}
    for row in rows:
        if any(row):
            code, name, *values = (row[column].strip() if column < len(row) else "" for column in columns)
            ordered = values[4:] if len(values) == 6 else ()
            found.setdefault(stem_of(name), []).append(Entry(code, values[:4], *ordered))
    return found
