"""A page as plain text: a line a column."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kuzushiji.document.page import Page

NAMELESS = "〓"
"""The geta mark: there is a character, but nobody said which."""


def write(page: "Page") -> str:
    """What it says in reading order; a new line where a line of the page begins."""
    written: list[str] = []
    before = None
    for character in page:
        if written and character.line != before:
            written.append("\n")
        written.append(character.text or NAMELESS)
        before = character.line
    return "".join(written)
