"""Files of pages: each format is a module with `write(page) -> str` and `read(content) -> Page`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.document.formats import alto, json, pagexml, tei
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import write_text


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: what the names of its files end with.
        write: a page -> the text of its file.
        read: the bytes of a file -> its page; raises DataError, whose message goes on from the name of the file.
        knows: whether bytes look like those of such a file.
    """

    suffix: str
    write: Callable[[Page], str]
    read: Callable[[bytes], Page]
    knows: Callable[[bytes], bool]


FORMATS = {
    "json": Format(".json", json.write, json.read, json.knows),
    "pagexml": Format(".xml", pagexml.write, pagexml.read, pagexml.knows),
    "alto": Format(".xml", alto.write, alto.read, alto.knows),
    "tei": Format(".xml", tei.write, tei.read, tei.knows),
}
"""The formats by name; where several have the same suffix, the first is meant by it."""


def save(page: Page, path: Path, format: str | None = None) -> None:
    """Writes a page, whole or not at all; see `Page.save`."""
    if format is None:
        fitting = [name for name, each in FORMATS.items() if each.suffix == path.suffix.lower()]
        if not fitting:
            known = ", ".join(sorted({each.suffix for each in FORMATS.values()}))
            raise UsageError(f"{path} has the ending of no format of pages; expected one of {known}")
        format = fitting[0]
    if format not in FORMATS:
        raise unknown_name("format of pages", format, FORMATS)
    write_text(path, FORMATS[format].write(page))


def load(path: Path) -> Page:
    """Reads a page, in whichever format; see `Page.load`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror or error}") from None
    for format in FORMATS.values():
        if format.knows(content):
            try:
                return format.read(content)
            except DataError as error:
                raise DataError(f"{path} {error}") from None
    raise DataError(f"{path} is no page in one of the formats {', '.join(FORMATS)}: it begins with {content[:40]!r}")
