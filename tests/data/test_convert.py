import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.convert import CHARACTER_FORMATS, convert
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.image_files import write_class_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import load, parse
from kuzushiji.errors import DataError, KuzushijiError, UsageError
from tests.data.tar import write_tar

AWKWARD = (
    "お",
    "か゚",
    "rare",
    "/",
    "\u3099",
    "𛀂",
    "U+304A",
    "a/b",
    "..",
    'a "b", c',
    "Thumbs.db",
    " ",
    "10",
    "か\u3099",
)
"""What a class may be called, in no order."""


def made(classes: tuple[str, ...], count: int, split: str, seed: int = 0) -> CharacterImages:
    """Dark paper with a random patch of ink; every class has an image, in no order."""
    random = np.random.default_rng(seed)
    images = np.zeros((count, 12, 9), np.uint8)
    images[:, 3:7, 3:7] = random.integers(1, 256, (count, 4, 4), dtype=np.uint8)
    labels = random.permutation(np.arange(count) % len(classes))
    return CharacterImages(images, labels, classes, split=split)


def by_class(data: CharacterImages) -> CharacterImages:
    """The same images as class folders have them: classes by code points, images class by class."""
    classes = tuple(sorted({data.classes[label] for label in data.labels}))
    labels = np.array([classes.index(data.classes[label]) for label in data.labels])
    order = np.argsort(labels, kind="stable")
    return CharacterImages(data.images[order], labels[order], classes)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "source")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Array files with all kinds of classes."""
    write_arrays(tmp_path / "source", made(AWKWARD, 60, "train"), prefix="own")
    write_arrays(tmp_path / "source", made(AWKWARD, 30, "test", seed=1), prefix="own")
    return tmp_path / "source"


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_what_is_converted_loads_as_it_was(own: Path, tmp_path: Path, format: str) -> None:
    done = convert(own, tmp_path / "new", format)
    assert (done.name, done.format, done.folder) == ("source", format, tmp_path / "new")
    assert done.splits == {"train": 60, "test": 30}
    assert done.classes == AWKWARD
    assert parse(done.folder).splits == parse(own).splits
    for split in done.splits:
        before, after = load(own, split), load(done.folder, split)
        expected = by_class(before) if format == "folder" else before
        assert after.fingerprint() == expected.fingerprint()
        assert after.split == split
    assert left_over(tmp_path) == ["new"]


def test_there_and_back_again(own: Path, tmp_path: Path) -> None:
    """From class folders all comes back, for they have their order already."""
    convert(own, tmp_path / "folder", "folder")
    convert(tmp_path / "folder", tmp_path / "idx", "idx")
    convert(tmp_path / "idx", tmp_path / "again", "folder")
    for split in ("train", "test"):
        found = {load(tmp_path / name, split).fingerprint() for name in ("folder", "idx", "again")}
        assert len(found) == 1
    first, second = (
        {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.png"))}
        for folder in (tmp_path / "folder", tmp_path / "again")
    )
    assert len(first) == 90
    assert sorted(first.values()) == sorted(second.values())


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_the_same_data_gives_the_same_bytes(own: Path, tmp_path: Path, format: str) -> None:
    for name in ("a", "b"):
        convert(own, tmp_path / name / "new", format)
    files = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert files
    for file in files:
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


def test_files_are_named_as_those_of_the_published_sets(own: Path, tmp_path: Path) -> None:
    for format in CHARACTER_FORMATS:
        convert(own, tmp_path / f"my {format}", format)
    pairs = [f"my npz-{split}-{kind}.npz" for split in ("test", "train") for kind in ("imgs", "labels")]
    assert sorted(path.name for path in (tmp_path / "my npz").iterdir()) == [*pairs, "my npz_classmap.csv"]
    assert sorted(path.name for path in (tmp_path / "my idx").iterdir()) == [
        "my idx_classmap.csv",
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    assert sorted(path.name for path in (tmp_path / "my folder").iterdir()) == ["test", "train"]
    assert {"U+304A", "U+304B_U+309A", "rare", "U+002F", "10"} < set(os.listdir(tmp_path / "my folder" / "train"))


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
@pytest.mark.parametrize("count", [300, 3000])
def test_many_classes(tmp_path: Path, format: str, count: int) -> None:
    many = made(tuple(chr(0x4E00 + number) for number in range(count)), count, "train")
    write_arrays(tmp_path / "source", many, prefix="many")
    convert(tmp_path / "source", tmp_path / "new", format)
    found = load(tmp_path / "new")
    assert found.fingerprint() == (by_class(many) if format == "folder" else many).fingerprint()


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_the_split_by_hash_stays_and_what_is_together_is_one(tmp_path: Path, format: str) -> None:
    write_tar(catalog.folder("kkanji") / "kkanji.tar", made(tuple("春越以龍"), 100, "all"))
    name = "kkanji+brush:kmnist:3"
    done = convert(name, tmp_path / "new", format, image_size=10)
    assert done.name == name
    assert done.image_size == (10, 10)
    assert done.splits == {split: len(load(name, split, image_size=10)) for split in ("train", "test")}
    for split in parse(name).splits:
        before = load(name, split, image_size=10)
        expected = by_class(before) if format == "folder" else before
        if format != "folder":
            assert load(done.folder, split).classes == before.classes
        assert by_class(load(done.folder, split)).fingerprint() == by_class(expected).fingerprint()
    convert("kkanji", tmp_path / "kanji", format)
    assert parse(tmp_path / "kanji").splits == ("train", "validation", "test")
    for split in ("train", "validation", "test"):
        assert load(tmp_path / "kanji", split).fingerprint() == load("kkanji", split).fingerprint()


def write_pages(folder: Path, pages: int) -> Path:
    """Pages in the layout of Kaggle with four characters each."""
    (folder / "train_images").mkdir(parents=True)
    rows = ["image_id,labels"]
    for number in range(pages):
        page = np.full((120, 100), 220, np.uint8)
        boxes = [(10 + 45 * column, 10 + 55 * row, 30, 40) for column in range(2) for row in range(2)]
        for place, (left, top, width, height) in enumerate(boxes):
            page[top + 5 : top + height - 5, left + 5 + place : left + width - 5] = 20 + 10 * number
        Image.fromarray(page).save(folder / "train_images" / f"book{number}_1.jpg", quality=95)
        words = (
            f"U+{ord(character):04X} {' '.join(map(str, box))}"
            for character, box in zip("あいうえ", boxes, strict=True)
        )
        rows.append(f"book{number}_1,{' '.join(words)}")
    (folder / "train.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_characters_of_pages(tmp_path: Path, format: str) -> None:
    source = f"{write_pages(tmp_path / 'source', 5)}:book"
    done = convert(source, tmp_path / "new", format, image_size=20)
    assert done.name == "source:book"
    assert done.splits == {"train": 12, "validation": 4, "test": 4}
    for split in done.splits:
        before = load(source, split, image_size=20)
        expected = by_class(before) if format == "folder" else before
        assert load(tmp_path / "new", split).fingerprint() == expected.fingerprint()


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_what_is_not_divided_is_there_to_train_on(tmp_path: Path, format: str) -> None:
    write_pages(tmp_path / "source", 2)
    assert convert(tmp_path / "source", tmp_path / "new", format).splits == {"train": 8}
    before = load(tmp_path / "source", "all")
    assert by_class(load(tmp_path / "new")).fingerprint() == by_class(before).fingerprint()


def test_classes_without_an_image_have_no_folder(tmp_path: Path) -> None:
    data = made(("い", "あ", "う"), 30, "train")
    write_arrays(tmp_path / "source", data.select(data.labels > 0), prefix="own")
    done = convert(tmp_path / "source", tmp_path / "new", "folder")
    assert done.left_out == ("い",)
    assert load(tmp_path / "new").classes == ("あ", "う")
    assert convert(tmp_path / "source", tmp_path / "arrays", "npz").left_out == ()
    assert load(tmp_path / "arrays").classes == ("い", "あ", "う")


def test_a_split_without_an_image_is_not_written(tmp_path: Path) -> None:
    write_class_folders(tmp_path / "source", made(("あ", "い"), 8, "all"))  # too few for test and validation
    assert convert(tmp_path / "source", tmp_path / "new", "folder").splits == {"train": 8}
    assert parse(tmp_path / "new").splits == ("train",)


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_progress(own: Path, tmp_path: Path, format: str) -> None:
    told: dict[str, list[int]] = {"writing train": [], "writing test": []}
    convert(own, tmp_path / format, format, tell=lambda what, done, every: told[what].append(done))
    assert [done[-1] for done in told.values()] == [60, 30]
    assert all(sorted(done) == done for done in told.values())


@pytest.mark.parametrize(
    ("source", "folder", "format", "found"),
    [
        ("source", "new", "tar", "there is no format 'tar'; did you mean doctr"),
        ("source", "source", "npz", "source is already there; name a new folder, or remove it"),
        ("source", "file", "npz", "file is already there"),
        ("source", "link", "npz", "link is already there"),
        ("source", "source/new", "npz", "source/new lies in .*source, and would become a part of that"),
        ("brush:kmnist:2+source", "source/new", "npz", "source/new lies in .*source"),
        ("kmnst", "new", "npz", "did you mean kmnist"),
        ("brush:kmnist:2+source", "new", "npz", "say to how many a side they are brought"),
    ],
)
def test_what_cannot_be_converted(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, folder: str, format: str, found: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=found):
        convert(source, Path(folder), format)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_source_leaves_nothing(own: Path, tmp_path: Path) -> None:
    (own / "own-test-imgs.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"own-test-imgs\.npz is damaged or not whole"):
        convert(own, tmp_path / "new")
    assert left_over(tmp_path) == []


def test_a_place_that_cannot_be_written(own: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KuzushijiError, match="file/new could not be written"):
        convert(own, tmp_path / "file" / "new")


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_a_full_disk_leaves_nothing(own: Path, tmp_path: Path, format: str) -> None:
    code = """
import resource, sys
from pathlib import Path
from kuzushiji.data.convert import convert
from kuzushiji.errors import KuzushijiError
resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))
try:
    convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
except KuzushijiError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(own), str(tmp_path / "new"), format]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "new could not be written: File too large; nothing was lost" in found.stdout
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("format", CHARACTER_FORMATS)
def test_ctrl_c_leaves_nothing(tmp_path: Path, format: str) -> None:
    command = [sys.executable, "-m", "kuzushiji", "data", "convert", "brush:kmnist:2000", str(tmp_path / "new")]
    running = subprocess.Popen(
        [*command, "--format", format], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob(".new.*.part/*")) and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Interrupted." in said
    assert left_over(tmp_path) == []
