"""Names of classes by which something else may have been meant than what they say."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from kuzushiji.characters import is_character, kind
from kuzushiji.data.files.text import japanese

_CODE = re.compile(r"(?:[Uu]\+|0x|&#x?)[0-9A-Fa-f]{3,6}|uni[0-9A-F]{4}")
_BARE = re.compile("(?=.*[A-F])[0-9A-F]{4,5}")
_LEGACY = ("cp437", "cp1252", "latin-1", "mac_roman")
"""What programs of the West take names for that are in Shift JIS or UTF-8."""


def odd_classes(classes: Iterable[str]) -> Iterator[str]:
    """What is odd about the names of classes, a sentence of each kind.

    Example:
        >>> list(odd_classes(["お", "304B"]))
        ['the class 304B is called so; if か is meant, call its folder U+304B']
    """
    names = list(classes)
    if nameless := [name for name in names if len(name) == 1 and not is_character(name)]:
        shown = " ".join(f"U+{ord(name):04X}" for name in nameless)
        yield f"{shown} stands for no character (a space, a lone mark, what could not be read); it is a class"
    for name in names:
        if _BARE.fullmatch(name.upper()) and is_character(named := chr(int(name, 16))):
            yield f"the class {name} is called so; if {named} is meant, call its folder U+{name}"
            break  # which is enough to see why, here and below
    for name in names:
        if _CODE.search(name):
            yield (
                f"the class {name} is called so; its code point is not read: expected U+304A, or U+304A with that very "
                "character beside it"
            )
            break
    for name in names:
        if meant := _garbled(name):
            yield f"the class {name} is called so; it looks like {meant}, read in the wrong encoding: rename its folder"
            break
    for name in names:
        wide = unicodedata.normalize("NFKC", name)
        if wide != name and "\uff61" <= name[0] <= "\uff9f" and wide in names:
            yield f"{name} and {wide}, of half and of full width, are two classes"
            break


def _garbled(name: str) -> str:
    """The Japanese that a name is which was read as if it were in an encoding of the West; empty if it is none."""
    if name.isascii() or any(_is_japanese(each) for each in name):
        return ""
    for wrong in _LEGACY:
        try:
            content = name.encode(wrong)
        except UnicodeEncodeError:
            continue
        try:
            found: str | None = content.decode()
        except UnicodeDecodeError:
            found = japanese(content)
        if found and all(map(_is_japanese, found)):
            return found
    return ""


def _is_japanese(character: str) -> bool:
    return is_character(character) and ord(character) >= 0x3040 and kind(character) in ("kana", "kanji")
