"""How sure a network must be to be believed: its temperature, and the probability below which it says "unsure"."""

from dataclasses import dataclass
from math import isnan

import numpy as np
from numpy.typing import NDArray

from kuzushiji.evaluation.temperature import fit_temperature
from kuzushiji.inference.familiarity import greatest_probability
from kuzushiji.runs.predictions import Predictions

RIGHT = 0.99
"""Of the validation images on which it is not unsure, so many are to be named right."""
LEAST = 0.5
"""It is unsure below this in any case: then something else is likelier than its best candidate."""


@dataclass(frozen=True)
class Trust:
    """What validation images tell of a network's certainty.

    Attributes:
        temperature: by which the logits are divided; 1 where there were no validation images to fit it on, or none was
            named wrong.
        unsure_below: the least calibrated probability from which on the share `RIGHT` of them is named right, but
            no less than `LEAST`; 1 if there is none.
        fitted_on: number of validation images.
        answered: share of them that reach it.
        right: share of these that are named right; NaN if none reaches it.
    """

    temperature: float
    unsure_below: float
    fitted_on: int
    answered: float
    right: float


def learn_trust(validation: Predictions | None) -> Trust:
    """Fits the temperature and finds the threshold.

    Args:
        validation: the network's predictions of validation images; None if it had none.
    """
    if validation is None or not len(validation):
        return Trust(1.0, LEAST, 0, np.nan, np.nan)
    temperature = fit_temperature(validation)
    temperature = 1.0 if isnan(temperature) else temperature
    certainty = certainties(validation, temperature)
    right = validation.predicted == validation.labels
    order = np.argsort(-certainty, kind="stable")
    share = right[order].cumsum() / np.arange(1, len(order) + 1)
    # Those that are equally sure are taken in together.
    possible = np.append(np.diff(certainty[order]) != 0, True) & (share >= RIGHT)
    # Where all of them may be answered, what is less sure than any of them may be too.
    least = 0.0 if possible[-1] else float(certainty[order][possible].min(initial=1.0))
    threshold = max(LEAST, least)
    return Trust(temperature, threshold, len(validation), *answered_and_right(validation, temperature, threshold))


def answered_and_right(predictions: Predictions, temperature: float, unsure_below: float) -> tuple[float, float]:
    """Share of the images on which the network is not unsure, and share of these that it names right."""
    sure = certainties(predictions, temperature) >= unsure_below
    right = (predictions.predicted == predictions.labels)[sure]
    return float(sure.mean()), float(right.mean()) if len(right) else np.nan


def certainties(predictions: Predictions, temperature: float) -> NDArray[np.float64]:
    """Probability of each answer, (N,), with the logits divided by the temperature."""
    found = np.empty(len(predictions))
    rows = max(1, 2**20 // len(predictions.classes))  # in blocks, to spare memory where there are thousands of classes
    for start in range(0, len(found), rows):
        some = slice(start, start + rows)
        found[some] = greatest_probability(predictions.logits[some].astype(np.float64) / temperature)
    return found
