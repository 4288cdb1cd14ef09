"""`Predictions`: what a network said of a split, kept in a file: the joint between training and evaluation."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError
from kuzushiji.npz import opened_arrays, save_arrays

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

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, (N, C), each row summing to 1."""
        shifted = self.logits.astype(np.float64)
        shifted -= shifted.max(axis=1, keepdims=True)
        np.exp(shifted, out=shifted)
        shifted /= shifted.sum(axis=1, keepdims=True)
        return shifted

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
            return cls(
                logits=arrays["logits"],
                labels=arrays["labels"],
                ids=arrays["ids"],
                classes=tuple(arrays["classes"].tolist()),
                **{name: str(arrays[name]) for name in TEXTS},
            )
