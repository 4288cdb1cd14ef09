"""Image files in a folder for each class, or a tar of such folders, as images of characters."""

from dataclasses import dataclass
from pathlib import Path

from kuzushiji.data.files.cache import cached_images
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
