"""Many images of characters, files and folders of them: what is on each, and which could not be read."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kuzushiji.data.files.listing import SUFFIXES
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.cut import cut_character
from kuzushiji.reading.pretrained import complementary
from kuzushiji.reading.recognizer import Recognition, Recognizer, Source, named_images, read_character

AT_ONCE = 512
"""So many images are in memory at a time."""


@dataclass(frozen=True)
class RecognizedImage:
    """What one network says of one image.

    Attributes:
        file: what the image is called.
        model: the network, as it was asked for.
        recognition: the candidates.
    """

    file: str
    model: str
    recognition: Recognition

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"file": self.file, "model": self.model} | self.recognition.to_dict()


@dataclass(frozen=True)
class RecognizedImages(Sequence[RecognizedImage]):
    """What networks say of many images: image by image, of each network in turn.

    Attributes:
        answers: of all images that could be read.
        failures: of the others, what is wrong with each, in a sentence that names it.
        recognizers: the networks by name.
    """

    answers: Sequence[RecognizedImage]
    failures: Sequence[str]
    recognizers: Mapping[str, Recognizer]

    def __getitem__(self, place: Any) -> Any:
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

    Any size, colour and polarity will do, cropped loosely or tightly: one character an image, upright.

    Args:
        images: one or many of them: paths, also of folders, which are walked in the order of names; or what
            `Recognizer` takes; or pairs of a name to call it by and an image.
        model: a network that ships or an exported file; of several, each answers.  `page` if None,
            which knows kana and kanji.
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
    if top < 1:
        raise UsageError(f"top is {top}; it must be at least 1")
    models = complementary() if model is None else [model] if isinstance(model, str | Path) else model
    recognizers = {str(name): Recognizer(name) for name in models}
    failures: list[str] = []
    sources = list(_sources(images, failures))
    answers: list[RecognizedImage] = []
    for start in range(0, len(sources), AT_ONCE):
        some = sources[start : start + AT_ONCE]
        answers += _answers(recognizers, some, top, failures)
        tell(start + len(some), len(sources))
    return RecognizedImages(answers, failures, recognizers)


def _sources(
    images: Source | Iterable[Source | tuple[str, Source]], failures: list[str]
) -> Iterator[tuple[str, Source]]:
    """Each image with its name, folders walked."""
    for name, image in named_images(images):
        if not isinstance(image, str | Path) or not Path(image).is_dir():
            yield name, image
            continue
        found = [
            Path(folder) / file
            for folder, _, files in os.walk(image)
            for file in files
            if file.lower().endswith(SUFFIXES) and not file.startswith(".")
        ]
        if not found:
            failures.append(f"{name} is a folder without images ({', '.join(SUFFIXES)})")
        yield from ((str(path), path) for path in sorted(found))


def _answers(
    recognizers: Mapping[str, Recognizer], sources: Sequence[tuple[str, Source]], top: int, failures: list[str]
) -> Iterator[RecognizedImage]:
    """What each network says of each image, image by image."""
    names = []
    prepared: dict[str, list[Any]] = {model: [] for model in recognizers}
    for name, source in sources:
        try:
            gray = read_character(source, name)
        except DataError as error:
            failures.append(str(error))
            continue
        names.append(name)
        for model, recognizer in recognizers.items():
            prepared[model].append(cut_character(gray, recognizer.description.image_size))
    said = [recognizer.recognize_prepared(prepared[model], top=top) for model, recognizer in recognizers.items()]
    for name, *found in zip(names, *said, strict=True):
        yield from (RecognizedImage(name, model, each) for model, each in zip(recognizers, found, strict=True))
