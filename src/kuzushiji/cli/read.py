"""`kuzushiji read`."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.progress import Progress
from rich.text import Text

from kuzushiji.cli.console import download_bar, download_progress, notes, pages_bar, printable
from kuzushiji.errors import DataError, Interrupted, UsageError, check_whole_numbers
from kuzushiji.interruption import interruptible

if TYPE_CHECKING:
    from kuzushiji.data.pages.sources import PageImage
    from kuzushiji.processes import Calls
    from kuzushiji.reading.choice import ReaderChoice
    from kuzushiji.reading.folder import Outcome, Wanted
    from kuzushiji.reading.readers import PageReader


def read(
    *sources: Annotated[str, Parameter(allow_leading_hyphen=True)],
    output: Path | None = None,
    format: tuple[str, ...] = (),
    pages: str | None = None,
    resume: bool = False,
    json: bool = False,
    unsure: Literal["mark", "best", "geta"] = "mark",
    unsure_below: float = 0.5,
    ruby: Annotated[bool, Parameter(negative="--no-ruby")] = True,
    modern: bool = False,
    draw: bool = False,
    detector: Path | None = None,
    model: str | None = None,
    language: bool = True,
    top: int = 5,
    threads: int | None = None,
    cluster: str | None = None,
    reader: Literal["ours", "ndl"] = "ours",
    ndl: Path | None = None,
    fetch: bool = False,
) -> None:
    """Read pages: what they say, in reading order, and where each character stands.

    Scans and photographs of any size and colour, at whatever scale, printed or written in columns.  Without --output
    the text goes to stdout, a line a column.  With it each page becomes files in a folder, its JSON always among them;
    a page that can't be read is named, the rest is done, and the exit code is 1.  Folders are walked with all that are
    in them, and made again in the output.

    Example: kuzushiji read page.jpg

    Example: kuzushiji read scans/ book.zip --output read --format txt,pagexml --resume

    Example: kuzushiji read https://dl.ndl.go.jp/api/iiif/2537625/manifest.json --pages 3-7 --output read

    Parameters
    ----------
    sources
        Images (PNG, JPEG, TIFF of one or many pages, ...), PDFs, folders and zips of them; - for one from stdin.
        Addresses (https://...) of images, PDFs or IIIF manifests, whose images are fetched once, one after the other,
        and kept in the cache of KUZUSHIJI_HOME; also the file of a manifest.
    output
        The folder for the files of each page, which are called as its image is.
    format
        The kinds of files, with commas between: txt, json, pagexml, alto, tei, iiif, pdf (the image with
        its text unseen over it, for viewers to find); txt if not given.  Without --output, what goes to stdout, which
        pdf can't.
    pages
        Which pages of each source, counted from 1, such as 3-7,9; all if not given.
    resume
        Leave out what is in the folder already, read from the same image with the same networks and settings.
    json
        Short for --format json.
    unsure
        What the text has for a character that is not sure: mark puts ？ behind it, best does not, geta writes 〓.
    unsure_below
        A character is not sure if its probability is below that.
    ruby
        Write ruby, in 《》.
    modern
        Write the text with today's forms of kanji and with iteration marks resolved too: after the text as it is, or
        into NAME.modern.txt.
    draw
        Draw each page too, into NAME.drawn.jpg: a frame around each character, red where it is not sure, a line in
        reading order, and beside it what it says.
    detector
        What finds the characters, a file that `kuzushiji export` wrote or hf:OWNER/NAME; if not given, the one that
        ships.
    model
        What names them, a network that ships, such a file or hf:OWNER/NAME; if not given, what ships and knows most.
    language
        Weigh what a character may be by those before it; what that changed is marked in JSON and PAGE XML.
    top
        How many candidates to keep of each character.
    threads
        How many of the processor's cores to use; all if not given.  With --cluster, those of each process; 1 if not
        given, which reads the most pages.
    cluster
        Read on the machines of a Ray: auto for the one that runs on this machine, or HOST:PORT of its head.
    reader
        Whose networks read: ours, or those of NDL古典籍OCR-Lite (CC BY 4.0), which do not ship with this package.
    ndl
        The folder of these, also a copy of their repository; if not given, what KUZUSHIJI_NDL names, or where --fetch
        puts them.
    fetch
        Fetch what is missing of these before, 83 MB in all; without sources, do no more.
    """
    if reader == "ours" and (ndl is not None or fetch):
        raise UsageError("--ndl and --fetch are for --reader ndl")
    if reader == "ndl" and (detector is not None or model is not None):
        raise UsageError("--reader ndl has networks of its own; --detector and --model are for --reader ours")
    if fetch:
        _fetch(ndl)
        if not sources:
            return
    if not sources:
        raise UsageError("name an image, a folder or a zip of pages, or - for an image from stdin")
    for name in sources:
        if name.startswith("-") and name != "-" and not Path(name).exists():
            raise UsageError(f"there is no option {name}, nor a file of that name")
    check_whole_numbers({"--top": top, "--threads": threads})
    formats = _formats(*format, *["json"] * json)
    if output is None and (resume or draw or cluster or len(formats) > 1 or "pdf" in formats):
        raise UsageError("--resume, --draw, --cluster, pdf and several formats need a folder; name it with --output")
    if draw and output and output.resolve() in [Path(source).resolve() for source in sources]:
        raise UsageError(f"{output} holds the pages, and drawn ones would be taken for more; name another folder")
    from kuzushiji.data.pages.sources import expected_pages
    from kuzushiji.reading.choice import ReaderChoice
    from kuzushiji.reading.folder import Wanted, read_into

    wanted = Wanted(formats, unsure, unsure_below, ruby, modern, draw)
    choice = ReaderChoice(reader, ndl, detector, model, language, top, threads)
    opened = choice.open()
    images = _images(sources, pages, output)
    if output is None:
        # Without a bar, which would take what is printed for itself.
        _follow(_printed(images, opened, wanted), Progress(disable=True))
        return
    try:
        with _calls(cluster, choice, opened, wanted) as calls:
            expected = sum(expected_pages(source, pages, output) for source in sources)
            outcomes = read_into(output, images, opened, wanted, resume=resume, calls=calls)
            _follow(outcomes, pages_bar(), expected)
    except KeyboardInterrupt:
        raise _interrupted() from None


@contextmanager
def _calls(
    address: str | None, choice: "ReaderChoice", opened: "PageReader", wanted: "Wanted"
) -> "Iterator[Calls | None]":
    """What has the machines of a cluster read; None if there is no address of one."""
    if address is None:
        yield None
        return
    from kuzushiji.cluster import Cluster
    from kuzushiji.reading.choice import read_as

    threads = choice.threads or 1
    with interruptible() as stop, Cluster(address) as cluster:
        yield cluster.spread(
            read_as,
            choice.anywhere(threads),
            opened.steps,
            wanted,
            threads=threads,
            look=partial(_check, stop),
        )


def _formats(*named: str) -> tuple[str, ...]:
    parts = [part.strip() for each in named for part in each.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part)) or ("txt",)


def _fetch(folder: Path | None) -> None:
    """Fetches the files of NDL古典籍OCR-Lite."""
    from kuzushiji.reading import ndl_files

    with download_bar() as bar:
        place = ndl_files.fetch(folder, progress=download_progress(bar), say=lambda text: bar.console.print(text))
    _note(f"{ndl_files.ATTRIBUTION} ({ndl_files.LICENCE}), is in {place}")


def _images(sources: Iterable[str], pages: str | None, output: Path | None) -> "Iterator[PageImage]":
    from kuzushiji.data.pages.sources import pages_in
    from kuzushiji.reading.folder import images_of

    for source in sources:
        if source == "-":
            yield from pages_in(sys.stdin.buffer.read(), "stdin", pages)
        else:
            yield from images_of([source], pages, _note, output)


def _check(stop: Event) -> None:
    if stop.is_set():
        raise _interrupted()


def _interrupted() -> Interrupted:
    return Interrupted("not all pages are read; those that are, are whole, and --resume goes on after them")


def _printed(images: "Iterator[PageImage]", reader: "PageReader", wanted: "Wanted") -> "Iterator[Outcome]":
    """Prints what each page says; of several, its name before it."""
    from kuzushiji.reading.folder import Outcome, read_image

    first = list(islice(images, 2))
    (format,) = wanted.formats
    for image in chain(first, images):
        try:
            page = read_image(reader, image)
        except DataError as error:
            yield Outcome(image.place, "failed", str(error))
            continue
        if format == "txt":
            if len(first) > 1:
                print(printable(f"==> {image.place} <=="))
            print(printable(wanted.written(page, format).decode()), end="")
            if wanted.modern:
                print(printable(f"\n{wanted.text_of(page, modern=True)}"))
            sys.stdout.flush()
        else:
            sys.stdout.buffer.write(wanted.written(page, format))  # which says itself that it is UTF-8
            sys.stdout.buffer.flush()
        yield Outcome(image.place, "read", blank=not len(page))


def _follow(outcomes: "Iterator[Outcome]", bar: Progress, expected: int | None = None) -> None:
    """Tells what becomes of the pages, and in the end of them all."""
    counts: Counter[str] = Counter()
    begun = time.monotonic()
    with bar:
        task = bar.add_task("reading", total=expected, rate="")
        for outcome in outcomes:
            counts[outcome.state] += 1
            if outcome.failure:
                notes.print(Text.assemble(("Left out:", "bold red"), " ", outcome.failure), soft_wrap=True)
            if outcome.blank:
                _note(f"{outcome.name}: no character was found")
            rate = counts["read"] / (time.monotonic() - begun) * 60
            bar.update(
                task,
                completed=counts.total(),
                total=expected and max(expected, counts.total()),
                rate=f"{rate:.{0 if rate >= 10 else 1}f} pages a minute" if counts["read"] else "",
            )
    if counts.total() > 1:
        skipped = f", {counts['skipped']:,} done before" if counts["skipped"] else ""
        failed = f", {counts['failed']:,} left out" if counts["failed"] else ""
        seconds = time.monotonic() - begun
        _note(f"{_pages(counts['read'])} read{skipped}{failed}, in {seconds:,.0f} s")
    if counts["failed"]:
        raise DataError(f"{_pages(counts['failed'])} left out")


def _pages(count: int) -> str:
    return f"{count:,} page{'' if count == 1 else 's'}"


def _note(line: str) -> None:
    notes.print(line, markup=False, soft_wrap=True)
