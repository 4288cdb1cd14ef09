"""Boxes and images become square images of characters."""

import numpy as np

from kuzushiji.imaging.cut import to_square


def test_padding_keeps_proportion_and_the_middle() -> None:
    tall = np.full((40, 20), 30, np.uint8)
    tall[10:30, 5:15] = 200
    found = to_square(tall, 40)
    assert found.shape == (40, 40)
    assert (found[:, :10] == 30).all()
    assert (found[:, 30:] == 30).all()
    assert (found[:, 10:30] == tall).all()
    assert to_square(tall, 20).shape == (20, 20)
    assert np.abs(to_square(tall, 20)[:, 5:15].mean() - tall.mean()) < 3
    wide = to_square(tall.T, 40)
    assert (wide == found.T).all()


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    square = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    assert (to_square(square, 12) == square).all()
