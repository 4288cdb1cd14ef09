"""A page becomes a `Page`: what is found is named and in order; what can't be read is named."""

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from kuzushiji.document.page import Page
from kuzushiji.errors import DataError
from kuzushiji.reading.language import LanguageModel
from kuzushiji.reading.pretrained import pretrained
from kuzushiji.reading.reader import Reader
from tests.reading.test_finding import detect, page_of

pytestmark = pytest.mark.skipif(not pretrained(), reason="no network ships")


@pytest.fixture(scope="module")
def reader():
    return Reader(detect, threads=1)


def test_page_is_read_and_comes_back(reader, tmp_path):
    file = io.BytesIO()
    Image.fromarray(page_of(40)).save(file, "PNG")
    path = tmp_path / "page.png"
    path.write_bytes(file.getvalue())
    (page,) = reader.read_many([path])
    assert len(page) == 20
    assert len(page.lines) == 4  # columns, the first at the right
    assert page[0].polygon[0, 0] > page[19].polygon[0, 0]
    assert page.image.name == "page.png"
    assert page.image.sha256 == hashlib.sha256(file.getvalue()).hexdigest()
    assert all(each.candidates and each.found == pytest.approx(0.9) for each in page)
    page.save(tmp_path / "page.json")
    assert Page.load(tmp_path / "page.json").text == page.text


def test_blank_page_has_no_text(reader):
    page = reader(np.full((900, 700), 230, np.uint8))
    assert (len(page), page.text) == (0, "")


def test_bad_page_is_named(reader, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"bad\.jpg is not a PNG"):
        reader(bad)
    with pytest.raises(DataError, match=r"none\.jpg can't be read"):
        reader(tmp_path / "none.jpg")


def test_characters_whose_places_are_known_are_named_and_put_in_order(reader):
    image = page_of(40)
    found = reader(image)
    again = reader(image, boxes=found.characters.boxes[::-1].round().astype(int))
    assert again.text == found.text
    assert all(each.found == 1 for each in again)
    assert reader(image, boxes=np.zeros((0, 4), int)).text == ""


def test_language_model_chooses_among_what_the_image_says(monkeypatch):
    image = page_of(40)
    reader, without = Reader(detect, threads=1), Reader(detect, language=False, threads=1)(image)
    monkeypatch.setattr(LanguageModel, "chosen", lambda self, page: np.arange(len(page)) % 2)
    page = reader(image)
    assert {step.model for step in page.steps} - {step.model for step in without.steps} == {"language"}
    assert page.characters.changed.tolist() == [False, True] * 10
    assert not without.characters.changed.any()
    for now, before in zip(page.characters, without.characters, strict=True):
        assert set(now.candidates) == set(before.candidates)
        assert now.candidates[0] == before.candidates[int(now.changed)]
    reader.top = 1
    assert reader(image).characters.candidates.tolist() == page.characters.candidates[:, :1].tolist()
