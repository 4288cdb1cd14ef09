"""How far a measured number could be off: the bootstrap over test images, and Wilson's interval for proportions."""

from dataclasses import dataclass
from math import isnan, nan
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kuzushiji.errors import UsageError


@dataclass(frozen=True)
class Estimate:
    """A measured number with its interval.

    Attributes:
        value: the number; NaN where it is not defined.
        low: lower end of the interval; NaN where an interval would mean nothing.
        high: upper end of the interval; NaN likewise.
    """

    value: float
    low: float = nan
    high: float = nan

    def __str__(self) -> str:
        if isnan(self.value):
            return "not defined"
        return f"{self.value:.4f}" if isnan(self.low) else f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def resampled(count: int, replicates: int, seed: int) -> NDArray[np.uint8]:
    """Draws `count` of `count` images with replacement, again and again.

    Returns:
        (replicates, count): how often each image was drawn.  One byte is enough: an image is drawn
        once on average, and 255 times has a chance below 1e-500.
    """
    generator = np.random.default_rng(seed)
    drawn = np.empty((replicates, count), dtype=np.uint8)
    for row in drawn:
        row[:] = np.bincount(generator.integers(count, size=count), minlength=count)
    return drawn


def sums_by_class(
    drawn: NDArray[np.uint8], labels: NDArray[np.int64], classes: int, values: ArrayLike = 1
) -> NDArray[np.float64]:
    """The sum of the values of each class's images in each draw, (R, C); how many images there are if none are given.

    Args:
        drawn: (R, N), how often each image was drawn.
        labels: (N,), their classes, of which there are `classes`.
        values: (N,).
    """
    sums = np.empty((len(drawn), classes))
    for row, times in zip(sums, drawn, strict=True):
        row[:] = np.bincount(labels, times * np.asarray(values), classes)
    return sums


def bootstrap_interval(
    value: ArrayLike,
    replicates: NDArray[np.float64],
    confidence: float,
    low: float = 0.0,
    high: float = 1.0,
    images: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The percentile interval of the replicates, moved so that their mean falls on the measured value.

    The move matters for averages over classes: a replicate loses rare classes, which are often the bad
    ones, so that its average lies off to one side.  Where most classes have one or two images the interval
    is still too narrow, since nothing tells how other images of those classes would have fared.

    Where no replicate differs from another, as of 45 images that were all named right, the bootstrap can't tell how far
    off the value could be.  Then it is Wilson's interval for so many images, or none where their number is not given.

    Args:
        value: what was measured, a number or (C,).
        replicates: the same of each replicate, (R,) or (R, C); NaN where a replicate does not define it.
        confidence: share of such intervals that should hold the true value.
        low: least possible value.
        high: greatest possible value.
        images: how many a share is of, a number or (C,); None of what is no share.

    Returns:
        Lower and upper end, in the shape of `value`; NaN where fewer than two replicates are defined.
    """
    values = np.atleast_1d(np.asarray(value, dtype=np.float64))
    replicates = replicates.reshape(len(replicates), len(values))
    ends = np.full((2, len(values)), nan)
    enough = (~np.isnan(replicates)).sum(axis=0) >= 2
    if enough.any():
        defined = replicates[:, enough]
        tail = (1 - confidence) / 2
        quantiles = np.nanquantile(defined, [tail, 1 - tail], axis=0)
        ends[:, enough] = np.clip(quantiles + values[enough] - np.nanmean(defined, axis=0), low, high)
        alike = np.flatnonzero(enough)[np.nanmax(defined, axis=0) == np.nanmin(defined, axis=0)]
        counts = np.broadcast_to(0 if images is None else images, values.shape)[alike]
        ends[:, alike] = wilson_interval(values[alike] * counts, counts, confidence)
    return ends[0].reshape(np.shape(value)), ends[1].reshape(np.shape(value))


def bootstrap_estimates(
    values: ArrayLike,
    replicates: NDArray[np.float64],
    confidence: float,
    low: float = 0.0,
    high: float = 1.0,
    images: ArrayLike | None = None,
) -> list[Estimate]:
    """What was measured, (C,), with its intervals; see `bootstrap_interval`."""
    ends = bootstrap_interval(values, replicates, confidence, low, high, images)
    return [Estimate(*map(float, each)) for each in zip(np.asarray(values), *ends, strict=True)]


def bootstrap_estimate(
    value: float,
    replicates: NDArray[np.float64],
    confidence: float,
    low: float = 0.0,
    high: float = 1.0,
    images: int | None = None,
) -> Estimate:
    """What was measured with its interval; see `bootstrap_interval`."""
    return bootstrap_estimates([value], replicates, confidence, low, high, images)[0]


def wilson_interval(
    successes: ArrayLike, count: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson's score interval for a proportion, sound for small counts and for 0 % and 100 % too.

    Args:
        successes: how many succeeded, a number or an array.
        count: of how many.
        confidence: share of such intervals that should hold the true proportion.

    Returns:
        Lower and upper end; NaN where `count` is 0.

    Source:
        E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    successes, count = np.asarray(successes, dtype=np.float64), np.asarray(count, dtype=np.float64)
    trials = np.where(count > 0, count, nan)
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At 0 % and 100 % one end is the proportion itself, which rounding would miss by a hair.
    return np.where(successes == 0, share, middle - half), np.where(successes == count, share, middle + half)


def wilson_estimate(successes: float, count: float, confidence: float = 0.95) -> Estimate:
    """A proportion with `wilson_interval`; NaN where `count` is 0."""
    low, high = wilson_interval(successes, count, confidence)
    return Estimate(float(successes / count) if count else nan, float(low), float(high))


def mean_of_defined(values: NDArray[np.float64], weights: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Weighted mean over the last axis of what is not NaN; NaN where nothing is left."""
    defined = ~np.isnan(values)
    shares = defined * weights
    total = shares.sum(axis=-1)
    sums = (np.where(defined, values, 0.0) * shares).sum(axis=-1)
    return np.divide(sums, total, out=np.full(np.shape(total), nan), where=total != 0)


def check_interval(confidence: float = 0.95, replicates: int = 0) -> None:
    """Raises a UsageError if there is no such confidence or number of replicates."""
    if not 0 < confidence < 1:
        raise UsageError(f"confidence {confidence} is not between 0 and 1; 0.95 is usual")
    if replicates < 0:
        raise UsageError(f"replicates {replicates} is negative; 1000 is usual, 0 gives no intervals")
