"""A page as JSON: all that it holds, a character a line, so that people and `diff` can read it too.

    {"format": "kuzushiji page", "version": 1, "image": {"name", "sha256", "width", "height"}, "direction", "status",
     "steps": [{"model", "version", "settings"}], "text",
     "lines": [{"id", "role", "polygon": [[x, y], ...], "characters": [
         {"id", "polygon", "found", "candidates": [[character, probability], ...], "changed"}]}],
     "others": [characters on no line], "order": [numbers of the characters, those of the lines counted first]}

`text` is there for those who want no more; it is not read.  `changed` stands where it is true.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.page import Direction, ImageRef, Page, Role, Status, Step
from kuzushiji.errors import DataError
from kuzushiji.records import from_plain, parse_json

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
class _Character:
    id: str
    polygon: NDArray[np.float32]
    found: float
    candidates: tuple[tuple[str, float], ...]
    changed: bool = False


@dataclass(frozen=True)
class _Line:
    id: str
    role: Role
    polygon: NDArray[np.float32]
    characters: tuple[_Character, ...]


@dataclass(frozen=True)
class PageRecord:
    """What the file of a page holds, besides its format, version and text."""

    image: _Image
    direction: Direction
    status: Status
    steps: tuple[_Step, ...]
    lines: tuple[_Line, ...]
    others: tuple[_Character, ...]
    order: NDArray[np.int32]


def write(page: Page) -> str:
    """The text of its file."""
    width, height = page.image.size or (None, None)
    lines, others = lines_of(page)
    entries = {
        "format": _text(NAME),
        "version": _text(VERSION),
        "image": _text({"name": page.image.name, "sha256": page.image.sha256, "width": width, "height": height}),
        "direction": _text(page.direction),
        "status": _text(page.status),
        "steps": _rows(
            _text({"model": step.model, "version": step.version, "settings": step.settings}) for step in page.steps
        ),
        "text": _text(page.text),
        "lines": _rows(
            _text({"id": line.id, "role": line.role, "polygon": line.polygon})[:-1]
            + f', "characters": {_characters(line.parts)}}}'
            for line in lines
        ),
        "others": _characters(others),
        "order": _text(page.order.tolist()),
    }
    return "{\n" + ",\n".join(f"{_text(name)}: {value}" for name, value in entries.items()) + "\n}\n"


def knows(content: bytes) -> bool:
    """Whether these are the bytes of JSON."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def read(content: bytes) -> Page:
    """The page that `write` wrote.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    try:
        values = parse_json(content)
    except ValueError as error:
        raise DataError(f"is damaged JSON ({error})") from None
    if not isinstance(values, dict) or values.get("format") != NAME:
        raise DataError(f'is no page: expected JSON with "format": "{NAME}", as `Page.save` writes it')
    if values.get("version") != VERSION:
        raise DataError(f"has version {values.get('version')!r} of the format; this kuzushiji reads version {VERSION}")
    try:
        file = from_plain(values, PageRecord, tolerant=True)
        width, height = file.image.width, file.image.height
        return page_of(
            ImageRef(file.image.name, file.image.sha256, (width, height) if width and height else None),
            [LineParts(line.id, line.role, line.polygon.tolist(), _parts(line.characters)) for line in file.lines],
            _parts(file.others),
            file.order,
            file.direction,
            [Step(step.model, step.version, step.settings) for step in file.steps],
            file.status,
        )
    except DataError as error:
        raise DataError(f"is no whole page: {error}") from None


def _parts(characters: Iterable[_Character]) -> list[Part]:
    return [Part(each.id, each.polygon.tolist(), each.found, each.candidates, each.changed) for each in characters]


def _characters(parts: Sequence[Part]) -> str:
    return _rows(
        _text(
            {"id": each.id, "polygon": each.polygon, "found": each.found, "candidates": each.candidates}
            | ({"changed": True} if each.changed else {})
        )
        for each in parts
    )


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _rows(values: Iterable[str]) -> str:
    return "[\n" + ",\n".join(rows) + "\n]" if (rows := list(values)) else "[]"
