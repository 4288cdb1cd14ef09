"""Familiarity and how well it tells outliers, against scikit-learn and SciPy."""

import json
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from sklearn.covariance import EmpiricalCovariance
from sklearn.metrics import roc_auc_score

from kuzushiji.errors import DataError
from kuzushiji.evaluation.outliers import detect_outliers
from kuzushiji.inference.familiarity import SHRINKAGE, fit_class_means, greatest_probability, negative_energy
from kuzushiji.records import as_plain
from kuzushiji.runs.familiarities import MEASURES, Familiarities, Shown


def shown(name, familiarity):
    samples = np.zeros((2, 4, 4), np.uint8)
    return Shown(name, f"images of {name}", np.asarray(familiarity, dtype=np.float64), samples)


def column(values):
    return np.repeat(np.asarray(values, dtype=np.float64)[:, None], 3, axis=1)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.float32, (5, 4), elements=st.floats(-1000, 1000, width=32)))
def test_familiarity_by_logits_is_that_of_scipy(logits):
    np.testing.assert_allclose(greatest_probability(logits), softmax(logits.astype(float), axis=1).max(axis=1))
    np.testing.assert_allclose(negative_energy(logits), logsumexp(logits.astype(float), axis=1), atol=1e-12)


def test_distance_is_mahalanobis_to_the_nearest_mean():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 2, 5], 200)  # some classes have no image
    centres = 5 * generator.normal(size=(6, 8))
    spread = generator.normal(size=(8, 8))
    vectors = (centres[labels] + generator.normal(size=(600, 8)) @ spread).astype(np.float32)
    others = (4 * generator.normal(size=(2500, 8))).astype(np.float32)
    means = np.stack([vectors[labels == label].mean(axis=0) for label in (0, 2, 5)])
    within = EmpiricalCovariance(assume_centered=True).fit(vectors - means[np.searchsorted([0, 2, 5], labels)])
    covariance = within.covariance_ + SHRINKAGE * np.trace(within.covariance_) / 8 * np.eye(8)
    expected = cdist(others, means, "mahalanobis", VI=np.linalg.inv(covariance)).min(axis=1) ** 2
    np.testing.assert_allclose(fit_class_means(vectors, labels).nearest(others), expected, rtol=1e-4)


def test_distance_counts_directions_in_which_the_training_images_do_not_vary():
    vectors = np.zeros((50, 3), np.float32)
    vectors[:, 0] = np.random.default_rng(0).normal(size=50)
    means = fit_class_means(vectors, np.zeros(50, dtype=np.int64))
    along, aside = means.nearest(np.array([[1.0, 0, 0], [0, 1.0, 0]], np.float32))
    assert aside > 100 * along
    same = fit_class_means(np.ones((4, 3), np.float32), np.zeros(4, dtype=np.int64))
    assert same.nearest(np.ones((1, 3), np.float32)).tolist() == [0]
    assert np.isfinite(same.nearest(np.zeros((1, 3), np.float32))).all()
    with pytest.raises(DataError, match="at least one image"):
        fit_class_means(np.empty((0, 3), np.float32), np.empty(0, dtype=np.int64))


@settings(max_examples=50, deadline=None)
@given(
    hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 5)),
    hnp.arrays(np.int64, st.integers(1, 12), elements=st.integers(0, 5)),
)
def test_areas_are_those_of_scikit_learn(known, foreign):
    (found,) = detect_outliers(
        Familiarities(shown("known", column(known)), (shown("noise", column(foreign)),)), replicates=20
    )
    expected = roc_auc_score([1] * len(known) + [0] * len(foreign), [*known, *foreign])
    for measure in MEASURES:
        area, mistaken = found.auroc[measure], found.mistaken[measure]
        assert area.value == pytest.approx(expected, abs=1e-12)
        assert isnan(area.low) or area.low - 1e-12 <= area.value <= area.high + 1e-12
        threshold = max(each for each in known if (known >= each).mean() >= 0.95)
        assert mistaken.value == pytest.approx((foreign >= threshold).mean())


def test_intervals_are_about_as_wide_as_the_spread_of_other_draws():
    generator = np.random.default_rng(0)
    areas, widths = [], []
    for _ in range(30):
        known, foreign = column(generator.normal(1.5, 1, 200)), column(generator.normal(0, 1, 100))
        (found,) = detect_outliers(Familiarities(shown("known", known), (shown("noise", foreign),)), replicates=100)
        area = found.auroc["energy"]
        areas.append(area.value)
        widths.append(area.high - area.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(areas), rel=0.35)


def test_what_a_network_has_no_measure_of_is_left_out():
    familiarity = column([1, 2, 3])
    familiarity[:, 2] = np.nan
    (found,) = detect_outliers(
        Familiarities(shown("known", familiarity), (shown("noise", column([0, 0])),)), replicates=0
    )
    assert set(found.auroc) == set(found.mistaken) == {"probability", "energy"}
    assert found.count == 2
    written = json.loads(json.dumps(as_plain(found), allow_nan=False))
    assert written["auroc"]["energy"]["value"] == 1


def test_familiarities_are_kept_in_a_file(tmp_path):
    path = tmp_path / "outliers.npz"
    kept = Familiarities(
        shown("known", column([1, 2])), (shown("noise", column([0])), shown("漢字", column([1, 1, 1]))), "abc"
    )
    kept.save(path)
    found = Familiarities.load(path)
    assert [each.name for each in found.foreign] == ["noise", "漢字"]
    assert found.config_fingerprint == "abc"
    np.testing.assert_array_equal(found.foreign[1].familiarity, column([1, 1, 1]))
    assert found.known.samples.shape == (2, 4, 4)
    assert [file.name for file in tmp_path.iterdir()] == ["outliers.npz"]


def test_a_file_that_is_missing_truncated_or_another_is_told(tmp_path):
    path = tmp_path / "outliers.npz"
    with pytest.raises(DataError, match="does not exist; `kuzushiji evaluate RUN --outliers`"):
        Familiarities.load(path)
    Familiarities(shown("known", column([1, 2])), (), "abc").save(path)
    content = path.read_bytes()
    for broken in (content[:100], content[: len(content) // 2], b"", b"PK\x03\x04", b"[1, 2]"):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="not a whole file of outliers"):
            Familiarities.load(path)
    np.savez(path, about=np.array("[1]"), config_fingerprint=np.array(""))
    with pytest.raises(DataError, match="not a whole file of outliers"):
        Familiarities.load(path)
