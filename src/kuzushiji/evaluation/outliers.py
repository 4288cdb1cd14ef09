"""Whether a network can tell what it was never taught: images of other things, by how familiar they look to it.

Three measures of familiarity, each greater for an image that looks more like those that the network knows:

- `probability`: the greatest softmax probability (Hendrycks and Gimpel, ICLR 2017, arXiv:1610.02136);
- `energy`: log of the sum of exp(logits), the negative energy at temperature 1 (Liu et al., NeurIPS 2020,
  arXiv:2010.03759);
- `distance`: the negative squared Mahalanobis distance of the embedding to the nearest class mean, with one covariance
  for all classes (Lee et al., NeurIPS 2018, arXiv:1807.03888).

What is measured are familiarities that are kept in a file (`Familiarities`); no network is run here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError
from kuzushiji.evaluation.bootstrap import Estimate, bootstrap_interval, resampled, wilson_interval
from kuzushiji.evaluation.roc import misranked
from kuzushiji.files import written_whole

MEASURES = ("probability", "energy", "distance")
KEPT = 0.95
"""The share of known images that a threshold is to let pass."""

SHRINKAGE = 1e-3
LEAST_VARIANCE = 1e-9
ROWS_AT_ONCE = 1024

Floats = NDArray[np.float64]


# Familiarity


def greatest_probability(logits: NDArray[np.floating]) -> Floats:
    """The greatest softmax probability of each of N images, from logits (N, C)."""
    wide = logits.astype(np.float64)
    return 1 / np.exp(wide - wide.max(axis=1, keepdims=True)).sum(axis=1)


def negative_energy(logits: NDArray[np.floating]) -> Floats:
    """log of the sum of exp(logits) of each of N images, from logits (N, C)."""
    wide = logits.astype(np.float64)
    greatest = wide.max(axis=1)
    return greatest + np.log(np.exp(wide - greatest[:, None]).sum(axis=1))


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """Where the classes lie among the embeddings of the training images.

    Attributes:
        means: (K, D), of the classes that have images, in coordinates in which the shared covariance is the identity.
        whitening: (D, D), takes embeddings, less `centre`, to these coordinates.
        centre: (D,).
    """

    means: Floats
    whitening: Floats
    centre: Floats

    def nearest(self, vectors: NDArray[np.floating]) -> Floats:
        """The squared Mahalanobis distance (N,) of embeddings (N, D) to the nearest class mean."""
        nearest = np.empty(len(vectors))
        lengths = (self.means**2).sum(axis=1)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            white = (vectors[some] - self.centre) @ self.whitening
            squares = (white**2).sum(axis=1)[:, None] + lengths - 2 * white @ self.means.T
            nearest[some] = np.maximum(squares.min(axis=1), 0)
        return nearest


def fit_class_means(vectors: NDArray[np.floating], labels: NDArray[np.int64]) -> ClassMeans:
    """Class means and their shared covariance from embeddings (N, D) of training images with labels (N,).

    A thousandth of the mean variance is added in every direction, so that those in which the training images do not
    vary at all count, yet not without bound.

    Raises:
        DataError: there are no images.
    """
    if not len(labels):
        raise DataError("class means need at least one image")
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    centre = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - centre
    means = np.zeros((len(counts), vectors.shape[1]))
    np.add.at(means, places, centred)
    means /= counts[:, None]
    within = centred - means[places]
    covariance = within.T @ within / len(labels)
    variances, axes = np.linalg.eigh(covariance)
    floor = SHRINKAGE * max(float(variances.mean()), LEAST_VARIANCE)
    whitening = axes / np.sqrt(np.maximum(variances, 0) + floor)
    return ClassMeans(means @ whitening, whitening, centre)


# What was shown


@dataclass(frozen=True, eq=False)
class Shown:
    """How familiar images of one kind are to a network.

    Attributes:
        name: the kind, such as `latin`; `known` for images of the characters that the network knows.
        description: what they are, in a few words.
        familiarity: float (N, 3), by each of `MEASURES`; NaN where there is no such measure.
        samples: uint8 (M, H, W), a few of the images.
    """

    name: str
    description: str
    familiarity: Floats
    samples: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Familiarities:
    """What a network makes of images of its characters, and of images of other things.

    Attributes:
        known: images of the characters that it knows, and has not learnt from.
        foreign: images of other things, by kind.
        config_fingerprint: SHA-256 of the run's configuration.
    """

    known: Shown
    foreign: tuple[Shown, ...]
    config_fingerprint: str = ""

    def save(self, path: Path) -> None:
        """Writes them to an npz file, whole or not at all."""
        every = (self.known, *self.foreign)
        about = [{"name": each.name, "description": each.description} for each in every]
        arrays: dict[str, Any] = {f"familiarity_{number}": each.familiarity for number, each in enumerate(every)}
        arrays |= {f"samples_{number}": each.samples for number, each in enumerate(every)}
        with written_whole(path) as beside, open(beside, "wb") as file:
            np.savez_compressed(
                file,
                about=np.array(json.dumps(about, ensure_ascii=False)),
                config_fingerprint=np.array(self.config_fingerprint),
                **arrays,
            )

    @classmethod
    def load(cls, path: Path) -> "Familiarities":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, truncated or something else.
        """
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                known, *foreign = (
                    Shown(
                        str(each["name"]),
                        str(each["description"]),
                        _checked(arrays[f"familiarity_{number}"]),
                        arrays[f"samples_{number}"],
                    )
                    for number, each in enumerate(json.loads(str(arrays["about"])))
                )
                return cls(known, tuple(foreign), str(arrays["config_fingerprint"]))
        except FileNotFoundError:
            raise DataError(f"{path} does not exist; `kuzushiji evaluate RUN --outliers` writes it") from None
        except (OSError, ValueError, KeyError, TypeError, BadZipFile, EOFError) as error:
            raise DataError(f"{path} is not a whole file of outliers ({error}); remove it and measure again") from None


def _checked(familiarity: NDArray) -> Floats:
    if familiarity.ndim != 2 or familiarity.shape[1] != len(MEASURES) or not len(familiarity):
        raise ValueError(f"familiarities of the shape {familiarity.shape}")
    return familiarity.astype(np.float64)


# How well they are told apart


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

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it."""
        written = {
            name: {measure: each.to_dict() for measure, each in getattr(self, name).items()}
            for name in ("auroc", "mistaken")
        }
        return {"name": self.name, "description": self.description, "count": self.count, **written}


def detect(
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
            low, high = wilson_interval(passing, len(theirs), confidence)
            mistaken[measure] = Estimate(passing / len(theirs), float(low), float(high))
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
    low, high = bootstrap_interval(1 - lost, 1 - np.clip(replicates, 0, 1), confidence)
    return Estimate(1 - lost, float(low), float(high))
