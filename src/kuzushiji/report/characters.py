"""Characters within a page: pictures of them in sprites, and the glyphs of one font."""

import base64
import io
from contextlib import closing

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.plots.style import font_file

COLUMNS = 32
"""Cells in a row of a sprite."""


class Sprites:
    """Many small images as few pictures, one for each size of images, of which a page shows a cell at a time.

    The pictures are transparent and as opaque as there is ink, so that the page can use them as masks and choose the
    colour of the ink itself.
    """

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], dict[bytes, NDArray[np.uint8]]] = {}
        self._places: dict[tuple[tuple[int, int], bytes], int] = {}

    def cell(self, image: NDArray[np.uint8]) -> tuple[int, int, int]:
        """Number of the sprite, column and row of an image (H, W); equal images have one cell."""
        size, content = (image.shape[0], image.shape[1]), image.tobytes()
        cells = self._cells.setdefault(size, {})
        cells.setdefault(content, image)
        place = self._places.setdefault((size, content), len(cells) - 1)
        row, column = divmod(place, COLUMNS)
        return list(self._cells).index(size), column, row

    def pictures(self) -> list[bytes]:
        """The sprites as PNG, by their numbers."""
        return [_png(list(cells.values())) for cells in self._cells.values()]

    def style_sheet(self) -> str:
        """A CSS class for each sprite: its picture and the ratio of height to width of its cells."""
        rules = []
        for number, ((height, width), picture) in enumerate(zip(self._cells, self.pictures(), strict=True)):
            ratio = f"--ratio:{height / width};--columns:{COLUMNS}"
            rules.append(f'.sheet-{number}{{--sprite:url("{data_uri(picture, "image/png")}");{ratio}}}')
        return "\n".join(rules)


def _png(images: list[NDArray[np.uint8]]) -> bytes:
    """Images of one size (H, W), `COLUMNS` in a row."""
    height, width = images[0].shape
    rows = -(-len(images) // COLUMNS)
    cells = np.zeros((rows * COLUMNS, height, width), dtype=np.uint8)
    cells[: len(images)] = images
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
