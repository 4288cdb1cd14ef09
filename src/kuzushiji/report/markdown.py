"""A document as Markdown, as GitHub shows it, with its figures as files."""

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from kuzushiji.plots.files import save
from kuzushiji.report.document import (
    Bar,
    Block,
    Break,
    Cell,
    Code,
    Columns,
    Commands,
    Details,
    Document,
    Facts,
    Figure,
    Gallery,
    Heading,
    Japanese,
    Link,
    Markdown,
    Note,
    Paragraph,
    Points,
    Quiet,
    Quote,
    Strong,
    Table,
    Text,
    Thumbnail,
    Value,
)


def as_markdown(document: Document, pictures: str = "pictures") -> str:
    """The document as Markdown.

    Args:
        document: what to write.
        pictures: the folder of the figures, as the page refers to it.
    """
    parts = [f"# {text_as_markdown(document.title)}"]
    if document.result is not None:
        parts.append(f"**{_escaped(document.result[0])}** {_escaped(document.result[1])}")
    parts += _written(document.lead, pictures)
    for section in document.sections:
        parts += [f"## {_escaped(section.title)}", *_written(section.blocks, pictures)]
    if document.footer:
        parts += ["---", "  \n".join(text_as_markdown(line) for line in document.footer)]
    return "\n\n".join(parts) + "\n"


def write_figures(document: Document, folder: Path) -> list[Path]:
    """Writes each figure of a document as an SVG.

    Args:
        document: what to write.
        folder: where they go; it is made if it is not there.

    Returns:
        The files.
    """
    figures = figure_files(document)
    for name, figure in figures.items():
        save(figure.draw(False), folder / name, figure.label)
    return [folder / name for name in figures]


def figure_files(document: Document) -> dict[str, Figure]:
    """Name of its file -> each figure of a document."""
    return {_file_name(block): block for block in document.blocks() if isinstance(block, Figure)}


def _file_name(figure: Figure) -> str:
    return re.sub(r"[^a-z0-9]+", "-", figure.name.lower()).strip("-") + ".svg"


def text_as_markdown(text: Text) -> str:
    """Text as Markdown shows it, whatever is in it; images of characters are left out."""
    match text:
        case str():
            return _escaped(text)
        case tuple():
            return "".join(map(text_as_markdown, text))
        case Strong():
            return f"**{text_as_markdown(text.text)}**"
        case Code():
            return _code(text.text)
        case Link():
            if text.text == text.to:
                return f"<{text.to}>"
            return f"[{_escaped(text.text)}]({text.to})"
        case Japanese():
            return _escaped(text.text)
        case Quiet():
            return text_as_markdown(text.text)
        case Break():
            return "<br>"
        case Thumbnail():
            return ""


def _written(blocks: Sequence[Block], pictures: str) -> Iterator[str]:
    """A part of the page for each block that has something to say."""
    for block in blocks:
        if part := _block(block, pictures):
            yield part


def _block(block: Block, pictures: str) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_escaped(block.text)}"
        case Paragraph() | Note():
            return text_as_markdown(block.text)
        case Points():
            return "\n".join(f"- {text_as_markdown(item)}" for item in block.items)
        case Quote():
            return "\n".join(f"> {_escaped(line)}" for line in block.lines)
        case Markdown():
            return block.source
        case Commands():
            fence = "`" * max(3, _around("".join(block.lines)))
            return "\n".join([f"{fence}{block.language}", *block.lines, fence])
        case Table():
            return _table(block)
        case Facts():
            title = f"**{_escaped(block.title)}**\n\n" if block.title else ""
            lines = (f"- {text_as_markdown(name)}: {text_as_markdown(value)}" for name, value in block.entries)
            return title + "\n".join(lines)
        case Figure():
            below = f"\n\n{text_as_markdown(block.caption)}" if block.caption else ""
            return f"![{_escaped(block.label)}]({pictures}/{_file_name(block)}){below}"
        case Gallery():
            return ""
        case Columns():
            return "\n\n".join(part for cell in block.cells for part in _written(cell, pictures))
        case Details():
            within = "\n\n".join(_written(block.blocks, pictures))
            summary = f"<summary>{escape(block.summary)}</summary>"
            return f"<details{' open' if block.open else ''}>\n{summary}\n\n{within}\n\n</details>"


def _table(table: Table) -> str:
    head = [text_as_markdown(column.title) for column in table.columns]
    rule = ["---:" if column.kind == "number" else "---" for column in table.columns]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    if table.strong is not None and rows:
        rows[table.strong] = [f"**{text}**" if text not in ("", "–") else text for text in rows[table.strong]]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _cell(cell: Cell) -> str:
    match cell:
        case Value():
            return text_as_markdown(cell.text)
        case Bar():
            return _escaped(cell.text)
    return text_as_markdown(cell)


def _code(text: str) -> str:
    """Code as Markdown shows it, in one line; backticks within need more of them around."""
    text, around = _in_a_line(text), "`" * _around(text)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{around}{pad}{text}{pad}{around}".replace("|", r"\|")


def _around(text: str) -> int:
    """How many backticks around a text are more than any that stand together in it."""
    return 1 + max(map(len, re.findall("`+", text)), default=0)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is: no formula, entity or line through it either."""
    return re.sub(r"([|*_<>`\\$]|(?<=\])\(|&(?=#?\w+;)|~(?=~))", r"\\\1", _in_a_line(text))


def _in_a_line(text: str) -> str:
    """Text without ends of lines, after which Markdown begins something else."""
    return re.sub(r"\s*[\n\r]\s*", " ", text)
