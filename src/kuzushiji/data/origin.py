"""What a source of images can do; some can read a part of a split without the rest."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import Sample


class Origin(Protocol):
    """Where images are read; it knows neither its name nor what is wanted of the images but their size."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that can be read."""

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split; of what is decoded or cut at any rate, brought to (side, side)."""


@runtime_checkable
class Sampled(Protocol):
    """An origin that can read some images of a split without the others."""

    def count(self, split: str) -> int:
        """How many images a split has, or about how many, found without decoding one."""

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Those that `subsample` would take of all, or others of the split that are as good unless these must be exact.

        None where that can't be told without reading all.
        """


@runtime_checkable
class Labelled(Protocol):
    """An origin that knows the labels of a split before it decodes an image."""

    def labelled(self, split: str) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
        """The labels, (N,), and the classes that they stand for; None where it does not know them after all."""

    def read_rows(
        self, split: str, side: int | None, progress: Progress | None, rows: NDArray[np.int64]
    ) -> CharacterImages:
        """The images with these numbers, sorted, of those that the labels are of."""
