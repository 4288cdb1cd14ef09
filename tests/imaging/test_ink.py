"""Paper becomes black and ink white, however the page is lit and whatever lies around it."""

import numpy as np
import pytest
from PIL import Image

from kuzushiji.imaging.ink import ink_of_page, tones_of
from tests.reading.writing import page_of_writing

WRITING = page_of_writing()
"""Ink 255 on paper 0."""


def dark_on_bright(paper=220.0, ink=40.0):
    share = WRITING / 255
    grain = np.random.default_rng(0).normal(0, 3, WRITING.shape)
    return (1 - share) * (paper + grain) + share * ink


def on_a_table(page):
    """Photographed on a dark table, which takes more than the outermost pixels."""
    height, width = page.shape
    return np.pad(page, ((height // 12, height // 12), (width // 12, width // 12)), constant_values=12)


@pytest.mark.parametrize(
    "shown",
    [
        lambda page: page,
        lambda page: 255 - page,
        lambda page: page * np.linspace(1, 0.5, page.shape[1]),
        lambda page: page * np.where(np.arange(page.shape[0]) < 300, 1, 0.7)[:, None],
        on_a_table,
        lambda page: 255 - on_a_table(page),
    ],
    ids=["plain", "negative", "fold", "shadow", "on a table", "negative on a table"],
)
def test_a_page_is_black_with_white_ink(shown):
    page = Image.fromarray(shown(dark_on_bright()).clip(0, 255).round().astype(np.uint8))
    found = ink_of_page(page, 150)
    top, left = (page.height - WRITING.shape[0]) // 2, (page.width - WRITING.shape[1]) // 2
    inner = found[top : top + WRITING.shape[0], left : left + WRITING.shape[1]]
    away = slice(160, -160), slice(160, -160)  # from the table, where its edge is in the same part of the page
    assert (inner[away][WRITING[away] == 0] < 26).mean() > 0.97
    assert (inner[away][WRITING[away] == 255] > 180).mean() > 0.97


def test_a_page_without_ink_is_black():
    grain = np.random.default_rng(0).normal(200, 3, (400, 300)).round().astype(np.uint8)
    assert (ink_of_page(Image.fromarray(grain), 90) < 26).mean() > 0.99
    assert (ink_of_page(Image.fromarray(grain[:20, :10]), 90) < 26).mean() > 0.99


def test_one_tone_is_paper():
    for tone in (0, 128, 255):
        image = Image.new("L", (30, 40), tone)
        assert not np.asarray(tones_of(image).of(image)).any()
