"""What the classes of other programs' boxes are called."""

import unicodedata
from collections.abc import Iterable

from kuzushiji.characters import composed, from_codepoints, is_character
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError

UNNAMED = "character"
"""The class of a character that nobody named, and of all in data that only says where characters are."""


def character_of(name: str) -> str:
    """The character that a class stands for: itself, or by its code point; the empty string for `UNNAMED`.

    Raises:
        DataError: it is the name of something else; the message goes on from the name of the file.

    Example:
        >>> character_of("お"), character_of("U+304A"), character_of("character")
        ('お', 'お', '')
    """
    if name.strip().casefold() == UNNAMED:
        return ""
    text = composed(from_codepoints(name) or name.strip())
    marks = all(unicodedata.category(each) in ("Mn", "Me") for each in text[1:])
    if not text or not marks or not is_character(text):
        raise DataError(
            f"has a class {name!r}; expected a character, a code point such as U+304A, or {UNNAMED!r} for any of them"
        )
    return text


def numbered(pages: Iterable[Page], first: int = 1) -> dict[str, int]:
    """The characters of pages by code point, each with a number; those that nobody named are `UNNAMED`, the last."""
    found = {text for page in pages for text in page.characters.best.tolist()}
    names = sorted(found - {""}) + ([UNNAMED] if "" in found else [])
    return {name: number for number, name in enumerate(names, start=first)}
