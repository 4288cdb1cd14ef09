"""Documents as HTML: every block, whatever is in it."""

import re

import numpy as np
import pytest

from kuzushiji.report.document import (
    Bar,
    Code,
    Column,
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
    Section,
    Strong,
    Table,
    Thumbnail,
    Value,
)
from kuzushiji.report.html import as_html
from tests.report.test_markdown import draw
from tests.report.test_report import Page

INK = np.full((4, 4), 255, dtype=np.uint8)


def page_of(*blocks, **changes):
    html = as_html(Document("A title", sections=(Section("all", "All", blocks, "All"),), **changes))
    page = Page(html)
    page.text = " ".join(page.text.split())
    return html, page


def test_a_title_of_several_sources_may_break_between_them():
    html = as_html(Document("resnet on kmnist6k+<brush>"))
    assert "<h1>resnet on kmnist6k+<wbr>&lt;brush&gt;</h1>" in html


def test_every_block_is_there():
    table = Table(
        (Column("name"), Column("value", "number"), Column("recall", "bar", start=0.5)),
        (("a", Value("1.0", 1), Bar(0.6, 0.75, 1, "60% to 100%")), ("b", Value("–", float("nan")), "–")),
        strong=0,
        sortable=True,
    )
    blocks = (
        Heading("A heading", 4),
        Paragraph(("Some ", Strong("strong"), Quiet(" quiet "), Code("code"), Link("there", "https://example.org"))),
        Note("A note."),
        Points(("one", "two")),
        Quote(("He said.",)),
        Markdown("as *it* is"),
        Commands(("kuzushiji train", "kuzushiji report")),
        table,
        Facts((("seed", "0"),), "Search"),
        Figure("curve", "how it went", draw, caption="It went well."),
        Gallery((Thumbnail(INK, "お", "right"), Thumbnail(INK, "き", Japanese("き"), wrong=True, less=INK // 2))),
        Columns(((Note("left"),), (Note("right"),)), framed=True, marked=frozenset({1})),
        Details("More", (Note("folded"),)),
    )
    html, page = page_of(*blocks)
    for words in (
        "A heading", "Some strong quiet code there", "A note.", "one two", "He said.", "as *it* is", "kuzushiji train",
        "name value recall 50% 100% a 1.0 b – –", "Search seed 0", "It went well.", "right × き", "left right",
        "More folded",
    ):  # fmt: skip
        assert words in page.text, words
    assert page.count("tr", class_="strong") == 1
    assert re.findall('data-sort="([^"]*)"', html) == ["1", "-Infinity"]
    assert "--low:0.2000;--high:1.0000;--value:0.5000" in html
    assert page.count("figure", id="figure-curve") == 1
    assert page.count("div", class_="marked") == 1
    assert html.count("--sprite:url") == 1, "images of one size share a sprite"


@pytest.mark.parametrize("block", [Paragraph, Note, Heading, Markdown, lambda text: Quote((text,))])
def test_text_stays_text(block):
    _, page = page_of(block("</p><script>alert(1)</script>&amp;"))
    assert "</p><script>alert(1)</script>&amp;" in page.text
    assert page.count("script") == 1


def test_menu_result_opening_and_footer():
    document = {"result": ("97%", "accuracy"), "opening": (Thumbnail(INK, "お"),), "subject": "of it"}
    html, page = page_of(footer=("Data: theirs",), **document)
    assert "<title>A title · of it</title>" in html
    assert page.count("a", href="#all") == 1
    assert "97% accuracy" in page.text
    assert page.count("i") == 1
    assert "Data: theirs" in page.text


def test_a_document_is_the_same_each_time():
    assert page_of(Figure("curve", "a curve", draw))[0] == page_of(Figure("curve", "a curve", draw))[0]
