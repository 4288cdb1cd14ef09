"""Pages become files in a folder; what was read is not read again, and what can't be is told of."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from kuzushiji.data.pages.stored import load_pages
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.reading.folder import Wanted, images_of, read_into
from kuzushiji.reading.pretrained import pretrained
from kuzushiji.reading.reader import Reader
from tests.reading.detector_file import write_detector, write_page

pytestmark = pytest.mark.skipif(not pretrained(), reason="no network ships")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return Reader(write_detector(tmp_path_factory.mktemp("detector") / "detector.onnx"), "kmnist", threads=1)


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(3):
        write_page(folder / f"p{number}.png", rows=number + 2)
    return folder


def states(outcomes):
    return Counter(each.state for each in outcomes)


def test_every_format_holds_the_page(reader, scans, tmp_path):
    wanted = Wanted(("txt", "pagexml", "alto", "tei", "iiif", "pdf"), modern=True)
    assert states(read_into(tmp_path / "read", images_of([scans]), reader, wanted)) == {"read": 3}
    endings = {".txt", ".modern.txt", ".pagexml.xml", ".alto.xml", ".tei.xml", ".iiif.json", ".pdf", ".json"}
    found = {path.name for path in (tmp_path / "read").iterdir() if path.name != ".lock"}
    assert found == {f"p{number}{ending}" for number in range(3) for ending in endings}
    page = Page.load(tmp_path / "read" / "p2.json")
    assert (len(page), page.image.name) == (12, "p2.png")
    for name in ("p2.pagexml.xml", "p2.alto.xml", "p2.tei.xml"):
        assert Page.load(tmp_path / "read" / name).text == page.text
    assert (tmp_path / "read" / "p2.pdf").read_bytes() == wanted.written(page, "pdf", scans / "p2.png")
    assert (tmp_path / "read" / "p2.txt").read_text() == wanted.text_of(page) + "\n"


def test_what_was_read_is_skipped_until_something_changes(reader, scans, tmp_path):
    def again(by=reader):
        return states(read_into(tmp_path / "read", images_of([scans]), by, resume=True))

    assert again() == {"read": 3}
    assert again() == {"skipped": 3}
    write_page(scans / "p1.png", columns=1)
    assert again() == {"skipped": 2, "read": 1}
    (tmp_path / "read" / "p0.json").write_text("{")
    assert again() == {"skipped": 2, "read": 1}
    other = Reader(reader.detector.path, "kmnist", top=2, threads=1)
    assert again(other) == {"read": 3}
    stricter = Reader(write_detector(tmp_path / "d.onnx", 0.6), "kmnist", top=2, threads=1)
    assert again(stricter) == {"read": 3}


def test_without_resume_all_is_read_again(reader, scans, tmp_path):
    for _ in range(2):
        assert states(read_into(tmp_path / "read", images_of([scans]), reader)) == {"read": 3}


def test_a_new_format_is_made_from_what_was_read(reader, scans, tmp_path):
    list(read_into(tmp_path / "read", images_of([scans]), reader))
    wanted = Wanted(("txt", "pagexml"), unsure="geta", below=1)
    assert states(read_into(tmp_path / "read", images_of([scans]), reader, wanted, resume=True)) == {"skipped": 3}
    assert set((tmp_path / "read" / "p0.txt").read_text()) == {"〓", "\n"}
    assert (tmp_path / "read" / "p0.xml").exists()


def test_corrections_of_a_person_stay(reader, scans, tmp_path):
    list(read_into(tmp_path / "read", images_of([scans]), reader))
    path = tmp_path / "read" / "p1.json"
    replace(Page.load(path), status="corrected", steps=()).save(path)
    assert states(read_into(tmp_path / "read", images_of([scans]), reader)) == {"read": 2, "skipped": 1}
    assert Page.load(path).status == "corrected"


def test_bad_pages_are_told_of_and_the_rest_is_read(reader, scans, tmp_path):
    (scans / "p1.png").write_bytes((scans / "p1.png").read_bytes()[:200])
    outcomes = list(read_into(tmp_path / "read", images_of([tmp_path / "nothing", scans]), reader))
    assert [(each.name, each.state) for each in outcomes] == [
        ("nothing", "failed"),
        ("p0", "read"),
        ("p1", "failed"),
        ("p2", "read"),
    ]
    assert "does not exist" in outcomes[0].failure
    assert outcomes[2].failure.startswith("p1.png is ")
    assert not list((tmp_path / "read").glob("p1*"))


def test_pages_of_one_name_stay_apart(reader, scans, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_page(other / "P0.png", columns=1)
    names = [each.name for each in read_into(tmp_path / "read", images_of([scans, other]), reader)]
    assert names == ["p0", "p1", "p2", "P0-2"]
    assert len(Page.load(tmp_path / "read" / "P0-2.json")) == 4


def test_folders_of_the_source_are_made_again(reader, scans, tmp_path):
    for book in ("first", "second", "SECOND"):
        (scans / book).mkdir()
        write_page(scans / book / "p0.png", columns=1)
    output = scans / "read"
    places = ["SECOND/p0", "first/p0", "p0", "p1", "p2", "second/p0-2"]  # for some systems SECOND is second
    for state in ("read", "skipped"):
        outcomes = list(read_into(output, images_of([scans], without=output), reader, resume=True))
        assert sorted((each.name, each.state) for each in outcomes) == [(place, state) for place in places]
    assert len(Page.load(output / "first" / "p0.json")) == 4
    assert len(load_pages(output / "first")) == 1
    with pytest.raises(DataError, match="name one of these folders"):
        load_pages(output)


def test_pages_of_a_tiff_are_known_again(reader, tmp_path):
    write_page(tmp_path / "a.png")
    image = Image.open(tmp_path / "a.png")
    image.save(tmp_path / "book.tif", save_all=True, append_images=[image])
    for state in ("read", "skipped"):
        outcomes = list(read_into(tmp_path / "read", images_of([tmp_path / "book.tif"], "2"), reader, resume=True))
        assert [(each.name, each.state) for each in outcomes] == [("book-0002", state)]
    assert json.loads((tmp_path / "read" / "book-0002.json").read_text())["image"]["name"] == "book-0002.tif"


def test_wrong_wishes_are_refused(reader, scans, tmp_path):
    with pytest.raises(UsageError, match="did you mean pagexml"):
        Wanted(("pagexm",))
    with pytest.raises(UsageError, match="from 0 to 1"):
        Wanted(below=50)
    (tmp_path / "file").write_text("")
    with pytest.raises(KuzushijiError, match="can't be written into"):
        list(read_into(tmp_path / "file", images_of([scans]), reader))


def test_pages_are_drawn_once(reader, scans, tmp_path):
    wanted = Wanted(drawn=True)
    drawn = tmp_path / "read" / "p0.drawn.jpg"
    list(read_into(tmp_path / "read", images_of([scans]), reader))
    assert not drawn.exists()
    list(read_into(tmp_path / "read", images_of([scans]), reader, wanted, resume=True))
    before = drawn.stat().st_mtime_ns
    with Image.open(drawn) as picture:
        assert picture.width > 2 * 320
    list(read_into(tmp_path / "read", images_of([scans]), reader, wanted, resume=True))
    assert drawn.stat().st_mtime_ns == before
    list(read_into(tmp_path / "read", images_of([scans]), reader, Wanted(drawn=True, below=1), resume=True))
    assert drawn.stat().st_mtime_ns > before
