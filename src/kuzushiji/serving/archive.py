"""A shelf as one file, to keep and to move: a zip of `shelf.json`, which has the rows, and of the files by their hash.

People and their passwords stay where they are.
"""

import hashlib
import json
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Table, insert, select

from kuzushiji.errors import DataError
from kuzushiji.files import written_whole
from kuzushiji.serving.shelf import Shelf
from kuzushiji.serving.tables import corrections, pages

FORMAT, VERSION = "kuzushiji shelf", 1
_FILES = ("image", "view", "thumbnail", "reading", "current")
"""The columns of a page that name files."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


def write(shelf: Shelf, path: Path) -> int:
    """Writes all pages of a shelf and their corrections; says how many pages there are.

    Raises:
        KuzushijiError: a file is lost, or the archive can't be written.
    """
    with shelf.engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(pages).order_by(pages.c.number)).mappings()]
        made = [dict(row) for row in connection.execute(select(corrections).order_by(corrections.c.number)).mappings()]
    digests = sorted({row[name] for row in rows for name in _FILES if row[name]})
    table = {"format": FORMAT, "version": VERSION, "pages": rows, "corrections": made}
    with written_whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("shelf.json", json.dumps(table, ensure_ascii=False, default=datetime.isoformat, indent=1))
        for digest in digests:
            packed.writestr(f"files/{digest}", shelf.content(digest))
    return len(rows)


def read(shelf: Shelf, path: Path) -> tuple[int, int]:
    """Puts the pages of an archive onto a shelf; all of them or none.

    Returns:
        How many pages came, and how many were there already.

    Raises:
        DataError: it is no archive of a shelf, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            table = json.loads(packed.read("shelf.json"))
            if table.get("format") != FORMAT or table.get("version") != VERSION:
                raise DataError(f"{path} is no archive of a shelf that this version reads")
            there = {row["id"] for row in shelf.rows()}
            fresh = [row for row in table["pages"] if row["id"] not in there]
            for row in fresh:
                for name in _FILES:
                    if row[name]:
                        _keep(shelf, packed, row[name], path)
            made = [each for each in table["corrections"] if each["page"] not in there]
            _insert(shelf, fresh, made)
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, AttributeError, ValueError) as error:
        raise DataError(f"{path} is no archive of a shelf, or damaged ({error})") from None
    return len(fresh), len(table["pages"]) - len(fresh)


def _keep(shelf: Shelf, packed: zipfile.ZipFile, digest: str, path: Path) -> None:
    if not _DIGEST.fullmatch(digest):
        raise DataError(f"{path} names a file {digest!r}, which is no hash")
    content = packed.read(f"files/{digest}")
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataError(f"{path} is damaged: the file {digest} has another content")
    shelf.keep(content)


def _insert(shelf: Shelf, rows: list[dict[str, Any]], made: list[dict[str, Any]]) -> None:
    """Rows get new numbers, in their order; what one correction says of another's number follows."""
    numbers: dict[int, int] = {}
    with shelf.engine.begin() as connection:
        for row in rows:
            state = "queued" if row["state"] == "reading" else row["state"]
            connection.execute(insert(pages).values(**_plain(pages, row) | {"state": state}))
        for each in made:
            undoes = None if each["undoes"] is None else numbers[each["undoes"]]
            values = _plain(corrections, each) | {"undoes": undoes}
            put = connection.execute(insert(corrections).values(**values).returning(corrections.c.number))
            numbers[each["number"]] = put.scalar_one()


def _plain(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    return {
        column.name: datetime.fromisoformat(row[column.name]) if isinstance(column.type, DateTime) else row[column.name]
        for column in table.columns
        if column.name != "number"
    }
