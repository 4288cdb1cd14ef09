"""What can be wrong with boxes and with pages.

People drew the boxes and typed the code points, and downloads break off.  Nothing that is wrong with a box or with a
page ends the reading: it is counted by its kind, and the first of each kind are named.
"""

import re
import unicodedata
from dataclasses import dataclass, field

from kuzushiji.characters import composed, from_codepoints, is_character

KINDS = {
    "malformed_entry": "not a code point with four numbers",
    "malformed_code_point": "not a code point such as U+304A",
    "unknown_code_point": "a code point that stands for no character: unknown, a space, a lone mark, 〓 and the like",
    "box_twice": "a box listed twice with the same character; the first counts",
    "two_characters": "a box with two characters, of which one must be wrong; left out",
    "no_size": "width or height zero or negative",
    "outside": "outside the page",
    "clipped": "partly outside the page; cut off at its edge",
    "listed_twice": "page listed twice; the first counts",
    "no_image": "image of the page missing",
    "broken_image": "image of the page damaged or cut off",
}
"""What can be wrong with a box, and what it means.  A box that is `clipped` counts; the others are left out."""

NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]+)?")
"""What a box can have."""


@dataclass(frozen=True)
class Problem:
    """Everything of one kind that is wrong.

    Attributes:
        kind: one of `KINDS`.
        boxes: on how many boxes it bears; no box need lie on a page that is missing.
        pages: on how many pages.
        examples: the first few, in words.
    """

    kind: str
    boxes: int
    pages: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class PageReport:
    """What a source of pages holds.

    Attributes:
        pages: pages in its tables.
        books: books that these are from.
        boxes: boxes in its tables.
        characters: how many of these became the image of a character.
        classes: different characters among them.
        problems: what is wrong with the others, in the order of `KINDS`.
    """

    pages: int
    books: int
    boxes: int
    characters: int
    classes: int
    problems: tuple[Problem, ...]

    @property
    def left_out(self) -> int:
        """How many boxes did not become the image of a character."""
        return self.boxes - self.characters

    @property
    def summary(self) -> str:
        """What is wrong in one line; empty if it is with fewer than one box of a hundred."""
        if 100 * sum(problem.boxes for problem in self.problems) < self.boxes:
            return ""
        kinds = ", ".join(f"{KINDS[each.kind].partition(';')[0]} ({each.boxes:,})" for each in self.problems)
        return f"of {self.boxes:,} boxes some are odd: {kinds}"


@dataclass
class Tally:
    """Counts what is wrong, kind by kind, and keeps the first examples."""

    most_examples: int = 5
    _boxes: dict[str, int] = field(default_factory=dict)
    _pages: dict[str, set[str]] = field(default_factory=dict)
    _examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, page: str, example: str, boxes: int = 1) -> None:
        """Counts `boxes` boxes on a page."""
        self._boxes[kind] = self._boxes.get(kind, 0) + boxes
        self._pages.setdefault(kind, set()).add(page)
        examples = self._examples.setdefault(kind, [])
        if len(examples) < self.most_examples:
            examples.append(f"{page}: {example[:200]}")

    def problems(self) -> tuple[Problem, ...]:
        """What was counted, in the order of `KINDS`."""
        return tuple(
            Problem(kind, self._boxes[kind], len(self._pages[kind]), tuple(self._examples[kind]))
            for kind in KINDS
            if kind in self._boxes
        )


def _is_itself(code: str) -> bool:
    """Whether a label is the character and not its code point, with the marks it may have; ASCII may mean anything."""
    code = composed(code)
    marks = map(unicodedata.category, code[1:])
    return not code[:1].isascii() and is_character(code) and set(marks) <= {"Mn"}


def checked(code: str, numbers: list[str], known: frozenset[str]) -> tuple[str, list[int]] | str:
    """The character and its box, or what is wrong with them.

    Args:
        code: a code point as the table has it.
        numbers: left, top, width and height as the table has them.
        known: characters that count as such although Unicode does not assign them.

    Returns:
        The character and four whole numbers; or one of `KINDS`.
    """
    if len(numbers) != 4 or not all(map(NUMBER.fullmatch, numbers)):
        return "malformed_entry"
    character = from_codepoints(code) or (code if _is_itself(code) else None)
    if not character:
        return "malformed_code_point"
    character = composed(character)
    if character not in known and not is_character(character):  # unless the makers name it
        return "unknown_code_point"
    box = [round(float(number)) for number in numbers]
    return (character, box) if box[2] > 0 and box[3] > 0 else "no_size"
