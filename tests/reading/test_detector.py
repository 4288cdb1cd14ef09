"""Maps -> boxes."""

import numpy as np
import pytest

from kuzushiji.reading.detector import STRIDE, Found, decode

torch = pytest.importorskip("torch")

from kuzushiji.models import detector  # noqa: E402


def boxes_in_a_column(count: int, random: np.random.Generator) -> np.ndarray:
    tops = np.cumsum(random.uniform(18, 34, count)) - 10
    sizes = random.uniform(12, 30, (count, 2))
    return np.column_stack([random.uniform(30, 50, count), tops, sizes]).astype(np.float32)


def maps_of(boxes: np.ndarray, roles: np.ndarray) -> Found:
    told = detector.encode(boxes, roles, (512, 128))
    return decode(told.heat, told.boxes)


def test_what_is_encoded_is_decoded_again() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        boxes = boxes_in_a_column(14, random)
        roles = random.integers(0, 2, len(boxes))
        found = maps_of(boxes, roles)
        order = np.argsort(found.boxes[:, 1] + found.boxes[:, 3] / 2)
        truth = np.argsort(boxes[:, 1] + boxes[:, 3] / 2)
        np.testing.assert_allclose(found.boxes[order], boxes[truth], atol=1e-3)
        np.testing.assert_array_equal(found.roles[order], roles[truth])


def test_both_halves_know_the_same_stride() -> None:
    assert STRIDE == detector.STRIDE


def test_of_two_boxes_for_one_character_the_surer_one_stays() -> None:
    heat = np.zeros((1, 16, 16), np.float32)
    boxes = np.zeros((4, 16, 16), np.float32)
    boxes[2:] = np.log(8)
    heat[0, 5, 5], heat[0, 5, 7], heat[0, 12, 12] = 0.9, 0.8, 0.7
    found = decode(heat, boxes)
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])
    assert found.boxes[0].tolist() == pytest.approx([6, 6, 32, 32])
    assert len(decode(heat, boxes, overlap=0.9)) == 3


def test_a_plateau_is_one_character() -> None:
    heat = np.zeros((1, 9, 9), np.float32)
    heat[0, 3:5, 3:6] = 0.6
    assert len(decode(heat, np.zeros((4, 9, 9), np.float32))) == 1


def test_nothing_is_found_on_nothing() -> None:
    found = decode(np.zeros((2, 8, 8), np.float32), np.zeros((4, 8, 8), np.float32))
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
