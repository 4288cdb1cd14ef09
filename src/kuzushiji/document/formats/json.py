"""A page as JSON: all that it holds, a character a line, so that people and `diff` can read it too.

    {"format": "kuzushiji page", "version": 1, "image": {"name", "sha256", "width", "height"}, "direction", "status",
     "steps": [{"model", "version", "settings"}],
     "lines": [{"id", "role", "polygon": [[x, y], ...], "characters": [first, one after the last]}],
     "characters": [{"id", "polygon", "found", "candidates": [[character, probability], ...]}],
     "order": [numbers of the characters], "text"}

`text` is there for those who want no more; it is not read.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.page import Characters, Direction, ImageRef, Line, Page, Role, Status, Step
from kuzushiji.errors import DataError
from kuzushiji.records import from_plain

NAME, VERSION = "kuzushiji page", 1


@dataclass(frozen=True)
class _Image:
    name: str
    sha256: str | None
    width: int | None
    height: int | None


@dataclass(frozen=True)
class _Step:
    model: str
    version: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class _Line:
    id: str
    role: Role
    polygon: NDArray[np.float32]
    characters: tuple[int, int]


@dataclass(frozen=True)
class _Character:
    id: str
    polygon: NDArray[np.float32]
    found: float
    candidates: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class _Page:
    image: _Image
    direction: Direction
    status: Status
    steps: tuple[_Step, ...]
    lines: tuple[_Line, ...]
    characters: tuple[_Character, ...]
    order: NDArray[np.int32]


def write(page: Page) -> str:
    """The text of its file."""
    image, characters = page.image, page.characters
    width, height = image.size or (None, None)
    columns = (
        characters.ids.tolist(),
        numbers(characters.polygons),
        numbers(characters.found),
        characters.candidates.tolist(),
        numbers(characters.probabilities),
    )
    entries = {
        "format": _line(NAME),
        "version": _line(VERSION),
        "image": _line({"name": image.name, "sha256": image.sha256, "width": width, "height": height}),
        "direction": _line(page.direction),
        "status": _line(page.status),
        "steps": _lines(
            [{"model": step.model, "version": step.version, "settings": step.settings} for step in page.steps]
        ),
        "lines": _lines(
            [
                {
                    "id": line.id,
                    "role": line.role,
                    "polygon": numbers(line.polygon),
                    "characters": [line.characters.start, line.characters.stop],
                }
                for line in page.lines
            ]
        ),
        "characters": _lines(
            [
                {
                    "id": id,
                    "polygon": polygon,
                    "found": found,
                    "candidates": [pair for pair in zip(names, probabilities, strict=True) if pair[0]],
                }
                for id, polygon, found, names, probabilities in zip(*columns, strict=True)
            ]
        ),
        "order": _line(page.order.tolist()),
        "text": _line(page.text),
    }
    return "{\n" + ",\n".join(f"{_line(name)}: {value}" for name, value in entries.items()) + "\n}\n"


def knows(content: bytes) -> bool:
    """Whether these are the bytes of JSON."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read(content: bytes) -> Page:
    """The page that `write` wrote.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is damaged JSON ({error})") from None
    if values.get("format") != NAME:
        raise DataError(f'is no page: expected JSON with "format": "{NAME}", as `Page.save` writes it')
    if values.get("version") != VERSION:
        raise DataError(f"has version {values.get('version')!r} of the format; this kuzushiji reads version {VERSION}")
    try:
        return _page(from_plain(values, _Page, tolerant=True))
    except DataError as error:
        raise DataError(f"is no whole page: {error}") from None


def _page(file: _Page) -> Page:
    width, height = file.image.width, file.image.height
    lines = tuple(Line(each.id, each.role, each.polygon, slice(*each.characters)) for each in file.lines)
    return Page(
        ImageRef(file.image.name, file.image.sha256, (width, height) if width and height else None),
        _characters(file.characters, lines),
        lines,
        file.order,
        file.direction,
        tuple(Step(each.model, each.version, each.settings) for each in file.steps),
        file.status,
    )


def _characters(entries: tuple[_Character, ...], lines: tuple[Line, ...]) -> Characters:
    n, most = len(entries), max((len(each.candidates) for each in entries), default=1) or 1
    filled = [[*each.candidates, *[("", 0.0)] * (most - len(each.candidates))] for each in entries]
    line = np.full(n, -1, np.int32)
    for number, each in enumerate(lines):
        line[each.characters] = number
    for entry in entries:
        if entry.polygon.shape != (4, 2):
            raise DataError(f"character {entry.id} has a polygon of the shape {entry.polygon.shape}; expected (4, 2)")
    return Characters(
        np.array([each.polygon for each in entries]).reshape(n, 4, 2),
        np.array([[name for name, _ in pairs] for pairs in filled], np.str_).reshape(n, most),
        np.array([[probability for _, probability in pairs] for pairs in filled]).reshape(n, most),
        np.array([each.found for each in entries]),
        line,
        np.array([each.id for each in entries], np.str_),
    )


def numbers(values: NDArray[np.float32]) -> Any:
    """A float32 array as nested lists of the shortest decimal numbers that give it again, whole ones without point."""
    decimals = map(float, values.ravel().astype(np.str_).tolist())
    shortest = np.array([int(each) if each.is_integer() else each for each in decimals], object)
    return shortest.reshape(values.shape).tolist()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(values: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(map(_line, values)) + "\n]" if values else "[]"
