"""Pages that were read beside the truth: what was found, what was named right, what the text says, in which order.

Each figure is a ratio of counts that add up over pages.  Intervals are those of a bootstrap over books, since pages of
one book fail together; of a single book, over its pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import kind, new_forms, unvoiced
from kuzushiji.data.pages.rows import book_of
from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.geometry import centres_of, overlaps, within
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError
from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_estimate, resampled

KINDS = ("kana", "kanji", "mark")
"""What `kuzushiji.characters.kind` tells apart."""

FIGURES = (
    *(f"{found}_{part}" for found in ("detection", "overlap", "kaggle") for part in ("precision", "recall", "f1")),
    *("right", "right_kana", "right_kanji", "right_mark"),
    *("error_rate", "error_rate_normalized", "error_rate_unordered", "neighbours"),
)
"""What is measured.

Of what was found with its centre in a box (detection: Kaggle's rule), at IoU 0.5 (overlap), and with its centre in a
box of the same name (kaggle: Kaggle's score): precision, recall and F1.  Of the characters that are found, the share
that is named right, also by kind.  The errors of the text in reading order by the length of the truth: as it is, with
old and new forms of kanji and voiced and unvoiced kana taken as one, and whatever the order.  Of the characters that
are found, the share of which the next one is right."""

_LEAST_OVERLAP = 0.5
_APART = ("ruby", "seal", "figure", "neighbour")
"""Lines that do not count unless the truth has such."""


@dataclass(frozen=True)
class PageScore:
    """How a single page was read.

    Attributes:
        name: of the page.
        book: that it is from.
        counts: what was counted on it.
        figures: the same as `PageEvaluation.figures`; NaN where one is not defined.
    """

    name: str
    book: str
    counts: dict[str, int]
    figures: dict[str, float]


@dataclass(frozen=True)
class PageEvaluation:
    """How pages were read.

    Attributes:
        pages: each of them, in the order of the truth.
        figures: `FIGURES` over all pages together.
        missing: pages of the truth that were not read; all their characters are missed.
        confidence: of the intervals.
    """

    pages: tuple[PageScore, ...]
    figures: dict[str, Estimate]
    missing: tuple[str, ...]
    confidence: float

    @property
    def characters(self) -> int:
        """In the truth."""
        return sum(page.counts["truth"] for page in self.pages)

    @property
    def books(self) -> int:
        """Of how many books the pages are."""
        return len({page.book for page in self.pages})


def evaluate_pages(
    truth: Mapping[str, Page],
    read: Mapping[str, Page],
    *,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> PageEvaluation:
    """Compares pages with the truth.

    Args:
        truth: the pages by their names.
        read: the same pages as they were read; others are left out.
        confidence: share of such intervals that should hold the true value.
        replicates: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        DataError: none of the pages was read.
    """
    if not set(truth) & set(read):
        some = [", ".join([*names][:3]) or "nothing" for names in (truth, read)]
        raise DataError(
            f"the truth has pages such as {some[0]}, what was read {some[1]}; expected pages of the same names"
        )
    counted = {name: count_page(page, read.get(name)) for name, page in truth.items()}
    columns = {key: np.array([counts[key] for counts in counted.values()], np.float64) for key in _NAMES}
    totals = _figures({key: column.sum(keepdims=True) for key, column in columns.items()})
    books = np.unique([book_of(name) for name in truth], return_inverse=True)[1]
    if books.max(initial=0) == 0:
        books = np.arange(len(truth))
    units = int(books.max(initial=-1)) + 1
    drawn = resampled(units, replicates, seed)[:, books].astype(np.float64)
    again = _figures({key: drawn @ column for key, column in columns.items()})
    scores = []
    for name, counts in counted.items():
        own = _figures({key: np.array([float(value)]) for key, value in counts.items()})
        scores.append(PageScore(name, book_of(name), counts, {key: float(value[0]) for key, value in own.items()}))
    return PageEvaluation(
        tuple(scores),
        {
            key: bootstrap_estimate(float(totals[key][0]), again[key], confidence, high=_most(key), images=units)
            for key in FIGURES
        },
        tuple(name for name in truth if name not in read),
        confidence,
    )


_NAMES = (
    *("truth", "found", "centred", "overlapping", "kaggle", "errors", "errors_normalized", "errors_unordered"),
    *("pairs", "neighbours", "named", "right"),
    *(f"{count}_{kind}" for kind in KINDS for count in ("named", "right")),
)


def count_page(truth: Page, read: Page | None) -> dict[str, int]:
    """What the figures of a page are made of.

    Args:
        truth: the page as people say that it is.
        read: as it was read; None if it was not.

    Returns:
        truth, found: characters; centred, overlapping, kaggle: pairs of both that belong together by the centre of the
        one in the box of the other, by IoU, and by centre and name; named, right: pairs by centre, and those of the
        same name, also by kind; errors: of the text; pairs, neighbours: characters with a next one, and those whose
        next one is the same.
    """
    own = {line.role for line in truth.lines}
    boxes, names = _counted(truth, set())
    others, answers = _counted(read, set(_APART) - own) if read else (np.zeros((0, 4)), [])
    centres, middles = centres_of(boxes), centres_of(others)
    size = np.maximum(1, np.sqrt(boxes[:, 2:].prod(axis=1)))[:, None]
    apart = np.linalg.norm(centres[:, None] - middles, axis=2) / size
    inside = within(middles, boxes).T
    same = np.array(names, np.str_)[:, None] == np.array(answers, np.str_)
    iou = overlaps(boxes, others)
    pairs = _matched(apart, inside)
    right = [bool(same[pair]) for pair in pairs]
    counts = {
        "truth": len(names),
        "found": len(answers),
        "centred": len(pairs),
        "overlapping": len(_matched(-iou, iou >= _LEAST_OVERLAP)),
        "kaggle": len(_matched(apart, inside & same)),
        "errors": edit_distance(names, answers),
        "errors_normalized": edit_distance([*map(_normalized, names)], [*map(_normalized, answers)]),
        "errors_unordered": max(len(names), len(answers)) - sum(right),
        "named": len(pairs),
        "right": sum(right),
    }
    for each in KINDS:
        of_kind = [is_right for (one, _), is_right in zip(pairs, right, strict=True) if kind(names[one]) == each]
        counts |= {f"named_{each}": len(of_kind), f"right_{each}": sum(of_kind)}
    return counts | _neighbours(pairs)


def _counted(page: Page, apart: set[str]) -> tuple[NDArray[np.float64], list[str]]:
    """Boxes and names in reading order, but for lines that do not count."""
    left_out = [number for number, line in enumerate(page.lines) if line.role in apart]
    order = page.order[~np.isin(page.characters.line[page.order], left_out)]
    return page.characters.boxes[order], [name or NAMELESS for name in page.characters.best[order].tolist()]


def _matched(cost: NDArray[np.float64], allowed: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Pairs of rows and columns, each in one pair at most, the cheapest first."""
    rows, columns = np.nonzero(allowed)
    free_rows, free_columns = set(rows.tolist()), set(columns.tolist())
    pairs = []
    for place in np.argsort(cost[rows, columns], kind="stable").tolist():
        row, column = int(rows[place]), int(columns[place])
        if row in free_rows and column in free_columns:
            free_rows.discard(row)
            free_columns.discard(column)
            pairs.append((row, column))
    return sorted(pairs)


def _neighbours(pairs: list[tuple[int, int]]) -> dict[str, int]:
    """Of the characters that are in both, in the order of the truth: how many have the next one that they should."""
    place = {column: rank for rank, column in enumerate(sorted(column for _, column in pairs))}
    ranks = np.array([place[column] for _, column in pairs], np.int64)
    return {"pairs": max(0, len(ranks) - 1), "neighbours": int((np.diff(ranks) == 1).sum())}


def edit_distance(one: Sequence[str], other: Sequence[str]) -> int:
    """The least number of characters to insert, remove or replace (Levenshtein).

    Example:
        >>> edit_distance("いろは", "いはに")
        2
    """
    codes = {name: code for code, name in enumerate(dict.fromkeys([*one, *other]))}
    first, second = (np.array([codes[name] for name in names], np.int64) for names in (one, other))
    places = np.arange(len(second) + 1)
    row = places
    for number, code in enumerate(first.tolist(), start=1):
        best = np.concatenate([[number], np.minimum(row[1:] + 1, row[:-1] + (second != code))])
        row = np.minimum.accumulate(best - places) + places
    return int(row[-1])


def _most(figure: str) -> float:
    """The greatest value that a figure can have: more may be put into a text than there is in the truth."""
    return np.inf if figure.startswith("error_rate") else 1.0


def _normalized(name: str) -> str:
    return new_forms(unvoiced(name))


def _figures(counts: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """`FIGURES` of counts, which may be those of many replicates."""

    def ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(part, whole, out=np.full(np.shape(whole), nan), where=whole > 0)

    figures = {}
    for figure, count in (("detection", "centred"), ("overlap", "overlapping"), ("kaggle", "kaggle")):
        figures[f"{figure}_precision"] = ratio(counts[count], counts["found"])
        figures[f"{figure}_recall"] = ratio(counts[count], counts["truth"])
        figures[f"{figure}_f1"] = ratio(2 * counts[count], counts["truth"] + counts["found"])
    figures["right"] = ratio(counts["right"], counts["named"])
    figures |= {f"right_{each}": ratio(counts[f"right_{each}"], counts[f"named_{each}"]) for each in KINDS}
    for figure in ("", "_normalized", "_unordered"):
        figures[f"error_rate{figure}"] = ratio(counts[f"errors{figure}"], counts["truth"])
    figures["neighbours"] = ratio(counts["neighbours"], counts["pairs"])
    return figures
