"""Where the command line writes: results to stdout, everything else to stderr."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

results = Console(highlight=False, emoji=False)  # else recognition:book has a picture of a book in it
notes = Console(stderr=True, highlight=False, emoji=False)


def print_json(value: Any) -> None:
    """Prints `value`, in which there may be dataclasses, to stdout as JSON that a program can read."""
    from kuzushiji.records import as_plain

    print(json.dumps(as_plain(value), ensure_ascii=False, indent=2))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[int] = ()) -> None:
    """Prints a table to stdout; the columns numbered in `right` are aligned to the right."""
    from rich import box
    from rich.table import Table

    right = set(right)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    results.print(table)


def work_bar() -> Progress:
    """A progress bar on stderr for what takes minutes or hours, each task with a `note`; silent on no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=False),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )


def download_bar() -> Progress:
    """A progress bar on stderr with bytes, speed and time left; silent where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=notes,
        disable=not notes.is_terminal,
    )


def download_progress(bar: Progress) -> Callable[[str, int, int | None], None]:
    """What shows in a bar how far each of several files is."""
    tasks: dict[str, TaskID] = {}

    def progress(file: str, done: int, total: int | None) -> None:
        if file not in tasks:
            tasks[file] = bar.add_task(file, total=total)
        bar.update(tasks[file], completed=done, total=total)

    return progress


def count_bar() -> Progress:
    """A progress bar on stderr with how many of how many are done and the time left; silent where it is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )


def pages_bar() -> Progress:
    """A progress bar on stderr for pages, the task with a `rate`, and the time left; silent on no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )
