"""A set of the catalogue, as images of characters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.catalogue.sets import Dataset, dataset, folder
from kuzushiji.data.files.array_folder import ArrayFolder
from kuzushiji.data.files.image_files import ImageFiles
from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.data.splits import HASH_SPLITS, Sample
from kuzushiji.errors import DataError

_UNPACKED = "kkanji2"
"""The folder within `kkanji.tar`."""


@dataclass(frozen=True)
class Catalogued:
    """The characters of a set whose files lie in the home folder, as array files or, of kkanji, as image files."""

    entry: Dataset

    @property
    def splits(self) -> tuple[str, ...]:
        """The published ones; where there are none, those that the hash of the pixels makes."""
        return HASH_SPLITS if "all" in self.entry.counts else tuple(self.entry.counts)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The images of a split; image files are brought to `side`, arrays keep the size that they have.

        Raises:
            DataError: files are missing or damaged; the message says how to get them.
        """
        entry = self.entry
        if entry.default_format == "tar":
            return self._image_files.read(split, self._side(side), progress)
        if arrays := self._arrays_of(split):
            return arrays.read(split, side, progress)
        if entry.subset_of:
            whole = Catalogued(dataset(entry.subset_of)).read(split, side, progress)
            return whole.select(slice(entry.counts[split]))
        name = entry.name
        raise self._missing(f"images or labels for {split} ({name}-{split}-imgs.npz, {name}-{split}-labels.npz)")

    def count(self, split: str) -> int:
        """How many images a split has."""
        return self.entry.counts[split] if split in self.entry.counts else self._image_files.count(split)

    def read_some(
        self, split: str, side: int | None, progress: Progress | None, wanted: Sample
    ) -> CharacterImages | None:
        """Some of the images of a split, as `Sampled` has it."""
        if self.entry.default_format == "tar":
            return self._image_files.read_some(split, self._side(side), progress, wanted)
        return arrays.read_some(split, side, progress, wanted) if (arrays := self._arrays_of(split)) else None

    def labelled(self, split: str) -> tuple[NDArray[np.int64], tuple[str, ...]] | None:
        """The labels of a split, where it lies in array files."""
        return arrays.labelled(split) if (arrays := self._arrays_of(split)) else None

    def read_rows(
        self, split: str, side: int | None, progress: Progress | None, rows: NDArray[np.int64]
    ) -> CharacterImages:
        """The images with these numbers, where there are `labelled` ones."""
        arrays = self._arrays_of(split)
        assert arrays is not None
        return arrays.read_rows(split, side, progress, rows)

    def _arrays_of(self, split: str) -> ArrayFolder | None:
        """The set's own array files, where both of a split are there."""
        if self.entry.default_format == "tar":
            return None
        arrays = ArrayFolder(folder(self.entry.name), tuple(self.entry.characters))
        return arrays if (pair := arrays.pairs().get(split)) and pair.is_whole else None

    def _side(self, side: int | None) -> int | None:
        """None for the size that the image files have: no second cache of the same images."""
        return None if (side, side) == self.entry.image_size else side

    @property
    def _image_files(self) -> ImageFiles:
        """The archive, or the folder that it is unpacked into."""
        place, archive = folder(self.entry.name), self.entry.files()[0].name
        for path in (place / archive, place / _UNPACKED):
            if path.exists():
                return ImageFiles(path)
        raise self._missing(archive)

    def _missing(self, file: str) -> DataError:
        name = self.entry.name
        return DataError(
            f"{folder(name)} lacks {file}. `kuzushiji data get {name}` fetches what is missing; "
            f"`kuzushiji data get {name} --from FOLDER` takes the files from a folder of yours"
        )
