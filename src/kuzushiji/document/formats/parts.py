"""What all formats share: characters one by one, whole pages from lines of such, numbers as decimals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.page import Characters, Direction, ImageRef, Line, Page, Role, Status, Step
from kuzushiji.errors import DataError

Number = int | float


@dataclass(frozen=True)
class Part:
    """A character as files have it.

    Attributes:
        id: its name on the page.
        polygon: its four corners, x and y.
        found: how probable it is that a character stands there.
        candidates: each with its probability, the answer first.
        changed: whether the answer is a language model's and the image alone says another.
    """

    id: str
    polygon: Sequence[Sequence[Number]]
    found: Number
    candidates: Sequence[tuple[str, Number]]
    changed: bool = False

    @property
    def text(self) -> str:
        """The answer; the empty string where nobody named it."""
        return self.candidates[0][0] if self.candidates else ""


@dataclass(frozen=True)
class LineParts:
    """A line as files have it, with its characters."""

    id: str
    role: Role
    polygon: Sequence[Sequence[Number]]
    parts: Sequence[Part]


def parts_of(characters: Characters) -> list[Part]:
    """The characters one by one."""
    columns = (
        characters.ids.tolist(),
        numbers(characters.polygons),
        numbers(characters.found),
        characters.candidates.tolist(),
        numbers(characters.probabilities),
        characters.changed.tolist(),
    )
    return [
        Part(id, polygon, found, [pair for pair in zip(names, probabilities, strict=True) if pair[0]], changed)
        for id, polygon, found, names, probabilities, changed in zip(*columns, strict=True)
    ]


def lines_of(page: Page) -> tuple[list[LineParts], list[Part]]:
    """The lines of a page with their characters, and the characters that are on no line."""
    parts = parts_of(page.characters)
    lines = [LineParts(each.id, each.role, numbers(each.polygon), parts[each.characters]) for each in page.lines]
    return lines, parts[sum(len(each.parts) for each in lines) :]


def page_of(
    image: ImageRef,
    lines: Sequence[LineParts],
    others: Sequence[Part],
    order: Sequence[int] | NDArray[np.int32] | None = None,
    direction: Direction = "vertical-rl",
    steps: Iterable[Step] = (),
    status: Status = "read",
) -> Page:
    """A page from its lines.

    Args:
        order: numbers of the characters in reading order, those of the lines counted first; as they stand if None.

    Raises:
        DataError: they make no page.
    """
    parts = [part for line in lines for part in line.parts] + list(others)
    n, most = len(parts), max((len(part.candidates) for part in parts), default=1) or 1
    filled = [[*part.candidates, *[("", 0.0)] * (most - len(part.candidates))] for part in parts]
    for part in parts:
        if _shape(part.polygon) != (4, 2):
            raise DataError(f"character {part.id} has a polygon of the shape {_shape(part.polygon)}; expected (4, 2)")
    for line in lines:
        if _shape(line.polygon)[1:] != (2,):
            raise DataError(f"line {line.id} has a polygon of the shape {_shape(line.polygon)}; expected (n, 2)")
    counts = [len(line.parts) for line in lines]
    stops = np.cumsum([0, *counts]).tolist()
    return Page(
        image,
        Characters(
            np.array([part.polygon for part in parts], np.float32).reshape(n, 4, 2),
            np.array([[name for name, _ in pairs] for pairs in filled], np.str_).reshape(n, most),
            np.array([[probability for _, probability in pairs] for pairs in filled], np.float32).reshape(n, most),
            np.array([part.found for part in parts], np.float32),
            np.repeat(np.array([*range(len(lines)), -1], np.int32), [*counts, len(others)]),
            np.array([part.id for part in parts], np.str_),
            np.array([part.changed for part in parts], np.bool_),
        ),
        tuple(
            Line(line.id, line.role, np.array(line.polygon, np.float32), slice(start, stop))
            for line, (start, stop) in zip(lines, pairwise(stops), strict=True)
        ),
        order,  # type: ignore[arg-type]
        direction,
        tuple(steps),
        status,
    )


def _shape(polygon: Any) -> tuple[int, ...] | str:
    try:
        return np.shape(polygon)
    except ValueError:
        return "that has no corners"


def numbers(values: NDArray[np.float32]) -> Any:
    """A float32 array as nested lists of the shortest decimal numbers that give it again, whole ones without point."""
    decimals = map(float, values.ravel().astype(np.str_).tolist())
    shortest = np.array([int(each) if each.is_integer() else each for each in decimals], object)
    return shortest.reshape(values.shape).tolist()
