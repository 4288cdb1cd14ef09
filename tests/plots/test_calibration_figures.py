"""Figures of certainty: for good, bad and tiny sets, in both themes.  Warnings are errors in tests."""

import numpy as np
import pytest

from kuzushiji.evaluation.calibration import calibrate
from kuzushiji.plots.calibration import reliability_figure, risk_coverage_figure
from kuzushiji.plots.files import svg
from kuzushiji.plots.style import DARK, LIGHT
from kuzushiji.runs.predictions import Predictions

both_themes = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def calibration_of(count, share_right, replicates=20):
    generator = np.random.default_rng(0)
    logits = (3 * generator.normal(size=(count, 10))).astype(np.float32)
    right = np.arange(count) < share_right * count
    labels = np.where(right, logits.argmax(axis=1), logits.argmin(axis=1))
    predictions = Predictions(logits, labels, np.arange(count), tuple("おきすつなはまやれを"))
    return calibrate(predictions, predictions, replicates=replicates)


@both_themes
def test_reliability_before_and_after(dark):
    found = calibration_of(400, 0.8)
    figure = reliability_figure(found.before, found.after, dark)
    before, after = figure.axes[:2]
    assert before.get_title("left") == f"As the network gives it: ECE {found.before.ece.value:.2%}"
    assert after.get_title("left") == f"After temperature scaling: ECE {found.after.ece.value:.2%}"
    filled = [each for each in found.before.bins if each.count]
    (points,) = (line for line in before.lines if line.get_marker() == "o")
    np.testing.assert_allclose(points.get_ydata(), [each.accuracy.value for each in filled])
    np.testing.assert_allclose(points.get_xdata(), [each.certainty for each in filled])
    assert (DARK if dark else LIGHT).series[0] in svg(figure)


def test_without_a_temperature_nothing_stands_beside_the_diagram():
    figure = reliability_figure(calibration_of(50, 1.0).before)
    assert [axes.axison for axes in figure.axes] == [True, False, True, False]


def test_without_replicates_there_is_no_band():
    assert not risk_coverage_figure(calibration_of(50, 0.9, replicates=0)).axes[0].collections
    assert risk_coverage_figure(calibration_of(50, 0.9)).axes[0].collections


@both_themes
def test_risk_falls_as_less_is_answered_and_the_marks_lie_on_the_curve(dark):
    found = calibration_of(400, 0.97)
    figure = risk_coverage_figure(found, dark)
    curve, *marks = figure.axes[0].lines
    assert curve.get_ydata()[-1] == pytest.approx(0.03)
    assert len(marks) == sum(each.value > 0 for each in found.coverage_at_accuracy.values())
    for mark in marks:
        risk = np.interp(mark.get_xdata()[0], curve.get_xdata(), curve.get_ydata())
        assert mark.get_ydata()[0] == pytest.approx(risk)
    svg(figure)


@pytest.mark.parametrize(("count", "share_right"), [(1, 1.0), (1, 0.0), (60, 0.0)])
def test_figures_of_a_single_image_and_of_only_right_or_wrong_ones(count, share_right):
    found = calibration_of(count, share_right)
    svg(reliability_figure(found.before))
    svg(risk_coverage_figure(found))
