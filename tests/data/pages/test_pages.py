"""Pages with boxes -> characters: made-up pages with everything that can be wrong with them, and the real ones."""

import csv
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kuzushiji import home
from kuzushiji.data.files import allowance
from kuzushiji.data.pages import characters as page_characters
from kuzushiji.data.pages import cutting
from kuzushiji.data.pages.characters import Places, cached_characters, divide, folds, places, report_of
from kuzushiji.data.pages.cutting import clip
from kuzushiji.data.pages.problems import KINDS, PageReport
from kuzushiji.data.pages.tables import holds_pages, list_pages, read_page
from kuzushiji.data.source import load, parse
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.imaging.cut import cut
from kuzushiji.records import as_plain, from_plain

WIDTH, HEIGHT = 200, 300
BOXES = [(20 + 60 * (number % 3), 20 + 70 * (number // 3), 30 + 5 * (number % 2), 50) for number in range(12)]
LABELS = "あいうえおかきくけこさし"
NAMES = [f"{book}_{number:05}_1" for book in ("100", "200", "300") for number in range(2)]


def draw(boxes: list[tuple[int, int, int, int]] = BOXES, *, paper: int = 210, ink: int = 50, seed: int = 0) -> Image:
    """A page with a cross in each box, each of another thickness, on paper that is never quite even."""
    page = Image.new("L", (WIDTH, HEIGHT), paper)
    pen = ImageDraw.Draw(page)
    for number, (x, y, w, h) in enumerate(boxes):
        thick = 3 + number % 4
        pen.line((x + w // 2, y, x + w // 2, y + h - 1), fill=ink, width=thick)
        pen.line((x, y + h // 3, x + w - 1, y + h // 3), fill=ink, width=thick)
    grain = np.random.default_rng(seed).integers(-4, 5, (HEIGHT, WIDTH))
    return Image.fromarray((np.asarray(page, np.int16) + grain).clip(0, 255).astype(np.uint8))


def jpeg(page: Image) -> bytes:
    packed = io.BytesIO()
    page.convert("RGB").save(packed, "JPEG", quality=95)
    return packed.getvalue()


def words(characters: str = LABELS, boxes: list[tuple[int, int, int, int]] = BOXES) -> str:
    return " ".join(f"U+{ord(c):04X} {x} {y} {w} {h}" for c, (x, y, w, h) in zip(characters, boxes, strict=True))


def write_kaggle(folder: Path, labels: dict[str, str] | None = None) -> Path:
    """Pages in Kaggle's layout; `labels` changes those of some pages, or adds pages."""
    (folder / "train_images").mkdir(parents=True)
    rows = dict.fromkeys(NAMES, words()) | (labels or {})
    with open(folder / "train.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image_id", "labels"), *rows.items()])
    for seed, name in enumerate(rows):
        (folder / "train_images" / f"{name}.jpg").write_bytes(jpeg(draw(seed=seed)))
    return folder


def write_codh(folder: Path) -> Path:
    """The same pages in CODH's layout, the boxes of the pages of a book in any order."""
    for book in ("100", "200", "300"):
        (folder / book / "images").mkdir(parents=True)
        names = [name for name in NAMES if name.startswith(book)]
        with open(folder / book / f"{book}_coordinate.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["Unicode", "Image", "X", "Y", "Block ID", "Char ID", "Width", "Height"])
            for number, (character, (x, y, w, h)) in enumerate(zip(LABELS, BOXES, strict=True)):
                for name in names:
                    table.writerow([f"U+{ord(character):04X}", name, x, y, "B0001", f"C{number:04}", w, h])
        for name in names:
            (folder / book / "images" / f"{name}.jpg").write_bytes(jpeg(draw(seed=NAMES.index(name))))
    # CODH adds its own crops, a file each; they are no pages.
    (folder / "100" / "characters" / "U+3042").mkdir(parents=True)
    (folder / "100" / "characters" / "U+3042" / "100_00000_1_X1_Y1.jpg").write_bytes(b"no image")
    return folder


def zipped(path: Path, folder: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, top + file.relative_to(folder).as_posix())
    return path


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    return write_kaggle(tmp_path / "pages")


def report(name: str | Path) -> PageReport:
    return report_of(cached_characters(parse(name).pages))


def where(name: str | Path, ids: NDArray[np.int64]) -> Places:
    return places(parse(name).pages, ids)


def all_of(name: str | Path, image_size: int | None = None) -> dict[int, tuple[str, bytes]]:
    """Id -> character and pixels, in all splits together."""
    parts = [load(name, split, image_size=image_size) for split in parse(name).splits]
    return {
        int(number): (part.classes[label], image.tobytes())
        for part in parts
        for number, label, image in zip(part.ids, part.labels, part.images, strict=True)
    }


def kept() -> list[str]:
    """What is in the cache, the locks aside."""
    folder = home.cache_folder() / "decoded"
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []


# Layouts


def test_pages_load_as_characters(kaggle: Path) -> None:
    data = load(kaggle)
    assert data.images.shape == (12 * 4, 80, 80)
    assert isinstance(data.images, np.memmap)
    assert (data.name, data.split, data.classes) == ("pages", "train", tuple(LABELS))
    assert data.class_counts().tolist() == [4] * 12
    assert set(data.source) == {"train.csv", "train_images"}
    assert sorted(all_of(kaggle)) == list(range(12 * 6))
    assert report(kaggle) == PageReport(pages=6, books=3, boxes=72, characters=72, classes=12, problems=())


def test_every_form_of_the_same_pages_gives_the_same_characters(kaggle: Path, tmp_path: Path) -> None:
    wanted = all_of(kaggle)
    forms = [zipped(tmp_path / "all.zip", kaggle), zipped(tmp_path / "deep.zip", kaggle, "kuzushiji-recognition/")]
    (tmp_path / "apart").mkdir()
    shutil.copy(kaggle / "train.csv", tmp_path / "apart")
    zipped(tmp_path / "apart" / "train_images.zip", kaggle / "train_images")
    (tmp_path / "holds").mkdir()
    shutil.copy(forms[0], tmp_path / "holds")
    for form in (*forms, tmp_path / "apart", tmp_path / "holds"):
        assert all_of(form) == wanted
        assert load(form).source == load(kaggle).source


def test_codh_gives_the_same_characters_as_kaggle(kaggle: Path, tmp_path: Path) -> None:
    wanted = Counter(all_of(kaggle).values())
    books = write_codh(tmp_path / "codh")
    (tmp_path / "zips").mkdir()
    for book in ("100", "200", "300"):
        zipped(tmp_path / "zips" / f"{book}.zip", books / book, f"{book}/")
    for form in (books, tmp_path / "zips", zipped(tmp_path / "codh.zip", books)):
        assert Counter(all_of(form).values()) == wanted
        assert report(form) == report(kaggle)
    assert len(all_of(f"{books / '200'}")) == 24
    assert report(books / "200").books == 1


def test_a_copy_elsewhere_keeps_its_characters_and_its_cache(kaggle: Path, tmp_path: Path) -> None:
    first = all_of(kaggle)
    before = kept()
    (tmp_path / "elsewhere").mkdir()
    assert all_of(kaggle.rename(tmp_path / "elsewhere" / "pages")) == first
    assert kept() == before


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ("", "begins with ''; expected image_id,labels or Unicode,Image,X,Y,Width,Height"),
        ("id,text\n1,2\n", "begins with 'id,text'"),
        ("<html>", "begins with '<html>'"),
        ("image_id,labels\n" + "a_1," + "x" * 200_000 + "\n", "field larger than"),
    ],
)
def test_tables_that_are_something_else(kaggle: Path, table: str, found: str) -> None:
    (kaggle / "train.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=rf"train\.csv {found}"):
        load(kaggle)


def test_folders_and_zips_without_pages(kaggle: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert not holds_pages(tmp_path / "other")
    (tmp_path / "other" / "a.zip").write_bytes(b"PK no zip")
    assert not holds_pages(tmp_path / "other")
    with pytest.raises(UsageError, match=r"holds no pages; expected train\.csv beside train_images"):
        report(tmp_path / "other")
    with pytest.raises(UsageError, match=r"asks for a division by book, but .*other holds no pages"):
        load(f"{tmp_path / 'other'}:book")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(DataError, match=r"text\.zip is not a whole zip file"):
        load(tmp_path / "text.zip")
    cut_off = zipped(tmp_path / "cut_off.zip", kaggle)
    cut_off.write_bytes(cut_off.read_bytes()[:-2000])
    with pytest.raises(DataError, match="is not a whole zip file"):
        load(cut_off)
    images = zipped(tmp_path / "train_images.zip", kaggle / "train_images")
    with pytest.raises(
        DataError, match=r"images\.zip: 100_00000_1\.jpg is not an image in a class folder.*train\.csv beside"
    ):
        load(images)
    shutil.move(images, kaggle)
    outer = zipped(tmp_path / "outer.zip", kaggle, "pages/")
    with pytest.raises(DataError, match=r"holds another zip, pages/train_images\.zip; unpack it once"):
        load(outer)


def test_kaggles_boxes_are_in_the_order_of_the_table_and_on_no_line(kaggle: Path) -> None:
    page = list_pages(kaggle).page(NAMES[1])
    assert (page.truth.image.name, page.truth.status, page.truth.lines) == (f"{NAMES[1]}.jpg", "corrected", ())
    assert [each.text for each in page.truth] == list(LABELS) == list(page.characters)
    assert page.boxes.tolist() == [list(box) for box in BOXES]
    assert page.ids.tolist() == list(range(12, 24))


@pytest.mark.parametrize(
    ("places", "read"),
    [
        # A column to the left of another; the first two boxes are side by side, so each begins a column.
        ({"あ": ("B0001", "C0002"), "え": ("B0001", "C0010"), "い": ("B0001", "C0001")}, "い|あえ"),
        # Blocks have numbers, so that B2 is before B10; the places begin again in each.
        ({"あ": ("B10", "C1"), "え": ("B10", "C2"), "い": ("B2", "C1"), "お": ("B2", "C2")}, "いお|あえ"),
        # The places run on: a note stands within the column that it interrupts.
        ({"あ": ("B1", "C1"), "え": ("B1", "C4"), "い": ("B2", "C2"), "お": ("B2", "C3")}, "あ|いお|え"),
        # A box without a block is on no line.
        ({"あ": ("B1", "C1"), "え": ("B1", "C2"), "い": ("", "")}, "あえ|い"),
        ({"あ": ("", ""), "え": ("", ""), "い": ("", "")}, "あえい"),
    ],
)
def test_codhs_blocks_and_places_give_lines_and_order(
    places: dict[str, tuple[str, str]], read: str, tmp_path: Path
) -> None:
    with open(tmp_path / "100_coordinate.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["Unicode", "Image", "X", "Y", "Block ID", "Char ID", "Width", "Height"])
        for character, ids in places.items():
            x, y, width, height = BOXES[LABELS.index(character)]
            table.writerow([f"U+{ord(character):04X}", "100_1", x, y, *ids, width, height])
    (page,) = list_pages(tmp_path).pages
    assert page.truth.text.replace("\n", "|") == read
    assert sorted(page.ids) == list(range(len(places)))
    assert [list(places)[number] for number in page.ids] == list(page.characters)
    assert [tuple(box) for box in page.boxes.tolist()] == [BOXES[LABELS.index(each)] for each in page.characters]


# Boxes


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ("U+3042 20 20 30", "malformed_entry"),
        ("U+3042 20 20 30 x", "malformed_entry"),
        ("U+3042 20 20 30 nan", "malformed_entry"),
        ("U+3042 20 20 30 99999999999999999999", "malformed_entry"),
        ("U+3042", "malformed_entry"),
        ("3042 20 20 30 50", "malformed_code_point"),
        ("〓 20 20 30 50", "malformed_code_point"),
        ("あ 20 20 30 50", "box_twice"),  # the character itself, of which there is such a box
        ("U+30G2 20 20 30 50", "malformed_code_point"),
        ("U+110000 20 20 30 50", "malformed_code_point"),
        ("U+D800 20 20 30 50", "malformed_code_point"),
        ("U+0378 20 20 30 50", "unknown_code_point"),
        ("U+E000 20 20 30 50", "unknown_code_point"),
        ("U+0007 20 20 30 50", "unknown_code_point"),
        ("U+3042 20 20 0 50", "no_size"),
        ("U+3042 20 20 30 -50", "no_size"),
        ("U+3042 200 20 30 50", "outside"),
        ("U+3042 20 -50 30 50", "outside"),
        ("U+3042 999999999 999999999 999999999 999999999", "outside"),
        ("U+3042 190 20 30 50", "clipped"),
        ("U+3042 -5 20 30 50", "clipped"),
        ("U+3042 20 280 30 50", "clipped"),
    ],
)
def test_a_bad_box_is_counted_and_spoils_no_other(entry: str, kind: str, tmp_path: Path) -> None:
    name = NAMES[3]
    first, rest = words(LABELS[:5], BOXES[:5]), words(LABELS[5:], BOXES[5:])
    source = write_kaggle(tmp_path / "pages", {name: f"{first} {entry} {rest}"})
    found = report(source)
    (problem,) = found.problems
    assert (problem.kind, problem.pages) == (kind, 1)
    assert problem.examples[0].startswith(f"{name}: {entry.split()[0]}" if kind != "malformed_entry" else name)
    good = {character for number, (character, _) in all_of(source).items() if 36 <= number < 50}
    assert good == set(LABELS)
    assert found.characters == 72 + (kind == "clipped")
    assert found.boxes - found.characters == (0 if kind == "clipped" else problem.boxes)


def test_a_page_with_all_boxes_outside_is_counted(tmp_path: Path) -> None:
    found = report(write_kaggle(tmp_path / "pages", {NAMES[0]: words("あい", [(300, 20, 30, 50), (300, 90, 30, 50)])}))
    assert [(problem.kind, problem.boxes, problem.pages) for problem in found.problems] == [("outside", 2, 1)]
    assert found.characters == 60


def test_all_kinds_at_once_add_up(tmp_path: Path) -> None:
    bad = "U+3042 1 2 U+E000 20 20 30 50 x 20 20 30 50 U+3042 20 20 0 0 U+3042 500 20 30 50 U+3042 190 20 30 50"
    bad += " U+3042 40 20 30 50 U+3042 40 20 30 50 U+3042 60 20 30 50 U+3044 60 20 30 50"
    source = write_kaggle(tmp_path / "pages", {NAMES[0]: f"{words()} {bad}", NAMES[1]: bad, "400_1": "", "500_1": bad})
    (source / "train_images" / f"{NAMES[2]}.jpg").unlink()
    (source / "train_images" / f"{NAMES[3]}.jpg").write_bytes(b"")
    with open(source / "train.csv", "a", encoding="utf-8") as file:
        file.write(f"{NAMES[4]},{words()}\n")
    found = report(source)
    assert [(problem.kind, problem.boxes, problem.pages) for problem in found.problems] == [
        ("malformed_entry", 3, 3),
        ("malformed_code_point", 3, 3),
        ("unknown_code_point", 3, 3),
        ("box_twice", 3, 3),
        ("two_characters", 6, 3),
        ("no_size", 3, 3),
        ("outside", 3, 3),
        ("clipped", 3, 3),
        ("listed_twice", 12, 1),
        ("no_image", 12, 1),
        ("broken_image", 12, 1),
    ]
    assert [problem.kind for problem in found.problems] == list(KINDS)
    assert found.left_out == sum(problem.boxes for problem in found.problems if problem.kind != "clipped")
    assert (found.pages, found.boxes, found.characters) == (8, 12 * 6 + 10 * 3, 3 * 12 + 6)
    assert from_plain(as_plain(found), PageReport) == found


def test_characters_that_the_makers_name_are_known(tmp_path: Path) -> None:
    labels = words() + " U+E000 21 20 30 50"
    source = write_kaggle(tmp_path / "pages", {NAMES[0]: labels})
    (source / "unicode_translation.csv").write_text("Unicode,char\nrubbish\nU+E000,x\n", encoding="utf-8")
    assert report(source).problems == ()
    assert "\ue000" in load(source).classes


def test_a_clipped_box_shows_what_is_on_the_page() -> None:
    boxes = np.array([[-10, 5, 30, 20], [90, 90, 20, 20], [100, 0, 5, 5], [0, 0, 100, 100]], np.int32)
    clipped, fates = clip(boxes, (100, 100))
    assert clipped[[0, 1, 3]].tolist() == [[0, 5, 20, 20], [90, 90, 10, 10], [0, 0, 100, 100]]
    assert fates.tolist() == [cutting.CLIPPED, cutting.CLIPPED, cutting.OUTSIDE, cutting.CUT]


# Images of pages


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), "is a damaged image"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"<html>404</html>"), "it is a web page"),
        (lambda path: path.write_bytes(path.read_bytes()[:20]), "is a damaged image"),
    ],
)
def test_a_broken_page_is_left_out(kaggle: Path, harm, found: str) -> None:
    # Of the three splits the one with a single page, which must not end empty.
    (page,) = set(where(kaggle, load(kaggle, "test").ids).pages)
    harm(kaggle / "train_images" / f"{page}.jpg")
    (problem,) = report(kaggle).problems
    assert (problem.kind, problem.boxes, problem.pages) == ("broken_image", 12, 1)
    assert found in problem.examples[0]
    assert problem.examples[0].startswith(f"{page}: ")
    assert [len(load(kaggle, split)) for split in parse(kaggle).splits] == [36, 12, 12]
    assert page not in where(kaggle, load(kaggle, "test").ids).pages


def test_a_missing_page_is_left_out(kaggle: Path) -> None:
    (kaggle / "train_images" / f"{NAMES[0]}.jpg").unlink()
    (problem,) = report(kaggle).problems
    assert (problem.kind, problem.boxes, problem.examples) == ("no_image", 12, (f"{NAMES[0]}: 12 boxes",))
    assert sorted(all_of(kaggle)) == list(range(12, 72))


def test_a_damaged_member_of_a_zip_is_left_out(kaggle: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "pages.zip", kaggle)
    content = bytearray(path.read_bytes())
    start = content.index((kaggle / "train_images" / f"{NAMES[2]}.jpg").read_bytes()[:100])
    content[start + 500 : start + 600] = bytes(100)
    path.write_bytes(content)
    (problem,) = report(path).problems
    assert problem.kind == "broken_image"
    assert "cannot be unpacked (Bad CRC-32" in problem.examples[0]


def test_more_pixels_than_so_few_bytes_hold_are_refused(kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "_ALWAYS", 1000)
    with pytest.raises(DataError, match=r"has more pixels than [\d,]+ bytes of writing have"):
        load(kaggle)


def test_no_character_at_all(kaggle: Path) -> None:
    shutil.rmtree(kaggle / "train_images")
    with pytest.raises(DataError, match=r"gives no character: it lists 72 boxes\. no_image, such as 100_00000_1"):
        cached_characters(parse(kaggle).pages)
    assert kept() == []


def test_pages_in_other_formats_and_in_colour(tmp_path: Path) -> None:
    source = write_kaggle(tmp_path / "pages")
    brown = Image.merge("RGB", [draw(paper=paper, ink=40) for paper in (230, 200, 150)])
    (source / "train_images" / f"{NAMES[0]}.jpg").unlink()
    brown.save(source / "train_images" / f"{NAMES[0]}.png")
    assert report(source).characters == 72
    page = list_pages(source).page(NAMES[0])
    assert read_page(page).shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(UsageError, match="has no page 'x'; its 6 pages are 100_00000_1"):
        list_pages(source).page("x")


# Pixels


def cross(side: int = 80, number: int = 1, **options) -> np.ndarray:
    """The character in one box of a page."""
    return cut(np.asarray(draw(**options)), np.array(BOXES, np.int32), (side, side))[number]


def test_ink_is_white_and_paper_black() -> None:
    found = cross()
    assert np.median(found) == 0
    assert (found == 0).mean() > 0.6
    assert (found > 250).mean() > 0.1


@pytest.mark.parametrize(("paper", "ink"), [(240, 10), (180, 90), (120, 60), (60, 200), (10, 250)])
def test_every_tone_of_paper_and_ink_gives_the_same_character(paper: int, ink: int) -> None:
    wanted, found = cross().astype(int), cross(paper=paper, ink=ink).astype(int)
    assert np.abs(wanted - found).mean() < 6


def test_stains_and_shadows_are_paper() -> None:
    page = np.asarray(draw(), np.float64)
    shade = 1 - 0.35 * np.arange(WIDTH) / WIDTH  # the fold of the book
    page = page * shade
    page[:150] *= 0.85  # water
    found = cut(page.astype(np.uint8), np.array(BOXES, np.int32), (80, 80))
    wanted = cut(np.asarray(draw()), np.array(BOXES, np.int32), (80, 80))
    assert np.abs(wanted.astype(int) - found).mean() < 10
    assert (np.median(found, axis=(1, 2)) == 0).all()


def test_pale_ink_is_white_and_an_empty_box_stays_black() -> None:
    page = np.asarray(draw()).copy()
    x, y, w, h = BOXES[1]
    pale = page[y : y + h, x : x + w]
    page[y : y + h, x : x + w] = np.where(pale < 130, 120, pale)  # where the brush ran dry
    x, y, w, h = BOXES[2]
    page[y : y + h, x : x + w] = page[0, :w]
    found = cut(page, np.array(BOXES, np.int32), (80, 80))
    assert (found[1] > 200).mean() > 0.1
    assert found[2].max() < 60
    assert cut(np.full((50, 50), 200, np.uint8), np.array([[5, 5, 20, 20]], np.int32), (16, 16)).max() == 0


@pytest.mark.parametrize(("width", "height"), [(20, 60), (60, 20), (1, 60), (60, 1), (40, 40)])
@pytest.mark.parametrize("side", [80, 28])
def test_proportions_are_kept_and_the_rest_is_padded(width: int, height: int, side: int) -> None:
    page = np.full((100, 100), 220, np.uint8)
    page[10 : 10 + height, 10 : 10 + width] = 30
    boxes = np.array([[10, 10, width, height], [75, 75, 20, 20]], np.int32)
    found = cut(page, boxes, (side, side))[0]
    down, across = (max(1, round(side * each / max(width, height))) for each in (height, width))
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert (len(rows), len(columns)) == (down, across)
    assert abs(rows[0] - (side - 1 - rows[-1])) <= 1  # in the middle
    assert abs(columns[0] - (side - 1 - columns[-1])) <= 1


def test_other_sizes_have_the_same_ids(kaggle: Path) -> None:
    small = load(kaggle, "test", image_size=20)
    assert small.image_size == (20, 20)
    assert (small.ids == load(kaggle, "test").ids).all()
    assert len(kept()) == 2


# The cache


def test_processes_give_what_one_gives(kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "_SEVERAL", 1)
    found, told = [], []
    for cores in (1, 3):
        monkeypatch.setattr(cutting, "cores", lambda cores=cores: cores)
        monkeypatch.setenv("KUZUSHIJI_HOME", str(kaggle.parent / str(cores)))
        told.append([])
        cached_characters(parse(kaggle).pages, progress=lambda *counts: told[-1].append(counts))
        found.append(all_of(kaggle))
    assert found[0] == found[1]
    assert told[0] == told[1] == [(12 * done, 72) for done in range(1, 7)]


def test_cut_once(kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = all_of(kaggle)
    monkeypatch.setattr(page_characters, "cut_pages", None)
    assert all_of(kaggle) == first
    assert len(kept()) == 1


@pytest.mark.parametrize("changed", ["train.csv", f"train_images/{NAMES[0]}.jpg"])
def test_changed_pages_are_cut_again_and_the_old_cache_removed(kaggle: Path, changed: str) -> None:
    before = all_of(kaggle), kept(), load(kaggle).source
    if changed == "train.csv":
        (kaggle / changed).write_text(f"image_id,labels\n{NAMES[0]},{words()}\n", encoding="utf-8")
    else:
        (kaggle / changed).write_bytes(jpeg(draw(BOXES[::-1])))
    assert all_of(kaggle) != before[0]
    assert len(kept()) == 1
    assert kept() != before[1]
    assert load(kaggle, parse(kaggle).splits[0]).source != before[2]


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "about.json", "boxes.npy"])
@pytest.mark.parametrize("harm", [lambda path: os.truncate(path, path.stat().st_size // 2), Path.unlink])
def test_a_cache_that_is_not_whole_is_made_again(kaggle: Path, name: str, harm) -> None:
    first = where(kaggle, load(kaggle).ids)
    harm(home.cache_folder() / "decoded" / kept()[0] / name)
    second = where(kaggle, load(kaggle).ids)
    assert (first.boxes == second.boxes).all()
    assert len(kept()) == 1


def test_an_interrupted_cut_leaves_nothing(kaggle: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(kaggle, progress=interrupt)
    assert kept() == []
    assert len(load(kaggle)) == 48


def test_a_full_disk_leaves_nothing(kaggle: Path) -> None:
    code = (
        "import resource, sys\nfrom kuzushiji.data.source import load\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))\nload(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, kaggle], capture_output=True, text=True, timeout=180)
    assert "could not be written: File too large; nothing was lost" in done.stderr
    assert kept() == []


# Splits and places


def test_no_page_and_no_book_is_in_two_splits(kaggle: Path) -> None:
    for name, unit in ((str(kaggle), "pages"), (f"{kaggle}:page", "pages"), (f"{kaggle}:book", "books")):
        seen = [set(getattr(where(name, load(name, split).ids), unit)) for split in parse(name).splits]
        assert [len(found) for found in seen] == ([4, 1, 1] if unit == "pages" else [1, 1, 1])
        assert len(set.union(*seen)) == sum(map(len, seen))
    assert load(f"{kaggle}:book").name == "pages:book"
    assert all_of(f"{kaggle}:book") == all_of(kaggle)


def test_too_few_pages_are_not_divided(tmp_path: Path) -> None:
    source = write_kaggle(tmp_path / "pages")
    for name in NAMES[:4]:
        (source / "train_images" / f"{name}.jpg").unlink()
    assert parse(source).splits == ("all",)
    assert len(load(source, "all")) == 24
    with pytest.raises(UsageError, match=r"has no split 'train'; it has all, as three pages or books at least"):
        load(source)
    assert parse(source).splits == ("all",)  # now from the cache


def test_divide() -> None:
    names = [f"{book}_{page}" for book in range(20) for page in range(50)]
    found = divide(names)
    assert Counter(found.values()) == {"train": 800, "validation": 100, "test": 100}
    assert divide(reversed(names)) == found
    part = divide(names[:-50])  # a copy without one of the books
    assert sum(part[name] != found[name] for name in part) < 30
    for count in range(3, 12):
        assert set(divide(names[:count]).values()) == {"train", "validation", "test"}
    assert set(divide(names[:2]).values()) == {"all"}
    assert divide([]) == {}


def test_each_book_tests_in_one_fold_and_trains_in_the_others(kaggle: Path) -> None:
    books = {name.split("_")[0] for name in NAMES}
    tested: list[str] = []
    for fold in range(1, 4):
        source = f"{kaggle}:{fold}of3"
        assert parse(source).splits == ("train", "test")
        train, test = (set(where(source, load(source, split).ids).books) for split in ("train", "test"))
        assert parse(source).splits == ("train", "test")  # now from the cache
        assert test == {book for book, number in folds(books, 3).items() if number == fold}
        assert train == books - test
        tested += test
    assert sorted(tested) == sorted(books)
    assert load(f"{kaggle}:1of3").name == "pages:1of3"
    with pytest.raises(DataError, match="3 books are too few for 4 folds"):
        load(f"{kaggle}:1of4")


def test_a_fold_stays_the_same_where_a_page_is_damaged(kaggle: Path) -> None:
    books = folds({name.split("_")[0] for name in NAMES}, 3)
    lost = next(book for book, number in books.items() if number == 1)
    for name in NAMES:
        if name.startswith(lost):
            (kaggle / "train_images" / f"{name}.jpg").write_bytes(b"damaged")
    for fold in (2, 3):
        source = f"{kaggle}:{fold}of3"
        found = where(source, load(source, "test").ids).books
        assert set(found) == {book for book, number in books.items() if number == fold}
    with pytest.raises(DataError, match="1of3 has no character to test on"):
        load(f"{kaggle}:1of3", "test")


def test_folds() -> None:
    books = [f"book {number}" for number in range(14)]
    found = folds(books, 3)
    assert folds(reversed(books), 3) == folds(books * 2, 3) == found
    assert sorted(Counter(found.values()).items()) == [(1, 5), (2, 5), (3, 4)]


def test_places_of_characters(kaggle: Path) -> None:
    data = load(kaggle, limit=5)
    found = where(kaggle, data.ids)
    for number, page, book, box in zip(data.ids.tolist(), found.pages, found.books, found.boxes.tolist(), strict=True):
        assert page == NAMES[number // 12]
        assert book == page.split("_")[0]
        assert tuple(box) == BOXES[number % 12]
    assert where(kaggle, data.ids[:0]).pages == ()
    with pytest.raises(UsageError, match="has no character with the id 72"):
        where(kaggle, np.array([3, 72]))


# The real pages


def test_the_real_pages(real_data: Path) -> None:
    source = real_data / "pages" / "labelled"
    with open(source / "train.csv", newline="", encoding="utf-8") as file:
        rows = {row["image_id"]: row["labels"].split()[::5] for row in csv.DictReader(file)}
    assert [len(codes) for codes in rows.values()] == [67, 80, 78, 166]
    parts = {split: load(source, split) for split in parse(source).splits}
    assert {split: len(part) for split, part in parts.items()} == {"train": 244, "validation": 80, "test": 67}
    classes = parts["train"].classes
    assert len(classes) == 140
    counts = sum(part.class_counts() for part in parts.values())
    wanted = Counter(chr(int(code[2:], 16)) for codes in rows.values() for code in codes)
    assert dict(zip(classes, counts.tolist(), strict=True)) == wanted
    assert report(source) == PageReport(pages=4, books=2, boxes=391, characters=391, classes=140, problems=())
    for part in parts.values():
        # As in Kuzushiji-Kanji: black paper, white ink, in every single image.
        black, ink = (part.images == 0).mean(axis=(1, 2)), part.images.max(axis=(1, 2))
        assert black.min() > 0.4
        assert black.mean() > 0.65
        assert ink.min() > 240
    assert parse(f"{source}:book").splits == ("all",)  # they are from two books


def test_no_error_but_ours(kaggle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (kaggle.parent / "file").write_text("")
    monkeypatch.setenv("KUZUSHIJI_HOME", str(kaggle.parent / "file" / "home"))
    with pytest.raises(KuzushijiError, match="cannot be written"):
        load(kaggle)
