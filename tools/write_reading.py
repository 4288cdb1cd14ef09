"""Writes docs/reading.md from the figures that `measure_reading.py` wrote, with a gallery of pages that are read anew.

    python tools/write_reading.py docs/reading.json docs/reading.md --gallery pages/lines \
        --curve 0=docs/reading-0.json --curve 3=docs/reading-3.json --curve 9=docs/reading-9.json
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from math import log2
from pathlib import Path
from typing import Any

from kuzushiji.data.pages.sources import page_images
from kuzushiji.document.drawing import draw_page
from kuzushiji.files import write_text
from kuzushiji.imaging.read import read_color
from kuzushiji.numbers import points, points_range
from kuzushiji.reading.reader import Reader
from kuzushiji.report.document import Code, Column, Commands, Document, Markdown, Paragraph, Points, Section, Table
from kuzushiji.report.markdown import as_markdown

FIGURES = {
    "detection_precision": "of what it finds, characters",
    "detection_recall": "of the characters, found",
    "detection_f1": "F1 of both: the centre lies in the box",
    "overlap_f1": "F1 at IoU 0.5",
    "kaggle_f1": "F1 of found and named right: Kaggle's score",
    "right": "of those found, named right",
    "right_kana": "kana",
    "right_kanji": "kanji",
    "right_mark": "marks",
    "error_rate": "character error rate of the text",
    "error_rate_normalized": "old and new forms, voicing taken as one",
    "error_rate_unordered": "whatever the order",
    "neighbours": "of those found, the next one right",
}

FOUND = ("detection_precision", "detection_recall", "detection_f1", "overlap_f1")
"""Figures that say nothing where the boxes are given."""

LIMITS = (
    "Of 16 pages of 13 books too little can be said for other books: the intervals are wide. Nearly all real kana that "
    "the network saw are of one manuscript; of other hands it knows what six networks taught it that learnt from the "
    "whole of Kuzushiji-49, which was cut from books of which some of these pages are.",
    "What is measured are not the files that ship, which learnt from these pages too, but the same trained "
    "without them. A figure of what ships on these pages would mean nothing.",
    "Weight and candidates of the language model were chosen on these pages, crosswise by book. The texts of their "
    "books were left out of what it learnt from, as far as the sources name books. That the detector is the mean of "
    "two, and with which other edges an unsure character is cut out again, was chosen on these pages too, among "
    "few choices.",
    "Pages that show a part of the next one, tables without rules, and characters that touch are read worst; seals and "
    "illustrations may be taken for characters. Ruby is known from drawn pages alone.",
    "Most kanji of these pages stand, from the same scans, among the images of Kuzushiji-Kanji that trained the "
    "network.",
)


SHOWN, WIDTH = 10, 1000
"""Pages of the gallery, and pixels that each is wide."""

CURVE = {
    "characters found, F1": ("found", "detection_f1"),
    "Kaggle's score": ("found", "kaggle_f1"),
    "right, true boxes, no language model": ("true boxes, no language model", "right"),
    "of these kana": ("true boxes, no language model", "right_kana"),
    "character error rate": ("found", "error_rate"),
}
"""What is told of networks that learnt from fewer books: a column's title, and row and name of its figure."""

GALLERY = (
    "Double pages of 機巧図彙 and of another book of the National Diet Library, Japan (NDL layout-dataset; public "
    "domain), as the networks that ship read them: above the scan, with a frame around each character, red where it is "
    "not sure, and a green line in reading order; below it what was read. Nobody has named the characters of these "
    "pages. The detector learnt that nothing stands between their lines, and the network for characters learnt kana "
    "of them that other networks had named."
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--gallery", type=Path, required=True, help="a folder of pages that may be shown")
    parser.add_argument(
        "--curve", action="append", default=[], metavar="N=JSON", help="figures of networks that learnt from N books"
    )
    options = parser.parse_args()
    pictures = options.output.parent / "pictures" / "reading"
    names = list(drawn(options.gallery, pictures))
    found = json.loads(options.figures.read_text(encoding="utf-8"))
    pairs = (option.partition("=") for option in options.curve)
    curve = {int(books): json.loads(Path(path).read_text("utf-8")) for books, _, path in pairs}
    write_text(options.output, as_markdown(document(found, names, curve)))


def drawn(gallery: Path, pictures: Path) -> Iterator[str]:
    """Reads the first pages of a folder and writes each with its reading as a picture; their names."""
    pictures.mkdir(parents=True, exist_ok=True)
    reader = Reader()
    for page in islice(page_images(gallery), SHOWN):
        picture = draw_page(reader(page.content, page.name), read_color(page.content))
        picture.thumbnail((WIDTH, 10 * WIDTH))
        picture.save(pictures / f"{page.name}.jpg", quality=72, optimize=True)
        yield page.name


def document(found: dict[str, Any], gallery: Sequence[str], curve: dict[int, dict[str, Any]]) -> Document:
    """Everything that is to be read, in order; `curve` has the figures of networks that learnt from so many books."""
    lead = (
        f"{found['pages']} pages of {found['books']} books with {found['characters']:,} characters, each read with a "
        "detector and a network for characters that saw no page of its book (the books are dealt to "
        f"{found['folds']} folds). Order and text are measured on the {found['ordered_pages']} pages "
        f"({found['ordered_characters']:,} characters) whose order is known. Intervals (95 %) are those of the "
        "bootstrap over books."
    )
    worst = tuple((name, f"{count:,}", points(f1), points(kaggle)) for name, count, f1, kaggle in found["by_page"])
    columns = (Column("page"), *(Column(title, "number") for title in ("characters", "found F1 %", "Kaggle's F1 %")))
    return Document(
        title="How pages are read",
        lead=(Paragraph(lead),),
        sections=(
            *(Section(row, row.capitalize(), (_table(row, found["rows"][row]),)) for row in found["rows"]),
            Section("pages", "Page by page, the worst first", (Table(columns, worst),)),
            *_curve(curve),
            Section("gallery", "Ten pages", (Paragraph(GALLERY), *map(_picture, gallery))),
            Section("limits", "What it is not good for", (Points(LIMITS),)),
            Section(
                "made",
                "Made by",
                (
                    Commands(
                        (
                            "python tools/measure_reading.py pages/books --unordered pages/labelled "
                            "--detectors 1of3.onnx 2of3.onnx 3of3.onnx --models not1.onnx not2.onnx not3.onnx "
                            "--without 200010454 --output docs/reading.json",
                            "python tools/write_reading.py docs/reading.json docs/reading.md --gallery pages/lines "
                            "--curve 0=docs/reading-0.json --curve 3=docs/reading-3.json --curve 9=docs/reading-9.json",
                        )
                    ),
                    *_made_curve(curve),
                    Paragraph(
                        (
                            "The cards of detector and page in src/kuzushiji/reading/weights have the commands that "
                            "train both; with ",
                            Code("--held-out 1of3"),
                            " each of the detector's after the first makes 1of3.onnx, and not1.onnx is the last of "
                            "the page's without the pages of that fold.",
                        )
                    ),
                ),
            ),
        ),
    )


def _curve(curve: dict[int, dict[str, Any]]) -> Iterator[Section]:
    """What more books give, from what fewer of them have given."""
    if not curve:
        return
    whole = max(curve)
    figures = {
        title: {books: its["rows"][row][name][0] for books, its in sorted(curve.items()) if row in its["rows"]}
        for title, (row, name) in CURVE.items()
    }
    columns = (Column("books", "number"), *(Column(title, "number") for title in figures))
    rows = [(f"{n}", *(points(its[n]) if n in its else "–" for its in figures.values())) for n in sorted(curve)]
    gained = (
        f"{title} {100 * (its[whole] - its[least]) / log2(whole / least):+.1f}"
        for title, its in figures.items()
        for least in [min(filter(None, its))]
        if least < whole
    )
    text = (
        "Networks trained for this alone, shorter than those above, on the labelled pages of so many books (none: "
        "drawn pages, single characters, and pages that nobody labelled), read the same pages. Each doubling of the "
        f"books up to {whole} has changed, in points: {'; '.join(gained)}. Kaggle's 3,605 labelled pages are of no "
        "more books than 28, but 200 times as many; how far the curve goes on there is not known."
    )
    yield Section("fewer", "With fewer books", (Paragraph(text), Table(columns, tuple(rows))))


def _made_curve(curve: dict[int, dict[str, Any]]) -> Iterator[Paragraph]:
    if curve:
        yield Paragraph(
            (
                "For the figures with fewer books ",
                Code("tools/fewer_books.py"),
                " dealt the books; the detector began with the first training on its card, went on with 2,500 and "
                "1,000 crops an epoch, and was measured with 0.4 as the least; of the network for characters ",
                Code(
                    "tools/teach_page.py kanji joint.safetensors --steps 2400 --lr 0.01 --kept 0 --others 0.3 "
                    "--rotate 8 --elastic 0.03 --also ..."
                ),
                " made the first, with the sets of the card and without pages of these books, and the last training of "
                "the card the others.",
            )
        )


def _picture(name: str) -> Markdown:
    return Markdown(f"![The page {name} and what is read on it](pictures/reading/{name}.jpg)")


def _table(row: str, figures: dict[str, list[float]]) -> Table:
    shown = [name for name in FIGURES if not (row.startswith("true boxes") and name in FOUND)]
    columns = (Column(""), Column("%", "number"), Column("95 % interval", "interval"))
    cells = ((FIGURES[name], points(figures[name][0]), points_range(*figures[name][1:])) for name in shown)
    return Table(columns, tuple(cells))


if __name__ == "__main__":
    main()
