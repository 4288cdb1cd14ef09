"""Images of lines, cut out of pages, from one program's files to another's and back."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.convert import convert
from kuzushiji.data.exchange import LINE_FORMATS, known_format
from kuzushiji.data.exchange.lines import lines_in
from kuzushiji.data.exchange.scans import Odd, Scan
from kuzushiji.document.page import ImageRef, truth, with_lines
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.imaging.read import read_pixels
from tests.data.exchange.made_up import write_pages


@pytest.fixture(autouse=True)
def _has_lmdb() -> None:
    pytest.importorskip("lmdb", reason="lmdb is not installed")


def lines_of(folder: Path) -> dict[str, list[tuple[str, bytes]]]:
    """Text and pixels of the lines of each split."""
    format = known_format(folder)
    assert format is not None
    found = LINE_FORMATS[format].read(folder, Odd())
    return {
        split: sorted((line.text, read_pixels(line.content()).tobytes()) for line in lines)
        for split, lines in found.items()
    }


@pytest.mark.parametrize("format", LINE_FORMATS)
def test_there_and_back_again(tmp_path: Path, format: str) -> None:
    source = write_pages(tmp_path / "source")
    done = convert(source, tmp_path / "new", format)
    assert done.holds == "lines"
    assert done.splits == {"train": 4, "validation": 2, "test": 2}
    assert "PARSeq: data.rotation=90" in done.notes[0]
    assert known_format(tmp_path / "new") == format
    lines = lines_of(tmp_path / "new")
    assert [text for text, _ in lines["test"]] == ["いろはに", "ほへと゚"]
    for other in LINE_FORMATS:
        again = convert(tmp_path / "new", tmp_path / other, other)
        assert again.splits == done.splits
        assert lines_of(tmp_path / other) == lines


def test_a_column_is_cut_where_it_stands_and_turned_on_demand(tmp_path: Path) -> None:
    source = write_pages(tmp_path / "source")
    convert(source, tmp_path / "upright", "lines")
    done = convert(source, tmp_path / "turned", "lines", turn=True)
    assert done.notes == ()
    page = np.asarray(Image.open(source / "train_images" / "a0_1.png"))
    (path,) = (tmp_path / "upright").rglob("a0_1-l0.png")
    column = np.asarray(Image.open(path))
    assert (column == page[8:186, 72:106]).all()
    (path,) = (tmp_path / "turned").rglob("a0_1-l0.png")
    # The head of the column, its first row, is the first column of the turned image.
    assert (column == np.asarray(Image.open(path))[::-1].T).all()


def test_lines_with_a_nameless_character_are_left_out_and_figures_are_none() -> None:
    page = truth(ImageRef("a.png"), ["い", "", "は", "〓", "ほ"], [[10, 10 * each, 8, 8] for each in range(5)])
    page = with_lines(page, [("main", [0, 1]), ("figure", [2]), ("main", [3]), ("note", [4])])
    content = io.BytesIO()
    Image.new("L", (50, 60), 200).save(content, "PNG")
    odd = Odd()
    assert [line.text for line in lines_in(Scan(page, content.getvalue), odd)] == ["ほ"]
    assert odd.sentences() == ("2 lines with a character that nobody named, left out; the first: l0 of a",)


def test_the_keys_of_lmdb_are_those_that_parseq_asks_for(tmp_path: Path) -> None:
    import lmdb

    convert(write_pages(tmp_path / "source"), tmp_path / "new", "lmdb")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"train", "val", "test"}
    with lmdb.open(str(tmp_path / "new" / "train"), readonly=True, lock=False) as base, base.begin() as transaction:
        assert transaction.get(b"num-samples") == b"4"
        assert transaction.get(b"label-000000001").decode() == "いろはに"
        assert Image.open(io.BytesIO(transaction.get(b"image-000000004"))).size == (31, 130)
        assert transaction.stat()["entries"] == 9


def test_real_lines(tmp_path: Path, real_data: Path) -> None:
    done = convert(real_data / "pages" / "labelled", tmp_path / "new", "doctr", turn=True)
    texts = [
        text
        for split in done.splits
        for text in json.loads((tmp_path / "new" / split / "labels.json").read_text(encoding="utf-8")).values()
    ]
    assert sum(done.splits.values()) == len(texts)
    assert sum(map(len, texts)) == 391


def base_with(folder: Path, values: dict[bytes, bytes]) -> Path:
    import lmdb

    (folder / "train").mkdir(parents=True)
    with lmdb.open(str(folder / "train")) as base, base.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key, value)
    return folder


def test_lmdb_that_is_cut_off_kills_nothing(tmp_path: Path) -> None:
    values = {b"num-samples": b"40"} | {
        f"{kind}-{number:09d}".encode(): b"x" * 3000 for kind in ("image", "label") for number in range(1, 41)
    }
    file = base_with(tmp_path / "a", values) / "train" / "data.mdb"
    file.write_bytes(file.read_bytes()[: 3 * 4096])
    with pytest.raises(DataError, match="is no database of LMDB, or damaged"):
        convert(tmp_path / "a", tmp_path / "new", "doctr")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({b"a": b"b"}, "has no num-samples; expected lines as PARSeq has them"),
        ({b"num-samples": b"9" * 5000}, "has no num-samples; expected lines as PARSeq has them"),
        ({b"num-samples": b"9" * 18}, "num-samples 999,999,999,999,999,999, and 1 entries"),
        ({b"num-samples": b"1", b"image-000000001": b"x", b"label-000000001": b"\xff"}, "that is not in UTF-8"),
        ({b"num-samples": b"1"}, "has no line with an image and a label"),
    ],
)
def test_lmdb_that_is_wrong(tmp_path: Path, values: dict[bytes, bytes], found: str) -> None:
    with pytest.raises(DataError, match=found):
        convert(base_with(tmp_path / "a", values), tmp_path / "new", "doctr")
    assert not (tmp_path / "new").exists()


def test_lmdb_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "data.mdb").write_bytes(b"<html>" * 1000)
    with pytest.raises(DataError, match=r"data\.mdb is no database of LMDB, or damaged"):
        convert(tmp_path / "a", tmp_path / "new", "doctr")
    monkeypatch.setattr("kuzushiji.extras.find_spec", lambda package: None)
    with pytest.raises(KuzushijiError, match=r"needs lmdb; install it with: pip install 'kuzushiji\[lmdb\]'"):
        convert(write_pages(tmp_path / "source"), tmp_path / "new", "lmdb")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("{", "is damaged JSON"),
        ('["a.png"]', "holds no texts; expected"),
        ('{"a.png": 5}', "holds no texts; expected"),
        ('{"a.png": "い\\nろ"}', "has a text of 2 lines; expected one"),
        (
            '{"b.png": "い", "../../a.png": "い", "\\u0000": "い", "' + 300 * "a" + '": "い"}',
            "has no line whose image is there",
        ),
    ],
)
def test_doctr_that_is_wrong(tmp_path: Path, labels: str, found: str) -> None:
    (tmp_path / "a" / "images").mkdir(parents=True)
    for path in (tmp_path / "a" / "images" / "a.png", tmp_path / "a.png"):
        Image.new("L", (30, 30)).save(path)
    (tmp_path / "a" / "labels.json").write_text(labels, encoding="utf-8")
    with pytest.raises(DataError, match=found):
        convert(tmp_path / "a", tmp_path / "new", "lines")


@pytest.mark.parametrize(
    ("format", "options", "found"),
    [
        ("coco", {}, r"holds lines \(lines\); no page can be made of these"),
        ("folder", {}, r"holds lines \(lines\); no character is known by itself"),
        ("lmdb", {"turn": True}, "which are taken as they are"),
    ],
)
def test_what_lines_are_not(tmp_path: Path, format: str, options: dict, found: str) -> None:
    Image.new("L", (30, 30)).save(tmp_path / "a.png")
    (tmp_path / "a.gt.txt").write_text("い\n", encoding="utf-8")
    with pytest.raises(UsageError, match=found):
        convert(tmp_path, tmp_path.parent / "new", format, **options)
