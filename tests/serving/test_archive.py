import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy.exc import SQLAlchemyError

from kuzushiji.cli import main
from kuzushiji.errors import DataError
from kuzushiji.serving import archive
from kuzushiji.serving.accounts import Accounts
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, picture, with_page


@pytest.fixture
def archived(tmp_path):
    shelf = Shelf(tmp_path / "old")
    id = with_page(shelf)
    shelf.add("b.png", picture())
    shelf.correct(id, 1, [{"id": "c0", "text": "恋"}, {"id": "c1", "text": "之"}], "Ono")
    shelf.undo(id, 2, "Ki")
    shelf.close()
    assert main(["shelf", "export", str(tmp_path / "a.zip"), "--folder", str(tmp_path / "old")]) == 0
    return tmp_path / "a.zip", id


def test_a_shelf_is_moved_whole(archived, tmp_path, capsys):
    path, id = archived
    for said in ("2 pages came, 0 were there", "0 pages came, 2 were there"):
        assert main(["shelf", "import", str(path), "--folder", str(tmp_path / "new")]) == 0
        assert said in capsys.readouterr().err
    shelf = Shelf(tmp_path / "new")
    assert shelf.page(id)[0].text == TEXT
    assert shelf.content(shelf.row(id)["image"]) == picture()
    assert [(row["who"], row["undoes"]) for row in shelf.history(id)][2:] == [("Ki", 2), ("Ki", 1)]
    assert shelf.undo(id, 3, "Ki", again=True) == 4
    assert shelf.page(id)[0].text.startswith("恋之")
    assert shelf.counts() == {"corrected": 1, "queued": 1}
    shelf.close()
    assert main(["shelf", "list", "--json", "--folder", str(tmp_path / "new")]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["a.png", "b.png"]


def test_what_is_no_archive_changes_nothing(archived, tmp_path):
    path, _ = archived
    with zipfile.ZipFile(path) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    table = json.loads(files["shelf.json"])
    wrong = [
        {"shelf.json": files["shelf.json"]},  # no files
        files | {next(name for name in files if name != "shelf.json"): b"another content"},
        files | {"shelf.json": json.dumps(table | {"format": "x"})},
        files | {"shelf.json": json.dumps(table | {"pages": [{"id": "x", "image": "../../etc/passwd"}]})},
        files | {"shelf.json": json.dumps(table | {"pages": [table["pages"][0] | {"added": 3}]})},
        files | {"shelf.json": "[]"},
        {},
        *(
            files | {"shelf.json": json.dumps(table | {"pages": [table["pages"][0] | other]})}
            for other in (
                {"version": 2**70},
                {"name": None},
                {"name": ["x"]},
                {"state": "stolen"},
                {"id": "../../x"},
                {"added": "9"},
                {"current": None},
                {"current": table["pages"][0]["image"]},  # which is no page
            )
        ),
        files | {"shelf.json": json.dumps(table | {"pages": table["pages"][:1] * 2})},
        files | {"shelf.json": json.dumps(table | {"corrections": [table["corrections"][0] | {"page": "x"}]})},
        files | {"shelf.json": json.dumps(table | {"corrections": [table["corrections"][0] | {"undoes": 99}]})},
        files | {"shelf.json": json.dumps(table | {"corrections": [table["corrections"][0] | {"before": 3}]})},
        files | {"shelf.json": b"[" * 100_000},
        files | {"shelf.json": b" " * 300_000_000},
    ]
    shelf = Shelf(tmp_path / "new")
    for number, content in enumerate(wrong):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w", zipfile.ZIP_DEFLATED) as packed:
            for name, each in content.items():
                packed.writestr(name, each)
        with pytest.raises(DataError):
            archive.read(shelf, tmp_path / f"{number}.zip")
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError):
        archive.read(shelf, tmp_path / "cut.zip")
    assert shelf.rows() == []
    assert not [file for file in (tmp_path / "new" / "files").rglob("*") if file.is_file()]
    shelf.close()


def test_two_that_come_at_once_are_one(archived, tmp_path):
    path, _ = archived
    shelf = Shelf(tmp_path / "new")
    with ThreadPoolExecutor() as both:
        came = list(both.map(partial(archive.read, shelf), (path, path, path)))
    assert sorted(came) == [(0, 2), (0, 2), (2, 0)]
    shelf.close()


def test_one_that_fails_takes_no_file_of_others_away(archived, tmp_path, monkeypatch):
    path, _ = archived
    shelf = Shelf(tmp_path / "new")

    def fail(*_):
        shelf.add("the same.png", picture())
        raise SQLAlchemyError("the database is gone")

    monkeypatch.setattr(archive, "_insert", fail)
    with pytest.raises(DataError, match="the database is gone"):
        archive.read(shelf, path)
    (row,) = shelf.rows()
    assert shelf.content(row["image"]) == picture()
    assert len([file for file in (tmp_path / "new" / "files").rglob("*") if file.is_file()]) == 1
    shelf.close()


def test_what_is_no_shelf_is_told_in_a_line(archived, tmp_path, capsys):
    path, _ = archived
    nowhere = tmp_path / "nowhere"
    for verb in (["list"], ["export", str(tmp_path / "b.zip")], ["person", "Ono", "--remove"]):
        assert main(["shelf", *verb, "--folder", str(nowhere)]) == 1
        assert "there is no shelf in" in capsys.readouterr().err
    assert main(["shelf", "import", str(tmp_path / "no.zip"), "--folder", str(nowhere)]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert not nowhere.exists()
    nowhere.mkdir()
    for content in (
        b"not a database, but a text that is long enough to be taken for one" * 20,
        b"SQLite format 3\0" * 99,
    ):
        (nowhere / "shelf.sqlite").write_bytes(content)
        for verb in (["list"], ["import", str(path)]):
            assert main(["shelf", *verb, "--folder", str(nowhere)]) == 1
            assert "can't be used as the database of a shelf" in capsys.readouterr().err
        assert (nowhere / "shelf.sqlite").read_bytes() == content
    for address in ("nonsense", "what://is/this", "postgresql://me:secret@127.0.0.1:1/x"):
        assert main(["shelf", "list", "--database", address]) == 1
        told = capsys.readouterr().err
        assert "can't be used" in told or "this needs" in told
        assert "secret" not in told


def test_people_are_let_in_and_out(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\nshort\n"))
    person = ["shelf", "person", "Ono", "--folder", str(tmp_path)]
    assert main([*person, "--role", "keeper"]) == 0
    shelf = Shelf(tmp_path)
    accounts = Accounts(shelf.engine)
    known = accounts.check("Ono", "a long password")
    assert known.role == "keeper"
    assert accounts.check("Ono", "another password") is None
    assert accounts.check("Ki", "a long password") is None
    cookie = accounts.begin(known)
    assert accounts.whose(cookie) == known
    assert main(person) == 2
    assert "too short" in capsys.readouterr().err
    assert main([*person, "--remove"]) == 0
    assert accounts.whose(cookie) is None
    assert main([*person, "--remove"]) == 1
    shelf.close()
