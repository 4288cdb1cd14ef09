"""Pages whose metadata turn them (EXIF): whether their boxes are those of the page as a person sees it, or as stored.

Who drew them had a viewer that turned the image, or a program that did not.  Boxes that reach beyond the one and not
beyond the other belong to the other; where both fit, they belong to that in which they cover more ink.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.document.geometry import clip
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import orientation_of, read_gray

_MANY = 0.1
"""The share of the boxes by which more must reach beyond the one than beyond the other, to belong to the other."""
_HEAD = 2**17
"""Bytes of a file in which its orientation stands, but for TIFF."""


@dataclass
class Turned:
    """Which pages are turned, and how their boxes were taken."""

    upright: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)

    def boxes(self, name: str, image: PageFile, reader: FileReader, boxes: NDArray[np.int32]) -> NDArray[np.int32]:
        """The boxes of a page, int32 (n, 4), as they are on the page when it is upright."""
        try:
            orientation = orientation_of(reader.beginning(image, _HEAD))
            if orientation == 1 or not len(boxes):
                return boxes
            gray = read_gray(reader.content(image))
        except DataError:  # which is told of when it is cut
            return boxes
        height, width = gray.shape
        turned = turned_boxes(boxes, (height, width) if orientation >= 5 else (width, height), orientation)
        as_stored = _is_better(turned, boxes, gray)
        (self.stored if as_stored else self.upright).append(name)
        return turned if as_stored else boxes

    @property
    def note(self) -> str:
        """What is to be said of it, empty if no page is turned."""
        parts = [
            f"the boxes of {len(names):,} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}) are taken {how}"
            for names, how in ((self.upright, "as they are"), (self.stored, "for those of the file as stored"))
            if names
        ]
        return f"pages are turned by their metadata: {'; '.join(parts)}" if parts else ""


def turned_boxes(boxes: NDArray[np.int32], size: tuple[int, int], orientation: int) -> NDArray[np.int32]:
    """Boxes on an image as it is stored -> as it stands when an orientation of EXIF is carried out.

    Args:
        boxes: (n, 4): left, top, width and height.
        size: width and height of the image as stored.
        orientation: 1 to 8.
    """
    (left, top, width, height), (whole_width, whole_height) = boxes.T, size
    right, below = whole_width - left - width, whole_height - top - height
    x, y = {
        1: (left, top),
        2: (right, top),
        3: (right, below),
        4: (left, below),
        5: (top, left),
        6: (below, left),
        7: (below, right),
        8: (top, right),
    }[orientation]
    sides = (height, width) if orientation >= 5 else (width, height)
    return np.stack([x, y, *sides], axis=1).astype(np.int32)


def _is_better(these: NDArray[np.int32], those: NDArray[np.int32], gray: NDArray[np.uint8]) -> bool:
    """Whether the first boxes belong to a page rather than the others."""
    more = _beyond(those, gray) - _beyond(these, gray)
    if abs(more) > _MANY * len(these):
        return more > 0
    # Whatever its polarity, ink is far from the usual tone, which is that of the paper.
    ink = np.abs(gray.astype(np.int16) - int(np.median(gray)))
    sums = np.pad(ink, ((1, 0), (1, 0))).cumsum(0, np.int64).cumsum(1)
    return _covered(these, gray, sums) > _covered(those, gray, sums)


def _beyond(boxes: NDArray[np.int32], gray: NDArray[np.uint8]) -> int:
    """How many boxes reach beyond a page."""
    return int(np.count_nonzero((clip(boxes, gray.shape[::-1]) != boxes).any(axis=1)))


def _covered(boxes: NDArray[np.int32], gray: NDArray[np.uint8], sums: NDArray[np.int64]) -> float:
    """The mean ink of a pixel in a box."""
    within = clip(boxes, gray.shape[::-1])
    left, top, width, height = within[(within[:, 2:] > 0).all(axis=1)].T
    right, below = left + width, top + height
    ink = sums[below, right] - sums[top, right] - sums[below, left] + sums[top, left]
    return float(ink.sum() / max(1, (width * height).sum()))
