"""What a reader of pages is, whoever made its networks: ours (`reader.py`) or others' (`ndl.py`)."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.document.page import Page, Step
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import Source, as_array, read_content


class PageReader(Protocol):
    """An image of a page in, a `Page` out."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """How it reads: what it reads depends on nothing else but the image."""
        ...

    def __call__(self, image: Source, name: str | None = None) -> Page:
        """Reads one page.

        Args:
            image: of any size and colour.
            name: what it is called; its path if None.

        Raises:
            DataError: it can't be read; the message names it.
        """
        ...

    def read_many(self, images: Source | Iterable[Source | tuple[str, Source]]) -> Iterator[Page]:
        """Reads pages one after the other.

        Raises:
            DataError: one of them can't be read; the message names it.
        """
        ...


def decoded(
    image: Source, name: str | None, decode: Callable[[Source], NDArray[np.uint8]]
) -> tuple[str, str | None, NDArray[np.uint8]]:
    """What an image is called, the SHA-256 of its file (None of what is pixels already), and its pixels.

    Args:
        decode: makes pixels of it, such as `read_gray`.

    Raises:
        DataError: it can't be read; the message names it.
    """
    name = name or (str(image) if isinstance(image, str | Path) else "the image")
    try:
        image = as_array(image)
        if isinstance(image, np.ndarray | Image.Image):
            return name, None, decode(image)
        content = read_content(image)
        return name, hashlib.sha256(content).hexdigest(), decode(content)
    except DataError as error:
        raise DataError(f"{name} {error}") from None
