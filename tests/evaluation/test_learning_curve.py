import numpy as np
import pytest

from kuzushiji.errors import UsageError
from kuzushiji.evaluation.learning_curve import fit_learning_curve, held_out

SIZES = [250, 500, 1000, 2000, 4000, 6000]


def law(images, scale=3.0, exponent=0.5, floor=0.01):
    return scale * np.asarray(images, dtype=float) ** -exponent + floor


def test_finds_the_curve_that_the_errors_lie_on():
    curve = fit_learning_curve(SIZES, [[error] for error in law(SIZES)], test_images=10_000_000)
    assert (curve.scale, curve.exponent, curve.floor) == pytest.approx((3.0, 0.5, 0.01), rel=0.02)
    np.testing.assert_allclose(curve.at([60_000]), law([60_000]), rtol=0.01)


def test_the_order_of_the_parts_does_not_matter():
    errors = [[error] for error in law(SIZES)]
    one, other = fit_learning_curve(SIZES, errors, 10_000), fit_learning_curve(SIZES[::-1], errors[::-1], 10_000)
    assert one.images.tolist() == other.images.tolist() == SIZES
    np.testing.assert_array_equal(one.drawn, other.drawn)


def test_the_interval_holds_what_it_promises():
    """Over many drawn sets of measurements, with the deviation of test images and of seeds."""
    random = np.random.default_rng(0)
    truth, held = law([60_000])[0], 0
    for number in range(25):
        errors = [
            (random.binomial(10_000, error, 3) / 10_000 * random.normal(1, 0.03, 3)).tolist() for error in law(SIZES)
        ]
        expected = fit_learning_curve(SIZES, errors, 10_000, seed=number).expected(60_000)
        assert expected.low <= expected.value <= expected.high
        held += expected.low <= truth <= expected.high
    assert held >= 20, "22 to 25 of 25 are to be expected"


def test_more_noise_and_fewer_test_images_widen_the_interval():
    def width(spread, test_images):
        errors = [[error * (1 - spread), error, error * (1 + spread)] for error in law(SIZES)]
        estimate = fit_learning_curve(SIZES, errors, test_images).expected(60_000)
        return estimate.high - estimate.low

    assert width(0.0, 10_000) < width(0.1, 10_000)
    assert width(0.0, 10_000) < width(0.0, 500)


def test_points_that_lie_off_the_curve_widen_the_interval():
    def width(*factors):
        errors = [[factor * error] for factor, error in zip(factors, law(SIZES), strict=True)]
        estimate = fit_learning_curve(SIZES, errors, 100_000).expected(60_000)
        return estimate.high - estimate.low

    assert width(1, 0.9, 1.2, 1, 0.95, 1) > 3 * width(1, 1, 1, 1, 1, 1)


def test_no_error_at_all():
    curve = fit_learning_curve(SIZES, [[0.0]] * 6, 1000)
    assert curve.expected(60_000).value == pytest.approx(0, abs=1e-3)
    assert 0 <= curve.expected(60_000).low <= curve.expected(60_000).high < 0.01


def test_the_last_point_held_out():
    curve = fit_learning_curve(SIZES, [[error] for error in law(SIZES)], 100_000)
    expected, measured = held_out(curve, 100_000)
    assert measured == pytest.approx(law([6000])[0])
    assert expected.low <= measured <= expected.high
    short = fit_learning_curve(SIZES[:4], [[error] for error in law(SIZES[:4])], 100_000)
    assert np.isnan(held_out(short, 100_000)[0].value)


@pytest.mark.parametrize("sizes", [[100, 200, 300], [100, 100, 200, 300]])
def test_too_few_parts_are_told(sizes):
    with pytest.raises(UsageError, match="four parts of different size, found 3"):
        fit_learning_curve(sizes, [[0.1]] * len(sizes), 1000)
