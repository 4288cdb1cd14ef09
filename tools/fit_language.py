"""How much the language model should count, and what it gives: on true boxes of labelled pages, crosswise by book.

    python tools/fit_language.py MODEL ... --pages PAGES ...        # `kana+kanji` for both, of which the surer answers

For each network the best of `WEIGHTS` and `SURES` on two thirds of the books is measured on the third that they leave
out.  A character is right if it is the label or its other form, old or new.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import new_forms
from kuzushiji.data.pages.characters import folds
from kuzushiji.data.pages.tables import BoxedPage, list_pages, read_page
from kuzushiji.document.geometry import centres_of
from kuzushiji.document.page import Page
from kuzushiji.reading.detector import Found
from kuzushiji.reading.language import CHOICES, SURE, WEIGHT, LanguageModel
from kuzushiji.reading.reader import Reader

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8)
SURES = (0.9, 0.95, 0.98, 0.99, 1.0)
FOLDS = 3


@dataclass(frozen=True)
class Named:
    """A page as a network names its true boxes: the page in reading order, and for each character whether each of its
    candidates is right, (n, k)."""

    book: str
    page: Page
    right: NDArray[np.bool_]


def named(reader: Reader, page: BoxedPage) -> Named:
    """Names the true boxes of a page."""
    boxes = page.truth.characters.boxes
    read = reader(read_page(page), page.name, boxes=np.rint(boxes).astype(np.int32))
    apart = centres_of(read.characters.boxes)[:, None] - centres_of(boxes)[None]
    labels = page.truth.characters.best[np.hypot(*apart.transpose(2, 0, 1)).argmin(axis=1)]
    return Named(page.book, read, same(read.characters.candidates, labels))


def same(candidates: NDArray[np.str_], labels: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which candidates (n, k) are what the labels (n,) say, in whatever form."""
    forms = np.vectorize(new_forms, otypes=[np.str_])
    return np.asarray(forms(candidates) == forms(labels)[:, None])


def counted(language: LanguageModel, pages: Sequence[Named]) -> NDArray[np.int64]:
    """For each page: characters, right without the model, right with it, changed, spoilt, mended."""
    rows = []
    for each in pages:
        chosen = language.chosen(each.page)
        before, after = each.right[:, 0], np.take_along_axis(each.right, chosen[:, None], axis=1)[:, 0]
        row = (
            len(chosen),
            before.sum(),
            after.sum(),
            (chosen > 0).sum(),
            (before & ~after).sum(),
            (~before & after).sum(),
        )
        rows.append(row)
    return np.array(rows, np.int64).reshape(-1, 6)


def fit(pages: Sequence[Named]) -> None:
    """Prints what the model gives to what a network named."""
    ngrams = LanguageModel.load().ngrams
    settings = list(product(SHARES, SURES))
    results = np.array(
        [counted(LanguageModel(ngrams, weight=w, sure=s), pages) for w, s in settings]
    )  # (settings, n, 6)
    deal = folds([each.book for each in pages], FOLDS)
    fold = np.array([deal[each.book] for each in pages])
    total = np.zeros(6, np.int64)
    for number in range(1, FOLDS + 1):
        best = int(results[:, fold != number, 2].sum(axis=1).argmax())
        part = results[best, fold == number].sum(axis=0)
        total += part
        weight, sure = settings[best]
        print(f"  fold {number}: weight {weight}, sure {sure} fitted on the others: {told(part)}")
    print(f"  all folds, crosswise: {told(total)}")
    for sure in SURES:
        row = [
            f"{w}: {100 * each.sum(axis=0)[2] / each.sum(axis=0)[0]:.2f}"
            for (w, s), each in zip(settings, results, strict=True)
            if s == sure
        ]
        print(f"  % right on all by weight, sure {sure}: " + ", ".join(row))
    print(f"  as shipped ({WEIGHT}, {SURE}): {told(counted(LanguageModel(ngrams), pages).sum(axis=0))}")


def told(row: NDArray[np.int64]) -> str:
    """What `counted` gave, in words."""
    n, before, after, changed, spoilt, mended = row.tolist()
    gain = 100 * (after - before) / n
    return (
        f"{n} characters, right {100 * before / n:.2f} -> {100 * after / n:.2f} % ({gain:+.2f}); "
        f"changed {changed}, mended {mended}, spoilt {spoilt}"
    )


def nothing(image: NDArray[np.float32]) -> Found:
    """The detector of a reader that is told where characters stand."""
    raise NotImplementedError


def main() -> None:
    """Names the pages with each network and fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--pages", nargs="+", type=Path, required=True)
    options = parser.parse_args()
    pages = [page for folder in options.pages for page in list_pages(folder).pages]
    for model in options.models:
        reader = Reader(nothing, None if model == "kana+kanji" else model, language=False, top=CHOICES, threads=1)
        print(model, flush=True)
        fit([named(reader, page) for page in pages])


if __name__ == "__main__":
    main()
