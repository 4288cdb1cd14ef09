"""Reading order and lines: made-up pages of each kind, and the real ones."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.geometry import column_starts
from kuzushiji.document.order import MOST_CHARACTERS, arrange
from kuzushiji.document.page import ImageRef, Page, truth, with_lines
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import Rules, find_rules

NO_RULES = np.zeros((0, 3))


def column(x: int, y: int, text: str, size: int = 40) -> list[tuple[str, tuple[int, ...]]]:
    """Characters one below the other, around the line x, each `size` wide and nearly so high."""
    return [(each, (x - size // 2, y + place * size, size, size - 4)) for place, each in enumerate(text)]


def page_of(*columns: list[tuple[str, tuple[int, ...]]]) -> Page:
    """The characters in any order."""
    characters = [each for column in columns for each in column]
    mixed = [characters[number] for number in np.random.default_rng(0).permutation(len(characters))]
    return truth(ImageRef("p.png"), [name for name, _ in mixed], [box for _, box in mixed])


def read(page: Page) -> str:
    return "".join(each.text for each in page)


def lines(page: Page) -> dict[str, str]:
    return {"".join(page.characters.best[line.characters]): line.role for line in page.lines}


def test_columns_from_the_right_to_the_left() -> None:
    page = arrange(page_of(column(100, 50, "さしすせそ"), column(160, 50, "かきくけこ"), column(220, 90, "あいうえ")))
    assert read(page) == "あいうえかきくけこさしすせそ"
    assert lines(page) == {"あいうえ": "main", "かきくけこ": "main", "さしすせそ": "main"}
    assert page.lines[0].polygon.tolist() == [[200, 90], [240, 90], [240, 246], [200, 246]]
    assert arrange(page) == page


def test_nothing_and_a_single_character() -> None:
    assert len(arrange(page_of())) == 0
    assert lines(arrange(page_of(column(5, 5, "あ")))) == {"あ": "main"}


def test_more_characters_than_a_page_has_are_refused() -> None:
    boxes = np.tile([[10, 10, 20, 20]], (MOST_CHARACTERS + 1, 1))
    page = truth(ImageRef("p.png", size=(100, 100)), ["あ"] * len(boxes), boxes)
    with pytest.raises(DataError, match=r"p\.png has 10,001 characters; .* are these several pages\?"):
        arrange(page)


def test_a_note_in_two_narrow_lines_interrupts_its_column() -> None:
    page = arrange(
        page_of(
            column(200, 50, "あいう"),
            column(211, 174, "かきくけ", 20),
            column(189, 174, "さしす", 20),
            column(200, 262, "えお"),
            column(130, 50, "なにぬねのはひ"),
        )
    )
    assert read(page) == "あいうかきくけさしすえおなにぬねのはひ"
    assert lines(page) == {"あいうえお": "main", "かきくけ": "note", "さしす": "note", "なにぬねのはひ": "main"}


def test_ruby_is_read_after_its_word() -> None:
    page = arrange(page_of(column(200, 50, "此花咲也"), column(228, 92, "はなさく", 18), column(120, 50, "木之")))
    assert read(page) == "此花咲はなさく也木之"
    assert lines(page) == {"此花咲也": "main", "はなさく": "ruby", "木之": "main"}


def test_what_was_put_in_beside_a_gap() -> None:
    page = arrange(page_of(column(200, 50, "あい"), column(225, 133, "も", 20), column(200, 158, "うえ")))
    assert read(page) == "あいもうえ"
    assert lines(page)["も"] == "note"


def test_ruled_lines_divide_a_page_into_fields() -> None:
    cells = page_of(
        column(300, 50, "いろ"), column(250, 50, "はに"), column(300, 200, "ほへ"), column(250, 200, "とち"),
        column(150, 50, "りぬ"), column(100, 50, "るを"), column(150, 200, "わか"), column(100, 200, "よた"),
    )  # fmt: skip
    assert read(arrange(cells)) == "いろほへはにとちりぬわかるをよた"
    across = np.array([[165, 60, 340.0]])
    upright = np.array([[200, 30, 160.0], [201, 160, 300.0]])  # in two pieces
    assert read(arrange(cells, Rules(across, NO_RULES))) == "いろはにりぬるをほへとちわかよた"
    assert read(arrange(cells, Rules(across, upright))) == "いろはにほへとちりぬるをわかよた"
    stroke = np.array([[70, 60, 340.0]])  # through characters
    short = np.array([[165, 60, 200.0]])
    for none in (stroke, short):
        assert read(arrange(cells, Rules(none, NO_RULES))) == read(arrange(cells))


def test_notes_above_the_frame() -> None:
    page = page_of(column(200, 100, "あいうえおかき"), column(140, 100, "くけこさしすせ"), column(190, 20, "注也", 20))
    found = arrange(page, Rules(np.array([[80, 0, 400.0]]), NO_RULES))
    assert lines(found) == {"注也": "note", "あいうえおかき": "main", "くけこさしすせ": "main"}


@pytest.mark.parametrize("degrees", [-3, 3])
def test_a_page_may_be_turned_a_little(degrees: float) -> None:
    whole = page_of(*(column(600 - 60 * number, 50, chr(0x3042 + number) * 16) for number in range(9)))
    turn = np.deg2rad(degrees)
    centres = whole.characters.boxes[:, :2] @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    page = truth(whole.image, whole.characters.best.tolist(), np.hstack([centres, whole.characters.boxes[:, 2:]]))
    assert read(arrange(page)) == "".join(chr(0x3042 + number) * 16 for number in range(9))


@pytest.mark.parametrize(
    ("direction", "expected"), [("horizontal-lr", "あいうえかきくけ"), ("horizontal-rl", "えういあけくきか")]
)
def test_rows(direction: str, expected: str) -> None:
    rows = [
        (name, (50 + 40 * (place % 4), 50 + 60 * (place // 4), 36, 40)) for place, name in enumerate("あいうえかきくけ")
    ]
    plain = page_of(rows)
    page = Page(plain.image, plain.characters, direction=direction)  # type: ignore[arg-type]
    assert read(arrange(page)) == expected
    divided = arrange(page, Rules(NO_RULES, np.array([[128, 0, 500.0]])))
    assert read(divided) == ("あいかきうえくけ" if direction == "horizontal-lr" else "えうけくいあきか")


def test_columns_begin_where_the_next_character_is_not_below() -> None:
    boxes = [box for _, box in [*column(100, 50, "あい"), *column(40, 50, "う"), *column(10, 30, "えお")]]
    assert column_starts(boxes) == [0, 2, 3]
    assert column_starts(np.zeros((0, 4))) == []


# The real pages


def neighbours_right(page: Page, rules: Rules | None) -> tuple[int, int]:
    """How many characters have the one after them that they have in truth, and how many have one."""
    after = dict(pairwise(each.id for each in arrange(page, rules)))
    return sum(after.get(one) == other for one, other in pairwise(each.id for each in page)), len(page) - 1


TABLES = ("200021637-00005_2", "200021853-00005_1")


def test_the_real_pages(real_data: Path) -> None:
    counts, without_rules = {}, {}
    for source in ("books", "labelled"):
        for page in list_pages(real_data / "pages" / source).pages:
            if page.book != "200010454":  # whose boxes are in no order
                assert page.image is not None
                counts[page.name] = neighbours_right(page.truth, find_rules(read_gray(page.image.path.read_bytes())))
                without_rules[page.name] = neighbours_right(page.truth, None)
    right, total = np.sum(list(counts.values()), axis=0)
    assert right / total > 0.99
    for name, (one, all_) in counts.items():
        assert one / all_ > (0.85 if name in TABLES else 0.975), name
    plain = {name: counts for name, counts in without_rules.items() if name not in TABLES}
    assert np.divide(*np.sum(list(plain.values()), axis=0)) > 0.995


def test_real_pages_of_which_characters_were_missed(real_data: Path) -> None:
    generator = np.random.default_rng(0)
    counts = []
    for page in list_pages(real_data / "pages" / "books").pages:
        if page.name in TABLES:
            continue
        kept = np.flatnonzero(generator.random(len(page)) > 0.08)
        boxes = page.boxes[kept] + generator.normal(0, 0.05, (len(kept), 4)) * page.boxes[kept][:, 2:].mean()
        counts.append(neighbours_right(truth(page.truth.image, "あ" * len(kept), boxes), None))
    assert np.divide(*np.sum(counts, axis=0)) > 0.98


def test_lines_of_real_pages_are_whole_columns(real_data: Path) -> None:
    page = list_pages(real_data / "pages" / "books").page("200021660-00005_1")
    found = arrange(with_lines(page.truth, []))
    assert found.text.replace("\n", "") == page.truth.text
    assert [line.characters.stop - line.characters.start for line in found.lines] == [14, 14, 14, 12, 8, 9]
    assert found.text.splitlines()[-1] == "出石文學櫻井篤忠識"


def test_ruby_that_is_known_follows_its_word() -> None:
    # Two columns of large characters; beside the second of the first column two small ones, as large as any other.
    boxes = [[300, 100 * row, 90, 90] for row in range(3)] + [[100, 100 * row, 90, 90] for row in range(3)]
    small = [[392, 100, 60, 40], [392, 145, 60, 40]]
    page = truth(ImageRef("page"), list("いろはにほへあい"), [*boxes, *small])
    arranged = arrange(page, ruby=np.array([False] * 6 + [True] * 2))
    assert "".join(arranged.characters.best[arranged.order]) == "いろあいはにほへ"
    assert [line.role for line in arranged.lines].count("ruby") == 1


def test_ruby_alone_is_kept() -> None:
    page = truth(ImageRef("page"), list("あい"), [[0, 0, 20, 20], [0, 25, 20, 20]])
    arranged = arrange(page, ruby=np.array([True, True]))
    assert [line.role for line in arranged.lines] == ["ruby"]
    assert len(arranged) == 2


def strip_of_a_page(gap: int, rule: bool) -> Page:
    columns = [column(x, 60, "あいうえお") for x in range(800, 200, -60)]
    page = page_of(*columns, column(260 - 40 - gap, 60, "かきくけこ"))
    page = replace(page, image=replace(page.image, size=(900, 400)))
    vertical = np.array([[230.0 - gap / 2, 20.0, 380.0]]) if rule else NO_RULES
    return arrange(page, Rules(NO_RULES, vertical))


def test_a_strip_of_the_page_beside_is_no_part_of_the_text() -> None:
    page = strip_of_a_page(gap=170, rule=True)
    assert lines(page) == {"あいうえお": "main", "かきくけこ": "neighbour"}
    assert page.text == "\n".join(["あいうえお"] * 10)
    assert read(page).endswith("かきくけこ")


@pytest.mark.parametrize(("gap", "rule"), [(170, False), (20, True), (100, True)])
def test_a_last_column_is_part_of_it(gap: int, rule: bool) -> None:
    """Without a frame between, no further than columns are, or not at the end of the image."""
    assert strip_of_a_page(gap, rule).text.endswith("かきくけこ")
