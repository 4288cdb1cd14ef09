"""Pages with a box around each character: Kaggle's table and those of CODH -> `BoxedPage`.

Three layouts are read, each from a folder or from the zip that it came in:

- Kaggle's Kuzushiji Recognition: `train.csv` with the columns `image_id` and `labels` (`U+306F 1231 3465 133 53 ...`:
  code point, left, top, width, height), the pages in `train_images` or `train_images.zip`;
- CODH's Kuzushiji Dataset (doi:10.20676/00000340), a folder or a zip for each book: `BOOK_coordinate.csv` with the
  columns `Unicode, Image, X, Y, Block ID, Char ID, Width, Height`, the pages in `images`;
- a single one of these books.

Kaggle's lists the boxes in any order; CODH's says by blocks and by the numbers in them how they are read.
"""

import os
import re
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import from_codepoint
from kuzushiji.data.files.text import text_of
from kuzushiji.data.pages.files import FileReader, PageFile, PageImages, page_files
from kuzushiji.data.pages.problems import Tally, checked
from kuzushiji.data.pages.rows import BOX_TABLE, Entry, is_table, rows_of
from kuzushiji.data.pages.turned import Turned
from kuzushiji.document.geometry import column_starts
from kuzushiji.document.page import ImageRef, Page, truth, with_lines
from kuzushiji.errors import DataError, DataWarning, UsageError
from kuzushiji.imaging.read import read_color

LAYOUTS = (
    "train.csv beside train_images as Kaggle has it, or BOOK_coordinate.csv beside images as CODH has it, "
    "in a folder or a zip"
)
"""What is read, for messages."""


@dataclass(frozen=True, eq=False)
class BoxedPage:
    """A page of a source, of the boxes on which those count that could be read.

    Attributes:
        name: such as `100241706_00004_2`.
        book: the book that it is from, such as `100241706`.
        image: where its image is, None if it is missing.
        truth: what stands where.
        ids: int64 (n,), the number of each of its n characters among all boxes in the tables, bad ones included.
    """

    name: str
    book: str
    image: PageFile | None
    truth: Page
    ids: NDArray[np.int64]

    @property
    def characters(self) -> tuple[str, ...]:
        """The n characters."""
        return tuple(self.truth.characters.best.tolist())

    @property
    def boxes(self) -> NDArray[np.int32]:
        """int32 (n, 4): left, top, width and height in pixels of the page."""
        return self.truth.characters.boxes.astype(np.int32)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class PageListing:
    """All pages of a source.

    Attributes:
        source: the folder or the zip.
        pages: every page in the tables, in their order; some may have no box.
        tables: the tables that were read.
        boxes: how many boxes the tables list, bad ones included.
        tally: what is wrong with those of which `pages` say nothing.
        note: what was done of which a person must know, in a line; empty if nothing.
    """

    source: Path
    pages: tuple[BoxedPage, ...]
    tables: tuple[PageFile, ...]
    boxes: int
    tally: Tally
    note: str = ""

    def page(self, name: str) -> BoxedPage:
        """The page of this name.

        Raises:
            UsageError: there is none.
        """
        for page in self.pages:
            if page.name == name:
                return page
        some = ", ".join(page.name for page in self.pages[:5])
        raise UsageError(f"{self.source} has no page {name!r}; its {len(self.pages):,} pages are {some} ...")


def holds_pages(path: Path) -> bool:
    """Whether a folder or a zip looks like one of the layouts of pages; looks at names alone."""
    try:
        if path.is_file():
            return path.suffix.lower() == ".zip" and _is_zip_of_pages(path)
        with os.scandir(path) as entries:
            found = list(entries)
        if any(is_table(entry.name) or os.path.exists(f"{entry.path}/{entry.name}{BOX_TABLE}") for entry in found):
            return True
        with FileReader() as reader:
            zips = [Path(entry.path) for entry in found if entry.name.lower().endswith(".zip")]
            return any(is_table(file.inside.name) for path in zips for file in reader.within(path))
    except (OSError, DataError):
        return False


def _is_zip_of_pages(path: Path) -> bool:
    """Whether a zip has a table, or is none that could be read, which is told when it is."""
    with FileReader() as reader:
        try:
            return any(is_table(file.inside.name) for file in reader.within(path))
        except DataError:
            return True


def list_pages(source: Path) -> PageListing:
    """Reads the tables of a folder or a zip of pages; of the images those are read whose metadata turn them.

    The boxes are those of the pages as a person sees them; a `DataWarning` tells of turned ones.

    Raises:
        DataError: there is no such file or folder, no table in it, a table has other columns, or a zip is not whole.
    """
    with FileReader() as reader:
        files = page_files(source, reader)
        tables = _tables(source, files)
        images = PageImages(files)
        known = _known_characters(files, reader)
        tally, turned, pages, number = Tally(), Turned(), {}, 0
        for table in tables:
            for name, book, entries in rows_of(table, reader):
                if name in pages:
                    tally.add("listed_twice", name, str(table), len(entries))
                else:
                    image = images.of(table, name)
                    upright = partial(turned.boxes, name, image, reader) if image else None
                    pages[name] = _page(name, book, image, entries, known, number, tally, upright)
                number += len(entries)
    note = f"{source}: {turned.note}" if turned.note else ""
    if note:
        warnings.warn(note, DataWarning, stacklevel=2)
    return PageListing(source, tuple(pages.values()), tuple(tables), number, tally, note)


def list_layouts(table: Path) -> tuple[BoxedPage, ...]:
    """The pages of one table, a csv file or one packed with gzip, whose images nobody has or needs.

    Raises:
        DataError: there is no such file, it is another kind of table, or it lists no box that makes sense.
    """
    with FileReader() as reader:
        rows = list(rows_of(PageFile(table), reader))
    pages = (_page(name, book, None, entries, frozenset(), 0, Tally()) for name, book, entries in rows)
    found = tuple(page for page in pages if len(page))
    if not found:
        raise DataError(f"{table} lists no box of a character")
    return found


def read_page(page: BoxedPage) -> NDArray[np.uint8]:
    """The image of a page, uint8 (H, W, 3), in its colours.

    Raises:
        DataError: it is missing or damaged.
    """
    if page.image is None:
        raise DataError(f"the image of page {page.name} is missing")
    with FileReader() as reader:
        try:
            return read_color(reader.content(page.image))
        except DataError as error:
            raise DataError(f"{page.image} {error}") from None


def page_names(source: Path) -> dict[str, str]:
    """The name of each page with an entry and an image -> its book; much faster than `list_pages`.

    Raises:
        DataError: as `list_pages`.
    """
    with FileReader() as reader:
        files = page_files(source, reader)
        images = PageImages(files)
        rows = ((table, *row) for table in _tables(source, files) for row in rows_of(table, reader))
        return {name: book for table, name, book, entries in rows if entries and images.of(table, name)}


def _tables(source: Path, files: Iterable[PageFile]) -> list[PageFile]:
    found = sorted((file for file in files if is_table(file.inside.name)), key=lambda file: file.inside.name)
    if not found:
        raise DataError(f"{source} holds no pages; expected {LAYOUTS}")
    return found


def _page(
    name: str,
    book: str,
    image: PageFile | None,
    entries: list[Entry],
    known: frozenset[str],
    number: int,
    tally: Tally,
    upright: Callable[[NDArray[np.int32]], NDArray[np.int32]] | None = None,
) -> BoxedPage:
    """The page with those of its entries that make sense, the first of which is `number`; the others are counted.

    Args:
        upright: makes boxes on the page as a person sees it of those in the table.
    """
    good = []
    for id, entry in enumerate(entries, start=number):
        found = checked(entry.code, entry.box, known)
        if isinstance(found, str):
            tally.add(found, name, " ".join([entry.code, *entry.box]))
        else:
            good.append((id, *found, entry))
    good = _once(good, name, tally)
    if any(entry.block for *_, entry in good):
        good.sort(key=lambda each: _reading(each[-1]))
    boxes = [each[2] for each in good]
    if upright and boxes:
        boxes = upright(np.array(boxes, np.int32)).tolist()
    page = truth(ImageRef(image.inside.name if image else name), [each[1] for each in good], boxes)
    if blocks := [entry.block for *_, entry in good if entry.block]:
        page = _in_columns(page, blocks, [_number(entry.place) for *_, entry in good[: len(blocks)]])
    return BoxedPage(name, book, image, page, np.array([id for id, *_ in good], dtype=np.int64))


_Good = tuple[int, str, list[int], Entry]
"""The number of an entry, its character, its box and itself."""


def _once(good: list[_Good], name: str, tally: Tally) -> list[_Good]:
    """The entries without those whose box is listed twice: once with one character, not at all with two."""
    of_box: dict[tuple[int, ...], list[str]] = {}
    kept = []
    for each in good:
        _, character, box, entry = each
        others = of_box.setdefault(tuple(box), [])
        if character in others:
            tally.add("box_twice", name, " ".join([entry.code, *entry.box]))
        else:
            kept.append(each)
        others.append(character)
    of_two = {box for box, characters in of_box.items() if len(set(characters)) > 1}
    for _, _, box, entry in kept:
        if tuple(box) in of_two:
            tally.add("two_characters", name, " ".join([entry.code, *entry.box]))
    return [each for each in kept if tuple(each[2]) not in of_two]


def _reading(entry: Entry) -> tuple[bool, int, str, int]:
    """By what CODH's entries are sorted: the block, then the place in it; those without a block come last."""
    return not entry.block, _number(entry.block), entry.block, _number(entry.place)


_DIGITS = 18
"""No number in a table has more."""


def _number(text: str) -> int:
    """That in `B0001`; 0 if there is none."""
    return int(re.sub("[^0-9]", "", text)[:_DIGITS] or 0)


def _in_columns(page: Page, blocks: list[str], places: list[int]) -> Page:
    """The page with a line for each column of each block; blocks and places are those of the first characters.

    Where the places run on from block to block they are the reading order, else the blocks are one after the other.
    """
    lines = []
    for block in dict.fromkeys(blocks):
        members = [number for number, each in enumerate(blocks) if each == block]
        starts = column_starts(page.characters.boxes[members])
        lines += [members[start:stop] for start, stop in pairwise([*starts, len(members)])]
    run_on = len(set(places)) == len(places)
    order = [*np.argsort(places), *range(len(places), len(page))] if run_on else None
    return with_lines(page, [("main", line) for line in lines], order)


def _known_characters(files: list[PageFile], reader: FileReader) -> frozenset[str]:
    """The characters that Kaggle's `unicode_translation.csv` names; none where it is missing or damaged."""
    found = set()
    for file in files:
        if file.inside.name.casefold() == "unicode_translation.csv":
            with suppress(DataError):
                lines = text_of(reader.content(file)).splitlines()
                for line in lines:
                    with suppress(UsageError):
                        found.add(from_codepoint(line.partition(",")[0]))
    return frozenset(found)
