"""A study's answer as files: one HTML page, JSON, and Markdown with its pictures."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kuzushiji.files import write_text, written_whole
from kuzushiji.plots.files import save, svg
from kuzushiji.report.characters import Sprite
from kuzushiji.report.page import render
from kuzushiji.report.study import Block, Commands, Document, Picture, Table, Text
from kuzushiji.studies.answer import Answer
from kuzushiji.studies.stored import ANSWER, to_json
from kuzushiji.version import __version__

REPORT = "report.html"
MARKDOWN = "answer.md"
PICTURES = "pictures"


def write_answer(
    answer: Answer, conclusion: Sequence[str], document: Document, folder: Path, docs: Path | None = None
) -> list[Path]:
    """Writes report.html, answer.json and answer.md with its pictures into a folder.

    Args:
        answer, conclusion, document: what was found, in numbers, in sentences and in order.
        folder: where they go.
        docs: another folder to write the Markdown into, as NAME.md with the pictures in NAME/; images of the dataset
            are left out there, so that its licence is no matter of the repository that the folder may lie in.

    Returns:
        The files, without the pictures.
    """
    written = [folder / REPORT, folder / ANSWER, folder / MARKDOWN]
    write_text(written[0], html_page(document, answer.study.name))
    write_text(written[1], json.dumps(to_json(answer, conclusion), ensure_ascii=False, indent=1))
    pictures = _write_pictures(document, folder / PICTURES)
    write_text(written[2], markdown_page(document, PICTURES))
    if docs is not None:
        name = answer.study.name
        public = replace(document, sections=tuple(each for each in document.sections if not each.shows_data))
        for picture in _picture_files(public):
            with written_whole(docs / name / picture) as beside:
                shutil.copyfile(pictures[picture], beside)
        written.append(docs / f"{name}.md")
        write_text(written[-1], markdown_page(public, name))
    return written


def html_page(document: Document, name: str) -> str:
    """The answer as one HTML file, which needs nothing beside it.

    Args:
        name: of the study, for the window's title.
    """
    content = {
        "version": __version__,
        "title": document.title,
        "run": name,
        "question": document.question,
        "conclusion": " ".join(document.conclusion),
        "opening": _drawn(document.opening),
        "sections": [
            {
                "id": section.id,
                "short": section.short,
                "heading": section.heading,
                "blocks": [_block(block) for block in section.blocks],
            }
            for section in document.sections
        ],
        "footer": document.footer,
        "sprite": Sprite(),
        "image_ratio": 1.0,
    }
    return render(content, "study.html", ("study.css",))


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return {"kind": "text", **vars(block)}
        case Table():
            return {"kind": "table", **vars(block)}
        case Commands():
            return {"kind": "commands", **vars(block)}
        case Picture():
            return _drawn(block)


def _drawn(picture: Picture) -> dict[str, Any]:
    """A figure as SVG that takes its colours from the page."""
    drawings = [("", Markup(svg(picture.draw(False), picture.label)))]
    return {"kind": "picture", "wide": picture.wide, "drawings": drawings}


def markdown_page(document: Document, pictures: str) -> str:
    """The answer as Markdown.

    Args:
        pictures: the folder that its pictures lie in, as the page refers to it.
    """
    lines = [
        f"# {_escaped(document.title)}",
        "",
        _escaped(document.question),
        "",
        _escaped(" ".join(document.conclusion)),
        "",
    ]
    lines += _markdown(document.opening, pictures)
    for section in document.sections:
        lines += ["", f"## {section.heading}"]
        for block in section.blocks:
            lines += ["", *_markdown(block, pictures)]
    lines += ["", "---", "", *(f"{line}  " for line in document.footer)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(block: Block, pictures: str) -> list[str]:
    match block:
        case Text():
            return [_escaped(block.text)]
        case Commands():
            return ["```", *block.lines, "```"]
        case Table():
            return _markdown_table(block)
        case Picture():
            return [
                "<picture>",
                f'<source media="(prefers-color-scheme: dark)" srcset="{pictures}/{_file_name(block, "dark")}">',
                f'<img alt="{escape(block.label)}" src="{pictures}/{_file_name(block, "light")}">',
                "</picture>",
            ]


def _file_name(picture: Picture, theme: str) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", picture.name.lower()).strip("-")
    # Images of characters are pixels, and thousands of lines are smaller as such.
    return f"{name}-{theme}.{'svg' if picture.adaptive else 'png'}"


def _picture_files(document: Document) -> dict[str, tuple[Picture, str]]:
    """File name -> the picture and its theme, for each picture of a document on light and on dark pages."""
    blocks = [document.opening, *(block for section in document.sections for block in section.blocks)]
    pictures = [block for block in blocks if isinstance(block, Picture)]
    return {_file_name(picture, theme): (picture, theme) for picture in pictures for theme in ("light", "dark")}


def _write_pictures(document: Document, folder: Path) -> dict[str, Path]:
    """Writes each picture of a document; file name -> where it lies."""
    written = {}
    for name, (picture, theme) in _picture_files(document).items():
        written[name] = folder / name
        save(picture.draw(theme == "dark"), written[name])
    return written


def _markdown_table(table: Table) -> list[str]:
    rows = [tuple(_escaped(text) for text in row) for row in table.rows]
    if table.strong is not None and rows:
        rows[table.strong] = tuple(f"**{text}**" if text not in ("", "–") else text for text in rows[table.strong])
    ruler = ["---:" if number in table.right else "---" for number in range(len(table.columns))]
    return ["| " + " | ".join(row) + " |" for row in (tuple(map(_escaped, table.columns)), tuple(ruler), *rows)]


def _escaped(text: str) -> str:
    """Text as Markdown shows it, whatever is in it."""
    return re.sub(r"([|*_<>`\\])", r"\\\1", text)
