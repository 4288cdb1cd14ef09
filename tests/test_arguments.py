"""What is called from Python with wrong things says which, and what was expected; no error is of another kind."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.errors import DataError, UsageError
from kuzushiji.imaging.read import read_gray, read_pixels
from kuzushiji.reading.recognizer import Recognizer, named_images


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer("kmnist")


def drawn() -> np.ndarray:
    """A cross on white."""
    pixels = np.full((40, 30), 250, np.uint8)
    pixels[5:35, 12:17] = 10
    pixels[18:22, 5:25] = 10
    return pixels


class Table:
    """What gives an array by another name, as pandas and PyTorch do."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.asarray(self.array, dtype)

    def __iter__(self) -> Any:
        return iter(self.array)


class Elsewhere(Table):
    """One that is on another device."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor")


# Images


def test_what_is_an_array_by_another_name_is_read(recognizer: Recognizer) -> None:
    (wanted,) = recognizer(drawn())
    assert recognizer(Table(drawn())) == [wanted]
    assert recognizer(Table(drawn()[None] / 255)) == [wanted]
    (found,) = kuzushiji.recognize(Table(drawn()), "kmnist")
    assert found.recognition == wanted
    with pytest.raises(DataError, match="is Elsewhere, and gives no array \\(can't convert cuda:0"):
        recognizer(Elsewhere(drawn()))


def test_tensors_are_read(recognizer: Recognizer) -> None:
    torch = pytest.importorskip("torch")
    (wanted,) = recognizer(drawn())
    for tensor in (torch.tensor(drawn()), torch.tensor(drawn()[None] / 255, requires_grad=True)):
        assert recognizer(tensor) == [wanted]


def test_gray_with_opacity_is_one_image(recognizer: Recognizer) -> None:
    gray = drawn()
    opaque = np.stack([gray, np.full_like(gray, 255)], axis=-1)
    assert (read_gray(opaque) == gray).all()
    assert len(recognizer(opaque)) == 1
    seen = np.stack([np.zeros_like(gray), 255 - gray], axis=-1)  # ink in the opacity alone
    assert (abs(read_gray(seen).astype(int) - gray) <= 1).all()


def closed(path: Path) -> Image.Image:
    Image.fromarray(drawn()).save(path)
    image = Image.open(path)
    image.close()
    return image


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (lambda path: Image.new("L", (0, 0)), "has 0x0 pixels"),
        (lambda path: closed(path / "a.png"), "is a damaged image"),
        (lambda path: np.array([[0.5, np.nan]]), r"not a number \(NaN\)"),
        (lambda path: "", "'' is an empty name"),
        (lambda path: "https://example.org/a.png", "is an address; fetch it first"),
        (lambda path: io.BytesIO(), "go back with seek"),
        (lambda path: (path / "b.png").open("wb"), "can't be read: "),
    ],
)
def test_images_that_can_t_be_read(recognizer: Recognizer, tmp_path: Path, image, expected: str) -> None:
    given = image(tmp_path)
    with pytest.raises(DataError, match=expected):
        recognizer([given])
    assert expected.split("\\")[0] in str(kuzushiji.recognize([given], "kmnist").failures)
    if hasattr(given, "close"):
        given.close()


def test_the_name_of_a_pair_may_be_a_path() -> None:
    assert [name for name, _ in named_images([(Path("a.png"), drawn())])] == ["a.png"]


@pytest.mark.parametrize("pair", [("a",), ("a", drawn(), 3), (drawn(), "a")])
def test_pairs_that_are_none(pair: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError, match="expected a pair of a name and an image"):
        list(named_images([pair]))


@pytest.mark.parametrize("read", [read_gray, read_pixels])
def test_an_image_without_pixels_is_none(read) -> None:
    with pytest.raises(DataError, match="has 0x5 pixels"):
        read(Image.new("L", (0, 5)))
