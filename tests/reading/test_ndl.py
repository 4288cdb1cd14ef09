"""Networks with the inputs and outputs of NDL古典籍OCR-Lite, tiny ones, read pages; wrong files are told."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.document.page import Page
from kuzushiji.errors import DataError, DownloadError, UsageError
from kuzushiji.reading import ndl_files
from kuzushiji.reading.ndl import NdlReader, read_charset
from tests.fileserver import serving

onnx = pytest.importorskip("onnx", reason="the networks of these tests are made with onnx")
helper, numpy_helper, FLOAT, INT = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64

SIDE = 64
"""The networks see pages of so many pixels; those of the tests are twice as large."""
CHARSET = ' "\\おを花'


def write(path: Path, nodes: list, inputs: dict, outputs: dict, constants: dict) -> None:
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, None) for name, kind in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


def write_lines(path: Path, boxes: list[list[float]]) -> None:
    """A detector that finds these boxes where a page is white at the upper left, and none with a score elsewhere."""
    nodes = [
        helper.make_node("Slice", ["input", "starts", "ends", "axes"], ["corner"]),
        helper.make_node("ReduceMean", ["corner"], ["mean"], keepdims=0),
        helper.make_node("Greater", ["mean", "zero"], ["white"]),
        helper.make_node("Cast", ["white"], ["sure"], to=FLOAT),
        helper.make_node("Mul", ["scores", "sure"], ["weighed"]),
        helper.make_node("Concat", ["corners", "weighed"], ["dets"], axis=2),
        helper.make_node("Identity", ["kinds"], ["labels"]),
    ]
    table = np.array(boxes, np.float32).reshape(1, -1, 5)
    constants = {
        "starts": np.array([0, 0]), "ends": np.array([4, 4]), "axes": np.array([2, 3]), "zero": np.float32(0),
        "corners": table[..., :4], "scores": table[..., 4:],
        "kinds": np.zeros(table.shape[:2], np.int64),
    }  # fmt: skip
    write(path, nodes, {"input": [1, 3, SIDE, SIDE]}, {"dets": FLOAT, "labels": INT}, constants)


def write_text(path: Path, classes: int) -> None:
    """A network that reads, of 4 parts of a line from its beginning, class 4, 5 or 6 where the part is mostly blue,
    green or red, a blank, class 1, where it is gray, and the end where it is black."""
    channels = np.zeros((classes, 3, 1, 1), np.float32)
    channels[4:7] = -1
    channels[[4, 5, 6], [0, 1, 2]] = 1
    channels[0] = -0.75
    nodes = [
        helper.make_node("AveragePool", ["input"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["pooled", "channels", "bias"], ["seen"], kernel_shape=[1, 1]),
        helper.make_node("Squeeze", ["seen", "two"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["logits"], perm=[0, 2, 1]),
    ]
    bias = np.full(classes, -9, np.float32)
    bias[[0, 1, 4, 5, 6]] = 0, 0.5, 0, 0, 0
    constants = {"channels": channels, "bias": bias, "two": np.array([2])}
    write(path, nodes, {"input": [1, 3, 8, 32]}, {"logits": FLOAT}, constants)


def write_all(folder: Path, boxes: list[list[float]]) -> Path:
    write_lines(folder / ndl_files.LINES.name, boxes)
    write_text(folder / ndl_files.TEXT.name, len(CHARSET) + 1)
    escaped = CHARSET.replace("\\", "\\\\").replace('"', '\\"')
    text = f'# @package _global_\nmodel:\n  charset_test: "x"\n  charset_train: "{escaped}"\n'
    (folder / ndl_files.CHARSET.name).write_text(text, encoding="utf-8")
    return folder


BLUE, GREEN, RED, GRAY, BLACK = (0, 0, 255), (0, 255, 0), (255, 0, 0), (128, 128, 128), (0, 0, 0)
COLUMNS = [[10, 10, 15, 50, 0.5], [40, 10, 45, 50, 0.9], [25, 10, 30, 50, 0.25], [20, 60, 21, 62, 0.9]]
"""A left and a right column; one that is not sure and one that is too small."""


def column(page: np.ndarray, left: int, colors: list[tuple[int, int, int]]) -> None:
    for number, color in enumerate(colors):
        page[19 + 21 * number : 40 + 21 * number, left : left + 10] = color


@pytest.fixture
def page() -> np.ndarray:
    """128 x 120, the right column green, blue, a blank and red, the left one blue and then nothing."""
    pixels = np.full((128, 120, 3), 255, np.uint8)
    column(pixels, 80, [GREEN, BLUE, GRAY, RED])
    column(pixels, 20, [BLUE, BLACK, BLACK, BLACK])
    return pixels


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_all(tmp_path / "ndl", COLUMNS)


def test_page_is_read_and_comes_back(folder: Path, page: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    Image.fromarray(page).save(path)
    (read,) = NdlReader(folder, threads=2).read_many([path])
    assert read.text == "をお花\nお"
    assert (read.image.name, read.image.size) == ("page.png", (120, 128))
    assert read.image.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (read.direction, [line.role for line in read.lines]) == ("vertical-rl", ["main", "main"])
    for name in ("page.json", "page.xml"):
        read.save(tmp_path / name)
        assert Page.load(tmp_path / name) == read


def test_characters_share_their_line(folder: Path, page: np.ndarray) -> None:
    read = NdlReader(folder)(page)
    # 20 to 100, 2 % longer at either end, in whole pixels
    assert read.characters.boxes.tolist() == [
        [80, 18, 10, 20.75], [80, 38.75, 10, 20.75], [80, 80.25, 10, 20.75], [20, 18, 10, 83]
    ]  # fmt: skip
    assert read.characters.found.tolist() == pytest.approx([0.9, 0.9, 0.9, 0.5])
    best = read[0].candidates[0]
    assert 0.5 < best.probability < 1
    assert {each.character for each in read[0].candidates} <= set(CHARSET.strip())  # neither a blank nor the end
    lines, text, boxes, _ = read.steps
    assert (lines.settings["least"], text.settings["top"]) == (0.3, 5)
    assert lines.settings["sha256"] == hashlib.sha256((folder / ndl_files.LINES.name).read_bytes()).hexdigest()
    assert boxes.settings == {"boxes": "equal shares of their line"}


def test_row_is_read_from_the_left(tmp_path: Path) -> None:
    pixels = np.full((128, 128, 3), 255, np.uint8)
    for number, color in enumerate([RED, GREEN, BLUE, BLUE]):
        pixels[40:50, 20 + 20 * number : 40 + 20 * number] = color
    read = NdlReader(write_all(tmp_path, [[10, 20, 50, 25, 0.8]]))(pixels)
    assert (read.text, read.direction) == ("花をおお", "horizontal-lr")
    assert read.characters.boxes[:, 0].tolist() == [20, 40, 60, 80]


def test_lines_are_looked_for_on_a_black_square_blue_first(folder: Path, monkeypatch) -> None:
    reader, seen = NdlReader(folder), []

    class Recorded:
        size, path, hash = (SIDE, SIDE), reader._lines.path, reader._lines.hash

        def __call__(self, image: np.ndarray) -> list[np.ndarray]:
            seen.append(image)
            return [np.zeros((1, 0, 5), np.float32)]

    monkeypatch.setattr(reader, "_lines", Recorded())
    assert len(reader(np.full((90, 45, 3), RED, np.uint8))) == 0
    (image,) = seen
    mean, deviation = np.array([103.53, 116.28, 123.675]), np.array([57.375, 57.12, 58.395])
    assert image[5, 5] == pytest.approx(([0, 0, 255] - mean) / deviation, abs=1e-4)
    assert image[60, 60] == pytest.approx(-mean / deviation, abs=1e-4)
    assert np.ptp(image[:, : SIDE // 2], axis=(0, 1)).max() == 0


def test_fewer_candidates_may_be_asked_for(folder: Path, page: np.ndarray) -> None:
    assert [len(each.candidates) for each in NdlReader(folder, top=1)(page)] == [1, 1, 1, 1]
    with pytest.raises(UsageError, match="top is 0"):
        NdlReader(folder, top=0)


def test_page_without_lines_has_no_text(folder: Path) -> None:
    read = NdlReader(folder)(np.zeros((90, 70, 3), np.uint8))
    assert (len(read), read.text, read.lines) == (0, "", ())


def test_bad_image_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"bad\.jpg is not a PNG"):
        NdlReader(folder)(tmp_path / "bad.jpg")


# Files


def test_folder_may_be_a_copy_of_the_repository(folder: Path, tmp_path: Path, monkeypatch, page: np.ndarray) -> None:
    copy = tmp_path / "copy"
    for file in (ndl_files.LINES, ndl_files.TEXT, ndl_files.CHARSET):
        (copy / file.folder).mkdir(parents=True, exist_ok=True)
        (folder / file.name).rename(copy / file.folder / file.name)
    monkeypatch.setenv(ndl_files.VARIABLE, str(copy))
    assert NdlReader()(page).text == NdlReader(copy / "src")(page).text == "をお花\nお"


def test_missing_file_is_named_with_its_address(folder: Path) -> None:
    (folder / ndl_files.TEXT.name).unlink()
    with pytest.raises(DataError, match=r"has no parseq-ndl-32x384-tiny-10\.onnx, which") as told:
        NdlReader(folder)
    assert ndl_files.TEXT.url in str(told.value)
    assert ndl_files.LINES.url not in str(told.value)


@pytest.mark.parametrize(
    ("harm", "found"),
    [
        (lambda folder: (folder / ndl_files.LINES.name).write_bytes(b"x" * 99), "rtmdet.*is no ONNX file"),
        (
            lambda folder: (
                (folder / ndl_files.TEXT.name).replace(folder / ndl_files.LINES.name)
                and write_text(folder / ndl_files.TEXT.name, len(CHARSET) + 1)
            ),
            r"rtmdet.* is not the network of .* gives 1 arrays; expected .* and 2",
        ),
        (
            lambda folder: write_text(folder / ndl_files.TEXT.name, len(CHARSET) + 3),
            r"NDLmoji\.yaml has 6 characters and .*onnx tells 8 apart",
        ),
        (lambda folder: (folder / ndl_files.CHARSET.name).write_text("names: 1"), "is not the NDLmoji.yaml"),
        (lambda folder: (folder / ndl_files.CHARSET.name).write_bytes(b"\xff\xfe"), "NDLmoji.yaml can't be read"),
        (
            lambda folder: (folder / ndl_files.CHARSET.name).write_text('  charset_train: "\\q"'),
            "NDLmoji.yaml can't be read",
        ),
    ],
)
def test_wrong_file_is_told(folder: Path, harm: Callable, found: str) -> None:
    harm(folder)
    with pytest.raises(DataError, match=found):
        NdlReader(folder)


def test_boxes_of_another_shape_are_told(folder: Path, page: np.ndarray) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["dets"], axes=[1]),
        helper.make_node("Shape", ["input"], ["labels"]),
    ]
    outputs = {"dets": FLOAT, "labels": INT}
    write(folder / ndl_files.LINES.name, nodes, {"input": [1, 3, SIDE, SIDE]}, outputs, {})
    with pytest.raises(DataError, match=r"gives boxes of the shape \(1, 1, 64, 64\); expected \(1, N, 5\)"):
        NdlReader(folder)(page)


def test_charset_is_that_of_training(folder: Path) -> None:
    assert read_charset(folder / ndl_files.CHARSET.name) == tuple(CHARSET)


# Fetching


@pytest.fixture
def published(folder: Path, monkeypatch) -> dict[str, bytes]:
    """The files as a server has them; Git's ids are those of these."""
    contents = {}
    for name in ("LINES", "TEXT", "CHARSET"):
        file = getattr(ndl_files, name)
        contents[file.name] = content = (folder / file.name).read_bytes()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        monkeypatch.setattr(ndl_files, name, ndl_files.NdlFile(file.folder, file.name, blob))
    return contents


@pytest.fixture
def addressed(monkeypatch) -> Callable[[str], None]:
    def address(prefix: str) -> None:
        monkeypatch.setattr(ndl_files.NdlFile, "url", property(lambda file: f"{prefix}{file.name}"))

    return address


def test_what_is_missing_is_fetched(published, addressed, tmp_path: Path, page: np.ndarray) -> None:
    home = tmp_path / "home"
    with serving(published) as server:
        addressed(server.url("good", ""))
        assert ndl_files.fetch(home) == home
        assert NdlReader(home)(page).text == "をお花\nお"
        (home / ndl_files.TEXT.name).unlink()
        ndl_files.fetch(home)
        assert [asked.rsplit("/", 1)[1] for asked, _ in server.requests] == [*published, ndl_files.TEXT.name]
    assert sorted(path.name for path in home.iterdir()) == sorted(published)


def test_other_file_than_published_is_refused(published, addressed, tmp_path: Path) -> None:
    with serving(published) as server:
        addressed(server.url("wrong", ""))
        with pytest.raises(DownloadError, match=r"is not rtmdet-s-1280x1280\.onnx as published") as told:
            ndl_files.fetch(tmp_path / "home")
    assert f"put into {tmp_path / 'home'}" in str(told.value)
    assert list((tmp_path / "home").iterdir()) == []


def test_folder_that_cannot_be(published, addressed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match=r"file/home/rtmdet.* can't be written"):
        ndl_files.fetch(tmp_path / "file" / "home")


def write_endless(path: Path) -> str:
    """A network that finds lines, once it has gone round 2^62 times; gives what Git calls it."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["before"], ["after"])],
        "body",
        [
            helper.make_tensor_value_info("round", INT, []),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"]),
        helper.make_node("Loop", ["rounds", "", "mean"], ["dets"], body=body),
        helper.make_node("Identity", ["kinds"], ["labels"]),
    ]
    constants = {"rounds": np.int64(2**62), "kinds": np.zeros((1, 1), np.int64)}
    write(path, nodes, {"input": [1, 3, SIDE, SIDE]}, {"dets": FLOAT, "labels": INT}, constants)
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def test_a_strangers_network_can_not_go_round_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = write_endless(folder / ndl_files.LINES.name)
    with pytest.raises(DataError, match="computes Loop, which may never end, and is not as published"):
        NdlReader(folder)
    monkeypatch.setattr(ndl_files, "LINES", replace(ndl_files.LINES, blob=blob))
    assert NdlReader(folder).charset  # what is published may do so
