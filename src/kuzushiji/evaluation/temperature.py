"""Temperature scaling: one number by which a network's logits are divided, so that its certainty is calibrated."""

from dataclasses import replace
from math import nan

import numpy as np

from kuzushiji.runs.predictions import Predictions

HOTTEST, COLDEST = 100.0, 0.01
"""No temperature is fitted beyond these."""


def fit_temperature(predictions: Predictions) -> float:
    """The temperature under which predictions are likeliest: the logits divided by it have the least cross-entropy.

    In its inverse the cross-entropy is convex, so that Newton's method within a bracket finds the one minimum.

    Args:
        predictions: of validation images, not those that the network learnt from or is judged by.

    Returns:
        Between `COLDEST` and `HOTTEST`; below 1 if the network is too modest, above 1 if it is too sure of itself.
        NaN where all images were named right: then the colder the better, without end, which says nothing of images
        that will not all be.

    Raises:
        DataError: there are no predictions, logits are not finite, or labels are none.

    Source:
        Guo et al., On calibration of modern neural networks (ICML 2017), arXiv:1706.04599.
    """
    predictions.check()
    logits, labels = predictions.logits, predictions.labels
    if (logits.max(axis=1) <= np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]).all():
        return nan
    low, high = 1 / HOTTEST, 1 / COLDEST
    inverse = 1.0
    for _ in range(100):
        slope, curvature = _slope(predictions, inverse)
        low, high = (low, inverse) if slope > 0 else (inverse, high)
        newton = inverse - slope / curvature if curvature > 0 else nan
        # Where Newton's step leaves the bracket, half of it is taken instead, in logarithms.
        following = newton if low <= newton <= high else float(np.sqrt(low * high))
        if abs(following - inverse) <= 1e-9 * inverse:
            break
        inverse = following
    return 1 / following


def scaled(predictions: Predictions, temperature: float) -> Predictions:
    """The predictions with their logits divided by a temperature, which must be above 0."""
    return replace(predictions, logits=(predictions.logits / np.float32(temperature)).astype(np.float32))


def _slope(predictions: Predictions, inverse: float) -> tuple[float, float]:
    """First and second derivative of the mean cross-entropy by the inverse of the temperature."""
    slope = curvature = 0.0
    for logits, labels in predictions.blocks():
        lead = logits - np.take_along_axis(logits, labels[:, None], axis=1)  # over the true class
        weights = np.exp(inverse * (lead - lead.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * lead).sum(axis=1)
        slope += mean.sum()
        curvature += ((weights * lead * lead).sum(axis=1) - mean**2).sum()
    return slope / len(predictions), curvature / len(predictions)
