"""`kuzushiji shelf`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from kuzushiji.cli.console import notes, print_json, print_table
from kuzushiji.errors import DataError, UsageError

if TYPE_CHECKING:
    from kuzushiji.serving.shelf import Shelf

shelf = App(name="shelf", help="List, export and import the pages of the reading room; say who may come in.")


@shelf.command(name="list")
@shelf.default
def list_pages(*, folder: Path | None = None, database: str | None = None, json: bool = False) -> None:
    """List the pages on the shelf.

    Parameters
    ----------
    folder
        Where the shelf is kept; if not given, `shelf` in kuzushiji's own folder.
    database
        The URL of its database, if it is not in that folder.
    json
        Print them as JSON.
    """
    with _opened(folder, database) as opened:
        rows = opened.rows()
    columns = ("id", "book", "name", "state", "characters", "sureness", "changed_by")
    if json:
        print_json([{name: row[name] for name in columns} for row in rows])
    elif not rows:
        notes.print("the shelf is empty; fill it with: kuzushiji serve --open")
    else:
        lines = [
            (row["id"], row["book"], row["name"], row["state"], f"{row['characters']:,}", f"{row['sureness']:.0%}")
            for row in rows
        ]
        print_table(["id", "book", "page", "state", "characters", "sure"], lines, right=(4, 5))


@shelf.command(name="export")
def export_pages(path: Path, /, *, folder: Path | None = None, database: str | None = None) -> None:
    """Write all pages and corrections into one archive.

    Example: kuzushiji shelf export shelf.zip

    Parameters
    ----------
    path
        The archive, a zip.
    folder
        Where the shelf is kept; if not given, `shelf` in kuzushiji's own folder.
    database
        The URL of its database, if it is not in that folder.
    """
    from kuzushiji.serving import archive

    with _opened(folder, database) as opened:
        count = archive.write(opened, path)
    notes.print(f"{count} pages are in {path}", markup=False, soft_wrap=True)


@shelf.command(name="import")
def import_pages(path: Path, /, *, folder: Path | None = None, database: str | None = None) -> None:
    """Put the pages of an archive onto the shelf; what is there already stays as it is.

    Example: kuzushiji shelf import shelf.zip --database postgresql+psycopg://me@host/name

    Parameters
    ----------
    path
        What `kuzushiji shelf export` wrote.
    folder
        Where the shelf is kept; if not given, `shelf` in kuzushiji's own folder.
    database
        The URL of its database, if it is not in that folder.
    """
    from kuzushiji.serving import archive

    if not path.exists():
        raise DataError(f"{path} does not exist; expected what `kuzushiji shelf export` wrote")
    with _opened(folder, database, new=True) as opened:
        came, there = archive.read(opened, path)
    notes.print(f"{came} pages came, {there} were there already")


@shelf.command
def person(
    name: str,
    /,
    *,
    role: str = "corrector",
    remove: bool = False,
    folder: Path | None = None,
    database: str | None = None,
) -> None:
    """Let somebody into the reading room, who then must log in; the password is asked for, or read from stdin.

    Example: kuzushiji shelf person Ono --role keeper

    Parameters
    ----------
    name
        Who it is.
    role
        reader, corrector, or keeper, who alone takes pages off the shelf.
    remove
        Let them in no more.
    folder
        Where the shelf is kept; if not given, `shelf` in kuzushiji's own folder.
    database
        The URL of its database, if it is not in that folder.
    """
    from kuzushiji.serving.accounts import Accounts

    with _opened(folder, database, new=not remove) as opened:
        accounts = Accounts(opened.engine)
        if remove:
            accounts.remove(name)
        else:
            accounts.add(name, _password(), role)


def _password() -> str:
    import sys
    from getpass import getpass

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("password: ")
    if getpass("again: ") != password:
        raise UsageError("the two are not the same")
    return password


@contextmanager
def _opened(folder: Path | None, database: str | None, *, new: bool = False) -> "Iterator[Shelf]":
    """A shelf, closed in the end; one in a folder that was named must be there, unless it may be `new`."""
    from sqlalchemy.exc import SQLAlchemyError

    from kuzushiji.home import home
    from kuzushiji.serving.shelf import Shelf, lost

    place = folder or home() / "shelf"
    if folder and not new and not database and not (place / "shelf.sqlite").exists():
        raise DataError(f"there is no shelf in {folder}; `kuzushiji serve --folder {folder}` makes one")
    shelf = Shelf(place, database)
    try:
        yield shelf
    except SQLAlchemyError as error:
        raise lost(database or str(place / "shelf.sqlite"), error) from None
    finally:
        shelf.close()
