"""`kuzushiji serve`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kuzushiji.cli.console import notes
from kuzushiji.errors import check_whole_numbers, whole_number


def serve(
    *pages: Path,
    folder: Path | None = None,
    database: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8017,
    token: Annotated[str | None, Parameter(env_var="KUZUSHIJI_TOKEN")] = None,
    model: str | None = None,
    processes: int = 1,
    queue: int = 200,
    examples: str | None = None,
    fetch: bool = False,
    open: bool = False,
) -> None:
    """Open the reading room: pages in a browser, read while one watches, and corrected.

    Everything is kept in one folder, and nobody but this machine is let in unless --host says so;
    then people log in, whom `kuzushiji shelf person` adds, or bring a --token.

    Example: kuzushiji serve --open

    Example: kuzushiji serve scans/*/*.jpg

    Parameters
    ----------
    pages
        Images to put on the shelf, where it has none yet; the folder that one lies in is its book.
    folder
        Where the shelf is kept; if not given, `shelf` in kuzushiji's own folder.
    database
        The URL of another database than SQLite in that folder, such as postgresql+psycopg://me@host/name.
    host
        The address to listen at; any but this machine's own needs people or --token.
    port
        The port to listen at.
    token
        What lets a program, or anybody who knows it, in as a keeper.
    model
        What names the characters: a network that ships, a run, which is exported if it has not been, a file that
        `kuzushiji export` wrote, or hf:OWNER/NAME.
    processes
        How many pages are read at a time.
    queue
        How many pages may wait.
    examples
        A data set whose images stand beside what a character may be, such as kmnist or kkanji.
    fetch
        Let people name addresses of images and of IIIF manifests; only public ones are fetched.
    open
        Open the room in a browser.
    """
    whole_number("--port", port, 1, 65535)
    check_whole_numbers({"--processes": processes, "--queue": queue})
    import uvicorn

    from kuzushiji.home import home
    from kuzushiji.repository import pinned
    from kuzushiji.serving.app import Room, create

    room = Room(
        folder or home() / "shelf",
        database,
        host,
        token,
        model and _exported(pinned(model)),
        processes,
        queue,
        examples=examples,
        fetch=fetch,
    )
    _put(pages, room.folder, database)
    address = f"http://{'localhost' if host == '127.0.0.1' else host}:{port}/"
    notes.print(f"The reading room is open at {address}  (Ctrl-C closes it)", markup=False, soft_wrap=True)
    if open:
        import threading
        import webbrowser

        threading.Timer(1, webbrowser.open, [address]).start()
    uvicorn.run(
        create(room),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        limit_concurrency=512,
        timeout_graceful_shutdown=3,  # a browser that watches a page is not waited for
    )
    notes.print("The reading room is closed.")


def _exported(model: str) -> str:
    """The file of a run, which is written if it is not there; of anything else the name, if there is such a network."""
    from kuzushiji.extras import check_extras
    from kuzushiji.reading.pretrained import find_network, pretrained
    from kuzushiji.repository import repository
    from kuzushiji.runs.run import Run, run_path

    if model in pretrained() or repository(model) or not (run := Run(run_path(model, "", ""))).config_file.is_file():
        find_network(model)  # or says why not, before the room opens
        return model
    file = run.path / "model.onnx"
    if not file.exists():
        check_extras("export")
        from kuzushiji.export.run import export_run
        from kuzushiji.report.card import write_card

        write_card(export_run(run))
        notes.print(f"exported to {file}", markup=False, soft_wrap=True)
    return str(file)


def _put(images: tuple[Path, ...], folder: Path, database: str | None) -> None:
    """Puts images on a shelf that is empty."""
    from kuzushiji.errors import DataError
    from kuzushiji.imaging.read import read_content
    from kuzushiji.serving.shelf import Shelf

    if not images:
        return
    shelf = Shelf(folder, database)
    if not shelf.rows():
        for path in images:
            try:
                shelf.add(path.name, read_content(path), path.absolute().parent.name)
            except DataError as error:
                raise DataError(f"{path} {error}") from None
    shelf.close()
