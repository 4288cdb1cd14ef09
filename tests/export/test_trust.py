import numpy as np
import pytest

from kuzushiji.export.trust import LEAST, RIGHT, answered_and_right, certainties, learn_trust
from kuzushiji.runs.predictions import Predictions


def predictions(logits, labels):
    logits = np.asarray(logits, np.float32)
    classes = tuple("おきす"[: logits.shape[1]])
    return Predictions(logits, np.asarray(labels, np.int64), np.arange(len(labels)), classes)


def drawn(count=4000, seed=0, sharpness=1.0):
    """Labels drawn from the very probabilities of the logits, which are then made too sure or too modest."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 3, (count, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) < random.random((count, 1))).sum(axis=1)
    return predictions(sharpness * logits, labels)


def test_certainties_are_the_greatest_probabilities():
    found = drawn(100)
    np.testing.assert_allclose(certainties(found, 1), found.probabilities.max(axis=1))
    assert (certainties(found, 2) < certainties(found, 1)).all()


@pytest.mark.parametrize("sharpness", [0.5, 1, 3])
def test_above_the_threshold_so_many_are_right_as_were_asked_for(sharpness):
    trust = learn_trust(drawn(sharpness=sharpness))
    assert trust.temperature == pytest.approx(sharpness, rel=0.1)
    assert LEAST < trust.unsure_below < 1
    assert trust.right >= RIGHT
    assert 0.1 < trust.answered < 1
    # On other images too, about, and with a lower threshold no longer.
    other = drawn(seed=1, sharpness=sharpness)
    assert answered_and_right(other, trust.temperature, trust.unsure_below)[1] == pytest.approx(RIGHT, abs=0.01)
    assert answered_and_right(drawn(sharpness=sharpness), trust.temperature, trust.unsure_below - 0.02)[1] < RIGHT


def test_a_network_that_is_always_right_is_unsure_below_one_half():
    trust = learn_trust(predictions([[3, 0], [0, 0.1]] * 20, [0, 1] * 20))
    assert (trust.temperature, trust.unsure_below, trust.answered, trust.right) == (1, LEAST, 1, 1)
    mostly = learn_trust(predictions([[3, 0]] * 199 + [[2, 0]], [0] * 199 + [1]))
    assert (mostly.unsure_below, mostly.answered, mostly.right) == (LEAST, 1, 0.995)


def test_a_network_that_is_never_right_is_never_sure():
    trust = learn_trust(predictions([[3, 0], [0, 1]] * 20, [1, 0] * 20))
    assert trust.unsure_below == 1
    assert trust.answered == 0
    assert np.isnan(trust.right)


def test_those_that_are_equally_sure_are_taken_together():
    # Of the surest three alone all are right, but a threshold can't tell them from the fourth.
    trust = learn_trust(predictions([[2, 0]] * 4 + [[1, 0]] * 4, [0, 0, 0, 1] + [0] * 4))
    assert trust.unsure_below == 1
    assert trust.answered == 0


@pytest.mark.parametrize("validation", [None, predictions(np.zeros((0, 2)), [])])
def test_without_validation_images_nothing_is_learnt(validation):
    trust = learn_trust(validation)
    assert (trust.temperature, trust.unsure_below, trust.fitted_on) == (1, LEAST, 0)
