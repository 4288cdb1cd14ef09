"""`kuzushiji shelf`."""

from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from kuzushiji.cli.console import notes, print_json, print_table
from kuzushiji.errors import UsageError

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
    opened = _opened(folder, database)
    rows = opened.rows()
    opened.close()
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

    opened = _opened(folder, database)
    count = archive.write(opened, path)
    opened.close()
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

    opened = _opened(folder, database)
    came, there = archive.read(opened, path)
    opened.close()
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

    opened = _opened(folder, database)
    accounts = Accounts(opened.engine)
    if remove:
        accounts.remove(name)
    else:
        accounts.add(name, _password(), role)
    opened.close()


def _password() -> str:
    import sys
    from getpass import getpass

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("password: ")
    if getpass("again: ") != password:
        raise UsageError("the two are not the same")
    return password


def _opened(folder: Path | None, database: str | None) -> "Shelf":
    from kuzushiji.home import home
    from kuzushiji.serving.shelf import Shelf

    return Shelf(folder or home() / "shelf", database)
