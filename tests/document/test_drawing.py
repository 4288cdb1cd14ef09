"""Pages are drawn: frames where characters stand, what they say beside, and what is unsure in red."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from kuzushiji import fonts
from kuzushiji.document import drawing
from kuzushiji.document.page import Characters, ImageRef, Page, truth
from kuzushiji.errors import DataError, KuzushijiError

pytestmark = pytest.mark.skipif(fonts.carried_font() is None, reason="matplotlib-fontja is not installed")

SIZE = (500, 300)  # height and width
BOXES = [[200, 60, 40, 40], [200, 120, 40, 40]]


@pytest.fixture(autouse=True)
def looked_up_anew():
    fonts.japanese_font.cache_clear()
    yield
    fonts.japanese_font.cache_clear()


def page_with(*probabilities):
    page = truth(ImageRef("a.jpg"), "おを", BOXES)
    characters = page.characters
    columns = np.array(probabilities, np.float32).reshape(-1, 1)
    return replace(page, characters=Characters(characters.polygons, characters.candidates, columns))


def near(picture, colour, part):
    """Share of the pixels of a part that have about this colour."""
    wanted = np.array(Image.new("RGB", (1, 1), colour))[0, 0].astype(int)
    return (np.abs(np.asarray(picture.crop(part)).astype(int) - wanted).max(axis=2) < 40).mean()


def test_frames_and_readings_stand_where_the_characters_do():
    picture = drawing.draw_page(page_with(0.9, 0.2), np.full((*SIZE, 3), 255, np.uint8))
    factor = 1200 / 500
    for box, colour, other in zip(BOXES, (drawing.SURE, drawing.UNSURE), (drawing.UNSURE, drawing.SURE), strict=True):
        left, top, width, height = (round(factor * side) for side in box)
        part = (left - 4, top - 4, left + width + 4, top + height + 4)
        assert near(picture, colour, part) > 0.05
        assert near(picture, other, part) == 0
    beside = picture.width - round(factor * 300)
    part = [round(factor * side) for side in (200, 120, 240, 160)]
    assert near(picture, drawing.UNSURE, (part[0] + beside, part[1], part[2] + beside, part[3])) > 0.02


@pytest.mark.parametrize("pixels", [np.full(SIZE, 255, np.uint8), np.full((300, 500, 3), 255, np.uint8)])
def test_gray_pages_and_wide_ones(pixels):
    picture = drawing.draw_page(page_with(1, 1), pixels)
    assert (picture.width > picture.height) == (pixels.shape[0] > pixels.shape[1])


def test_a_page_without_characters():
    empty = Page(ImageRef("a.jpg"), Characters(np.zeros((0, 4, 2)), np.zeros((0, 1), "U1")))
    assert drawing.draw_page(empty, np.full(SIZE, 200, np.uint8)).mode == "RGB"


def test_what_the_font_lacks_is_a_geta():
    page = truth(ImageRef("a.jpg"), ["\U00024fa3", "お"], BOXES)
    assert [drawing._drawable(each) for each in page] == ["〓", "お"]


def test_fonts_are_looked_for(monkeypatch, tmp_path):
    monkeypatch.setenv("KUZUSHIJI_FONT", str(tmp_path / "none.ttf"))
    with pytest.raises(DataError, match="which is no file"):
        fonts.japanese_font()
    monkeypatch.delenv("KUZUSHIJI_FONT")
    monkeypatch.setattr(fonts, "carried_font", lambda: None)
    monkeypatch.setattr(fonts, "_ELSEWHERE", (str(tmp_path),))
    monkeypatch.setattr(fonts.sys, "platform", "linux")
    with pytest.raises(KuzushijiError, match="KUZUSHIJI_FONT"):
        fonts.japanese_font()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "NotoSansCJK-Regular.ttc").write_bytes(b"")
    assert fonts.japanese_font() == tmp_path / "deep" / "NotoSansCJK-Regular.ttc"
