"""Runs in Python, by name, path or as such: evaluated, compared, asked together."""

from dataclasses import asdict

import numpy as np
import pytest

import kuzushiji
from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.home import runs_folder
from kuzushiji.runs.run import as_predictions
from tests.plots.synthetic import KMNIST, make_images, make_run

COUNT = 200


@pytest.fixture
def runs():
    """Two runs of unequal worth."""
    images = make_images(KMNIST, COUNT)
    return [make_run(runs_folder() / name, images, accuracy=share) for name, share in (("good", 0.9), ("poor", 0.6))]


def test_a_run_its_name_its_path_and_its_predictions_are_measured_alike(runs):
    run = runs[0]
    found = [kuzushiji.evaluate(each, replicates=10).to_dict() for each in (run, "good", run.path, str(run.path))]
    assert all(each == found[0] for each in found)
    assert found[0]["by_frequency"], "a run knows how many training images its classes have"
    counts = np.array(run.config.train_counts)
    assert kuzushiji.evaluate(run.predictions(), train_counts=counts, replicates=10).to_dict() == found[0]
    assert kuzushiji.evaluate(run.predictions(), replicates=10).by_frequency == ()


def test_a_run_brings_its_validation_predictions(runs):
    run = runs[0]
    assert kuzushiji.calibrate(run, replicates=0).after is None
    run.predictions().save(run.predictions_file("validation"))
    assert kuzushiji.calibrate(run, replicates=0).fitted_on == COUNT
    assert kuzushiji.calibrate(run.predictions(), replicates=0).fitted_on == 0
    run.predictions().save(run.predictions_file("other-test-tta"))
    assert kuzushiji.calibrate(run, on="other-test-tta", replicates=0).fitted_on == 0, "they were not moved"


def test_runs_are_compared_and_asked_together(runs):
    good, poor = runs
    compared = kuzushiji.compare("poor", good)
    assert list(compared.accuracies) == ["good", "poor"], "the best first"
    assert compared.accuracies["poor"] == [poor.predictions().accuracy]
    (one,) = compared.comparisons
    divided = compared.divided(one)
    assert len(divided) == one.only_first + one.only_second
    assert set(asdict(divided[0])) == {"image", "actual", "first", "second"}
    together = kuzushiji.ensemble(["good", poor])
    found = kuzushiji.measure_ensemble(good, "poor")
    np.testing.assert_array_equal(found.predictions.logits, together.logits)
    assert [each.run for each in found.members] == [each.second for each in found.comparisons] == ["good", "poor"]
    assert found.evaluation.by_frequency


def test_what_is_no_run_or_is_not_finished_or_not_predicted_is_told(runs):
    with pytest.raises(UsageError, match="did you mean good"):
        as_predictions("goood")
    with pytest.raises(DataError, match=r"^good: .*predictions-k49-test.npz does not exist"):
        as_predictions("good", "k49-test")
    runs[0].weights_file.unlink()
    with pytest.raises(RunError, match="good is not finished"):
        kuzushiji.evaluate("good")
    assert as_predictions(kept := runs[1].predictions()) is kept
