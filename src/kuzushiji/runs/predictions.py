"""`Predictions`: what a network said of a split, kept in a file: the joint between training and evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError
from kuzushiji.npz import opened_arrays, save_arrays

_KINDS = {"logits": "f", "labels": "iu", "ids": "iu", "classes": "U"}
"""What NumPy calls the types that each may have."""

TEXTS = ("dataset", "split", "data_fingerprint", "config_fingerprint")


@dataclass(frozen=True, eq=False)
class Predictions:
    """The logits of one network for every image of one split.

    Attributes:
        logits: float32 (N, C), before the softmax.
        labels: int64 (N,), the true classes.
        ids: int64 (N,), which image of the dataset each row is (`CharacterImages.ids`).
        classes: the C characters.
        dataset: name of the dataset.
        split: `validation`, `test`, ...
        data_fingerprint: `CharacterImages.fingerprint()` of what was predicted.
        config_fingerprint: SHA-256 of the run's configuration, empty if there is none.
    """

    logits: NDArray[np.float32]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]
    classes: tuple[str, ...]
    dataset: str = "unnamed"
    split: str = "test"
    data_fingerprint: str = ""
    config_fingerprint: str = ""

    def __post_init__(self) -> None:
        count = len(self.labels)
        if self.logits.shape != (count, len(self.classes)) or self.ids.shape != (count,):
            raise DataError(
                f"predictions contradict each other: logits {self.logits.shape}, labels {self.labels.shape}, "
                f"ids {self.ids.shape}, {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The class with the greatest logit of each image, (N,)."""
        return self.logits.argmax(axis=1)

    @property
    def accuracy(self) -> float:
        """The share of the images that were named right."""
        return float((self.predicted == self.labels).mean())

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, (N, C), each row summing to 1."""
        shifted = self.logits.astype(np.float64)
        shifted -= shifted.max(axis=1, keepdims=True)
        np.exp(shifted, out=shifted)
        shifted /= shifted.sum(axis=1, keepdims=True)
        return shifted

    def blocks(self) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Logits in float64 and labels, a few images at a time, which bounds the memory for thousands of classes."""
        rows = max(1, 2**20 // len(self.classes))
        for start in range(0, len(self), rows):
            some = slice(start, start + rows)
            yield self.logits[some].astype(np.float64), self.labels[some].astype(np.int64)

    def check(self) -> None:
        """Raises a DataError if they can't be measured: there are none, labels are none, logits are not finite."""
        what = f"the predictions of {self.dataset} ({self.split})"
        if not len(self):
            raise DataError(f"{what} hold no images: there is nothing to evaluate")
        labels, classes = self.labels, len(self.classes)
        if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < classes:
            raise DataError(
                f"{what} have labels from {labels.min()} to {labels.max()} ({labels.dtype}), "
                f"expected whole numbers from 0 to {classes - 1}"
            )
        broken = np.flatnonzero(~np.isfinite(self.logits).all(axis=1))
        if len(broken):
            raise DataError(
                f"{what} have logits that are not finite for {len(broken)} of {len(labels)} images, the first of them "
                f"image {self.ids[broken[0]]}; the network has diverged: train it again, with a lower learning rate"
            )

    def save(self, path: Path) -> None:
        """Writes the predictions to an npz file, whole or not at all."""
        texts = {name: np.array(getattr(self, name)) for name in TEXTS}
        arrays = {"logits": self.logits, "labels": self.labels, "ids": self.ids, "classes": np.array(self.classes)}
        save_arrays(path, arrays | texts)

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, truncated or something else.
        """
        with opened_arrays(path, "predictions file", "kuzushiji evaluate RUN") as arrays:
            read: dict[str, Any] = {name: arrays[name] for name in _KINDS}
            for name, values in read.items():
                if values.dtype.kind not in _KINDS[name]:
                    raise ValueError(f"{name} are {values.dtype}")
            classes = tuple(read.pop("classes").tolist())
            "".join(classes).encode()  # which half a character has no bytes for
            read |= {name: str(arrays[name]) for name in TEXTS}
            return cls(**read, classes=classes)
