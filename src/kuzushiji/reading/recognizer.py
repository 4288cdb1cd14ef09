"""`Recognizer`: images of characters in, candidates out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.document.page import Candidate
from kuzushiji.errors import UsageError, whole_number
from kuzushiji.exported import computed, open_network
from kuzushiji.imaging.cut import cut_character
from kuzushiji.imaging.read import Source, as_array
from kuzushiji.imaging.scan import read_character
from kuzushiji.processes import cores
from kuzushiji.reading.pretrained import CAUTION, find_network
from kuzushiji.shipped import WEIGHTS

BATCH = 64
"""So many images are computed at once; more are no faster on a CPU and take more memory."""

_NO_CAUTION = (0.0, float("-inf"))
_UNLIKE = "like nothing that the network knows"


@dataclass(frozen=True)
class Recognition(Sequence[Candidate]):
    """What one image may show: its candidates, the best first.

    Attributes:
        candidates: none if the image is blank.
        unsure: whether the best of them is no answer, for it is too improbable, or for the doubt that there is.
        doubt: what on the image speaks against any answer, such as `several characters`; empty if nothing does.
    """

    candidates: tuple[Candidate, ...]
    unsure: bool
    doubt: str = ""

    @property
    def blank(self) -> bool:
        """Whether there is no ink."""
        return not self.candidates

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        stated = {"unsure": self.unsure, "doubt": self.doubt, "blank": self.blank}
        return stated | {"candidates": [each.to_dict() for each in self.candidates]}

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, place: int | slice) -> Candidate | tuple[Candidate, ...]:
        return self.candidates[place]

    def __len__(self) -> int:
        return len(self.candidates)


class Recognizer:
    """Names characters, with a network that ships or one that `kuzushiji export` wrote.

    Args:
        model: `kmnist`, `kanji`, ... (`kuzushiji models --pretrained` lists them), the path of an exported file, or
            `hf:OWNER/NAME` for one on the Hugging Face hub; the first that ships if None.
        threads: how many of the processor's cores to use; all that this process may use if None.

    Raises:
        UsageError: there is no network of this name.
        DataError: the file is missing, truncated or not one that `kuzushiji export` wrote.

    Example:
        >>> recognize = Recognizer("kmnist")                            # doctest: +SKIP
        >>> [best, *others] = recognize("character.png")[0]             # doctest: +SKIP
        >>> best.character, best.codepoint, best.parent                 # doctest: +SKIP
        ('す', 'U+3059', '寸')
    """

    def __init__(self, model: str | Path | None = None, *, threads: int | None = None) -> None:
        self.path = find_network(model)
        self.description, self._session = open_network(self.path, threads or cores())
        ships = self.path.parent == WEIGHTS
        least, self.least_logit = CAUTION.get(self.path.stem, _NO_CAUTION) if ships else _NO_CAUTION
        self._unsure_below = max(least, self.description.unsure_below)

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters that it knows."""
        return self.description.classes

    @property
    def unsure_below(self) -> float:
        """The probability below which the best candidate is no answer; the network's card says why."""
        return self._unsure_below

    def __call__(self, images: Source | Iterable[Source | tuple[str, Source]], *, top: int = 5) -> list[Recognition]:
        """Names the character on each image.

        Any size, colour and polarity will do, cropped loosely or tightly, but one character an image, upright.

        Args:
            images: one or many of them, each alone or with its name.  An array of three dimensions is one image if the
                last has one to four, else many gray ones.
            top: how many candidates each gets at most.

        Returns:
            One entry an image, in their order.

        Raises:
            DataError: one of them can't be read, is a file of several images (`kuzushiji.recognize` reads each of
                those), or shows a whole page; the message names it.
            UsageError: `top` is below 1.
        """
        return recognized(self, images, top)

    def prepare(self, image: Source, name: str = "the image") -> NDArray[np.uint8] | None:
        """Brings one image to what the network takes.

        Args:
            name: what it is called in the message if it can't be read.

        Returns:
            uint8 (H, W), ink bright on black; None if it is blank.

        Raises:
            DataError: it can't be read, is a file of several images, or shows a whole page.
        """
        return self.cut(read_character(image, name).gray)

    def cut(self, gray: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """Brings the gray image of a character, such as `read_character` gives, to what the network takes."""
        return cut_character(gray, self.description.image_size)

    def recognize_prepared(
        self,
        images: Sequence[NDArray[np.uint8] | None] | NDArray[np.uint8],
        *,
        top: int = 5,
        doubts: Sequence[str] = (),
    ) -> list[Recognition]:
        """Names the characters on images that are as the network takes them.

        Args:
            images: what `prepare` gave, or uint8 (N, H, W) as a dataset has them.
            top: how many candidates each gets at most.
            doubts: what speaks against an answer, of each image; nothing of any if empty.

        Raises:
            UsageError: `top` is below 1.
        """
        top = whole_number("top", top)
        inked = [number for number, image in enumerate(images) if image is not None and image.any()]

        def named(some: Sequence[int]) -> Iterator[Recognition]:
            logits = self.logits(np.stack([images[number] for number in some]))  # type: ignore[misc]
            return self.recognitions(logits, top, [doubts[number] if doubts else "" for number in some])

        return in_batches(len(images), inked, named)

    def recognitions(self, logits: NDArray[np.float32], top: int, doubts: Sequence[str]) -> Iterator[Recognition]:
        """What logits (N, C) say of images, and what speaks against an answer of each."""
        said = [
            doubt or (_UNLIKE if logit < self.least_logit else "")
            for doubt, logit in zip(doubts, logits.max(axis=1).tolist(), strict=True)
        ]
        return recognitions_of(self.calibrated(logits), self.classes, top, self.unsure_below, said)

    def recognize_together(self, images: Sequence[NDArray[np.uint8]], *, top: int = 5) -> list[Recognition]:
        """Names characters of each of which there are several images: by the mean of their probabilities.

        Args:
            images: uint8 (N, H, W) each, as the network takes them.
        """

        def named(some: Sequence[int]) -> Iterator[Recognition]:
            mean = np.mean([self.probabilities(each[some]) for each in images], axis=0)
            return recognitions_of(mean, self.classes, top, self.unsure_below, [""] * len(some))

        every = range(len(images[0]))
        return in_batches(len(every), every, named)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, C) of images uint8 (N, H, W) that are as the network takes them.

        Raises:
            UsageError: they have another size.
        """
        return self.calibrated(self.logits(images))

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network says of images uint8 (N, H, W) that are as it takes them, before the softmax (N, C).

        Raises:
            UsageError: they have another size.
        """
        return self._run("logits", images)

    def calibrated(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probabilities (N, C) of logits (N, C)."""
        shares = np.exp((logits - logits.max(axis=1, keepdims=True)) / np.float32(self.description.temperature))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def embeddings(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network makes of images before it names them (N, D), of length 1: near where they look alike.

        Raises:
            UsageError: they have another size than the network takes.
        """
        found = self._run("embedding", images)
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)

    def _run(self, output: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if images.dtype != np.uint8 or images.shape[1:] != self.description.image_size:
            height, width = self.description.image_size
            raise UsageError(
                f"the network takes uint8 (N, {height}, {width}), found {images.dtype} {images.shape}; "
                "`prepare` brings any image to that"
            )
        pixels = images[:, None].astype(np.float32) / np.float32(255)
        found: NDArray[np.float32] = computed(self._session, [output], pixels, self.path)[0]
        return found


class _Network(Protocol):
    """What names characters: a `Recognizer`, or several together."""

    def cut(self, gray: NDArray[np.uint8]) -> Any:
        """Brings the gray image of a character to what it takes; None if it is blank."""

    def recognize_prepared(self, images: Sequence[Any], *, top: int, doubts: Sequence[str]) -> list[Recognition]:
        """Names the characters on images as `cut` gives them."""


def recognized(
    network: _Network, images: Source | Iterable[Source | tuple[str, Source]], top: int
) -> list[Recognition]:
    """As `Recognizer.__call__`."""
    recognitions: list[Recognition] = []
    named = named_images(images)
    while batch := [read_character(image, name) for name, image in islice(named, BATCH)]:
        cuts, doubts = [network.cut(each.gray) for each in batch], [each.doubt for each in batch]
        recognitions += network.recognize_prepared(cuts, top=top, doubts=doubts)
    return recognitions


def in_batches(
    count: int, inked: Sequence[int], named: Callable[[Sequence[int]], Iterable[Recognition]]
) -> list[Recognition]:
    """What `named` says of the images of these numbers, so many at once; of so many images the others are blank."""
    found = [Recognition((), unsure=True)] * count
    for start in range(0, len(inked), BATCH):
        some = inked[start : start + BATCH]
        for number, recognition in zip(some, named(some), strict=True):
            found[number] = recognition
    return found


def recognitions_of(
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
    top: int,
    unsure_below: float,
    doubts: Sequence[str],
) -> Iterator[Recognition]:
    """What probabilities (N, C) of the classes say of each image."""
    order = _best(probabilities, top)
    for row, best, doubt in zip(probabilities, order, doubts, strict=True):
        candidates = tuple(Candidate(classes[label], float(row[label])) for label in best.tolist())
        yield Recognition(candidates, bool(doubt) or candidates[0].probability < unsure_below, doubt)


def _best(probabilities: NDArray[np.float32], top: int) -> NDArray[np.int64]:
    """The columns of the highest values of each row, the highest first; of equal ones the first."""
    count = probabilities.shape[1]
    if top < count:  # to find the best and to sort these takes a quarter of the time of sorting all
        some = np.sort(np.argpartition(-probabilities, top, axis=1)[:, :top])
    else:
        some = np.tile(np.arange(count), (len(probabilities), 1))
    found = np.take_along_axis(probabilities, some, axis=1)
    order: NDArray[np.int64] = np.take_along_axis(some, np.argsort(-found, axis=1, kind="stable"), axis=1)
    return order


def named_images(images: Source | Iterable[Source | tuple[str, Source]]) -> Iterator[tuple[str, Source]]:
    """Each image with what it is called in messages: its path, its number, or the name that comes with it."""
    if not isinstance(images, list | tuple):
        images = as_array(images)
    if isinstance(images, np.ndarray):
        is_one = images.ndim < 3 or (images.ndim == 3 and images.shape[2] in (1, 2, 3, 4))
    else:
        is_one = isinstance(images, str | bytes | bytearray | memoryview | Image.Image) or hasattr(images, "read")
        is_one = is_one or not isinstance(images, Iterable)
    many: Any = [images] if is_one else images
    for number, image in enumerate(many):
        if isinstance(image, tuple):
            if len(image) != 2 or not isinstance(image[0], str | Path):
                raise UsageError(
                    f"image {number} is a tuple of {', '.join(type(part).__name__ for part in image)}; "
                    "expected a pair of a name and an image"
                )
            yield str(image[0]), image[1]
        else:
            yield (str(image) or "''" if isinstance(image, str | Path) else f"image {number}"), image
