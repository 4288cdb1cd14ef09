"""Boxes and polygons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuzushiji.document.geometry import box_around, boxes_of, centres_of, clip, overlaps, polygons_of, within

BOXES = st.lists(st.tuples(*[st.integers(-500, 5000)] * 2, *[st.integers(1, 900)] * 2), min_size=1, max_size=9)


@given(BOXES)
def test_boxes_and_their_polygons(boxes: list[tuple[int, ...]]) -> None:
    polygons = polygons_of(boxes)
    assert boxes_of(polygons).tolist() == [list(box) for box in boxes]
    left, top, width, height = boxes[0]
    assert polygons[0].tolist() == [
        [left, top],
        [left + width, top],
        [left + width, top + height],
        [left, top + height],
    ]
    around = boxes_of(box_around(polygons)[None])[0]
    assert (around[:2] == np.min(boxes, axis=0)[:2]).all()
    assert within(centres_of(boxes), boxes).diagonal().all()


@given(*[st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 20)] * 2)] * 2)
def test_overlaps_are_those_of_pixels(box: tuple[int, ...], other: tuple[int, ...]) -> None:
    canvas = np.zeros((2, 60, 60), bool)
    for each, (left, top, width, height) in zip(canvas, (box, other), strict=True):
        each[top : top + height, left : left + width] = True
    common, union = (canvas[0] & canvas[1]).sum(), (canvas[0] | canvas[1]).sum()
    assert overlaps([box], [other])[0, 0] == pytest.approx(common / union)
    assert overlaps([box], [box])[0, 0] == pytest.approx(1)


def test_no_box_at_all() -> None:
    assert polygons_of([]).shape == (0, 4, 2)
    assert boxes_of(polygons_of([])).shape == (0, 4)
    assert overlaps([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert overlaps([[0, 0, 0, 0]], [[0, 0, 0, 0]]).tolist() == [[0]]


def test_what_is_beyond_the_page_is_cut_off() -> None:
    boxes = np.array([[-10, 5, 30, 20], [90, 90, 20, 20], [100, 0, 5, 5], [2**31 - 1, 0, 2**31 - 1, 5]], np.int32)
    clipped = clip(boxes, (100, 95))
    assert clipped[:2].tolist() == [[0, 5, 20, 20], [90, 90, 10, 5]]
    assert (clipped[2:, 2] <= 0).all()
    assert clip(np.array([[-0.5, 0.5, 2, 2]]), (1, 9)).tolist() == [[0, 0.5, 1, 2]]
