"""`kuzushiji evaluate`: certainty, and what the network makes of what it does not know."""

import json
import os
import shutil

import numpy as np
import pytest

from kuzushiji.cli import main
from kuzushiji.evaluation.calibration import calibrate
from kuzushiji.evaluation.runs import calibration_file, outliers_file, stored_calibration
from kuzushiji.home import runs_folder
from kuzushiji.records import as_plain
from kuzushiji.report.material import gather
from kuzushiji.runs.familiarities import MEASURES, Familiarities
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run
from kuzushiji.training.experiment import train
from tests.bars import write_bars
from tests.plots.synthetic import KMNIST, make_images, make_run


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on the bars, with validation predictions and outliers, for tests to copy; and the folder of the bars."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(tmp_path_factory.mktemp("home")))
        bars = write_bars(tmp_path_factory.mktemp("data") / "bars")
        patch.setattr("kuzushiji.inference.familiarity.FOREIGN", 150)
        run = train("nn_1", bars, epochs=8, validation_fraction=0.2, run="trained")
        assert main(["evaluate", "trained", "--outliers", "--json"]) == 0
    return run.path, bars


@pytest.fixture
def run(trained):
    """A copy of the run in the home of this test."""
    path = runs_folder() / "mine"
    shutil.copytree(trained[0], path)
    return Run(path)


def synthetic(name="synthetic", *, validation=True, accuracy=0.9):
    """A run made by hand, with or without validation predictions."""
    images = make_images(KMNIST, 300)
    made = make_run(runs_folder() / name, images, accuracy=accuracy)
    if validation:
        test = made.predictions()
        Predictions(test.logits * 0.5, test.labels, test.ids, test.classes, test.dataset, "validation").save(
            made.predictions_file("validation")
        )
    return made


def printed_json(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_the_calibration(capsys):
    made = synthetic()
    printed = printed_json(capsys, "evaluate", "synthetic")
    expected = calibrate(made.predictions(), made.predictions("validation"))
    assert printed["calibration"] == as_plain(expected)
    assert printed["calibration"]["fitted_on"] == 300
    assert set(printed["calibration"]["accuracy_at_coverage"]) == {"0.95", "0.99"}
    assert set(printed["calibration"]["coverage_at_accuracy"]) == {"0.99", "0.999"}
    assert printed["outliers"] == []


def test_the_table_is_short_and_says_what_was_fitted(capsys):
    synthetic()
    assert main(["evaluate", "synthetic"]) == 0
    printed = capsys.readouterr().out
    assert "fitted on 300 validation images" in printed
    assert "calibration error, ECE" in printed
    assert "accuracy of the surest 95%" in printed
    assert "answered at 99.9% accuracy" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert "…" not in printed
    assert "Outliers" not in printed


def test_without_validation_predictions_it_says_so_and_gives_the_rest(capsys):
    synthetic(validation=False)
    assert main(["evaluate", "synthetic"]) == 0
    printed = capsys.readouterr().out
    assert "no temperature can be fitted: there are no predictions of validation images" in " ".join(printed.split())
    assert "accuracy of the surest 99%" in printed
    found = printed_json(capsys, "evaluate", "synthetic")["calibration"]
    assert (found["temperature"], found["after"], found["fitted_on"]) == (None, None, 0)
    assert found["before"]["ece"]["value"] > 0


def test_where_validation_was_perfect_it_says_so(capsys):
    synthetic(accuracy=1.0)
    assert main(["evaluate", "synthetic"]) == 0
    assert "all 300 validation images were named right" in " ".join(capsys.readouterr().out.split())


def test_the_kept_calibration_follows_the_predictions():
    made = synthetic()
    first = stored_calibration(made)
    assert as_plain(stored_calibration(made)) == as_plain(first)
    calibration_file(made).write_text("{")
    assert as_plain(stored_calibration(made)) == as_plain(first), "what is damaged is measured again"
    made.predictions_file("validation").unlink()
    assert stored_calibration(made).after is None
    test = made.predictions()
    test.logits[:] *= 2
    test.save(made.predictions_file())
    later = calibration_file(made).stat().st_mtime + 10
    os.utime(made.predictions_file(), (later, later))
    assert stored_calibration(made).before.loss != first.before.loss


def test_outliers_are_measured_kept_and_reported(run, capsys):
    printed = printed_json(capsys, "evaluate", "mine")
    kinds = [each["name"] for each in printed["outliers"]]
    assert kinds == ["brush", "latin", "turned", "blots", "noise", "blank"], "no other set is at hand"
    for each in printed["outliers"]:
        assert set(each["auroc"]) == set(each["mistaken"]) == set(MEASURES)
        for area in each["auroc"].values():
            assert 0 <= area["low"] <= area["value"] <= area["high"] <= 1
    by_name = {each["name"]: each["auroc"] for each in printed["outliers"]}
    assert by_name["noise"]["distance"]["value"] > 0.9, "noise lies far from every bar"
    shown = Familiarities.load(outliers_file(run))
    assert len(shown.known.familiarity) == 80
    assert shown.foreign[0].samples.shape[1:] == (12, 12)

    assert main(["evaluate", "mine"]) == 0
    table = capsys.readouterr().out
    assert "class means" in table
    assert max(map(len, table.splitlines())) <= 80
    assert main(["report", "mine"]) == 0
    page = run.report_file.read_text(encoding="utf-8")
    assert "Shown what it does not know" in page
    assert "Latin letters, printed" in page


def test_outliers_of_another_training_are_not_taken_for_its_own(run, capsys):
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    config["recipe"]["seed"] += 1
    (run.path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert printed_json(capsys, "evaluate", "mine")["outliers"] == []
    assert main(["evaluate", "mine"]) == 0
    assert "of another training" in " ".join(capsys.readouterr().err.split())
    assert gather(run).outliers is None


def test_a_damaged_file_of_outliers_is_told_and_measured_again(run, trained, capsys, monkeypatch):
    monkeypatch.setattr(
        "kuzushiji.data.synthetic.foreign.brush_strangers", lambda *_, side: np.empty((0, side, side), np.uint8)
    )
    monkeypatch.setattr("kuzushiji.inference.familiarity.FOREIGN", 50)
    whole = outliers_file(run).read_bytes()
    outliers_file(run).write_bytes(whole[:200])
    assert main(["evaluate", "mine"]) == 0
    assert "remove it and run `kuzushiji evaluate RUN --outliers`" in " ".join(capsys.readouterr().err.split())
    printed = printed_json(capsys, "evaluate", "mine", "--outliers")
    again = Familiarities.load(outliers_file(run))
    np.testing.assert_allclose(
        again.known.familiarity, Familiarities.load(outliers_file(Run(trained[0]))).known.familiarity
    )
    assert [each["name"] for each in printed["outliers"]] == ["latin", "turned", "blots", "noise", "blank"]


def test_outliers_need_the_data_of_the_run(run, trained, capsys):
    hidden = trained[1].with_name("hidden")
    trained[1].rename(hidden)
    kept = outliers_file(run).read_bytes()
    try:
        assert main(["evaluate", "mine", "--outliers"]) == 1
    finally:
        hidden.rename(trained[1])
    assert "bars does not exist" in " ".join(capsys.readouterr().err.split())
    assert outliers_file(run).read_bytes() == kept


@pytest.mark.parametrize("other", [["--data", "brush:kmnist"], ["--mistakes"]])
def test_outliers_go_with_the_measures_of_the_test_set_alone(other, capsys):
    assert main(["evaluate", "mine", "--outliers", *other]) == 2
    assert "outliers" in capsys.readouterr().err
