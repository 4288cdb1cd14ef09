"""A shelf as one file, to keep and to move: a zip of `shelf.json`, which has the rows, and of the files by their hash.

People and their passwords stay where they are.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import DateTime, Table, insert, select
from sqlalchemy.exc import SQLAlchemyError

from kuzushiji.data.files.archive import Zips
from kuzushiji.document.formats import json as page_json
from kuzushiji.errors import DataError
from kuzushiji.files import written_whole
from kuzushiji.locks import FileLock
from kuzushiji.records import from_plain, parse_json
from kuzushiji.serving.shelf import Shelf, printed
from kuzushiji.serving.tables import FILES, corrections, pages

FORMAT, VERSION = "kuzushiji shelf", 1
_WITH_TEXT = ("read", "corrected")
_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def write(shelf: Shelf, path: Path) -> int:
    """Writes all pages of a shelf and their corrections; says how many pages there are.

    Raises:
        KuzushijiError: a file is lost, or the archive can't be written.
    """
    with shelf.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(pages).order_by(pages.c.number)).mappings()]
        made = [dict(row) for row in connection.execute(select(corrections).order_by(corrections.c.number)).mappings()]
    digests = sorted({row[name] for row in rows for name in FILES if row[name]})
    table = {"format": FORMAT, "version": VERSION, "pages": rows, "corrections": made}
    with written_whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("shelf.json", json.dumps(table, ensure_ascii=False, default=datetime.isoformat, indent=1))
        for digest in digests:
            packed.writestr(f"files/{digest}", shelf.content(digest))
    return len(rows)


@dataclass(frozen=True)
class _PageRow:
    """A page as `shelf.json` has it, the columns of `pages`."""

    id: str
    book: str
    name: str
    image: str
    view: str | None
    thumbnail: str | None
    reading: str | None
    current: str | None
    state: Literal["queued", "reading", "read", "corrected", "failed"]
    failure: str
    attempts: int
    version: int
    searched: str
    characters: int
    sureness: float
    added: str
    changed: str
    changed_by: str


@dataclass(frozen=True)
class _CorrectionRow:
    """A correction, the columns of `corrections`; its number counts within the archive."""

    number: int
    page: str
    version: int
    character: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    who: str
    when: str
    undoes: int | None


@dataclass(frozen=True)
class _Archive:
    """What stands in `shelf.json`."""

    pages: tuple[_PageRow, ...]
    corrections: tuple[_CorrectionRow, ...]


def read(shelf: Shelf, path: Path) -> tuple[int, int]:
    """Puts the pages of an archive onto a shelf; all of them or none, and one archive at a time.

    Returns:
        How many pages came, and how many were there already.

    Raises:
        DataError: it is no archive of a shelf, or damaged.
        KuzushijiError: the files can't be written.
    """
    with FileLock(shelf.folder / ".import.lock"):
        return _read(shelf, path)


def _read(shelf: Shelf, path: Path) -> tuple[int, int]:
    """As `read`, while nobody else does."""
    added: list[str] = []
    try:
        with Zips() as zips:
            keys = {member.name: member.key for member in zips.members(path)}
            table = _table(path, _content(zips, path, keys, "shelf.json"))
            there = {row["id"] for row in shelf.rows()}
            fresh = [row for row in table.pages if row.id not in there]
            made = [each for each in table.corrections if each.page not in there]
            for row in fresh:
                for column in FILES:
                    if digest := getattr(row, column):
                        content = _checked(path, _content(zips, path, keys, f"files/{digest}"), digest, column)
                        added += [] if shelf.path(digest).exists() else [digest]
                        shelf.keep(content)
        _insert(shelf, fresh, made)
    except BaseException as error:
        with suppress(SQLAlchemyError):  # what can't be asked is not lost
            shelf.forget(added)
        if isinstance(error, (OSError, SQLAlchemyError, OverflowError, KeyError)):
            raise DataError(f"{path} is no archive of a shelf, or damaged ({printed(error)})") from None
        raise
    return len(fresh), len(table.pages) - len(fresh)


def _content(zips: Zips, path: Path, keys: Mapping[str, str], name: str) -> bytes:
    if name not in keys:
        raise DataError(f"{path} is no archive of a shelf, or damaged (it has no {name})")
    try:
        return zips.read(path, keys[name])
    except DataError as error:
        raise DataError(f"{path} is damaged: {name} {error}") from None


def _table(path: Path, content: bytes) -> _Archive:
    """What is in `shelf.json`, as far as that can be told without the files."""
    try:
        plain = parse_json(content)
    except ValueError as error:
        raise DataError(f"{path} is no archive of a shelf: its shelf.json is no whole JSON ({error})") from None
    if not isinstance(plain, dict) or (plain.get("format"), plain.get("version")) != (FORMAT, VERSION):
        raise DataError(f"{path} is no archive of a shelf that this version reads")
    table = from_plain(plain, _Archive, where=str(path), tolerant=True)
    ids = [row.id for row in table.pages]
    for row in table.pages:
        if not _ID.fullmatch(row.id) or ids.count(row.id) > 1:
            raise DataError(f"{path} has a page {row.id[:40]!r}; expected 32 hexadecimal digits, each page once")
        for column in FILES:
            if (digest := getattr(row, column)) and not _DIGEST.fullmatch(digest):
                raise DataError(f"{path} names a file {digest[:80]!r}, which is no hash")
        if row.state in _WITH_TEXT and not (row.reading and row.current):
            raise DataError(f"{path} has a page {row.id} that is {row.state} and has no text")
    if strange := {each.page for each in table.corrections} - set(ids):
        raise DataError(f"{path} has corrections of a page {min(strange)[:40]!r}, which it does not have")
    for day in (
        *(day for row in table.pages for day in (row.added, row.changed)),
        *(c.when for c in table.corrections),
    ):
        try:
            datetime.fromisoformat(day)
        except ValueError:
            raise DataError(f"{path} has {day[:40]!r} where a time should be") from None
    return table


def _checked(path: Path, content: bytes, digest: str, column: str) -> bytes:
    """A file whose content is as its hash says, and a page where it is to be one."""
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{path} is damaged: the file {digest} has another content")
    if column in ("reading", "current"):
        try:
            page_json.read(content)
        except DataError as error:
            raise DataError(f"{path} is damaged: the page {digest} {error}") from None
    return content


def _insert(shelf: Shelf, rows: list[_PageRow], made: list[_CorrectionRow]) -> None:
    """Rows get new numbers, in their order; what one correction says of another's number follows."""
    numbers: dict[int, int] = {}
    with shelf.engine.begin() as connection:
        for row in rows:
            state = "queued" if row.state == "reading" else row.state
            connection.execute(insert(pages).values(**_values(pages, row) | {"state": state}))
        for each in made:
            undoes = None if each.undoes is None else numbers[each.undoes]
            values = _values(corrections, each) | {"undoes": undoes}
            put = connection.execute(insert(corrections).values(**values).returning(corrections.c.number))
            numbers[each.number] = put.scalar_one()


def _values(table: Table, row: _PageRow | _CorrectionRow) -> dict[str, Any]:
    plain = {column.name: getattr(row, column.name) for column in table.columns if column.name != "number"}
    return {
        name: datetime.fromisoformat(value) if isinstance(table.c[name].type, DateTime) else value
        for name, value in plain.items()
    }
