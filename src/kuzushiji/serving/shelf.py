"""`Shelf`: pages, what they say, and who corrected what.

Rows are in a database, SQLite in the folder unless another is named; images and readings are files by their hash.
"""

import hashlib
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, RowMapping, create_engine, event, func, insert, or_, select, true, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from kuzushiji.document.formats import json as page_json
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, KuzushijiError, in_a_line
from kuzushiji.files import write_bytes
from kuzushiji.locks import FileLock
from kuzushiji.serving import search
from kuzushiji.serving.corrections import Correction, applied, edited
from kuzushiji.serving.migrations import bring_up_to_date
from kuzushiji.serving.tables import FILES, corrections, pages

Row = RowMapping
"""A row of a table, by the names of its columns."""

_ATTEMPTS = 2
"""So often a page is begun before it is given up: a process may die of a page, and of something else."""


class NotThere(DataError):
    """There is no such page on the shelf."""


class ChangedMeanwhile(DataError):
    """Somebody else corrected the page after it was looked at."""


@dataclass(frozen=True)
class Looks:
    """The pictures of a page that browsers show, JPEG."""

    view: bytes
    thumbnail: bytes


class Shelf:
    """Opens a shelf; it is made where there is none.

    Args:
        folder: of the files, and of the database if none is named.
        database: its URL, such as `postgresql+psycopg://user@host/name`; SQLite in the folder if None.

    Raises:
        KuzushijiError: the folder can't be written into, or the database can't be opened or is none of a shelf.
    """

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder = folder.expanduser().resolve()
        self.database = database
        try:
            (self.folder / "files").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise KuzushijiError(f"{folder} can't be written into: {error.strerror or error}") from None
        try:
            self.engine = create_engine(database) if database else _sqlite(self.folder / "shelf.sqlite")
            with nullcontext() if database else FileLock(self.folder / ".shelf.lock"):  # two may open a new one at once
                bring_up_to_date(self.engine)
        except (SQLAlchemyError, CommandError) as error:
            raise lost(database or str(self.folder / "shelf.sqlite"), error) from None

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()

    def keep(self, content: bytes) -> str:
        """Keeps a file, once; gives the hash that it is found by."""
        digest = hashlib.sha256(content).hexdigest()
        if not self.path(digest).exists():
            write_bytes(self.path(digest), content)
        return digest

    def content(self, digest: str) -> bytes:
        """A file that was kept."""
        try:
            return self.path(digest).read_bytes()
        except OSError as error:
            raise KuzushijiError(f"{self.path(digest)} is lost: {error.strerror or error}") from None

    def forget(self, digests: Collection[str]) -> None:
        """Removes those files that no page names."""
        with self.engine.connect() as connection:
            for digest in digests:
                naming = select(pages.c.number).where(or_(*(pages.c[column] == digest for column in FILES)))
                if connection.execute(naming.limit(1)).first() is None:
                    self.path(digest).unlink(missing_ok=True)

    def add(self, name: str, image: bytes, book: str = "") -> str:
        """Puts a page into the queue of those to be read; gives its id."""
        id, now = uuid.uuid4().hex, datetime.now(UTC)
        name, book = (each.encode(errors="replace").decode() for each in (name, book))  # a file's may be no Unicode
        row = {"id": id, "book": book, "name": name, "image": self.keep(image), "state": "queued"}
        with self.engine.begin() as connection:
            connection.execute(insert(pages).values(**row, added=now, changed=now))
        return id

    def row(self, id: str) -> Row:
        """What is known of a page.

        Raises:
            NotThere: there is no such page.
        """
        with self.engine.connect() as connection:
            return _row(connection, id)

    def rows(self) -> list[Row]:
        """What is known of all pages, as they came."""
        with self.engine.connect() as connection:
            return list(connection.execute(select(pages).order_by(pages.c.number)).mappings())

    def counts(self) -> dict[str, int]:
        """How many pages are in each state."""
        with self.engine.connect() as connection:
            found = connection.execute(select(pages.c.state, func.count().label("many")).group_by(pages.c.state))
            return {each.state: each.many for each in found}

    def ahead(self, number: int) -> int:
        """How many pages are read before the one of this number, if it still waits."""
        waiting = pages.c.state.in_(("queued", "reading")) & (pages.c.number < number)
        with self.engine.connect() as connection:
            return connection.execute(select(func.count()).where(waiting)).scalar_one()

    def page(self, id: str) -> tuple[Page, Row]:
        """What a page says now, and what is known of it.

        Raises:
            NotThere: there is none, or it was not read yet.
        """
        row = self.row(id)
        return self._page(row), row

    def neighbours(self, row: Row, most: int = 3) -> list[Row]:
        """The pages of the same book that stand next to one and are read."""
        if not row["book"]:
            return []
        same = (pages.c.book == row["book"]) & (pages.c.id != row["id"]) & pages.c.current.is_not(None)
        near = func.abs(pages.c.number - row["number"])
        with self.engine.connect() as connection:
            return list(connection.execute(select(pages).where(same).order_by(near).limit(most)).mappings())

    def claim(self) -> Row | None:
        """Takes the page that waits longest, for the caller to read; None if none waits."""
        waiting = select(pages.c.number).where(pages.c.state == "queued").order_by(pages.c.number).limit(1)
        with self.engine.begin() as connection:
            taken = connection.execute(
                update(pages)
                .where(pages.c.number == waiting.with_for_update(skip_locked=True).scalar_subquery())
                .values(state="reading", attempts=pages.c.attempts + 1)
                .returning(pages)
            ).mappings()
            return taken.one_or_none()

    def begin_again(self, id: str | None = None) -> None:
        """Puts a page back into the queue whose process ended while it read it, or gives it up; all such if no id."""
        interrupted = (pages.c.state == "reading") & (pages.c.id == id if id else true())
        lost = "the page could not be read: its process ended twice"
        with self.engine.begin() as connection:
            connection.execute(
                update(pages)
                .where(interrupted, pages.c.attempts >= _ATTEMPTS)
                .values(state="failed", failure=lost, changed=datetime.now(UTC))
            )
            connection.execute(update(pages).where(interrupted).values(state="queued"))

    def finish(self, id: str, page: Page, looks: Looks) -> None:
        """Keeps what a page says."""
        digest = self.keep(page_json.write(page).encode())
        kept = {"view": self.keep(looks.view), "thumbnail": self.keep(looks.thumbnail), "reading": digest}
        self._set(id, state="read", failure="", **kept, **_told(page, digest), version=1)

    def fail(self, id: str, why: str) -> None:
        """Says why a page could not be read."""
        self._set(id, state="failed", failure=why)

    def remove(self, id: str) -> None:
        """Takes a page off the shelf, with its corrections; files stay, for others may be the same.

        Raises:
            NotThere: there is no such page.
        """
        with self.engine.begin() as connection:
            _row(connection, id)
            connection.execute(corrections.delete().where(corrections.c.page == id))
            connection.execute(pages.delete().where(pages.c.id == id))

    def correct(self, id: str, version: int, changes: list[dict[str, Any]], who: str) -> int:
        """Corrects a page; all changes or none.

        Args:
            version: of the page that the person saw.
            changes: as `corrections.edited` takes them.
            who: the person.

        Returns:
            The version that the page has now.

        Raises:
            NotThere: there is no such page, or it is not read yet.
            ChangedMeanwhile: it has another version.
            DataError: a change does not fit the page.
        """
        with self.engine.begin() as connection:
            page = self._page(_row(connection, id, version))
            made: list[Correction] = []
            for change in changes:
                made.append(edited(page, change))
                page = applied(page, made[-1:])
            return self._store(connection, id, version, page, made, who)

    def undo(self, id: str, version: int, who: str, again: bool = False) -> int | None:
        """Takes back what was corrected last and stands, all that was corrected with it too.

        Args:
            again: make again what was taken back last, if nothing was corrected since.

        Returns:
            The version that the page has now; None if there is nothing to take back.

        Raises:
            NotThere, ChangedMeanwhile: as `correct`.
        """
        with self.engine.begin() as connection:
            page = self._page(_row(connection, id, version))
            found = connection.execute(select(corrections).where(corrections.c.page == id)).mappings()
            groups = _standing(found.all())[int(again)]
            if not groups:
                return None
            rows = groups[-1] if again else groups[-1][::-1]
            made = [Correction(row["character"], row["before"], row["after"]) for row in rows]
            made = made if again else [each.undone for each in made]
            numbers = [row["number"] for row in rows]
            return self._store(connection, id, version, applied(page, made), made, who, numbers)

    def history(self, id: str) -> list[Row]:
        """All corrections of a page, the first one first."""
        with self.engine.connect() as connection:
            _row(connection, id)
            found = select(corrections).where(corrections.c.page == id).order_by(corrections.c.number)
            return list(connection.execute(found).mappings())

    def find(self, words: str, most: int = 50) -> Iterator[tuple[Row, Page, list[list[str]]]]:
        """The pages that say something, each with the characters that say it; see `search.find`."""
        wanted = search.folded(words)
        if not wanted:
            return
        saying = select(pages).where(pages.c.searched.contains(wanted, autoescape=True))
        with self.engine.connect() as connection:
            rows = connection.execute(saying.order_by(pages.c.number).limit(most)).mappings().all()
        for row in rows:
            page = self._page(row)
            yield row, page, search.find(page, words)

    def _page(self, row: Row) -> Page:
        if not row["current"]:
            raise NotThere(f"page {row['id']} is {row['state']}; there is nothing of it to show yet")
        return page_json.read(self.content(row["current"]))

    def _store(
        self,
        connection: Connection,
        id: str,
        version: int,
        page: Page,
        made: list[Correction],
        who: str,
        undoes: Sequence[int | None] = (),
    ) -> int:
        now, told = datetime.now(UTC), _told(page, self.keep(page_json.write(page).encode()))
        done = connection.execute(
            update(pages)
            .where(pages.c.id == id, pages.c.version == version)
            .values(**told, state="corrected", version=version + 1, changed=now, changed_by=who)
        )
        if done.rowcount != 1:
            raise ChangedMeanwhile(f"page {id} was corrected by somebody else meanwhile; load it again")
        for each, number in zip(made, undoes or [None] * len(made), strict=True):
            values = {"character": each.character, "before": each.before, "after": each.after, "who": who, "when": now}
            connection.execute(insert(corrections).values(page=id, version=version + 1, undoes=number, **values))
        return version + 1

    def _set(self, id: str, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(pages).where(pages.c.id == id).values(changed=datetime.now(UTC), **values))

    def path(self, digest: str) -> Path:
        """Where a file is kept."""
        return self.folder / "files" / digest[:2] / digest


def lost(what: str, error: Exception) -> KuzushijiError:
    """The error for a database that can't be opened, read or written."""
    name = make_url(what).render_as_string() if "://" in what else what  # without its password
    return KuzushijiError(f"{name} can't be used as the database of a shelf ({printed(error)})")


def printed(error: BaseException) -> str:
    """What an error says in a line; one of the database without its statement."""
    return in_a_line(getattr(error, "orig", None) or error)


def _row(connection: Connection, id: str, version: int | None = None) -> Row:
    row = connection.execute(select(pages).where(pages.c.id == id)).mappings().one_or_none()
    if row is None:
        raise NotThere(f"there is no page {id!r} on the shelf")
    if version is not None and row["current"] and row["version"] != version:
        raise ChangedMeanwhile(f"page {id} has version {row['version']}, not {version}; load it again")
    return row


def _standing(rows: Sequence[Row]) -> tuple[list[list[Row]], list[list[Row]]]:
    """What was corrected together and stands, and what was taken back and can be made again; the last one last."""
    done: list[list[Row]] = []
    undone: list[list[Row]] = []
    for _, together in groupby(sorted(rows, key=lambda row: row["number"]), key=lambda row: row["version"]):
        group = list(together)
        if group[0]["undoes"] is None:
            done.append(group)
            undone.clear()
        elif done and group[0]["undoes"] in {row["number"] for row in done[-1]}:
            undone.append(done.pop())
        else:
            done.append(undone.pop())
    return done, undone


def _told(page: Page, digest: str) -> dict[str, Any]:
    """The columns that follow from what a page says."""
    probable = page.characters.probabilities[:, 0]
    return {
        "current": digest,
        "searched": search.searched_text(page),
        "characters": len(page),
        "sureness": float(np.mean(probable)) if len(page) else 0.0,
    }


def _sqlite(path: Path) -> Engine:
    """A database in a file, which readers can look into while one writes."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
