"""Files of pages: each format is a module with `write(page) -> str` and `read(content) -> Page`.

PDF holds the scan as well: `write(page, scan) -> bytes`; nothing reads it back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.document.formats import alto, iiif, json, pagexml, pdf, tei, text
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.files import write_bytes
from kuzushiji.imaging.read import Source


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


@dataclass(frozen=True)
class ScanFormat:
    """A kind of file that holds the image of the page too.

    Attributes:
        suffix: what the names of its files end with.
        write: a page and its image -> the content of its file; raises DataError, whose message goes on from the name
            of the page.
    """

    suffix: str
    write: Callable[[Page, Source], bytes]


SCAN_FORMATS = {"pdf": ScanFormat(".pdf", pdf.write)}

SUFFIXES = {name: each.suffix for name, each in (FORMATS | SCAN_FORMATS).items()}
"""Of all formats that pages are written in."""


def content_of(page: Page, format: str, scan: Source | None = None) -> bytes:
    """The content of a page's file.

    Args:
        format: of `SUFFIXES`.
        scan: the image of the page, for a format that holds it.

    Raises:
        UsageError: there is no such format, or it needs the image.
        DataError: the page can't be written so, or the image can't be read.
    """
    if format in FORMATS:
        return FORMATS[format].write(page).encode()
    if format not in SCAN_FORMATS:
        raise unknown_name("format of pages", format, SUFFIXES)
    if scan is None:
        raise UsageError(f"{format} holds the image of the page too; name it as `scan`")
    try:
        return SCAN_FORMATS[format].write(page, scan)
    except DataError as error:
        raise DataError(f"{page.image.name} {error}") from None


def save(page: Page, path: Path, format: str | None = None, scan: Source | None = None) -> None:
    """Writes a page, whole or not at all; see `Page.save`."""
    if format is None:
        fitting = [name for name, suffix in SUFFIXES.items() if path.name.lower().endswith(suffix)]
        if not fitting:
            known = ", ".join(sorted(set(SUFFIXES.values())))
            raise UsageError(f"{path} has the ending of no format of pages; expected one of {known}")
        format = fitting[0]
    write_bytes(path, content_of(page, format, scan))


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
