"""A page as plain text: a line a column, ruby in 《》, notes within a column in 〈〉, their lines divided by ／."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal

import numpy as np

from kuzushiji.characters import new_forms, resolved_each

if TYPE_CHECKING:
    from kuzushiji.document.page import Character, Line, Page

NAMELESS = "〓"
"""The geta mark: there is a character, but nobody said which."""

Unsure = Literal["best", "mark", "geta"]
"""What is written for an unsure character: the best candidate, the same with ？ behind it, or 〓."""


def write(page: "Page", *, unsure: Unsure = "best", below: float = 0.5, ruby: bool = True, modern: bool = False) -> str:
    """What a page says in reading order; what stands on the page beside it is left out.

    Args:
        page: the page.
        unsure: what is written for unsure characters.
        below: a character is unsure if the probability of its answer is below that.
        ruby: write ruby too.
        modern: write kanji in their forms of today and what iteration marks stand for.
    """
    written: list[str] = []
    column = None
    after_note = False
    characters = list(page)
    runs = list(_runs(page, characters, _texts(page, characters, unsure, below, modern)))
    for place, (line, text) in enumerate(runs):
        if line is not None and line.role == "neighbour":
            continue
        if line is not None and line.role == "ruby":
            written.append(f"《{text}》" if ruby else "")
        elif line is not None and line.role == "note" and (host := _host(page, line, column, runs[place + 1 :])):
            if host is not column:
                written.append("\n")
                column, after_note = host, False
            if after_note:
                written[-1] = written[-1][:-1] + f"／{text}〉"
            else:
                written.append(f"〈{text}〉")
            after_note = True
            continue
        else:
            if place and (line is None or line is not column):
                written.append("\n")
            written.append(text)
            column = line
        after_note = False
    return "".join(written).lstrip("\n")


def _texts(page: "Page", characters: Sequence["Character"], unsure: Unsure, below: float, modern: bool) -> list[str]:
    """What is written for each character."""
    is_unsure = [not each.candidates or each.candidates[0].probability < below for each in characters]
    hidden = [not each.text or (unsure == "geta" and one) for each, one in zip(characters, is_unsure, strict=True)]
    texts = [NAMELESS if hide else each.text for each, hide in zip(characters, hidden, strict=True)]
    if modern:
        # An iteration mark at the head of a column repeats the end of the one before, and none repeats ruby beside it.
        threads: dict[int, list[int]] = {}
        for place, each in enumerate(characters):
            apart = each.line >= 0 and page.lines[each.line].role in ("ruby", "note")
            threads.setdefault(each.line if apart else -1, []).append(place)
        for places in threads.values():
            for place, text in zip(places, resolved_each(new_forms(texts[each]) for each in places), strict=True):
                texts[place] = text
    marked = [unsure == "mark" and one and not hide for one, hide in zip(is_unsure, hidden, strict=True)]
    return [f"{text}？" if mark else text for text, mark in zip(texts, marked, strict=True)]


def _runs(page: "Page", characters: Sequence["Character"], texts: Sequence[str]) -> Iterator[tuple["Line | None", str]]:
    """What characters say that follow each other on one line, with that line."""
    for number, run in groupby(zip(characters, texts, strict=True), key=lambda each: each[0].line):
        yield (page.lines[number] if number >= 0 else None), "".join(text for _, text in run)


def _host(page: "Page", note: "Line", column: "Line | None", later: list[tuple["Line | None", str]]) -> "Line | None":
    """The column that a note stands in: that which is being read, or the next one; None if it stands by itself."""
    following = next((line for line, _ in later if line is not None and line.role not in ("note", "ruby")), None)
    return next((each for each in (column, following) if each is not None and _stands_in(note, each, page)), None)


def _stands_in(note: "Line", column: "Line", page: "Page") -> bool:
    across = 0 if page.direction == "vertical-rl" else 1
    middle = (note.polygon.min(axis=0) + note.polygon.max(axis=0)) / 2
    length = np.ptp(note.polygon, axis=0)
    first, last = column.polygon.min(axis=0), column.polygon.max(axis=0)
    # It may stand before the beginning or after the end, and half aside, as one of two narrow lines does.
    slack = np.where(np.arange(2) == across, (last - first) / 2, length)
    return bool(((middle >= first - slack) & (middle <= last + slack)).all())
