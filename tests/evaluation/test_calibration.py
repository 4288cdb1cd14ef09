"""Calibration and selective answering against scikit-learn, SciPy and the definitions written out."""

import json
from itertools import pairwise, permutations
from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.calibration import (
    Calibration,
    calibrate,
    equal_mass_edges,
    equal_width_edges,
    expected_calibration_error,
    reliability_curve,
)
from kuzushiji.evaluation.selective import RiskCoverage, risk_coverage
from kuzushiji.evaluation.temperature import COLDEST, HOTTEST, fit_temperature, scaled
from kuzushiji.records import as_plain, from_plain
from kuzushiji.runs.predictions import Predictions


def predictions_of(logits: NDArray, labels: NDArray) -> Predictions:
    classes = tuple(chr(0x3042 + number) for number in range(logits.shape[1]))
    return Predictions(logits.astype(np.float32), labels.astype(np.int64), np.arange(len(labels)), classes)


def drawn_from(count: int, classes: int, temperature: float, seed: int = 0) -> Predictions:
    """Predictions whose labels are drawn from their own probabilities at a temperature: there they are calibrated."""
    generator = np.random.default_rng(seed)
    predictions = predictions_of(generator.normal(0, 3, (count, classes)), np.zeros(count))
    chances = scaled(predictions, temperature).probabilities.cumsum(axis=1)
    labels = (chances < generator.random((count, 1)) * chances[:, -1:]).sum(axis=1)
    return predictions_of(predictions.logits, labels)


def outcomes(most: int) -> st.SearchStrategy[tuple[NDArray, NDArray]]:
    """Certainties in tenths, so that there are ties and some at the edges of bins, and which answers are right."""
    return st.integers(1, most).flatmap(
        lambda count: st.tuples(
            hnp.arrays(np.int64, count, elements=st.integers(0, 30)).map(lambda tenths: tenths / 30),
            hnp.arrays(np.bool_, count),
        )
    )


@settings(max_examples=50, deadline=None)
@given(outcomes(40))
def test_the_diagram_is_that_of_scikit_learn(outcome):
    certainty, right = outcome
    bins = [each for each in reliability_curve(certainty, right, equal_width_edges()) if each.count]
    accuracy, mean_certainty = calibration_curve(right, certainty, n_bins=15)
    np.testing.assert_allclose([each.accuracy.value for each in bins], accuracy, atol=1e-12)
    np.testing.assert_allclose([each.certainty for each in bins], mean_certainty, atol=1e-12)
    assert all(each.low - 1e-12 <= each.certainty <= each.high + 1e-12 for each in bins)
    assert all(each.accuracy.low <= each.accuracy.value <= each.accuracy.high for each in bins)


@settings(max_examples=50, deadline=None)
@given(outcomes(40))
def test_calibration_error_is_its_definition_written_out(outcome):
    certainty, right = outcome
    for edges in (equal_width_edges(), equal_mass_edges(certainty)):
        expected = 0.0
        for place in range(len(edges) - 1):
            inside = (certainty > edges[place]) & (certainty <= edges[place + 1])
            if place == 0:
                inside |= certainty == 0
            if inside.any():
                gap = sum(right[inside]) / inside.sum() - sum(certainty[inside]) / inside.sum()
                expected += inside.sum() / len(certainty) * abs(gap)
        assert expected_calibration_error(certainty, right, edges) == pytest.approx(expected, abs=1e-12)


def test_bins_of_equal_mass_hold_equally_many_unless_certainties_are_tied():
    certainty = np.random.default_rng(0).random(1500)
    edges = equal_mass_edges(certainty)
    counts = np.histogram(certainty, edges)[0]
    assert len(counts) == 15
    assert counts.min() >= 99
    assert counts.max() <= 101
    assert len(equal_mass_edges(np.ones(100))) == 2, "images that are all as sure as each other are one bin"


@pytest.mark.parametrize(("classes", "temperature"), [(2, 1.0), (10, 0.5), (10, 2.5), (100, 1.5)])
def test_temperature_is_found_again_and_is_that_of_a_general_minimiser(classes, temperature):
    predictions = drawn_from(4000, classes, temperature)
    found = fit_temperature(predictions)
    assert found == pytest.approx(temperature, rel=0.1)

    def loss(logarithm: float) -> float:
        return log_loss(predictions.labels, scaled(predictions, np.exp(logarithm)).probabilities, labels=range(classes))

    reference = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-7})
    assert found == pytest.approx(np.exp(reference.x), rel=1e-3)


def test_temperature_of_images_that_were_all_named_right_is_undefined():
    logits = np.random.default_rng(0).normal(size=(50, 5))
    perfect = predictions_of(logits, logits.argmax(axis=1))
    assert isnan(fit_temperature(perfect))
    found = calibrate(drawn_from(100, 5, 1.0), perfect, replicates=0)
    assert isnan(found.temperature)
    assert (found.fitted_on, found.after) == (50, None)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 3000.0])
def test_temperature_stays_within_its_bounds_however_bad_the_network(scale):
    logits = np.random.default_rng(0).normal(size=(60, 4)) * scale
    worst = predictions_of(logits, logits.argmin(axis=1))
    assert fit_temperature(worst) == pytest.approx(HOTTEST)
    nearly = predictions_of(logits, logits.argmax(axis=1))
    nearly.labels[0] = logits[0].argsort()[-2]
    assert COLDEST <= fit_temperature(nearly) <= HOTTEST


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(2, 12), st.integers(1, 4)).flatmap(
        lambda shape: st.tuples(
            hnp.arrays(np.float32, shape, elements=st.sampled_from([-50.0, -1.0, 0.0, 0.5, 1.0, 50.0])),
            hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)),
        )
    )
)
def test_no_temperature_is_better_than_the_fitted_one(case):
    predictions = predictions_of(*case)
    found = fit_temperature(predictions)
    if isnan(found):
        assert (predictions.logits.max(axis=1) == predictions.logits[np.arange(len(case[1])), case[1]]).all()
        return

    def loss(temperature: float) -> float:
        logits = predictions.logits.astype(np.float64) / temperature
        own = logits[np.arange(len(logits)), predictions.labels]
        return float((np.logaddexp.reduce(logits, axis=1) - own).mean())

    assert all(loss(found) <= loss(other) + 1e-7 for other in np.geomspace(COLDEST, HOTTEST, 41))


def test_probabilities_are_better_calibrated_after_than_before():
    found = calibrate(drawn_from(3000, 10, 3.0), drawn_from(1000, 10, 3.0, seed=1), replicates=100)
    assert found.temperature == pytest.approx(3.0, rel=0.15)
    assert found.fitted_on == 1000
    assert found.before.ece.value > 0.2
    assert found.after.ece.value < 0.03
    assert found.after.loss.value < found.before.loss.value
    assert found.after.brier.value < found.before.brier.value
    assert sum(each.count for each in found.before.bins) == 3000


@pytest.mark.parametrize("classes", [2, 10])
def test_loss_and_brier_score_are_those_of_their_definitions(classes):
    predictions = drawn_from(500, classes, 1.5)
    found = calibrate(predictions, replicates=0).before
    probabilities = predictions.probabilities
    truth = np.eye(classes)[predictions.labels]
    assert found.loss.value == pytest.approx(log_loss(predictions.labels, probabilities, labels=range(classes)))
    assert found.brier.value == pytest.approx(((probabilities - truth) ** 2).sum(axis=1).mean())


def areas_of_all_orders(certainty: NDArray, right: NDArray) -> list[float]:
    """The area under the risk-coverage curve of each order in which no surer answer comes later."""
    areas = []
    for order in permutations(range(len(right))):
        if all(certainty[one] >= certainty[other] for one, other in pairwise(order)):
            wrong = np.cumsum(~right[list(order)])
            areas.append(float((wrong / np.arange(1, len(right) + 1)).mean()))
    return areas


@settings(max_examples=50, deadline=None)
@given(outcomes(5))
def test_area_is_the_mean_over_the_orders_of_equally_sure_answers(outcome):
    certainty, right = outcome
    curve = risk_coverage(certainty, right)
    assert curve.area() == pytest.approx(np.mean(areas_of_all_orders(certainty, right)), abs=1e-12)
    best = min(areas_of_all_orders(np.zeros(len(right)), right))
    assert curve.excess_area() == pytest.approx(curve.area() - best, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(outcomes(40), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_coverage_at_accuracy_is_the_best_of_all_thresholds(outcome, accuracy):
    certainty, right = outcome
    best = 0.0
    for threshold in certainty:
        taken = certainty >= threshold
        if right[taken].mean() >= accuracy - 1e-12:
            best = max(best, taken.mean())
    assert risk_coverage(certainty, right).coverage_at(accuracy) == pytest.approx(best, abs=1e-12)


@settings(max_examples=50, deadline=None)
@given(outcomes(12), st.integers(0, 2**32 - 1))
def test_an_image_drawn_twice_counts_as_two(outcome, seed):
    certainty, right = outcome
    times = np.random.default_rng(seed).integers(0, 3, len(right))
    times[0] += 1
    drawn, repeated = risk_coverage(certainty, right, times), np.repeat(np.arange(len(right)), times)
    alone = risk_coverage(certainty[repeated], right[repeated])
    assert drawn.area() == pytest.approx(alone.area(), abs=1e-12)
    assert drawn.excess_area() == pytest.approx(alone.excess_area(), abs=1e-12)
    assert drawn.accuracy_at(0.9) == pytest.approx(alone.accuracy_at(0.9), abs=1e-12)
    assert drawn.coverage_at(0.9) == pytest.approx(alone.coverage_at(0.9), abs=1e-12)


def test_accuracy_at_coverage_is_that_of_the_surest():
    certainty, right = np.linspace(1, 0, 100), np.array([True] * 95 + [False] * 5)
    curve = risk_coverage(certainty, right)
    assert curve.accuracy_at(0.95) == 1
    assert curve.accuracy_at(0.951) == pytest.approx(95 / 96), "a part of an image is taken as a whole"
    assert curve.accuracy_at(1) == pytest.approx(0.95)
    assert curve.coverage_at(0.999) == pytest.approx(0.95)
    assert curve.excess_area() == pytest.approx(0, abs=1e-12)
    assert risk_coverage(certainty, ~right).coverage_at(0.999) == 0
    assert isinstance(curve, RiskCoverage)


def test_intervals_enclose_their_values_and_everything_survives_json():
    found = calibrate(drawn_from(400, 10, 2.0), drawn_from(200, 10, 2.0, seed=1), replicates=200)
    estimates = [found.aurc, found.excess_aurc, *found.accuracy_at_coverage.values()]
    estimates += [found.before.ece, found.before.loss, found.after.brier, found.after.adaptive_ece]
    assert all(each.low < each.value < each.high for each in estimates)
    written = json.dumps(as_plain(found), allow_nan=False)
    assert as_plain(from_plain(json.loads(written), Calibration)) == as_plain(found)
    without = calibrate(drawn_from(400, 10, 2.0), replicates=0)
    assert without.after is None
    assert isnan(without.aurc.low)
    assert as_plain(from_plain(json.loads(json.dumps(as_plain(without))), Calibration)) == as_plain(without)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    truth = calibrate(drawn_from(20_000, 5, 2.0, seed=99), replicates=0)
    hits = np.zeros(3)
    for seed in range(24):
        found = calibrate(drawn_from(400, 5, 2.0, seed=seed), replicates=60)
        pairs = (
            (found.before.loss, truth.before.loss),
            (found.aurc, truth.aurc),
            (found.accuracy_at_coverage[0.95], truth.accuracy_at_coverage[0.95]),
        )
        hits += [one.low <= other.value <= one.high for one, other in pairs]
    assert (hits >= 19).all(), hits


def test_a_single_image_and_a_single_class_are_measured():
    found = calibrate(predictions_of(np.array([[1.0, 0.0]]), np.array([0])))
    assert found.aurc.value == 0
    assert isnan(found.aurc.low)
    assert calibrate(predictions_of(np.zeros((5, 1)), np.zeros(5)), replicates=10).before.ece.value == 0


def test_what_can_not_be_measured_is_told():
    good = drawn_from(20, 3, 1.0)
    with pytest.raises(DataError, match="no images"):
        calibrate(predictions_of(np.empty((0, 3)), np.empty(0)))
    with pytest.raises(DataError, match="not finite"):
        calibrate(predictions_of(np.full((3, 3), nan), np.zeros(3)))
    with pytest.raises(UsageError, match="other classes"):
        calibrate(good, drawn_from(20, 4, 1.0))
    with pytest.raises(UsageError, match="between 0 and 1"):
        calibrate(good, confidence=1.5)
    written = as_plain(calibrate(good, replicates=0))
    for broken, found in (({}, "count is missing"), (written | {"curve": 3}, "curve is 3; expected a list")):
        with pytest.raises(DataError, match=found):
            from_plain(broken, Calibration)
