import numpy as np
import pytest

from kuzushiji.explore.shift import mean_with_interval, measure_shift


def sides(count, offset=0.0, seed=0):
    """Features of images of two splits and their labels; those of the second are moved along one axis."""
    generator = np.random.default_rng(seed)
    scores = generator.normal(size=(2 * count, 5)).astype(np.float32)
    scores[count:, 2] += offset
    return scores, generator.integers(0, 3, 2 * count), np.arange(count), np.arange(count, 2 * count)


@pytest.mark.parametrize("seed", range(2))
def test_splits_that_do_not_differ_cannot_be_told_apart(seed):
    shift = measure_shift(*sides(150, seed=seed))
    assert shift.auc.low < 0.5 < shift.auc.high


def test_a_planted_shift_is_found():
    shift = measure_shift(*sides(300, 2.0))
    assert shift.auc.low > 0.85
    assert shift.first_scores.tolist() == sorted(shift.first_scores.tolist())
    assert shift.second_scores.tolist() == sorted(shift.second_scores.tolist(), reverse=True)


def test_another_mixture_of_classes_is_no_shift():
    # The class decides all features; the second split has other shares of the classes.
    generator = np.random.default_rng(0)
    labels = np.concatenate([np.repeat([0, 1], [350, 50]), np.repeat([0, 1], [50, 350])])
    scores = (labels[:, None] * 3 + generator.normal(size=(800, 4))).astype(np.float32)
    shift = measure_shift(scores, labels, np.arange(400), np.arange(400, 800))
    assert shift.count == 100
    assert np.array_equal(np.sort(labels[shift.first_numbers]), np.sort(labels[shift.second_numbers]))
    assert shift.auc.low < 0.5 < shift.auc.high


def test_each_side_gives_at_most_so_many():
    shift = measure_shift(*sides(300), most=60)
    assert 50 <= shift.count <= 62
    assert len(set(shift.first_numbers.tolist()) | set(shift.second_numbers.tolist())) == 2 * shift.count


def test_of_too_few_images_nothing_is_said():
    scores, labels, first, second = sides(300)
    assert measure_shift(scores, labels, first[:20], second) is None
    labels[:300], labels[300:] = 0, 1
    assert measure_shift(scores, labels, first, second) is None


def test_the_interval_is_that_of_nadeau_and_bengio():
    estimate = mean_with_interval([0.5, 0.6, 0.7, 0.6, 0.6], 0.25)
    # Variance 0.005 over the folds, times 1/5 + 1/4; Student's t with four degrees of freedom is 2.776.
    assert estimate.value == pytest.approx(0.6)
    assert estimate.high - 0.6 == pytest.approx(2.7764451 * (0.005 * 0.45) ** 0.5)
    assert 0.6 - estimate.low == pytest.approx(estimate.high - 0.6)
    assert mean_with_interval([0.99, 1, 1, 1, 0.9], 0.25).high == 1


def test_many_small_classes_do_not_give_the_sides_away():
    # Two images of each of 150 classes, one a split.  Of a class whose one image is learned from, the other would be
    # told by elimination, were they not kept together.
    generator = np.random.default_rng(0)
    labels = np.tile(np.arange(150), 2)
    scores = (generator.normal(size=(150, 3)) * 5)[labels] + generator.normal(size=(300, 3)) * 0.1
    shift = measure_shift(scores.astype(np.float32), labels, np.arange(150), np.arange(150, 300))
    assert shift.count == 150
    assert shift.auc.low < 0.5 < shift.auc.high
    assert np.array_equal(np.sort(shift.first_numbers), np.arange(150))
