"""Whether a built site holds together: every link and picture is there, and nothing is taken from elsewhere.

`python tools/check_site.py site` names what is wrong, one a line, and ends with exit code 1. MkDocs looks at links of
Markdown; this looks at what came of them, and so at HTML within Markdown, at the reports of the gallery, and at what
scripts and style sheets are loaded. Links to other sites are for whoever follows them and are not asked for.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import html

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
"""Elements that load what they name, and by which attribute; a `link` does too unless it only refers."""

REFERRING = {"canonical", "next", "prev", "alternate"}


def faults(folder: Path) -> Iterator[str]:
    """What is wrong with a built site, each as `FILE: what`."""
    folder = folder.resolve()
    for path in sorted(folder.rglob("*.html")):
        for element in _document(path).iter("a", "link", *LOADED):
            name = LOADED.get(element.tag, "href")
            address = element.get(name, "")
            loads = element.tag in LOADED or (element.tag == "link" and element.get("rel") not in REFERRING)
            if wrong := _fault(folder, path, address, loads):
                yield f"{path.relative_to(folder)}: {wrong}"
    for path in sorted(folder.rglob("*.css")):
        for address in re.findall(r"(?:url\(|@import )[\"']?(https?:[^\"')]+)", path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(folder)}: loads {address}"


def _fault(folder: Path, path: Path, address: str, loads: bool) -> str | None:
    """What is wrong with a link on a page, if anything."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return f"loads {address}" if loads and parts.scheme != "data" else None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if path.name == "404.html":  # which stands in for a page of any folder, and so begins at the root
        target = folder / unquote(parts.path).lstrip("/")
        return None if not parts.path.strip("/") or target.exists() else f"{address} is not there"
    if not target.is_relative_to(folder) or not target.exists():
        return f"{address} is not there"
    if parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _anchors(target):
        return f"{address} has no such place"
    return None


@cache
def _document(path: Path) -> html.HtmlElement:
    return html.fromstring(path.read_bytes())


@cache
def _anchors(path: Path) -> frozenset[str]:
    return frozenset(found for found in _document(path).xpath("//@id | //a/@name"))


if __name__ == "__main__":
    found = list(faults(Path(sys.argv[1])))
    print("\n".join(found) or "every link is there, and nothing is taken from elsewhere")
    sys.exit(bool(found))
