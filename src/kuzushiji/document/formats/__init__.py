"""Files of pages: each format is a module with `write(page) -> str` and `read(content) -> Page`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.document.formats import alto, iiif, json, pagexml, tei, text
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import write_text


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: what the names of its files end with.
        write: a page -> the text of its file.
        read: the bytes of a file -> its page; raises DataError, whose message goes on from the name of the file; None
            if such files don't say where anything stands.
        knows: whether bytes look like those of such a file.
    """

    suffix: str
    write: Callable[[Page], str]
    read: Callable[[bytes], Page] | None = None
    knows: Callable[[bytes], bool] = lambda content: False


FORMATS = {
    "iiif": Format(".iiif.json", iiif.write, iiif.read, iiif.knows),
    "json": Format(".json", json.write, json.read, json.knows),
    "pagexml": Format(".xml", pagexml.write, pagexml.read, pagexml.knows),
    "alto": Format(".xml", alto.write, alto.read, alto.knows),
    "tei": Format(".xml", tei.write, tei.read, tei.knows),
    "txt": Format(".txt", text.write),
}
"""The formats by name; where several have a suffix that fits, the first is meant by it."""


def save(page: Page, path: Path, format: str | None = None) -> None:
    """Writes a page, whole or not at all; see `Page.save`."""
    if format is None:
        fitting = [name for name, each in FORMATS.items() if path.name.lower().endswith(each.suffix)]
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
        if format.read and format.knows(content):
            try:
                return format.read(content)
            except DataError as error:
                raise DataError(f"{path} {error}") from None
    known = ", ".join(name for name, format in FORMATS.items() if format.read)
    raise DataError(f"{path} is no page in one of the formats {known}: it begins with {content[:40]!r}")
