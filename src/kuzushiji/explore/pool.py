"""All images of a dataset side by side, whichever split they are of, without copying them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError

BATCH = 4096
"""Images that are looked at together: it bounds the memory, not the number of images."""


@dataclass(frozen=True, eq=False)
class Pool:
    """The splits of a dataset, their images numbered through: those of the first split, then those of the next.

    Attributes:
        splits: name -> images; all have the same classes and one image size.

    Raises:
        DataError: there is no image, or the splits differ in their classes or in the size of their images.
    """

    splits: Mapping[str, CharacterImages]

    def __post_init__(self) -> None:
        if not len(self):
            raise DataError("there is no image to explore")
        first, *others = self.splits.values()
        for other in others:
            if other.classes != first.classes or other.image_size != first.image_size:
                raise DataError(
                    f"the {first.split} and the {other.split} images of {first.name} differ: {len(first.classes)} and "
                    f"{len(other.classes)} classes, {first.image_size} and {other.image_size} pixels; explore one alone"
                )

    def __len__(self) -> int:
        return sum(map(len, self.splits.values()))

    @cached_property
    def bounds(self) -> dict[str, tuple[int, int]]:
        """Split -> the number of its first image and the one after its last."""
        ends = np.cumsum([len(split) for split in self.splits.values()]).tolist()
        return {name: (end - len(split), end) for (name, split), end in zip(self.splits.items(), ends, strict=True)}

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters."""
        return next(iter(self.splits.values())).classes

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return next(iter(self.splits.values())).image_size

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """(N,), the class of each image."""
        return np.concatenate([split.labels for split in self.splits.values()])

    @cached_property
    def split_numbers(self) -> NDArray[np.int64]:
        """(N,), which of the splits each image is of."""
        return np.repeat(np.arange(len(self.splits)), [len(split) for split in self.splits.values()])

    def batches(self, size: int = BATCH) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The number of the first of a few images, and these images, until all have been seen."""
        for name, (start, _) in self.bounds.items():
            images = self.splits[name].images
            for place in range(0, len(images), size):
                yield start + place, images[place : place + size]

    def images(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images of these numbers, (K, H, W), in their order."""
        found = np.empty((len(numbers), *self.image_size), dtype=np.uint8)
        for name, (start, end) in self.bounds.items():
            here = (numbers >= start) & (numbers < end)
            found[here] = self.splits[name].images[numbers[here] - start]
        return found

    def describe(self, number: int) -> dict[str, Any]:
        """Where an image is found again: `split`, `id` (as published) and `character`."""
        name = next(name for name, (_, end) in self.bounds.items() if number < end)
        split, start = self.splits[name], self.bounds[name][0]
        return {
            "split": name,
            "id": int(split.ids[number - start]),
            "character": self.classes[split.labels[number - start]],
        }
