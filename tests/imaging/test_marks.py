"""A page of writing is told from a character, however either comes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from kuzushiji import load
from kuzushiji.data.pages.cutting import clip
from kuzushiji.data.pages.files import FileReader
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.imaging.marks import MOST_MARKS, _piece_sizes, count_marks
from kuzushiji.imaging.read import read_gray
from tests.reading.writing import page_of_writing

GLYPHS = load("brush:kmnist:20", "train").images
"""200 kana, ink 255 on paper 0."""


def framed(page):
    """With a frame around the writing, on a dark table."""
    image = Image.fromarray(255 - page)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, image.width - 20, image.height - 20), outline=0, width=6)
    table = Image.new("L", (image.width + 200, image.height + 120), 25)
    table.paste(image, (150, 60))
    return np.asarray(table)


@pytest.mark.parametrize(
    "shown",
    [
        lambda page: page,
        lambda page: 255 - page,
        lambda page: 120 + page // 4,
        lambda page: 230 - page // 3,
        lambda page: np.pad(page, 300),
        lambda page: page.repeat(4, axis=0).repeat(4, axis=1),
        framed,
    ],
    ids=["white on black", "black on white", "faint", "gray on paper", "wide margins", "large", "on a table"],
)
def test_a_page_is_told_however_it_comes(shown):
    assert count_marks(shown(page_of_writing())) > MOST_MARKS


def test_characters_of_any_size_are_none():
    for glyph in GLYPHS[::4]:
        for side in (300, 900):
            large = np.asarray(Image.fromarray(glyph).resize((side, side), Image.Resampling.BICUBIC))
            assert count_marks(large) <= MOST_MARKS
            assert count_marks(np.pad(255 - large, side, constant_values=255)) <= MOST_MARKS


def test_what_has_no_writing_has_no_marks():
    grain = np.random.default_rng(0).normal(200, 4, (700, 500)).astype(np.uint8)
    shade = np.tile(np.linspace(0, 255, 700).astype(np.uint8), (500, 1))
    for image in (np.zeros((1, 1)), np.zeros((1, 4000)), np.full((700, 500), 255), grain, shade):
        assert count_marks(image.astype(np.uint8)) == 0


def test_pieces_are_those_of_scipy():
    generator = np.random.default_rng(0)
    for _ in range(100):
        ink = generator.random(generator.integers(1, 40, 2)) < generator.random()
        found = ndimage.find_objects(ndimage.label(ink, np.ones((3, 3)))[0])
        expected = [max(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in found]
        assert sorted(_piece_sizes(ink).tolist()) == sorted(expected)


def test_real_pages_are_pages_and_their_characters_are_not(real_data):
    source = real_data / "pages" / "labelled"
    if not source.is_dir():
        pytest.skip(f"no labelled pages: {source} does not exist")
    with FileReader() as reader:
        for page in list_pages(source).pages:
            gray = read_gray(reader.content(page.image))
            assert count_marks(gray) > MOST_MARKS, page.image
            for x, y, width, height in clip(page.boxes, gray.shape)[0].tolist():
                box = x - width // 2, y - height // 2, x + width + width // 2, y + height + height // 2
                loose = Image.fromarray(gray).crop(tuple(max(0, edge) for edge in box))
                large = loose.resize((3 * loose.width, 3 * loose.height))
                assert count_marks(np.asarray(large)) <= MOST_MARKS
    for path in sorted((real_data / "pages" / "unlabelled").glob("*.jpg")):
        assert count_marks(read_gray(path.read_bytes())) > MOST_MARKS, path
