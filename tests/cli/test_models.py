import json
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.models import MODELS, list_models


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def out(capsys, *arguments, code=0):
    """What the command wrote to stdout, or to stderr where it was meant to fail."""
    assert main(["models", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    if code:
        assert captured.out == ""
        return captured.err
    return captured.out


def test_the_list_has_every_network_on_a_line_of_80_columns(capsys):
    lines = out(capsys).splitlines()
    rows = {line.split()[0]: line for line in lines if line.split() and line.split()[0] in MODELS}
    assert list(rows) == list_models()
    assert max(map(len, lines)) <= 80
    assert rows["cnn_1"].split() == ["cnn_1", "198,538", "36.6", "M", "keras_adam", "twelve", "networks"]
    assert rows["fcn"].split()[1:4] == ["6,402,642", "5.01", "G"]
    assert all(rows[name].rstrip().endswith(MODELS[name].source) for name in MODELS)


def test_numbers_follow_classes_and_image_size(capsys):
    parsed = json.loads(out(capsys, "c*", "--classes", 49, "--image-size", 28, "--json"))
    assert {each["name"]: each["parameters"] for each in parsed} == {
        "cnn_1": 201_073,
        "cnn_2": 922_225,
        "cnn_dense": 2_888_689,
        "cnn_dense_batch_norm": 2_888_719,
    }
    assert parsed[0]["recipe"] == "keras_adam"
    assert parsed[2]["recipe"] == "keras_sgd"
    assert json.loads(out(capsys, "fcn", "--image-size", 80, "--classes", 514, "--json"))["macs"] == 70_781_184_000


def test_networks_that_cannot_take_so_small_an_image_are_listed_without_numbers(capsys):
    parsed = {each["name"]: each for each in json.loads(out(capsys, "--image-size", 10, "--json"))}
    assert list(parsed) == list_models()
    assert parsed["lenet5"]["parameters"] is parsed["lenet5"]["macs"] is None
    assert parsed["nn_1"]["parameters"] == 101 * 64 + 65 * 64 + 65 * 10
    assert "needs 12 px" in out(capsys, "--image-size", 10)


def test_one_network_is_described_layer_by_layer(capsys):
    text = out(capsys, "lenet5", "--classes", 49)
    assert [line.split() for line in text.splitlines() if " Conv2d " in line] == [
        ["body.0", "Conv2d", "6", "x", "28", "x", "28", "156", "117,600"],
        ["body.3", "Conv2d", "16", "x", "10", "x", "10", "2,416", "240,000"],
    ]
    for fact in ("65,021", "recipe      lenet5", "activation=tanh", "49 classes, 28 pixels", "LeCun et al. 1998"):
        assert fact in text
    parsed = json.loads(out(capsys, "lenet5", "--classes", 49, "--json"))
    assert sum(layer["parameters"] for layer in parsed["layers"]) == parsed["parameters"] == 65_021
    assert parsed["layers"][-1]["output_shape"] == [49]


def test_a_name_with_a_recipe_is_the_network_with_that_recipe(capsys):
    parsed = json.loads(out(capsys, "nn_1_sgd", "--json"))
    assert (parsed["name"], parsed["recipe"]) == ("nn_1", "keras_sgd")
    assert "recipe      keras_sgd" in out(capsys, "cnn_2_sgd")


def test_the_layers_are_drawn_into_a_file(capsys, tmp_path):
    assert main(["models", "lenet5", "--draw", str(tmp_path / "new folder" / "lenet5.svg"), "--json"]) == 0
    captured = capsys.readouterr()
    json.loads(captured.out)
    assert "lenet5.svg" in captured.err
    ElementTree.parse(tmp_path / "new folder" / "lenet5.svg")
    out(capsys, "lenet5", "--draw", tmp_path / "light.png")
    out(capsys, "lenet5", "--draw", tmp_path / "dark.png", "--dark")
    light, dark = (Image.open(tmp_path / f"{theme}.png").convert("RGBA") for theme in ("light", "dark"))
    assert light.size == dark.size
    assert (light.getpixel((0, 0))[3], dark.getpixel((0, 0))[3]) == (0, 255), "a dark figure has paper of its own"
    assert light.tobytes() != dark.tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet"], "there is no model 'lenet'; did you mean lenet5"),
        (["bert*"], "no network has a name like bert*; there are resnet, lenet5"),
        (["lenet5", "--classes", "1"], "at least 2 classes"),
        (["--classes", "0"], "at least 2 classes"),
        (["lenet5", "--image-size", "11"], "at least 12 x 12 pixels, found 11 x 11"),
        (["--image-size", "0"], "found 0 x 0"),
        (["--image-size", "big"], "--image-size"),
        (["--draw", "all.svg"], "say which"),
        (["cnn*", "--draw", "all.svg"], "say which"),
        (["lenet5", "--draw", "lenet5.jpg"], "found the ending '.jpg'"),
        (["lenet5", "--draw", "lenet5"], "found the ending ''"),
        (["lenet5", "alexnet"], "alexnet"),
    ],
)
def test_wrong_usage_is_told_and_writes_nothing(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in " ".join(out(capsys, *arguments, code=2).split())
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(capsys, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    message = out(capsys, "lenet5", "--draw", tmp_path / "file" / "lenet5.png", code=1)
    assert "could not be written" in message
    assert (tmp_path / "file").read_text() == "not a folder"


def test_help_needs_no_pytorch():
    code = (
        "import sys; from kuzushiji.cli import main; assert main(['models', '--help']) == 0;"
        "assert main(['models', 'lenet']) == 2;"
        "assert not {'torch', 'matplotlib', 'sklearn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
