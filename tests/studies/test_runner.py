import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from kuzushiji.data.source import parse
from kuzushiji.errors import Interrupted, RunError, UsageError
from kuzushiji.processes import Ended
from kuzushiji.studies.load import parse_study
from kuzushiji.studies.plan import Training, study_folder
from kuzushiji.studies.runner import FAILURE, Outcome, StudyWatch, _attempt_elsewhere, run_study
from kuzushiji.training.session import TrainingProgress
from kuzushiji.training.trackers import tracking_folder

TWO = """
question = "Which?"
[shared]
model = "nn_1"
epochs = 2
validation_fraction = 0.25
[[trials]]
label = "Adam"
recipe = "keras_adam"
[[trials]]
label = "SGD / plain"
recipe = "keras_sgd"
"""


def study(text: str = TWO):
    return parse_study(text, "mine", "mine.toml")


def test_each_trial_and_seed_is_a_run_folder(bars_folder, tmp_path):
    outcomes = run_study(study(), str(bars_folder), folder=tmp_path / "out", seeds=2)
    assert [(each.training.label, each.training.seed, each.failure) for each in outcomes] == [
        ("Adam", 0, ""),
        ("Adam", 1, ""),
        ("SGD / plain", 0, ""),
        ("SGD / plain", 1, ""),
    ]
    for outcome in outcomes:
        assert outcome.run.finished
        assert outcome.run.path.parent == tmp_path / "out"
        assert outcome.run.config.recipe.seed == outcome.training.seed
        assert len(outcome.run.predictions()) == 80
    assert outcomes[0].run.config.command.startswith("kuzushiji train nn_1 --data ")
    assert outcomes[2].run.path.name.startswith("SGD-plain-seed0-")


def test_what_is_finished_is_not_trained_again_and_what_differs_is(bars_folder, tmp_path):
    planned: list[tuple[int, int]] = []
    watch = StudyWatch(planned=lambda trainings, waiting: planned.append((len(trainings), len(waiting))))
    first = run_study(study(), str(bars_folder), folder=tmp_path, watch=watch)
    before = [outcome.run.weights_file.stat().st_mtime_ns for outcome in first]
    again = run_study(study(), str(bars_folder), folder=tmp_path, watch=watch)
    assert [outcome.run.weights_file.stat().st_mtime_ns for outcome in again] == before
    run_study(study().with_recipe(epochs=1), str(bars_folder), folder=tmp_path, watch=watch)
    run_study(study(), str(bars_folder), folder=tmp_path, limit=100, watch=watch)
    assert planned == [(2, 2), (2, 0), (2, 2), (2, 2)]
    assert all(outcome.run.weights_file.exists() for outcome in first)


def test_a_trial_may_be_called_otherwise(bars_folder, tmp_path):
    first = run_study(study(), str(bars_folder), folder=tmp_path)
    renamed = study(TWO.replace('label = "Adam"', 'label = "Adaptive"'))
    waiting = []
    watch = StudyWatch(planned=lambda trainings, left: waiting.extend(left))
    again = run_study(renamed, str(bars_folder), folder=tmp_path, watch=watch)
    assert waiting == []
    assert again[0].training.label == "Adaptive"
    assert again[0].run.path == first[0].run.path


def test_predictions_that_were_lost_are_made_again(bars_folder, tmp_path):
    (outcome, _) = run_study(study(), str(bars_folder), folder=tmp_path)
    logits = outcome.run.predictions().logits
    outcome.run.predictions_file().unlink()
    (again, _) = run_study(study(), str(bars_folder), folder=tmp_path)
    assert again.failure == ""
    np.testing.assert_array_equal(again.run.predictions().logits, logits)


def test_a_trial_that_diverges_keeps_no_other_from_being_trained(bars_folder, tmp_path):
    text = TWO.replace('label = "Adam"', 'label = "Adam"\nlr = 1e30')
    ended = []
    watch = StudyWatch(ended=ended.append)
    outcomes = run_study(study(text), str(bars_folder), folder=tmp_path, watch=watch)
    assert "diverged" in outcomes[0].failure
    assert (outcomes[0].run.path / FAILURE).exists()
    assert outcomes[1].run.finished
    assert ended == outcomes
    # The same training would end so again: it is not tried twice.
    ended.clear()
    assert run_study(study(text), str(bars_folder), folder=tmp_path, watch=watch) == outcomes
    assert ended == []


def stop_at(epoch: int) -> StudyWatch:
    """Sends this process what Ctrl-C sends, once a training has come so far."""
    sent = []

    def progress(training: object, now: TrainingProgress) -> None:
        if now.epoch >= epoch and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)

    return StudyWatch(progress=progress)


def test_an_interrupted_study_goes_on_and_ends_as_if_nothing_had_happened(bars_folder, tmp_path):
    unbroken = run_study(study(), str(bars_folder), folder=tmp_path / "unbroken")
    with pytest.raises(Interrupted, match="the same command goes on"):
        run_study(study(), str(bars_folder), folder=tmp_path / "broken", watch=stop_at(1))
    waiting = []
    watch = StudyWatch(planned=lambda trainings, left: waiting.extend(left))
    broken = run_study(study(), str(bars_folder), folder=tmp_path / "broken", watch=watch)
    assert len(waiting) == 2
    for one, other in zip(unbroken, broken, strict=True):
        np.testing.assert_array_equal(one.run.predictions().logits, other.run.predictions().logits)


def test_side_by_side_too(bars_folder, tmp_path):
    text = TWO.replace('label = "SGD / plain"', 'label = "SGD / plain"\nepochs = 300')
    ended, epochs = [], []

    def stop_when_one_is_done(outcome: object) -> None:
        ended.append(outcome)
        os.kill(os.getpid(), signal.SIGINT)

    watch = StudyWatch(ended=stop_when_one_is_done, epoch=lambda training, metrics: epochs.append(metrics["epoch"]))
    with pytest.raises(Interrupted):
        run_study(study(text), str(bars_folder), folder=tmp_path, jobs=2, watch=watch)
    assert ended[0].failure == ""
    assert ended[0].run.finished
    assert epochs
    # What one process began another ends.
    outcomes = run_study(study(text), str(bars_folder), folder=tmp_path)
    assert [outcome.failure for outcome in outcomes] == ["", ""]
    assert [len(outcome.run.metrics) for outcome in outcomes] == [2, 300]


def test_who_asks_one_of_several_processes_to_terminate_means_the_study(bars_folder, tmp_path):
    class Asked(set):
        """Trainings that somebody else ends."""

        __enter__, __exit__ = (lambda pool: pool), (lambda pool, *error: None)

        def start(self, name, function, training):
            self.add(name)

        def next(self, timeout):
            return self.pop(), Ended(error=Interrupted("asked to terminate"))

        def ask_to_stop(self):
            pass

    with pytest.raises(Interrupted, match="goes on where it stopped"):
        run_study(study(), str(bars_folder), folder=tmp_path, jobs=2, pool=lambda what, jobs: Asked())


def test_two_processes_do_not_run_the_same_study(bars_folder, tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(RunError, match="another process runs the study"):
        run_study(study(), str(bars_folder), folder=tmp_path)


def test_a_damaged_run_folder_is_an_outcome_too(bars_folder, tmp_path):
    (outcome, _) = run_study(study(), str(bars_folder), folder=tmp_path)
    (outcome.run.path / "config.json").write_text("{", encoding="utf-8")
    outcome.run.weights_file.unlink()
    (again, other) = run_study(study(), str(bars_folder), folder=tmp_path)
    assert "can't be read" in again.failure
    assert other.failure == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"jobs": 0}, "jobs is 0; it must be at least 1"), ({"seeds": 0}, "seeds"), ({"limit": 0}, "limit")],
)
def test_numbers_out_of_range_are_refused(settings, message, bars_folder, tmp_path):
    with pytest.raises(UsageError, match=message):
        run_study(study(), str(bars_folder), folder=tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_data_without_test_images_is_refused(bars_folder, tmp_path):
    for path in bars_folder.glob("*test*"):
        path.unlink()
    with pytest.raises(UsageError, match="no test split"):
        run_study(study(), str(bars_folder), folder=tmp_path / "out")


def test_a_folder_that_can_not_be_made_is_told(bars_folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="can't be used"):
        run_study(study(), str(bars_folder), folder=tmp_path / "file" / "out")


def test_a_study_has_a_folder_for_each_set_of_data(own_home):
    assert study_folder(study(), "brush:kmnist") == own_home / "studies" / "mine--brush-kmnist"
    assert study_folder(study(), parse(Path("some") / "where").label).name == "mine--where"


def test_a_process_tells_the_story_of_its_training(bars_folder, tmp_path):
    training = Training(
        "x", 0, str(tmp_path / "run"), "nn_1", {}, "keras_adam", {"epochs": 1}, str(bars_folder), None, None, "cpu"
    )
    told: list[object] = []
    outcome = _attempt_elsewhere(lambda what: told.append(pickle.loads(pickle.dumps(what))), training)
    assert outcome == Outcome(training)
    assert isinstance(told[0], TrainingProgress)
    assert told[-1] == training.run.metrics[0]
    assert training.run.finished


def test_a_process_that_is_lost_is_an_outcome(bars_folder, tmp_path, monkeypatch):
    """The script that Python runs at its start ends the process as if memory had run out."""
    (tmp_path / "sitecustomize.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    monkeypatch.syspath_prepend(tmp_path)
    outcomes = run_study(study(), str(bars_folder), folder=tmp_path / "out", jobs=2)
    assert len(outcomes) == 2
    assert all("ended with code -9; memory may have run out" in outcome.failure for outcome in outcomes)


def test_each_training_is_told_to_a_tracker(bars_folder, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    outcomes = run_study(study(), str(bars_folder), folder=tmp_path, track="tensorboard")
    for outcome in outcomes:
        events = accumulator.EventAccumulator(str(tracking_folder() / "tensorboard" / outcome.run.name)).Reload()
        assert [each.step for each in events.Scalars("validation/accuracy")] == [1, 2]
