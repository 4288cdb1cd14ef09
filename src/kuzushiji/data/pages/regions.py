"""Pages of which it is known where text stands, and where illustrations and stamps, but not which characters.

NDL's layout dataset (<https://github.com/ndl-lab/layout-dataset>) has them so: an image and beside it a file of the
same name in the format of Pascal VOC, whose objects are `1_overall`, `2_handwritten`, `3_typography`,
`4_illustration`, `5_stamp`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.files.names import SUFFIXES
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_gray

_TEXT, _PICTURES = ("handwritten", "typography"), ("illustration", "stamp")


@dataclass(frozen=True, eq=False)
class RegionedPage:
    """A page and what stands where on it.

    Attributes:
        name: of its files, without the ending.
        image: uint8 (H, W), gray.
        text: float32 (n, 4), the lines of text: left, top, width and height in pixels.
        pictures: float32 (m, 4), illustrations and stamps.
    """

    name: str
    image: NDArray[np.uint8]
    text: NDArray[np.float32]
    pictures: NDArray[np.float32]

    def cut_outs(self) -> list[NDArray[np.uint8]]:
        """The illustrations and stamps, as images."""
        boxes = self.pictures.astype(int).tolist()
        cut = [
            self.image[max(0, top) : top + height, max(0, left) : left + width] for left, top, width, height in boxes
        ]
        return [each for each in cut if each.size]


def read_regions(folder: Path) -> list[RegionedPage]:
    """The pages of a folder, by name.

    Raises:
        DataError: there is none, or a file is damaged.
    """
    tables = sorted(folder.glob("*.xml"))
    if not tables:
        raise DataError(f"{folder} holds no page with regions; expected images with a file of Pascal VOC beside each")
    return [_page(table) for table in tables]


def _page(table: Path) -> RegionedPage:
    image = next((path for path in map(table.with_suffix, SUFFIXES) if path.is_file()), None)
    if image is None:
        raise DataError(f"{table} has no image of the same name beside it")
    try:
        found = [(each.findtext("name") or "", _box(each)) for each in ElementTree.parse(table).iter("object")]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise DataError(f"{table} is no file of Pascal VOC, or not a whole one ({error})") from None
    try:
        pixels = read_gray(image.read_bytes())
    except DataError as error:
        raise DataError(f"{image} {error}") from None

    def of(kinds: Sequence[str]) -> NDArray[np.float32]:
        boxes = [box for name, box in found if name.endswith(tuple(kinds))]
        return np.array(boxes, np.float32).reshape(-1, 4)

    return RegionedPage(table.stem, pixels, of(_TEXT), of(_PICTURES))


def _box(element: ElementTree.Element) -> list[float]:
    left, top, right, bottom = (
        float(element.findtext(f"bndbox/{name}") or "") for name in ("xmin", "ymin", "xmax", "ymax")
    )
    return [left, top, right - left, bottom - top]
