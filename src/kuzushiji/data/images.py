"""`CharacterImages`, the one thing that every source of data yields."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL import Image

    from kuzushiji.data.torch_dataset import TorchCharacters

Progress = Callable[[int, int], None]
"""Called with how many images are done and how many there are."""


@dataclass(frozen=True, eq=False)
class CharacterImages:
    """Images of single characters with their labels.

    Attributes:
        images: uint8 (N, H, W), ink bright on black as KMNIST has it; may be memory-mapped.
        labels: int64 (N,), each an index into `classes`.
        classes: the characters, one string each; a class may have no image.
        name: name of the dataset, such as `kmnist` or `brush:k49`.
        split: `train`, `validation`, `test` or `all`.
        source: file name -> SHA-256 of what the images were read from.
        ids: int64 (N,), the number of each image in the dataset as it was published; unique within a split.
        notes: what is odd about the data and was not refused, a sentence each.

    Raises:
        DataError: shapes, types or labels contradict each other.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    name: str = "unnamed"
    split: str = "all"
    source: Mapping[str, str] = field(default_factory=dict)
    ids: NDArray[np.int64] = None  # type: ignore[assignment]  # filled in below
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.ids is None:
            object.__setattr__(self, "ids", np.arange(len(self.labels), dtype=np.int64))
        images, labels = self.images, self.labels
        if not (isinstance(images, np.ndarray) and isinstance(labels, np.ndarray) and isinstance(self.ids, np.ndarray)):
            raise DataError(f"{self.name}: images, labels and ids must be arrays of NumPy")
        if isinstance(self.classes, str) or len(set(self.classes)) < len(self.classes):
            raise DataError(f"{self.name}: classes must be different names, one each, found {self.classes!r:.80}")
        if images.dtype != np.uint8 or images.ndim != 3:
            raise DataError(f"{self.name}: images must be uint8 (N, H, W), found {images.dtype} {images.shape}")
        if labels.dtype != np.int64 or labels.shape != (len(images),) or self.ids.shape != labels.shape:
            raise DataError(
                f"{self.name}: {len(images)} images need as many int64 labels and ids, "
                f"found labels {labels.dtype} {labels.shape} and ids {self.ids.shape}"
            )
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(self.classes):
            raise DataError(
                f"{self.name}: labels run from {labels.min()} to {labels.max()}, "
                f"but there are {len(self.classes)} classes, 0 to {len(self.classes) - 1}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def class_counts(self) -> NDArray[np.int64]:
        """Number of images of each class, (C,)."""
        return np.bincount(self.labels, minlength=len(self.classes)).astype(np.int64)

    def select(self, chosen: NDArray | slice, split: str | None = None) -> "CharacterImages":
        """The images at `chosen` (indices, a mask or a slice), with the same classes.

        Args:
            split: name of the new split; the old one if None.
        """
        return replace(
            self,
            images=self.images[chosen],
            labels=self.labels[chosen],
            ids=self.ids[chosen],
            split=self.split if split is None else split,
        )

    def fingerprint(self) -> str:
        """SHA-256 of classes, labels and pixels: equal exactly for equal data, wherever it came from."""
        digest = hashlib.sha256(f"{self.images.shape} {' '.join(self.classes)}".encode())
        digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(np.ascontiguousarray(self.images).data)
        return digest.hexdigest()

    def to_torch(
        self,
        transform: "Callable[[Image.Image], Any] | None" = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> "TorchCharacters":
        """The images as a `torch.utils.data.Dataset` that is used as those of torchvision are.

        Args:
            transform: gets each image as a Pillow image, such as one of torchvision's; with None an item has the image
                as a tensor, float32 (1, H, W) from 0 to 1.
            target_transform: gets each label.

        Example:
            >>> train = load("brush:kmnist").to_torch()                 # doctest: +SKIP
            >>> images, labels = next(iter(torch.utils.data.DataLoader(train, batch_size=64, shuffle=True)))
            >>> images.shape                                            # doctest: +SKIP
            torch.Size([64, 1, 28, 28])
        """
        dataset: TorchCharacters = _for("torch_dataset").TorchCharacters(self, transform, target_transform)
        return dataset

    def to_huggingface(self) -> "Dataset":
        """The images as a data set of Hugging Face's `datasets`: columns `image`, `label`, with its names, and `id`.

        Raises:
            KuzushijiError: `datasets` is not installed.

        Example:
            >>> load("brush:kmnist").to_huggingface().features["label"].names[:3]       # doctest: +SKIP
            ['お', 'き', 'す']
        """
        return _for("huggingface").as_huggingface(self)


def _for(library: str) -> Any:
    """The module that hands images to a library; it knows what they are, so that they can't know it before."""
    return import_module(f"kuzushiji.data.{library}")
