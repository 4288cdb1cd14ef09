"""Pages with their images, on the way from one program's files to another's."""

import io
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from kuzushiji.data.files.names import SUFFIXES, is_litter, split_of, stem_of
from kuzushiji.data.files.text import text_of
from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_pixels

Told = Callable[[int], None]
"""Gets how many pages or lines have been written since it was last called."""

_KEPT = {"JPEG": ".jpg", "PNG": ".png"}
"""The kinds of files that every program reads."""
_MANY_BEYOND = 10, 0.1
"""So many characters beyond their page, and such a share of all, are no bad luck: the boxes mean something else."""


@dataclass(frozen=True, eq=False)
class Scan:
    """A page, and where its image is.

    Attributes:
        page: what stands where.
        content: gives the bytes of the image; raises DataError, whose message names it.
        split: which split its source puts it into; empty if its source has none.
        book: what it is from; what is divided by book keeps its pages together.
    """

    page: Page
    content: Callable[[], bytes]
    split: str = ""
    book: str = ""

    @cached_property
    def name(self) -> str:
        """What its files are called, without folder and suffix."""
        return stem_of(self.page.image.name)


@dataclass
class Odd:
    """Counts what can't be taken over, kind by kind, and keeps the first example of each."""

    _found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, what: str, example: str, count: int = 1) -> None:
        """Counts.

        Args:
            what: what was found and what became of it, as in "boxes outside their page, left out".
        """
        before, first = self._found.get(what, (0, example))
        self._found[what] = before + count, first

    def count(self, what: str) -> int:
        """How many of a kind were found."""
        return self._found.get(what, (0, ""))[0]

    def sentences(self) -> tuple[str, ...]:
        """One for each kind."""
        return tuple(f"{count:,} {what}; the first: {first}" for what, (count, first) in self._found.items())


OUTSIDE = "characters outside their page, left out"
CLIPPED = "characters partly outside their page, cut off at its edge"
NAMELESS = "characters that nobody named, left out"


@dataclass(frozen=True, eq=False)
class ImageFile:
    """The image of a page as other programs read it.

    Attributes:
        suffix: of its file, `.jpg` or `.png`.
        content: of its file: that of a JPEG or PNG as it was, unless its metadata ask for turning it.
        size: width and height in pixels.
    """

    suffix: str
    content: bytes
    size: tuple[int, int]


def image_file(scan: Scan) -> ImageFile:
    """The image of a page as a file that every program shows alike.

    Raises:
        DataError: it is missing or damaged.
    """
    content = scan.content()
    try:
        pixels = read_pixels(content)
    except DataError as error:
        raise DataError(f"the image of page {scan.name} {error}") from None
    size = (pixels.shape[1], pixels.shape[0])
    with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
        warnings.simplefilter("ignore")  # of odd metadata
        kept = _KEPT.get(image.format or "") if image.mode in ("L", "RGB") else None
        if kept and _orientation(image) == 1:
            return ImageFile(kept, content, size)
    return ImageFile(".png", png_of(pixels), size)


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file, of pixels (H, W) or (H, W, 3)."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as `imaging.read`: odd metadata say nothing of it
        return 1


def fitted(page: Page, size: tuple[int, int], odd: Odd) -> Page:
    """The page with its characters cut off at the edge of its image, and without those that are beyond it.

    Args:
        size: width and height of the image.
    """
    polygons = page.characters.polygons
    within = np.clip(polygons, 0, size)
    is_there = (np.ptp(within, axis=1) > 0).all(axis=1)
    for number in np.flatnonzero((within != polygons).any(axis=(1, 2))).tolist():
        box = " ".join(f"{each:g}" for each in page.characters.boxes[number])
        what = CLIPPED if is_there[number] else OUTSIDE
        odd.add(what, f"{page.image.stem}: {page.characters.best[number]} {box}")
    page = replace(page, image=replace(page.image, size=size), characters=replace(page.characters, polygons=within))
    return page if is_there.all() else chosen(page, is_there)


def chosen(page: Page, which: NDArray[np.bool_]) -> Page:
    """The page with some of its characters alone, in the same lines and order.

    Args:
        which: (n,), those that stay.
    """
    lines, others = lines_of(page)
    kept = set(page.characters.ids[which].tolist())

    def stay(parts: Iterable[Part]) -> list[Part]:
        return [part for part in parts if part.id in kept]

    place = np.cumsum(which) - 1
    return page_of(
        page.image,
        [LineParts(line.id, line.role, line.polygon, stay(line.parts)) for line in lines],
        stay(others),
        place[page.order[which[page.order]]].tolist(),
        page.direction,
        page.steps,
        page.status,
    )


def named(page: Page, odd: Odd) -> Page:
    """The page without the characters that nobody named."""
    has_name = page.characters.best != ""
    if has_name.all():
        return page
    odd.add(NAMELESS, page.image.stem, int((~has_name).sum()))
    return chosen(page, has_name)


def refuse_other_boxes(source: Path | str, odd: Odd, every: int) -> None:
    """Raises:
    DataError: so many characters reach beyond their page that their boxes must mean something else.
    """
    beyond = odd.count(OUTSIDE) + odd.count(CLIPPED)
    if beyond >= _MANY_BEYOND[0] and beyond >= _MANY_BEYOND[1] * every:
        raise DataError(
            f"{source}: {beyond:,} of {every:,} boxes reach beyond their page; were they drawn on larger images than "
            "these, or are they left, top, right and bottom where left, top, width and height are expected?"
        )


def by_name(splits: Mapping[str, Sequence[Scan]]) -> None:
    """Raises:
    DataError: two pages have one name, so that one file would take the place of another.
    """
    names: dict[str, Scan] = {}
    for scan in (each for scans in splits.values() for each in scans):
        other = names.setdefault(scan.name.casefold(), scan)
        if other is not scan:
            raise DataError(f"two pages are called {scan.name}: {other.page.image.name} and {scan.page.image.name}")


class Images:
    """The image files below a folder, found by the names that tables have."""

    def __init__(self, folder: Path) -> None:
        self._named: dict[str, list[Path]] = {}
        for path in files_below(folder, SUFFIXES):
            self._named.setdefault(stem_of(path.name).casefold(), []).append(path)

    def of(self, name: str, near: Path) -> Path | None:
        """The image that a file calls so; None if there is none.

        Of several, that whose path ends so, then that in the folder of the file or of its split.

        Args:
            near: the file.

        Raises:
            DataError: several are meant in the same way.
        """
        parts = Path(name.replace("\\", "/")).parts
        split = split_in(near.parts)

        def fit(path: Path) -> tuple[bool, bool, bool, bool]:
            return (
                path.name == parts[-1],
                path.parts[-len(parts) :] == parts,
                path.parent == near.parent,
                bool(split) and split_in(path.parts) == split,
            )

        found = sorted(self._named.get(stem_of(name).casefold(), ()), key=fit, reverse=True)
        if len(found) > 1 and fit(found[0]) == fit(found[1]):
            raise DataError(f"{near} names {name}, which is there twice: {found[0]} and {found[1]}")
        return found[0] if found else None

    def __iter__(self) -> Iterator[Path]:
        return (path for paths in self._named.values() for path in paths)


def files_below(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files of some kinds in a folder and in those in it, sorted, but for what file managers leave.

    Raises:
        DataError: a folder can't be read.
    """
    found = []

    def fail(error: OSError) -> None:
        raise DataError(f"{error.filename} cannot be read: {error.strerror or error}")

    for place, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not is_litter(name))
        found += [Path(place, name) for name in names if name.lower().endswith(suffixes) and not is_litter(name)]
    return sorted(path for path in found if path.is_file())  # a pipe or a device may never end


def split_in(parts: Iterable[str]) -> str:
    """The split that the last of some names tells, such as of a path: "" where none does.

    Example:
        >>> split_in(("coco", "valid", "instances_x.json")), split_in(("annotations", "instances_train2017.json"))
        ('validation', 'train')
    """
    for part in reversed(list(parts)):
        words = "".join(each if each.isalpha() else " " for each in part).split()
        found = [split for word in words if (split := split_of(word))]
        if found:
            return found[-1]
    return ""


def content_of(path: Path) -> Callable[[], bytes]:
    """What gives the bytes of a file when it is called."""

    def read() -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from None

    return read


def text_in(path: Path) -> str:
    """The text of a file.

    Raises:
        DataError: it can't be read, or is no text.
    """
    content = content_of(path)()
    try:
        return text_of(content)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
