"""Naming characters in the process aside: images that somebody sent, boxes on a page, and what looks like a character.

Each function is called there; what it opens stays open.
"""

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.document import geometry
from kuzushiji.document.formats import json as page_json
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.read import read_gray
from kuzushiji.reading import naming as reading_naming
from kuzushiji.reading.combined import Combined
from kuzushiji.reading.many import open_recognizers
from kuzushiji.reading.pretrained import complementary
from kuzushiji.reading.recognizer import Recognition, Recognizer
from kuzushiji.serving import uploads

_MOST_PIXELS = 2**22
"""Of one character; more is a page."""
_SURE = 0.9
"""What an example of a character must be, at least."""
_EXAMPLES = 4
"""Of each candidate from each place."""

Asked = list[tuple[str, bytes]]
Answered = list[dict[str, Any]] | uploads.Refused
Place = tuple[Path, Path]
"""The image of a page, and its JSON."""


@lru_cache
def recognizers(model: str | None) -> list[Recognizer]:
    """The networks that name characters on pages."""
    return [Recognizer(name, threads=1) for name in (complementary() if model is None else [model])]


@lru_cache
def _alone_on_images(model: str | None) -> list[Recognizer | Combined]:
    """What names a character on an image of its own, as `kuzushiji recognize` does."""
    return list(open_recognizers(model, threads=1).values())


def name_images(model: str | None, questions: list[Asked]) -> list[Answered]:
    """Names the character on each image of each question, or says why not; all are named together."""
    answers: list[Answered | None] = [_refusal(each) for each in questions]
    images = [image for each, answer in zip(questions, answers, strict=True) if answer is None for image in each]
    try:
        named = iter(_named(model, images))
    except DataError:  # one of them can't be read: each question by itself
        if len(questions) == 1:
            raise
        return [_alone(model, each) for each in questions]
    return [
        [{"name": name} | next(named).to_dict() for name, _ in each] if answer is None else answer
        for each, answer in zip(questions, answers, strict=True)
    ]


def name_boxes(model: str | None, image: Path, corners: list[list[list[float]]]) -> list[list[list[Any]]]:
    """The candidates of what stands in boxes on a page, each a text and its probability."""
    gray = _gray(image)
    whole = geometry.whole(geometry.boxes_of(np.array(corners, np.float32)), gray.shape[::-1])
    named = reading_naming.name_boxes(recognizers(model), gray, whole.astype(np.float32), top=5, exact=True)
    return [[[each.character, each.probability] for each in one] for one in named]


def examples(
    model: str | None, data: str | None, here: Place, others: list[Place], id: str, names: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """What looks most like a character, of those that are sure to be one of some names.

    Args:
        model: whose embedding says what looks alike.
        data: name of a data set whose images are shown besides, if there is one.
        here: the page that the character stands on.
        others: pages of the same book.
        id: the character.
        names: what it may be.

    Returns:
        For each name its examples, the nearest first: `{"picture": data URL of a PNG, "of": page, book or data}`.
    """
    recognizer = recognizers(model)[0]
    ids, _, _, vectors, _ = _embedded(model, *here)
    if id not in ids:
        return {}
    asked = vectors[ids.index(id)]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for where, place in [("page", here), *(("book", each) for each in others)]:
        of, texts, sure, vectors, images = _embedded(model, *place)
        near = vectors @ asked
        for name in names:
            fit = [
                k
                for k, text in enumerate(texts)
                if text == name and sure[k] >= _SURE and (of[k] != id or place != here)
            ]
            _nearest(found[name], fit, near, images, where)
    if data is not None:
        for name in names:
            images = _of_class(data, name, recognizer.description.image_size[0])
            if len(images):
                near = _vectors_of_class(model, data, name) @ asked
                _nearest(found[name], list(range(len(images))), near, images, "data")
    return found


def _nearest(
    into: list[dict[str, Any]], fit: list[int], near: NDArray[np.float32], images: NDArray[np.uint8], of: str
) -> None:
    room = _EXAMPLES - sum(each["of"] == of for each in into)
    for number in sorted(fit, key=lambda k: -near[k])[:room]:
        into.append({"picture": _picture(images[number]), "of": of})


@lru_cache(4)
def _gray(image: Path) -> NDArray[np.uint8]:
    return read_gray(image)


@lru_cache(16)
def _embedded(
    model: str | None, image: Path, page: Path
) -> tuple[list[str], list[str], NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
    """Of the characters of a page: ids, answers, their probabilities, embeddings, images."""
    characters, gray, recognizer = page_json.read(page.read_bytes()).characters, _gray(image), recognizers(model)[0]
    images = cut(gray, geometry.whole(characters.boxes, gray.shape[::-1]), recognizer.description.image_size)
    vectors = recognizer.embeddings(images) if len(images) else np.zeros((0, 1), np.float32)
    return characters.ids.tolist(), characters.best.tolist(), characters.probabilities[:, 0], vectors, images


@lru_cache(1)
def _data(data: str, side: int) -> CharacterImages:
    from kuzushiji.data.source import load

    return load(data, "train", image_size=side)


def _of_class(data: str, name: str, side: int) -> NDArray[np.uint8]:
    images = _data(data, side)
    if name not in images.classes:
        return np.zeros((0, side, side), np.uint8)
    return images.images[images.labels == images.classes.index(name)][:200]


@lru_cache(500)
def _vectors_of_class(model: str | None, data: str, name: str) -> NDArray[np.float32]:
    recognizer = recognizers(model)[0]
    return recognizer.embeddings(_of_class(data, name, recognizer.description.image_size[0]))


def _picture(image: NDArray[np.uint8]) -> str:
    """Dark ink on nothing, as a data URL."""
    file = io.BytesIO()
    small = Image.fromarray(255 - image).resize((48, 48), Image.Resampling.LANCZOS)
    small.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _refusal(question: Asked) -> uploads.Refused | None:
    try:
        for _, content in question:
            uploads.check(content, _MOST_PIXELS)
    except uploads.Refused as refused:
        return refused
    return None


def _alone(model: str | None, question: Asked) -> Answered:
    try:
        return name_images(model, [question])[0]
    except DataError as error:
        return uploads.Refused(422, str(error))


def _named(model: str | None, images: Asked) -> list[Recognition]:
    return _best([each(images) for each in _alone_on_images(model)])


def _best(answers: list[list[Recognition]]) -> list[Recognition]:
    """Of what several networks say of each image the surest."""
    return [max(one, key=lambda said: said[0].probability if said else -1.0) for one in zip(*answers, strict=True)]
