import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from safetensors import safe_open

import kuzushiji
from kuzushiji import files
from kuzushiji.data.source import parse
from kuzushiji.data.splits import with_classes_of
from kuzushiji.errors import Interrupted, KuzushijiError, RunError, UsageError
from kuzushiji.inference.predict import predict_run
from kuzushiji.inference.weights import load_network
from kuzushiji.runs.config import ImageChoice, RareConfig, SplitConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import find_run
from kuzushiji.runs.splits import read_splits
from kuzushiji.training import experiment
from kuzushiji.training.checkpoint import load_checkpoint
from kuzushiji.training.experiment import TrainingWatch, resume, train

QUICK = {"epochs": 2, "batch_size": 32, "lr": 0.05}


def test_a_run_folder_holds_what_it_should(bars, test_bars):
    run = train("nn_1", bars, test=test_bars, run="mine", **QUICK)
    assert {path.name for path in run.path.iterdir()} - {".lock"} == {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "predictions.npz",
        "predictions-validation.npz",
    }
    assert run.finished
    assert run == find_run("mine")
    config = run.config
    assert config.classes == bars.classes
    assert config.data.splits["train"].count + config.data.splits["validation"].count == 240
    assert config.data.splits["test"] == SplitConfig(80, test_bars.fingerprint())
    assert sum(config.train_counts) == config.data.splits["train"].count
    assert config.recipe.lr == 0.05
    assert config.recipe_name == "keras_adam"
    assert set(config.versions) == {"kuzushiji", "torch", "numpy", "python"}
    assert [line["epoch"] for line in run.metrics] == [1, 2]


def test_predictions_are_those_of_the_kept_network(bars, test_bars):
    run = train("keras_cnn", bars, test=test_bars, **QUICK)
    network, config = load_network(run.weights_file)
    assert config.model.name == "keras_cnn"
    images = torch.from_numpy(test_bars.images)[:, None].float() / 255
    with torch.inference_mode():
        expected = network(images).numpy()
    predictions = run.predictions()
    np.testing.assert_allclose(predictions.logits, expected, atol=1e-4)
    assert predictions.labels.tolist() == test_bars.labels.tolist()
    assert predictions.data_fingerprint == test_bars.fingerprint()
    assert predictions.split == "test"


def test_validation_images_are_never_trained_on(bars):
    splits = read_splits(bars, Recipe(validation_fraction=0.3))
    assert splits.validation is not None
    assert set(splits.train.ids) | set(splits.validation.ids) == set(range(240))
    assert not set(splits.train.ids) & set(splits.validation.ids)


def test_the_global_random_state_is_left_alone(bars):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train("nn_1", bars, **QUICK)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "lenet"}, "did you mean"),
        ({"recipe": "kears_adam"}, "did you mean keras_adam"),
        ({"lr": -1.0}, "lr"),
        ({"nonsense": 1}, "recipe field"),
        ({"device": "tpu"}, "not on this machine"),
        ({"limit": 0}, "limit"),
        ({"model_options": {"nonsense": 1}}, "option"),
        ({"keep": "best", "validation_fraction": 0.0}, "validation"),
    ],
)
def test_wrong_values_are_refused_and_nothing_is_written(bars, own_home, arguments, message):
    with pytest.raises(UsageError, match=message):
        train(**{"model": "nn_1", "data": bars, "run": "mine", **arguments})
    assert not (own_home / "runs").exists()


def test_a_wrong_value_is_told_before_the_data_is_looked_for():
    with pytest.raises(UsageError, match="lr"):
        train("nn_1", "no/such/folder", lr=-1.0)


def test_a_finished_run_is_not_resumed(bars):
    run = train("nn_1", bars, **QUICK)
    with pytest.raises(RunError, match="nothing to resume"):
        resume(run, data=bars)


def interrupt_after(epochs: int) -> TrainingWatch:
    def epoch(metrics):
        if metrics["epoch"] == epochs:
            raise Interrupted("stop")

    return TrainingWatch(epoch=epoch)


def test_resumed_ends_as_the_unbroken_run(bars, test_bars):
    unbroken = train("nn_1", bars, test=test_bars, run="unbroken", **QUICK)
    with pytest.raises(Interrupted, match="--resume broken"):
        train("nn_1", bars, test=test_bars, run="broken", watch=interrupt_after(1), **QUICK)
    broken = find_run("broken")
    assert not broken.finished
    resume(broken, data=bars, test=test_bars)
    assert broken.finished
    assert not broken.checkpoint_file.exists()
    np.testing.assert_array_equal(broken.predictions().logits, unbroken.predictions().logits)
    assert [line["train_loss"] for line in broken.metrics] == [line["train_loss"] for line in unbroken.metrics]


def test_other_data_is_not_resumed_on(bars):
    with pytest.raises(Interrupted):
        train("nn_1", bars, run="mine", watch=interrupt_after(1), **QUICK)
    changed = bars.select(slice(None))
    changed.images[0, 0, 0] ^= 1
    with pytest.raises(RunError, match="not those the run began with"):
        resume(find_run("mine"), data=changed)


def test_a_damaged_checkpoint_is_told(bars):
    with pytest.raises(Interrupted):
        train("nn_1", bars, run="mine", watch=interrupt_after(1), **QUICK)
    run = find_run("mine")
    whole = run.checkpoint_file.read_bytes()
    run.checkpoint_file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match="not a whole checkpoint"):
        resume(run, data=bars)


def test_the_checkpoint_of_another_version_is_refused(bars):
    with pytest.raises(Interrupted):
        train("nn_1", bars, run="mine", watch=interrupt_after(1), **QUICK)
    run = find_run("mine")
    torch.save(load_checkpoint(run.checkpoint_file) | {"format": 99}, run.checkpoint_file)
    with pytest.raises(RunError, match="another version"):
        resume(run, data=bars)


def test_a_run_is_trained_by_one_process_at_a_time(bars):
    with pytest.raises(Interrupted):
        train("nn_1", bars, run="mine", watch=interrupt_after(1), **QUICK)
    run = find_run("mine")
    with FileLock(run.path / ".lock"), pytest.raises(RunError, match="another process"):
        resume(run, data=bars)


def test_a_full_disk_loses_nothing_that_was_saved(bars, monkeypatch):
    """The second checkpoint finds the disk full; the first one stands and the run is resumed from it."""
    write, calls = Path.write_bytes, []

    def full(path, data):
        calls.append("ckpt" in path.name)
        if calls[-1] and sum(calls) == 2:
            write(path, bytes(data)[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(KuzushijiError, match="No space left on device"):
        train("nn_1", bars, run="mine", **QUICK)
    run = find_run("mine")
    assert load_checkpoint(run.checkpoint_file)["epoch"] == 1
    assert not list(run.path.glob("*.part"))
    assert resume(run, data=bars).finished


@pytest.mark.parametrize("cut", [0, 10, -10])
def test_truncated_weights_are_told(bars, cut):
    run = train("nn_1", bars, **QUICK)
    run.weights_file.write_bytes(run.weights_file.read_bytes()[:cut])
    with pytest.raises(RunError, match="not a whole network"):
        load_network(run.weights_file)


def test_other_classes_are_matched_by_character(bars):
    run = train("nn_1", bars, **QUICK)
    reordered = kuzushiji.CharacterImages(bars.images, 3 - bars.labels, bars.classes[::-1], name="reordered")
    same = predict_run(run, bars, "same")
    other = predict_run(run, reordered, "other")
    np.testing.assert_array_equal(same.logits, other.logits)
    assert same.labels.tolist() == other.labels.tolist()


def test_unknown_characters_are_left_out(bars):
    other = kuzushiji.CharacterImages(bars.images, bars.labels, ("お", "漢", "す", "字"))
    known = with_classes_of(bars.classes, other)
    assert known.classes == bars.classes
    assert set(known.labels) == {0, 2}
    assert set(bars.labels[known.ids]) == {0, 2}
    with pytest.raises(UsageError, match="no image"):
        with_classes_of(("漢", "字"), bars)


@pytest.fixture
def uneven(bars):
    """120 images: 60, 40, 15 and 5 of a class, and as test images the same again."""
    rows = np.concatenate([np.flatnonzero(bars.labels == label)[:count] for label, count in enumerate((60, 40, 15, 5))])
    return bars.select(rows)


def test_rare_characters_are_trained_on_as_one_class(uneven):
    run = train("nn_1", uneven, test=uneven.select(slice(None), "test"), cover=0.8, **QUICK)
    config = run.config
    assert config.classes == ("お", "き", "rare")
    assert config.data.rare == RareConfig(2, 20)
    assert sum(config.train_counts) == config.data.splits["train"].count
    assert "--cover 0.8" in config.command
    assert np.bincount(run.predictions().labels).tolist() == [60, 40, 20]

    again = predict_run(run, uneven, "again")
    np.testing.assert_array_equal(again.labels, run.predictions().labels)
    np.testing.assert_array_equal(again.logits, run.predictions().logits)
    other = kuzushiji.CharacterImages(uneven.images, uneven.labels, ("漢", "お", "字", "rare"))
    assert predict_run(run, other, "other").predicted.tolist() == again.predicted.tolist()
    assert np.bincount(predict_run(run, other, "other").labels).tolist() == [40, 0, 80]


def test_a_last_training_takes_validation_images_too(tmp_path, uneven):
    """The data set's own, but for a share that is left to calibrate on."""
    for split, chosen in (("train", uneven.select(slice(80))), ("validation", uneven.select(slice(80, None)))):
        np.savez(tmp_path / f"own-{split}-imgs.npz", chosen.images)
        np.savez(tmp_path / f"own-{split}-labels.npz", chosen.labels)
    chosen, last = (read_splits(parse(tmp_path), Recipe(refit=share)) for share in (0.0, 0.8))
    assert (len(chosen.train), len(chosen.validation)) == (80, 40)
    assert len(last.train) + len(last.validation) == 120
    assert len(last.validation) == 8
    with pytest.raises(UsageError, match="bars has no validation images of its own"):
        read_splits(uneven, Recipe(refit=0.8))


def test_which_classes_are_rare_is_decided_without_test_and_validation_images(uneven):
    """Of the test images, the rarest character of the training images is the most frequent."""
    test = kuzushiji.CharacterImages(uneven.images, 3 - uneven.labels, uneven.classes, split="test")
    for seed in (0, 1):
        splits = read_splits(uneven, Recipe(validation_fraction=0.3, seed=seed), ImageChoice(rare_below=20), test=test)
        assert splits.train.classes == splits.validation.classes == splits.test.classes == ("お", "き", "rare")
        assert splits.test.class_counts().tolist() == [5, 15, 100]
        assert splits.rare == RareConfig(2, 20)


def test_nothing_is_merged_where_nothing_is_rare(uneven):
    splits = read_splits(uneven, Recipe(), ImageChoice(rare_below=5))
    assert splits.train.classes == uneven.classes
    assert splits.rare is None


def test_a_training_with_a_rare_class_is_resumed(uneven):
    with pytest.raises(Interrupted):
        train("nn_1", uneven, run="mine", rare_below=20, watch=interrupt_after(1), **QUICK)
    assert resume(find_run("mine"), data=uneven).config.classes[-1] == "rare"


@pytest.mark.parametrize("cut_off", [{"cover": 1.5}, {"rare_below": 0}, {"cover": 0.5, "rare_below": 2}])
def test_a_wrong_cut_off_is_told_before_the_data_is_looked_for(cut_off):
    with pytest.raises(UsageError, match=r"cover|rare_below"):
        train("nn_1", "no/such/folder", **cut_off)


def test_images_of_another_size_are_refused(bars):
    run = train("nn_1", bars, **QUICK)
    larger = kuzushiji.CharacterImages(np.zeros((2, 20, 20), np.uint8), np.zeros(2, np.int64), bars.classes)
    with pytest.raises(UsageError, match=r"12 x 12.*20 x 20"):
        predict_run(run, larger, "larger")


def test_too_few_images_are_refused(bars):
    with pytest.raises(KuzushijiError, match="image"):
        train("nn_1", bars.select(slice(0, 1)), **QUICK)


def test_variants_bring_their_recipe(bars):
    run = train("nn_1_sgd", bars, epochs=1)
    assert run.config.model.name == "nn_1"
    assert run.config.recipe.optimizer == "sgd"


def test_the_configuration_is_json_and_in_the_weights(bars):
    run = train("resnet", bars, model_options={"width": 8}, **QUICK)
    network, config = load_network(run.weights_file)
    assert config == run.config
    written = json.loads(run.config_file.read_text())
    assert config.to_dict() == written
    with safe_open(run.weights_file, framework="np") as file:
        assert json.loads(file.metadata()["kuzushiji"]) == written
    assert config.model.options == {"width": 8}
    assert network.head.out_features == 4


def test_progress_is_told(bars):
    seen = {"started": 0, "progress": 0, "epoch": 0}

    def count(name):
        def note(*_):
            seen[name] += 1

        return note

    train("nn_1", bars, watch=TrainingWatch(**{name: count(name) for name in seen}), **QUICK)
    assert seen["started"] == 1
    assert seen["epoch"] == 2
    assert seen["progress"] >= 2


def test_limit_takes_so_many(own_home):
    splits = experiment.read_splits(parse("brush:kmnist"), Recipe(validation_fraction=0.1), ImageChoice(limit=200))
    assert len(splits.train) + len(splits.validation) == 200


def test_the_mean_over_shifted_images(bars, test_bars):
    run = train("nn_1", bars, test=test_bars, run="mine", **QUICK)
    together = predict_run(run, test_bars, "test-tta", shifts=((0, 0), (1, -1)))
    moved = np.zeros_like(test_bars.images)
    moved[:, 1:, :-1] = test_bars.images[:, :-1, 1:]
    apart = predict_run(run, replace(test_bars, images=moved), "moved")
    mean = (run.predictions().probabilities + apart.probabilities) / 2
    np.testing.assert_allclose(together.probabilities, mean, atol=1e-5)
    assert run.predictions("test-tta").logits.shape == (80, 4)


def test_a_line_that_a_kill_left_out_is_written_when_the_training_goes_on(bars):
    def stop(metrics):
        if metrics["epoch"] == 2:
            raise Interrupted("here")

    with pytest.raises(Interrupted):
        train("nn_1", bars, run="mine", watch=TrainingWatch(epoch=stop), **QUICK | {"epochs": 3})
    run = find_run("mine")
    metrics = run.path / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True)
    assert len(lines) == 2
    metrics.write_text(lines[0])
    resume(run, data=bars)
    assert [line["epoch"] for line in run.metrics] == [1, 2, 3]
    assert metrics.read_text().splitlines(keepends=True)[:2] == lines


def test_a_late_resume_finds_the_run_finished_under_its_lock(bars, monkeypatch):
    run = train("nn_1", bars, run="mine", **QUICK)
    weights = run.weights_file.read_bytes()
    told = iter([False, True])  # unfinished when it was asked first
    monkeypatch.setattr(type(run), "finished", property(lambda run: next(told)))
    with pytest.raises(RunError, match="is finished"):
        resume(run, data=bars)
    assert run.weights_file.read_bytes() == weights


def test_all_is_on_the_disk_before_the_checkpoint_goes(bars, test_bars, monkeypatch):
    done: list[str] = []
    sync, remove = files._sync, experiment.remove_file
    monkeypatch.setattr(files, "_sync", lambda path: (done.append(path.name.split(".")[-1]), sync(path)))
    monkeypatch.setattr(experiment, "remove_file", lambda path: (done.append(f"remove {path.name}"), remove(path)))
    saved = experiment.save_network

    def noted(*arguments) -> None:
        done.append("weights")
        saved(*arguments)

    monkeypatch.setattr(experiment, "save_network", noted)
    train("nn_1", bars, test=test_bars, run="mine", **QUICK)
    after = done[done.index("weights") + 1 :]
    assert after == ["part", "mine"] * 3 + ["remove last.ckpt", "mine"]  # weights and two files of predictions


def test_the_validation_accuracy_of_the_epochs_is_that_of_the_predictions(bars_folder):
    run = train("nn_1", bars_folder, epochs=3, keep="best", precision="bfloat16", validation_fraction=0.3)
    said = run.predictions("validation")
    assert run.kept["validation_accuracy"] == pytest.approx((said.predicted == said.labels).mean())
