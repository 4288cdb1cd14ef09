"""Ensembles: their means, weights that no others beat, and the images that several runs share."""

from dataclasses import replace

import numpy as np
import pytest

from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.ensemble import AVERAGES, ensemble, fit_weights, shared_images
from kuzushiji.runs.predictions import Predictions

LABELS = np.random.default_rng(0).integers(0, 4, 400)

both_averages = pytest.mark.parametrize("average", AVERAGES)


def make(strength: float, seed: int, labels: np.ndarray = LABELS) -> Predictions:
    """Predictions that are the better the greater the strength."""
    logits = 2 * np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += strength
    return Predictions(logits, labels, np.arange(len(labels)), tuple("おきすつ"), "kmnist", config_fingerprint="a")


def accuracy(predictions: Predictions) -> float:
    return float((predictions.predicted == predictions.labels).mean())


def loss(predictions: Predictions) -> float:
    return float(-np.log(predictions.probabilities[np.arange(len(predictions)), predictions.labels]).mean())


def test_probabilities_are_averaged():
    members = [make(1.5, seed) for seed in range(5)]
    together = ensemble(members)
    expected = np.mean([member.probabilities for member in members], axis=0)
    np.testing.assert_allclose(together.probabilities, expected, atol=1e-6)
    assert accuracy(together) > max(map(accuracy, members))
    weighted = ensemble(members, weights=[2, 0, 0, 0, 6])
    expected = 0.25 * members[0].probabilities + 0.75 * members[4].probabilities
    np.testing.assert_allclose(weighted.probabilities, expected, atol=1e-6)
    assert together.config_fingerprint == "", "it is not the prediction of the first member's network"


def test_logits_are_averaged():
    members = [make(1.5, seed) for seed in range(3)]
    weighted = ensemble(members, weights=[1, 1, 2], average="logits")
    expected = 0.25 * members[0].logits + 0.25 * members[1].logits + 0.5 * members[2].logits
    np.testing.assert_allclose(weighted.logits, expected, atol=1e-5)


@both_averages
def test_an_ensemble_of_one_or_of_the_same_says_what_they_say(average):
    member = make(2, 1)
    for members in ([member], [member, member]):
        np.testing.assert_allclose(ensemble(members, average=average).probabilities, member.probabilities, atol=1e-6)


def test_an_ensemble_outlives_certainty():
    # A probability of 0 has no logarithm.
    sure = Predictions(np.array([[2000.0, 0.0]], np.float32), np.array([0]), np.array([0]), ("お", "き"))
    assert np.isfinite(ensemble([sure, sure]).logits).all()
    assert ensemble([sure, sure]).predicted.tolist() == [0]
    surely_wrong = replace(sure, labels=np.array([1]))
    assert np.isfinite(fit_weights([surely_wrong, surely_wrong])).all()


@both_averages
def test_no_other_weights_are_better_than_the_fitted_ones(average):
    members = [make(strength, seed) for seed, strength in enumerate((3.0, 2.0, 0.5))]
    found = fit_weights(members, average=average)
    assert found.sum() == pytest.approx(1)
    assert found.min() >= 0
    least = loss(ensemble(members, weights=found.tolist(), average=average))
    for weights in np.random.default_rng(0).dirichlet(np.ones(3), 60):
        assert loss(ensemble(members, weights=weights.tolist(), average=average)) >= least - 1e-6
    assert found[0] > found[2]


@both_averages
def test_who_knows_nothing_has_little_to_say(average):
    good, noise = make(6, 0), make(0, 1)
    found = fit_weights([noise, good, noise], average=average)
    assert found[1] > 0.75


def test_shared_images_are_those_that_all_predicted_in_one_order():
    whole = make(2, 0)
    part = np.random.default_rng(1).permutation(400)[:150]
    other = replace(whole, logits=whole.logits[part] * 2, labels=whole.labels[part], ids=whole.ids[part])
    first, second = shared_images([whole, other])
    np.testing.assert_array_equal(first.ids, np.sort(part))
    np.testing.assert_array_equal(first.ids, second.ids)
    np.testing.assert_array_equal(first.labels, second.labels)
    np.testing.assert_array_equal(2 * first.logits, second.logits)
    elsewhere = replace(whole, ids=whole.ids + 1000)
    assert [len(each) for each in shared_images([whole, elsewhere])] == [0, 0]
    with pytest.raises(DataError, match="no images"):
        fit_weights(shared_images([whole, elsewhere]))


@pytest.mark.parametrize(
    "members",
    [
        [],
        [make(2, 1), make(2, 1, LABELS[:50])],
        [make(2, 1), replace(make(2, 1), classes=tuple("おきすな"))],
        [make(2, 1), replace(make(2, 1), labels=(LABELS + 1) % 4)],
    ],
    ids=["none", "fewer images", "other classes", "other labels"],
)
@pytest.mark.parametrize("function", [ensemble, fit_weights])
def test_members_must_have_predicted_the_same_images(function, members):
    with pytest.raises(UsageError, match="ensemble"):
        function(members)


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [1, float("nan")]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(UsageError, match="as many weights"):
        ensemble([make(2, 1), make(2, 2)], weights=weights)


def test_an_unknown_average_is_refused():
    for function in (ensemble, fit_weights):
        with pytest.raises(UsageError, match="known: probabilities, logits"):
            function([make(2, 1), make(2, 2)], average="median")
