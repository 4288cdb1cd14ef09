"""`kuzushiji data pages` and `data info`, as they are typed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.page import with_lines
from kuzushiji.runs.run import find_run
from tests.data.pages.test_pages import NAMES, words, write_kaggle, zipped


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    bad = f"{words()} U+3042 500 20 30 50 U+3042 190 20 30 50"
    return write_kaggle(tmp_path / "pages", {NAMES[0]: bad})


def test_the_report(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pages", str(pages)]) == 0
    told = capsys.readouterr().out
    assert "pages: 6 pages of 3 books with 74 boxes; 73 characters cut, 12 different ones; 1 box left out" in told
    assert "characters: train 49, validation 12, test 12, divided by page" in told
    assert "outside the page" in told
    assert f"{NAMES[0]}: U+3042 500 20 30 50" in " ".join(told.split())


def test_the_report_as_json(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pages", f"{pages}:book", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["divided_by"], told["characters"]) == ("pages:book", "book", 73)
    assert sum(told["splits"].values()) == 73
    assert [problem["kind"] for problem in told["problems"]] == ["outside", "clipped"]


def test_info_knows_what_has_been_cut(
    pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], own_home: Path
) -> None:
    assert main(["data", "info", "recognition"]) == 0
    assert "not cut yet; `kuzushiji data pages recognition` does it" in capsys.readouterr().out
    assert main(["data", "pages", "recognition"]) == 1
    assert "`kuzushiji data get recognition --from FOLDER`" in capsys.readouterr().err
    (pages / "unicode_translation.csv").write_text("Unicode,char\n")
    assert main(["data", "get", "recognition", "--from", str(zipped(tmp_path / "k.zip", pages))]) == 0
    assert main(["data", "pages", "recognition"]) == 0
    capsys.readouterr()
    assert main(["data", "info", "recognition"]) == 0
    assert "73 characters cut" in capsys.readouterr().out
    assert main(["data", "info", "recognition", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"]["characters"] == 73
    assert catalog.folder("recognition").is_relative_to(own_home)


@pytest.mark.parametrize("dark", [False, True])
def test_a_page_is_drawn(pages: Path, tmp_path: Path, dark: bool, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "page.png"
    flag = ["--dark"] if dark else []
    assert main(["data", "pages", str(pages), "--page", NAMES[2], "--draw", str(picture), *flag]) == 0
    assert NAMES[2] in capsys.readouterr().err
    drawn = np.asarray(Image.open(picture)).astype(int)
    assert drawn.shape[2] == 4
    paper = drawn[0, 0]  # of the half with the type
    assert (drawn == paper).all(-1).mean() > 0.3
    assert paper[3] == (255 if dark else 0)
    type_half = drawn[:, drawn.shape[1] // 2 + 20 :]
    strokes = type_half[(type_half[..., 3] > 250) & (type_half != paper).any(-1)][:, :3]
    assert len(strokes) > 500
    assert (strokes.mean() > 128) == dark


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        (["kmnist"], 2, "kmnist holds no pages; expected train.csv beside train_images"),
        (["{pages}", "--page", "x"], 2, "say where with --draw"),
        (["{pages}", "--page", "x", "--draw", "{out}"], 2, "has no page 'x'"),
        (["{pages}", "--draw", "{out}.bmp"], 2, "a figure can be written as"),
        (["{pages}/nothing"], 2, "nothing holds no pages"),
        (["{pages}:book:page"], 2, "holds no pages"),
    ],
)
def test_wrong_usage(
    arguments: list[str], code: int, found: str, pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.png"
    filled = [argument.format(pages=pages, out=out) for argument in arguments]
    assert main(["data", "pages", *filled]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert found in " ".join(told.err.split())
    assert not out.exists()


def test_a_division_by_book_has_no_picture_of_one(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pages", f"{pages}:book"]) == 0
    assert capsys.readouterr().out.startswith(f"{pages.name}:book: ")


def test_a_damaged_page_is_not_drawn(pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pages / "train_images" / f"{NAMES[1]}.jpg"
    image.write_bytes(image.read_bytes()[:2000])
    assert main(["data", "pages", str(pages), "--page", NAMES[1], "--draw", str(tmp_path / "x.png")]) == 1
    assert f"{NAMES[1]}.jpg is a damaged image" in " ".join(capsys.readouterr().err.split())


def test_training_on_pages_divided_by_book(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(pages, catalog.folder("recognition"))
    quick = ["--epochs", "1", "--image-size", "20", "--no-report"]
    assert main(["train", "nn_1", "--data", "recognition:book", "--run", "mine", *quick]) == 0
    assert "1 of 74 boxes are left out; `kuzushiji data pages recognition:book` says why" in capsys.readouterr().err
    config = find_run("mine").config
    assert (config.data.name, config.data.path) == ("recognition:book", None)
    assert "--data recognition:book" in config.command
    assert len(find_run("mine").predictions()) == config.data.splits["test"].count
    assert main(["evaluate", "mine", "--data", str(pages)]) == 0
    assert "12 images of 12 classes" in capsys.readouterr().out


def test_training_on_too_few_pages(pages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES[:4]:
        (pages / "train_images" / f"{name}.jpg").unlink()
    assert main(["train", "nn_1", "--data", str(pages)]) == 2
    assert "as three pages or books at least are needed to set some apart" in " ".join(capsys.readouterr().err.split())


def test_pages_that_were_read_are_measured(pages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = {page.name: page.truth for page in list_pages(pages).pages}
    for name, page in truth.items():
        if name != NAMES[5]:
            (page if name != NAMES[1] else with_lines(page, [("main", range(11, -1, -1))])).save(
                tmp_path / "read" / f"{name}.xml", "alto"
            )
    assert main(["evaluate", "--pages", str(pages), str(tmp_path / "read")]) == 0
    told = capsys.readouterr()
    assert "6 pages of 3 books with 74 characters" in told.out
    assert "1 pages were not read, so that all of them is missed: 300_00001_1" in " ".join(told.err.split())
    assert NAMES[1] in told.out  # among those that were read worst
    assert main(["evaluate", "--pages", str(pages), str(tmp_path / "read"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == [NAMES[5]]
    assert found["figures"]["detection_recall"]["value"] == pytest.approx(62 / 74)
    assert found["pages"][0]["figures"]["error_rate"] == 0
    assert found["pages"][5]["figures"]["right"] is None


@pytest.mark.parametrize(
    ("arguments", "code", "found"),
    [
        (["--pages", "{pages}", "{pages}", "--tta"], 2, "leave out the run and the options for runs"),
        (["mine", "--pages", "{pages}", "{pages}"], 2, "leave out the run"),
        ([], 2, "evaluate needs the name of a run, or --pages TRUTH READ"),
        (["--pages", "{pages}", "{pages}/nothing"], 1, "nothing"),
    ],
)
def test_wrong_usage_of_evaluate(
    arguments: list[str], code: int, found: str, pages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(argument.format(pages=pages) for argument in arguments)]) == code
    assert found in " ".join(capsys.readouterr().err.split())
