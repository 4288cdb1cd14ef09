from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, spearmanr, ttest_ind

from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.compare import (
    adjusted,
    compare_groups,
    divided,
    score,
)
from kuzushiji.evaluation.metrics import evaluate
from kuzushiji.evaluation.significance import holm, rank_correlation, sign_flip_test
from kuzushiji.runs.predictions import Predictions

LABELS = np.random.default_rng(0).integers(0, 4, 600)


def make(strength: float, seed: int, labels: np.ndarray = LABELS) -> Predictions:
    """Predictions that are the better the greater the strength."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), 4)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += strength
    return Predictions(logits, labels, np.arange(len(labels)), tuple("おきすつ"), "kmnist")


def accuracy(predictions: Predictions) -> float:
    return float((predictions.predicted == predictions.labels).mean())


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0), (3, 3), (10, 25), (0, 40), (1500, 1100), (2000, 1999)])
def test_of_signs_alone_the_sign_flip_test_is_the_exact_binomial_test(first, second):
    expected = binomtest(first, first + second).pvalue
    assert sign_flip_test(np.repeat([1, -1], [first, second])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("differences", [[], [0, 0]])
def test_the_sign_flip_test_without_disagreement_says_nothing(differences):
    assert sign_flip_test(differences) == 1


@pytest.mark.parametrize("differences", [[2, -1, 3, 1, 1, 2], [1, 1, 1, -2], [3, -3], [4], [0, 0, 5, -1, 2, 2, 0]])
def test_the_sign_flip_test_is_the_enumeration_of_all_flips(differences):
    values = np.array(differences)
    sums = [abs((np.array(signs) * values).sum()) for signs in product((-1, 1), repeat=len(values))]
    assert sign_flip_test(differences) == pytest.approx(np.mean(np.array(sums) >= abs(values.sum())))


def test_holm_multiplies_step_by_step():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_comparison_is_the_difference_of_the_measures():
    one, other = make(2.5, 1), make(2.0, 2)
    (compared,) = compare_groups({"one": one, "other": other})
    first, second = evaluate(one, replicates=0), evaluate(other, replicates=0)
    for measure in ("accuracy", "balanced_accuracy", "auc_macro"):
        difference = getattr(first, measure).value - getattr(second, measure).value
        estimate = getattr(compared, measure)
        assert estimate.value == pytest.approx(difference)
        assert estimate.low < estimate.value < estimate.high
    right = one.predicted == LABELS, other.predicted == LABELS
    assert compared.only_first == (right[0] & ~right[1]).sum()
    assert compared.only_second == (right[1] & ~right[0]).sum()
    counts = compared.only_first, compared.only_second
    assert compared.p_value == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert (compared.images, compared.seeds) == (600, (1, 1))


def test_what_is_hard_for_both_cancels():
    # Two that differ in ten images are told apart far more closely than each is measured.
    one = make(2.0, 1)
    changed = one.logits.copy()
    wrong = np.flatnonzero(one.predicted != LABELS)[:10]
    changed[wrong, LABELS[wrong]] += 20
    other = Predictions(changed, LABELS, one.ids, one.classes, "kmnist")
    (compared,) = compare_groups({"other": other, "one": one})
    alone = evaluate(one).accuracy
    assert compared.accuracy.high - compared.accuracy.low < (alone.high - alone.low) / 2
    assert compared.accuracy.low > 0
    assert compared.differs()


def test_a_thing_compared_with_itself_does_not_differ():
    (compared,) = compare_groups({"one": make(2, 1), "same": make(2, 1)})
    assert (compared.accuracy.value, compared.p_value, compared.differs()) == (0, 1, False)


def test_intervals_hold_the_difference_about_as_often_as_they_say():
    labels = np.random.default_rng(5).integers(0, 4, 300)
    truth = np.mean([accuracy(make(2.0, 900 + n, labels)) - accuracy(make(1.7, 950 + n, labels)) for n in range(50)])
    held = 0
    for number in range(40):
        (compared,) = compare_groups(
            {"one": make(2.0, number, labels), "other": make(1.7, 500 + number, labels)}, replicates=200
        )
        held += compared.accuracy.low <= truth <= compared.accuracy.high
    assert 32 <= held <= 40


def test_of_several_seeds_the_means_are_compared():
    ones, others = [make(2.2, 1), make(2.2, 2), make(2.2, 3)], [make(2.0, 4), make(2.0, 5)]
    (compared,) = compare_groups({"one": ones, "other": others})
    expected = np.mean([accuracy(each) for each in ones]) - np.mean([accuracy(each) for each in others])
    assert compared.accuracy.value == pytest.approx(expected)
    assert (compared.seeds, compared.only_first, compared.only_second) == ((3, 2), None, None)
    shares = [np.mean([each.predicted == LABELS for each in group], axis=0) for group in (ones, others)]
    assert compared.p_value == sign_flip_test(np.rint(6 * (shares[0] - shares[1])).astype(int))


def test_a_difference_must_be_greater_than_what_seeds_make():
    near = compare_groups({"one": [make(3.5, 1), make(3.5, 2)], "other": [make(1, 3), make(1, 4), make(1, 5)]})[0]
    far = compare_groups({"one": [make(4.5, 1), make(1.2, 2)], "other": [make(1.5, 3), make(1.5, 4)]})[0]
    for compared in (near, far):
        assert compared.p_adjusted < 0.05
    assert near.differs()
    assert far.seed_interval()[0] < 0 < far.accuracy.low, "over the images it would be one, over the seeds it is none"
    assert not far.differs()
    assert compare_groups({"one": make(2.6, 1), "other": [make(1.5, 3), make(1.5, 4)]})[0].over_seeds is None


def test_the_interval_over_seeds_is_welchs():
    groups = {"one": [make(2, 1), make(2, 2), make(2, 3)], "other": [make(1.8, 4), make(1.8, 5)]}
    expected = ttest_ind(*([accuracy(each) for each in group] for group in groups.values()), equal_var=False)
    (compared,) = compare_groups(groups)
    assert compared.seed_interval() == pytest.approx(expected.confidence_interval())
    assert compared.over_seeds.freedom == pytest.approx(expected.df)


def test_of_seeds_that_do_not_differ_nothing_is_divided_by_zero():
    (compared,) = compare_groups({"one": [make(2, 1)] * 2, "other": [make(1, 2)] * 2})
    assert compared.seed_interval() == (compared.accuracy.value, compared.accuracy.value)
    assert compared.differs()


def test_doubling_every_seed_changes_nothing_but_their_number():
    one, other = make(2.2, 1), make(2.0, 4)
    (single,) = compare_groups({"one": one, "other": other})
    (double,) = compare_groups({"one": [one, one], "other": [other, other]})
    assert double.accuracy == single.accuracy
    assert double.p_value == pytest.approx(single.p_value)


def test_p_values_are_corrected_for_all_pairs_together():
    groups = {"a": make(2.4, 1), "b": make(2.2, 2), "c": make(2.0, 3)}
    compared = compare_groups(groups)
    assert [(each.first, each.second) for each in compared] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [each.p_adjusted for each in compared] == holm([each.p_value for each in compared])
    (alone,) = adjusted(compared[:1])
    assert alone.p_adjusted == alone.p_value


def test_pairs_may_be_chosen_and_turned_round():
    groups = {"a": make(2.4, 1), "b": make(2.2, 2), "c": make(2.0, 3)}
    (compared,) = compare_groups(groups, [("c", "a")])
    assert compared.accuracy.value < 0
    turned = compared.swapped()
    assert (turned.first, turned.second) == ("a", "c")
    assert turned.accuracy.value == -compared.accuracy.value
    assert (turned.accuracy.low, turned.accuracy.high) == (-compared.accuracy.high, -compared.accuracy.low)
    assert (turned.only_first, turned.only_second) == (compared.only_second, compared.only_first)
    assert turned.swapped() == compared


def test_scores_stand_for_their_predictions():
    one, other = make(2.4, 1), make(2.0, 2)
    assert compare_groups({"one": score(one), "other": score(other)}) == compare_groups({"one": one, "other": other})


def test_classes_of_which_a_draw_may_lose_all_images_are_no_trouble():
    labels = np.array([0] * 30 + [1])
    compared = compare_groups({"one": make(1.0, 1, labels), "other": make(1.0, 2, labels)}, replicates=50)
    assert np.isfinite(compared[0].balanced_accuracy.low)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"one": make(2, 1)}, "at least two"),
        ({"one": make(2, 1), "other": []}, "no predictions of other"),
        ({"one": make(2, 1), "other": make(2, 2, LABELS[:50])}, "did not predict the same images"),
        ({"one": make(2, 1), "other": make(2, 2, LABELS[::-1])}, "did not predict the same images"),
        ({"one": score(make(2, 1), replicates=10), "other": make(2, 2)}, "replicates"),
    ],
)
def test_what_can_not_be_compared_is_refused(groups, message):
    with pytest.raises(UsageError, match=message):
        compare_groups(groups)


def test_logits_that_are_not_finite_are_refused():
    broken = make(2, 1)
    broken.logits[3, 1] = np.nan
    with pytest.raises(DataError, match="not finite"):
        compare_groups({"one": broken, "other": make(2, 2)})


@pytest.mark.parametrize("options", [{"confidence": 1.0}, {"confidence": 0}, {"replicates": -1}])
def test_numbers_out_of_range_are_refused(options):
    with pytest.raises(UsageError):
        compare_groups({"one": make(2, 1), "other": make(2, 2)}, **options)


def test_images_that_one_alone_named_right():
    first, second = make(1.5, 1), make(1.0, 2)
    only_first, only_second = divided(first, second)
    right = [set(np.flatnonzero(each.predicted == each.labels).tolist()) for each in (first, second)]
    assert set(only_first.tolist()) == right[0] - right[1]
    assert set(only_second.tolist()) == right[1] - right[0]
    (compared,) = compare_groups({"one": first, "other": second}, replicates=0)
    assert (len(only_first), len(only_second)) == (compared.only_first, compared.only_second)


@pytest.mark.parametrize("ties", [False, True])
def test_rank_correlation_is_spearmans(ties):
    generator = np.random.default_rng(1)
    first, second = generator.normal(size=(2, 12))
    second += first
    if ties:
        first, second = np.round(first), np.round(second)
    ours, theirs = rank_correlation(first, second), spearmanr(first, second)
    assert ours.value == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=0.02)
    assert ours.count == 12


def test_an_order_agrees_with_itself_and_not_with_its_reverse():
    values = [0.1, 0.5, 0.2, 0.9, 0.7, 0.3]
    assert rank_correlation(values, values).value == pytest.approx(1)
    assert rank_correlation(values, values[::-1]).value < 1
    assert rank_correlation(values, [-value for value in values]).value == pytest.approx(-1)
    assert rank_correlation(values, values).p_value < 0.01


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2])])
def test_too_little_has_no_order(first, second):
    with pytest.raises(UsageError):
        rank_correlation(first, second)
