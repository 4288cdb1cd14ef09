"""How many images each character has, and how few characters make up most of the images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import frequent_classes


@dataclass(frozen=True, eq=False)
class Balance:
    """The images of each class.

    Attributes:
        classes: the C characters.
        counts: split -> (C,), images of each class.
        deciding: the split by whose counts classes are sorted and cut off: the training images where there are any.
        order: (C,), the labels, the class with the most images first.
        cover: the share of the images that the classes kept must make up.
        kept: how many of the most frequent classes make it up.
    """

    classes: tuple[str, ...]
    counts: Mapping[str, NDArray[np.int64]]
    deciding: str
    order: NDArray[np.int64]
    cover: float
    kept: int

    @property
    def sorted_counts(self) -> NDArray[np.int64]:
        """(C,), the images of each class of the deciding split, the most first."""
        return self.counts[self.deciding][self.order]

    @property
    def coverage(self) -> NDArray[np.float64]:
        """(C,), the share of the images that the first, the first two, ... classes make up."""
        return np.cumsum(self.sorted_counts) / self.sorted_counts.sum()

    @property
    def present(self) -> int:
        """Classes that have an image in the deciding split."""
        return int(np.count_nonzero(self.sorted_counts))

    @property
    def merged(self) -> int:
        """Classes with images that the cut-off would merge into one."""
        return self.present - self.kept

    @property
    def merged_images(self) -> int:
        """Images of the merged classes."""
        return int(self.sorted_counts[self.kept :].sum())

    @property
    def rarest_kept(self) -> int:
        """Images of the least frequent class that is kept."""
        return int(self.sorted_counts[self.kept - 1])

    @property
    def singles(self) -> int:
        """Classes with a single image."""
        return int(np.count_nonzero(self.sorted_counts == 1))

    @property
    def ratio(self) -> float:
        """Images of the most frequent class for one of the least frequent that has any."""
        return float(self.sorted_counts[0] / self.sorted_counts[self.present - 1])

    @property
    def effective_classes(self) -> float:
        """So many equally frequent classes would be as hard to guess: the exponential of the entropy."""
        shares = self.sorted_counts[: self.present] / self.sorted_counts.sum()
        return float(np.exp(-(shares * np.log(shares)).sum()))

    def covered(self, split: str) -> float:
        """The share of a split's images whose class would be kept; NaN if it has none."""
        counts = self.counts[split]
        return float(counts[self.order[: self.kept]].sum() / counts.sum()) if counts.sum() else float("nan")

    def unseen(self, split: str) -> int:
        """Images of a split whose class has none in the deciding split."""
        return int(self.counts[split][self.counts[self.deciding] == 0].sum())

    def to_dict(self) -> dict[str, Any]:
        """The numbers as JSON has them."""
        return {
            "deciding_split": self.deciding,
            "classes": len(self.classes),
            "classes_with_images": self.present,
            "classes_with_one_image": self.singles,
            "most_images": int(self.sorted_counts[0]),
            "fewest_images": int(self.sorted_counts[self.present - 1]),
            "ratio": round(self.ratio, 2),
            "effective_classes": round(self.effective_classes, 2),
            "cover": self.cover,
            "kept_classes": self.kept,
            "merged_classes": self.merged,
            "merged_images": self.merged_images,
            "images_of_the_rarest_kept_class": self.rarest_kept,
            "covered": {split: round(self.covered(split), 6) for split in self.counts},
            "images_of_unseen_classes": {split: self.unseen(split) for split in self.counts},
            "counts": {
                split: {self.classes[label]: int(counts[label]) for label in self.order.tolist() if counts[label]}
                for split, counts in self.counts.items()
            },
        }


def measure_balance(splits: Mapping[str, CharacterImages], cover: float = 0.9) -> Balance:
    """Counts the images of each class of each split, and finds the cut-off.

    The cut-off is that of the classifiers of page crops that kept the 513 characters which make up nine tenths of the
    images of Kuzushiji Recognition, of over 4,000, and merged all others into one class.

    Args:
        splits: name -> images, with the same classes.
        cover: the share of the images that the classes kept must make up, above 0 and at most 1.

    Raises:
        UsageError: `cover` is out of range.
    """
    there = [name for name, split in splits.items() if len(split)]
    deciding = "train" if "train" in there else there[0]
    data = splits[deciding]
    kept = frequent_classes(data, cover=cover)
    return Balance(
        data.classes,
        {name: split.class_counts() for name, split in splits.items()},
        deciding,
        np.argsort(-data.class_counts(), kind="stable"),
        cover,
        len(kept),
    )
