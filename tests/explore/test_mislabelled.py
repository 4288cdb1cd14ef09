import numpy as np
import pytest
from scipy.special import softmax

from kuzushiji.errors import UsageError
from kuzushiji.explore.health import check_health
from kuzushiji.explore.mislabelled import (
    Opinions,
    find_suspects,
    nearest_neighbours,
    neighbours_opinions,
    network_opinions,
)
from kuzushiji.explore.pool import Pool
from kuzushiji.runs.predictions import Predictions
from tests.explore.planted import CLASSES, make_splits, with_labels


def test_planted_label_errors_are_found_and_nothing_else():
    splits = make_splits()
    truth = {number: int(splits["train"].labels[number]) for number in (0, 40, 99)}
    splits["train"] = with_labels(splits["train"], {number: (label + 1) % 4 for number, label in truth.items()})
    test_label = int(splits["test"].labels[20])
    splits["test"] = with_labels(splits["test"], {20: (test_label + 2) % 4})
    suspects = check_health(Pool(splits)).suspects
    assert dict(zip(suspects.places.tolist(), suspects.suggested.tolist(), strict=True)) == {**truth, 140: test_label}
    assert (suspects.suggested_share > suspects.given_share).all()
    assert suspects.judged == 180
    assert suspects.agreement == pytest.approx(176 / 180)


def test_clean_labels_are_not_suspected():
    suspects = check_health(Pool(make_splits())).suspects
    assert len(suspects.places) == 0
    assert suspects.agreement == 1


def test_an_equal_image_does_not_vouch_for_a_label():
    # Two equal images with the same wrong label amid ten of another class.
    scores = np.concatenate([np.zeros((2, 2)), np.random.default_rng(0).normal(0, 0.1, (10, 2)), [[9, 9]] * 6])
    labels = np.array([1, 1] + [0] * 10 + [1] * 6)
    same_as = np.array([0, 0, *range(2, 18)])
    distances, places = nearest_neighbours(scores.astype(np.float32), 8)
    opinions = neighbours_opinions(labels, distances, places, same_as, voters=5)
    assert opinions.favourite[:2].tolist() == [0, 0]
    assert opinions.of(labels)[:2].tolist() == [0, 0]


def test_neighbours_are_the_others_even_among_equal_ones():
    scores = np.zeros((6, 3), dtype=np.float32)
    scores[5] = 1
    distances, places = nearest_neighbours(scores, 3)
    assert all(row not in found for row, found in enumerate(places.tolist()))
    assert all(len(set(found)) == 3 for found in places.tolist())
    assert distances[:5].tolist() == [[0] * 3] * 5
    assert nearest_neighbours(scores, 99)[1].shape == (6, 5)


def test_votes_weigh_by_nearness_and_sum_to_one():
    labels = np.array([0, 1, 1, 2])
    distances = np.array([[1.0, 2.0, 4.0]] * 4, dtype=np.float32)
    neighbours = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    opinions = neighbours_opinions(labels, distances, neighbours, np.arange(4), voters=3)
    # Weights 1, 1/2 and 1/4: of the first image 1.5 for class 1 and 0.25 for class 2.
    assert opinions.of(np.full(4, 1))[0] == pytest.approx(1.5 / 1.75)
    assert opinions.of(np.full(4, 2))[0] == pytest.approx(0.25 / 1.75)
    assert opinions.of(np.full(4, 0))[0] == 0
    assert opinions.shares.sum(axis=1) == pytest.approx(1)
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in opinions.classes)


def test_thresholds_are_the_mean_confidence_of_each_class():
    # Class 0 is given 0.9 on its own images on average, class 1 is given 0.6; both have ten images.
    labels = np.repeat([0, 1], 10)
    zero = np.concatenate([np.full(10, 0.9), np.full(10, 0.4)])
    zero[0] = 0.35  # 0.65 for class 1, above its threshold: an error
    zero[1] = 0.42  # 0.58 for class 1, below its threshold: none, though likelier
    shares = np.stack([zero, 1 - zero], axis=1)
    opinions = Opinions(np.tile([0, 1], (20, 1)), shares)
    suspects = find_suspects(labels, opinions, 2)
    assert suspects.places.tolist() == [0]
    assert suspects.suggested.tolist() == [1]
    assert suspects.agreement == pytest.approx(18 / 20)


def test_classes_of_few_images_are_neither_suspected_nor_suggested():
    labels = np.array([0] * 10 + [1] * 4 + [2] * 10)
    opinions = Opinions(np.array([[0]] * 9 + [[1]] + [[0]] * 4 + [[2]] * 9 + [[0]]), np.ones((24, 1)))
    suspects = find_suspects(labels, opinions, 4)
    assert suspects.places.tolist() == [23]
    assert suspects.judged == 20


def test_the_surest_come_first():
    labels = np.repeat([0, 1], 20)
    one = np.repeat([0.1, 0.9], 20)
    one[[3, 7]] = 0.91, 0.99
    suspects = find_suspects(labels, Opinions(np.tile([0, 1], (40, 1)), np.stack([1 - one, one], axis=1)), 2)
    assert suspects.places.tolist() == [7, 3]


def test_of_equally_sure_ones_the_nearer_comes_first():
    labels = np.repeat([0, 1], 20)
    one = np.repeat([0.0, 1.0], 20)
    one[[3, 7]] = 1
    opinions = Opinions(np.tile([0, 1], (40, 1)), np.stack([1 - one, one], axis=1))
    assert find_suspects(labels, opinions, 2).places.tolist() == [3, 7]
    assert find_suspects(labels, opinions, 2, np.arange(40)[::-1]).places.tolist() == [7, 3]


def predictions(data, logits, split):
    return Predictions(logits.astype(np.float32), data.labels, data.ids, data.classes, data.name, split)


def test_a_networks_likeliest_classes_have_their_probabilities():
    data = make_splits(3, 1)["train"]
    logits = np.random.default_rng(0).normal(size=(12, 4)) * 3
    opinions = network_opinions(predictions(data, logits, "test"), most=2)
    expected = np.sort(softmax(logits, axis=1), axis=1)[:, :-3:-1]
    assert np.allclose(np.sort(opinions.shares, axis=1)[:, ::-1], expected, atol=1e-6)
    assert np.array_equal(opinions.favourite, logits.argmax(axis=1))


def test_a_network_judges_the_images_that_it_has_not_learned_from():
    splits = make_splits()
    test, held_out = splits["test"], splits["train"].select(np.array([90, 12, 33, 57, 1, 2]), "validation")
    said = {}
    for name, data in (("validation", held_out), ("test", test)):
        logits = 6.0 * np.eye(4)[data.labels]
        said[name] = predictions(data, logits, name)
    wrong = int(test.labels[8])
    splits["test"] = with_labels(test, {8: (wrong + 1) % 4})
    said["test"] = Predictions(
        said["test"].logits, splits["test"].labels, test.ids, CLASSES, dataset="planted", split="test"
    )
    health = check_health(Pool(splits), predictions=said, judge="the network of mine")
    assert health.suspects.judged == 66
    assert health.suspects.places.tolist() == [128]
    assert health.suspects.suggested.tolist() == [wrong]
    assert health.to_dict()["label_errors"]["judge"] == "the network of mine"


def test_predictions_of_other_images_are_refused():
    splits = make_splits()
    other = predictions(splits["test"], np.zeros((60, 4)), "test")
    other = Predictions(other.logits, other.labels, other.ids + 1000, other.classes)
    with pytest.raises(UsageError, match="not those of this data"):
        check_health(Pool(splits), predictions={"test": other})
    renamed = Predictions(other.logits, other.labels, other.ids, ("a", "b", "c", "d"))
    with pytest.raises(UsageError, match="other classes"):
        check_health(Pool(splits), predictions={"test": renamed})
