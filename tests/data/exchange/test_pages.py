"""Pages with their boxes, from one program's files to another's and back."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.convert import convert
from kuzushiji.data.exchange import PAGE_FORMATS, known_format
from kuzushiji.data.exchange.scans import Odd, Scan, chosen, image_file
from kuzushiji.data.source import load, parse
from kuzushiji.document.page import Characters, ImageRef, Page, truth, with_lines
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from tests.data.exchange.made_up import SIZE, write_pages

OTHERS = ("coco", "yolo", "kraken")


def pages_in(folder: Path) -> dict[str, tuple[list[str], list[list[float]]]]:
    """The characters of each page with their boxes to a tenth of a pixel, in the order of their places."""
    format = known_format(folder)
    assert format is not None
    found = {}
    for scan in PAGE_FORMATS[format].read(folder, Odd()):
        pairs = zip(scan.page.characters.boxes.round(1).tolist(), scan.page.characters.best.tolist(), strict=True)
        ordered = sorted(pairs)
        found[scan.name] = [text for _, text in ordered], [box for box, _ in ordered]
    return found


@pytest.mark.parametrize("format", OTHERS)
def test_there_and_back_again(tmp_path: Path, format: str) -> None:
    source = write_pages(tmp_path / "source")
    done = convert(source, tmp_path / format, format)
    assert done.holds == "pages"
    assert done.splits == {"train": 2, "validation": 1, "test": 1}
    assert done.notes == ()
    assert "と゚" in done.classes
    assert known_format(tmp_path / format) == format
    assert pages_in(tmp_path / format) == pages_in(source)
    again = convert(tmp_path / format, tmp_path / "again", "kaggle")
    assert again.splits == done.splits
    assert (tmp_path / "again" / "train.csv").read_text() == (source / "train.csv").read_text()
    for split in parse(source).splits:
        assert load(tmp_path / "again", split).fingerprint() == load(source, split).fingerprint()


@pytest.mark.parametrize("format", OTHERS)
def test_from_each_to_each_with_the_splits_as_they_were(tmp_path: Path, format: str) -> None:
    convert(f"{write_pages(tmp_path / 'source', 5)}:book", tmp_path / "first", format)
    places = sorted(path.relative_to(tmp_path / "first") for path in (tmp_path / "first").rglob("a*_1.png"))
    for other in OTHERS:
        done = convert(tmp_path / "first", tmp_path / other, other)
        assert done.splits == {"train": 3, "validation": 1, "test": 1}
        assert pages_in(tmp_path / other) == pages_in(tmp_path / "source")
        found = sorted(path.relative_to(tmp_path / other) for path in (tmp_path / other).rglob("a*_1.png"))
        assert [path.parts[0] for path in found] == [path.parts[0] for path in places]


@pytest.mark.parametrize("format", OTHERS)
def test_real_pages(tmp_path: Path, real_data: Path, format: str) -> None:
    source = real_data / "pages" / "labelled"
    convert(source, tmp_path / format, format)
    assert pages_in(tmp_path / format) == pages_in(source)


def test_files_of_images_stay_as_they_are_unless_metadata_turn_them(tmp_path: Path) -> None:
    upright, turned = io.BytesIO(), io.BytesIO()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8))
    image.save(upright, "JPEG")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(turned, "JPEG", exif=exif)
    page = truth(ImageRef("a.jpg"), "", [])
    kept = image_file(Scan(page, upright.getvalue))
    assert (kept.suffix, kept.content, kept.size) == (".jpg", upright.getvalue(), (30, 20))
    new = image_file(Scan(page, turned.getvalue))
    assert (new.suffix, new.size) == (".png", (20, 30))
    assert Image.open(io.BytesIO(new.content)).size == (20, 30)


def test_lines_and_order_stay_where_some_characters_go() -> None:
    page = truth(ImageRef("a.png"), "いろはにほ", [[10 * each, 0, 5, 5] for each in range(5)])
    page = with_lines(page, [("main", [4, 3]), ("note", [2, 1])], order=[2, 1, 4, 3, 0])
    assert "".join(each.text for each in page) == "はろほにい"
    some = chosen(page, page.characters.best != "は")
    assert "".join(each.text for each in some) == "ろほにい"
    assert [line.role for line in some.lines] == ["main", "note"]
    assert chosen(page, np.ones(5, np.bool_)) == page


# COCO


def coco(folder: Path, change: Callable[[dict], None] = lambda values: None) -> Path:
    """A page with three characters as another program would write it."""
    values = {
        "info": {"year": 2026},
        "images": [{"id": 7, "file_name": "p/a.png", "width": SIZE[0], "height": SIZE[1], "license": 1}],
        "categories": [{"id": 3, "name": "U+304A"}, {"id": 9, "name": "character"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40.5], "segmentation": [], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 9, "bbox": [50, 20, 30, 40], "area": 1200},
            {
                "id": 3,
                "image_id": 7,
                "category_id": 3,
                "bbox": [60, 100, 20, 20],
                "segmentation": {"size": [200, 120], "counts": "PYn0"},
            },
        ],
    }
    change(values)
    (folder / "images" / "p").mkdir(parents=True)
    Image.new("L", SIZE, 200).save(folder / "images" / "p" / "a.png")
    (folder / "instances_train2017.json").write_text(json.dumps(values), encoding="utf-8")
    return folder


def test_coco_of_another_program_is_read(tmp_path: Path) -> None:
    """Run lengths are passed over, and the box counts; `character` is nobody's name."""
    (scan,) = PAGE_FORMATS["coco"].read(coco(tmp_path / "a"), Odd())
    assert scan.split == "train"
    assert scan.page.characters.best.tolist() == ["お", "", "お"]
    assert scan.page.characters.boxes.tolist() == [[10, 20, 30, 40.5], [50, 20, 30, 40], [60, 100, 20, 20]]
    done = convert(tmp_path / "a" / "instances_train2017.json", tmp_path / "new", "coco")
    assert (done.splits, done.classes) == ({"train": 1}, ("お",))
    assert [
        category["name"] for category in json.loads((tmp_path / "new/train/annotations.json").read_text())["categories"]
    ] == ["お", "character"]


def test_corners_of_characters_go_through_coco(tmp_path: Path) -> None:
    corners = np.array([[[20, 10], [60, 20], [50, 60], [10, 50]]], np.float32)
    page = Page(ImageRef("a.png"), Characters(corners, np.array([["お"]])))
    content = io.BytesIO()
    Image.new("L", SIZE).save(content, "PNG")
    PAGE_FORMATS["coco"].write(tmp_path, {"train": [Scan(page, content.getvalue)]}, Odd(), lambda count: None)
    (scan,) = PAGE_FORMATS["coco"].read(tmp_path, Odd())
    assert scan.page.characters.polygons.tolist() == corners.tolist()


def _set(*path: object) -> Callable[[dict], None]:
    def change(values: dict) -> None:
        *places, last, value = path
        for place in places:
            values = values[place]
        values[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            _set("annotations", 1, "bbox", [1, 2, 3]),
            r"annotations\[1\] has the bbox \[1.0, 2.0, 3.0\]; expected x, y, w",
        ),
        (_set("annotations", 1, "bbox", [1, 2, 3, float("nan")]), r"annotations\[1\] has the bbox"),
        (_set("annotations", 1, "bbox", [1, 2, 3, 1e308]), r"annotations\[1\] has the bbox"),
        (_set("annotations", 0, "bbox", "1 2 3 4"), r"annotations\[0\].bbox"),
        (_set("annotations", 2, "image_id", 8), r"annotations\[2\] is of image 8, which is not listed"),
        (_set("annotations", 2, "category_id", 8), r"annotations\[2\] has the category 8, which is not listed"),
        (_set("categories", 0, "name", "person"), "has a class 'person'; expected a character, a code point such as"),
        (_set("categories", 0, "name", 5), r"categories\[0\].name is 5"),
        (_set("images", 0, "file_name", "b.png"), "has no page whose image is there"),
        (_set("images", [{"id": 7, "file_name": "a.png"}] * 2), "has two images with one id"),
        (_set("annotations", {}), "annotations"),
    ],
)
def test_coco_that_is_wrong(tmp_path: Path, change: Callable[[dict], None], found: str) -> None:
    source = coco(tmp_path / "a", change)
    with pytest.raises(DataError, match=found):
        convert(source, tmp_path / "new", "kaggle")
    assert not (tmp_path / "new").exists()


def test_coco_that_is_no_json(tmp_path: Path) -> None:
    path = coco(tmp_path / "a") / "instances_train2017.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(DataError, match=r"instances_train2017\.json is damaged JSON"):
        convert(tmp_path / "a", tmp_path / "new", "kaggle")


def test_what_cannot_be_taken_over_is_counted(tmp_path: Path) -> None:
    def change(values: dict) -> None:
        _set("annotations", 0, "bbox", [100, 20, 30, 40])(values)
        _set("annotations", 2, "bbox", [300, 20, 30, 40])(values)
        some = values["annotations"][0]
        values["annotations"] += [some | {"iscrowd": 1}, some | {"bbox": [1, 1, 0, 5]}]
        values["images"].append({"id": 8, "file_name": "missing.png"})

    done = convert(coco(tmp_path / "a", change), tmp_path / "new", "kaggle")
    kinds = [note.split("; the first")[0] for note in done.notes]
    assert kinds == [
        "1 regions of many (iscrowd), left out",
        "1 boxes without width or height, left out",
        "1 pages without an image, left out",
        "1 characters partly outside their page, cut off at its edge",
        "1 characters outside their page, left out",
        "1 characters that nobody named, left out",
    ]
    assert (tmp_path / "new" / "train.csv").read_text() == "image_id,labels\na,U+304A 100 20 20 40\n"


def test_boxes_that_mean_something_else(tmp_path: Path) -> None:
    def corners(values: dict) -> None:
        some = values["annotations"][0]
        values["annotations"] = [some | {"bbox": [80, 10 * each, 110, 10 * each + 9]} for each in range(12)]

    with pytest.raises(DataError, match="12 of 12 boxes reach beyond their page; were they drawn on larger images"):
        convert(coco(tmp_path / "a", corners), tmp_path / "new", "yolo")
    assert not (tmp_path / "new").exists()


# YOLO


def yolo(folder: Path, rows: str, description: str = "names: [お, U+304D]") -> Path:
    (folder / "train" / "images").mkdir(parents=True)
    (folder / "train" / "labels").mkdir()
    Image.new("L", (100, 200), 200).save(folder / "train" / "images" / "a.jpg")
    (folder / "train" / "labels" / "a.txt").write_text(rows)
    (folder / "data.yaml").write_text(description, encoding="utf-8")
    return folder


def test_yolo_of_another_program_is_read(tmp_path: Path) -> None:
    """Boxes, boxes with how sure a network was, four corners, an outline."""
    pytest.importorskip("yaml")
    rows = "0 0.5 0.5 0.2 0.1\n1 0.5 0.5 0.2 0.1 0.93\n\n1 .1 .1 .2 .1 .2 .2 .1 .2\n0 .1 .1 .3 .1 .2 .3\n"
    (scan,) = PAGE_FORMATS["yolo"].read(yolo(tmp_path / "a", rows), Odd())
    assert scan.split == "train"
    assert scan.page.characters.best.tolist() == ["お", "き", "き", "お"]
    expected = [[40, 90, 20, 20], [40, 90, 20, 20], [10, 20, 10, 20], [10, 20, 20, 40]]
    assert scan.page.characters.boxes.round(3).tolist() == expected


def test_names_of_classes_need_no_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = yolo(tmp_path / "a", "1 0.5 0.5 0.2 0.1\n")
    monkeypatch.setattr("kuzushiji.extras.find_spec", lambda package: None)
    with pytest.raises(KuzushijiError, match=r"needs yaml; install it with: pip install 'kuzushiji\[yolo\]'"):
        convert(source, tmp_path / "new", "coco")
    (source / "data.yaml").unlink()
    (source / "classes.txt").write_text("お\nき\n", encoding="utf-8")
    assert convert(source, tmp_path / "new", "coco").classes == ("き",)


@pytest.mark.parametrize(
    ("rows", "description", "found"),
    [
        ("2 0.5 0.5 0.2 0.1", "names: [お, き]", r"a\.txt, line 1: class 2; the 2 classes are 0 to 1"),
        ("0 0.5 0.5 0.2 0.1\n-1 0.5 0.5 0.2 0.1", "names: [お, き]", "line 2: class -1"),
        ("0.5 0.5 0.5 0.2 0.1", "names: [お, き]", "line 1: class 0.5"),
        ("お 0.5 0.5 0.2 0.1", "names: [お, き]", "is no row of numbers"),
        ("0 0.5 0.5 0.2", "names: [お, き]", "line 1: 4 numbers; expected a class and x, y, width and height"),
        ("0 50 50 20 10", "names: [お, き]", "expected shares of the image, 0 to 1, not pixels"),
        ("0 nan 0.5 0.2 0.1", "names: [お, き]", "expected shares of the image"),
        ("0 0.5 0.5 0.2 0.1", "names: [person]", r"data\.yaml has a class 'person'"),
        ("0 0.5 0.5 0.2 0.1", "names: {0: お, 2: き}", "expected 0, 1, 2 and so on"),
        ("0 0.5 0.5 0.2 0.1", "names: 5", "names no classes"),
        ("0 0.5 0.5 0.2 0.1", "names: [", "is damaged YAML"),
        ("0 0.5 0.5 0.2 0.1", "names: [2026-13-99]", "is damaged YAML"),
        ("0 0.5 0.5 0.2 0.1", "a: &a [x, x]\nnames: [*a]", "names no classes"),
        ("", "names: [お, き]", "has no labels; expected labels/NAME.txt"),
    ],
)
def test_yolo_that_is_wrong(tmp_path: Path, rows: str, description: str, found: str) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(DataError, match=found):
        convert(yolo(tmp_path / "a", rows, description), tmp_path / "new", "kaggle")
    assert not (tmp_path / "new").exists()


# kraken


def test_lines_go_through_page_xml(tmp_path: Path) -> None:
    convert(write_pages(tmp_path / "source"), tmp_path / "kraken", "kraken")
    pages = [scan.page for scan in PAGE_FORMATS["kraken"].read(tmp_path / "kraken", Odd())]
    assert {page.text for page in pages} == {"いろはに\nほへと゚"}
    assert {page.image.size for page in pages} == {SIZE}
    convert(tmp_path / "kraken", tmp_path / "again", "kraken")
    assert [scan.page for scan in PAGE_FORMATS["kraken"].read(tmp_path / "again", Odd())] == pages


def test_page_xml_without_its_images(tmp_path: Path) -> None:
    convert(write_pages(tmp_path / "source"), tmp_path / "kraken", "kraken")
    for path in (tmp_path / "kraken").rglob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="has no page whose image is there"):
        convert(tmp_path / "kraken", tmp_path / "new", "coco")


# What does not go


@pytest.mark.parametrize("format", ["coco", "lmdb"])
def test_characters_make_no_pages(bars_folder: Path, tmp_path: Path, format: str) -> None:
    with pytest.raises(UsageError, match="holds no pages"):
        convert(bars_folder, tmp_path / "new", format)


@pytest.mark.parametrize(
    ("source", "format", "options", "found"),
    [
        ("coco", "npz", {}, r"holds pages \(coco\); convert them to kaggle first"),
        ("coco", "coco", {"image_size": 28}, "an image size is for images of characters"),
        ("coco", "yolo", {"turn": True}, "what is turned are images of lines"),
    ],
)
def test_what_goes_with_what(tmp_path: Path, source: str, format: str, options: dict, found: str) -> None:
    with pytest.raises(UsageError, match=found):
        convert(coco(tmp_path / source), tmp_path / "new", format, **options)


def test_two_pages_of_one_name(tmp_path: Path) -> None:
    for folder in ("train", "test"):
        coco(tmp_path / "a" / folder)
    with pytest.raises(DataError, match="two pages are called a"):
        convert(tmp_path / "a", tmp_path / "new", "yolo")
