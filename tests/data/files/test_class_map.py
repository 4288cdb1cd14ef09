import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuzushiji.data.files.class_map import class_of_folder, folder_of_class, read_class_map, write_class_map
from kuzushiji.errors import DataError, UsageError

# Class maps


def test_the_real_class_maps(real_data: Path) -> None:
    assert read_class_map(real_data / "kmnist" / "kmnist_classmap.csv") == tuple("おきすつなはまやれを")
    assert read_class_map(real_data / "k49" / "k49_classmap.csv")[48] == "ゝ"


def test_a_class_map_comes_back_as_it_was_written(tmp_path: Path) -> None:
    classes = ("お", "か゚", "𛀂", "rare", 'a "quoted", one')
    write_class_map(tmp_path / "a.csv", classes)
    assert read_class_map(tmp_path / "a.csv") == classes


def test_a_class_map_as_a_spreadsheet_saves_it(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("index,codepoint,char\r\n0,U+304A,お\r\n1,U+304D,き\r\n".encode("utf-8-sig"))
    assert read_class_map(tmp_path / "a.csv") == ("お", "き")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "no rows"),
        ("a,b\n1,2\n", "has a, b; expected the columns"),
        ("index,codepoint,char\n0,U+304A,お\n2,U+304D,き\n", "line 3: index '2'"),
        ("index,codepoint,char\n0,U+304A,き\n", "line 2: U\\+304A is not き"),
        ("index,codepoint,char\n0,U+304A\n", "line 2: index '0' and char ''"),
        ("index,char\n0,お\n1,お\n", "the class お twice"),
    ],
)
def test_class_maps_that_are_none(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=found):
        read_class_map(tmp_path / "a.csv")


def test_a_class_map_in_shift_jis(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("index,codepoint,char\r0,U+304A,お\r".encode("shift-jis"))
    assert read_class_map(tmp_path / "a.csv") == ("お",)


def test_a_class_map_in_no_known_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"index,codepoint,char\n0,U+304A,\xff\xff\n")
    with pytest.raises(DataError, match=r"a\.csv is not a class map in UTF-8 \(is not in UTF-8 \(line 2\)"):
        read_class_map(tmp_path / "a.csv")


# Class folders


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=3))
def test_a_folder_name_stands_for_its_class(name: str) -> None:
    folder = folder_of_class(name)
    assert class_of_folder(folder) == name
    assert re.fullmatch(r"\w[\w +-]*", folder, re.ASCII)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("U+304A", "お"),
        ("u+304A", "お"),
        ("0x304a", "お"),
        ("U+304A お", "お"),
        ("お_U+304A", "お"),
        ("U+304A(お)", "お"),
        ("U+304A き", "U+304A き"),
        ("Ｕ＋３０４Ａ", "お"),
        ("お ", "お"),
        ("304A", "304A"),
        ("U+D842_U+DFB7", "𠮷"),
        ("U+D842", "U+D842"),
        ("U+1B002", "𛀂"),
        ("U+304B_U+309A", "か゚"),
        ("お", "お"),
        ("か\u3099", "が"),
        ("\ufa19", "\ufa19"),
        ("U+FFFFFF", "U+FFFFFF"),
        ("rare", "rare"),
    ],
)
def test_what_a_folder_name_stands_for(folder: str, name: str) -> None:
    assert class_of_folder(folder) == name


@pytest.mark.parametrize("name", ["../up", "a/b", "/", ".hidden", "U+304A", "Thumbs.db", "end ", "nul.", "\u3099", " "])
def test_a_class_that_no_folder_can_be_called_is_spelled_in_code_points(name: str) -> None:
    assert folder_of_class(name) == "_".join(f"U+{ord(character):04X}" for character in name)
    assert class_of_folder(folder_of_class(name)) == name


def test_a_class_without_a_name() -> None:
    with pytest.raises(UsageError, match="without a name cannot be a folder"):
        folder_of_class("")
