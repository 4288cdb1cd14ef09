"""How well characters are put into reading order (`kuzushiji.document.order`), from boxes that are listed in it.

    python benchmarks/reading_order.py PAGES [PAGES ...]    # a table of how many next characters are right

PAGES are folders or zips in Kaggle's layout or in CODH's.  Each page is arranged twice: with the ruled lines that are
found on its image, as a reader does it, and from its boxes alone; also turned by two degrees, and with a tenth of its
characters missing, as a detector may leave them.
"""

import argparse
from pathlib import Path

import numpy as np

from kuzushiji.data.pages.files import FileReader
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Page, truth
from kuzushiji.evaluation.pages import evaluate_pages
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import Rules, find_rules


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, help="pages as `kuzushiji data pages` takes them")
    arguments = parser.parse_args()
    pages: dict[str, Page] = {}
    rules: dict[str, Rules] = {}
    with FileReader() as reader:
        for page in (page for source in arguments.pages for page in list_pages(source).pages):
            pages[page.name] = page.truth
            if page.image is not None:
                rules[page.name] = find_rules(read_gray(reader.content(page.image)))
    print("| next character right | all | 95 % interval (books) | pages below 99 % |")
    print("|---|---:|---:|---|")
    print_row("with ruled lines", pages, rules)
    print_row("from boxes alone", pages, {})
    for degrees in (-2, 2):
        print_row(f"turned by {degrees} degrees, boxes alone", {n: turned(p, degrees) for n, p in pages.items()}, {})
    print_row("a tenth missing", {name: thinned(page) for name, page in pages.items()}, rules)


def print_row(title: str, pages: dict[str, Page], rules: dict[str, Rules]) -> None:
    """How well pages are arranged."""
    found = evaluate_pages(pages, {name: arrange(page, rules.get(name)) for name, page in pages.items()})
    all_ = found.figures["neighbours"]
    worst = ", ".join(
        f"{page.name} {page.figures['neighbours']:.1%}" for page in found.pages if page.figures["neighbours"] < 0.99
    )
    print(f"| {title} | {all_.value:.2%} | {all_.low:.1%} to {all_.high:.1%} | {worst} |", flush=True)


def turned(page: Page, degrees: float) -> Page:
    """The page with the middles of its boxes turned, as on a crooked scan."""
    turn = np.deg2rad(degrees)
    boxes = page.characters.boxes
    middles = (boxes[:, :2] + boxes[:, 2:] / 2) @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    return truth(page.image, page.characters.best.tolist(), np.hstack([middles - boxes[:, 2:] / 2, boxes[:, 2:]]))


def thinned(page: Page) -> Page:
    """The page without a tenth of its characters."""
    kept = page.characters[np.random.default_rng(0).random(len(page)) > 0.1]
    return truth(page.image, kept.best.tolist(), kept.boxes)


if __name__ == "__main__":
    main()
