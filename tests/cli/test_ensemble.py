"""`kuzushiji ensemble`."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from kuzushiji.cli import main
from kuzushiji.evaluation.ensemble import ensemble, fit_weights
from kuzushiji.home import runs_folder
from kuzushiji.runs.predictions import Predictions
from tests.plots.synthetic import KMNIST, make_images, make_run

COUNT = 240


def noisy(predictions, strength, seed):
    """Predictions with so much noise on the logits."""
    noise = np.random.default_rng(seed).normal(size=predictions.logits.shape)
    return replace(predictions, logits=(predictions.logits + strength * noise).astype(np.float32))


@pytest.fixture
def runs():
    """Three runs of unequal worth with validation predictions of the same images."""
    made = []
    for number, (name, strength) in enumerate({"good": 1.0, "fair": 2.5, "poor": 6.0}.items()):
        run = make_run(runs_folder() / name, make_images(KMNIST, COUNT), accuracy=0.97)
        test = run.predictions()
        validation = replace(test, ids=test.ids + 1000, split="validation")
        noisy(test, strength, number).save(run.predictions_file())
        noisy(validation, strength, 10 + number).save(run.predictions_file("validation"))
        made.append(run)
    return made


def printed_json(capsys, *arguments):
    assert main(["ensemble", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def accuracy(predictions):
    return float((predictions.predicted == predictions.labels).mean())


def test_equal_weights_are_the_mean_and_the_best_is_chosen_on_validation(runs, capsys):
    printed = printed_json(capsys, "good", "fair", "poor")
    members = [run.predictions() for run in runs]
    together = ensemble(members)
    assert printed["evaluation"]["accuracy"]["value"] == pytest.approx(accuracy(together))
    assert [each["weight"] for each in printed["members"]] == pytest.approx([1 / 3] * 3)
    assert [each["accuracy"] for each in printed["members"]] == pytest.approx(list(map(accuracy, members)))
    assert printed["best"] == "good"
    (compared,) = printed["comparisons"]
    assert (compared["first"], compared["second"]) == ("ensemble", "good")
    right, best = (each.predicted == each.labels for each in (together, members[0]))
    counts = int((right & ~best).sum()), int((best & ~right).sum())
    assert (compared["only_first"], compared["only_second"]) == counts
    assert compared["p_value"] == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert printed["calibration"]["fitted_on"] == COUNT


@pytest.mark.parametrize("average", ["probabilities", "logits"])
def test_weights_are_fitted_on_validation_images(runs, average, tmp_path, capsys):
    path = tmp_path / "together.npz"
    arguments = ["--weights", "fitted", "--average", average, "--output", str(path)]
    printed = printed_json(capsys, "good", "fair", "poor", *arguments)
    expected = fit_weights([run.predictions("validation") for run in runs], average=average)
    assert [each["weight"] for each in printed["members"]] == pytest.approx(expected.tolist())
    assert printed["members"][0]["weight"] > printed["members"][2]["weight"]
    kept = Predictions.load(path)
    assert accuracy(kept) == pytest.approx(printed["evaluation"]["accuracy"]["value"])
    np.testing.assert_array_equal(kept.ids, runs[0].predictions().ids)


def test_prints_tables(runs, capsys):
    assert main(["ensemble", "good", "fair"]) == 0
    captured = capsys.readouterr()
    assert "best on validation" in captured.out
    assert "ensemble against" in captured.out
    assert "calibration error, ECE" in captured.out
    assert max(map(len, captured.out.splitlines())) <= 80
    assert "McNemar" in captured.err


def test_without_validation_predictions_all_members_are_opponents(runs, capsys):
    runs[1].predictions_file("validation").unlink()
    printed = printed_json(capsys, "good", "fair")
    assert printed["best"] is None
    assert printed["calibration"]["after"] is None
    assert [each["second"] for each in printed["comparisons"]] == ["good", "fair"]
    assert main(["ensemble", "good", "fair", "--weights", "fitted"]) == 1
    assert "not all of the runs have predictions of validation images" in " ".join(capsys.readouterr().err.split())


def test_runs_that_set_other_images_apart_share_some_or_none(runs, capsys):
    own = runs[1].predictions("validation")
    half = replace(own, logits=own.logits[::2], labels=own.labels[::2], ids=own.ids[::2])
    half.save(runs[1].predictions_file("validation"))
    assert printed_json(capsys, "good", "fair")["validation_images"] == COUNT // 2
    assert main(["ensemble", "good", "fair", "--weights", "fitted"]) == 0
    assert "fitted on 120 images alone" in " ".join(capsys.readouterr().err.split())
    replace(own, ids=own.ids + 5000).save(runs[1].predictions_file("validation"))
    assert main(["ensemble", "good", "fair", "--weights", "fitted"]) == 1
    assert "different images apart for validation" in " ".join(capsys.readouterr().err.split())
    assert printed_json(capsys, "good", "fair")["calibration"]["fitted_on"] == 0


def test_weights_are_not_judged_by_what_they_were_fitted_on(runs, capsys):
    assert main(["ensemble", "good", "fair", "--on", "validation", "--weights", "fitted"]) == 2
    assert "cannot be judged by them" in " ".join(capsys.readouterr().err.split())
    assert printed_json(capsys, "good", "fair", "--on", "validation")["calibration"]["after"] is None


@pytest.mark.parametrize("names", [[], ["good"], ["good", "good"]])
def test_one_run_is_no_ensemble(runs, names, capsys):
    assert main(["ensemble", *names]) == 2
    assert "two runs or more" in capsys.readouterr().err


def test_other_images_and_other_classes_are_refused(runs, tmp_path, capsys):
    make_run(runs_folder() / "elsewhere", make_images(KMNIST, 90))
    make_run(runs_folder() / "others", make_images(KMNIST[:5], COUNT))
    for name in ("elsewhere", "others"):
        path = tmp_path / "together.npz"
        assert main(["ensemble", "good", name, "--output", str(path)]) == 2
        assert "the same images of the same classes" in " ".join(capsys.readouterr().err.split())
        assert not path.exists()


def test_what_can_not_be_read_or_written_is_told(runs, tmp_path, capsys):
    assert main(["ensemble", "good", "fair", "--output", str(tmp_path)]) == 2
    assert "is a folder" in " ".join(capsys.readouterr().err.split())
    runs[1].predictions_file().write_bytes(runs[1].predictions_file().read_bytes()[:500])
    assert main(["ensemble", "good", "fair"]) == 1
    assert "fair: " in capsys.readouterr().err
    assert main(["ensemble", "good", "nobody"]) == 2
    assert main(["ensemble", "good", "poor", "--average", "median"]) == 2
