"""Many images of characters, files and folders of them: what is on each, and which could not be read."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from kuzushiji.data.files.loose import loose_images, not_read
from kuzushiji.data.files.names import SUFFIXES
from kuzushiji.errors import DataError, UsageError, whole_number
from kuzushiji.imaging.read import as_array, read_content
from kuzushiji.imaging.scan import read_character
from kuzushiji.imaging.several import images_in
from kuzushiji.reading.combined import Combined
from kuzushiji.reading.pretrained import ALL, complementary, pretrained
from kuzushiji.reading.recognizer import Recognition, Recognizer, Source, named_images
from kuzushiji.repository import pinned

AT_ONCE = 512
"""So many images are in memory at a time."""


@dataclass(frozen=True)
class RecognizedImage:
    """What one network says of one image.

    Attributes:
        file: what the image is called.
        model: the network, as it was asked for.
        recognition: the candidates.
        number: which of the images in the file, from 1; None where it holds one.
    """

    file: str
    model: str
    recognition: Recognition
    number: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"file": self.file, "image": self.number, "model": self.model} | self.recognition.to_dict()


@dataclass(frozen=True)
class RecognizedImages(Sequence[RecognizedImage]):
    """What networks say of many images: image by image, of each network in turn.

    Attributes:
        answers: of all images that could be read.
        failures: of the others, what is wrong with each, in a sentence that names it.
        recognizers: the networks by name.
        passed_over: of each folder, a line that says how many files in it are no images, if any are.
    """

    answers: Sequence[RecognizedImage]
    failures: Sequence[str]
    recognizers: Mapping[str, Recognizer | Combined]
    passed_over: Sequence[str] = ()

    @overload
    def __getitem__(self, place: int) -> RecognizedImage: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RecognizedImage]: ...
    def __getitem__(self, place: int | slice) -> RecognizedImage | Sequence[RecognizedImage]:
        return self.answers[place]

    def __len__(self) -> int:
        return len(self.answers)


def recognize(
    images: Source | Iterable[Source | tuple[str, Source]],
    model: str | Path | Iterable[str | Path] | None = None,
    *,
    top: int = 5,
    tell: Callable[[int, int], None] = lambda done, every: None,
) -> RecognizedImages:
    """Names the character on each image; what can't be read, or is a whole page, is told of and left out.

    Any size, colour and polarity will do, cropped loosely or tightly: one character an image, upright.  Of a file that
    holds several images, each is read.

    Args:
        images: one or many of them: paths, also of folders, which are walked in the order of names; or what
            `Recognizer` takes; or pairs of a name to call it by and an image.
        model: a network that ships or an exported file; of several, each answers.  If None, those that ship give one
            answer together, over kana and kanji.
        top: how many candidates each gets at most.
        tell: gets how many images of how many are done.

    Raises:
        UsageError: there is no network of this name, or `top` is below 1.
        DataError: an exported file is missing or damaged.

    Example:
        >>> found = recognize("scans/", "kana")                                                 # doctest: +SKIP
        >>> [(each.file, each.recognition[0].character) for each in found]                      # doctest: +SKIP
        [('scans/a.png', 'す'), ('scans/b.png', 'お')]
        >>> found.failures                                                                      # doctest: +SKIP
        ['scans/c.png is not a whole image (...)']
    """
    top = whole_number("top", top)
    recognizers = open_recognizers(model)
    failures: list[str] = []
    passed_over: list[str] = []
    sources = list(_sources(images, failures, passed_over))
    answers: list[RecognizedImage] = []
    for start in range(0, len(sources), AT_ONCE):
        some = sources[start : start + AT_ONCE]
        answers += _answers(recognizers, some, top, failures)
        tell(start + len(some), len(sources))
    return RecognizedImages(answers, failures, recognizers, passed_over)


def open_recognizers(
    model: str | Path | Iterable[str | Path] | None, *, threads: int | None = None
) -> dict[str, Recognizer | Combined]:
    """What names characters, by name: one that stands for all that ship if `model` is None; else as `recognize`."""
    if model is None:
        if set(ALL) <= set(pretrained()):
            return {"+".join(ALL): Combined(threads=threads)}
        model = complementary()
    models = [model] if isinstance(model, str | Path) else list(model)
    if not models:
        raise UsageError("name a network, or leave the model out: those that ship then answer together")
    return {name: Recognizer(name, threads=threads) for name in map(pinned, models)}


def _sources(
    images: Source | Iterable[Source | tuple[str, Source]], failures: list[str], passed_over: list[str]
) -> Iterator[tuple[str, Source]]:
    """Each image with its name, folders walked."""
    for name, image in named_images(images):
        if not isinstance(image, str | Path) or not os.path.isdir(image):
            yield name, image
            continue
        found = loose_images(image)
        failures += found.failures
        if not found.images:
            failures.append(f"{name} is a folder without images ({', '.join(SUFFIXES)})")
        if line := not_read(name, found.others):
            passed_over.append(line)
        yield from ((str(path), path) for path in found.images)


def _answers(
    recognizers: Mapping[str, Recognizer | Combined],
    sources: Sequence[tuple[str, Source]],
    top: int,
    failures: list[str],
) -> Iterator[RecognizedImage]:
    """What each network says of each image, image by image."""
    read: list[tuple[str, int | None]] = []
    doubts: list[str] = []
    prepared: dict[str, list[Any]] = {model: [] for model in recognizers}
    for name, source in sources:
        for number, image in _each_in(source, name):
            try:
                if isinstance(image, DataError):
                    raise image
                scan = read_character(image, name if number is None else f"{name}, image {number},")
            except DataError as error:
                failures.append(str(error))
                continue
            read.append((name, number))
            doubts.append(scan.doubt)
            for model, recognizer in recognizers.items():
                prepared[model].append(recognizer.cut(scan.gray))
    said = [
        recognizer.recognize_prepared(prepared[model], top=top, doubts=doubts)
        for model, recognizer in recognizers.items()
    ]
    for (name, number), *found in zip(read, *said, strict=True):
        yield from (RecognizedImage(name, model, each, number) for model, each in zip(recognizers, found, strict=True))


def _each_in(source: Source, name: str) -> Iterator[tuple[int | None, Source | DataError]]:
    """The images in a file with their numbers, or one that has none; what is wrong comes as an error that names it."""
    try:
        source = as_array(source)
        if isinstance(source, np.ndarray | Image.Image):
            yield None, source
            return
        content = read_content(source)
    except DataError as error:
        yield None, DataError(f"{name} {error}")
        return
    for number, image in enumerate(images_in(content), start=1):
        if isinstance(image, DataError):
            image = DataError(f"{name}, image {number}, {image}")
        yield (None if isinstance(image, bytes) else number), image
