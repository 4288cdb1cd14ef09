"""What lies in class folders and archives of them and is not what it seems: read rightly, refused, or told."""

import io
import os
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.files.arrays import write_npz
from kuzushiji.data.files.class_map import class_of_folder, read_class_map
from kuzushiji.data.files.names import is_litter
from kuzushiji.data.files.odd_names import odd_classes
from kuzushiji.data.source import load, parse
from kuzushiji.errors import DataError, DataWarning


def png(seed: int) -> bytes:
    return drawn(seed, "PNG")


def drawn(seed: int, format: str, more: int = 0) -> bytes:
    """A square on white, perhaps the first of several."""
    images = []
    for place in range(seed, seed + more + 1):
        pixels = np.full((12, 12), 255, np.uint8)
        pixels[2 + place % 5 : 8, 3:9] = 10 * (place % 9)
        images.append(Image.fromarray(pixels))
    file = io.BytesIO()
    images[0].save(file, format, **({"save_all": True, "append_images": images[1:]} if more else {}))
    return file.getvalue()


def zipped(path: Path, *more: tuple[str, bytes], top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [(f"{top}{each}/{n}.png", png(n)) for each in "おき" for n in range(12)] + list(more):
            archive.writestr(name, content)
    return path


def put(folder: Path, *files: tuple[str, bytes]) -> Path:
    for name, content in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def two_classes(folder: Path) -> Path:
    return put(folder, *((f"{each}/{n}.png", png(n)) for each in "おき" for n in range(12)))


# What lies beside


def test_a_folder_tells_of_what_lies_beside_its_class_folders(tmp_path: Path) -> None:
    put(two_classes(tmp_path), ("README.md", b"x"), ("labels.txt", b"x"), ("more.txt", b"x"), ("a.heic", b"x"))
    expected = r"4 files that are in no class folder and no image, and not read \(\.txt, \.md, \.heic\)"
    with pytest.warns(DataWarning, match=expected):
        assert load(tmp_path).classes == ("お", "き")


@pytest.mark.parametrize("top", ["", "my data/"])
def test_an_archive_tells_of_what_lies_beside_its_class_folders(tmp_path: Path, top: str) -> None:
    path = zipped(tmp_path / "a.zip", ("README.md", b"x"), (f"{top}cover.png", png(0)), top=top)
    with pytest.warns(DataWarning) as told:
        assert load(path).classes == ("お", "き")
    said = " ".join(str(each.message) for each in told)
    assert "a.zip has 1 image that is in no class folder, such as cover.png, and not read" in said
    assert "a.zip has 1 file that is in no class folder and no image, and not read (.md)" in said


def test_a_tar_of_divided_class_folders_may_have_a_readme(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        names = [f"set/{split}/{each}/{n}.png" for split in ("Train", "test") for each in "おき" for n in range(3)]
        for name in ["set/README", *names]:
            member = tarfile.TarInfo(name)
            member.size = len(content := png(len(name)))
            archive.addfile(member, io.BytesIO(content))
    with pytest.warns(DataWarning, match="without an ending"):
        assert {split: len(load(path, split)) for split in parse(path).splits} == {"train": 6, "test": 6}


def test_what_is_no_image_in_a_class_folder_of_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"お/notes\.txt is not an image in a class folder"):
        load(zipped(tmp_path / "a.zip", ("お/notes.txt", b"x")))
    with pytest.raises(DataError, match="お/old is a folder in a class folder"):
        load(zipped(tmp_path / "b.zip", ("お/old/1.png", png(1))))


def test_a_damaged_file_in_a_zip_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip")
    content = path.read_bytes()
    path.write_bytes(content.replace(png(0), png(0)[:-4] + b"\xff" * 4, 1))
    with pytest.raises(DataError, match=r"お/0\.png in .*a\.zip cannot be unpacked \(Bad CRC-32"):
        load(path)


@pytest.mark.parametrize("name", ["a.png:Zone.Identifier", "Thumbs.db:encryptable", "ZbThumbnail.info"])
def test_what_windows_keeps_beside_a_file_is_litter(name: str) -> None:
    assert is_litter(name)


def test_several_images_in_a_file_are_told_of(tmp_path: Path) -> None:
    put(two_classes(tmp_path), *((f"す/{n}.gif", drawn(n, "GIF", more=n % 2)) for n in range(12)))
    with pytest.warns(
        DataWarning, match=r"of 6 files with several images, such as す/1\.gif, the first alone is taken"
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jpg", png(0), r"is no data that is read \(PNG\); expected a folder of class folders"),
        ("a.csv", b"file,label\n", r"is no data that is read \(begins with b'file,lab'\)"),
        ("a.tar", b"x" * 2000, "is not a whole tar file"),
        ("a.tgz", b"\x1f\x8b" + b"x" * 100, r"is not a whole tar file \([^\n]*\)"),
    ],
)
def test_files_that_are_no_archive_say_what_they_are(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    with pytest.raises(DataError, match=expected) as error:
        load(put(tmp_path, (name, content)) / name)
    assert "\n" not in str(error.value)


def test_devices_and_pipes_are_no_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", str(tmp_path / "pipe")):
        with pytest.raises(DataError, match="is neither a file nor a folder"):
            load(path)


# Names of classes


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("U+304A か", "its code point is not read"),
        ("uni304A", "its code point is not read"),
        ("&#x304a;", "its code point is not read"),
        ("U+D800", "its code point is not read"),
        ("き".encode("cp932").decode("cp437"), "it looks like き, read in the wrong encoding"),
        ("御".encode().decode("latin-1"), "it looks like 御, read in the wrong encoding"),
        ("す".encode().decode("mac_roman"), "it looks like す, read in the wrong encoding"),
    ],
)
def test_names_that_were_meant_otherwise_are_told(name: str, expected: str) -> None:
    (note,) = odd_classes(["お", name])
    assert name in note
    assert expected in note


@pytest.mark.parametrize(
    "name", ["お", "か゚", "𛀂", "rare", "0", "hiragana ma", "uniface", "café", "naïve", "葛\U000e0100", "ｶ"]
)
def test_names_that_are_what_they_say_are_not(name: str) -> None:
    assert not list(odd_classes(["す", name]))


def test_letters_of_two_widths_are_told() -> None:
    assert list(odd_classes(["カ", "ｶ"])) == ["ｶ and カ, of half and of full width, are two classes"]


def test_what_has_no_width_is_no_part_of_a_name() -> None:
    assert [class_of_folder(name) for name in ("す\u200d", "\u2060お", "U+304A\u200e", "\u200b")] == [
        "す",
        "お",
        "お",
        "\u200b",
    ]


# Labels and class maps


@pytest.mark.parametrize("between", [",", ";", "\t", ", "])
def test_class_maps_as_programs_for_tables_write_them(tmp_path: Path, between: str) -> None:
    apart = unicodedata.normalize("NFD", "が")
    rows = ["Index,Codepoint,Char", "0,U+304A,お", f"1,U+304C,{apart}", f"2,,{unicodedata.normalize('NFD', 'ぎ')}", ""]
    (tmp_path / "a.csv").write_text("\r\n".join(row.replace(",", between) for row in rows), encoding="utf-8")
    assert read_class_map(tmp_path / "a.csv") == ("お", "が", "ぎ")


def test_a_label_that_is_no_number_of_a_class_is_refused(tmp_path: Path) -> None:
    write_npz(tmp_path / "a-train-imgs.npz", np.zeros((3, 4, 4), np.uint8))
    write_npz(tmp_path / "a-train-labels.npz", np.array([0, 1, 2_000_000_000]))
    with pytest.raises(DataError, match="holds the label 2,000,000,000; labels count from 0"):
        load(tmp_path)
