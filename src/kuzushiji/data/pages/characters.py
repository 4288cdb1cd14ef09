"""Characters of pages as a dataset: cut once, kept, divided by page, by book or into folds of books.

They are divided so that no page is on both sides, or no book.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import codepoint
from kuzushiji.data.files.allowance import Allowance
from kuzushiji.data.files.cache import CachedImages, bounds_of, cached, find_cached, place_in_order
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.pages.cutting import BROKEN, CLIPPED, CUT, OUTSIDE, CutPages, cut_pages
from kuzushiji.data.pages.files import FileReader, identity
from kuzushiji.data.pages.fit import refuse_beyond, refuse_elsewhere
from kuzushiji.data.pages.problems import PageReport, Problem
from kuzushiji.data.pages.tables import BoxedPage, PageListing, list_pages, page_names
from kuzushiji.data.splits import HASH_SPLITS, Sample
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.read import read_gray
from kuzushiji.records import as_plain, from_plain

SIDE = 80
"""Pixels a side of a character, unless another size is asked for."""

UNITS = ("page", "book")
"""What can stay on one side of a division."""

_VERSION = 5
"""Raised when the same pages would give other characters."""


@dataclass(frozen=True)
class Pages:
    """Where pages are, and how they are to be divided.

    Attributes:
        path: the folder or the zip.
        by: one of `UNITS`: what stays on one side of the division; or such as `1of3`: the books of the first of three
            `folds` test, those of the others train.
        dataset: name of the set of the catalogue that they are, empty for pages of one's own.
    """

    path: Path
    by: str = "page"
    dataset: str = ""

    @cached_property
    def identity(self) -> str:
        """Changes when the pages do.

        Raises:
            DataError: they are not there.
        """
        if self.dataset and not self.path.exists():
            raise DataError(
                f"{self.path} does not exist. `kuzushiji data get {self.dataset}` says how to get it; "
                f"`kuzushiji data get {self.dataset} --from FOLDER` takes it from a folder or zip of yours"
            )
        return f"{_VERSION} {identity(self.path)}"

    @property
    def splits(self) -> tuple[str, ...]:
        """train, validation and test; or `all`, where there are fewer than three pages (or books) to divide.

        Where one of several folds is the test, they are train and test.

        Raises:
            DataError: the tables of the pages are missing or damaged, or there are fewer books than folds.
        """
        found = find_cached(self.path, _variant(self, SIDE), self.identity)
        if found is not None:
            return tuple(found.bounds)
        names = page_names(self.path)
        return _split_names(divided(names if self.by == "page" else names.values(), self.by))

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The characters of a split, mapped into memory, of `SIDE` pixels a side if `side` is None.

        Raises:
            DataError: as `cached_characters`.
        """
        return cached_characters(self, side=side or SIDE, progress=progress).of(split)

    def count(self, split: str) -> int:
        """How many boxes the tables have of a split."""
        to_cut, _, _ = _to_cut(list_pages(self.path), self.by)
        names, sides = _sides(to_cut, self.by)
        return sum(len(page) for page, side in zip(to_cut, sides.tolist(), strict=True) if names[side] == split)

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Some of the characters of a split, as `Sampled` has it: those that the tables promise.

        All are cut where one of these turns out to be on a damaged page or beyond it.  Others may be, which shows when
        their pages are read; so that these can't be `exact`.

        Raises:
            DataError: as `cached_characters`.
        """
        side = side or SIDE
        if wanted.exact or find_cached(self.path, _variant(self, side), self.identity):
            return None

        def make(folder: Path) -> dict[str, Any]:
            return _make_some(self, folder, side, progress, split, wanted)

        try:
            return cached(self.path, f"{_variant(self, side)} {split} {wanted}", self.identity, make).of(split)
        except _NeedsAll:
            return None


class _NeedsAll(Exception):
    """Some characters can't be chosen without cutting all."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where on which page each of N characters stands.

    Attributes:
        pages: the name of the page of each.
        books: the book of each.
        boxes: int32 (N, 4): left, top, width and height in pixels of the page, as the table has them.
    """

    pages: tuple[str, ...]
    books: tuple[str, ...]
    boxes: NDArray[np.int32]


def cached_characters(pages: Pages, *, side: int = SIDE, progress: Progress | None = None) -> CachedImages:
    """The characters of all pages, cut if that has not been done yet.

    Their ids count the boxes in the tables, bad ones included, so that they are the same for any size and division.

    Args:
        pages: where they are.
        side: pixels a side; the characters keep their proportions and are padded with black.
        progress: called with the numbers of characters done and of all, while there is something to cut.

    Raises:
        DataError: the tables are missing or damaged, or no character could be cut.
        KuzushijiError: the cache could not be written.
    """

    make = partial(_make, pages, side=side, progress=progress)
    return cached(pages.path, _variant(pages, side), pages.identity, make)


def places(pages: Pages, ids: NDArray[np.int64], *, side: int = SIDE) -> Places:
    """Page, book and box of characters.

    Args:
        pages: where they are.
        ids: (N,), the `ids` of the characters.
        side: pixels a side of the characters, where another size was asked for; spares cutting them anew.

    Raises:
        UsageError: they have no character with one of the ids.
        DataError: as `cached_characters`.

    Example:
        >>> source = parse("recognition")                                   # doctest: +SKIP
        >>> places(source.pages, source.load("test").ids[:1])               # doctest: +SKIP
        Places(pages=('100241706_00004_2',), books=('100241706',), boxes=array([[1852, 1736, 104, 219]], dtype=int32))
    """
    found = cached_characters(pages, side=side)
    order = np.argsort(found.ids)
    wanted = np.asarray(ids)
    rows = order[np.searchsorted(found.ids, wanted, sorter=order).clip(max=len(order) - 1)]
    if not np.array_equal(found.ids[rows], wanted):
        strange = wanted[found.ids[rows] != wanted][0]
        raise UsageError(f"{pages.path} has no character with the id {strange}")
    names = [found.about["pages"][number] for number in np.load(found.folder / "pages.npy")[rows]]
    return Places(
        pages=tuple(page for page, _ in names),
        books=tuple(book for _, book in names),
        boxes=np.load(found.folder / "boxes.npy")[rows],
    )


def report_of(found: CachedImages) -> PageReport:
    """How many pages, boxes and characters there are, and what is wrong with which of them.

    Args:
        found: what `cached_characters` returned.
    """
    return from_plain(found.about["report"], PageReport)


def known_report(pages: Pages, *, side: int = SIDE) -> PageReport | None:
    """The report of pages whose characters have been cut already; else None."""
    if not pages.path.exists():
        return None
    found = find_cached(pages.path, _variant(pages, side), pages.identity)
    return report_of(found) if found else None


def divide(names: Iterable[str]) -> dict[str, str]:
    """Gives pages, or books, each to a split: a tenth to test, a tenth to validation, the rest to training.

    They are sorted by the hash of their names and the first go to test, so that the division is the same on every
    machine, and that of a copy without some of the pages nearly so.  From three on no split is empty; fewer are not
    divided and all of them are `all`.

    Example:
        >>> sorted(divide(["a_1", "a_2", "b_1", "b_2"]).values())
        ['test', 'train', 'train', 'validation']
    """
    ordered = sorted(set(names), key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(ordered) < len(HASH_SPLITS):
        return dict.fromkeys(ordered, "all")
    tenth = max(1, round(len(ordered) / 10))
    splits = ["test"] * tenth + ["validation"] * tenth + ["train"] * (len(ordered) - 2 * tenth)
    return dict(zip(ordered, splits, strict=True))


def folds(books: Iterable[str], count: int) -> dict[str, int]:
    """Deals books to folds, 1 to `count`: sorted by the hash of their names, one to each fold in turn.

    The fold of a book depends on which others there are: pages in several folders are to be dealt together, else a book
    that is in two of them may test in one and train in the other.

    Raises:
        DataError: there are fewer books than folds, so that one would be empty.

    Example:
        >>> folds(["a", "b", "c", "a"], 2)
        {'c': 1, 'b': 2, 'a': 1}
    """
    ordered = sorted(set(books), key=lambda book: hashlib.sha256(book.encode()).digest())
    if len(ordered) < count:
        raise DataError(f"{len(ordered)} books are too few for {count} folds; expected one for each at least")
    return {book: number % count + 1 for number, book in enumerate(ordered)}


def parse_fold(text: str) -> tuple[int, int] | None:
    """Which fold of how many a text such as `1of3` asks for; None if it asks for none.

    Raises:
        UsageError: there is no such fold.
    """
    found = re.fullmatch(r"(0|[1-9][0-9]{0,3})of(0|[1-9][0-9]{0,3})", text)
    if not found:
        return None
    fold, count = int(found[1]), int(found[2])
    if count < 2 or not 1 <= fold <= count:
        raise UsageError(f"there is no fold {text}; expected such as 1of3: one of at least two, counted from 1")
    return fold, count


def divided(names: Iterable[str], by: str) -> dict[str, str]:
    """The split of each name: of a page where `by` is page, else of a book; see `Pages`.

    Raises:
        DataError: there are fewer books than folds.
    """
    asked = parse_fold(by)
    if asked is None:
        return divide(names)
    fold, count = asked
    return {book: "test" if number == fold else "train" for book, number in folds(names, count).items()}


def _split_names(divided: dict[str, str]) -> tuple[str, ...]:
    return tuple(split for split in HASH_SPLITS if split in divided.values()) or ("all",)


def _variant(pages: Pages, side: int) -> str:
    return f"{side} by {pages.by}"


def _make(pages: Pages, folder: Path, *, side: int, progress: Progress | None) -> dict[str, Any]:
    listing = list_pages(pages.path)
    to_cut, page_of, characters = _to_cut(listing, pages.by)
    files = [(page.image, page.boxes) for page in to_cut if page.image]
    cut = cut_pages(files, folder, side=side, allowance=Allowance(pages.path), progress=progress)

    refuse_beyond(pages.path, to_cut, cut)
    refuse_elsewhere(pages.path, to_cut)
    rows = np.flatnonzero((cut.fates == CUT) | (cut.fates == CLIPPED))
    classes, labels = np.unique(characters[rows], return_inverse=True)
    report = PageReport(
        pages=len(listing.pages),
        books=len({page.book for page in listing.pages}),
        boxes=listing.boxes,
        characters=len(rows),
        classes=len(classes),
        problems=_problems(listing, to_cut, cut, page_of),
    )
    if not len(rows):
        wrong = "; ".join(f"{problem.kind}, such as {problem.examples[0]}" for problem in report.problems)
        raise DataError(f"{pages.path} gives no character: it lists {listing.boxes:,} boxes. {wrong}".rstrip(". "))

    names, sides = _sides(to_cut, pages.by, only=np.unique(page_of[rows]))
    if empty := set(range(len(names))) - set(sides[page_of[rows]].tolist()):
        raise DataError(f"{pages.path}:{pages.by} has no character to {names[min(empty)]} on: their pages are damaged")
    by_side = np.argsort(sides[page_of[rows]], kind="stable")
    order = rows[by_side]
    place_in_order(cut.images, folder / "images.npy", order)
    np.save(folder / "labels.npy", labels[by_side].astype(np.int64))
    np.save(folder / "ids.npy", np.concatenate([page.ids for page in to_cut])[order])
    np.save(folder / "boxes.npy", np.concatenate([page.boxes for page in to_cut])[order])
    np.save(folder / "pages.npy", page_of[order].astype(np.int32))
    return {
        "bounds": bounds_of(names, sides[page_of[order]]),
        "classes": classes.tolist(),
        "source": _source(listing, to_cut, cut),
        "pages": [(page.name, page.book) for page in to_cut],
        "report": as_plain(report),
        "notes": [
            *([f"{pages.path}: {report.summary}; `kuzushiji data pages` tells which"] if report.summary else []),
            *([listing.note] if listing.note else []),
        ],
    }


def _make_some(
    pages: Pages, folder: Path, side: int, progress: Progress | None, split: str, wanted: Sample
) -> dict[str, Any]:
    """Cuts some characters of a split, those that `subsample` takes of all if every box can be cut.

    Raises:
        _NeedsAll: there are no more than that, or one of them can't be cut.
    """
    listing = list_pages(pages.path)
    to_cut, page_of, characters = _to_cut(listing, pages.by)
    classes, labels = np.unique(characters, return_inverse=True)
    refuse_elsewhere(pages.path, to_cut)
    names, sides = _sides(to_cut, pages.by)
    rows = np.flatnonzero(np.array([names[side] for side in sides.tolist()], np.str_)[page_of] == split)
    if len(rows) <= wanted.limit:
        raise _NeedsAll
    rows = rows[wanted.rows(labels[rows].astype(np.int64))]
    boxes, ids = (np.concatenate([getattr(page, each) for page in to_cut])[rows] for each in ("boxes", "ids"))
    chosen = [(to_cut[number], boxes[page_of[rows] == number]) for number in np.unique(page_of[rows])]
    files = [(page.image, some) for page, some in chosen if page.image]
    cut = cut_pages(files, folder, side=side, allowance=Allowance(pages.path), progress=progress)
    if not np.isin(cut.fates, (CUT, CLIPPED)).all():
        raise _NeedsAll
    place_in_order(cut.images, folder / "images.npy", np.arange(len(rows)))
    np.save(folder / "labels.npy", labels[rows].astype(np.int64))
    np.save(folder / "ids.npy", ids)
    return {
        "bounds": {split: [0, len(rows)]},
        "classes": classes.tolist(),
        "source": _source(listing, [page for page, _ in chosen], cut),
        "notes": [listing.note] if listing.note else [],
    }


def _to_cut(listing: PageListing, by: str) -> tuple[list[BoxedPage], NDArray[np.int64], NDArray[np.str_]]:
    """The pages that have an image and a box, and of each box the number of its page and its character.

    They are in the order of the splits, so that nothing need be moved unless something turns out to be damaged.
    """
    found = [page for page in listing.pages if page.image and len(page)]
    _, sides = _sides(found, by)
    ordered = [found[number] for number in np.argsort(sides, kind="stable")]
    page_of = np.repeat(np.arange(len(ordered)), [len(page) for page in ordered])
    return ordered, page_of, np.array([character for page in ordered for character in page.characters], np.str_)


def _sides(
    pages: Sequence[BoxedPage], by: str, only: NDArray[np.int64] | None = None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The splits, and the side of each page as an index into them; -1 for pages that are not among `only`."""
    group = [page.name if by == "page" else page.book for page in pages]
    # A fold stays the same where a page is damaged: others, such as that of a detector, are of the same books.
    some = group if only is None or parse_fold(by) else [group[number] for number in only]
    split = divided(some, by)
    names = _split_names(split)
    return names, np.array([names.index(split[each]) if each in split else -1 for each in group], dtype=np.int64)


def _problems(
    listing: PageListing, pages: Sequence[BoxedPage], cut: CutPages, page_of: NDArray[np.int64]
) -> tuple[Problem, ...]:
    """What is wrong with boxes and pages, in the tables as well as in the images."""
    tally = listing.tally
    for page in listing.pages:
        if page.image is None and len(page):
            tally.add("no_image", page.name, f"{len(page):,} boxes", len(page))
    starts = np.searchsorted(page_of, np.arange(len(pages)))
    for kind, fate in (("outside", OUTSIDE), ("clipped", CLIPPED)):
        for row in np.flatnonzero(cut.fates == fate):
            page, place = pages[page_of[row]], row - starts[page_of[row]]
            box = " ".join(map(str, page.boxes[place].tolist()))
            tally.add(kind, page.name, f"{_codepoints(page.characters[place])} {box}")
    with FileReader() as reader:
        for number in np.unique(page_of[cut.fates == BROKEN]):
            tally.add("broken_image", pages[number].name, _reason(pages[number], reader), len(pages[number]))
    return tally.problems()


def _codepoints(character: str) -> str:
    return "_".join(map(codepoint, character))


def _reason(page: BoxedPage, reader: FileReader) -> str:
    """Why an image cannot be read."""
    assert page.image is not None
    try:
        read_gray(reader.content(page.image))
    except DataError as error:
        return str(error)
    return "could not be read a moment ago"


def _source(listing: PageListing, pages: Sequence[BoxedPage], cut: CutPages) -> dict[str, str]:
    """SHA-256 of each table, and one of all page images, the same for a folder and a zip of it."""
    images = hashlib.sha256()
    for page, digest in sorted(zip((page.name for page in pages), cut.hashes.tolist(), strict=True)):
        images.update(page.encode() + digest)
    with FileReader() as reader:
        tables = {table.inside.name: hashlib.sha256(reader.content(table)).hexdigest() for table in listing.tables}
    return tables | {"train_images" if "train.csv" in tables else "images": images.hexdigest()}
