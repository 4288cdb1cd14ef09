"""`kuzushiji explore`."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kuzushiji.cli.console import busy, notes, print_json, results
from kuzushiji.errors import UsageError
from kuzushiji.extras import check_extras
from kuzushiji.home import home

if TYPE_CHECKING:
    from kuzushiji.explore.exploration import ExplorationWatch

SILENT_SECONDS = 15
"""On no terminal, a line tells how far it is after so long a time without one."""


def explore(
    data: str,
    *,
    only: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    on: str = "pixels",
    methods: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    cover: float = 0.9,
    limit: int | None = None,
    seed: int = 0,
    output: Path | None = None,
    figures: bool = True,
    json: bool = False,
) -> None:
    """Ask a dataset what is in it: samples, balance, maps and health, as one page.

    Example: kuzushiji explore kmnist --only balance health

    Parameters
    ----------
    data
        Anything that `kuzushiji train --data` takes.
    only
        Some of samples, balance, projection and health; all if not given.
    on
        What forms and maps are made from: pixels, or the embedding of a run, whose predictions then judge the labels.
    methods
        Some of pca, lda, svd, nmf, ica, isomap, lle, mds, tsne and umap; all if not given.
    cover
        The share of the images that the characters above the cut-off make up.
    limit
        Take so many images of each split at most, each character in its proportion.
    seed
        Of all draws.
    output
        The folder for explore.html, explore.json and figures/; explore/NAME in kuzushiji's home if not given.
    figures
        Write each figure too: an SVG that follows the reader's light or dark, a PNG for either.
    json
        Print all numbers as JSON; files are written only where --output is given.
    """
    if output is not None and output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; name a folder for the page and its figures")
    check_extras("train")
    from kuzushiji.explore import exploration
    from kuzushiji.explore.findings import findings

    with _console_watch() as watch:
        found = exploration.explore(
            data,
            only=only or None,
            on=on,
            seed=seed,
            limit=limit,
            methods=methods or None,
            cover=cover,
            watch=watch,
        )
        page = None
        if output is not None or not json:
            from kuzushiji.report.explore import write_exploration

            folder = home() / "explore" / _folder_name(found.name, found.on) if output is None else output
            started = time.monotonic()
            page, *_ = write_exploration(
                found, folder, figures=figures, tell=lambda name: watch.progress(f"drawing {name}", 0, 0)
            )
            watch.done("page and figures", time.monotonic() - started)
    if json:
        print_json(found.to_dict())
        return
    for name, sentence in findings(found).items():
        results.print(f"{name:<10}  {sentence}", markup=False, soft_wrap=True)
    results.print(f"page        {page}", markup=False, soft_wrap=True)


def _folder_name(data: str, on: str) -> str:
    """A name for the folder of a page, of what was explored and on what."""
    words = [data] if on == "pixels" else [data, on]
    return re.sub(r"[^\w.-]+", "-", "-on-".join(words)).strip("-.") or "data"


@contextmanager
def _console_watch() -> Iterator["ExplorationWatch"]:
    """A `ExplorationWatch` that shows a spinner on a terminal, and everywhere a line for each thing that is done.

    On no terminal there is a line now and then on how far it is, so that nobody waits for minutes without a word.
    """
    from kuzushiji.explore.exploration import ExplorationWatch

    told = time.monotonic()

    with busy("reading") as show:

        def progress(text: str, done: int, every: int) -> None:
            nonlocal told
            line = f"{text}  {done:,} of {every:,}" if every else text
            show(line)
            if not notes.is_terminal and time.monotonic() - told > SILENT_SECONDS:
                told = time.monotonic()
                notes.print(line)

        def finished(text: str, seconds: float) -> None:
            notes.print(f"{text:<36}{seconds:8.1f} s", markup=False)

        yield ExplorationWatch(progress, finished, lambda done, every: progress("reading images", done, every))
