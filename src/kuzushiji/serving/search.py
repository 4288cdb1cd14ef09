"""Searching in what pages say, whichever way it is written."""

import re

from kuzushiji.characters import new_forms, resolved_each, unvoiced
from kuzushiji.document.page import Page


def folded(text: str) -> str:
    """A text as it is compared: kanji as of today, without voicing marks, iteration marks written out, no spaces.

    Example:
        >>> folded("戀の ほとゝぎす"), folded("恋のほととぎす")
        ('恋のほとときす', '恋のほとときす')
    """
    return "".join(_folded_each(list(re.sub(r"\s", "", text))))


def searched_text(page: Page) -> str:
    """What a page says, as `folded` has it, in reading order."""
    return "".join(_folded_each([each.text for each in page]))


def find(page: Page, words: str) -> list[list[str]]:
    """Where a page says something: for each time the ids of the characters, in reading order."""
    wanted = folded(words)
    if not wanted:
        return []
    owners = [
        each.id for each, text in zip(page, _folded_each([each.text for each in page]), strict=True) for _ in text
    ]
    return [
        list(dict.fromkeys(owners[found.start() : found.start() + len(wanted)]))
        for found in re.finditer(f"(?={re.escape(wanted)})", searched_text(page))
    ]


def _folded_each(characters: list[str]) -> list[str]:
    return [unvoiced(new_forms(each)) for each in resolved_each(characters)]
