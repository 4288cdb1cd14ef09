"""Class folders, archives of them and array files as other systems, NAS, browsers and negatives leave them."""

import io
import os
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.files.arrays import write_npz
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import load, parse
from kuzushiji.data.splits import validation_split
from kuzushiji.errors import DataError, DataWarning


def png(seed: int, dark_ink: bool = False) -> bytes:
    """A cross, somewhere in the middle."""
    pixels = np.zeros((16, 16), np.uint8)
    row, column = np.random.default_rng(seed).integers(5, 11, 2)
    pixels[row, 3:13] = pixels[3:13, column] = 200 + seed % 50
    packed = io.BytesIO()
    Image.fromarray(255 - pixels if dark_ink else pixels).save(packed, "PNG")
    return packed.getvalue()


def write(root: Path, *folders: str, count: int = 3, dark_ink: bool = False) -> Path:
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            (root / folder / f"{place}.png").write_bytes(png(97 * number + place, dark_ink))
    return root


def zipped(path: Path, names: list[str | zipfile.ZipInfo]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(name, png(number))
    return path


def found(source: Path) -> dict[str, tuple[tuple[str, ...], int]]:
    """The classes and the number of images of each split."""
    splits = parse(source).splits
    return {split: (data.classes, len(data)) for split in splits for data in [load(source, split)] if len(data)}


def every(source: Path) -> tuple[tuple[str, ...], int]:
    splits = found(source).values()
    return next(iter(splits))[0], sum(count for _, count in splits)


# Folders


def test_what_a_nas_leaves_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "in", "お", "す", "@eaDir", "お/@eaDir", "#recycle")
    (tmp_path / "in" / "お" / "Thumbs.DB").write_bytes(b"litter")
    assert every(tmp_path / "in") == (("お", "す"), 6)


def test_other_spellings_of_a_code_point_are_one_class(tmp_path: Path) -> None:
    write(tmp_path / "in", "u+304a", "U+304A", "お", "0x304A", "U+304A お")
    assert every(tmp_path / "in") == (("お",), 15)


def test_a_folder_that_looks_like_a_code_point_is_told(tmp_path: Path) -> None:
    write(tmp_path / "in", "304A", "す")
    with pytest.warns(DataWarning, match=r"the class 304A is called so; if お is meant, call its folder U\+304A"):
        load(tmp_path / "in")


def test_folder_names_in_shift_jis(tmp_path: Path) -> None:
    write(tmp_path / "in", *(os.fsdecode(name.encode("cp932")) for name in ("お", "ソ")))
    assert every(tmp_path / "in") == (("お", "ソ"), 6)


@pytest.mark.parametrize(("train", "test"), [("Train", "TEST"), ("training", "testing"), ("訓練", "テスト")])
def test_folders_that_divide_in_other_words(tmp_path: Path, train: str, test: str) -> None:
    write(tmp_path / "in", f"{train}/お", f"{train}/す", f"{test}/お", f"{test}/す")
    assert found(tmp_path / "in") == {"train": (("お", "す"), 6), "test": (("お", "す"), 6)}


def test_a_folder_within_a_class_folder_names_those_that_divide(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="those that divide them are called train, validation and test"):
        load(write(tmp_path / "in", "first/お", "second/お"))


def test_what_gives_no_image_is_told(tmp_path: Path) -> None:
    write(tmp_path / "in", "お", "す")
    (tmp_path / "in" / "つ").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(png(0))
    with pytest.warns(DataWarning) as told:
        assert every(tmp_path / "in") == (("お", "す"), 6)
    said = " ".join(str(each.message) for each in told)
    assert "no image in つ: what has none is no class" in said
    assert "1 image that is in no class folder, such as a.png, and not read" in said


@pytest.mark.parametrize("name", ["U+3000", "〓", "U+3099"])
def test_classes_that_are_no_character_are_told(tmp_path: Path, name: str) -> None:
    with pytest.warns(DataWarning, match="stands for no character"):
        load(write(tmp_path / "in", name, "す"))


def test_an_image_of_the_same_size_and_time_is_another_one(tmp_path: Path) -> None:
    write(tmp_path / "in", "お", count=1)
    before = load(tmp_path / "in").images.copy()
    path = tmp_path / "in" / "お" / "0.png"
    status = path.stat()
    other = Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    other.save(path)
    content = path.read_bytes()
    path.write_bytes(content.ljust(status.st_size, b"\0")[: max(status.st_size, len(content))])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not np.array_equal(load(tmp_path / "in").images, before)


# Archives


@pytest.mark.parametrize("top", ["", "mine/", "./"])
def test_a_zip_of_class_folders(tmp_path: Path, top: str) -> None:
    names: list[str | zipfile.ZipInfo] = [f"{top}{name}/{place}.png" for name in "おす" for place in range(3)]
    names += ["__MACOSX/お/._0.png", f"{top}お/Thumbs.db"]
    assert every(zipped(tmp_path / "in.zip", names)) == (("お", "す"), 6)


def test_a_zip_of_windows_in_shift_jis(tmp_path: Path) -> None:
    names: list[str | zipfile.ZipInfo] = []
    for name in ("お", "ソ", "表"):  # of the last two the second byte is a backslash
        info = zipfile.ZipInfo("x")
        info.filename = f"{name}\\0.png".encode("cp932").decode("cp437")
        info.flag_bits = 0
        names.append(info)
    path = tmp_path / "in.zip"
    zipped(path, names)
    content = path.read_bytes()
    for name in ("お", "ソ", "表"):  # `zipfile` writes what is not ASCII as UTF-8 and says so
        raw = f"{name}\\0.png".encode("cp932")
        content = content.replace(raw.decode("cp437").encode(), raw.ljust(len(raw.decode("cp437").encode()), b"\0"))
    path.write_bytes(content.replace(b"\x14\x00\x00\x08", b"\x14\x00\x00\x00"))
    assert every(path) == (tuple(sorted("おソ表")), 3)


def test_a_zip_that_is_divided(tmp_path: Path) -> None:
    names: list[str | zipfile.ZipInfo] = [f"d/{split}/お/{place}.png" for split in ("Train", "Test") for place in "12"]
    assert found(zipped(tmp_path / "in.zip", names)) == {"train": (("お",), 2), "test": (("お",), 2)}


@pytest.mark.parametrize("form", ["gz", "bz2", "xz"])
def test_a_compressed_tar_of_class_folders(tmp_path: Path, form: str) -> None:
    write(tmp_path / "in", "お", "す")
    path = tmp_path / f"in.tar.{form}"
    with tarfile.open(path, f"w:{form}") as archive:  # type: ignore[call-overload]
        archive.add(tmp_path / "in", "in")
    assert every(path) == (("お", "す"), 6)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"not a whole tar file|damaged or not whole"):
        load(path)


# Polarity


def test_each_image_of_a_folder_is_made_bright_on_dark(tmp_path: Path) -> None:
    write(tmp_path / "in", "お", "す", count=9, dark_ink=True)
    write(tmp_path / "in", "つ", count=5)
    with pytest.warns(DataWarning, match="of 23 images 18 are dark on bright, the others bright on dark"):
        data = [load(tmp_path / "in", split) for split in parse(tmp_path / "in").splits]
    assert all((part.images[:, 0] < 60).all() for part in data)


def test_array_files_are_made_bright_on_dark(tmp_path: Path) -> None:
    images = np.stack([np.asarray(Image.open(io.BytesIO(png(seed)))) for seed in range(8)])
    for split, pixels in (("train", 255 - images), ("test", images)):
        write_npz(tmp_path / f"a-{split}-imgs.npz", pixels)
        write_npz(tmp_path / f"a-{split}-labels.npz", np.arange(8, dtype=np.uint8) % 2)
    with pytest.warns(DataWarning, match="a-train-imgs.npz: the images are dark on bright, and were inverted"):
        assert np.array_equal(load(tmp_path, "train").images, images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(load(tmp_path, "test").images, images)


# Labels


def test_a_gap_in_the_labels_is_told(tmp_path: Path) -> None:
    write_npz(tmp_path / "a-train-imgs (1).npz", np.zeros((6, 4, 4), np.uint8))
    write_npz(tmp_path / "a-train-labels.npz", np.array([1, 2, 4] * 2, np.uint8))
    with pytest.warns(DataWarning, match="no image of the class 0, 3; labels count from 0"):
        assert len(load(tmp_path)) == 6


def test_the_last_images_of_class_folders_are_not_whole_classes() -> None:
    data = CharacterImages(np.zeros((60, 2, 2), np.uint8), np.repeat(np.arange(6), 10), tuple("abcdef"))
    with pytest.warns(DataWarning, match="validation has its share of every class instead"):
        train, validation = validation_split(data, method="last")
    assert train.class_counts().tolist() == [9] * 6
    assert validation.class_counts().tolist() == [1] * 6
    assert "in the order of their classes" in train.notes[0]


def few(labels: list[int]) -> CharacterImages:
    return CharacterImages(np.zeros((len(labels), 2, 2), np.uint8), np.array(labels), tuple("abcdef"), name="few")


@pytest.mark.parametrize(
    "labels",
    [
        [0] * 20 + [1] * 20 + [2] * 20,  # the last tenth is of one class, which trains too
        [0] * 100 + [1] * 5,  # a rare class is all of it, though not most
        ([0] * 20 + [1] * 20 + [2] * 20) * 2,  # two sources, one after the other
    ],
)
def test_the_last_images_are_a_sample_of_all_or_not_taken(labels: list[int]) -> None:
    data = few(labels)
    with pytest.warns(DataWarning, match="validation has its share of every class instead"):
        train, validation = validation_split(data, method="last")
    assert (train.class_counts() > 0).tolist() == (data.class_counts() > 0).tolist()
    assert validation.class_counts().tolist() == [int(count * 0.1 + 0.5) for count in data.class_counts()]


def test_shuffled_images_are_divided_as_they_stand() -> None:
    data = few(np.random.default_rng(0).integers(0, 6, 300).tolist())
    train, validation = validation_split(data, method="last")
    assert (train.ids.tolist(), validation.ids.tolist()) == (list(range(270)), list(range(270, 300)))
