import json
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.cli import main
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import Interrupted, UsageError
from kuzushiji.imaging.cut import cut_character
from kuzushiji.imaging.scan import read_character
from kuzushiji.inference.explain import picture_of
from kuzushiji.runs.run import find_run
from kuzushiji.training.experiment import TrainingWatch, train
from tests.reading.writing import page_of_writing

CLASSES = tuple("おきす")


def crosses(count, split):
    """Crosses of 16 x 16 pixels whose place within the image is their class."""
    random = np.random.default_rng(len(split))
    labels = np.arange(count, dtype=np.int64) % 3
    images = random.integers(0, 20, (count, 16, 16), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row = 3 + 4 * int(label)
        image[row, 3:13] = image[row - 3 : row + 4, 8] = 230
    return CharacterImages(images, labels, CLASSES, name="crosses", split=split)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Three runs: a fully convolutional network, one with dense layers, and one that was never finished."""
    home, folder = tmp_path_factory.mktemp("explained"), tmp_path_factory.mktemp("data")
    for split, count in (("train", 90), ("test", 12)):
        data = crosses(count, split)
        np.savez(folder / f"crosses-{split}-imgs.npz", data.images)
        np.savez(folder / f"crosses-{split}-labels.npz", data.labels)
    (folder / "crosses_classmap.csv").write_text(
        "index,codepoint,char\n" + "".join(f"{i},U+{ord(c):04X},{c}\n" for i, c in enumerate(CLASSES))
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(home))
        quick = {"epochs": 3, "batch_size": 16, "precision": "float32"}
        train("resnet", folder, run="resnet", model_options={"width": 8}, **quick)
        train("keras_cnn", folder, run="dense", **quick)

        def stop(metrics):
            raise Interrupted("stop")

        with pytest.raises(Interrupted):
            train("nn_1", folder, run="unfinished", watch=TrainingWatch(epoch=stop), **quick)
        train("nn_1", folder, run="flat", **quick)
    return home


@pytest.fixture(autouse=True)
def in_home(home, monkeypatch):
    monkeypatch.setenv("KUZUSHIJI_HOME", str(home))


def explained(capsys, *arguments):
    assert main(["explain", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_in_python_it_is_a_line(capsys):
    found = kuzushiji.explain("resnet", 0, "4", classes=["U+3059", "き"])
    assert [each.to_dict() for each in found] == explained(capsys, "resnet", 0, 4, "--class", "す", "--class", "き")
    maps = kuzushiji.explain_layer(find_run("resnet"), "body.0", 4, top=3)
    assert maps.to_dict() == explained(capsys, "resnet", 4, "--layer", "body.0", "--top", 3)
    assert maps.maps.shape == (3, *maps.shape[1:])


def test_images_are_files_or_numbers():
    assert kuzushiji.explain("resnet", np.int64(4))[0].to_dict() == kuzushiji.explain("resnet", 4)[0].to_dict()
    for none in (-1, None, [0, 4], np.zeros((16, 16))):
        with pytest.raises(UsageError, match="expected a file, or the number of a test image, from 0"):
            kuzushiji.explain("resnet", none)


@pytest.mark.parametrize(("run", "method"), [("resnet", "cam"), ("dense", "hires_cam")])
def test_test_images_by_their_numbers(run, method, capsys):
    shown = explained(capsys, run, 0, 4, "--top", 2)
    assert [(each["image"], each["actual"], each["method"]) for each in shown] == [
        ("0", "お", method),
        ("4", "き", method),
    ]
    probabilities = find_run(run).predictions().probabilities
    for number, each in zip((0, 4), shown, strict=True):
        assert [seen["character"] for seen in each["classes"]] == [
            CLASSES[label] for label in np.argsort(-probabilities[number])[:2]
        ]
        assert each["classes"][0]["probability"] == pytest.approx(probabilities[number].max(), abs=1e-4)
        for seen in each["classes"]:
            assert all(0 <= peak["x"] <= 16 and 0 <= peak["y"] <= 16 for peak in seen["peaks"])


def test_the_first_test_images_if_none_is_named(capsys):
    assert [each["image"] for each in explained(capsys, "resnet")] == ["0", "1", "2", "3", "4", "5"]


def test_a_page_is_refused(tmp_path, capsys):
    Image.fromarray(page_of_writing()).save(tmp_path / "page.png")
    assert main(["explain", "resnet", str(tmp_path / "page.png")]) == 1
    assert "separate marks, as a page of writing does" in capsys.readouterr().err


def test_it_sees_what_is_read_to_be_named(tmp_path):
    """A printed line beside the character is no writing, and the scan is larger than what it is looked for on."""
    scan = np.full((600, 600), 240, np.uint8)
    scan[200:420, 290:320] = scan[290:320, 180:420] = 30
    scan[:, 520:526] = 60
    Image.fromarray(scan).save(tmp_path / "line.png")
    picture = picture_of(tmp_path / "line.png", 32)
    cut = cut_character(read_character(scan).gray, (32, 32))
    assert np.array_equal(picture.pixels, cut)
    assert picture.in_file(16, 16) == pytest.approx((300, 310), abs=25)


def test_an_image_file_of_another_size_is_explained_in_its_own_pixels(tmp_path, capsys):
    """The same cross, dark on a bright sheet three times as large and twice as wide as high."""
    image = 255 - crosses(3, "test").images[1]
    large = np.full((48, 96), 250, np.uint8)
    large[:, 24:72] = np.asarray(Image.fromarray(image).resize((48, 48)))
    Image.fromarray(large).save(tmp_path / "cross.png")
    (shown,) = explained(capsys, "resnet", tmp_path / "cross.png", "--class", "U+304D", "--class", "す")
    assert shown["actual"] is None
    assert [each["character"] for each in shown["classes"]] == ["き", "す"]
    for peak in [peak for each in shown["classes"] for peak in each["peaks"]]:
        assert 0 <= peak["x"] <= 96
        assert -24 <= peak["y"] <= 72


def test_a_line_is_read_from_end_to_end(tmp_path, capsys):
    characters = crosses(6, "test")
    line = np.concatenate([np.pad(image, 2) for image in characters.images], axis=1)
    Image.fromarray(255 - np.repeat(np.repeat(line, 2, 0), 2, 1)).save(tmp_path / "line.png")
    shown = explained(capsys, "resnet", tmp_path / "line.png", "--character-size", 32, "--draw", tmp_path / "line.svg")
    assert shown["image"] == "line.png"
    for each in shown["seen"]:
        assert each["character"] in CLASSES
        assert 0.9 <= each["value"] <= 1
        assert 0 <= each["x"] <= 240
        assert 0 <= each["y"] <= 40
    ElementTree.parse(tmp_path / "line.svg")
    main(["explain", "resnet", str(tmp_path / "line.png"), "--character-size", "32", "--class", "す"])
    assert "お" not in capsys.readouterr().out


def test_on_paper_and_on_a_frame_nothing_is_seen(tmp_path, capsys):
    page = np.full((400, 400), 230, np.uint8)
    page[20:24, 20:380] = page[376:380, 20:380] = 20
    page[20:380, 20:24] = page[20:380, 376:380] = 20
    cross = np.repeat(np.repeat(crosses(1, "test").images[0], 2, 0), 2, 1)
    height, width = cross.shape
    page[190 : 190 + height, 190 : 190 + width] = 230 - (cross * 0.8).astype(np.uint8)
    Image.fromarray(page).save(tmp_path / "page.png")
    shown = explained(capsys, "resnet", tmp_path / "page.png", "--character-size", height)
    for each in shown["seen"]:
        assert 190 - height < each["x"] < 190 + 2 * width
        assert 190 - height < each["y"] < 190 + 2 * height


def test_tables_are_short(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kuzushiji.cli.explain.LISTED", 3)
    assert main(["explain", "resnet", "0", "--layer", "body.3", "--draw", str(tmp_path / "maps.png")]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) < 10
    assert "the first 3 of" in captured.err


def test_pictures_are_drawn_light_and_dark(tmp_path, capsys):
    brightness = []
    for arguments in (["0"], ["0", "--dark"], ["0", "--layer", "body.3", "--top", "4"]):
        assert main(["explain", "resnet", *arguments, "--draw", str(tmp_path / "seen.png")]) == 0
        with Image.open(tmp_path / "seen.png") as picture:
            assert picture.mode == "RGBA"
            pixels = np.asarray(picture).astype(float)
        assert pixels[0, 0, 3] == (255 if "--dark" in arguments else 0), "a dark figure has paper of its own"
        if "--dark" in arguments:
            brightness.append(np.percentile(pixels[..., 0], 99.5))
        else:
            brightness.append(np.percentile(pixels[pixels[..., 3] > 200][:, 0], 0.5))
    assert brightness[0] < 100, "on bright paper the ink is dark"
    assert brightness[1] > 150, "on dark paper it is bright"
    captured = capsys.readouterr()
    assert "drawn into" in captured.err
    assert "お" in captured.out


def test_feature_maps_of_a_layer(capsys):
    shown = explained(capsys, "dense", "--layer", "body.2", "--top", 5)
    assert (shown["image"], shown["layer"], shown["shape"]) == ("0", "body.2", [64, 12, 12])
    numbers = [each["map"] for each in shown["maps"]]
    assert len(numbers) == 5
    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 2, "no run"),
        (["unfinished"], 1, "not finished"),
        (["flat"], 2, "no convolution"),
        (["resnet", "12"], 2, "no test image 12; they go from 0 to 11"),
        (["resnet", "no/such.png"], 1, "no/such.png"),
        (["resnet", "--class", "か"], 2, "no class 'か'"),
        (["resnet", "--class", "U+XYZ"], 2, "no code point"),
        (["resnet", "--layer", "boddy.3"], 2, "did you mean body.3"),
        (["resnet", "0", "1", "--layer", "body.3"], 2, "one image"),
        (["resnet", "--layer", "body.3", "--class", "お"], 2, "leave --class"),
        (["resnet", "--top", "0"], 2, "at least 1"),
        (["resnet", "0", "--character-size", "0"], 2, "at least 1"),
        (["resnet", "--character-size", "16"], 2, "takes one image"),
        (["resnet", "0", "--draw", "seen.gif"], 2, "svg, png, pdf"),
    ],
)
def test_wrong_usage_is_told(arguments, code, message, capsys):
    assert main(["explain", *arguments]) == code
    captured = capsys.readouterr()
    assert message in " ".join(captured.err.split())
    assert "Traceback" not in captured.err


def test_a_file_that_is_no_image_and_a_line_that_no_dense_network_takes(tmp_path, capsys):
    (tmp_path / "text.png").write_text("no image")
    assert main(["explain", "resnet", str(tmp_path / "text.png")]) == 1
    assert "text.png is not a PNG" in " ".join(capsys.readouterr().err.split())
    Image.fromarray(np.zeros((20, 90), np.uint8)).save(tmp_path / "line.png")
    assert main(["explain", "dense", str(tmp_path / "line.png"), "--character-size", "16"]) == 2
    assert "images of one size alone" in " ".join(capsys.readouterr().err.split())
    assert explained(capsys, "resnet", tmp_path / "line.png", "--character-size", 16, "--class", "お") is not None


def test_a_page_that_needs_too_much_memory_is_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kuzushiji.inference.explain.MOST_BYTES", 10_000)
    Image.fromarray(np.zeros((64, 90), np.uint8)).save(tmp_path / "page.png")
    assert main(["explain", "resnet", str(tmp_path / "page.png"), "--character-size", "16"]) == 2
    assert "cut the page into lines" in " ".join(capsys.readouterr().err.split())
