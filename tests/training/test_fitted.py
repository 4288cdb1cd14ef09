"""Classical models make the same runs as networks."""

import json

import numpy as np
import pytest
import torch

from kuzushiji.cli import main
from kuzushiji.errors import RunError, UsageError
from kuzushiji.inference.predict import predict_run
from kuzushiji.inference.weights import load_network
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import find_run
from kuzushiji.training import experiment
from kuzushiji.training.experiment import resume, train


@pytest.mark.parametrize("model", ["knn", "pca_knn", "svm"])
def test_a_run_holds_what_other_runs_hold(bars, test_bars, model):
    options = {"pca_knn": {"components": 5}, "svm": {"tuning": 60}}.get(model, {})
    run = train(model, bars, test=test_bars, run="mine", validation_fraction=0.2, model_options=options)
    assert {path.name for path in run.path.iterdir()} - {".lock"} == {
        "config.json",
        "metrics.jsonl",
        "model.safetensors",
        "predictions.npz",
        "predictions-validation.npz",
    }
    assert run.finished
    assert run.config.model.parameters == 0
    assert run.config.recipe_values == {"epochs": 1, "validation": "stratified", "validation_fraction": 0.2, "seed": 0}
    (line,) = run.metrics
    assert line["train_loss"] is line["train_accuracy"] is line["lr"] is None
    assert line["validation_accuracy"] > 0.9
    assert ("gamma" in line) == (model == "svm")
    assert (run.predictions().predicted == test_bars.labels).mean() > 0.9
    network, config = load_network(run.weights_file)
    assert config.classes == bars.classes
    with torch.no_grad():
        logits = network(torch.from_numpy(test_bars.images)[:, None].float() / 255).numpy()
    np.testing.assert_allclose(logits, run.predictions().logits, rtol=1e-5)


def test_all_images_train_unless_asked_otherwise(bars):
    run = train("knn", bars)
    assert run.config.data.splits["train"].count == 240
    assert run.metrics[0]["validation_accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lr": 0.1}, "fitted in one pass, to which lr means nothing; it takes validation, validation_fraction, seed"),
        ({"epochs": 5}, "5 epochs means nothing"),
        ({"mixup": 1.0, "loss": "cross_entropy"}, "mixup, loss mean nothing"),
        ({"recipe": "keras_adam"}, "mean nothing"),
        ({"recipe": Recipe()}, "mean nothing"),
        ({"model_options": {"neighbors": 0}}, "1 or more"),
    ],
)
def test_what_means_nothing_to_them_is_refused(bars, own_home, arguments, message):
    with pytest.raises(UsageError, match=message):
        train("knn", bars, **arguments)
    assert not (own_home / "runs").exists()


def test_no_weights_are_taken_over_from_another_run(bars):
    run = train("knn", bars, run="first")
    with pytest.raises(UsageError, match="no weights to start from"):
        train("knn", bars, from_run=run.name)


def test_cut_off_it_is_fitted_again(bars, test_bars, monkeypatch):
    unbroken = train("knn", bars, test=test_bars, run="unbroken")

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    for number, function in enumerate(("fit_once", "predict_run")):
        with monkeypatch.context() as patch:
            patch.setattr(experiment, function, killed)
            with pytest.raises(KeyboardInterrupt):
                train("knn", bars, test=test_bars, run=f"broken-{number}")
        broken = find_run(f"broken-{number}")
        assert not broken.finished
        resume(broken, data=bars, test=test_bars)
        assert broken.finished
        np.testing.assert_array_equal(broken.predictions().logits, unbroken.predictions().logits)
        with pytest.raises(RunError, match="nothing to resume"):
            resume(broken, data=bars)


def test_other_classes_and_other_data_are_predicted_as_with_a_network(bars):
    run = train("knn", bars)
    assert (predict_run(run, bars, "again").predicted == bars.labels).all()


def test_the_command_line_reports_on_it(bars, tmp_path, capsys):
    folder = tmp_path / "bars"
    folder.mkdir()
    for split, count in (("train", 240), ("test", 80)):
        np.savez(folder / f"bars-{split}-imgs.npz", bars.images[:count])
        np.savez(folder / f"bars-{split}-labels.npz", bars.labels[:count].astype(np.uint8))
    assert main(["train", "knn", "--data", str(folder), "--run", "mine", "--option", "neighbors=1", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["evaluation"]["accuracy"]["value"] == 1.0
    assert "fitted" in captured.err
    report = find_run("mine").report_file.read_text(encoding="utf-8")
    assert "the 4 nearest training images" in report
    assert "Loss and accuracy" not in report
    assert main(["train", "knn", "--data", str(folder), "--lr", "0.1"]) == 2
    assert "lr means nothing" in " ".join(capsys.readouterr().err.split())
