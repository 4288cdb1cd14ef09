"""Resampling and intervals."""

from math import isnan, nan

import numpy as np
import pytest

from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_interval, resampled, wilson_interval
from kuzushiji.records import as_plain, from_plain


def test_resamples_have_the_size_of_the_set() -> None:
    drawn = resampled(1000, 50, seed=1)
    assert drawn.shape == (50, 1000)
    assert (drawn.sum(axis=1, dtype=int) == 1000).all()
    assert drawn.mean(axis=0).std() < 0.2  # no image is favoured: each mean is 1 give or take 0.14
    np.testing.assert_array_equal(drawn, resampled(1000, 50, seed=1))
    assert (drawn != resampled(1000, 50, seed=2)).any()


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2)])
def test_tiny_sets_can_be_resampled(count: int, expected: int) -> None:
    assert resampled(count, 100, seed=0).max() == expected


def test_interval_is_centred_on_the_value() -> None:
    replicates = np.random.default_rng(0).normal(0.6, 0.01, 5000)
    low, high = bootstrap_interval(0.5, replicates, 0.95)
    assert low == pytest.approx(0.5 - 0.0196, abs=0.001)
    assert high == pytest.approx(0.5 + 0.0196, abs=0.001)


def test_interval_stays_in_range() -> None:
    low, high = bootstrap_interval([0.0, 1.0], np.random.default_rng(0).normal([0, 1], 0.1, (500, 2)), 0.9)
    assert (low[0], high[1]) == (0, 1)
    assert high[0] > 0.1
    assert low[1] < 0.9


def test_interval_of_what_replicates_do_not_define() -> None:
    replicates = np.array([[nan, 0.5, nan], [nan, 0.7, 0.2], [nan, nan, nan]])
    low, high = bootstrap_interval([nan, 0.6, 0.2], replicates, 0.95)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False, True]
    assert np.isnan(bootstrap_interval(0.5, np.empty(0), 0.95)).all()


def test_wilson_interval_of_known_cases() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    for successes, count, expected in (
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ):
        assert wilson_interval(successes, count) == pytest.approx(expected, abs=5e-5)


def test_wilson_interval_at_the_ends_and_of_nothing() -> None:
    low, high = wilson_interval([0, 7, 0], [7, 7, 0])
    assert (low[0], high[1]) == (0, 1)
    assert 0 < high[0] < 1
    assert 0 < low[1] < 1
    assert isnan(low[2])
    assert isnan(high[2])


def test_estimates_read_as_text_and_survive_json() -> None:
    assert str(Estimate(0.95431, 0.95, 0.9583)) == "0.9543 [0.9500, 0.9583]"
    assert str(Estimate(0.5)) == "0.5000"
    assert str(Estimate(nan)) == "not defined"
    assert as_plain(Estimate(0.5)) == {"value": 0.5, "low": None, "high": None}
    assert from_plain({"value": 1, "low": 0, "high": 1}, Estimate) == Estimate(1.0, 0.0, 1.0)
    assert isnan(from_plain(as_plain(Estimate(nan)), Estimate).value)


def test_where_no_replicate_differs_it_is_wilsons_interval_of_so_many_images() -> None:
    right, wrong = np.ones(200), np.zeros(200)
    low, high = bootstrap_interval([1.0, 0.0], np.stack([right, wrong], axis=1), 0.95, images=[7, 45])
    expected = wilson_interval([7, 0], [7, 45])
    assert low.tolist() == pytest.approx(expected[0].tolist())
    assert high.tolist() == pytest.approx(expected[1].tolist())
    assert low[0] < 0.7
    assert high[1] > 0.07


def test_where_no_replicate_differs_and_it_is_no_share_there_is_no_interval() -> None:
    assert np.isnan(bootstrap_interval(3.5, np.full(200, 3.5), 0.95, high=np.inf)).all()
