"""What the classes are called: in a class map beside array files, and as the names of folders."""

import csv
import io
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from kuzushiji.errors import DataError, UsageError
from kuzushiji.files import write_text


def read_class_map(path: Path) -> tuple[str, ...]:
    """Reads the characters of a class map: CSV with the columns index, codepoint and char, as CODH publishes it.

    Raises:
        DataError: the file is missing, has other columns, or indices that do not run 0, 1, 2 ...
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is not a class map in UTF-8 ({error}); fetch it again") from None
    if not rows or not {"index", "char"} <= set(rows[0]):
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise DataError(f"{path} has {found}; expected the columns index, codepoint, char")
    for number, row in enumerate(rows):
        if row["index"] != str(number) or not row["char"]:
            raise DataError(
                f"{path}, line {number + 2}: index {row['index']!r} and char {row['char']!r}; "
                f"expected index {number} and a character"
            )
        if row.get("codepoint") and class_of_folder(row["codepoint"]) != row["char"]:
            raise DataError(f"{path}, line {number + 2}: {row['codepoint']} is not {row['char']}")
    classes = tuple(row["char"] for row in rows)
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(f"{path} has the class {twice} twice")
    return classes


def write_class_map(path: Path, classes: Sequence[str]) -> None:
    """Writes a class map as `read_class_map` reads it, whole or not at all."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["index", "codepoint", "char"])
    for index, name in enumerate(classes):
        writer.writerow([index, "" if name.isascii() and len(name) != 1 else _codepoints(name), name])
    write_text(path, text.getvalue())


def class_of_folder(name: str) -> str:
    """The class that a folder name stands for: `U+304A` is お, `U+304B_U+309A` か゚; any other name is itself.

    Some file systems keep が as か and a mark; the two are put together again.  A single character stays as it is,
    because normalization would turn a compatibility ideograph into another character.
    """
    if re.fullmatch(r"U\+[0-9A-Fa-f]{4,6}(_U\+[0-9A-Fa-f]{4,6})*", name):
        points = [int(part[2:], 16) for part in name.split("_")]
        if max(points) <= 0x10FFFF:
            return "".join(map(chr, points))
    return name if len(name) == 1 else unicodedata.normalize("NFC", name)


def folder_of_class(name: str) -> str:
    """The folder name of a class: `U+304A` for お.  A word of ASCII letters and digits, such as `rare`, is itself.

    Raises:
        UsageError: the name is empty.
    """
    if not name:
        raise UsageError("a class without a name cannot be a folder")
    is_word = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _+-]*[A-Za-z0-9]", name) and class_of_folder(name) == name
    return name if is_word else _codepoints(name)


def _codepoints(name: str) -> str:
    return "_".join(f"U+{ord(character):04X}" for character in name)
