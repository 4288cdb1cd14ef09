"""Measures how pages are read whose truth is known, and writes the figures as JSON.

    python tools/measure_reading.py pages/books --unordered pages/labelled \
        --detectors 1of3.onnx 2of3.onnx 3of3.onnx --models not1.onnx not2.onnx not3.onnx --output docs/reading.json

The books of all pages together are dealt to as many folds as there are detectors; the pages of each fold are read with
the detector that was trained without it (`kuzushiji train detector --held-out 1of3`), so that no page is read with
what has seen its book.  Of networks that name characters there are as many, trained without the same pages, or one
that saw none of them.  Order and text are measured on the pages whose boxes are listed in reading order alone.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from kuzushiji.data.pages.characters import folds
from kuzushiji.data.pages.tables import BoxedPage, list_pages, read_page
from kuzushiji.document.page import Page
from kuzushiji.evaluation.pages import PageEvaluation, evaluate_pages
from kuzushiji.files import write_text
from kuzushiji.reading.reader import Reader

ROWS = {
    "found": (False, True),
    "found, no language model": (False, False),
    "true boxes": (True, True),
    "true boxes, no language model": (True, False),
}
"""Whether the boxes are those of the truth, and whether the language model takes part."""

TEXT = ("error_rate", "error_rate_normalized", "error_rate_unordered", "neighbours")
"""Figures of the text, which need the order."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, help="folders of pages whose characters are boxed, in order")
    parser.add_argument("--unordered", nargs="*", type=Path, default=[], help="the same, listed in any order")
    parser.add_argument("--without", nargs="*", default=[], help="books that a network learnt from, and are left out")
    parser.add_argument("--detectors", nargs="+", type=Path, required=True, help="one for each fold, in turn")
    parser.add_argument("--models", nargs="+", required=True, help="networks that name characters: one for each fold")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help=f"of {list(ROWS)}")
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    models = options.models * (len(options.detectors) if len(options.models) == 1 else 1)
    if len(models) != len(options.detectors):
        parser.error(f"there are {len(options.detectors)} detectors and {len(models)} models; give one for each fold")

    ordered = listed(options.pages)
    pages = ordered + listed(options.unordered)
    fold = folds((page.book for page in pages), len(options.detectors))  # as in training, of all books
    ordered, pages = ([page for page in of if page.book not in options.without] for of in (ordered, pages))
    rows, worst = {}, []
    for row in options.rows:
        known, language = ROWS[row]
        readers = [Reader(*files, language=language) for files in zip(options.detectors, models, strict=True)]
        read = {page.name: read_as(readers[fold[page.book] - 1], page, known) for page in pages}
        every, text = (evaluated(of, read) for of in (pages, ordered))
        figures = every.figures | {name: text.figures[name] for name in TEXT}
        rows[row] = {name: [each.value, each.low, each.high] for name, each in figures.items()}
        worst = worst or sorted(by_page(every), key=lambda each: each[3])
        print(row, {name: f"{100 * value:.1f}" for name, (value, *_) in rows[row].items()}, flush=True)
    found = {
        "pages": len(pages),
        "books": len({page.book for page in pages}),
        "characters": sum(map(len, pages)),
        "ordered_pages": len(ordered),
        "ordered_characters": sum(map(len, ordered)),
        "folds": len(options.detectors),
        "models": len(set(models)),
        "rows": rows,
        "by_page": worst,
    }
    write_text(options.output, json.dumps(found, ensure_ascii=False, indent=1) + "\n")


def listed(folders: Sequence[Path]) -> list[BoxedPage]:
    """The pages of folders that have an image and boxes."""
    return [page for folder in folders for page in list_pages(folder).pages if page.image and len(page)]


def read_as(reader: Reader, page: BoxedPage, known: bool) -> Page:
    """A page as it is read, from the boxes of the truth where these are `known`."""
    return reader(read_page(page), page.name, boxes=page.boxes if known else None)


def evaluated(pages: Sequence[BoxedPage], read: dict[str, Page]) -> PageEvaluation:
    """What `kuzushiji evaluate --pages` measures."""
    return evaluate_pages({page.name: page.truth for page in pages}, read)


def by_page(found: PageEvaluation) -> list[tuple[str, int, float, float]]:
    """Name, characters, F1 of finding and Kaggle's F1 of each page."""
    names = ("detection_f1", "kaggle_f1")
    return [
        (page.name, page.counts["truth"], *(round(page.figures[name], 4) for name in names)) for page in found.pages
    ]


if __name__ == "__main__":
    main()
