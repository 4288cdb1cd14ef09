"""`kuzushiji data`."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from kuzushiji import home
from kuzushiji.cli.console import (
    count_bar,
    download_bar,
    download_progress,
    notes,
    print_json,
    print_table,
    results,
    tell_on,
)
from kuzushiji.data.catalogue.sets import DATASETS, Dataset, dataset, folder
from kuzushiji.errors import DataError, UsageError

if TYPE_CHECKING:
    from kuzushiji.data.pages.problems import PageReport
    from kuzushiji.data.pages.tables import PageListing

data = App(name="data", help="List, describe, fetch, verify and convert datasets.")


@data.command(name="list")
@data.default
def list_datasets(*, json: bool = False) -> None:
    """List the datasets of the catalogue and which of them are there.

    Parameters
    ----------
    json
        Print them as JSON.
    """
    from kuzushiji.data.catalogue.verify import state

    states = {name: state(name) for name in DATASETS}
    if json:
        print_json([_facts(entry) | {"state": states[entry.name]} for entry in DATASETS.values()])
        return
    print_table(
        ["name", "title", "classes", "images", "size", "state"],
        [
            (
                entry.name,
                entry.title,
                f"{entry.classes:,}",
                f"{entry.count:,}" + ("" if entry.unit == "images" else f" {entry.unit}"),
                _size(entry),
                states[entry.name],
            )
            for entry in DATASETS.values()
        ],
        right=[2, 3, 4],
    )
    notes.print("without files: brush:kmnist and brush:k49; brush:kanji and brush:kana, drawn from fonts of Debian")


@data.command
def info(name: str, /, *, json: bool = False) -> None:
    """Describe a dataset: counts, files with their hashes and addresses, licence, citation.

    Parameters
    ----------
    name
        Name of the dataset; `kuzushiji data list` has them.
    json
        Print it as JSON.
    """
    from kuzushiji.data.catalogue.verify import provenance, state
    from kuzushiji.data.pages.characters import known_report
    from kuzushiji.data.source import parse
    from kuzushiji.records import as_plain

    entry = dataset(name)
    known = known_report(parse(name).pages) if entry.unit == "pages" else None
    if json:
        report = {"report": as_plain(known) if known else None} if entry.unit == "pages" else {}
        told = {"provenance": {file.name: said for file in entry.files() if (said := provenance(entry, file))}}
        print_json(_facts(entry) | {"state": state(name)} | told | report)
        return
    size = "varies" if entry.image_size is None else "{} x {} pixels, grey".format(*entry.image_size)
    splits = ", ".join(f"{split} {count:,}" for split, count in entry.counts.items())
    lines = {
        "description": entry.description,
        "classes": f"{entry.classes:,}, " + ("equally many images each" if entry.balanced else "not balanced"),
        entry.unit: splits,
        "image size": size,
        "mean pixel": f"{entry.mean} of full scale, standard deviation {entry.deviation}"
        if entry.mean
        else "not known",
        "state": state(name),
        "folder": str(folder(name)),
        "homepage": entry.homepage,
        "licence": f"{entry.licence}, {entry.licence_url}",
        "attribution": entry.attribution,
    }
    if entry.unit == "pages":
        lines["characters"] = _page_facts(known) if known else f"not cut yet; `kuzushiji data pages {name}` does it"
    results.print(entry.name, style="bold", end=": ")
    results.print(entry.title)
    for label, text in lines.items():
        results.print(f"  {label:12}  {text}", markup=False, soft_wrap=True)
    for format, files in entry.formats.items():
        results.print(f"\n  {format}" + (" (default)" if len(entry.formats) > 1 and files is entry.files() else ""))
        for file in files:
            size = f"{file.size:,} bytes" if file.md5 else f"about {file.size / 1e6:.0f} MB" if file.size else ""
            facts = f"    {file.name:28}  {size:>16}  {f'md5 {file.md5}' if file.md5 else ''}"
            results.print(facts.rstrip(), markup=False, soft_wrap=True)
            for line in (*file.urls, *provenance(entry, file)):
                results.print(f"      {line}", markup=False, soft_wrap=True)
    results.print("\n  by hand")
    for step in entry.manual_steps:
        results.print(f"    {step}", markup=False, soft_wrap=True)
    results.print(f"\n{entry.citation}", markup=False, soft_wrap=True)


@data.command
def get(
    name: str | None = None,
    /,
    *,
    format: str | None = None,
    from_: Annotated[Path | None, Parameter(name="--from")] = None,
    offline: bool = False,
    json: bool = False,
) -> None:
    """Fetch a dataset and verify it; what is there already is left alone.

    Parameters
    ----------
    name
        Name of the dataset; asked for on a terminal.
    format
        Which of its formats, such as npz or idx; the first one that `kuzushiji data info` lists if not given.
    from_
        A folder or zip with files that you have already; they are verified and copied, nothing is downloaded.
    offline
        Download nothing; if files are missing, say how to get them by hand.
    json
        Print what was done as JSON.
    """
    from kuzushiji.data.catalogue.download import fetch

    if name is None:
        name, format = _ask(format)
    with download_bar() as bar:

        def say(text: str) -> None:
            bar.console.print(text, markup=False, soft_wrap=True)

        fetched = fetch(name, format, source=from_, offline=offline, progress=download_progress(bar), say=say)
    if json:
        print_json(asdict(fetched) | {"folder": str(fetched.folder)})
        return
    for note in fetched.notes:
        notes.print(note, markup=False, soft_wrap=True)
    if fetched.dataset != name:
        notes.print(f"{name} is cut out of {fetched.dataset} when it is loaded.", markup=False)
    already = " already" if all(origin == "already there" for origin in fetched.origins.values()) else ""
    results.print(
        f"{fetched.dataset} ({fetched.format}) is{already} there: {fetched.folder}", markup=False, soft_wrap=True
    )


def _ask(format: str | None) -> tuple[str, str | None]:
    """Asks on the terminal which dataset, and which of its formats if it has several.

    Raises:
        UsageError: nobody sits at a terminal.
    """
    from kuzushiji.data.catalogue.verify import state

    if not sys.stdin.isatty():
        raise UsageError(f"data get needs the name of a dataset: {', '.join(DATASETS)}")
    width = max(len(entry.title) for entry in DATASETS.values())
    options = {
        entry.name: f"{entry.title:{width}}  {_size(entry):>7}  {state(entry.name)}" for entry in DATASETS.values()
    }
    name = _choose("Which dataset?", options)
    formats = dataset(name).formats
    if format is None and len(formats) > 1:
        format = _choose("In which format?", {each: ", ".join(file.name for file in formats[each]) for each in formats})
    return name, format


def _choose(question: str, options: dict[str, str]) -> str:
    """Lets the user choose one of `options`, name -> description, by its number or name."""
    names = list(options)
    width = max(map(len, names))
    notes.print(question, style="bold")
    for number, (name, description) in enumerate(options.items(), start=1):
        notes.print(f"  {number}) {name:{width}}  {description}", markup=False, soft_wrap=True)
    while True:
        try:
            answer = notes.input(f"1 to {len(names)}: ").strip()
        except EOFError:
            raise UsageError("nothing was chosen") from None
        if answer in names:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        notes.print(f"{answer!r} is none of them; type a number or a name, Ctrl-C to leave.", markup=False)


@data.command
def verify(name: str, /, *, format: str | None = None, json: bool = False) -> None:
    """Compare the files of a dataset with what was published; exit code 1 if one is missing or wrong.

    Parameters
    ----------
    name
        Name of the dataset.
    format
        One of its formats; each of which there is any file if not given.
    json
        Print the result as JSON.
    """
    from kuzushiji.data.catalogue.verify import verify as verify_files

    entry = dataset(name)
    reports = verify_files(name, format)
    if entry.subset_of and format is None and all(report.status == "absent" for report in reports):
        notes.print(f"{name} has no files of its own; it is cut out of {entry.subset_of}.", markup=False)
        verify(entry.subset_of, json=json)
        return
    if json:
        print_json(reports)
    else:
        print_table(["file", "state", ""], [(report.name, report.status, report.detail) for report in reports])
    bad = [report.name for report in reports if not report.is_right]
    if bad:
        source = "" if any(file.urls for file in entry.files(format)) else " --from FOLDER"
        raise DataError(
            f"{len(bad)} of {len(reports)} files of {name} in {folder(name)} are missing or wrong: {', '.join(bad)}. "
            f"`kuzushiji data get {name}{source}` puts that right"
        )


@data.command
def path(name: str | None = None, /, *, json: bool = False) -> None:
    """Print the folder that a dataset lies in, or the one that all of them lie in.

    Parameters
    ----------
    name
        Name of the dataset.
    json
        Print it as JSON, with whether it exists.
    """
    place = home.data_folder() if name is None else folder(name)
    if json:
        print_json({"path": str(place), "exists": place.is_dir()})
    else:
        print(place)


@data.command
def pages(
    name: str,
    /,
    *,
    page: str | None = None,
    draw: Path | None = None,
    dark: bool = False,
    json: bool = False,
) -> None:
    """Cut the characters out of pages, once; say how many there are and what is wrong with boxes and pages.

    Example: kuzushiji data pages recognition --draw page.png

    Parameters
    ----------
    name
        recognition, or a folder or zip in Kaggle's layout or in CODH's; with :book behind it, divided by book;
        with :1of3, the books of the first of three folds are for test.
    page
        Which page to draw; the first with a box if not given.
    draw
        Draw a page with its boxes and characters into this file, SVG, PNG or PDF.
    dark
        Draw for a dark page.
    json
        Print the report as JSON.
    """
    from kuzushiji.data.pages.characters import UNITS, cached_characters, report_of
    from kuzushiji.data.pages.problems import KINDS
    from kuzushiji.data.pages.tables import list_pages
    from kuzushiji.data.source import parse
    from kuzushiji.records import as_plain

    if page is not None and draw is None:
        raise UsageError("--page says which page to draw; say where with --draw, such as --draw page.png")
    source = parse(name)
    origin = source.pages
    if draw is not None:
        _draw_page(list_pages(origin.path), page, draw, dark)
    with count_bar() as bar:
        task = bar.add_task("cutting", total=None)
        found = cached_characters(origin, progress=lambda done, total: bar.update(task, completed=done, total=total))
    report = report_of(found)
    splits = {split: stop - start for split, (start, stop) in found.bounds.items()}
    if json:
        print_json({"name": source.name, "divided_by": origin.by, "splits": splits} | as_plain(report))
        return
    results.print(f"{source.name}: {_page_facts(report)}", markup=False, soft_wrap=True)
    divided = ", ".join(f"{split} {count:,}" for split, count in splits.items())
    by = origin.by if origin.by in UNITS else f"book, tested on fold {origin.by}"
    few = f"; fewer than 3 {origin.by}s are not divided" if "all" in splits else f", divided by {by}"
    results.print(f"characters: {divided}{few}", markup=False, soft_wrap=True)
    if report.problems:
        print_table(
            ["what is wrong", "boxes", "pages", "such as"],
            [
                (KINDS[each.kind], f"{each.boxes:,}", f"{each.pages:,}", "\n".join(each.examples))
                for each in report.problems
            ],
            right=[1, 2],
        )


@data.command
def convert(
    source: str,
    folder: Path,
    /,
    *,
    format: str = "npz",
    image_size: int | None = None,
    turn: bool = False,
    json: bool = False,
) -> None:
    """Write any data anew: characters as arrays or class folders, pages with their boxes, or images of lines.

    Example: kuzushiji data convert recognition boxes --format coco

    Parameters
    ----------
    source
        Anything that `kuzushiji train --data` takes; or pages or lines in one of the formats below.
    folder
        A new folder for the files.
    format
        Of characters: npz, with a class map, named as those of Kuzushiji-MNIST; idx, gzipped, named as those of MNIST;
        folder, PNG files in a folder for each class, U+304A, within train, validation and test; parquet, as the Hugging
        Face hub has them. Of pages: kaggle, train.csv beside train_images; coco; yolo; kraken, PAGE XML beside the
        images. Of lines cut out of pages: lines, PNG beside .gt.txt for kraken, Tesseract and Calamari; doctr,
        labels.json beside images; lmdb, for PARSeq.
    image_size
        Bring images of characters to so many pixels a side; needed where they have several sizes.
    turn
        Turn columns by a quarter, so that their images read from the left to the right.
    json
        Print what was written as JSON.
    """
    from kuzushiji.data.convert import convert as convert_data

    with count_bar() as bar:
        done = convert_data(source, folder, format, image_size=image_size, turn=turn, tell=tell_on(bar))
    if json:
        print_json(asdict(done) | {"folder": str(done.folder)})
        return
    for note in done.notes:
        notes.print(note, markup=False, soft_wrap=True)
    if done.left_out:
        count = "1 class" if len(done.left_out) == 1 else f"{len(done.left_out):,} classes"
        notes.print(f"{count} without an image, and so without a folder: {' '.join(done.left_out[:40])}", markup=False)
    splits = ", ".join(f"{split} {count:,}" for split, count in done.splits.items())
    if done.image_size:
        facts = (
            f"images, {len(done.classes) - len(done.left_out):,} classes, {'{} x {}'.format(*done.image_size)} pixels"
        )
    else:
        facts = f"{done.holds}, {len(done.classes):,} different characters"
    results.print(f"{done.name}: {splits} {facts}", markup=False, soft_wrap=True)
    results.print(f"{done.format:<8}{done.folder}", markup=False, soft_wrap=True)


def _page_facts(report: "PageReport") -> str:
    """A sentence."""
    books = "1 book" if report.books == 1 else f"{report.books:,} books"
    left_out = "1 box" if report.left_out == 1 else f"{report.left_out:,} boxes" if report.left_out else "no box"
    return (
        f"{report.pages:,} pages of {books} with {report.boxes:,} boxes; "
        f"{report.characters:,} characters cut, {report.classes:,} different ones; {left_out} left out"
    )


def _draw_page(listing: "PageListing", name: str | None, path: Path, dark: bool) -> None:
    from kuzushiji.data.pages.tables import read_page
    from kuzushiji.plots.files import save
    from kuzushiji.plots.pages import page_figure

    drawable = [page for page in listing.pages if page.image and len(page)]
    if name is None and not drawable:
        raise DataError(f"{listing.source} has no page with an image and a box")
    page = drawable[0] if name is None else listing.page(name)
    save(page_figure(read_page(page), page.boxes, page.characters, title=page.name, dark=dark), path)
    notes.print(f"{page.name} drawn into {path}", markup=False, soft_wrap=True)


def _facts(entry: Dataset) -> dict[str, Any]:
    return asdict(entry) | {"folder": str(folder(entry.name))}


def _size(entry: Dataset) -> str:
    """Size of the default format; nothing where it is not known."""
    sizes = [file.size for file in entry.files()]
    return "" if None in sizes else f"{sum(filter(None, sizes)) / 1e6:,.0f} MB"
