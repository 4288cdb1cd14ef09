"""Image files in a folder for each class, or a tar of such folders, as images of characters."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from kuzushiji.data.files.cache import cached_images
from kuzushiji.data.files.class_map import folder_of_class
from kuzushiji.data.files.decode import Progress
from kuzushiji.data.files.listing import split_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import HASH_SPLITS
from kuzushiji.errors import DataError


@dataclass(frozen=True)
class ImageFiles:
    """A folder of class folders, perhaps within `train`, `validation` and `test`, or a tar of class folders.

    Attributes:
        path: the folder or the tar; it need not exist before it is read.
    """

    path: Path

    @property
    def splits(self) -> tuple[str, ...]:
        """Those that its folders are, else those that the hash of the pixels makes.

        Raises:
            DataError: there is no such path.
        """
        if not self.path.exists():
            raise DataError(
                f"{self.path} does not exist; expected a folder of class folders, a tar of them, "
                "a folder with npz or IDX files, or a folder or zip of pages"
            )
        divided = set(split_folders(self.path).values()) if self.path.is_dir() else set()
        return tuple(split for split in HASH_SPLITS if split in divided) or HASH_SPLITS

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split, mapped into memory.

        Raises:
            DataError: a file is missing or damaged, or the images have several sizes and `side` is None.
        """
        return cached_images(self.path, side=side, progress=progress).of(split)


def write_class_folders(folder: Path, data: CharacterImages, told: Callable[[int], None] = lambda count: None) -> None:
    """Writes one split as a folder for each class that has an image, such as `U+304A/000123.png`; the number is the id.

    Args:
        folder: where they go; made if it is not there.
        told: gets how many images have been written since it was last called.
    """
    places = [folder / folder_of_class(name) for name in data.classes]
    for label in np.unique(data.labels):
        places[label].mkdir(parents=True)
    digits = max(6, len(str(data.ids.max(initial=0))))  # so that they sort as the ids do
    for pixels, label, identity in zip(data.images, data.labels, data.ids, strict=True):
        Image.fromarray(pixels).save(places[label] / f"{identity:0{digits}d}.png", "PNG")
        told(1)
