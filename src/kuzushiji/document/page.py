"""`Page`: what stands where on one image, whether a person said so or a network.

The truth and a reading are the same type, so that metrics, formats, corrections and training need no converter.  A book
has 100,000 characters, so they are columns; a single one is a view of its row.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any, Literal, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji import characters as history
from kuzushiji.document.geometry import box_around, boxes_of, polygons_of
from kuzushiji.errors import DataError
from kuzushiji.files import expanded
from kuzushiji.imaging.read import Source

_ID = re.compile(r"[^\W\d][\w.-]*")

Role = Literal["main", "ruby", "note", "heading", "seal", "figure", "neighbour"]
"""What a line is: of the text itself; small kana beside a word; a note between the columns, in two narrow lines, or
above the frame; a heading; the letters of a seal; a picture, which has no characters; part of the page beside, of which
the scan shows a strip."""

Direction = Literal["vertical-rl", "horizontal-lr", "horizontal-rl"]
"""How a page is written: in columns from the right to the left, or in rows from the left or from the right."""

Status = Literal["read", "corrected"]
"""Whether a network said what the page says, or a person."""


@dataclass(frozen=True)
class Candidate:
    """What an image may show.

    Attributes:
        character: the class.
        probability: calibrated: of all candidates with 0.9, about nine in ten are right.
    """

    character: str
    probability: float

    @property
    def codepoint(self) -> str | None:
        """Such as `U+304A`; None for a class that is no single character, such as "rare"."""
        return history.codepoint(self.character) if len(self.character) == 1 else None

    @property
    def parent(self) -> str | None:
        """The parent kanji (jibo) of a kana, whose cursive form it is; None for anything else."""
        return history.PARENT.get(self.character)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "character": self.character,
            "codepoint": self.codepoint,
            "parent": self.parent,
            "probability": round(self.probability, 6),
        }


@dataclass(frozen=True)
class ImageRef:
    """Which image a page is.

    Attributes:
        name: of its file, such as `100241706_00004_2.jpg`.
        sha256: of the file's bytes, in hexadecimal; None where nobody looked.
        size: width and height in pixels, as a person sees it (EXIF turned); None where nobody looked.
    """

    name: str
    sha256: str | None = None
    size: tuple[int, int] | None = None

    @property
    def stem(self) -> str:
        """The name without folders and ending; by it the truth and a reading of a page are matched."""
        return PurePath(self.name).stem


@dataclass(frozen=True)
class Step:
    """One of the steps in which a page was read.

    Attributes:
        model: what did it, such as a network, or "order".
        version: of that.
        settings: those that the outcome depends on.
    """

    model: str
    version: str = ""
    settings: Mapping[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Line:
    """A column of writing, or a row; or a picture.

    Attributes:
        id: its name on the page, which no character has.
        role: what it is.
        polygon: float32 (corners, 2), x and y, three corners at least.
        characters: which of the page's characters stand on it, from its beginning to its end.
    """

    id: str
    role: Role
    polygon: NDArray[np.float32]
    characters: slice

    def __post_init__(self) -> None:
        _store(self, "polygon", self.polygon, np.float32)
        if self.polygon.ndim != 2 or self.polygon.shape[1] != 2 or len(self.polygon) < 3:
            raise DataError(f"line {self.id} has a polygon of the shape {self.polygon.shape}; expected (corners, 2)")
        _check_finite(f"the polygon of line {self.id}", self.polygon)
        _check_word(f"role of line {self.id}", self.role, Role)

    def __eq__(self, other: object) -> bool:
        return _same(self, other)


@dataclass(frozen=True)
class Character:
    """One character of a page, a view.

    Attributes:
        id: its name on the page.
        polygon: float32 (4, 2), its corners, clockwise from the one at the upper left.
        candidates: what it may be, the answer first; none where nobody named it.
        found: how probable it is that a character stands there.
        line: the number of its line; -1 if it is on none.
        changed: whether the answer is not what the image alone says, but what a language model chose among it.
    """

    id: str
    polygon: NDArray[np.float32]
    candidates: tuple[Candidate, ...]
    found: float
    line: int
    changed: bool = False

    @property
    def text(self) -> str:
        """The answer; the empty string where nobody named it."""
        return self.candidates[0].character if self.candidates else ""


@dataclass(frozen=True, eq=False)
class Characters(Sequence[Character]):
    """n characters, as columns; what is left out is filled in.

    Attributes:
        polygons: float32 (n, 4, 2), their corners, clockwise from the one at the upper left.
        candidates: str (n, k), what each may be, the answer first; "" where there are fewer than k, which is the most.
        probabilities: float32 (n, k), of each candidate, 0 to 1; 1 if left out.
        found: float32 (n,), how probable it is that there is a character, 0 to 1; 1 if left out.
        line: int32 (n,), the line that each stands on; -1 for none, also if left out.
        ids: str (n,), all different, each such as an id in XML; c0, c1, ... if left out.
        changed: bool (n,), whether the answer is a language model's, the image alone saying another; False if left out.

    Raises:
        DataError: a column has the wrong shape or values, which the message names.
    """

    polygons: NDArray[np.float32]
    candidates: NDArray[np.str_]
    probabilities: NDArray[np.float32] = None  # type: ignore[assignment]
    found: NDArray[np.float32] = None  # type: ignore[assignment]
    line: NDArray[np.int32] = None  # type: ignore[assignment]
    ids: NDArray[np.str_] = None  # type: ignore[assignment]
    changed: NDArray[np.bool_] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        _store(self, "polygons", self.polygons, np.float32)
        _store(self, "candidates", self.candidates, np.str_)
        n = len(self.polygons)
        if self.candidates.ndim == 1:
            object.__setattr__(self, "candidates", self.candidates.reshape(n, -1) if n else np.zeros((0, 1), "U1"))
        named = self.candidates != ""
        _store(self, "probabilities", named if self.probabilities is None else self.probabilities, np.float32)
        _store(self, "found", np.ones(n) if self.found is None else self.found, np.float32)
        _store(self, "line", np.full(n, -1) if self.line is None else self.line, np.int32)
        _store(self, "ids", [f"c{number}" for number in range(n)] if self.ids is None else self.ids, np.str_)
        _store(self, "changed", np.zeros(n) if self.changed is None else self.changed, np.bool_)
        k = self.candidates.shape[1] if self.candidates.ndim == 2 else 1
        shapes = {"polygons": (n, 4, 2), "candidates": (n, k), "probabilities": (n, k)}
        for name, shape in (shapes | dict.fromkeys(("found", "line", "ids", "changed"), (n,))).items():
            if getattr(self, name).shape != shape:
                raise DataError(
                    f"{name} of {n} characters have the shape {getattr(self, name).shape}; expected {shape}"
                )
        _check_finite("polygons", self.polygons)
        for name in ("probabilities", "found"):
            column = getattr(self, name)
            if not ((column >= 0) & (column <= 1)).all():
                raise DataError(f"{name} are from {column.min()} to {column.max()}; expected 0 to 1")
        if (named[:, 1:] & ~named[:, :-1]).any() or self.probabilities[~named].any():
            raise DataError("candidates are missing before others, or have a probability; expected the missing last")
        _check_ids(self.ids.tolist())
        most = max(1, int(named.sum(axis=1).max(initial=0)))
        for name in ("candidates", "probabilities"):
            object.__setattr__(self, name, getattr(self, name)[:, :most])

    def __len__(self) -> int:
        return len(self.polygons)

    @overload
    def __getitem__(self, which: int) -> Character: ...
    @overload
    def __getitem__(self, which: slice | NDArray[Any]) -> "Characters": ...
    def __getitem__(self, which: Any) -> Any:
        """One character, or those that a slice, a mask or an array of numbers chooses, as columns."""
        if isinstance(which, slice | np.ndarray):
            return Characters(*(getattr(self, each.name)[which] for each in fields(self)))
        pairs = zip(self.candidates[which].tolist(), self.probabilities[which].tolist(), strict=True)
        return Character(
            str(self.ids[which]),
            self.polygons[which],
            tuple(Candidate(name, probability) for name, probability in pairs if name),
            float(self.found[which]),
            int(self.line[which]),
            bool(self.changed[which]),
        )

    def __eq__(self, other: object) -> bool:
        return _same(self, other)

    @property
    def best(self) -> NDArray[np.str_]:
        """str (n,), the answer for each; "" where nobody named it."""
        return self.candidates[:, 0]

    @property
    def boxes(self) -> NDArray[np.float64]:
        """(n, 4): left, top, width and height of the smallest upright box around each."""
        return boxes_of(self.polygons)


@dataclass(frozen=True, eq=False)
class Page(Sequence[Character]):
    """What stands where on one image; as a sequence, its characters in reading order.

    Attributes:
        image: which image it is.
        characters: the n characters: line by line, each from its beginning to its end, then those on no line.
        lines: the lines; none where they are not known.
        order: int32 (n,), the numbers of the characters in reading order, in which notes and ruby interrupt the line
            that they belong to; as they are listed if left out.
        direction: how the page is written.
        steps: how it came about.
        status: who said so.

    Raises:
        DataError: lines and characters contradict each other, or the order is none.

    Example:
        >>> page = truth(ImageRef("a.jpg"), "おを", [[10, 10, 30, 40], [10, 60, 30, 40]])
        >>> page.text, page[1].candidates[0].codepoint
        ('おを', 'U+3092')
    """

    image: ImageRef
    characters: Characters
    lines: tuple[Line, ...] = ()
    order: NDArray[np.int32] = None  # type: ignore[assignment]
    direction: Direction = "vertical-rl"
    steps: tuple[Step, ...] = ()
    status: Status = "read"

    def __post_init__(self) -> None:
        n = len(self.characters)
        _store(self, "order", np.arange(n) if self.order is None else self.order, np.int32)
        _check_word("direction", self.direction, Direction)
        _check_word("status", self.status, Status)
        if self.order.shape != (n,) or not np.array_equal(np.sort(self.order), np.arange(n)):
            some = self.order.ravel()[:5].tolist()
            raise DataError(f"the order is {some} ...; expected each number from 0 to {n - 1} once")
        of_line = np.full(n, -1, np.int32)
        stop = 0
        for number, line in enumerate(self.lines):
            found, start = line.characters, stop
            stop = found.stop
            if found != slice(start, stop) or not start <= stop <= n:
                raise DataError(
                    f"line {line.id} has the characters {found.start}:{found.stop} of {n}; expected {start} first, "
                    "for the characters stand line by line, then those on no line"
                )
            of_line[start:stop] = number
        if not np.array_equal(of_line, self.characters.line):
            wrong = int(np.flatnonzero(of_line != self.characters.line)[0])
            raise DataError(
                f"character {self.characters.ids[wrong]} says that it is on line {self.characters.line[wrong]}, "
                f"the lines say {of_line[wrong]} (-1: none)"
            )
        _check_ids([*(line.id for line in self.lines), *self.characters.ids.tolist()])

    def __len__(self) -> int:
        return len(self.characters)

    @overload
    def __getitem__(self, which: int) -> Character: ...
    @overload
    def __getitem__(self, which: slice) -> Characters: ...
    def __getitem__(self, which: Any) -> Any:
        """The character, or the characters, at a place in reading order."""
        return self.characters[self.order[which] if isinstance(which, slice) else int(self.order[which])]

    def __iter__(self) -> Iterator[Character]:
        return (self.characters[number] for number in self.order.tolist())

    def __eq__(self, other: object) -> bool:
        return _same(self, other)

    @property
    def text(self) -> str:
        """What it says in reading order, a line a column, as `formats.text` writes it."""
        from kuzushiji.document.formats import text

        return text.write(self)

    def save(self, path: str | Path, format: str | None = None, scan: Source | None = None) -> None:
        """Writes it, whole or not at all.

        Args:
            path: the file.
            format: one of `formats.SUFFIXES`; what the ending of the path says if None.
            scan: the image of the page, which a PDF holds too.

        Raises:
            UsageError: there is no such format, or it needs the image.
            KuzushijiError: the file can't be written.
        """
        _formats().save(self, expanded(path), format, scan)

    @staticmethod
    def load(path: str | Path) -> "Page":
        """Reads what `save` wrote; the format is told from the content.

        Raises:
            DataError: the file is missing, damaged or no page.
        """
        page: Page = _formats().load(expanded(path))
        return page


def truth(image: ImageRef, names: Sequence[str], boxes: ArrayLike, ids: Sequence[str] | None = None) -> Page:
    """A page of which people said what stands where, without lines.

    Args:
        image: which image it is.
        names: the n characters.
        boxes: (n, 4): left, top, width, height in pixels of the image.
        ids: names of the characters; c0, c1, ... if None.
    """
    columns = np.array(list(names), np.str_).reshape(-1, 1)
    return Page(image, Characters(polygons_of(boxes), columns, ids=ids), status="corrected")  # type: ignore[arg-type]


def with_lines(
    page: Page, lines: Sequence[tuple[Role, Sequence[int]]], order: Sequence[int] | NDArray[np.int32] | None = None
) -> Page:
    """The same page with other lines: its characters are put in the order of these.

    Args:
        page: a page.
        lines: for each line its role and the numbers of its characters in `page.characters`, from its beginning to its
            end; characters that none of them has come last.
        order: the numbers of the characters in `page.characters` in reading order; line by line if None.

    Raises:
        DataError: a character is on two lines.
    """
    n = len(page)
    numbers = [number for _, members in lines for number in members]
    rest = np.setdiff1d(np.arange(n), numbers)
    moved = np.concatenate([np.array(numbers, np.int64), rest])
    if len(moved) != n:
        raise DataError(f"{len(numbers) - len(set(numbers))} characters are on two lines; expected each on one at most")
    stops = np.cumsum([len(members) for _, members in lines], dtype=int).tolist()
    slices = [slice(stop - len(members), stop) for stop, (_, members) in zip(stops, lines, strict=True)]
    columns = page.characters[moved]
    of_line = np.concatenate([np.repeat(np.arange(len(lines)), [len(m) for _, m in lines]), np.full(len(rest), -1)])
    place = np.argsort(moved)  # old number -> new one
    return Page(
        page.image,
        replace(columns, line=of_line),
        tuple(
            Line(f"l{number}", role, box_around(columns.polygons[part]), part)
            for number, ((role, _), part) in enumerate(zip(lines, slices, strict=True))
        ),
        None if order is None else place[np.asarray(order, np.int64)],  # type: ignore[arg-type]
        page.direction,
        page.steps,
        page.status,
    )


def _formats() -> Any:
    """The formats, which make pages, so that no page can know them before it is there."""
    return import_module("kuzushiji.document.formats")


def _store(owner: Any, name: str, values: ArrayLike, kind: Any) -> None:
    """Sets a field of a frozen dataclass to an array that nobody can write into."""
    try:
        column = np.array(values, kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{name} can't be an array of {np.dtype(kind).name} ({error})") from None
    column.flags.writeable = False
    object.__setattr__(owner, name, column)


def _check_finite(what: str, values: NDArray[np.float32]) -> None:
    if not np.isfinite(values).all():
        raise DataError(f"{what} hold numbers that are not finite")


def _check_ids(ids: list[str]) -> None:
    if len(set(ids)) < len(ids):
        raise DataError(f"two lines or characters are called {next(id for id in ids if ids.count(id) > 1)}")
    for id in ids:
        if not _ID.fullmatch(id):
            raise DataError(f"a line or character is called {id!r}; expected a letter, then letters, digits, - _ or .")


def _check_word(what: str, word: str, known: Any) -> None:
    if word not in get_args(known):
        raise DataError(f"the {what} is {word!r}; expected one of {', '.join(get_args(known))}")


def _same(one: Any, other: Any) -> bool:
    """Whether two dataclasses are of one kind and hold the same, arrays included."""
    if type(one) is not type(other):
        return False
    pairs = ((getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in pairs)
