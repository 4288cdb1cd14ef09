"""`Predictions`: what a network said of a split, kept in a file: the joint between training and evaluation."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError
from kuzushiji.files import written_whole


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
        with written_whole(path) as beside, open(beside, "wb") as file:
            np.savez(
                file,
                logits=self.logits,
                labels=self.labels,
                ids=self.ids,
                classes=np.array(self.classes),
                dataset=np.array(self.dataset),
                split=np.array(self.split),
                data_fingerprint=np.array(self.data_fingerprint),
                config_fingerprint=np.array(self.config_fingerprint),
            )

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Reads what `save` wrote.

        Raises:
            DataError: the file is missing, truncated or something else.
        """
        try:
            # Opened here, for NumPy leaves a damaged archive open.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                return cls(
                    logits=arrays["logits"],
                    labels=arrays["labels"],
                    ids=arrays["ids"],
                    classes=tuple(arrays["classes"].tolist()),
                    dataset=str(arrays["dataset"]),
                    split=str(arrays["split"]),
                    data_fingerprint=str(arrays["data_fingerprint"]),
                    config_fingerprint=str(arrays["config_fingerprint"]),
                )
        except FileNotFoundError:
            raise DataError(f"{path} does not exist; `kuzushiji evaluate RUN` writes it") from None
        except (OSError, ValueError, KeyError, BadZipFile, EOFError) as error:
            raise DataError(f"{path} is not a whole predictions file ({error}); remove it and evaluate again") from None
