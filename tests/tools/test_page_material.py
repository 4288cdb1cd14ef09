"""What names the characters of pages that are not labelled: known boxes, a text, networks."""

from types import ModuleType

import numpy as np
import pytest

from kuzushiji.characters import K49
from tests.tools.loading import load_tool

PAPER = np.full((800, 400), 230, np.uint8)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load_tool("page_material")


def kana_seen(tool: ModuleType, text: str, shown: str, sureness: float = 0.9) -> np.ndarray:
    """What is seen of a text in boxes that show `shown`; ? shows nothing that is known."""
    kana = np.full((len(shown), 49), 0.1 / 49, np.float32)
    for row, letter in enumerate(shown):
        if letter != "?":
            kana[row, K49.index(letter)] = sureness
    return tool.seen_of(text, kana, np.zeros((len(shown), 1), np.float32), ("山",))


def column(count: int) -> np.ndarray:
    return np.array([[200, 20 + 60 * number, 50, 50] for number in range(count)], np.int32)


def test_a_text_names_what_looks_like_its_letters_whatever_is_missing_in_it(tool):
    text = "いろはにほへちとりぬ"
    named = tool.aligned(text, kana_seen(tool, text, "いろはにへ?とりぬ"), column(9), [], PAPER)
    assert named == dict(zip((0, 1, 2, 3, 4, 6, 7, 8), "いろはにへとりぬ", strict=True))


def test_between_two_sure_ones_a_letter_is_believed_that_hardly_shows(tool):
    text = "いろはにほ"
    seen = kana_seen(tool, text, "いろはにほ")
    seen[2] = 0.001
    seen[2, 2] = 0.05
    assert tool.aligned(text, seen, column(5), [], PAPER)[2] == "は"
    seen[2, 2] = 0.001
    assert 2 not in tool.aligned(text, seen, column(5), [], PAPER)


def test_boxes_are_taken_in_reading_order_and_known_ones_hold_the_text_in_place(tool):
    text = "いろはに"
    boxes = column(4)
    exact = [("ば", tuple(boxes[2].tolist()))]  # the text has no marks of voicing
    found = boxes[[3, 0, 1]]
    named = tool.aligned(text, kana_seen(tool, text, "にいろ"), found, exact, PAPER)
    assert named == {0: "に", 1: "い", 2: "ろ"}


def test_what_was_found_gives_way_to_a_known_box(tool):
    boxes = column(3)
    left, top, width, height = boxes[1].tolist()
    assert tool.apart_from(boxes, [("は", (left - 5, top + 5, width, height))]).tolist() == boxes[[0, 2]].tolist()


def test_boxes_are_moved_a_little_and_stay_on_the_page(tool):
    boxes = np.array([[0, 0, 40, 60], [350, 740, 50, 60]], np.float64)
    moved = tool.moved(boxes, PAPER.shape, np.random.default_rng(0))
    assert (moved[:, :2] >= 0).all()
    assert (moved[:, :2] + moved[:, 2:] <= (400, 800)).all()
    assert (np.abs(moved - boxes) <= 2 * 0.07 * 60 + 1).all()
    assert (moved != boxes).any()
    assert (tool.moved(boxes, PAPER.shape, None) == boxes).all()


@pytest.mark.parametrize(
    ("kana", "forms"), [("は", "ばぱ"), ("か", "が"), ("ゝ", "ゞ"), ("の", ""), ("う", ""), ("山", "")]
)
def test_kana_that_may_be_voiced(tool, kana, forms):
    assert "".join(tool.voiced_forms(kana)) == forms


@pytest.mark.parametrize("ring", [False, True])
def test_a_mark_of_voicing_is_drawn_at_the_upper_right(tool, ring):
    image = np.zeros((64, 64), np.uint8)
    image[10:60, 5:35] = 255
    marked = tool.with_mark(image, ring, np.random.default_rng(0))
    assert marked.shape == (64, 64)
    assert marked.max() > 150
    rows, columns = np.nonzero(marked > 100)
    character = marked[rows.max() - 5] > 100  # where there is no mark
    assert columns.max() > np.flatnonzero(character).max()
    assert rows[columns > np.flatnonzero(character).max()].max() < 40


def test_of_one_kind_kana_are_named_as_kuzushiji_49_has_them(tool):
    characters = [(name, (0, 0, 9, 9)) for name in "がぱゝ山ミ々"]
    assert [name for name, _ in tool.of_kind(characters, "kana")] == ["か", "は", "ゝ"]
    assert [name for name, _ in tool.of_kind(characters, "kanji")] == ["山"]
    assert tool.of_kind(characters, None) == characters
