"""Ruled lines."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import find_rules


def drawn(*lines: tuple[int, int, int, int], size: tuple[int, int] = (1500, 2000), width: int = 4) -> np.ndarray:
    image = Image.new("L", size, 215)
    pen = ImageDraw.Draw(image)
    for line in lines:
        pen.line(line, fill=70, width=width)
    grain = np.random.default_rng(0).normal(0, 4, size[::-1])
    return (np.asarray(image) + grain).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("tilt", [0, -20, 25])
def test_lines_are_found_where_they_are(tilt: int) -> None:
    found = find_rules(drawn((200, 500, 1300, 500 + tilt), (700, 100, 700 + tilt, 1900), (700, 1000, 750, 1000)))
    (across,), (upright,) = found.horizontal, found.vertical
    assert across == pytest.approx([500 + tilt / 2, 200, 1300], abs=16)
    assert upright == pytest.approx([700 + tilt / 2, 100, 1900], abs=16)


def test_neither_paper_nor_shadows_nor_pictures_are_lines() -> None:
    page = drawn()
    page[600:900, 300:1100] = 40  # a picture
    page[:, 1400:] = 30  # the edge of the scan
    for found in (
        find_rules(page),
        find_rules(np.full((50, 40), 128, np.uint8)),
        find_rules(np.zeros((1, 1), np.uint8)),
    ):
        assert len(found.horizontal) <= 2
        assert len(found.vertical) <= 3
    assert len(find_rules(np.full((50, 40), 128, np.uint8)).vertical) == 0


def test_the_lines_of_a_real_table(real_data: Path) -> None:
    image = real_data / "pages" / "books" / "train_images" / "200021637-00005_2.jpg"
    found = find_rules(read_gray(image.read_bytes()))
    long = found.horizontal[found.horizontal[:, 2] - found.horizontal[:, 1] > 500]
    heights = np.sort(long[:, 0])
    for wanted in (240, 750, 1240, 1700, 2180, 2660):
        assert np.abs(heights - wanted).min() < 40
