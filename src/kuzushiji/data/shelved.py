"""Characters that people corrected in the reading room, as training images: `shelf:BOOK`, or `shelf` for all books.

The shelf is read as it lies in kuzushiji's own folder: `shelf.sqlite`, and the files of its pages by their hash.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.images import CharacterImages, Progress
from kuzushiji.document import geometry
from kuzushiji.document.formats import json as page_json
from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.page import Characters
from kuzushiji.errors import DataError
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.read import read_gray

SIDE = 80
"""Pixels a side of a character, unless another size is asked for."""
_SURE = 0.9


@dataclass(frozen=True)
class Shelved:
    """Where the corrected pages are.

    Taken in are the characters that a person named, and of the pages that a person corrected those that the network
    was sure of: whoever looked at these let them stand.

    Attributes:
        folder: of the shelf.
        book: whose pages; all if None.
    """

    folder: Path
    book: str | None = None

    @property
    def splits(self) -> tuple[str, ...]:
        """Training images alone, which add to those of others."""
        return ("train",)

    def read(self, split: str, side: int | None, progress: Progress | None) -> CharacterImages:
        """The characters, of `SIDE` pixels a side if `side` is None.

        Raises:
            DataError: there is no shelf, or nothing on it is corrected.
        """
        rows, side = self._rows(), side or SIDE
        images, names, source = [], [], {}
        for number, (image, current) in enumerate(rows):
            characters = page_json.read(self._file(current).read_bytes()).characters
            wanted = characters[_certain(characters)]
            gray = read_gray(self._file(image))
            images.append(cut(gray, geometry.whole(wanted.boxes, gray.shape[::-1]), (side, side)))
            names += wanted.best.tolist()
            source[image] = image
            if progress:
                progress(number + 1, len(rows))
        if not names:
            raise DataError(f"{self._what} has no corrected page yet; correct some with `kuzushiji serve --open`")
        classes, labels = np.unique(names, return_inverse=True)
        return CharacterImages(
            np.concatenate(images), labels.astype(np.int64), tuple(classes.tolist()), split=split, source=source
        )

    @property
    def _what(self) -> str:
        return f"the shelf in {self.folder}" if self.book is None else f"the book {self.book!r} on the shelf"

    def _rows(self) -> list[tuple[str, str]]:
        """The image and the JSON of each corrected page, by their hashes."""
        path = self.folder / "shelf.sqlite"
        if not path.exists():
            raise DataError(f"there is no shelf in {self.folder}; `kuzushiji serve` makes one")
        asked = "SELECT image, current, book FROM pages WHERE state = 'corrected' ORDER BY number"
        try:
            connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
            try:
                found = connection.execute(asked).fetchall()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DataError(f"{path} can't be read as a shelf ({error})") from None
        return [(image, current) for image, current, book in found if self.book in (None, book)]

    def _file(self, digest: str) -> Path:
        return self.folder / "files" / digest[:2] / digest


def _certain(characters: Characters) -> NDArray[np.bool_]:
    single = np.array([len(name) == 1 and name != NAMELESS for name in characters.best.tolist()], np.bool_)
    return (characters.probabilities[:, 0] >= _SURE) & single
