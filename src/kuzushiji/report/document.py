"""A page as blocks, whatever it is written as: `kuzushiji.report.html` or `kuzushiji.report.markdown`.

Blocks say what a thing is (a table, a note), not what it looks like.  Text is plain: whatever stands in it, the writers
show it as it is.

    >>> Document("Which is better?", sections=(
    ...     Section("results", "What came of each", (
    ...         Paragraph(("The best is ", Strong("resnet"), ".")),
    ...         Table((Column("network"), Column("accuracy", "number")), (("resnet", "97.12%"), ("lenet5", "95.30%"))),
    ...     )),
    ... ))                                                                                          # doctest: +ELLIPSIS
    Document(title='Which is better?', ...)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from kuzushiji.plots.files import Draw

# What stands within a line.


@dataclass(frozen=True)
class Strong:
    """What matters most."""

    text: "Text"


@dataclass(frozen=True)
class Quiet:
    """What matters less."""

    text: "Text"


@dataclass(frozen=True)
class Code:
    """A word of the command line or of Python."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link to an address, or to a section, a block or a file: `#id`, `name.html`."""

    text: str
    to: str


@dataclass(frozen=True)
class Japanese:
    """Text in a Japanese font, such as a class; by its code points too where no font of ours draws it.

    `large` stands out from the text around it.
    """

    text: str
    large: bool = False


@dataclass(frozen=True)
class Break:
    """A new line."""


@dataclass(frozen=True, eq=False)
class Thumbnail:
    """A small image of a character.

    Attributes:
        image: uint8 (H, W), ink bright on black.
        of: what it shows, for those who can't see it.
        caption: what stands below it.
        wrong: stands out, by more than colour.
        less: uint8 (H, W), what is taken away where `image` is added, in another colour; None for plain ink.
    """

    image: NDArray[np.uint8]
    of: str
    caption: "Text" = ""
    wrong: bool = False
    less: NDArray[np.uint8] | None = None


Text: TypeAlias = str | Strong | Quiet | Code | Link | Japanese | Break | Thumbnail | tuple["Text", ...]
"""Words, or several such after one another."""


# What stands in a table.


@dataclass(frozen=True)
class Value:
    """A number in a table that can be sorted by it: how it is written, and what it is; NaN is the least of all."""

    text: Text
    value: float


@dataclass(frozen=True)
class Bar:
    """A share and its interval, drawn as a bar where a page can: from 0 to 1, and how they are written."""

    low: float
    value: float
    high: float
    text: str


Cell: TypeAlias = Text | Value | Bar


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its head.
        kind: `text` wraps; `word` is a text that does not; `number` is aligned to the right; `interval` belongs to the
            number before it; `note` explains the row and takes the room that is left; `bar` has a `Bar` in each row.
        start: the share at which the bars begin.
    """

    title: Text = ""
    kind: Literal["text", "word", "number", "interval", "note", "bar"] = "text"
    start: float = 0.0


# Blocks.


@dataclass(frozen=True)
class Heading:
    """A heading within a section; level 3 or 4."""

    text: str
    level: int = 3


@dataclass(frozen=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True)
class Note:
    """A paragraph that explains what stands before it."""

    text: Text


@dataclass(frozen=True)
class Points:
    """A list of points."""

    items: tuple[Text, ...]


@dataclass(frozen=True)
class Quote:
    """Words of somebody else, a paragraph each."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Markdown:
    """What a user wrote as Markdown."""

    source: str


@dataclass(frozen=True)
class Commands:
    """Commands or code, a line each."""

    lines: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells, as many in each as there are columns.

    Attributes:
        columns: what stands in each; a table whose columns have no titles has no head.
        rows: the cells.
        label: what it shows, for those who can't see it.
        strong: number of the row that stands out; None for none.
        sortable: whether a reader can sort it by the columns of `Value` cells.
        tall: whether so many rows are expected that it gets a window of its own.
        stacked: whether its cells stand below one another where the page is narrow, as thumbnails do best.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    label: str = ""
    strong: int | None = None
    sortable: bool = False
    tall: bool = False
    stacked: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for, below a heading of their own."""

    entries: tuple[tuple[Text, Text], ...]
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure that follows the page's light or dark.

    Attributes:
        name: of its file and its place on the page.
        label: what it shows, for those who can't see it.
        draw: draws it.
        wide: whether it fills the page.
        caption: what stands below it.
    """

    name: str
    label: str
    draw: Draw
    wide: bool = True
    caption: Text = ""


Figures: TypeAlias = Mapping[str, Figure]
"""Figures by their names."""


@dataclass(frozen=True)
class Gallery:
    """Images of characters, each with its caption.

    Attributes:
        images: the images.
        roomy: whether they are larger.
    """

    images: tuple[Thumbnail, ...]
    roomy: bool = False


@dataclass(frozen=True)
class Columns:
    """Blocks side by side, as many as there is room for: each cell is at least so many letters wide.

    `framed` cells belong together as little groups do; those numbered in `marked` stand out.
    """

    cells: tuple[tuple["Block", ...], ...]
    least: int = 40
    framed: bool = False
    marked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away below a line."""

    summary: str
    blocks: tuple["Block", ...]
    open: bool = False


Block: TypeAlias = (
    Heading
    | Paragraph
    | Note
    | Points
    | Quote
    | Markdown
    | Commands
    | Table
    | Facts
    | Figure
    | Gallery
    | Columns
    | Details
)


@dataclass(frozen=True)
class Section:
    """A heading and what stands below.

    Attributes:
        id: its place on the page.
        title: its heading.
        blocks: what stands below.
        menu: its name in the menu; it is not in the menu if empty.
        shows_data: whether images of a dataset are in it, whose licence goes with them.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]
    menu: str = ""
    shows_data: bool = False


@dataclass(frozen=True)
class Document:
    """A page.

    Attributes:
        title: its heading.
        lead: what stands below the heading, before the first section.
        sections: in order.
        footer: lines at the end.
        subject: what it is of, for the window's title.
        opening: images above the heading.
        result: the number that matters most, such as `97.12%`, and what it is; None where there is none.
    """

    title: str
    lead: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()
    footer: tuple[Text, ...] = ()
    subject: str = ""
    opening: tuple[Thumbnail, ...] = ()
    result: tuple[str, str] | None = None

    def without_data(self) -> "Document":
        """Itself without images of datasets, for a place where their licence is no matter of the reader."""
        return replace(self, opening=(), sections=tuple(each for each in self.sections if not each.shows_data))

    def blocks(self) -> Iterator[Block]:
        """All blocks in order, those within others too."""
        yield from _flat(self.lead)
        for section in self.sections:
            yield from _flat(section.blocks)


def _flat(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for block in blocks:
        yield block
        match block:
            case Details():
                yield from _flat(block.blocks)
            case Columns():
                for cell in block.cells:
                    yield from _flat(cell)
