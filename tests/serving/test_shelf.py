from multiprocessing.pool import ThreadPool

import pytest

from kuzushiji.errors import DataError
from kuzushiji.serving import archive
from kuzushiji.serving.accounts import Accounts
from kuzushiji.serving.shelf import ChangedMeanwhile, NotThere, Shelf
from tests.serving.room import TEXT, picture, with_page


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """The URL of a new database; None for the one in the shelf's folder."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgresql")()


@pytest.fixture
def shelf(tmp_path, database):
    opened = Shelf(tmp_path / "shelf", database)
    yield opened
    opened.close()


def test_corrections_are_made_and_taken_back(shelf):
    id = with_page(shelf)
    before, _ = shelf.page(id)
    first, second = before[0].id, before[1].id
    assert shelf.correct(id, 1, [{"id": first, "text": "恋"}, {"id": second, "delete": True}], "Ono") == 2
    page, row = shelf.page(id)
    assert page.text == "恋" + TEXT[2:]
    assert (row["state"], row["changed_by"], page.status) == ("corrected", "Ono", "corrected")
    added = {"after": first, "text": "之", "box": [40, 70, 40, 45]}
    moved = {"id": first, "box": [1, 2, 3, 4]}
    assert shelf.correct(id, 2, [added, moved], "Ki") == 3
    page, _ = shelf.page(id)
    assert page.text == "恋之" + TEXT[2:]
    assert page.characters.boxes[page.order[0]].tolist() == [1, 2, 3, 4]
    assert shelf.undo(id, 3, "Ki") == 4
    assert shelf.page(id)[0].text == "恋" + TEXT[2:]
    assert shelf.undo(id, 4, "Ki", again=True) == 5
    assert shelf.page(id)[0].text == "恋之" + TEXT[2:]
    assert [shelf.undo(id, version, "Ki") for version in (5, 6, 7)] == [6, 7, None]
    page, _ = shelf.page(id)
    assert page.characters == before.characters
    assert page.order.tolist() == before.order.tolist()
    assert [(row["who"], row["undoes"]) for row in shelf.history(id)] == [
        *(("Ono", None), ("Ono", None), ("Ki", None), ("Ki", None)),
        *(("Ki", 4), ("Ki", 3), ("Ki", 3), ("Ki", 4), ("Ki", 4), ("Ki", 3), ("Ki", 2), ("Ki", 1)),
    ]
    assert shelf.correct(id, 7, [{"id": first, "text": "之"}], "Ki") == 8
    assert shelf.undo(id, 8, "Ki", again=True) is None


def test_the_reading_order_is_corrected_and_taken_back(shelf):
    id = with_page(shelf)
    ids = [each.id for each in shelf.page(id)[0]]
    assert shelf.correct(id, 1, [{"order": ids[::-1]}, {"id": ids[0], "delete": True}], "") == 2
    assert [each.id for each in shelf.page(id)[0]] == ids[:0:-1]
    shelf.undo(id, 2, "")
    assert [each.id for each in shelf.page(id)[0]] == ids
    with pytest.raises(DataError, match="order"):
        shelf.correct(id, 3, [{"order": ids[1:]}], "")


def test_the_later_of_two_is_told_and_nothing_is_lost(shelf):
    id = with_page(shelf)
    character = shelf.page(id)[0][0].id

    def correct(text):
        try:
            return shelf.correct(id, 1, [{"id": character, "text": text}], text)
        except ChangedMeanwhile:
            return None

    with ThreadPool(6) as pool:
        told = pool.map(correct, "かきくけこさ")
    assert sorted(told, key=str) == [2, *[None] * 5]
    assert shelf.page(id)[0][0].text == "かきくけこさ"[told.index(2)]
    assert len(shelf.history(id)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"id": "c99", "text": "す"},
        {"id": "c0"},
        {"id": "c0", "text": ""},
        {"id": "c0", "text": "す\0"},
        {"id": "c0", "text": "ながすぎるもじれつ"},
        {"id": "c0", "box": [0, 0, -1, 5]},
        {"id": "c0", "box": [0, 0, 1e300, 5]},
        {"id": "c0", "box": [-50, 0, 40, 5]},
        {"text": "す"},
        {"after": "c99", "text": "す", "box": [0, 0, 5, 5]},
    ],
)
def test_what_is_no_correction_changes_nothing(shelf, change):
    id = with_page(shelf)
    with pytest.raises(DataError):
        shelf.correct(id, 1, [{"id": "c1", "text": "ま"}, change], "")
    assert shelf.page(id)[0].text == TEXT


def test_old_and_new_forms_voiced_and_unvoiced_are_one(shelf):
    id = with_page(shelf)
    for words in ("恋の", "戀のうた", "うたかた", "うだがだり"):
        [(row, page, [place])] = list(shelf.find(words))
        assert row["id"] == id
        assert [page.characters.ids.tolist().index(each) for each in place]
    for words in ("恋%", "_", " ", "戀を"):
        assert list(shelf.find(words)) == []


def test_what_was_being_read_is_read_again_and_given_up_the_second_time(shelf):
    id = shelf.add("a.png", picture())
    for state in ("queued", "failed"):
        assert shelf.claim()["id"] == id
        assert shelf.claim() is None
        shelf.begin_again()
        assert shelf.row(id)["state"] == state
    with pytest.raises(NotThere):
        shelf.page(id)


def test_a_shelf_is_opened_again(shelf, tmp_path, database):
    id = with_page(shelf)
    again = Shelf(tmp_path / "shelf", database)
    assert again.page(id)[0].text == TEXT
    again.close()


def test_a_page_is_read_once_whoever_asks(shelf):
    ids = [shelf.add(f"{number}.png", picture()) for number in range(8)]
    with ThreadPool(4) as pool:
        claimed = pool.map(lambda _: shelf.claim(), range(12))
    assert sorted(row["id"] for row in claimed if row) == sorted(ids)


def test_a_shelf_moves_into_another_database(shelf, tmp_path):
    id = with_page(shelf)
    shelf.correct(id, 1, [{"id": "c0", "text": "恋"}], "Ono")
    assert archive.write(shelf, tmp_path / "a.zip") == 1
    other = Shelf(tmp_path / "other")
    assert archive.read(other, tmp_path / "a.zip") == (1, 0)
    assert other.page(id)[0] == shelf.page(id)[0]
    other.close()


def test_people_are_known(shelf):
    accounts = Accounts(shelf.engine)
    accounts.add("Ono", "a long password", "keeper")
    accounts.add("Ono", "a longer password", "reader")
    [ono] = accounts.all()
    assert accounts.check("Ono", "a longer password") == ono
    assert accounts.whose(accounts.begin(ono)) == ono
    assert accounts.whose("nothing") is None


def test_a_name_that_is_no_unicode_is_kept_as_what_it_can_be(shelf):
    id = shelf.add("a\udcff.png", picture(), "b\udcff")
    assert (shelf.row(id)["name"], shelf.row(id)["book"]) == ("a?.png", "b?")
