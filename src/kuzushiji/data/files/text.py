"""Text files from anywhere -> text: UTF-8 or not, with a byte-order mark or without, any line ends."""

import codecs
import io
import re
from contextlib import suppress

from kuzushiji.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(content: bytes) -> str:
    r"""The text of a file, with `\n` at the end of each line.

    It is in the encoding of its byte-order mark, else in UTF-8 if it can be, else in one of those that Japanese
    programs write: Shift JIS as Windows has it, or EUC-JP.

    Raises:
        DataError: it is in none of these; the message goes on from the name of the file.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _plain(content, encoding)
    try:
        return _plain(content, "utf-8")
    except DataError as error:
        found = japanese(content)
        if found is None:
            raise error
    return io.StringIO(found, newline=None).read()


def japanese(content: bytes) -> str | None:
    """What bytes say in one of the encodings of Japan before Unicode; None if they cannot be in any."""
    found = []
    for encoding in ("cp932", "euc_jp"):
        with suppress(UnicodeDecodeError):
            found.append(content.decode(encoding))
    # Where nothing stands in an encoding, decoders put private characters and controls.
    found = [text for text in found if not re.search("[\ue000-\uf8ff\x80-\x9f]", text)]
    # What is in the other encoding is full of half-width katakana, which hardly a text has.
    return min(found, key=lambda text: sum("\uff61" <= each <= "\uff9f" for each in text), default=None)


def _plain(content: bytes, encoding: str) -> str:
    try:
        return io.StringIO(content.decode(encoding), newline=None).read()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"is not in UTF-8 (line {line}); save it as UTF-8") from None
