"""A name or a path of data, read once, at the door, into a frozen `Source`; behind the door nothing sees the text.

kmnist                 a set of the catalogue
recognition:book       its pages, no book of which is in two splits
recognition:1of3       its pages, of whose books those of the first of three folds test and the others train
brush:k49:6000         embedded brush glyphs in the shape of a set, so many of its commonest class
brush:kanji            the kanji of kkanji, or brush:kana the kana, as brush fonts write them that are installed
hf:OWNER/NAME          on the Hugging Face hub; with @REVISION, with :PART of a set that has several
shelf, shelf:BOOK      what people corrected in the reading room
kkanji:k49             of kkanji the parent kanji of a set's kana, each as its kana
scans, scans.zip:book  what lies at a path: class folders, a tar of them, npz or IDX files, parquet files, pages
brush:k49+scans        several, put together
shelf:BOOK beside kkanji    a few to learn from, and images of all else that is not to be forgotten
"""

import os
import warnings
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import K49, KMNIST
from kuzushiji.data.catalogue.catalogued import Catalogued
from kuzushiji.data.catalogue.sets import DATASETS, Dataset, folder
from kuzushiji.data.derived import Beside, ParentKanji, Together
from kuzushiji.data.files.array_folder import ArrayFolder
from kuzushiji.data.files.image_files import ImageFiles
from kuzushiji.data.files.parquet import ParquetFiles, holds_parquet
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.on_hub import on_hub
from kuzushiji.data.origin import Labelled, Origin, Sampled
from kuzushiji.data.pages.characters import UNITS, Pages, parse_fold
from kuzushiji.data.pages.tables import LAYOUTS, holds_pages
from kuzushiji.data.shelved import Shelved
from kuzushiji.data.splits import Sample, subsample
from kuzushiji.data.synthetic.brush import SHAPES, Brush
from kuzushiji.data.synthetic.brush_fonts import DRAWN_SETS, BrushFonts
from kuzushiji.errors import DataError, DataWarning, UsageError, unknown_name, whole_number
from kuzushiji.files import expanded
from kuzushiji.home import home
from kuzushiji.imaging.cut import to_square

_BESIDE = " beside "
"""Between a few images and many, of which one is to learn without forgetting the other."""

_KANA = {"kkanji:k49": K49, "kkanji:kmnist": KMNIST}
"""The names of parent kanji of some kana."""


@dataclass(frozen=True)
class Source:
    """A dataset that can be loaded.

    Attributes:
        name: what it and its images are called: `kmnist`, `brush:k49+scans`.
        address: what finds it again from any folder: its name, or the whole of its path.
        label: what the folder of something that is made of it is called, for a person to know it by.
        title: what it is called to a reader: published titles, or its name.
        published: the sets of the catalogue that its images are of.
        origin: where they are read.
    """

    name: str
    address: str
    label: str
    title: str
    published: tuple[Dataset, ...] = field(repr=False)
    origin: Origin

    def __str__(self) -> str:
        return self.address

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that it can be loaded in, such as train and test.

        Raises:
            DataError: what lies at a path is no dataset, or its pages are missing.
        """
        return self.origin.splits

    @property
    def pages(self) -> Pages:
        """The pages that its characters stand on.

        Raises:
            UsageError: they stand on none.
        """
        if not isinstance(self.origin, Pages):
            raise UsageError(f"{self} holds no pages; expected {LAYOUTS}")
        return self.origin

    def load(
        self,
        split: str = "train",
        *,
        limit: int | None = None,
        image_size: int | None = None,
        progress: Progress | None = None,
        exact: bool = False,
        seed: int = 0,
    ) -> CharacterImages:
        """Loads one split; see `load`.

        Args:
            exact: choose `limit` images among all, even where all must be decoded for that, as a run does that is
                tested on all of them anyway.
            seed: of the draw, where there is a limit.
        """
        if image_size is not None:
            image_size = whole_number("image_size", image_size, 1, 4096)
        if limit is not None:
            limit = whole_number("limit", limit)
        if split not in self.splits:
            undivided = isinstance(self.origin, Pages) and self.splits == ("all",)
            few = ", as three pages or books at least are needed to set some apart" if undivided else ""
            raise UsageError(f"{self} has no split {split!r}; it has {', '.join(self.splits)}{few}")
        some = None
        if limit is not None and isinstance(self.origin, Sampled):
            some = self.origin.read_some(split, image_size, progress, Sample(limit, seed, exact))
        data = self._told(self.origin.read(split, image_size, progress) if some is None else some)
        return _sized(data if limit is None else subsample(data, limit, seed=seed), image_size)

    def load_rows(
        self, split: str, rows: NDArray[np.int64], *, image_size: int | None = None, progress: Progress | None = None
    ) -> CharacterImages:
        """Loads the images of a split that have these numbers, sorted; of an origin that is `Labelled`."""
        assert isinstance(self.origin, Labelled)
        return _sized(self._told(self.origin.read_rows(split, image_size, progress, rows)), image_size)

    def _told(self, data: CharacterImages) -> CharacterImages:
        """The images under the name of the source; what is odd about them has been said."""
        for note in () if isinstance(self.origin, Together | Beside) else data.notes:  # whose parts have told theirs
            warnings.warn(note, DataWarning, stacklevel=3)
        return replace(data, name=self.name)


def _sized(data: CharacterImages, side: int | None) -> CharacterImages:
    if side is None or data.image_size == (side, side):
        return data
    return replace(data, images=np.array([to_square(image, side) for image in data.images]).reshape(-1, side, side))


def load(
    data: str | Path | Source,
    split: str = "train",
    *,
    limit: int | None = None,
    image_size: int | None = None,
    progress: Progress | None = None,
) -> CharacterImages:
    """Loads one split of a dataset.

    Args:
        data: a name of the catalogue, such as `kmnist`; `brush:NAME` for the embedded brush set in the shape of NAME,
            `brush:NAME:6000` for so many training images of its commonest class; `brush:kanji` and `brush:kana` for
            training images drawn from brush fonts, which Debian has as packages;
            or a path: a folder with a folder for each class, named by its character or code point (`お`, `U+304A`),
            perhaps within `train`, `validation` and `test`; a tar of such folders; or a folder with npz or IDX files
            named as those of Kuzushiji-MNIST; or a folder or zip of pages with a box around each character, in the
            layout of Kaggle or of CODH (`pages/`), of which the characters are cut out.  Of these no page is in two
            splits; with `:book` behind the name, such as `recognition:book`, no book is; with `:1of3` the first of
            three folds of books is for test, the others for training.  A name of the catalogue goes before a folder of
            the same name: write `./kmnist` for the folder.  `kkanji:k49` and `kkanji:kmnist` have, of kkanji, the
            parent kanji of these sets' kana, each as its kana: their cursive forms are how the kana was written too.
            Several with a plus between them, such as `brush:k49+kmnist6k`, are put together, with the classes of all;
            a folder with nothing but `train/` adds to the training images of the others, and so does `shelf:BOOK`: what
            people corrected of a book in the reading room (`shelf`: of all books).  `shelf:BOOK beside kkanji` are a
            few to learn from and images of all else, see `kuzushiji.data.derived.Beside`.  `hf:OWNER/NAME@REVISION` is
            a data set on the Hugging Face hub, and a folder may hold parquet files as that has them.
        split: one of `parse(data).splits`.
        limit: take so many images at most, each class in its proportion.  They are chosen by labels and names, and no
            others are decoded, but of a folder that nothing but its pixels divides: there as many more as tell of which
            split an image is, of validation and of small classes perhaps all.
        image_size: bring the images to so many pixels a side; kept as they are if None, which for characters of pages
            is 80.
        progress: called with the numbers of images done and of all, while image files are decoded the first time.

    Returns:
        The images, ink bright on black; those of image files and pages are mapped into memory, not read.

    Raises:
        UsageError: there is no such dataset or split, or a number is out of range.
        DataError: files are missing or damaged; the message names them and says what to do.

    Example:
        >>> load("kmnist", "test").images.shape                         # doctest: +SKIP
        (10000, 28, 28)
    """
    return parse(data).load(split, limit=limit, image_size=image_size, progress=progress)


def parse(data: str | Path | Source) -> Source:
    """What a name or a path stands for; see `load` for what these can be.  A `Path` is a path, whatever its name.

    A path need not exist yet: what is missing shows when it is loaded.

    Raises:
        UsageError: there is no such name; the message names the nearest.
        DataError: what lies at a path may not be read, or is one file of several.

    Example:
        >>> parse("brush:k49+kmnist6k").title
        'brush:k49 and Kuzushiji-MNIST 6k'
    """
    if isinstance(data, Source):
        return data
    if isinstance(data, Path):
        return _at(data)
    if not isinstance(data, str) or not data:
        raise UsageError(f"data is {data!r}; expected a name such as kmnist6k, or a path")
    if _BESIDE in data and not _exists(data):
        few, rest = (parse(part.strip()) for part in data.split(_BESIDE, 1))
        return Source(
            name=f"{few.name}{_BESIDE}{rest.name}",
            address=f"{few.address}{_BESIDE}{rest.address}",
            label=f"{few.label}+{rest.label}",
            title=f"{few.title}{_BESIDE}{rest.title}",
            published=tuple({entry.name: entry for each in (few, rest) for entry in each.published}.values()),
            origin=Beside(few, rest),
        )
    sources = tuple(_named(_pinned(part)) or _at_path(part) for part in _parts(data))
    if len(sources) == 1:
        return sources[0]
    return Source(
        name="+".join(dict.fromkeys(source.name for source in sources)),
        address="+".join(source.address for source in sources),
        label="+".join(source.label for source in sources),
        title=" and ".join(source.title for source in sources),
        published=tuple({entry.name: entry for source in sources for entry in source.published}.values()),
        origin=Together(sources),
    )


# What was recorded


def named_in(recorded: str) -> tuple[Source, ...]:
    """The sources with a name of ours among those of which the name is that a run recorded; paths are left out."""
    found = []
    for part in _parts_recorded(recorded):
        with suppress(UsageError):
            found += [source] if (source := _named(part)) else []
    return tuple(found)


def published_in(recorded: str, files: Collection[str] = ()) -> list[Dataset]:
    """The sets of the catalogue whose images a run had.

    Args:
        recorded: the name of its data.
        files: names of the files that these were loaded from.  A folder of one's own whose files are named as those of
            a published dataset is taken for that one.

    Example:
        >>> [entry.name for entry in published_in("brush:k49+kmnist6k+recognition:book")]
        ['kmnist6k', 'recognition']
    """
    if found := {entry.name: entry for source in named_in(recorded) for entry in source.published}:
        return list(found.values())
    for entry in DATASETS.values():
        if files and any(set(files) <= {file.name for file in format} for format in entry.formats.values()):
            return [entry]
    return []


def title_of(recorded: str, files: Collection[str] = ()) -> str:
    """The title of data of which the name was recorded, of a path the last part; see `published_in`.

    Example:
        >>> title_of("k49")
        'Kuzushiji-49'
        >>> title_of("brush:k49+k49")
        'brush:k49 and Kuzushiji-49'
    """
    published = published_in(recorded, files)
    named = {part: named_in(part) for part in _parts_recorded(recorded)}
    if published and not any(named.values()):
        return published[0].title  # known by its files
    return " and ".join(found[0].title if found else Path(part).name or part for part, found in named.items())


def _parts_recorded(recorded: str) -> list[str]:
    return recorded.replace(_BESIDE, "+").split("+")


# How a text is read


def _parts(text: str) -> Iterator[str]:
    """What stands between the pluses; a path that is there may have some of its own.

    Raises:
        UsageError: nothing stands between two of them.
    """
    pieces = text.split("+")
    while pieces:
        paths = ("+".join(pieces[:count]) for count in range(len(pieces), 1, -1))
        part = next((path for path in paths if _exists(path)), pieces[0])
        if not part:
            raise UsageError(f"{text} has a plus with nothing beside it; expected names such as brush:k49+kmnist6k")
        pieces = pieces[part.count("+") + 1 :]
        yield part


def _exists(text: str) -> bool:
    """Whether this is a path that is there, or one with `:page`, `:book` or `:1of3` behind it."""
    return any(os.path.exists(_expanded(path)) for path in (text, _divided(text)[0]))


def _divided(text: str) -> tuple[str, str]:
    """A path, and the unit by which its pages are to be divided; empty if none was named."""
    base, _, by = text.rpartition(":")
    if not base or os.path.exists(_expanded(text)) or not _divides(by):
        return text, ""
    return base, by


def _expanded(text: str) -> str:
    """A path with the home folder for its `~`."""
    return str(expanded(text))


def _divides(by: str) -> bool:
    """Whether pages can be divided by this: a unit, or folds such as `1of3`."""
    return by in UNITS or parse_fold(by) is not None


def _named(text: str) -> Source | None:
    """What a name stands for; None if it is not one of ours.

    Raises:
        UsageError: it begins as one of ours, and goes on as none.
    """
    base, _, more = text.partition(":")
    if base == "brush" and more in DRAWN_SETS:
        return _called(text, BrushFonts(more))
    if base == "brush" and more:
        return _called(text, _brush(text, *more.split(":", 1)))
    if found := on_hub(text):
        label = found.name.rpartition("/")[2]
        return Source(found.name, found.address, label, found.name, (), found)
    if base == "shelf" and not os.path.exists(text):
        return _called(text, Shelved(home() / "shelf", more or None))
    if text in _KANA:
        kanji = DATASETS[base]
        return _called(text, ParentKanji(Catalogued(kanji), _KANA[text]), kanji)
    if base not in DATASETS:
        return None
    entry = DATASETS[base]
    if entry.unit == "pages" and (not more or _divides(more)):
        pages = Pages(folder(base), more or "page", base)
        return _called(base + _ending(pages.by), pages, entry)
    if _divides(more):
        raise UsageError(f"{text} asks for a division by {more}, but {base} holds no pages")
    return None if more else _called(base, Catalogued(entry), entry)


def _pinned(text: str) -> str:
    """A name on the hub with the commit that is meant now, so that whatever is noted says which it was."""
    found = on_hub(text)
    return found.pinned().address if found else text


def _called(name: str, origin: Origin, *published: Dataset) -> Source:
    return Source(name, name, name, published[0].title if published else name, published, origin)


def _brush(text: str, shape: str, amount: str = "") -> Brush:
    if shape not in SHAPES:
        raise unknown_name("brush set", text, [f"brush:{known}" for known in (*SHAPES, *DRAWN_SETS)])
    if amount and not (amount.isascii() and amount.isdigit() and int(amount)):
        raise UsageError(f"{text} asks for {amount!r} images of a class; expected a number, such as brush:kmnist:6000")
    return Brush(shape, int(amount) if amount else None)


def _at_path(text: str) -> Source:
    """What lies at a path that was typed."""
    base, by = _divided(text)
    path = Path(_expanded(base))
    if not os.path.exists(path) and path.name == base and not path.suffix:
        known = [*DATASETS, *_KANA, *(f"brush:{shape}" for shape in (*SHAPES, *DRAWN_SETS))]
        raise UsageError(f"{unknown_name('dataset', text, known)}; nor is there a folder of this name")
    return _at(path, by)


def _at(path: Path, by: str = "") -> Source:
    if "\0" in str(path):
        raise UsageError(f"{str(path)!r} can be the path of nothing")
    origin = _origin(path, by)
    # As it is called where it lies, and where it was named: a link has both.
    whole, named = Path(os.path.realpath(path)), Path(os.path.abspath(path))
    name = (path.stem if os.path.isfile(path) else whole.name) + _ending(by)
    return Source(name, f"{whole}{_ending(by)}", f"{named.name}{_ending(by)}", name, (), origin)


def _ending(by: str) -> str:
    return f":{by}" if by not in ("", "page") else ""


def _origin(path: Path, by: str) -> Origin:
    if not os.path.exists(path):
        return ImageFiles(path)  # tells what it misses when it is read
    if not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK):
        raise DataError(f"{path} cannot be read: permission denied")
    if not (os.path.isfile(path) or os.path.isdir(path)):
        raise DataError(f"{path} is neither a file nor a folder")  # but a device or a pipe, which may never end
    if holds_pages(path):
        return Pages(path, by or "page")
    if by:
        raise UsageError(f"{path}:{by} asks for a division by {by}, but {path} holds no pages")
    if path.name.endswith((".npz", "-ubyte", "-ubyte.gz")) and path.is_file():
        raise DataError(f"{path} is one of a pair of files; name the folder that holds both images and labels")
    if path.is_dir() and ArrayFolder(path).pairs():
        return ArrayFolder(path)
    return ParquetFiles(path) if path.is_dir() and holds_parquet(path) else ImageFiles(path)
