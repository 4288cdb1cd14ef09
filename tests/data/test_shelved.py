import pytest

from kuzushiji.data.source import load, parse
from kuzushiji.errors import DataError
from kuzushiji.home import home
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, with_page


@pytest.fixture
def shelf():
    opened = Shelf(home() / "shelf")
    yield opened
    opened.close()


def test_what_people_corrected_trains(shelf):
    id = with_page(shelf)
    with pytest.raises(DataError, match="no corrected page"):
        load("shelf:")
    shelf.correct(id, 1, [{"id": "c0", "text": "恋"}, {"id": "c1", "text": "〓"}], "Ono")
    found = load("shelf")
    named = [found.classes[label] for label in found.labels]
    assert sorted(named) == sorted("恋" + TEXT[2:-1])  # the last one nobody is sure of
    assert found.images.shape == (5, 80, 80)
    assert found.images.max() > 200
    assert load("shelf", image_size=28).image_size == (28, 28)


def test_a_book_is_taken_alone_and_adds_to_others(shelf):
    id = with_page(shelf)
    shelf.correct(id, 1, [{"id": "c0", "text": "恋"}], "")
    with pytest.raises(DataError, match="the book 'Genji'"):
        load("shelf:Genji")
    both = parse("brush:kmnist+shelf")
    assert both.splits == parse("brush:kmnist").splits
    train = both.load("train", image_size=28)
    assert len(train) == len(load("brush:kmnist")) + 6
    assert both.load("test", image_size=28).classes == train.classes


def test_where_there_is_no_shelf_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path))
    with pytest.raises(DataError, match="no shelf"):
        load("shelf:Genji")
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "shelf.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(DataError, match="can't be read as a shelf"):
        load("shelf:Genji")
