"""`Reader`: an image of a page in, a `Page` out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Page, Step
from kuzushiji.errors import UsageError, whole_number
from kuzushiji.files import file_hash
from kuzushiji.imaging.read import Source, read_gray
from kuzushiji.imaging.rules import find_rules
from kuzushiji.reading.detector import RUBY, known
from kuzushiji.reading.finder import Detector
from kuzushiji.reading.finding import Detect, find_characters
from kuzushiji.reading.language import CHOICES, LANGUAGE, LanguageModel
from kuzushiji.reading.naming import name_boxes, whole_boxes
from kuzushiji.reading.pretrained import complementary
from kuzushiji.reading.readers import decoded
from kuzushiji.reading.recognizer import Recognizer, named_images
from kuzushiji.repository import pinned, repository
from kuzushiji.version import __version__


class Reader:
    """Reads pages: finds their characters, puts them in order and names them.

    Args:
        detector: finds characters: an exported file, `hf:OWNER/NAME`, or a function; the one that ships if None.
        model: a network that ships, an exported file, or `hf:OWNER/NAME`; `page` if None, which knows kana and kanji.
        language: whether a language model weighs what each character may be by those before it; what it changed is
            marked.
        least: what the detector finds less probable is left out; what its file says if None.
        top: how many candidates each character gets at most.
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: there is no network of this name, or a number is out of range.
        DataError: an exported file is missing or damaged.

    Example:
        >>> page = Reader()("page.jpg")                                 # doctest: +SKIP
        >>> page.text, page[0].candidates                               # doctest: +SKIP
        >>> page.save("page.xml")                                       # doctest: +SKIP
    """

    def __init__(
        self,
        detector: str | Path | Detect | None = None,
        model: str | Path | None = None,
        *,
        language: bool = True,
        least: float | None = None,
        top: int = 5,
        threads: int | None = None,
    ) -> None:
        self.detector = detector if callable(detector) else Detector(detector, threads=threads)
        stated = self.detector.description.found_above if isinstance(self.detector, Detector) else 0.3
        if least is not None and not (isinstance(least, Real) and 0 <= least <= 1):
            raise UsageError(f"least is {least!r}; expected a probability, from 0 to 1")
        self.least, self.top = stated if least is None else least, whole_number("top", top)
        names = complementary() if model is None else [pinned(model)]
        self.recognizers = {name: Recognizer(name, threads=threads) for name in names}
        self._hashes = {name: file_hash(each.path) for name, each in self.recognizers.items()}
        self.language = LanguageModel.load() if language else None
        self._language_hash = file_hash(LANGUAGE) if language else ""

    def __call__(self, image: Source, name: str | None = None, *, boxes: NDArray[np.integer] | None = None) -> Page:
        """Reads one page.

        Args:
            image: of any size and colour, at whatever scale.
            name: what it is called; its path if None.
            boxes: (n, 4), left, top, width and height of its characters in pixels, where that is known; they are found
                if None.

        Raises:
            DataError: it can't be read; the message names it.
            UsageError: the boxes are none, or beside the page.
        """
        name, digest, gray = decoded(image, name, read_gray)
        if boxes is not None:
            boxes = _checked(boxes, gray.shape[1], gray.shape[0])
        found = find_characters(gray, self.detector, self.least) if boxes is None else known(boxes)
        candidates, probabilities = self._named(gray, found.boxes, exact=boxes is not None)
        boxes = whole_boxes(found.boxes, gray)
        named = candidates[:, 0] != ""
        characters = Characters(
            polygons_of(boxes[named]), candidates[named], probabilities[named], found.scores[named].clip(0, 1)
        )
        ref = ImageRef(Path(name).name, digest, (gray.shape[1], gray.shape[0]))
        page = arrange(Page(ref, characters, steps=self.steps), find_rules(gray), found.roles[named] == RUBY)
        return page if self.language is None else _shortened(self.language.read(page), self.top)

    @property
    def steps(self) -> tuple[Step, ...]:
        """How it reads: each network with its hash, and each setting that what it reads depends on."""
        named = (
            Step(name, each.description.version, {"sha256": self._hashes[name], "top": self.top})
            for name, each in self.recognizers.items()
        )
        finding: dict[str, str | int | float | bool] = {"least": self.least}
        if isinstance(self.detector, Detector):
            finding["sha256"] = self.detector.sha256
            if repository(self.detector.name or ""):
                finding["model"] = str(self.detector.name)
        steps = (Step("detector", __version__, finding), Step("order", __version__), *named)
        if self.language is None:
            return steps
        model = self.language
        weighing: dict[str, str | int | float | bool] = {"weight": model.weight, "sure": model.sure}
        return *steps, Step("language", __version__, {"sha256": self._language_hash} | weighing)

    def read_many(self, images: Source | Iterable[Source | tuple[str, Source]]) -> Iterator[Page]:
        """Reads pages one after the other.

        Raises:
            DataError: one of them can't be read; the message names it.
        """
        for name, image in named_images(images):
            yield self(image, name)

    def _named(
        self, gray: NDArray[np.uint8], boxes: NDArray[np.float32], exact: bool
    ) -> tuple[NDArray[np.str_], NDArray[np.float32]]:
        """Candidates and their probabilities, both (n, k)."""
        top = self.top if self.language is None else max(self.top, CHOICES)
        named = name_boxes(self.recognizers.values(), gray, boxes, top=top, exact=exact)
        most = max(1, max(map(len, named), default=1))
        candidates = [[each.character for each in one] + [""] * (most - len(one)) for one in named]
        probabilities = [[each.probability for each in one] + [0.0] * (most - len(one)) for one in named]
        shape = len(boxes), most
        return np.array(candidates, np.str_).reshape(shape), np.array(probabilities, np.float32).reshape(shape)


def _checked(boxes: NDArray[Any], width: int, height: int) -> NDArray[np.int64]:
    """Boxes (n, 4) of a page as whole numbers.

    Raises:
        UsageError: they are none, or one lies beside the page.
    """
    found = np.asarray(boxes)
    if found.shape == (0,):  # an empty list
        found = np.zeros((0, 4), np.int64)
    if found.ndim != 2 or found.shape[1] != 4 or found.dtype.kind not in "iuf" or not np.isfinite(found).all():
        raise UsageError(
            f"the boxes are {found.dtype} {found.shape}; expected numbers (n, 4): left, top, width, height"
        )
    whole = found.clip(-(2**31), 2**31).round().astype(np.int64)
    left, top, wide, high = whole.T
    wrong = (wide < 1) | (high < 1) | (left >= width) | (top >= height) | (left + wide <= 0) | (top + high <= 0)
    if wrong.any():
        raise UsageError(
            f"the box {found[wrong.argmax()].tolist()} has no size, or lies beside the page of {width} x {height}"
        )
    return whole


def _shortened(page: Page, top: int) -> Page:
    """The same page with so many candidates a character at most."""
    columns = page.characters
    fewer = replace(columns, candidates=columns.candidates[:, :top], probabilities=columns.probabilities[:, :top])
    return replace(page, characters=fewer)
