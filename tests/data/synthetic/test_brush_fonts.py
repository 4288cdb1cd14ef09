import numpy as np
import pytest

from kuzushiji.data.source import load, parse
from kuzushiji.data.synthetic import brush_fonts
from kuzushiji.errors import DataError, UsageError
from kuzushiji.fonts import carried_font

CHARACTERS = "あア一龍\U0002ebf0"


@pytest.fixture
def fonts(monkeypatch, tmp_path):
    """The font that matplotlib-fontja carries in the place of two brush fonts."""
    path = carried_font()
    if path is None:
        pytest.skip("matplotlib-fontja is not installed")
    monkeypatch.setattr(brush_fonts, "FONTS", path.parent)
    monkeypatch.setattr(brush_fonts, "BRUSHES", {"one": (path.name, "fonts-one"), "other": (path.name, "fonts-one")})
    monkeypatch.setattr(brush_fonts, "characters_of", lambda name: CHARACTERS)


def test_each_character_is_drawn_once_a_font(fonts, own_home):
    data = load("brush:kanji")
    assert data.classes == tuple("あア一龍"), "the last one is in no font"
    assert data.images.shape == (8, 64, 64)
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert (data.images.max(axis=(1, 2)) == 255).all(), "ink is bright"
    assert data.images[:, 0, 0].max() == 0
    rows, columns = data.images[6].any(axis=1), data.images[6].any(axis=0)
    assert max(rows.sum(), columns.sum()) >= 63, "the longer side of the ink is that of the image"


def test_what_was_drawn_is_kept(fonts, own_home, monkeypatch):
    first = load("brush:kana")
    monkeypatch.setattr(brush_fonts, "draw", None)
    assert np.array_equal(load("brush:kana").images, first.images)


def test_it_adds_to_the_training_images_of_others(fonts):
    both = parse("brush:kmnist:2+brush:kanji")
    assert both.splits == ("train", "test")
    train, test = both.load("train", image_size=28), both.load("test", image_size=28)
    assert len(train) == 20 + 8
    assert train.classes == test.classes
    assert len(test) == 10


def test_without_the_fonts_it_names_their_packages(monkeypatch, tmp_path):
    monkeypatch.setattr(brush_fonts, "FONTS", tmp_path)
    packages = "fonts-kouzan-mouhitsu fonts-aoyagi-kouzan-t fonts-aoyagi-soseki"
    with pytest.raises(DataError, match=f"apt-get install {packages}$"):
        load("brush:kanji")


def test_a_typing_error_is_met_with_the_nearest_name():
    with pytest.raises(UsageError, match="did you mean brush:kanji"):
        parse("brush:kanjis")


def test_the_characters_are_those_of_kuzushiji_kanji():
    kanji = brush_fonts.characters_of("kanji")
    assert len(kanji) == len(set(kanji)) == 3832
    assert len(brush_fonts.characters_of("kana")) == 154
