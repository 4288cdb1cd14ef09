"""Boxes on a page and what stands in them: other edges where the answer is unsure, but not of a person's boxes."""

from types import SimpleNamespace

import numpy as np
import pytest

from kuzushiji.document.page import Candidate
from kuzushiji.reading.naming import UNSURE, name_boxes, whole_boxes
from kuzushiji.reading.recognizer import Recognition

GRAY = np.full((200, 200), 230, np.uint8)
GRAY[40:80, 40:60] = 20
GRAY[120:160, 40:60] = 20
BOXES = np.array([[38, 38, 24, 44], [38, 118, 24, 44]], np.float32)


class Doubtful:
    """Says あ of everything, the surer the further down it stands; looked at again い."""

    description = SimpleNamespace(image_size=(32, 32))

    def __init__(self) -> None:
        self.again: list[np.ndarray] = []

    def recognize_prepared(self, images: np.ndarray, *, top: int) -> list[Recognition]:
        return [Recognition((Candidate("あ", sure),), unsure=False) for sure in (UNSURE - 0.1, UNSURE + 0.05)]

    def recognize_together(self, images: list[np.ndarray], *, top: int) -> list[Recognition]:
        self.again = list(images)
        return [Recognition((Candidate("い", 0.7),), unsure=False)] * len(images[0])


def test_what_is_named_unsurely_is_cut_out_with_other_edges() -> None:
    recognizer = Doubtful()
    named = name_boxes([recognizer], GRAY, BOXES, top=1, exact=False)  # type: ignore[list-item]
    assert [each[0].character for each in named] == ["い", "あ"]
    assert len(recognizer.again) == 4
    first, smaller, larger, higher = (each[0] for each in recognizer.again)
    shares = [float((each > 127).mean()) for each in (smaller, first, larger)]
    assert shares == sorted(shares, reverse=True)  # the same ink fills less of a larger box
    ink = np.flatnonzero((higher > 127).any(1))
    assert ink[0] > 31 - ink[-1]  # there is more paper above than below


def test_boxes_that_a_person_drew_are_taken_as_they_are() -> None:
    recognizer = Doubtful()
    named = name_boxes([recognizer], GRAY, BOXES, top=1, exact=True)  # type: ignore[list-item]
    assert [each[0].character for each in named] == ["あ", "あ"]
    assert not recognizer.again


def test_no_boxes_have_no_names() -> None:
    assert name_boxes([], GRAY, np.zeros((0, 4), np.float32), top=1, exact=False) == []


@pytest.mark.parametrize(("box", "whole"), [([3.2, 4.7, 5.1, 6], [3, 4, 6, 7]), ([-2, 195.5, 10, 10], [0, 195, 8, 5])])
def test_whole_boxes_lie_around_and_within(box: list[float], whole: list[int]) -> None:
    assert whole_boxes(np.array([box], np.float32), GRAY).tolist() == [whole]
