"""Names and texts from other systems."""

import codecs
import os
import unicodedata

import pytest

from kuzushiji.data.files.names import is_litter, meant, numbered, split_of, stem_of
from kuzushiji.data.files.text import text_of
from kuzushiji.errors import DataError


@pytest.mark.parametrize(
    "name", [".DS_Store", "._a.png", "@eaDir", "THUMBS.DB", "ehthumbs.db", "Icon\r", "~$list.xlsx", "#recycle"]
)
def test_litter(name: str) -> None:
    assert is_litter(name)


@pytest.mark.parametrize("name", ["お", "@", "#", "~", "rare", "thumbs", "U+304A"])
def test_what_is_no_litter(name: str) -> None:
    assert not is_litter(name)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("TRAIN", "train"),
        ("Training", "train"),
        ("訓練", "train"),
        ("Val", "validation"),
        ("dev", "validation"),
        ("testing", "test"),
        (unicodedata.normalize("NFD", "テスト"), "test"),
        ("trains", None),
    ],
)
def test_folders_that_divide(name: str, split: str | None) -> None:
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a_1.JPG", "a_1"),
        ("train_images\\a_1.jpg", "a_1"),
        ("./images/a_1", "a_1"),
        (" a_1 ", "a_1"),
        ("v1.2", "v1.2"),
        ("か\u3099.png", "が"),
        (os.fsdecode("ページ".encode("cp932")) + ".jpg", "ページ"),
    ],
)
def test_names_of_images(name: str, stem: str) -> None:
    assert stem_of(name) == stem


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("a-imgs (1).npz", ("a-imgs.npz", 1)),
        ("a-imgs(12).npz", ("a-imgs.npz", 12)),
        ("t10k-images-idx3-ubyte (2).gz", ("t10k-images-idx3-ubyte.gz", 2)),
        ("a - コピー.npz", ("a.npz", 1)),
        ("a - Copy (3).npz", ("a.npz", 3)),
        ("a.npz", ("a.npz", 0)),
    ],
)
def test_copies_that_a_browser_numbers(name: str, bare: tuple[str, int]) -> None:
    assert numbered(name) == bare


def test_a_name_in_no_encoding_stays_as_it_is() -> None:
    name = os.fsdecode(b"\xff\xfe")
    assert meant(name) == name


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_texts_in_any_encoding_and_with_any_line_ends(encoding: str, ends: str) -> None:
    text = "名前,値\nページ一,あいうえお\n"
    assert text_of(text.replace("\n", ends).encode(encoding)) == text


@pytest.mark.parametrize("content", [b"a\n\xff\xff", codecs.BOM_UTF8 + b"a\n\xff"])
def test_what_is_in_no_encoding(content: bytes) -> None:
    with pytest.raises(DataError, match=r"is not in UTF-8 \(line 2\); save it as UTF-8"):
        text_of(content)
