"""Data of other programs, in and out: pages with their boxes, and images of lines.

A format is a reader and a writer, in a table; what reads pages or lines from anywhere asks it which of them it has.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kuzushiji.data.exchange import coco, kaggle, kraken, lines, parseq, yolo
from kuzushiji.data.exchange.lines import LineImage, Lines
from kuzushiji.data.exchange.scans import Odd, Scan, Told
from kuzushiji.data.files.listing import unreadable
from kuzushiji.data.pages.tables import holds_pages


@dataclass(frozen=True)
class PageFormat:
    """A way to keep pages with their images.

    Attributes:
        knows: whether a folder or a file is kept so; looks at names and beginnings alone.
        read: the pages of what `knows` knows; what can't be taken over is counted in `Odd`.
        write: writes the pages of each split into an empty folder.
    """

    knows: Callable[[Path], bool]
    read: Callable[[Path, Odd], list[Scan]]
    write: Callable[[Path, Mapping[str, Sequence[Scan]], Odd, Told], None]


@dataclass(frozen=True)
class LineFormat:
    """A way to keep images of lines with what they say.

    Attributes:
        knows: as in `PageFormat`.
        read: split -> its lines.
        write: writes the lines of each split into an empty folder.
    """

    knows: Callable[[Path], bool]
    read: Callable[[Path, Odd], dict[str, list[LineImage]]]
    write: Callable[[Path, Lines, Told], None]


PAGE_FORMATS = {
    "kaggle": PageFormat(holds_pages, kaggle.read, kaggle.write),
    "coco": PageFormat(coco.knows, coco.read, coco.write),
    "yolo": PageFormat(yolo.knows, yolo.read, yolo.write),
    "kraken": PageFormat(kraken.knows, kraken.read, kraken.write),
}
"""Of pages; where several know what lies at a path, the first is meant."""

LINE_FORMATS = {
    "lines": LineFormat(lines.knows_texts, lines.read_texts, lines.write_texts),
    "doctr": LineFormat(lines.knows_doctr, lines.read_doctr, lines.write_doctr),
    "lmdb": LineFormat(parseq.knows, parseq.read, parseq.write),
}
"""Of images of lines."""


def known_format(path: Path) -> str | None:
    """The name of the format that a folder or file is kept in; None if it is none of these.

    Raises:
        DataError: it can't be read.
    """
    if not os.path.exists(path):  # which is not put out by a name that nothing can have
        return None
    try:
        return next((name for name, format in (LINE_FORMATS | PAGE_FORMATS).items() if format.knows(path)), None)
    except OSError as error:
        raise unreadable(path, error) from None
