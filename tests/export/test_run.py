"""A run becomes a file and a card, or nothing is written."""

import json
import shutil
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from kuzushiji.cli import main
from kuzushiji.errors import RunError, UsageError
from kuzushiji.evaluation.metrics import evaluate
from kuzushiji.export import run as export_module
from kuzushiji.export.graph import to_onnx
from kuzushiji.export.run import export_run, sources_of
from kuzushiji.files import file_hash
from kuzushiji.inference.weights import load_network, save_network
from kuzushiji.reading.recognizer import Recognizer
from kuzushiji.report.card import write_card
from kuzushiji.runs.command import command_of
from kuzushiji.runs.config import DataConfig, ModelConfig, RunConfig, StartConfig, TeacherConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import Run
from kuzushiji.training.experiment import train
from tests.bars import bar_images, write_bars


def card_of(exported):
    """The card as it is written."""
    path = write_card(exported)
    assert path == exported.path.with_suffix(".md")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run trained on bars, with validation and test images."""
    folder = tmp_path_factory.mktemp("export")
    data = write_bars(folder / "bars")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(folder))
        run = train("nn_1", data, run=folder / "run", epochs=4, batch_size=16, precision="float32")
    write_card(export_run(run))
    return run


@pytest.fixture(scope="module")
def graph(made):
    network, config = load_network(made.weights_file)
    return to_onnx(network, config.model.image_size)


@pytest.fixture
def run(made, graph, tmp_path, monkeypatch):
    """A copy that a test may spoil; PyTorch, which takes seconds for it, has exported its network already."""
    monkeypatch.setattr(export_module, "to_onnx", lambda network, image_size: graph)
    shutil.copytree(made.path, tmp_path / "run", ignore=shutil.ignore_patterns("model.onnx", "model.md"))
    return Run(tmp_path / "run")


def test_the_file_names_what_the_run_does(made):
    recognizer = Recognizer(made.path / "model.onnx")
    images, _ = bar_images(80)
    predicted = made.predictions()
    assert recognizer.classes == predicted.classes
    temperature = recognizer.description.temperature
    logits = predicted.logits / temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(recognizer.probabilities(images), expected, atol=1e-5)


def test_it_is_plain_onnx(made):
    onnx.checker.check_model(made.path / "model.onnx", full_check=True)
    session = onnxruntime.InferenceSession(made.path / "model.onnx", providers=["CPUExecutionProvider"])
    texts = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(texts["classes"])) == made.config.classes
    assert json.loads(texts["image_size"]) == [12, 12]
    assert texts["command"] == command_of(made.config, published=True)
    for count in (1, 2, 7):
        logits, embedding = session.run(None, {"images": np.zeros((count, 1, 12, 12), np.float32)})
        assert (logits.shape, embedding.shape) == ((count, 4), (count, 64))


def test_the_card_tells_what_it_is_how_good_and_what_not(made):
    card = (made.path / "model.md").read_text(encoding="utf-8")
    for words in (
        "4 classes, 12 x 12 pixels",
        "168 for training, 72 for validation, 80 for testing",
        "| accuracy | ",
        "temperature",
        "it says that it is unsure",
        "## What it is not good for",
        command_of(made.config, published=True),
        "nothing is known of it here",
    ):
        assert words in card, words


@pytest.mark.parametrize(
    ("data", "books", "brush", "licence"),
    [
        ("kkanji", True, False, "under [CC BY-SA 4.0]"),
        ("brush:k49+kmnist6k", True, True, "under [CC BY-SA 4.0]"),
        ("brush:k49", False, True, "permit any use"),
        ("scans", False, False, "nothing is known of it here"),
    ],
)
def test_the_card_knows_what_the_data_is(run, tmp_path, data, books, brush, licence):
    network, config = load_network(run.weights_file)
    save_network(run.weights_file, network, replace(config, data=replace(config.data, name=data)))
    card = card_of(export_run(run, tmp_path / "named.onnx"))
    assert ("learnt from old Japanese books" in card) == books
    assert ("Glyphs of brush fonts" in card) == brush
    assert licence in card


def test_the_card_tells_what_other_data_gave(run, tmp_path):
    assert "on other data" not in card_of(export_run(run, tmp_path / "alone.onnx"))
    replace(run.predictions(), dataset="others").save(run.predictions_file("others-test"))
    card = card_of(export_run(run, tmp_path / "bars.onnx"))
    measured = evaluate(run.predictions())
    assert f"| `others` (test) | {measured.count} | 4 | {100 * measured.accuracy.value:.2f} | " in card


def test_the_card_gives_the_commands_of_what_came_before(run, tmp_path):
    network, config = load_network(run.weights_file)
    start = StartConfig("run", "before", str(run.weights_file), file_hash(run.weights_file), "body.")
    shutil.copytree(run.path, tmp_path / "later")
    save_network(tmp_path / "later" / "model.safetensors", network, replace(config, start=start))
    card = card_of(export_run(Run(tmp_path / "later"), tmp_path / "later.onnx"))
    first, second = (line for line in card.splitlines() if line.startswith("kuzushiji train"))
    assert first.endswith(" --run before")
    assert second == first.removesuffix(" --run before") + " --from before"


def test_the_command_tells_where_everything_is(run, tmp_path, capsys):
    assert main(["export", str(run.path), "--output", str(tmp_path / "new" / "bars.onnx"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(tmp_path / "new" / "bars.onnx")
    assert told["bytes"] == (tmp_path / "new" / "bars.onnx").stat().st_size
    assert (tmp_path / "new" / "bars.md").is_file()
    assert not list(tmp_path.glob("new/.*"))


def test_fewer_bits_are_measured_on_the_validation_images(run, tmp_path, capsys):
    arguments = ["export", str(run.path), "--output", str(tmp_path / "half.onnx"), "--precision", "float16"]
    assert main([*arguments, "--credit", "kmnist"]) == 0
    assert "points of accuracy on 72 validation images" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "half.onnx").stat().st_size < 0.75 * run.weights_file.stat().st_size
    assert Recognizer(tmp_path / "half.onnx").description.licence == "CC BY-SA 4.0"
    assert "doi:10.20676/00000341" in (tmp_path / "half.md").read_text(encoding="utf-8")


def test_the_card_says_what_its_maker_says_and_not_where_folders_lie(tmp_path, bars_folder):
    run = train("nn_1", bars_folder, run=str(tmp_path / "run"), epochs=1)
    assert str(bars_folder) in run.config.command
    written = export_run(run, tmp_path / "bars.onnx", note="Bars, drawn by a ruler.")
    card = card_of(written)
    assert "Bars, drawn by a ruler." in card
    assert f"--data {bars_folder.name} " in card
    assert str(bars_folder.parent) not in card
    assert str(bars_folder.parent).encode() not in written.path.read_bytes()


def test_what_costs_too_much_is_not_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "logits_of", lambda model, images: np.zeros((len(images), 4), np.float32))
    with pytest.raises(
        RunError, match=r"int8 costs .* points of accuracy on 72 validation images.*nothing was written"
    ):
        export_run(run, tmp_path / "eight.onnx", precision="int8")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run"]


def test_fewer_bits_need_the_validation_images_that_the_run_had(run, tmp_path):
    changed = run.predictions("validation")
    object.__setattr__(changed, "data_fingerprint", "0" * 64)
    changed.save(run.predictions_file("validation"))
    with pytest.raises(RunError, match="have changed since the training; export it in float32"):
        export_run(run, tmp_path / "half.onnx", precision="float16")
    run.predictions_file("validation").unlink()
    with pytest.raises(UsageError, match="has no validation images to measure float16 on"):
        export_run(run, tmp_path / "half.onnx", precision="float16")
    exported = export_run(run, tmp_path / "whole.onnx")
    assert (exported.description.temperature, exported.description.unsure_below) == (1, 0.5)
    assert "There were no validation images" in card_of(exported)


def test_a_run_without_test_images_says_that_it_was_not_tested(run, tmp_path):
    run.predictions_file().unlink()
    run.evaluation_file.unlink(missing_ok=True)
    exported = export_run(run, tmp_path / "untested.onnx")
    assert exported.description.accuracy is None
    assert "It was not tested" in card_of(exported)
    assert Recognizer(exported.path).description == exported.description


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output", "here.pt"], "has the ending '.pt'; expected .onnx"),
        (["--precision", "int4"], "int4"),
        (["--credit", "kmnits"], "there is no dataset 'kmnits'; did you mean kmnist"),
    ],
)
def test_wrong_usage_writes_nothing(run, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["export", str(run.path), *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert sorted(tmp_path.rglob("*")) == before


def test_what_cannot_be_exported_says_why(run, capsys):
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    (run.path / "config.json").write_text(json.dumps(config | {"model": config["model"] | {"name": "knn"}}))
    assert main(["export", str(run.path)]) == 2
    assert "knn is fitted to its training images" in " ".join(capsys.readouterr().err.split())
    (run.path / "config.json").write_text(json.dumps(config))
    run.weights_file.rename(run.path / "elsewhere")
    assert main(["export", str(run.path)]) == 1
    assert "is not finished" in capsys.readouterr().err
    run.weights_file.write_bytes((run.path / "elsewhere").read_bytes()[:5000])
    assert main(["export", str(run.path)]) == 1
    assert "is not a whole network" in " ".join(capsys.readouterr().err.split())
    assert not list(run.path.glob("*.onnx"))


def test_a_place_that_cannot_be_written_keeps_what_was_there(run, tmp_path, capsys):
    (tmp_path / "file").write_text("not a folder")
    assert main(["export", str(run.path), "--output", str(tmp_path / "file" / "new.onnx")]) == 1
    assert "could not be written" in " ".join(capsys.readouterr().err.split())
    assert (tmp_path / "file").read_text() == "not a folder"


def test_the_data_of_what_a_training_started_from_and_learnt_from_is_credited(tmp_path):
    import torch

    def config(data, **origins):
        return RunConfig(
            model=ModelConfig("nn_1"), data=DataConfig(data), classes=("お", "き"), recipe=Recipe(), **origins
        )

    def weights(name):
        return {"path": str(tmp_path / f"{name}.safetensors"), "sha256": ""}

    save_network(tmp_path / "first.safetensors", torch.nn.Linear(2, 2), config("recognition:book"))
    start = StartConfig("run", "first", **weights("first"), part="body.")
    save_network(tmp_path / "second.safetensors", torch.nn.Linear(2, 2), config("kkanji", start=start))
    teacher = TeacherConfig("run", "second", **weights("second"))
    gone = StartConfig("run", "gone", **weights("gone"), part="body.")
    found = sources_of(config("brush:k49+kmnist6k", start=gone, teacher=teacher))
    assert {each.name for each in found} == {"kmnist6k", "kkanji", "recognition"}
    assert sources_of(config("scans")) == ()
    assert [each.name for each in sources_of(config("scans"), ["k49"])] == ["k49"]
