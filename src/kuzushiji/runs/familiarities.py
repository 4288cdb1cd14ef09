"""`Familiarities`: how familiar images of its characters and of other things look to a network, kept in a file.

Three measures of familiarity, each greater for an image that looks more like those that the network knows:

- `probability`: the greatest softmax probability (Hendrycks and Gimpel, ICLR 2017, arXiv:1610.02136);
- `energy`: log of the sum of exp(logits), the negative energy at temperature 1 (Liu et al., NeurIPS 2020,
  arXiv:2010.03759);
- `distance`: the negative squared Mahalanobis distance of the embedding to the nearest class mean, with one covariance
  for all classes (Lee et al., NeurIPS 2018, arXiv:1807.03888).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.npz import opened_arrays, save_arrays
from kuzushiji.records import parse_json

MEASURES = ("probability", "energy", "distance")

Floats = NDArray[np.float64]


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
        texts = {
            "about": np.array(json.dumps(about, ensure_ascii=False)),
            "config_fingerprint": np.array(self.config_fingerprint),
        }
        save_arrays(path, texts | arrays, compressed=True)

    @classmethod
    def load(cls, path: Path) -> "Familiarities":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, truncated or something else.
        """
        with opened_arrays(path, "file of outliers", "kuzushiji evaluate RUN --outliers") as arrays:
            known, *foreign = (
                Shown(
                    str(each["name"]),
                    str(each["description"]),
                    _checked(arrays[f"familiarity_{number}"]),
                    arrays[f"samples_{number}"],
                )
                for number, each in enumerate(parse_json(str(arrays["about"])))
            )
            return cls(known, tuple(foreign), str(arrays["config_fingerprint"]))


def _checked(familiarity: NDArray) -> Floats:
    sound = familiarity.dtype.kind == "f" and familiarity.ndim == 2 and len(familiarity) > 0
    if not sound or familiarity.shape[1] != len(MEASURES):
        raise ValueError(f"familiarities are {familiarity.dtype} of the shape {familiarity.shape}")
    return familiarity.astype(np.float64)
