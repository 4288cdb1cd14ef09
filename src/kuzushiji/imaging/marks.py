"""Whether an image shows a page of writing, of which no single character can be named.

A network names one character whatever it is shown, and of a page it may be quite sure.  A page is told by the number of
its marks, separate pieces of ink; `python benchmarks/page_marks.py PAGES --data kkanji kmnist6k` counts those of pages
and of characters.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

MOST_MARKS = 70
"""An image with more of them is a page: the most of a character, cut out tightly or loosely, was 53; the least of a
page was 94."""
_LOOK = 512
"""Marks are looked for in a copy of at most so many pixels a side."""
_LEAST = 256
"""Nobody can read a page of fewer pixels a side."""
_AROUND = 12
"""Ink differs from the mean of its surroundings, which reach so many times into the longer side."""
_CONTRAST, _LEAST_CONTRAST = 0.4, 16
"""By so much of what the inkiest pixels differ, and by so many tones."""
_INKIEST = 99.5
_SHORTEST, _LONGEST = 0.012, 0.2
"""Sizes of a mark, as shares of the longer side: what is smaller is a speck, what is larger is not on a page, or its
frame or shadow."""


def count_marks(gray: NDArray[np.uint8]) -> int:
    """How many separate marks of about the size of writing an image shows.

    Args:
        gray: uint8 (H, W), dark ink on bright paper or the other way round.
    """
    longer = max(gray.shape)
    if longer < _LEAST:
        return 0
    image = Image.fromarray(gray).reduce(-(-longer // _LOOK))
    longer = max(image.size)
    tones = np.asarray(image.filter(ImageFilter.GaussianBlur(1)), np.int16)
    difference = np.asarray(image.filter(ImageFilter.BoxBlur(longer / _AROUND)), np.int16) - tones
    darkest, brightest = np.percentile(difference, [_INKIEST, 100 - _INKIEST])
    if -brightest > darkest:  # bright ink
        difference, darkest = -difference, -brightest
    sizes = _piece_sizes(difference > max(_LEAST_CONTRAST, _CONTRAST * darkest))
    return int(np.count_nonzero((sizes >= _SHORTEST * longer) & (sizes <= _LONGEST * longer)))


def label_pieces(ink: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The connected pieces of ink, diagonal neighbours included.

    Returns:
        int64 (H, W), the number of the piece that each pixel belongs to, -1 if it is no ink; int64 (n, 4), the top,
        left, bottom and right end of each piece; int64 (n,), their pixels.
    """
    changes = np.diff(np.pad(ink, ((0, 0), (1, 1))).astype(np.int8))
    rows, starts = np.nonzero(changes == 1)  # each run of ink within a row
    ends = np.nonzero(changes == -1)[1]
    number = _pieces_of_runs(rows, starts, ends, ink.shape[1] + 1)
    count = number.max(initial=-1) + 1
    boxes = np.concatenate([np.full((count, 2), np.iinfo(np.int64).max), np.zeros((count, 2), np.int64)], axis=1)
    for column, edge in enumerate((rows, starts)):
        np.minimum.at(boxes[:, column], number, edge)
    for column, edge in enumerate((rows + 1, ends), start=2):
        np.maximum.at(boxes[:, column], number, edge)
    steps = np.zeros((ink.shape[0], ink.shape[1] + 1), np.int64)
    steps[rows, starts] += number + 1
    steps[rows, ends] -= number + 1
    labels = steps.cumsum(axis=1)[:, :-1] - 1
    return labels, boxes, np.bincount(number, ends - starts, count).astype(np.int64)


def _pieces_of_runs(
    rows: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64], stride: int
) -> NDArray[np.int64]:
    """The number of the piece that each run belongs to."""
    # In the row above, a run is touched by those from the first that ends at its start or later to the last that
    # starts at its end or earlier.
    first = np.searchsorted(rows * stride + ends, (rows - 1) * stride + starts)
    last = np.searchsorted(rows * stride + starts, (rows - 1) * stride + ends, side="right")
    touched = np.maximum(last - first, 0)
    below = np.repeat(np.arange(len(rows)), touched)
    above = np.arange(len(below)) - np.repeat(np.cumsum(touched) - touched, touched) + np.repeat(first, touched)

    piece = np.arange(len(rows))  # of each run, the lowest number of a run that it is known to hang together with
    while True:
        lowest = np.minimum(piece[below], piece[above])
        joined = piece.copy()
        np.minimum.at(joined, piece[below], lowest)
        np.minimum.at(joined, piece[above], lowest)
        joined = joined[joined]
        if np.array_equal(joined, piece):
            break
        piece = joined
    return np.unique(piece, return_inverse=True)[1]


def _piece_sizes(ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The longer side of each connected piece of ink."""
    _, boxes, _ = label_pieces(ink)
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
