"""Documents as Markdown, and numbers as all pages write them."""

from math import nan

import numpy as np
import pytest

from kuzushiji.numbers import (
    decimal,
    decimal_range,
    duration,
    megabytes,
    p_value,
    percent,
    percent_range,
    points,
    points_range,
    seconds,
    short,
)
from kuzushiji.plots.style import new_figure, themed
from kuzushiji.report.document import (
    Bar,
    Break,
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
from kuzushiji.report.markdown import as_markdown, text_as_markdown, write_figures


def draw(dark):
    with themed(dark):
        figure = new_figure(2, 1)
        figure.subplots().plot([1, 2])
        return figure


THUMBNAIL = Thumbnail(np.zeros((4, 4), dtype=np.uint8), "お")
FIGURE = Figure("Rate 0.1", "how it went", draw, caption="It went well.")
DOCUMENT = Document(
    "Which is *better*?",
    (Paragraph("It depends."), FIGURE),
    (
        Section(
            "results",
            "What came of each",
            (
                Heading("In numbers"),
                Table(
                    (Column("network"), Column("accuracy", "number"), Column("recall", "bar")),
                    (
                        (Code("lenet5"), Value("95.30%", 0.953), Bar(0.9, 0.95, 1, "90% to 100%")),
                        (("a|b", Break(), Quiet("small")), Strong("97%"), "–"),
                    ),
                    strong=0,
                ),
                Note(("see ", Link("there", "https://example.org"))),
                Points(("one", "two")),
                Facts((("seed", "0"),), "Search"),
                Details("the <rest>", (Commands(("kuzushiji train", "kuzushiji report")),)),
            ),
        ),
        Section("images", "Images", (Gallery((THUMBNAIL,)), Paragraph((THUMBNAIL,))), shows_data=True),
        Section("more", "More", (Columns(((FIGURE,), (Quote(("He said.",)),))), Markdown("as *it* is"))),
    ),
    ("Data: theirs", "Written by us"),
)

EXPECTED = r"""# Which is \*better\*?

It depends.

![how it went](pictures/rate-0-1.svg)

It went well.

## What came of each

### In numbers

| network | accuracy | recall |
| --- | ---: | --- |
| **`lenet5`** | **95.30%** | **90% to 100%** |
| a\|b<br>small | **97%** | – |

see [there](https://example.org)

- one
- two

**Search**

- seed: 0

<details>
<summary>the &lt;rest&gt;</summary>

```
kuzushiji train
kuzushiji report
```

</details>

## More

![how it went](pictures/rate-0-1.svg)

It went well.

> He said.

as *it* is

---

Data: theirs
Written by us
""".replace("theirs\n", "theirs  \n")


def test_every_block_has_its_markdown():
    assert as_markdown(DOCUMENT.without_data()) == EXPECTED
    assert "## Images" in as_markdown(DOCUMENT)


def test_a_figure_is_written_once_however_often_it_is_shown(tmp_path):
    (path,) = write_figures(DOCUMENT, tmp_path / "pictures")
    assert path == tmp_path / "pictures" / "rate-0-1.svg"
    assert 'aria-label="how it went"' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>*_`|\\", r"\<script\>\*\_\`\|\\"),
        (Code("a`b|c"), r"``a`b\|c``"),
        (Code("`"), "`` ` ``"),
        (("of ", Japanese("<b>"), Strong(("x", Quiet("y")))), r"of \<b\>**xy**"),
    ],
)
def test_nothing_that_things_are_called_becomes_markup(text, written):
    assert text_as_markdown(text) == written


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (percent(0.9712), "97.12%"),
        (percent(-0.021, 1), "−2.1%"),
        (percent(nan), "–"),
        (percent_range(0.9698, 0.973), "96.98% to 97.30%"),
        (percent_range(nan, nan), ""),
        (decimal(0.99712), "0.9971"),
        (decimal(nan), "–"),
        (decimal_range(-0.5, 0.5, 1), "−0.5 to 0.5"),
        (points(0.021), "2.10"),
        (points(0.021, signed=True), "+2.10"),
        (points(-0.021, signed=True), "−2.10"),
        (points_range(-0.01, 0.02), "−1.00 to 2.00"),
        (points_range(nan, 1), ""),
        (p_value(0.0001), "< 0.001"),
        (p_value(0.0312), "0.031"),
        (p_value(0.42), "0.42"),
        (short(37_212_345, (" k", " M", " G")), "37.2 M"),
        (short(2e9, (" k", " M", " G")), "2 G"),
        (duration(0.0951), "0.10 s"),
        (decimal(-0.0123, signed=True), "−0.0123"),
        (seconds(1234.5), "1,234"),
        (seconds(3.44), "3.4"),
        (seconds(nan), "–"),
        (megabytes(1_254_000), "1.25 MB"),
    ],
)
def test_numbers_are_written_in_one_way(found, expected):
    assert found == expected


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("$x_1$", r"\$x\_1\$"),
        ("&lt;b> R&D", r"\&lt;b\> R&D"),
        ("a~~b~~", r"a\~~b\~~"),
        ("a\r\n# b", "a # b"),
        (Code("a\n\n<b>"), "`a <b>`"),
    ],
)
def test_names_are_text(text, written):
    assert text_as_markdown(text) == written


def test_nothing_leaves_a_block_of_commands():
    written = as_markdown(Document("t", (Commands(("kuzushiji train --data 'a\n```\n<b>'",)),), ()))
    assert written.count("````") == 2
