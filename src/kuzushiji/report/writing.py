"""A study's answer as files: one HTML page, JSON, and Markdown with its figures."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from kuzushiji.files import write_text, written_whole
from kuzushiji.report.document import Document
from kuzushiji.report.html import as_html
from kuzushiji.report.markdown import as_markdown, figure_files, write_figures
from kuzushiji.studies.answer import Answer
from kuzushiji.studies.stored import ANSWER, to_json

REPORT = "report.html"
MARKDOWN = "answer.md"
PICTURES = "pictures"


def write_answer(
    answer: Answer, conclusion: Sequence[str], document: Document, folder: Path, docs: Path | None = None
) -> list[Path]:
    """Writes report.html, answer.json and answer.md with its figures into a folder.

    Args:
        answer, conclusion, document: what was found, in numbers, in sentences and in order.
        folder: where they go.
        docs: another folder to write the Markdown into, as NAME.md with the figures in NAME/; images of the dataset
            are left out there, so that its licence is no matter of the repository that the folder may lie in.

    Returns:
        The files, without the figures.
    """
    written = [folder / REPORT, folder / ANSWER, folder / MARKDOWN]
    write_text(written[0], as_html(document))
    write_text(written[1], json.dumps(to_json(answer, conclusion), ensure_ascii=False, indent=1))
    write_figures(document, folder / PICTURES)
    write_text(written[2], as_markdown(document, PICTURES))
    if docs is not None:
        name = answer.study.name
        public = document.without_data()
        for figure in figure_files(public):
            with written_whole(docs / name / figure) as beside:
                shutil.copyfile(folder / PICTURES / figure, beside)
        written.append(docs / f"{name}.md")
        write_text(written[-1], as_markdown(public, name))
    return written
