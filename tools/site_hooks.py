"""What MkDocs is told about this project's pages; `mkdocs.yml` names it.

Notebooks become pages: `docs/tutorials/NAME.ipynb` with what its cells printed and drew. What the project keeps beside
its source (`BESIDE`) is put in, and links between those and `docs` lead to where the pages are. Pages under `ja/` are
Japanese.
"""

import base64
import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parents[1]
BESIDE = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "SECURITY.md": "security.md"}
"""Files of the project's root -> the pages that they become."""

ENDINGS = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Puts in the pages that are no Markdown files under `docs`."""
    for name, page in BESIDE.items():
        text = _links_from_root((PROJECT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(notebook)
        cells = json.loads(notebook.content_string)["cells"]
        pictures: dict[str, bytes] = {}
        parts = [part for number, cell in enumerate(cells) for part in _shown(cell, number, notebook.name, pictures)]
        for name, content in pictures.items():
            files.append(File.generated(config, f"{PurePosixPath(notebook.src_uri).parent}/{name}", content=content))
        page, text = notebook.src_uri.replace(".ipynb", ".md"), "\n\n".join(parts) + "\n"
        files.append(File.generated(config, page, content=re.sub(r"(\]\([\w-]+)\.ipynb\)", r"\1.md)", text)))
        files.append(File.generated(config, notebook.src_uri, content=notebook.content_string))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links to files of the project's root lead to the pages that they became; what is folded away is Markdown too, as
    it is for GitHub; no Japanese line ends in a space."""
    markdown = markdown.replace("<details>", "<details markdown>")
    if page.file.src_uri.startswith("ja/"):
        markdown = re.sub(r"(?<=[^\x00-\x7f])\n *(?=[^\x00-\x7f])", "", markdown)
    up = posixpath.relpath(".", posixpath.dirname(page.file.src_uri) or ".")
    for name, target in BESIDE.items():
        beside = posixpath.normpath(f"{up}/../{name}")
        markdown = markdown.replace(f"]({beside}", f"]({posixpath.normpath(f'{up}/{target}')}")
    return markdown


def on_page_context(context: dict[str, Any], page: Page, config: MkDocsConfig, **_: Any) -> None:
    """A page under `ja/` has Japanese words around it too, and says that it is Japanese."""
    config.theme["language"] = "ja" if page.file.src_uri.startswith("ja/") else "en"


def _links_from_root(text: str) -> str:
    """Markdown of the project's root, with links as seen from `docs`; what is not on the site loses its link."""

    def turned(link: re.Match[str]) -> str:
        words, target = link[1], link[2]
        if "://" in target or target.startswith("#"):
            return link[0]
        path, hash_, anchor = target.partition("#")
        if path in BESIDE:
            return f"[{words}]({BESIDE[path]}{hash_}{anchor})"
        return f"[{words}]({target.removeprefix('docs/')})" if path.startswith("docs/") else words

    return re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", turned, text)


def _shown(cell: dict[str, Any], number: int, notebook: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """A cell as Markdown; what it drew is added to `pictures`."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    for place, output in enumerate(cell["outputs"]):
        data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
        drawn = next((kind for kind in ENDINGS if kind in data), None)
        if drawn is not None:
            name = f"{notebook}-{number}-{place}.{ENDINGS[drawn]}"
            content = data[drawn]
            pictures[name] = content.encode() if drawn == "image/svg+xml" else base64.b64decode(content)
            yield f"![What the code above draws]({name})"
        elif "text/html" in data:
            yield data["text/html"]
        elif text := data.get("text/plain") or "".join(output.get("text", "")):
            yield f"```{{ .text .printed .no-copy }}\n{text.rstrip()}\n```"
