"""The site: every public name is in its reference, its notebooks become pages, and its links are looked at."""

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

import kuzushiji
from tests.conftest import PROJECT
from tests.tools.loading import load_tool

DOCS = PROJECT / "docs"


def test_every_public_name_is_in_the_reference() -> None:
    told = {
        name.rpartition(".")[2]
        for page in (DOCS / "reference").glob("*.md")
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(kuzushiji.__all__) <= told


class TestLinks:
    @pytest.fixture
    def site(self, tmp_path: Path) -> Path:
        (tmp_path / "other.html").write_text("<p id='here'>words</p>")
        (tmp_path / "drawn.svg").write_text("<svg/>")
        return tmp_path

    def wrong(self, site: Path, body: str) -> list[str]:
        (site / "index.html").write_text(f"<body>{body}</body>")
        check: ModuleType = load_tool("check_site")
        check._document.cache_clear()
        return list(check.faults(site))

    def test_what_is_there_is_right(self, site: Path) -> None:
        body = "<a href='other.html#here'>a</a><img src='drawn.svg'><a href='https://example.org/'>b</a>"
        assert self.wrong(site, body) == []

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ("<a href='gone.html'>a</a>", "index.html: gone.html is not there"),
            ("<a href='other.html#there'>a</a>", "index.html: other.html#there has no such place"),
            ("<img src='gone.png'>", "index.html: gone.png is not there"),
            ("<script src='https://example.org/a.js'></script>", "index.html: loads https://example.org/a.js"),
            ("<a href='../../etc/passwd'>a</a>", "index.html: ../../etc/passwd is not there"),
        ],
    )
    def test_what_is_wrong_is_told(self, site: Path, body: str, told: str) -> None:
        assert self.wrong(site, body) == [told]

    def test_the_folder_may_be_named_from_here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("site").mkdir()
        assert self.wrong(Path("site"), "<p id='here'><a href='#here'>up</a></p>") == []

    def test_style_sheets_load_nothing(self, site: Path) -> None:
        (site / "a.css").write_text("@font-face{src:url('https://example.org/a.woff')}")
        assert self.wrong(site, "") == ["a.css: loads https://example.org/a.woff"]


class TestPages:
    @pytest.fixture
    def hooks(self) -> ModuleType:
        pytest.importorskip("mkdocs", reason="the site's packages are not there: pip install '.[docs]'")
        return load_tool("site_hooks")

    def test_a_cell_is_shown_with_what_it_printed_and_drew(self, hooks: ModuleType) -> None:
        outputs = [
            {"output_type": "stream", "text": ["one\n", "two\n"]},
            {"output_type": "display_data", "data": {"image/svg+xml": ["<svg/>"], "text/plain": ["<Figure>"]}},
        ]
        cell = {"cell_type": "code", "source": ["print('one')\n", "draw()"], "outputs": outputs}
        pictures: dict[str, bytes] = {}
        code, printed, drawn = hooks._shown(json.loads(json.dumps(cell)), 3, "first", pictures)
        assert code == "```python\nprint('one')\ndraw()\n```"
        assert "one\ntwo\n```" in printed
        assert drawn.endswith("](first-3-1.svg)")
        assert pictures == {"first-3-1.svg": b"<svg/>"}

    def test_links_of_the_root_lead_to_where_the_pages_are(self, hooks: ModuleType) -> None:
        text = "[a](docs/reading.md#b) [c](SECURITY.md) [d](tools/x.py) [e](https://example.org)"
        assert hooks._links_from_root(text) == "[a](reading.md#b) [c](security.md) d [e](https://example.org)"
