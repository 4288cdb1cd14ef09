"""Where the command line writes: results to stdout, everything else to stderr.

Text is written as it is: nothing in it is markup or the code of an emoji, for it may be the user's.  A line is as long
as it is where it does not go to a terminal.
"""

import codecs
import json
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, TextIO, cast

from rich.console import Console, ConsoleOptions, RenderableType
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
from rich.segment import Segment
from rich.text import Text

from kuzushiji.errors import DataWarning

UNBROKEN = 100_000
"""Columns where there is no terminal: what reads a pipe or a file counts lines."""


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What makes a terminal do something, or turns writing round; names of strangers' files and classes may have it."""


def printable(text: str) -> str:
    """A text in which whatever is no text is escaped: lines and tabs stay."""
    return _CONTROLS.sub(lambda control: ascii(control[0])[1:-1], text)


def give_up(stream: TextIO | None) -> None:
    """Lets nothing more be written: what Python still holds of it would fail once more when it ends."""
    with suppress(OSError, ValueError, AttributeError):  # where it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]


class _Notes:
    """A stream that is given up where it can't be written to: a full disk for notes ends no work."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._given_up():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._given_up():
            self._stream.flush()

    @contextmanager
    def _given_up(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            give_up(sys.stderr)


class _Console(Console):
    """One that prints nothing but text, and what makes it look so."""

    @property
    def file(self) -> IO[str]:
        """Where it writes."""
        stream = Console.file.fget(self)  # type: ignore[attr-defined]
        return cast("IO[str]", _Notes(stream)) if self.stderr else stream

    @file.setter
    def file(self, stream: IO[str]) -> None:
        Console.file.fset(self, stream)  # type: ignore[attr-defined]

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _console(terminal: bool, *, stderr: bool = False) -> Console:
    return _Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=None if terminal else UNBROKEN)


results = _console(sys.stdout is not None and sys.stdout.isatty())
notes = _console(sys.stderr is not None and sys.stderr.isatty(), stderr=True)


def escape_what_cannot_be_written() -> None:
    """Lets stdout and stderr escape what their encoding lacks, such as 〻 in the cp932 of a Japanese Windows.

    Where one is closed, what is written there is lost; a closed stdin is empty.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (until the program ends)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (until the program ends)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def tell_of_data() -> None:
    """Prints what is odd about data in a line each, once."""
    before = warnings.showwarning
    told: set[str] = set()  # each split tells anew

    def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, DataWarning):
            if str(message) not in told:
                notes.print(f"Note: {message}", soft_wrap=True)
            told.add(str(message))
        else:
            text = printable(str(message))
            before(message if text == str(message) else text, category, *where, **more)

    warnings.simplefilter("default", DataWarning)
    warnings.showwarning = show


def _as_json_escapes(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error("json", _as_json_escapes)


def print_json(value: Any) -> None:
    """Prints `value`, in which there may be dataclasses, to stdout as JSON that a program can read in any encoding."""
    from kuzushiji.records import as_plain

    written = json.dumps(as_plain(value), ensure_ascii=False, indent=2)
    written = _CONTROLS.sub(lambda control: f"\\u{ord(control[0]):04x}", written)
    encoding = sys.stdout.encoding or "utf-8"
    print(written.encode(encoding, "json").decode(encoding))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]], right: Iterable[int] = ()) -> None:
    """Prints a table to stdout; the columns numbered in `right` are aligned to the right."""
    from rich import box
    from rich.table import Table

    right = set(right)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else str(cell) for cell in row))
    results.print(table)


def _words(of: str) -> TextColumn:
    """A column of a bar that has the words of its task as they are."""
    return TextColumn(f"{{task.{of}}}", markup=False)


@contextmanager
def drawing() -> Iterator[Callable[[str], None]]:
    """A spinner with the name of the figure that is drawn, which it is told; on no terminal a line for all of them."""
    with busy("drawing figures") as tell:
        if not notes.is_terminal:
            notes.print("drawing figures")
        yield lambda name: tell(f"drawing {name}")


@contextmanager
def busy(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr with a text that may change; silent where that is no terminal."""
    with notes.status(Text(text), spinner="line" if notes.options.ascii_only else "dots") as status:
        yield lambda text: status.update(Text(text))


def work_bar() -> Progress:
    """A progress bar on stderr for what takes minutes or hours, each task with a `note`; silent on no terminal."""
    return Progress(
        _words("description"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        _words("fields[note]"),
        TimeElapsedColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(elapsed_when_finished=False),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )


def download_bar() -> Progress:
    """A progress bar on stderr with bytes, speed and time left; silent where stderr is no terminal."""
    return Progress(
        _words("description"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left", markup=False),
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
        _words("description"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )


def tell_on(bar: Progress) -> Callable[[str, int, int], None]:
    """What shows each kind of work by a task of its own; gets its name, how much is done, and of how much, if known."""
    tasks: dict[str, TaskID] = {}

    def tell(what: str, done: int, every: int) -> None:
        if what not in tasks:
            tasks[what] = bar.add_task(what, total=every or None)
        bar.update(tasks[what], completed=done, total=every or None)

    return tell


def pages_bar() -> Progress:
    """A progress bar on stderr for pages, the task with a `rate`, and the time left; silent on no terminal."""
    return Progress(
        _words("description"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _words("fields[rate]"),
        TextColumn("left", markup=False),
        TimeRemainingColumn(),
        console=notes,
        transient=True,
        disable=not notes.is_terminal,
    )
