"""What is called from Python with wrong things says which, and what was expected; no error is of another kind."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, UsageError, unknown_name, whole_number
from kuzushiji.imaging.read import read_gray, read_pixels
from kuzushiji.reading.recognizer import Recognizer, named_images
from kuzushiji.runs.run import find_run, run_path


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


# Names and numbers


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: kuzushiji.load(None), "data is None; expected a name such as kmnist6k, or a path"),
        (lambda: kuzushiji.load(""), "data is ''"),
        (lambda: kuzushiji.load(["brush:kmnist"]), r"data is \['brush:kmnist'\]"),
        (lambda: kuzushiji.load("brush:kmnist", limit="10"), "limit is '10'; expected a whole number of at least 1"),
        (lambda: kuzushiji.load("brush:kmnist", image_size=1.5), "image_size is 1.5; expected a whole number from 1"),
        (lambda: kuzushiji.load("brush:kmnist", image_size=(28, 28)), r"image_size is \(28, 28\)"),
        (lambda: Recognizer(3), "3 is no path"),
        (lambda: kuzushiji.recognize(drawn(), []), "name a network, or leave the model out"),
        (lambda: kuzushiji.recognize(drawn(), top="3"), "top is '3'; expected a whole number"),
        (lambda: kuzushiji.Page.load(None), "None is no path"),
        (lambda: find_run(None), "a run is called None"),
        (lambda: find_run(""), "a run is called ''"),
        (lambda: run_path("", "lenet5", "data"), "a run is called ''; expected a name or a path"),
        (lambda: kuzushiji.ensemble("mine"), "the members are 'mine'; expected a list"),
        (lambda: kuzushiji.compare([]), "name two runs or more to compare"),
        (lambda: kuzushiji.compare(["nope"]), "there is no run 'nope'"),
        (lambda: kuzushiji.create_model(None, classes=2, image_size=(28, 28)), "model is None; expected a name"),
        (lambda: kuzushiji.Reader(least=float("nan")), "least is nan; expected a probability"),
        (lambda: kuzushiji.Reader(top=0), "top is 0; it must be at least 1"),
    ],
)
def test_wrong_arguments_say_so(call, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path))
    with pytest.raises(UsageError, match=expected):
        call()


def test_a_list_of_runs_is_as_good_as_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="there is no run 'one'"):
        kuzushiji.compare(["one", "two"])


def test_names_in_other_letters_are_guessed() -> None:
    assert str(unknown_name("dataset", "KMNIST6K", ["kmnist6k", "k49"])).endswith("did you mean kmnist6k?")


def test_whole_numbers() -> None:
    assert whole_number("top", np.int64(3)) == 3
    with pytest.raises(UsageError, match="size is 5; it must be from 1 to 4"):
        whole_number("size", 5, 1, 4)


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ("x", r"expected numbers \(n, 4\)"),
        ([1, 2, 3, 4], r"expected numbers \(n, 4\)"),
        ([[0, 0, np.nan, 5]], r"expected numbers \(n, 4\)"),
        ([[0, 0, 0, 5]], "has no size, or lies beside the page of 30 x 40"),
        ([[500, 0, 5, 5]], "has no size, or lies beside the page"),
        ([[0, 0, -5, 5]], "has no size, or lies beside the page"),
    ],
)
def test_boxes_that_are_none(boxes: Any, expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        kuzushiji.Reader(language=False)(drawn(), boxes=boxes)


def test_boxes_may_be_a_list() -> None:
    reader = kuzushiji.Reader(least=np.float32(0.3), language=False)
    assert len(reader(drawn(), boxes=[[2, 2, 26, 36]])) == 1
    assert len(reader(drawn(), boxes=[])) == 0


IMAGES, LABELS = np.zeros((2, 4, 4), np.uint8), np.array([0, 1])


@pytest.mark.parametrize(
    ("images", "labels", "classes", "expected"),
    [
        ([[1]], LABELS, ("a", "b"), "must be arrays of NumPy"),
        (IMAGES, [0, 1], ("a", "b"), "must be arrays of NumPy"),
        (IMAGES, LABELS, "ab", "classes must be different names, one each, found 'ab'"),
        (IMAGES, LABELS, ("a", "a"), "classes must be different names"),
    ],
)
def test_images_and_classes_that_are_none(images: Any, labels: Any, classes: Any, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        CharacterImages(images, labels, classes)
