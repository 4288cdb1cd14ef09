"""Whether a network can tell what it was never taught: images of other things, by how familiar they look to it.

What is measured are familiarities that are kept in a file (`Familiarities`); no network is run here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_estimate, resampled, wilson_estimate
from kuzushiji.evaluation.roc import misranked
from kuzushiji.runs.familiarities import MEASURES, Familiarities

KEPT = 0.95
"""The share of known images that a threshold is to let pass."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """How well one kind of foreign images is told from those of known characters.

    Attributes:
        name, description: of the kind.
        count: images of it.
        auroc: measure -> the chance that a known image is more familiar than a foreign one, a tie counting half: 1 if
            they are always told apart, 0.5 if it is a toss.
        mistaken: measure -> the share of the foreign images that are as familiar as the most familiar 95 % of the known
            ones, and so pass for known where these are to pass.  Its interval takes the threshold as given.

    What the network has no measure of is left out.
    """

    name: str
    description: str
    count: int
    auroc: Mapping[str, Estimate]
    mistaken: Mapping[str, Estimate]


def detect_outliers(
    shown: Familiarities, *, confidence: float = 0.95, replicates: int = 1000, seed: int = 0
) -> tuple[Detection, ...]:
    """Measures how well each kind of foreign images is told from those of known characters.

    The intervals of the areas are bootstrapped over known and foreign images, each kind by itself.

    Args:
        shown: what a network made of them.
        confidence, replicates, seed: of the intervals.
    """
    known = shown.known.familiarity
    drawn_known = resampled(len(known), replicates if len(known) > 1 else 0, seed).astype(np.float64)
    found = []
    for number, kind in enumerate(shown.foreign):
        drawn = resampled(len(kind.familiarity), len(drawn_known), seed + 1 + number).astype(np.float64)
        auroc, mistaken = {}, {}
        for column, measure in enumerate(MEASURES):
            ours, theirs = known[:, column], kind.familiarity[:, column]
            if np.isnan(ours).any() or np.isnan(theirs).any():
                continue
            auroc[measure] = _area(ours, theirs, drawn_known, drawn, confidence)
            threshold = np.sort(ours)[int((1 - KEPT) * len(ours) + 1e-9)]
            passing = int((theirs >= threshold).sum())
            mistaken[measure] = wilson_estimate(passing, len(theirs), confidence)
        found.append(Detection(kind.name, kind.description, len(kind.familiarity), auroc, mistaken))
    return tuple(found)


def _area(known: Floats, foreign: Floats, drawn_known: Floats, drawn_foreign: Floats, confidence: float) -> Estimate:
    """AUROC with the interval of replicates that are taken from the marginal sums, as in `areas_with_replicates`."""
    positive = np.arange(len(known) + len(foreign)) < len(known)
    lost_shares = misranked(np.concatenate([known, foreign]), positive)
    lost = float(lost_shares[positive].mean())
    replicates = (
        drawn_known @ lost_shares[positive] / len(known) + drawn_foreign @ lost_shares[~positive] / len(foreign) - lost
    )
    fewest = min(len(known), len(foreign))
    return bootstrap_estimate(1 - lost, 1 - np.clip(replicates, 0, 1), confidence, images=fewest)
