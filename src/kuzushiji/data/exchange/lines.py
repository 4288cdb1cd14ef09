"""Images of lines with what they say: cut out of pages; as files for kraken, Tesseract and Calamari, or for docTR.

A column stands upright in its image, which is taller than wide; turned, it is read from the left to the right.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from kuzushiji.data.exchange.scans import (
    Images,
    Odd,
    Scan,
    Told,
    content_of,
    files_below,
    fitted,
    png_of,
    split_in,
    text_in,
)
from kuzushiji.data.files.names import SUFFIXES
from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.geometry import boxes_of, whole
from kuzushiji.document.order import arrange
from kuzushiji.errors import DataError
from kuzushiji.files import write_text
from kuzushiji.imaging.read import read_pixels
from kuzushiji.records import parse_json

_TEXT = ".gt.txt"
_LABELS = "labels.json"
_SILENT = ("figure", "neighbour")
"""Roles of lines that are no text of the page."""


@dataclass(frozen=True, eq=False)
class LineImage:
    """A line.

    Attributes:
        name: what its files are called.
        text: what it says.
        content: gives the bytes of its image; raises DataError, whose message names it.
    """

    name: str
    text: str
    content: Callable[[], bytes]


Lines = Mapping[str, Iterator[LineImage]]
"""The lines of each split, one after the other."""


def lines_in(scan: Scan, odd: Odd, turn: bool = False) -> Iterator[LineImage]:
    """The lines of a page in reading order; those with a character that nobody named are left out.

    Args:
        turn: columns are turned by a quarter against the clock, so that they read from the left to the right.

    Raises:
        DataError: the image is missing or damaged.
    """
    try:
        pixels = read_pixels(scan.content())
    except DataError as error:
        raise DataError(f"the image of page {scan.name} {error}") from None
    size = (pixels.shape[1], pixels.shape[0])
    page = fitted(scan.page, size, odd)
    page = page if page.lines else arrange(page)
    for line in page.lines:
        text = "".join(page.characters.best[line.characters].tolist())
        names = page.characters.best[line.characters]
        if line.role in _SILENT or not len(names):
            continue
        if (names == "").any() or NAMELESS in text:
            odd.add("lines with a character that nobody named, left out", f"{line.id} of {scan.name}")
            continue
        left, top, width, height = whole(boxes_of(line.polygon[None]), size)[0].tolist()
        part = pixels[top : top + height, left : left + width]
        if turn and page.direction == "vertical-rl":
            part = np.rot90(part)
        yield LineImage(f"{scan.name}-{line.id}", text, partial(png_of, np.ascontiguousarray(part)))


# A file of text beside each image


def knows_texts(source: Path) -> bool:
    """Whether a folder holds images of lines, each with its `.gt.txt`."""
    return source.is_dir() and bool(files_below(source, (_TEXT,)))


def read_texts(source: Path, odd: Odd) -> dict[str, list[LineImage]]:
    """The lines of a folder by split.

    Raises:
        DataError: a text is none, or no image is there.
    """
    images = Images(source)
    splits: dict[str, list[LineImage]] = {}
    for path in files_below(source, (_TEXT,)):
        name = path.name[: -len(_TEXT)]
        found = images.of(name, path)
        if found is None:
            odd.add("lines without an image, left out", str(path))
            continue
        text = _one_line(text_in(path), path)
        split = split_in(path.relative_to(source).parts[:-1]) or "train"
        splits.setdefault(split, []).append(LineImage(name, text, content_of(found)))
    return _some(splits, source)


def write_texts(folder: Path, splits: Lines, told: Told) -> None:
    """Writes a folder for each split, with `NAME.png` beside `NAME.gt.txt`."""
    for split, lines in splits.items():
        (folder / split).mkdir()
        for line in lines:
            (folder / split / f"{line.name}.png").write_bytes(line.content())
            (folder / split / f"{line.name}{_TEXT}").write_text(f"{line.text}\n", encoding="utf-8")
            told(1)


# docTR


def knows_doctr(source: Path) -> bool:
    """Whether a folder, or one in it, holds `labels.json` beside `images`."""
    return bool(_doctr_folders(source))


def _doctr_folders(source: Path) -> list[Path]:
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir())] if source.is_dir() else []
    return [folder for folder in folders if (folder / _LABELS).is_file() and (folder / "images").is_dir()]


def read_doctr(source: Path, odd: Odd) -> dict[str, list[LineImage]]:
    """The lines of a folder by split.

    Raises:
        DataError: `labels.json` is damaged or holds something else, or no image is there.
    """
    splits: dict[str, list[LineImage]] = {}
    for folder in _doctr_folders(source):
        path = folder / _LABELS
        try:
            values = parse_json(content_of(path)())
        except ValueError as error:
            raise DataError(f"{path} is damaged JSON ({error})") from None
        if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
            raise DataError(f'{path} holds no texts; expected {{"NAME.png": "text", ...}}')
        split = splits.setdefault(split_in([folder.name]) or "train", [])
        images = folder / "images"
        there = {image.relative_to(images).as_posix(): image for image in files_below(images, SUFFIXES)}
        for name, text in values.items():
            if name in there:
                split.append(LineImage(there[name].stem, _one_line(text, path), content_of(there[name])))
            else:
                odd.add("lines without an image, left out", f"{name} of {path}")
    return _some(splits, source)


def write_doctr(folder: Path, splits: Lines, told: Told) -> None:
    """Writes a folder for each split, as docTR's `RecognitionDataset` and its training script take it."""
    for split, lines in splits.items():
        (folder / split / "images").mkdir(parents=True)
        labels = {}
        for line in lines:
            (folder / split / "images" / f"{line.name}.png").write_bytes(line.content())
            labels[f"{line.name}.png"] = line.text
            told(1)
        write_text(folder / split / _LABELS, json.dumps(labels, ensure_ascii=False, indent=1))


def _one_line(text: str, path: Path) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        raise DataError(f"{path} has a text of {len(lines)} lines; expected one")
    return lines[0].strip()


def _some(splits: dict[str, list[LineImage]], source: Path) -> dict[str, list[LineImage]]:
    found = {split: lines for split, lines in splits.items() if lines}
    if not found:
        raise DataError(f"{source} has no line whose image is there")
    return found
