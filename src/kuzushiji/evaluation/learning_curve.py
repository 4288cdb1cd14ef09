"""Learning curves: how the error falls with the number of training images, and where that leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import mean, variance

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji.errors import UsageError
from kuzushiji.evaluation.bootstrap import Estimate

DRAWS = 1000
"""Curves that are fitted to errors as they could have come out, for the intervals."""

CONFIDENCE = 0.95

EXPONENTS = np.linspace(0.05, 2.0, 391)
"""Those that are tried; what is measured lies between 0 and 1."""


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """A power law with a floor, error = scale * images^-exponent + floor, fitted to what was measured.

    Power laws are what Hestness et al., arXiv:1712.00409, found over orders of magnitude; the floor is what no number
    of images takes away, such as wrong labels.

    Attributes:
        images: numbers of training images, rising, (P,).
        errors: mean error at each, (P,).
        deviations: how far each could be off, as standard deviation, (P,).
        scale, exponent, floor: of the curve.
        drawn: the same three of curves fitted to errors that were drawn around the measured ones, (DRAWS, 3).
    """

    images: NDArray[np.float64]
    errors: NDArray[np.float64]
    deviations: NDArray[np.float64]
    scale: float
    exponent: float
    floor: float
    drawn: NDArray[np.float64]

    def at(self, images: ArrayLike) -> NDArray[np.float64]:
        """The error that the curve has at so many training images."""
        return _law(np.array([self.scale, self.exponent, self.floor]), np.asarray(images, dtype=np.float64))

    def band(self, images: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both ends of the interval at so many training images."""
        curves = np.array([_law(each, np.asarray(images, dtype=np.float64)) for each in self.drawn])
        tail = 100 * (1 - CONFIDENCE) / 2
        low, high = np.percentile(curves, [tail, 100 - tail], axis=0)
        return low, high

    def expected(self, images: int) -> Estimate:
        """The error to be expected with so many training images, with its interval."""
        low, high = self.band([images])
        value = float(self.at([images])[0])
        return Estimate(value, min(value, float(low[0])), max(value, float(high[0])))


def fit_learning_curve(
    images: Sequence[int], errors: Sequence[Sequence[float]], test_images: int, seed: int = 0
) -> LearningCurve:
    """Fits a learning curve to the errors that trainings on growing parts of a training set came to.

    Each point counts the more the surer it is.  How sure follows from the number of test images and, where a part was
    trained on with several seeds, from how far these lie apart (pooled over all parts).  Where the points lie farther
    from the curve than that explains, all are held for as much less sure as makes it likely (Birge's ratio, Physical
    Review 40, 207, 1932): the curve is then only about right, and so is what it leads to.

    Args:
        images: numbers of training images.
        errors: for each, the share of the test images that each seed named wrong.
        test_images: how many test images there were.
        seed: of the draws for the intervals.

    Raises:
        UsageError: there are fewer than four different numbers of images, which three numbers fit however they lie.
    """
    order = np.argsort(images)
    sizes = np.asarray(images, dtype=np.float64)[order]
    if len(np.unique(sizes)) < 4:
        raise UsageError(f"a learning curve needs four parts of different size, found {len(np.unique(sizes))}")
    groups = [list(errors[place]) for place in order]
    means = np.array([mean(group) for group in groups])
    # In relation to the error, seeds lie about as far apart at each size.
    spreads = [variance(group) / max(mean(group), 1e-6) ** 2 for group in groups if len(group) > 1]
    of_seeds = mean(spreads) if spreads else 0.0
    deviations = np.array(
        [
            sqrt((error * (1 - error) + 0.5 / test_images) / test_images + of_seeds * error**2 / len(group))
            for error, group in zip(means, groups, strict=True)
        ]
    )
    parameters = _fitted(sizes, means[None], deviations)[0]
    residuals = (means - _law(parameters, sizes)) / deviations
    deviations *= max(1.0, sqrt((residuals**2).sum() / (len(sizes) - len(parameters))))
    random = np.random.default_rng(seed)
    possible = np.clip(random.normal(means, deviations, (DRAWS, len(means))), 0, 1)
    scale, exponent, floor = parameters.tolist()
    return LearningCurve(sizes, means, deviations, scale, exponent, floor, _fitted(sizes, possible, deviations))


def held_out(curve: LearningCurve, test_images: int) -> tuple[Estimate, float]:
    """What the curve through all points but the last says of the last, and what was measured there.

    NaN where too few points are left.
    """
    try:
        shorter = fit_learning_curve(
            curve.images[:-1].astype(int).tolist(), [[error] for error in curve.errors[:-1]], test_images
        )
    except UsageError:
        return Estimate(nan), float(curve.errors[-1])
    return shorter.expected(int(curve.images[-1])), float(curve.errors[-1])


def _law(parameters: NDArray[np.float64], images: NDArray[np.float64]) -> NDArray[np.float64]:
    scale, exponent, floor = parameters
    return scale * images**-exponent + floor


def _fitted(
    images: NDArray[np.float64], errors: NDArray[np.float64], deviations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scale, exponent and floor, (D, 3), of the least squares through each row of errors (D, P).

    Each residual is divided by its deviation.  With a given exponent the other two follow from two linear equations,
    the floor being 0 where they would have it below; so all exponents are tried.
    """
    weights = deviations**-2
    reference = images[0]  # the scale is looked for at the first point, where it is of the size of an error
    falling = (images / reference) ** -EXPONENTS[:, None]  # (E, P)
    total, of_falling, of_squares = weights.sum(), falling @ weights, falling**2 @ weights
    of_errors, of_both = (errors @ weights)[:, None], (errors * weights) @ falling.T  # (D, 1), (D, E)
    determinant = total * of_squares - of_falling**2
    floor = (of_squares * of_errors - of_falling * of_both) / determinant
    floor = np.maximum(floor, 0.0)
    scale = np.maximum((of_both - floor * of_falling) / of_squares, 0.0)
    squares = scale**2 * of_squares + 2 * scale * floor * of_falling + floor**2 * total
    best = (squares - 2 * (scale * of_both + floor * of_errors)).argmin(axis=1)
    rows = np.arange(len(errors))
    exponent = EXPONENTS[best]
    return np.stack([scale[rows, best] * reference**exponent, exponent, floor[rows, best]], axis=1)
