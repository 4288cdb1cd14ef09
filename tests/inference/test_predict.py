"""What a run's network says of its test images and of other data."""

import numpy as np
import pytest

import kuzushiji
from kuzushiji.errors import UsageError
from kuzushiji.inference.predict import keep_predictions
from kuzushiji.training.experiment import train
from tests.bars import write_bars


@pytest.fixture
def run(bars_folder):
    return train("nn_1", bars_folder, epochs=2, validation_fraction=0.2, run="mine")


def test_test_images_are_predicted_once(run):
    first = kuzushiji.predict("mine")
    written = run.predictions_file().stat().st_mtime_ns
    np.testing.assert_array_equal(kuzushiji.predict(run.path).logits, first.logits)
    assert run.predictions_file().stat().st_mtime_ns == written
    run.predictions_file().unlink()
    np.testing.assert_allclose(kuzushiji.predict(run).logits, first.logits, atol=1e-5)


def test_other_data_is_kept_under_its_name_and_what_the_network_does_not_know_is_told(run, bars_folder, tmp_path):
    told = []
    other = write_bars(tmp_path / "other")
    assert keep_predictions(run, str(other), tell=told.append) == "other-test"
    assert told == []
    images = kuzushiji.load(bars_folder, "train")
    assert len(kuzushiji.predict(run, images)) == len(images)
    assert run.predictions_file("bars-train").exists()
    moved = kuzushiji.predict(run, other, tta=True)
    assert kuzushiji.evaluate(run, on="other-test-tta").accuracy.value == moved.accuracy


def test_moved_test_images_come_with_moved_validation_images(run):
    moved = kuzushiji.predict(run, tta=True)
    assert not np.allclose(moved.logits, run.predictions().logits)
    assert kuzushiji.calibrate(run, on="test-tta", replicates=0).fitted_on == len(run.predictions("validation-tta"))


def test_data_without_test_images_needs_other_data(tmp_path):
    bars = write_bars(tmp_path / "bars")
    for file in bars.glob("*test*"):
        file.unlink()
    train("nn_1", bars, epochs=1, run="alone")
    with pytest.raises(UsageError, match="has no test images; name other data"):
        kuzushiji.predict("alone")
