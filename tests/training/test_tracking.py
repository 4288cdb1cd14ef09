"""A training told to a tracker."""

import json
import sqlite3
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from kuzushiji.cli import main
from kuzushiji.errors import DataWarning, KuzushijiError, UsageError
from kuzushiji.runs.run import find_run
from kuzushiji.training import trackers
from kuzushiji.training.experiment import TrainingWatch, train
from kuzushiji.training.trackers import tracking_folder
from kuzushiji.training.tracking import Tracking


class Noted:
    """A tracker that notes what it is told, and fails at a step."""

    def __init__(self, fails_at: int = 0) -> None:
        self.told: list = []
        self.fails_at = fails_at

    def settings(self, values):
        self.told.append(("settings", values))

    def numbers(self, values, step):
        if step == self.fails_at:
            raise OSError("the server is gone")
        self.told.append((step, values))

    def picture(self, name, path):
        self.told.append(("picture", name, path.read_bytes()[:4]))

    def file(self, path):
        self.told.append(("file", path.name))

    def close(self, *, whole):
        self.told.append(("close", whole))


@pytest.fixture
def noted(monkeypatch):
    pytest.importorskip("tensorboard")
    tracker = Noted()
    monkeypatch.setitem(trackers.OPENED_BY, "tensorboard", lambda run, called: tracker)
    return tracker


def tracked_training(bars_folder: Path, **settings) -> None:
    with Tracking("tensorboard") as tracking:
        train("nn_1", bars_folder, run="mine", watch=tracking.watch(TrainingWatch()), epochs=2, **settings)


def events_of(run: str):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tracking_folder() / "tensorboard" / run))
    return events.Reload()


def test_settings_curves_and_end_are_told_in_their_order(bars_folder, noted):
    tracked_training(bars_folder)
    (_, settings), (first, curves), (second, _), end = noted.told
    assert settings["recipe.epochs"] == 2
    assert settings["model.name"] == "nn_1"
    assert "classes" not in settings
    assert (first, second, end) == (1, 2, ("close", True))
    assert curves["train/loss"] == find_run("mine").metrics[0]["train_loss"]
    assert {"validation/accuracy", "training/lr", "training/images_per_second"} <= set(curves)


def test_a_tracker_that_fails_is_given_up_and_the_training_goes_on(bars_folder, noted):
    noted.fails_at = 1
    with pytest.warns(DataWarning, match="the server is gone"):
        tracked_training(bars_folder)
    assert find_run("mine").finished
    assert [each[0] for each in noted.told] == ["settings"]


def test_a_tracker_that_cannot_be_opened_stops_the_training_before_it_begins(bars_folder, monkeypatch):
    pytest.importorskip("tensorboard")

    def refuse(run, called):
        raise PermissionError("no key")

    monkeypatch.setitem(trackers.OPENED_BY, "tensorboard", refuse)
    with pytest.raises(KuzushijiError, match=r"no key\); mend that and go on with: kuzushiji train --resume mine"):
        tracked_training(bars_folder)
    assert not find_run("mine").finished


def test_wrong_names_and_missing_packages(monkeypatch):
    with pytest.raises(UsageError, match="did you mean tensorboard"):
        Tracking("tensorbord")
    monkeypatch.setattr("kuzushiji.training.tracking.find_spec", lambda name: None)
    with pytest.raises(KuzushijiError, match="pip install mlflow"):
        Tracking("mlflow")


def test_tensorboard_has_curves_settings_final_figures_pictures_and_report(bars_folder, capsys, monkeypatch):
    pytest.importorskip("tensorboard")
    from kuzushiji.report.run_figures import run_figures

    # Two figures stand for all of them, which would take a while.
    monkeypatch.setattr(
        "kuzushiji.report.tracked.run_figures",
        lambda material: {name: draw for name, draw in run_figures(material).items() if name in ("curves", "roc")},
    )
    arguments = ["--data", str(bars_folder), "--epochs", "2", "--run", "mine", "--track", "tensorboard"]
    assert main(["train", "nn_1", *arguments]) == 0
    run, events = find_run("mine"), events_of("mine")
    told = [(each.step, each.value) for each in events.Scalars("validation/accuracy")]
    assert told == [(line["epoch"], pytest.approx(line["validation_accuracy"])) for line in run.metrics]
    (accuracy,) = events.Scalars("test/accuracy")
    assert accuracy.value == pytest.approx(json.loads(run.evaluation_file.read_text())["accuracy"]["value"])
    assert {"curves", "roc"} == set(events.Tags()["images"])
    assert events.Images("roc")[0].width > 100
    (text,) = events.Tensors("settings/text_summary")
    assert b"recipe.lr" in text.tensor_proto.string_val[0]
    assert (tracking_folder() / "tensorboard" / "mine" / "report.html").read_bytes() == run.report_file.read_bytes()


def test_tensorboard_of_a_training_that_is_taken_up_again_counts_each_epoch_once(bars_folder):
    pytest.importorskip("tensorboard")
    run = SimpleNamespace(name="mine", metrics=[])
    first = trackers.TensorBoard(run, run.name)
    for step in (1, 2, 3):  # killed when the third epoch had been told and not yet written
        first.numbers({"train/loss": 1.0}, step)
    first.close(whole=False)
    again = trackers.TensorBoard(SimpleNamespace(name="mine", metrics=[{}, {}]), "mine")
    again.numbers({"train/loss": 0.5}, 3)
    again.close(whole=True)
    assert [(each.step, each.value) for each in events_of("mine").Scalars("train/loss")] == [(1, 1), (2, 1), (3, 0.5)]


@pytest.mark.filterwarnings("default::DeprecationWarning")  # theirs, of packages newer than they know
@pytest.mark.parametrize("name", ["trackio", "mlflow", "wandb"])
def test_other_trackers_keep_all_of_it_on_this_machine(name, bars_folder, tmp_path, monkeypatch):
    if find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    arguments = ["--data", str(bars_folder), "--epochs", "2", "--run", "mine", "--track", name, "--no-report"]
    assert main(["train", "nn_1", *arguments]) == 0
    if name == "mlflow":
        rows = sqlite3.connect(tracking_folder() / "mlflow.db").execute(
            "SELECT step FROM metrics WHERE key = 'validation/accuracy' ORDER BY step"
        )
        assert list(rows) == [(1,), (2,)]
        assert list((tracking_folder() / "mlflow").rglob("config.json"))
    elif name == "wandb":
        assert list(tracking_folder().rglob("run-*.wandb"))
    else:
        assert list((tmp_path / "trackio").rglob("*.db"))
