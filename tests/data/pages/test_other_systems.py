"""Pages and tables as other systems and programs write them, and boxes that mean something else."""

import re
import shutil
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.data.source import load
from kuzushiji.errors import DataError
from tests.data.pages.test_pages import BOXES, LABELS, NAMES, all_of, draw, jpeg, report, words, write_kaggle


def table(folder: Path, change) -> Path:
    path = folder / "train.csv"
    path.write_bytes(change(path.read_text(encoding="utf-8")))
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> tuple[Path, dict[int, tuple[str, bytes]]]:
    """Pages, and what all of their characters are."""
    folder = write_kaggle(tmp_path / "pages")
    return folder, all_of(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\r\n", "\r").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(",", ";").encode("utf-8-sig"),
        lambda text: text.replace("image_id", " Image_ID ").encode(),
        lambda text: text.replace("_1,", "_1.jpg,").encode(),
        lambda text: text.replace("\r\n1", "\r\ntrain_images\\1").encode(),
        lambda text: text.replace("U+", "u+").encode(),
    ],
    ids=["cr", "utf-16", "semicolons", "header", "suffix", "folder", "lower case"],
)
def test_the_same_table_written_otherwise(plain, change) -> None:
    folder, wanted = plain
    assert all_of(table(folder, change)) == wanted


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_japanese_names_in_any_form(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "pages"
    (folder / "train_images").mkdir(parents=True)
    rows = [f"ページ{number}デ,{words()}" for number in "一二三"]
    (folder / "train.csv").write_bytes("\r\n".join(["image_id,labels", *rows]).encode(encoding))
    for number in "一二三":
        name = unicodedata.normalize("NFD", f"ページ{number}デ")
        (folder / "train_images" / f"{name}.JPG").write_bytes(jpeg(draw()))
    found = report(folder)
    assert (found.characters, found.problems) == (36, ())


def test_a_zip_with_backslashes(plain, tmp_path: Path) -> None:
    folder, wanted = plain
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(folder / "train.csv", "train.csv")
        for name in NAMES:
            archive.write(folder / "train_images" / f"{name}.jpg", f"train_images\\{name}.jpg")
    assert all_of(tmp_path / "in.zip") == wanted


def test_a_second_folder_of_images(plain) -> None:
    folder, wanted = plain
    shutil.copytree(folder / "train_images", folder / "annotated")
    for path in (folder / "annotated").iterdir():
        path.write_bytes(jpeg(draw(paper=90)))
    assert all_of(folder) == wanted
    (folder / "train_images").rename(folder / "resized")
    with pytest.raises(DataError, match=r"100_00000_1 is there twice, .*annotated.* and .*resized.*; keep one of them"):
        load(folder)


def test_boxes_that_are_two_corners(tmp_path: Path) -> None:
    corners = [(x, y, x + w, y + h) for x, y, w, h in BOXES]
    folder = write_kaggle(tmp_path / "pages", dict.fromkeys(NAMES, words(LABELS, corners)))
    with pytest.raises(DataError, match=r"reach beyond their page; .*they look like left, top, right and bottom"):
        load(folder)


def test_boxes_of_larger_images(tmp_path: Path) -> None:
    larger = [(3 * x, 3 * y, 30, 40) for x, y, _, _ in BOXES]
    folder = write_kaggle(tmp_path / "pages", dict.fromkeys(NAMES, words(LABELS, larger)))
    with pytest.raises(DataError, match=r"reach beyond their page; .*were they drawn on larger images"):
        load(folder)


def test_a_box_that_is_listed_twice(plain) -> None:
    folder, _ = plain
    box = " ".join(map(str, BOXES[0]))
    table(folder, lambda text: text.replace(words(), f"{words()} {words()} U+3093 {box}", 1).encode())
    problems = {problem.kind: problem.boxes for problem in report(folder).problems}
    assert problems == {"box_twice": 12, "two_characters": 2}
    with pytest.warns(
        UserWarning, match=r"of 85 boxes some are odd: a box listed twice with the same character \(12\)"
    ):
        load(folder)


def test_characters_of_two_code_points_and_what_is_none(plain) -> None:
    folder, _ = plain
    codes = ["U+304B_U+309A", "U+304B_U+3099", "U+3000", "U+3013", "U+3099", "U+200B", "U+D842_U+DFB7", "U+3347F"]
    boxes = [" ".join(map(str, box)) for box in BOXES]
    row = " ".join(f"{code} {box}" for code, box in zip(codes, boxes, strict=False))
    table(folder, lambda text: text.replace(words(), row, 1).encode())
    page = list_pages(folder).pages[0]
    assert page.characters == ("か゚", "が", "𠮷", "\U0003347f")
    assert [(each.kind, each.boxes) for each in report(folder).problems] == [("unknown_code_point", 4)]
    assert {"か゚", "が"} <= set(load(folder).classes)
    assert np.isin(page.ids, [0, 1, 6, 7]).all()


# Boxes that are not where the writing is


def written(folder: Path, change=lambda box: box, label="U+304A") -> Path:
    """Four pages of twelve black characters, whose boxes are changed."""
    boxes = [(20 + 90 * (n % 4), 20 + 110 * (n // 4), 50, 60) for n in range(12)]
    page = np.full((400, 400), 240, np.uint8)
    for left, top, width, height in boxes:
        page[top + 4 : top + height - 4, left + 20 : left + 30] = 20
        page[top + 25 : top + 35, left + 4 : left + width - 4] = 20
    (folder / "train_images").mkdir(parents=True)
    words = " ".join(" ".join(map(str, (label, *change(box)))) for box in boxes)
    (folder / "train.csv").write_text("image_id,labels\n" + "".join(f"b_{n},{words}\n" for n in range(4)), "utf-8")
    for number in range(4):
        (folder / "train_images" / f"b_{number}.jpg").write_bytes(jpeg(Image.fromarray(page)))
    return folder


def test_boxes_where_the_writing_is(tmp_path: Path) -> None:
    assert report(written(tmp_path / "a")).characters == 48
    assert report(written(tmp_path / "b", lambda box: (box[0] + 8, box[1] - 8, *box[2:]))).characters == 48


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda box: (box[0] + 25, box[1] + 30, *box[2:]), "they look like the middle, width and height"),
        (lambda box: tuple(round(0.88 * side) for side in box), "were they drawn on images of another size"),
        (lambda box: (box[1], box[0], box[3], box[2]), "is their order another"),
    ],
    ids=["middles", "smaller", "top first"],
)
def test_boxes_elsewhere_are_refused(tmp_path: Path, change, cause: str) -> None:
    with pytest.raises(DataError, match=f"the boxes are not where the writing is; .*{cause}"):
        report(written(tmp_path / "pages", change))
    with pytest.raises(DataError, match="the boxes are not where the writing is"):
        load(tmp_path / "pages", limit=12)


def test_labels_that_are_characters(tmp_path: Path) -> None:
    assert load(written(tmp_path / "pages", label="か\u3099")).classes == ("が",)
    assert load(written(tmp_path / "more", label="か゚")).classes == ("か゚",)
    with pytest.raises(DataError, match=r"gives no character: .*malformed_code_point"):
        report(written(tmp_path / "gone", label="〓"))


def test_boxes_before_their_characters_are_those_of_these(tmp_path: Path) -> None:
    folder = written(tmp_path / "pages")
    right = [(page.characters, page.boxes.tolist()) for page in list_pages(folder).pages]
    table(folder, lambda text: re.sub(r"(U\+304A) (\d+ \d+ \d+ \d+)", r"\2 \1", text).encode())
    assert [(page.characters, page.boxes.tolist()) for page in list_pages(folder).pages] == right
    assert report(folder).problems == ()


def test_blank_pages_are_no_sign_of_boxes_elsewhere(tmp_path: Path) -> None:
    folder = written(tmp_path / "pages")
    noise = np.random.default_rng(0).integers(225, 240, (400, 400), dtype=np.uint8)
    for path in (folder / "train_images").iterdir():
        path.write_bytes(jpeg(Image.fromarray(noise)))
    assert report(folder).characters == 48
