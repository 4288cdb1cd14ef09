"""Characters within a page: pictures of them in one sprite, and the glyphs of one font."""

import base64
import io
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.plots.style import font_file

COLUMNS = 32
"""Cells in a row of the sprite."""


class Sprite:
    """Many small images as one picture, of which a page shows a cell at a time.

    The picture is transparent and as opaque as there is ink, so that the page can use it as a mask and choose the
    colour of the ink itself.
    """

    def __init__(self) -> None:
        self._cells: dict[int, int] = {}
        self._images: list[NDArray[np.uint8]] = []

    def cell(self, key: int, image: NDArray[np.uint8]) -> tuple[int, int]:
        """Column and row of an image (H, W), which is entered unless one with the same key is there already."""
        if key not in self._cells:
            self._cells[key] = len(self._images)
            self._images.append(image)
        row, column = divmod(self._cells[key], COLUMNS)
        return column, row

    def png(self) -> bytes:
        """The picture; a single empty pixel if there are no images."""
        if not self._images:
            ink = np.zeros((1, 1), dtype=np.uint8)
        else:
            height, width = self._images[0].shape
            rows = -(-len(self._images) // COLUMNS)
            cells = np.zeros((rows * COLUMNS, height, width), dtype=np.uint8)
            cells[: len(self._images)] = self._images
            ink = cells.reshape(rows, COLUMNS, height, width).swapaxes(1, 2).reshape(rows * height, COLUMNS * width)
        # Sixteen strengths of ink are as many as the eye tells apart here, and halve the file.
        picture = Image.fromarray(np.rint(ink / 17).astype(np.uint8)).convert("P")
        picture.putpalette([0] * 48)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", bits=4, transparency=bytes(range(0, 256, 17)), optimize=True)
        return buffer.getvalue()


def font_subset(text: str) -> bytes:
    """IPAex Gothic with the glyphs of `text` alone, as WOFF.

    A page that carries it shows these characters on machines without Japanese fonts too.
    """
    from fontTools import subset

    options = subset.Options(
        layout_features=[], flavor="woff", hinting=False, drop_tables=["GPOS", "GSUB", "vhea", "vmtx"]
    )
    buffer = io.BytesIO()
    with closing(subset.load_font(str(font_file()), options)) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=text)
        subsetter.subset(font)
        subset.save_font(font, buffer, options)
    return buffer.getvalue()


def data_uri(content: bytes, kind: str) -> str:
    """A `data:` address that holds the content itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
