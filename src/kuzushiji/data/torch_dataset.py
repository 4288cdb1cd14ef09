"""`CharacterImages` as PyTorch takes them: a dataset as those of torchvision, or tensors."""

from collections.abc import Callable
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from kuzushiji.data.images import CharacterImages


class TorchCharacters(Dataset[tuple[Any, Any]]):
    """Images and labels one by one, with what torchvision's datasets have besides.

    Args:
        images: the images; those mapped into memory stay so.
        transform: gets a Pillow image of mode L, as torchvision's transforms take it; with None an item has the image
            as a tensor, float32 (1, H, W) from 0 to 1.
        target_transform: gets the label, an int.

    Attributes:
        classes: the characters, by label.
        class_to_idx: character -> label.
        targets: int64 (N,), the labels.
    """

    def __init__(
        self,
        images: CharacterImages,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
    ) -> None:
        self.images, self.transform, self.target_transform = images, transform, target_transform
        self.classes = list(images.classes)
        self.class_to_idx = {character: label for label, character in enumerate(images.classes)}
        self.targets = torch.tensor(images.labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        pixels, label = self.images.images[index], int(self.images.labels[index])
        image = self.transform(Image.fromarray(pixels)) if self.transform else _input(torch.tensor(pixels)[None])[0]
        return image, self.target_transform(label) if self.target_transform else label

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All images, float32 (N, 1, H, W) from 0 to 1, and all labels, int64 (N,), without the transforms."""
        return _input(torch.tensor(self.images.images)), self.targets


def _input(pixels: Tensor) -> Tensor:
    return pixels[:, None].float().div_(255)
