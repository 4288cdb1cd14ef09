"""What the classes are called: in a class map beside array files, and as the names of folders."""

import csv
import io
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from kuzushiji.characters import composed, from_codepoints
from kuzushiji.data.files.text import text_of
from kuzushiji.errors import DataError, UsageError
from kuzushiji.files import write_text


def read_class_map(path: Path) -> tuple[str, ...]:
    """Reads the characters of a class map: CSV with the columns index, codepoint and char, as CODH publishes it.

    A semicolon or a tab may stand between two columns, as programs for tables write them.

    Raises:
        DataError: the file is missing, has other columns, or indices that do not run 0, 1, 2 ...
    """
    try:
        rows = _rows(text_of(path.read_bytes()))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    except (DataError, csv.Error) as error:
        raise DataError(f"{path} is not a class map in UTF-8 ({error}); fetch it again") from None
    if not rows or not {"index", "char"} <= set(rows[0]):
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise DataError(f"{path} has {found}; expected the columns index, codepoint, char")
    classes = []
    for number, row in enumerate(rows):
        if row["index"].strip() != str(number) or not row["char"]:
            raise DataError(
                f"{path}, line {number + 2}: index {row['index']!r} and char {row['char']!r}; "
                f"expected index {number} and a character"
            )
        if not row.get("codepoint"):
            classes.append(composed(row["char"]))
            continue
        named = class_of_folder(row["codepoint"])  # to the letter, which not every program leaves as it is
        if composed(named) != composed(row["char"]):
            raise DataError(f"{path}, line {number + 2}: {row['codepoint']} is not {row['char']}")
        classes.append(named)
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise DataError(f"{path} has the class {twice} twice")
    return tuple(classes)


def _rows(text: str) -> list[dict[str, str]]:
    """The rows by the names of their columns in lower case, whatever stands between two columns."""
    head = text.partition("\n")[0]
    between = max(",;\t", key=head.count)
    rows = csv.reader(io.StringIO(text), delimiter=between, skipinitialspace=f"{between} " in head)
    names = [name.strip().casefold() for name in next(rows, [])]
    return [dict(zip_longest(names, row[: len(names)], fillvalue="")) for row in rows if any(row)]


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

    The code point may be written otherwise (`u+304a`, `0x304A`) and may have its character beside it (`U+304A お`).
    Some file systems keep が as か and a mark; the two are put together again.
    """
    name = composed(name).strip().strip(_UNSEEN).strip() or name
    if character := from_codepoints(name):
        return character
    if beside := _BESIDE.fullmatch(name):
        character = from_codepoints(beside["code"] or beside["last"])
        if character is not None and composed(character) == (beside["text"] or beside["first"]):
            return composed(character)
    return name


_UNSEEN = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\xad"
"""What has no width, and gets into names by copying."""
_CODE = r"(?:[Uu]\+|0x)[0-9A-Fa-f]{4,6}(?:_[Uu]\+[0-9A-Fa-f]{4,6})*"
_OPEN, _CLOSE = r"[ _(（\[-]*", r"[)）\]]?"
_BESIDE = re.compile(
    rf"(?P<code>{_CODE}){_OPEN}(?P<text>[^ )）\]]+){_CLOSE}|(?P<first>[^ _(（\[-]+){_OPEN}(?P<last>{_CODE}){_CLOSE}"
)
"""A code point and its character."""


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
