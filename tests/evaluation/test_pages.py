"""Pages beside the truth: figures of made-up readings whose mistakes are known."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuzushiji.data.pages.rows import book_of
from kuzushiji.data.pages.stored import load_pages
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Page, truth, with_lines
from kuzushiji.errors import DataError
from kuzushiji.evaluation.pages import FIGURES, count_page, edit_distance, evaluate_pages
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import find_rules

BOXES = np.array([[100 - 40 * (place // 5), 10 + 40 * (place % 5), 30, 30] for place in range(10)])
TEXT = "あいうえお漢字がゝ。"
PAGE = truth(ImageRef("1_1.jpg"), TEXT, BOXES)


def figures(read: Page, page: Page = PAGE) -> dict[str, float]:
    found = evaluate_pages({"1_1": page}, {"1_1": read}, replicates=20)
    return {name: estimate.value for name, estimate in found.figures.items()}


def test_what_is_read_perfectly() -> None:
    found = figures(PAGE)
    assert set(found) == set(FIGURES)
    assert all(value == (0 if name.startswith("error_rate") else 1) for name, value in found.items())


def test_what_is_missed_and_what_is_not_there() -> None:
    boxes = np.concatenate([BOXES[:8], [[300, 300, 30, 30], [300, 350, 30, 30], [301, 400, 30, 30], [301, 450, 9, 9]]])
    found = figures(truth(ImageRef("x"), TEXT[:8] + "いろはに", boxes))
    assert found["detection_precision"] == pytest.approx(8 / 12)
    assert found["detection_recall"] == pytest.approx(8 / 10)
    assert found["detection_f1"] == found["overlap_f1"] == found["kaggle_f1"] == pytest.approx(16 / 22)
    assert found["right"] == found["neighbours"] == 1
    assert found["error_rate"] == pytest.approx(4 / 10)  # two are replaced and two put in
    assert found["error_rate_unordered"] == pytest.approx(4 / 10)
    assert np.isnan(figures(truth(ImageRef("x"), TEXT[:8], BOXES[:8]))["right_mark"])


def test_a_centre_in_the_box_is_not_an_overlap() -> None:
    small = BOXES + np.array([10, 10, -20, -20])
    found = figures(truth(ImageRef("x"), TEXT, small))
    assert (found["detection_f1"], found["overlap_f1"], found["kaggle_f1"]) == (1, 0, 1)
    double = truth(ImageRef("x"), TEXT + TEXT, np.concatenate([BOXES, small]))
    assert figures(double)["detection_precision"] == 0.5  # each box counts once


def test_names_by_kind() -> None:
    found = figures(truth(ImageRef("x"), "ぬいうえお漢宇かゝ、", BOXES))
    assert found["right"] == found["kaggle_f1"] == pytest.approx(0.6)
    assert found["right_kana"] == pytest.approx(4 / 6)
    assert (found["right_kanji"], found["right_mark"]) == (0.5, 0.5)
    assert found["error_rate"] == pytest.approx(0.4)
    assert found["error_rate_normalized"] == pytest.approx(0.3)  # か is が without its mark


def test_old_and_new_forms_are_one_in_the_normalized_rate() -> None:
    old, new = (truth(ImageRef("x"), text, BOXES[:3]) for text in ("國の聲", "国の声"))
    assert count_page(old, new)["errors"] == 2
    assert count_page(old, new)["errors_normalized"] == 0


def test_the_order_is_apart_from_the_reading() -> None:
    turned = with_lines(PAGE, [("main", range(5, 10)), ("main", range(5))])
    found = figures(turned)
    assert found["error_rate"] == 1
    assert found["error_rate_unordered"] == 0
    assert found["neighbours"] == pytest.approx(8 / 9)
    assert found["kaggle_f1"] == 1


def test_ruby_counts_where_the_truth_has_ruby() -> None:
    boxes = np.concatenate([BOXES, [[135, 12, 8, 12]]])
    read = with_lines(truth(ImageRef("x"), TEXT + "る", boxes), [("main", range(10)), ("ruby", [10])])
    assert figures(read)["detection_f1"] == 1
    assert count_page(read, PAGE)["truth"] == 11
    assert count_page(read, read)["centred"] == 11


def test_characters_that_nobody_named_are_wrong() -> None:
    nameless = Page(PAGE.image, Characters(PAGE.characters.polygons, np.array([""] * 10)))
    found = figures(nameless)
    assert (found["detection_f1"], found["kaggle_f1"], found["error_rate"]) == (1, 0, 1)
    assert figures(PAGE, nameless)["right"] == 0


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edit_distance(one: str, other: str) -> None:
    table = [[max(i, j) if not i or not j else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i, a in enumerate(one, 1):
        for j, b in enumerate(other, 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a != b))
    assert edit_distance(one, other) == table[-1][-1] == edit_distance(other, one)


def test_intervals_are_over_books() -> None:
    bad = truth(ImageRef("x"), "ん" * 10, BOXES)
    pages = {f"{book}_{page}": PAGE for book in "1234" for page in range(5)}
    by_book = evaluate_pages(pages, {name: bad if book_of(name) == "1" else PAGE for name in pages})
    mixed = evaluate_pages(pages, {name: bad if name.endswith("_0") and name != "1_0" else PAGE for name in pages})
    wide, narrow = (found.figures["kaggle_f1"] for found in (by_book, mixed))
    assert (wide.value, narrow.value) == (0.75, 0.85)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)
    assert (by_book.books, len(by_book.pages), by_book.characters) == (4, 20, 200)
    one = evaluate_pages({"1_0": PAGE, "1_1": PAGE, "1_2": PAGE}, {"1_0": PAGE, "1_1": bad, "1_2": PAGE})
    assert one.figures["kaggle_f1"].low < 0.4  # of one book, over its pages


def test_pages_that_were_not_read_are_missed() -> None:
    found = evaluate_pages({"1_1": PAGE, "1_2": PAGE}, {"1_2": PAGE, "9_9": PAGE}, replicates=10)
    assert (found.missing, found.figures["detection_recall"].value) == (("1_1",), 0.5)
    assert found.pages[0].figures["error_rate"] == 1
    for read in ({"9_9": PAGE}, {}):
        with pytest.raises(DataError, match="expected pages of the same names"):
            evaluate_pages({"1_1": PAGE}, read)


def test_reading_order_of_the_real_pages(real_data: Path) -> None:
    boxed = [page for page in list_pages(real_data / "pages" / "books").pages if page.image is not None]
    read = {page.name: arrange(page.truth, find_rules(read_gray(page.image.path.read_bytes()))) for page in boxed}
    found = evaluate_pages({page.name: page.truth for page in boxed}, read).figures
    assert found["neighbours"].value > 0.99
    assert found["neighbours"].low > 0.97
    assert found["error_rate_unordered"].value == 0
    assert found["kaggle_f1"].value == found["overlap_f1"].value == 1
    assert found["error_rate"].value < 0.02


def test_pages_are_loaded_from_wherever_they_are(real_data: Path, tmp_path: Path) -> None:
    source = real_data / "pages" / "labelled"
    pages = load_pages(source)
    assert [len(page) for page in pages.values()] == [67, 80, 78, 166]
    for (name, page), format in zip(pages.items(), ("json", "pagexml", "alto", "tei"), strict=True):
        page.save(tmp_path / f"{name}.{'json' if format == 'json' else 'xml'}", format)
    next(iter(pages.values())).save(tmp_path / "other.iiif.json")
    (tmp_path / "notes.txt").write_text("no page")
    assert load_pages(tmp_path) == pages
    assert list(load_pages(tmp_path / f"{next(iter(pages))}.json")) == [next(iter(pages))]
    (tmp_path / "broken.xml").write_text("<a")
    with pytest.raises(DataError, match=r"broken\.xml is no page in one of the formats"):
        load_pages(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no pages; expected train\.csv"):
        load_pages(tmp_path / "empty")
