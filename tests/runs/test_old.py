"""A run folder and an exported file of version 0.1 are read as if they were of today.

`old/` is what `kuzushiji train` of that version left behind, trained as its config.json says, with the evaluation and
the calibration that `kuzushiji evaluate` added; `old.onnx` is what its `kuzushiji export` made of it, and
`old_unfinished/last.ckpt` what was there when the same training was killed after 29 of its 40 epochs.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from kuzushiji.cli import main
from kuzushiji.evaluation.calibration import calibrate
from kuzushiji.evaluation.metrics import evaluate
from kuzushiji.evaluation.runs import stored_calibration, stored_evaluation
from kuzushiji.home import runs_folder
from kuzushiji.inference.predict import predict_run
from kuzushiji.inference.weights import load_network
from kuzushiji.reading.recognizer import Recognizer
from kuzushiji.records import as_plain
from kuzushiji.report.material import gather
from kuzushiji.runs.command import command_of
from kuzushiji.runs.config import ModelConfig, SplitConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import Run, find_run
from kuzushiji.training.experiment import resume, train

HERE = Path(__file__).parent


@pytest.fixture
def old(own_home: Path) -> Run:
    shutil.copytree(HERE / "old", runs_folder() / "old")
    run = find_run("old")
    for path in (run.evaluation_file, run.path / "calibration.json"):
        path.touch()  # newer than the predictions, as they were; a checkout writes in its own order
    return run


def written(run: Run) -> dict[str, Any]:
    """What its file says, and of what recipes had not yet that it was not done."""
    config = json.loads(run.config_file.read_text(encoding="utf-8"))
    return config | {"recipe": {"recut": 0.0, "batch_statistics": "synchronized", "compile": False} | config["recipe"]}


def test_its_configuration_is_read_whole(old: Run) -> None:
    config = old.config
    assert config.model == ModelConfig("resnet", {"width": 4}, (16, 16), 5142)
    assert (config.data.name, config.data.address, config.data.choice.image_size) == ("brush:kmnist:20",) * 2 + (16,)
    assert config.recipe == Recipe(epochs=40, batch_size=16, validation_fraction=0.2, precision="float32")
    assert config.recipe_name == "default"
    assert config.start is config.teacher is config.data.rare is None
    assert str(config.machine) == "a processor, 2 cores, cpu"
    assert config.to_dict() == written(old)
    assert config == load_network(old.weights_file)[1]
    assert command_of(config) == config.command


def test_its_fingerprint_is_the_one_that_it_had(old: Run) -> None:
    assert old.fingerprint == old.predictions().config_fingerprint == old.predictions("validation").config_fingerprint


@pytest.mark.parametrize("split", ["test", "validation"])
def test_its_network_says_what_it_said(old: Run, split: str) -> None:
    before = old.predictions(split)
    again = predict_run(old, old.images(split, check=True), "again")
    np.testing.assert_allclose(again.logits, before.logits, atol=1e-4)
    np.testing.assert_array_equal(again.labels, before.labels)
    assert again.data_fingerprint == before.data_fingerprint
    assert again.config_fingerprint == before.config_fingerprint


def test_what_was_measured_is_read(old: Run) -> None:
    written = json.loads(old.evaluation_file.read_text(encoding="utf-8"))
    assert as_plain(stored_evaluation(old).accuracy) == written["accuracy"]
    later = {"baseline": None, "baseline_class": ""}
    assert stored_evaluation(old).to_dict() == written | later, "it was read, and not computed anew"
    assert evaluate(old).accuracy.value == written["accuracy"]["value"]
    calibration = json.loads((old.path / "calibration.json").read_text(encoding="utf-8"))
    assert as_plain(stored_calibration(old)) == calibration
    assert calibrate(old).temperature == pytest.approx(calibration["temperature"])


def test_its_report_shows_its_images(old: Run) -> None:
    assert gather(old).missing_images == ""
    assert main(["report", "old"]) == 0
    assert "resnet on " in old.report_file.read_text(encoding="utf-8")


def test_others_start_from_it_and_learn_from_it(old: Run) -> None:
    options = {"epochs": 1, "batch_size": 64, "image_size": 16, "model_options": {"width": 4}}
    run = train("resnet", "brush:kmnist:20", from_run="old", teacher="old", **options)
    assert run.config.start.known_classes == 10
    assert run.config.data.splits["test"] == old.config.data.splits["test"]


def test_its_training_is_gone_on_with(old: Run) -> None:
    finished, epochs = load_file(old.weights_file), old.metrics
    for path in (old.weights_file, *old.path.glob("predictions*")):
        path.unlink()
    lines = (old.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (old.path / "metrics.jsonl").write_text("".join(lines[:29]), encoding="utf-8")
    shutil.copy(HERE / "old_unfinished" / "last.ckpt", old.checkpoint_file)
    resumed = resume(old)
    assert resumed.finished
    assert len(resumed.metrics) == 40
    for line, before in zip(resumed.metrics, epochs, strict=True):
        # Processors round differently, and the rest of a training enlarges that.
        assert line["train_loss"] == pytest.approx(before["train_loss"], abs=0.02)
    for name, values in load_file(resumed.weights_file).items():
        assert (values.float() - finished[name].float()).abs().mean() < 0.05, name


def test_it_is_listed_and_described(old: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["model"], row["data"], row["epochs"]) == ("resnet", "brush:kmnist:20", 40)
    assert main(["runs", "info", "old", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["config"] == written(old)


def test_still_older_configurations_are_read(old: Run) -> None:
    """Those that know neither starts, teachers and rare classes nor most of the recipe."""
    written = json.loads(old.config_file.read_text(encoding="utf-8"))
    for key in ("start", "teacher", "machine"):
        del written[key]
    for key in ("cover", "rare_below", "rare"):
        del written["dataset"][key]
    for key in ("sam", "logit_adjustment", "balance", "distillation", "temperature", "start_size", "refit", "swa"):
        del written["recipe"][key]
    written["later"] = written["recipe"]["later"] = "of a version to come"
    old.config_file.write_text(json.dumps(written), encoding="utf-8")
    older = Run(old.path)
    assert older.config.recipe == old.config.recipe
    assert older.config.data == old.config.data
    assert older.config.data.splits["train"] == SplitConfig(160, written["dataset"]["splits"]["train"]["fingerprint"])
    assert str(older.config.machine) == ""
    assert older.fingerprint != old.predictions().config_fingerprint, "it is that of the file as it is"
    assert main(["report", str(older.path)]) == 0


def test_its_exported_file_is_read() -> None:
    recognizer = Recognizer(HERE / "old.onnx")
    old = Run(HERE / "old")
    logits = old.predictions().logits / recognizer.description.temperature
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(recognizer.probabilities(old.images().images), expected, atol=1e-4)
    assert recognizer.classes == old.config.classes
    assert recognizer.description.command == old.config.command
