"""A scan of one character without what is not writing: shadows, the black bed of the scanner, printed lines.

Everything is looked for on a small copy.  Where nothing is found the image stays as it is, so that an image without
such things is read as ever; else the small copy comes back, its paper evenly white and its ink dark.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from kuzushiji.imaging.groups import doubt_of
from kuzushiji.imaging.ink import LEAST_CONTRAST, paper_side
from kuzushiji.imaging.marks import label_pieces

_LOOK = 200
"""Pixels of the longer side of the small copy, at most."""
_LEAST = 16
"""On fewer pixels a side nothing can be told."""
_TWO_TONES = 0.75
"""If so much of an image is about as dark as its darkest or as bright as its brightest, it has no shadows."""
_BORDER, _CLEAR = 0.07, 0.3
"""What lies beside the paper is within such a share of a side; on which side of the middle between the darkest and the
brightest the paper is, is clear from such a distance on, of half of what is between the two."""
_STROKE = 0.35
"""No stroke is so thick, as a share of the longer side: what is dark over a square of that side is darker paper."""
_FULL_SIDE = 0.95
"""A side of the image that is dark along so much of it goes on being dark beyond."""
_UNEVEN = 0.25
"""Paper is uneven if its tones differ by such a share of the contrast of the ink."""
_BED = 0.3
"""What is so much darker than the paper is no paper, but what it lies on."""

_SCREEN = 110
"""The dots of a screen vanish in a blur of the longer side divided by this."""
_DOT, _MOST_DOTS = 0.03, 100
"""Pieces of ink so small, as a share of the longer side, are dots; more of them than this are a screen."""
_FAINTEST, _STRONGEST = 0.2, 0.6
"""Of the way from paper to ink: what shows through from the other side has tones between these."""
_EVEN, _LEAST_BEHIND = 0.12, 0.012
"""It is even to such a share of the contrast, over such a share of the image at least."""
_LONG, _THIN = 0.6, 0.06
"""Shares of a side of the image: a printed line is at least so long, and at most so thick."""
_FAINT_LINE = 0.3
"""Of the way from paper to ink: a thin line on the small copy is so dark at least."""
_ONE_SIDE = 0.97
"""Of the writing, so much is on one side of a printed line."""
_LEAST_REST = 0.1
"""Of the ink, so much is not printed lines."""


@dataclass(frozen=True)
class Cleaned:
    """A scan of one character, cleaned.

    Attributes:
        gray: uint8 (H, W).
        changed: what was found and taken away; nothing if `gray` is the image as it came.
        doubt: why it may not be one whole character; empty if nothing says so.
    """

    gray: NDArray[np.uint8]
    changed: tuple[str, ...] = ()
    doubt: str = ""


def clean(gray: NDArray[np.uint8]) -> Cleaned:
    """Takes shadows, scanner beds, printed lines, screens of dots and what shows through off a scan of one character.

    Args:
        gray: uint8 (H, W), dark ink on bright paper or the other way round.
    """
    small = _small(gray)
    if min(small.shape) < _LEAST:
        return Cleaned(gray)
    if not _has_dark_ink(small):
        small = 255 - small
    changed: list[str] = []
    background = _background(small)
    brightest, darkest = _quantile(background, 0.95), _quantile(small, 0.005)
    if brightest - darkest < LEAST_CONTRAST:
        return Cleaned(gray)
    if brightest - _quantile(background, 0.01) > _UNEVEN * (brightest - darkest):
        small = _flattened(small, background)
        changed.append("uneven paper")
    if _is_screened(small):
        small = np.asarray(Image.fromarray(small).filter(ImageFilter.GaussianBlur(max(small.shape) / _SCREEN)))
        changed.append("screen")
    paper, darkest = _quantile(small, 0.6), _quantile(small, 0.005)
    if (behind := _shown_through(small, paper, darkest)) < paper:
        small = np.where(small >= behind, paper, small).astype(np.uint8)
        changed.append("bleed-through")
    lines = _printed_lines(small < paper - _FAINT_LINE * (paper - darkest))
    if lines.any():
        small = np.where(_grown(lines), paper, small).astype(np.uint8)
        changed.append("lines")
    doubt = doubt_of(small < (paper + darkest) / 2)
    return Cleaned(small if changed else gray, tuple(changed), doubt)


def _quantile(gray: NDArray[np.uint8], share: float) -> int:
    """The tone that such a share of the pixels do not exceed."""
    sums = np.bincount(gray.ravel(), minlength=256).cumsum()
    return int(sums.searchsorted(share * sums[-1]))


def _shown_through(gray: NDArray[np.uint8], paper: int, darkest: int) -> float:
    """The tone of the darkest writing that shows through from the other side; that of the paper if none does.

    It is told by its evenness: the edges of strokes have its tones too, but not over several pixels.
    """
    contrast = max(1, paper - darkest)
    spread = _most(gray, 3).astype(np.int16) - (255 - _most(255 - gray, 3))
    share = (paper - gray.astype(np.float32)) / contrast
    even = (spread < _EVEN * contrast) & (share > _FAINTEST) & (share < _STRONGEST)
    if even.mean() < _LEAST_BEHIND:
        return float(paper)
    return paper - contrast * min(_STRONGEST, float(np.quantile(share[even], 0.95)) + 0.08)


def _small(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    longer = max(gray.shape)
    if longer <= _LOOK:
        return gray
    height, width = (max(1, round(side * _LOOK / longer)) for side in gray.shape)
    return np.asarray(Image.fromarray(gray).resize((width, height), Image.Resampling.BOX, reducing_gap=3))


def _has_dark_ink(gray: NDArray[np.uint8]) -> bool:
    """By what its edge is, if that is clear and the same further in, where no bed of a scanner is; else by its parts.

    Of 835 crops of pages, cut close to the character, 1 is told wrongly; by the parts alone, 63.
    """
    height, width = (round(_BORDER * side) for side in gray.shape)
    inner = gray[height : gray.shape[0] - height, width : gray.shape[1] - width]
    sides = [paper_side(Image.fromarray(each)) for each in (gray, inner)]
    if min(sides) >= _CLEAR or max(sides) <= -_CLEAR:
        return sides[0] > 0
    return _is_mostly_paper(gray)


def _is_mostly_paper(gray: NDArray[np.uint8]) -> bool:
    """Whether most is bright, if it has two tones; else by a vote of its parts, in most of which most is paper."""
    few = np.asarray(Image.fromarray(gray).resize((48, 48), Image.Resampling.BOX), np.int64)
    low, high = np.quantile(few, (0.02, 0.98))
    dark, bright = (few < low + 0.3 * (high - low)).mean(), (few > high - 0.3 * (high - low)).mean()
    if dark + bright > _TWO_TONES:
        return bool(bright > dark)
    parts = np.sort(few.reshape(8, 6, 8, 6).swapaxes(1, 2).reshape(8, 8, 36), axis=2)
    votes = 2 * parts[..., 18] - parts[..., 0] - parts[..., -1]
    return int(9 * votes[1:-1, 1:-1].sum() + votes.sum()) > 0  # along the edges may be what is beside the paper


def _background(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The tone of the paper at each pixel: the image without strokes, the edges of its shadows sharp."""
    reach = max(3, round(_STROKE * max(gray.shape)))
    padded = np.pad(gray, reach, constant_values=255)
    for turns in range(4):
        _extend(np.rot90(padded, turns), np.rot90(gray, turns), reach)
    closed = _least(_most(padded, reach), reach)
    height, width = gray.shape
    return closed[reach : reach + height, reach : reach + width]


def _extend(padded: NDArray[np.uint8], gray: NDArray[np.uint8], reach: int) -> None:
    """Lets what is dark along the whole upper side, or over one of its corners, go on beyond it."""
    half = (int(gray.max()) + int(gray.min())) / 2
    width = gray.shape[1]
    row, columns = gray[0], (gray[:, 0], gray[:, -1])
    if (row < half).mean() < _FULL_SIDE:
        row = _closed(row, reach)
        bright = 0.75 * int(row.max())
        ends = [
            row[end] < bright and _closed(column, reach)[0] < bright
            for end, column in zip((0, -1), columns, strict=True)
        ]
        if not any(ends):
            return
    padded[:reach, reach : reach + width] = row
    padded[:reach, :reach] = row[0]
    padded[:reach, reach + width :] = row[-1]


def _closed(row: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """A row of pixels without what is dark over fewer of them than `reach`."""
    padded = np.pad(row, reach, mode="edge")[:, None]
    most = _running(padded, reach)[::-1]
    return (255 - _running(255 - most, reach))[::-1][reach:-reach, 0]


def _most(pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """The brightest of the `reach` x `reach` pixels that begin at each (fewer at the ends)."""
    for axis in (0, 1):
        pixels = np.moveaxis(_running(np.moveaxis(pixels, axis, 0), reach), 0, axis)
    return pixels


def _least(pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """The darkest of the `reach` x `reach` pixels that end at each (fewer at the ends)."""
    return 255 - _most(255 - pixels[::-1, ::-1], reach)[::-1, ::-1]


def _running(pixels: NDArray[np.uint8], reach: int) -> NDArray[np.uint8]:
    """The maximum of the `reach` rows that begin at each."""
    found, covered = pixels.copy(), 1
    while covered < reach:
        step = min(covered, reach - covered)
        found[:-step] = np.maximum(found[:-step], found[step:])
        covered += step
    return found


def _flattened(gray: NDArray[np.uint8], background: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """With paper that is white everywhere."""
    usual = _quantile(background, 0.9)
    share = gray / np.maximum(background, 1.0)
    share[background < _BED * usual] = 1
    return (255 * share.clip(0, 1)).astype(np.uint8)


def _is_screened(gray: NDArray[np.uint8]) -> bool:
    """Whether tones are made of dots."""
    ink = gray < (int(gray.max()) + int(gray.min())) / 2
    _, boxes, _ = label_pieces(ink)
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    return int(np.count_nonzero(sizes <= _DOT * max(gray.shape))) > _MOST_DOTS


def _printed_lines(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Rules from one end of the image to the other, and frames, with the writing on one side of each line."""
    upright, level = _straight(ink), _straight(ink.T)
    whole = np.zeros_like(ink)
    for lines, target in ((upright, whole), (level, whole.T)):
        for line in lines:
            target[line.rows, line.left : line.right] = True
    rest = ink & ~_grown(whole & ink)
    if np.count_nonzero(rest) < _LEAST_REST * np.count_nonzero(ink):
        return np.zeros_like(ink)
    found = np.zeros_like(ink)
    framing = [
        [line for line in lines if line.has_on_one_side(turned)] for lines, turned in ((upright, rest), (level, rest.T))
    ]
    is_frame = min(map(len, framing)) > 0 and sum(map(len, framing)) >= 3
    for lines, target in zip(framing, (found, found.T), strict=True):
        for line in lines:
            if is_frame or line.is_whole:
                target[line.rows, line.left : line.right] = True
    return found & ink


@dataclass(frozen=True)
class _Line:
    """An upright line: its rows and columns, and whether it goes from one end of the image to the other."""

    rows: slice
    left: int
    right: int
    is_whole: bool

    def has_on_one_side(self, rest: NDArray[np.bool_]) -> bool:
        before, after = np.count_nonzero(rest[:, : self.left]), np.count_nonzero(rest[:, self.right :])
        return bool(max(before, after) >= _ONE_SIDE * np.count_nonzero(rest))


def _straight(ink: NDArray[np.bool_]) -> list[_Line]:
    """Upright lines that are long, thin, straight and of one thickness."""
    height = len(ink)
    tolerance = max(ink.shape) // 150
    thickened = ink.copy()
    thickened[:, 1:] |= ink[:, :-1]
    thickened[:, :-1] |= ink[:, 1:]
    long = _longest_runs(thickened) >= _LONG * height
    found = []
    for left, right in np.flatnonzero(np.diff(np.pad(long.astype(np.int8), 1))).reshape(-1, 2).tolist():
        if right - left > _THIN * max(ink.shape) + 2:
            continue
        part = ink[:, left:right]
        rows = np.flatnonzero(part.any(axis=1))
        starts, thickness = part[rows].argmax(axis=1), part[rows].sum(axis=1)
        uneven = np.abs(thickness - np.median(thickness)) > tolerance
        uneven |= np.abs(starts - np.median(starts)) > tolerance
        if uneven.mean() <= 0.15:
            ends = 0.02 * height
            is_whole = bool(rows[0] <= ends and rows[-1] >= height - 1 - ends)
            found.append(_Line(slice(int(rows[0]), int(rows[-1]) + 1), left, right, is_whole))
    return found


def _longest_runs(ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each column, the length of its longest run."""
    row = np.arange(len(ink) + 1)[:, None]
    last = np.maximum.accumulate(np.where(np.pad(ink, ((1, 0), (0, 0))), 0, row), axis=0)
    found: NDArray[np.int64] = (row - last).max(axis=0)
    return found


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and the pixels beside it."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    wide = grown.copy()
    wide[:, 1:] |= grown[:, :-1]
    wide[:, :-1] |= grown[:, 1:]
    return wide
