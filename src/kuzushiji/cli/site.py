"""`kuzushiji site`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kuzushiji.cli.console import download_bar, download_progress, notes, results


def site(folder: Path, *pages: Annotated[Path, Parameter(show_default=False)], runtime: Path | None = None) -> None:
    """Write a site of static files that reads pages in the browser alone: no server, nothing is uploaded.

    It holds the networks that ship and ONNX Runtime for browsers, 24 MB; any host of static files will do.

    Example: kuzushiji site public scans/page.jpg

    Parameters
    ----------
    folder
        A new folder for it.
    pages
        Images that it offers to be tried with.
    runtime
        The folder dist of the npm package onnxruntime-web; if not given, three files of it are fetched once, from a
        mirror of the npm registry.
    """
    from kuzushiji.files import expanded
    from kuzushiji.serving.site import fetch_runtime, write_site

    with download_bar() as bar:
        runtime = expanded(runtime) if runtime else fetch_runtime(download_progress(bar))
    write_site(expanded(folder), runtime, [expanded(page) for page in pages])
    results.print(str(folder), markup=False, soft_wrap=True)
    notes.print(f"To look at it: python -m http.server --directory {folder}", markup=False, soft_wrap=True)
