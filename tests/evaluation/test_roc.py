"""ROC curves and areas against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn import metrics as reference

from kuzushiji.evaluation.bootstrap import resampled
from kuzushiji.evaluation.roc import (
    RocCurve,
    areas_with_replicates,
    macro_roc_curve,
    misranked,
    roc_curve_of,
)


@st.composite
def tied_scores(draw: st.DrawFn) -> tuple[NDArray, NDArray]:
    """Scores on a grid of eighths and labels of which every class may be missing."""
    count, classes = draw(st.integers(2, 40)), draw(st.integers(1, 5))
    scores = draw(hnp.arrays(np.int64, (count, classes), elements=st.integers(0, 8))) / 8
    return scores, draw(hnp.arrays(np.int64, (count,), elements=st.integers(0, classes - 1)))


def skilled(count: int, classes: int, signal: float = 1.5, seed: int = 0) -> tuple[NDArray, NDArray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=count)
    scores = generator.standard_normal((count, classes))
    scores[np.arange(count), labels] += signal
    return scores, labels


def assert_same_curve(curve: RocCurve, positive: NDArray, scores: NDArray) -> None:
    x, y, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    corners = set(zip(curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist(), strict=True))
    # Each of our corners is one of scikit-learn's points, and leaving the others out changed nothing.
    assert corners <= set(zip(x.tolist(), y.tolist(), strict=True))
    assert curve.area == pytest.approx(reference.auc(x, y), abs=1e-12)
    np.testing.assert_allclose(
        np.interp(x, curve.false_positive_rate, curve.true_positive_rate),
        np.interp(x, x, y),
        atol=1e-12,
    )


@settings(max_examples=200, deadline=None)
@given(tied_scores())
def test_areas_and_curves_agree_with_scikit_learn_on_ties(case: tuple[NDArray, NDArray]) -> None:
    scores, labels = case
    areas, _ = areas_with_replicates(scores, labels, resampled(len(labels), 3, 0))
    for label in range(scores.shape[1]):
        positive = labels == label
        curve = roc_curve_of(scores, labels, label)
        if positive.all() or not positive.any():
            assert np.isnan(areas[label])
            assert curve.false_positive_rate.tolist() == curve.true_positive_rate.tolist() == [0, 1]
        else:
            assert areas[label] == pytest.approx(reference.roc_auc_score(positive, scores[:, label]), abs=1e-12)
            assert_same_curve(curve, positive, scores[:, label])


def test_curves_run_from_corner_to_corner_without_points_on_a_straight_line() -> None:
    scores, labels = skilled(500, 3)
    curve = roc_curve_of(scores, labels, 1)
    x, y = curve.false_positive_rate, curve.true_positive_rate
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert not np.isclose(np.diff(x)[:-1] * np.diff(y)[1:], np.diff(x)[1:] * np.diff(y)[:-1], atol=1e-12).any()


def test_perfect_inverted_and_constant_scores() -> None:
    labels = np.array([0, 0, 1, 1])
    perfect = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    for scores, expected in ((perfect, 1.0), (perfect[:, ::-1], 0.0), (np.full((4, 2), 0.5), 0.5)):
        areas, _ = areas_with_replicates(scores, labels, resampled(4, 0, 0))
        assert areas.tolist() == [expected, expected]
        assert roc_curve_of(scores, labels, 0).area == expected


def test_macro_curve_is_the_mean_of_the_classes() -> None:
    scores, labels = skilled(2000, 4)
    scores = np.concatenate([scores, np.zeros((2000, 1))], axis=1)  # a class without images is left out
    areas, _ = areas_with_replicates(scores, labels, resampled(2000, 0, 0))
    assert np.isnan(areas[4])
    assert macro_roc_curve(scores, labels, points=2001).area == pytest.approx(np.nanmean(areas), abs=1e-3)
    assert macro_roc_curve(scores[:, :1], np.zeros(2000, dtype=int)).area == 0.5


def test_more_classes_than_fit_a_block() -> None:
    scores, labels = skilled(1000, 300, signal=3)
    areas, replicates = areas_with_replicates(scores, labels, resampled(1000, 300, 0))
    expected = [reference.roc_auc_score(labels == label, scores[:, label]) for label in (0, 127, 128, 299)]
    np.testing.assert_allclose(areas[[0, 127, 128, 299]], expected, atol=1e-12)
    assert replicates.shape == (300, 300)


def test_means_of_misranked_are_one_minus_the_area() -> None:
    scores, labels = skilled(300, 2)
    positive = labels == 0
    shares = misranked(scores[:, 0], positive)
    expected = 1 - reference.roc_auc_score(positive, scores[:, 0])
    assert shares[positive].mean() == pytest.approx(expected, abs=1e-12)
    assert shares[~positive].mean() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_replicates_are_close_to_ranking_every_resample(ties: bool) -> None:
    """Against scikit-learn's weighted area of the same draws, class by class and replicate by replicate."""
    scores, labels = skilled(1500, 5)
    if ties:
        scores = np.round(scores)
    drawn = resampled(1500, 60, 3)
    _, replicates = areas_with_replicates(scores, labels, drawn)
    for label in range(5):
        exact = np.array(
            [reference.roc_auc_score(labels == label, scores[:, label], sample_weight=times) for times in drawn]
        )
        error = replicates[:, label] - exact
        assert np.sqrt((error**2).mean()) < 0.08 * exact.std()
        assert abs(error.mean()) < 0.02 * exact.std()


def test_replicates_without_a_class_leave_it_out() -> None:
    labels = np.array([0, 1, 1, 1, 1, 1])
    scores = np.stack([1.0 - labels, labels], axis=1).astype(float)
    drawn = resampled(6, 200, 0)
    _, replicates = areas_with_replicates(scores, labels, drawn)
    lost = drawn[:, 0] == 0
    assert 0 < lost.sum() < 200
    assert np.isnan(replicates[lost]).all()
    assert (replicates[~lost & (drawn[:, 0] < 6)] == 1).all()
