"""NDL古典籍OCR-Lite as a reader: one network finds the lines of a page, another reads each as a whole.

    page -> square of black, resized -> boxes of lines
    line -> cut out, turned to lie if it stands, resized -> a character a step, until one says that the line ends

Its networks know nothing of single characters: where each stands is its share of the line, which the steps of the page
say.  The order of the lines is that of `document.order`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, Direction, ImageRef, Page, Step, with_lines
from kuzushiji.errors import DataError, whole_number
from kuzushiji.exported import computed, open_session
from kuzushiji.files import file_hash
from kuzushiji.imaging.read import Source, read_color
from kuzushiji.imaging.rules import Rules, find_rules
from kuzushiji.processes import cores
from kuzushiji.reading import ndl_files
from kuzushiji.reading.readers import decoded
from kuzushiji.reading.recognizer import named_images
from kuzushiji.version import __version__

_MEAN, _DEVIATION = np.array([[103.53, 116.28, 123.675], [57.375, 57.12, 58.395]], np.float32)
"""Of the pixels of a page, blue first."""
_TALLER = 0.02
"""A line is cut out with so much of its height more at either end."""
_SMALLEST = 5
"""Boxes that are narrower or lower, in pixels, are no lines."""
_CHARSET = re.compile(r'^\s*charset_train:\s*(".*")\s*$', re.MULTILINE)


@dataclass(frozen=True, eq=False)
class _Line:
    """A line as it was read.

    Attributes:
        box: left, top, right and bottom in pixels of the page, whole.
        score: how sure it is that there is one, 0 to 1.
        candidates: what each of its n characters may be, the answer first, with the probability of each.
    """

    box: tuple[int, int, int, int]
    score: float
    candidates: list[list[tuple[str, float]]]

    @property
    def stands(self) -> bool:
        """Whether it is a column."""
        left, top, right, bottom = self.box
        return bottom - top > right - left

    def boxes(self) -> NDArray[np.float64]:
        """(n, 4): left, top, width and height of its n characters, each the same share of it."""
        left, top, right, bottom = self.box
        n = len(self.candidates)
        share = np.arange(n) / n
        width, height = right - left, bottom - top
        if self.stands:
            return np.stack([np.full(n, left), top + share * height, np.full(n, width), np.full(n, height / n)], axis=1)
        return np.stack([left + share * width, np.full(n, top), np.full(n, width / n), np.full(n, height)], axis=1)


class NdlReader:
    """Reads pages with the networks of NDL古典籍OCR-Lite.

    Probabilities are those that its networks give, of lines as of characters; nobody has calibrated them.

    Args:
        folder: where its files are; None for what KUZUSHIJI_NDL names, or where `ndl_files.fetch` puts them.
        least: lines that are less probable are left out.
        top: how many candidates each character gets at most.
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: `top` is below 1.
        DataError: a file is missing, damaged or not what its name says.
    """

    def __init__(
        self, folder: str | Path | None = None, *, least: float = 0.3, top: int = 5, threads: int | None = None
    ) -> None:
        self.least, self.top, self.threads = least, whole_number("top", top), threads or cores()
        lines, text, charset = ndl_files.find(None if folder is None else Path(folder))
        self._lines = _Network(lines, self.threads, ndl_files.LINES, outputs=2)
        self._text = _Network(text, 1, ndl_files.TEXT, outputs=1)
        self.charset = read_charset(charset)
        classes = self._text(np.zeros((*self._text.size, 3), np.uint8))[0].shape[-1]
        if classes != len(self.charset) + 1:
            raise DataError(
                f"{charset} has {len(self.charset):,} characters and {text} tells {classes - 1:,} apart; "
                "both must be of the same version"
            )

    def __call__(self, image: Source, name: str | None = None) -> Page:
        """Reads one page.

        Args:
            image: of any size and colour.
            name: what it is called; its path if None.

        Raises:
            DataError: it can't be read; the message names it.
        """
        name, digest, pixels = decoded(image, name, read_color)
        page = Image.fromarray(pixels)
        with ThreadPoolExecutor(self.threads) as pool:
            lines = list(pool.map(lambda found: self._read(page, *found), self._find(page)))
        rules = find_rules(np.asarray(page.convert("L")))
        return self._page(ImageRef(Path(name).name, digest, page.size), [each for each in lines if each], rules)

    @property
    def steps(self) -> tuple[Step, ...]:
        """How it reads: each network with its hash, and each setting that what it reads depends on."""
        return (
            Step(self._lines.path.stem, settings={"sha256": self._lines.hash, "least": self.least}),
            Step(self._text.path.stem, settings={"sha256": self._text.hash, "top": self.top}),
            Step("characters", __version__, {"boxes": "equal shares of their line"}),
            Step("order", __version__),
        )

    def read_many(self, images: Source | Iterable[Source | tuple[str, Source]]) -> Iterator[Page]:
        """Reads pages one after the other.

        Raises:
            DataError: one of them can't be read; the message names it.
        """
        for name, image in named_images(images):
            yield self(image, name)

    def _find(self, page: Image.Image) -> list[tuple[tuple[int, int, int, int], float]]:
        """The lines of a page: left, top, right and bottom of each in whole pixels, and how sure it is.

        What class a box has is not looked at: to its makers too each is a line of the text.
        """
        side = max(page.size)
        height, width = self._lines.size
        # The page is resized before black is added, which gives the same pixels with half the work.
        part = max(1, round(page.width * width / side)), max(1, round(page.height * height / side))
        square = Image.new("RGB", (width, height))
        square.paste(page.resize(part, Image.Resampling.BICUBIC))
        blue_first = np.asarray(square)[:, :, ::-1].astype(np.float32)
        boxes = self._lines((blue_first - _MEAN) / _DEVIATION)[0]
        if boxes.shape[-1] != 5:
            raise DataError(f"{self._lines.path} gives boxes of the shape {boxes.shape}; expected (1, N, 5)")
        boxes = boxes.reshape(-1, 5)
        boxes = boxes[boxes[:, 4] > self.least]
        left, top, right, bottom = (boxes[:, :4] * np.array([side / width, side / height] * 2)).T
        more = _TALLER * (bottom - top)
        corners = np.stack([left, top - more, right, bottom + more], axis=1)
        corners = np.trunc(corners.clip(0, [*page.size, *page.size])).astype(int)
        large = (corners[:, 2:] - corners[:, :2]).min(axis=1, initial=_SMALLEST) >= _SMALLEST
        scores = boxes[large, 4].clip(0, 1)
        return [(tuple(box), score) for box, score in zip(corners[large].tolist(), scores.tolist(), strict=True)]

    def _read(self, page: Image.Image, box: tuple[int, int, int, int], score: float) -> _Line | None:
        """A line as the network reads it; None if it sees nothing there."""
        line = page.crop(box)
        if line.height > line.width:
            line = line.transpose(Image.Transpose.ROTATE_90)
        line = line.resize(self._text.size[::-1], Image.Resampling.BICUBIC)
        blue_first = np.asarray(line)[:, :, ::-1].astype(np.float32)
        logits = self._text(blue_first / np.float32(127.5) - 1)[0][0]
        ends = np.flatnonzero(logits.argmax(axis=1) == 0)
        logits = logits[: ends[0] if len(ends) else None]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[:, 0] = 0  # the end of the line is no candidate for a character
        best = np.argsort(-shares, axis=1, kind="stable")[:, : min(self.top, len(self.charset))]
        candidates = [
            [(self.charset[label - 1], float(row[label])) for label in labels]
            for row, labels in zip(shares, best.tolist(), strict=True)
        ]
        return _Line(box, score, candidates) if candidates else None

    def _page(self, ref: ImageRef, lines: Sequence[_Line], rules: Rules) -> Page:
        """What was read as a page: the lines in order, blanks left out."""
        standing = sum(line.stands for line in lines)
        direction: Direction = "vertical-rl" if 2 * standing >= len(lines) else "horizontal-lr"
        of_line = np.repeat(np.arange(len(lines)), [len(line.candidates) for line in lines])
        rows = [row for line in lines for row in line.candidates]
        inked = np.array([bool(row[0][0].strip()) for row in rows], bool)
        rows = [[each for each in row if each[0].strip()] for row, kept in zip(rows, inked, strict=True) if kept]
        most = max(map(len, rows), default=1)
        filled = [row + [("", 0.0)] * (most - len(row)) for row in rows]
        boxes = np.concatenate([np.zeros((0, 4)), *(line.boxes() for line in lines)])[inked]
        of_line = of_line[inked]
        characters = Characters(
            polygons_of(boxes),
            np.array([[character for character, _ in row] for row in filled], np.str_).reshape(-1, most),
            np.array([[share for _, share in row] for row in filled], np.float32).reshape(-1, most),
            np.array([line.score for line in lines], np.float32)[of_line],
        )
        page = Page(ref, characters, direction=direction, steps=self.steps)
        return with_lines(page, [("main", members) for members in _in_order(page, of_line, rules)])


def read_charset(path: Path) -> tuple[str, ...]:
    """The characters of NDLmoji.yaml, in the order of the network's classes from 1 on.

    Raises:
        DataError: it is not that file.
    """
    try:
        found = _CHARSET.search(path.read_text(encoding="utf-8"))
        characters = tuple(json.loads(found[1])) if found else ()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} can't be read: {error}") from None
    if not characters:
        raise DataError(f'{path} is not the NDLmoji.yaml of NDL古典籍OCR-Lite: no line begins with charset_train: "')
    return characters


def _in_order(page: Page, of_line: NDArray[np.int64], rules: Rules) -> list[list[int]]:
    """The numbers of the characters on each line, the lines in the order in which their first characters are read."""
    read = arrange(page, rules)
    place = {id: number for number, id in enumerate(read.characters.ids[read.order].tolist())}
    lines = [np.flatnonzero(of_line == line).tolist() for line in np.unique(of_line)]
    return sorted(lines, key=lambda members: place[str(page.characters.ids[members[0]])])


class _Network:
    """An ONNX file that takes one image in colours, of the size that the file says.

    Attributes:
        size: height and width in pixels.
        hash: SHA-256 of the file.
    """

    def __init__(self, path: Path, threads: int, of: ndl_files.NdlFile, outputs: int) -> None:
        try:
            self.hash, trusted = file_hash(path), ndl_files.is_published(of, path)
        except OSError as error:
            raise DataError(f"{path} can't be read: {error.strerror or error}") from None
        self.path, self._session = path, open_session(path, threads, trusted=trusted)
        shapes = [each.shape for each in self._session.get_inputs()]
        gives = len(self._session.get_outputs())
        sound = len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][1] == 3 and gives == outputs
        if not sound or not all(isinstance(side, int) and side > 0 for side in shapes[0][2:]):
            raise DataError(
                f"{path} is not the network of NDL古典籍OCR-Lite: it takes {shapes} and gives {gives} arrays; "
                f"expected [[1, 3, height, width]] and {outputs}"
            )
        self.size: tuple[int, int] = tuple(shapes[0][2:])

    def __call__(self, image: NDArray) -> list[NDArray[np.float32]]:
        """What it gives for an image (height, width, 3)."""
        pixels = np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)
        return computed(self._session, None, pixels, self.path)
