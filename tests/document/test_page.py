"""The contract of pages, and their JSON."""

import json
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from kuzushiji.document.formats.json import read, write
from kuzushiji.document.page import Candidate, Characters, ImageRef, Line, Page, truth, with_lines
from kuzushiji.errors import DataError, UsageError
from tests.document.made_up import pages

BOXES = np.array([[60, 10, 30, 40], [60, 60, 30, 40], [10, 10, 30, 40], [10, 60, 30, 40]])


def two_columns() -> Page:
    return with_lines(
        truth(ImageRef("book/p.jpg", size=(100, 110)), "おをかき", BOXES), [("main", [0, 1]), ("main", [2, 3])]
    )


def characters(**changes) -> Characters:
    columns = {
        "polygons": np.zeros((2, 4, 2)),
        "candidates": [["お", "を"], ["か", ""]],
        "probabilities": [[0.9, 0.1], [1, 0]],
    }
    return Characters(**(columns | changes))


def test_a_page_reads_in_its_order() -> None:
    page = two_columns()
    assert (page.text, page.image.stem, len(page)) == ("おを\nかき", "p", 4)
    assert page[2].candidates == (Candidate("か", 1.0),)
    assert [each.text for each in page] == list("おをかき")
    assert page[1:3].best.tolist() == ["を", "か"]
    turned = with_lines(page, [("main", [2, 3]), ("note", [1])], [0, 2, 3, 1])
    assert turned.characters.best.tolist() == list("かきをお")
    assert turned.characters.line.tolist() == [0, 0, 1, -1]
    assert [each.text for each in turned] == list("おかきを")
    assert turned.characters.ids.tolist() == ["c2", "c3", "c1", "c0"]
    assert [line.role for line in turned.lines] == ["main", "note"]
    assert turned.lines[0].polygon.tolist() == [[10, 10], [40, 10], [40, 100], [10, 100]]


def test_what_is_left_out_is_filled_in() -> None:
    few = Characters(np.zeros((3, 4, 2)), ["お", "", "か"])
    assert few.probabilities.tolist() == [[1], [0], [1]]
    assert (few.found.tolist(), few.line.tolist(), few.ids.tolist()) == ([1] * 3, [-1] * 3, ["c0", "c1", "c2"])
    assert [each.text for each in few] == ["お", "", "か"]
    assert few[1].candidates == ()
    assert few.changed.tolist() == [False] * 3
    none = Page(ImageRef("empty.png"), Characters(np.zeros((0, 4, 2)), []))
    assert (none.text, len(none), none.characters.boxes.shape) == ("", 0, (0, 4))


def test_columns_are_chosen_together() -> None:
    found = characters(found=[0.5, 0.8], ids=["a", "b"], changed=[False, True])[np.array([False, True])]
    assert (found.changed.tolist(), found[0].changed) == ([True], True)
    assert (found.best.tolist(), found.ids.tolist(), found.found.tolist()) == (["か"], ["b"], [np.float32(0.8)])


def test_nobody_can_write_into_a_page() -> None:
    page = two_columns()
    with pytest.raises(ValueError, match="read-only"):
        page.characters.polygons[0] = 0
    with pytest.raises(FrozenInstanceError):
        page.status = "read"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"polygons": np.zeros((2, 4))}, r"polygons of 2 characters have the shape \(2, 4\); expected \(2, 4, 2\)"),
        ({"polygons": np.full((2, 4, 2), np.nan)}, "polygons hold numbers that are not finite"),
        ({"polygons": "x"}, "polygons can't be an array of float32"),
        ({"candidates": [["お", "を"]]}, r"candidates of 2 characters have the shape \(1, 2\); expected \(2, 2\)"),
        ({"probabilities": [[1.0], [1.0]]}, r"probabilities of 2 characters have the shape \(2, 1\)"),
        ({"probabilities": [[1.5, 0], [1, 0]]}, "probabilities are from 0.0 to 1.5; expected 0 to 1"),
        ({"probabilities": [[np.nan, 0], [1, 0]]}, "probabilities are from nan to nan"),
        ({"found": [1, -0.5]}, "found are from -0.5 to 1.0"),
        ({"candidates": [["", "を"], ["か", ""]]}, "candidates are missing before others"),
        ({"probabilities": [[1, 0], [0.5, 0.5]]}, "or have a probability"),
        ({"ids": ["a", "a"]}, "two lines or characters are called a"),
        ({"ids": ["a", ""]}, "a line or character is called ''; expected a letter, then"),
        ({"ids": ["a", "1"]}, "a line or character is called '1'"),
        ({"changed": [True]}, r"changed of 2 characters have the shape \(1,\)"),
        ({"line": [0]}, r"line of 2 characters have the shape \(1,\)"),
    ],
)
def test_columns_that_are_none(changes: dict, found: str) -> None:
    with pytest.raises(DataError, match=found):
        characters(**changes)


def line(first: int, last: int, id: str = "l", role: str = "main", polygon: object = ((0, 0), (1, 0), (1, 1))) -> Line:
    return Line(id, role, polygon, slice(first, last))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: line(0, 2, role="text"), "the role of line l is 'text'; expected one of main, ruby"),
        (lambda: line(0, 2, polygon=[[0, 0]]), r"line l has a polygon of the shape \(1, 2\)"),
        (lambda: line(0, 2, polygon=[[0, np.inf], [1, 1], [2, 2]]), "the polygon of line l hold"),
        (
            lambda: Page(ImageRef("p"), characters(line=[0, 0])),
            "character c0 says that it is on line 0, the lines say -1",
        ),
        (lambda: Page(ImageRef("p"), characters(line=[0, 0]), (line(0, 3),)), "line l has the characters 0:3 of 2"),
        (
            lambda: Page(ImageRef("p"), characters(line=[0, 0]), (line(0, 2), line(1, 2, "m"))),
            "line m has the characters",
        ),
        (lambda: Page(ImageRef("p"), characters(line=[0, 1]), (line(0, 1), line(1, 2))), "characters are called l"),
        (lambda: Page(ImageRef("p"), characters(line=[1, 0]), (line(1, 2), line(0, 1, "m"))), "expected 0 first"),
        (lambda: Page(ImageRef("p"), characters(line=[-1, 0]), (line(1, 2),)), "expected 0 first"),
        (lambda: Page(ImageRef("p"), characters(line=[0, 0]), (line(0, 2, "c1"),)), "characters are called c1"),
        (lambda: Page(ImageRef("p"), characters(), order=[0, 0]), "expected each number from 0 to 1 once"),
        (lambda: Page(ImageRef("p"), characters(), order=7), "expected each number from 0 to 1 once"),
        (lambda: Page(ImageRef("p"), characters(), order=[[0, 1]]), "expected each number from 0 to 1 once"),
        (lambda: Page(ImageRef("p"), characters(), direction="up"), "direction is 'up'; expected one of vertical-rl"),
        (lambda: Page(ImageRef("p"), characters(), status="x"), "status is 'x'; expected one of read, corrected"),
        (lambda: with_lines(two_columns(), [("main", [0, 1]), ("note", [1])]), "1 characters are on two lines"),
    ],
)
def test_pages_that_are_none(make, found: str) -> None:
    with pytest.raises(DataError, match=found):
        make()


def test_pages_are_equal_if_all_is() -> None:
    assert two_columns() == two_columns()
    assert two_columns() != with_lines(two_columns(), [("main", [0, 1]), ("note", [2, 3])])
    assert two_columns() != truth(ImageRef("book/p.jpg", size=(100, 110)), "おをかき", BOXES)
    assert characters() != characters(found=[1, 0.5])
    assert characters() != 3


# JSON


@settings(max_examples=60, deadline=None)
@given(pages())
def test_json_gives_the_same_page(page: Page) -> None:
    assert read(write(page).encode()) == page


def test_json_is_small_and_can_be_read_by_people(tmp_path: Path) -> None:
    page = two_columns()
    page.save(tmp_path / "deep" / "p.json")
    assert Page.load(tmp_path / "deep" / "p.json") == page
    written = (tmp_path / "deep" / "p.json").read_text(encoding="utf-8")
    row = '{"id": "c0", "polygon": [[60, 10], [90, 10], [90, 50], [60, 50]], "found": 1, "candidates": [["お", 1]]}'
    assert f"{row}," in written.splitlines()
    assert json.loads(written)["text"] == "おを\nかき"


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda text: text[: len(text) // 2], "is damaged JSON"),
        (lambda text: "{" + '"a":{' * 100_000, "is damaged JSON"),
        (lambda text: text.replace("kuzushiji page", "else"), 'is no page: expected JSON with "format"'),
        (
            lambda text: text.replace('"version": 1', '"version": 2'),
            "has version 2 of the format; this kuzushiji reads",
        ),
        (
            lambda text: text.replace('"found"', '"find"'),
            r"is no whole page: lines\[0\]\.characters\[0\]\.found is missing",
        ),
        (lambda text: text.replace("[60, 10], [90, 10]", "[60, 10], 3"), r"is no whole page: lines\[0\]\.polygon is"),
        (
            lambda text: text.replace(", [60, 50]], ", "], "),
            "is no whole page: character c0 has a polygon of the shape",
        ),
        (
            lambda text: text.replace('"main"', '"text"'),
            r"is no whole page: lines\[0\]\.role is 'text'; expected main or",
        ),
        (lambda text: text.replace('"order": [0, 1', '"order": [0, 0'), "is no whole page: the order is"),
        (lambda text: text.replace("90, 10", f"1{400 * '0'}, 10"), "is no whole page"),
        (lambda text: text.replace('"c1"', '"c0"'), "is no whole page: two lines or characters are called c0"),
        (
            lambda text: text.replace('"image": {', '"image": 3, "x": {'),
            "is no whole page: image is 3; expected a table",
        ),
        (lambda text: "", "is no page in one of the formats iiif, json"),
    ],
)
def test_json_that_is_no_page(tmp_path: Path, harm, found: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(harm(write(two_columns())), encoding="utf-8")
    with pytest.raises(DataError, match=rf"p\.json {found}"):
        Page.load(path)


def test_formats_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match=r"p.docx has the ending of no format of pages; expected one of \.iiif\.json, \.json, \.pdf, \.txt, \.xml",
    ):
        two_columns().save(tmp_path / "p.docx")
    with pytest.raises(UsageError, match="there is no format of pages 'jsn'; did you mean json"):
        two_columns().save(tmp_path / "p", "jsn")
    with pytest.raises(DataError, match="can't be read: No such file"):
        Page.load(tmp_path / "p.json")
