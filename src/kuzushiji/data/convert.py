"""Any data, written anew for whatever reads it: characters, pages with their boxes, or images of lines."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from kuzushiji.data.derived import Together
from kuzushiji.data.exchange import LINE_FORMATS, PAGE_FORMATS, known_format
from kuzushiji.data.exchange.lines import LineImage, lines_in
from kuzushiji.data.exchange.scans import Odd, Scan, Told, by_name, refuse_other_boxes
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.files.parquet_writing import write_parquet
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.characters import divided
from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import HASH_SPLITS
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import expanded, folder_written_whole

CHARACTER_FORMATS: dict[str, Callable[[Path, str, CharacterImages, Told], None]] = {
    "npz": lambda folder, name, images, told: write_arrays(folder, images, prefix=name, form="npz", told=told),
    "idx": lambda folder, name, images, told: write_arrays(folder, images, prefix=name, form="idx", told=told),
    "folder": lambda folder, name, images, told: write_class_folders(folder / images.split, images, told),
    "parquet": lambda folder, name, images, told: write_parquet(folder, images, told),
}
"""npz files and a class map, named as those of Kuzushiji-MNIST; gzipped IDX files named as those of MNIST; PNG files in
a folder for each class, such as U+304A, within train, validation and test; parquet files as the Hugging Face hub has
them.  All are read by their path, as any data."""

FORMATS = (*CHARACTER_FORMATS, *PAGE_FORMATS, *LINE_FORMATS)
"""What data can be written as."""

Tell = Callable[[str, int, int], None]
"""Called with what is being done, and how many images of how many are; of lines nobody knows how many there are: 0."""

T = TypeVar("T")


@dataclass(frozen=True)
class Converted:
    """What `convert` wrote.

    Attributes:
        name: of the data.
        folder: where it lies now.
        format: one of `FORMATS`.
        holds: what is in it.
        splits: split -> number of these.
        classes: the characters, in the order of the labels; of pages and lines, all that they have.
        image_size: height and width in pixels of images of characters.
        left_out: classes without an image, which a folder does not have.
        notes: what could not be taken over, and what a reader should know, a sentence each.
    """

    name: str
    folder: Path
    format: str
    holds: Literal["characters", "pages", "lines"]
    splits: dict[str, int]
    classes: tuple[str, ...]
    image_size: tuple[int, int] | None = None
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def convert(
    data: str | Path | Source,
    folder: str | Path,
    format: str = "npz",
    *,
    image_size: int | None = None,
    turn: bool = False,
    tell: Tell = lambda what, done, every: None,
) -> Converted:
    """Writes all splits of any data into a new folder, whole or not at all.

    What is loaded from the folder has the same pixels, labels, classes and splits.  Class folders know of no order:
    from them come the classes by their code points, and the images class by class.  What is not divided is written
    as training images.  Pages and lines that their source does not divide are divided as `load` divides pages.

    Args:
        data: anything that `kuzushiji.load` takes; for pages and lines, a path of one of their formats, too.
        folder: where it goes; it must not exist.
        format: one of `FORMATS`.
        image_size: as in `load`; needed where the images have several sizes; of characters alone.
        turn: turn columns by a quarter, so that they read from the left to the right; of lines alone.
        tell: is told how it goes.

    Raises:
        UsageError: there is no such data or format, it can't be made of this data, or something lies at the folder.
        DataError: the data is missing or damaged, or has no image.
        KuzushijiError: the folder could not be written, or what the format needs is not installed.

    Example:
        >>> convert("kmnist6k", "characters", "folder").splits          # doctest: +SKIP
        {'train': 6284, 'test': 10000}
        >>> convert("recognition:book", "boxes", "coco").holds          # doctest: +SKIP
        'pages'
    """
    folder = Path(folder)
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    if image_size is not None and format not in CHARACTER_FORMATS:
        raise UsageError(
            f"an image size is for images of characters ({', '.join(CHARACTER_FORMATS)}), not for {format}"
        )
    if turn and format not in LINE_FORMATS:
        raise UsageError(f"what is turned are images of lines ({', '.join(LINE_FORMATS)}), not {format}")
    other = None if isinstance(data, Source) else known_format(expanded(data))
    if other == "kaggle":  # which `parse` reads, with what stands behind its name
        other = None
    if format in CHARACTER_FORMATS:
        if other:
            instead = " convert them to kaggle first" if other in PAGE_FORMATS else " no character is known by itself"
            raise UsageError(f"{data} holds {'pages' if other in PAGE_FORMATS else 'lines'} ({other});{instead}")
        return _characters(parse(data), folder, format, image_size, tell)
    odd = Odd()
    if other in LINE_FORMATS:
        if turn:
            raise UsageError(
                f"{data} holds lines ({other}), which are taken as they are; turned are those cut from pages"
            )
        return _lines(Path(expanded(data)), other, folder, format, odd, tell)  # type: ignore[arg-type]
    return _pages(data, other, folder, format, turn, odd, tell)


# Characters


def _characters(source: Source, folder: Path, format: str, image_size: int | None, tell: Tell) -> Converted:
    parts = source.origin.sources if isinstance(source.origin, Together) else (source,)
    _check_place(folder, *(getattr(part.origin, "path", None) for part in parts))
    counts: dict[str, int] = {}
    shown: set[int] = set()
    with folder_written_whole(folder) as beside:
        for images in characters_of(source, image_size, tell):
            told = counted(f"writing {images.split}", len(images), tell)
            CHARACTER_FORMATS[format](beside, folder.resolve().name, images, told)
            counts[images.split] = len(images)
            shown.update(images.labels.tolist())
    left_out = tuple(name for label, name in enumerate(images.classes) if label not in shown)
    return Converted(
        source.name,
        folder.resolve(),
        format,
        "characters",
        counts,
        images.classes,
        images.image_size,
        left_out if format == "folder" else (),
    )


def characters_of(source: Source, image_size: int | None, tell: Tell) -> Iterator[CharacterImages]:
    """The images of each split that has any; what is not divided trains.

    Raises:
        DataError: there is no image.
    """
    empty = True
    for split in source.splits:
        images = source.load(split, image_size=image_size, progress=partial(tell, "reading"))
        if len(images):
            empty = False
            yield images.select(slice(None), "train") if split == "all" else images
    if empty:
        raise DataError(f"{source} has no image; nothing was written")


# Pages, and lines


def _pages(
    data: str | Path | Source, other: str | None, folder: Path, format: str, turn: bool, odd: Odd, tell: Tell
) -> Converted:
    """Pages as pages, or cut into lines."""
    if other:
        path, by = expanded(data), "page"  # type: ignore[arg-type]
        name, scans = path.resolve().name, PAGE_FORMATS[other].read(path, odd)
    else:
        source = parse(data)
        path, by, name = source.pages.path, source.pages.by, source.name
        scans = PAGE_FORMATS["kaggle"].read(path, odd)
    _check_place(folder, path)
    splits = _split(scans, by)
    by_name(splits)
    counts: Counter[str] = Counter()
    with folder_written_whole(folder) as beside:
        told = counted("writing pages", len(scans), tell)
        if format in LINE_FORMATS:
            lines = {
                split: _counting(_lines_of(each, odd, turn, told), split, counts) for split, each in splits.items()
            }
            LINE_FORMATS[format].write(beside, lines, lambda count: None)
        else:
            PAGE_FORMATS[format].write(beside, splits, odd, told)
            counts.update({split: len(each) for split, each in splits.items()})
        refuse_other_boxes(path, odd, sum(len(scan.page) for scan in scans))
        if not sum(counts.values()):
            raise DataError(f"{path} has no {'line' if format in LINE_FORMATS else 'page'}; nothing was written")
    classes = sorted({text for scan in scans for text in scan.page.characters.best.tolist()} - {""})
    is_vertical = any(scan.page.direction == "vertical-rl" for scan in scans)
    notes = odd.sentences() + ((_UPRIGHT,) if format in LINE_FORMATS and is_vertical and not turn else ())
    holds: Literal["pages", "lines"] = "lines" if format in LINE_FORMATS else "pages"
    return Converted(name, folder.resolve(), format, holds, dict(counts), tuple(classes), notes=notes)


_UPRIGHT = (
    "columns stand upright, their images taller than wide: let the other program turn them by 90 degrees against the "
    "clock (PARSeq: data.rotation=90), or turn them here (--turn)"
)


def _split(scans: Sequence[Scan], by: str) -> dict[str, list[Scan]]:
    """The pages of each split: their source's, else as `load` divides pages; `all` trains."""
    found = {scan.name: scan.split for scan in scans}
    if not all(found.values()):
        unit = {scan.name: scan.name if by == "page" else scan.book for scan in scans}
        split_of = divided(unit.values(), by)
        found = {name: split_of[each].replace("all", "train") for name, each in unit.items()}
    return {split: each for split in HASH_SPLITS if (each := [scan for scan in scans if found[scan.name] == split])}


def _lines_of(scans: Iterable[Scan], odd: Odd, turn: bool, told: Told) -> Iterator[LineImage]:
    for scan in scans:
        yield from lines_in(scan, odd, turn)
        told(1)


def _lines(path: Path, other: str, folder: Path, format: str, odd: Odd, tell: Tell) -> Converted:
    """Images of lines, which are not looked at, in another format."""
    if format in PAGE_FORMATS:
        raise UsageError(f"{path} holds lines ({other}); no page can be made of these")
    _check_place(folder, path)
    splits = LINE_FORMATS[other].read(path, odd)
    counts: Counter[str] = Counter()
    with folder_written_whole(folder) as beside:
        told = counted("writing lines", sum(map(len, splits.values())), tell)
        lines = {split: _counting(iter(each), split, counts) for split, each in splits.items()}
        LINE_FORMATS[format].write(beside, lines, told)
    classes = sorted({letter for each in splits.values() for line in each for letter in line.text})
    return Converted(
        path.resolve().name, folder.resolve(), format, "lines", dict(counts), tuple(classes), notes=odd.sentences()
    )


def _counting(each: Iterator[T], split: str, counts: Counter[str]) -> Iterator[T]:
    for one in each:
        counts[split] += 1
        yield one


def _check_place(folder: Path, *sources: Path | None) -> None:
    if os.path.lexists(folder):
        raise UsageError(f"{folder} is already there; name a new folder, or remove it")
    for path in sources:
        if path is not None and folder.resolve().is_relative_to(path.resolve()):
            raise UsageError(f"{folder} lies in {path}, and would become a part of that; name a folder elsewhere")


def counted(what: str, every: int, tell: Tell) -> Told:
    """Tells of each so many more how many are done."""
    done = 0

    def told(count: int) -> None:
        nonlocal done
        done += count
        tell(what, done, every)

    return told
