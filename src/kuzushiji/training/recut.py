"""Images of single characters -> the same as a detector's boxes would cut them out of a column of writing."""

import torch
from torch import Tensor
from torch.nn import functional as F

_INK = 0.25
"""A pixel from so bright on is ink."""
_SMALLEST = 4.0
"""Pixels that a character is taken to have on each side at least."""
_ALONG, _ACROSS = 1.1, 0.6
"""Edges above and below move more than those at the sides: where a character begins in a column is the question."""
_WILD, _WILDER = 0.2, 2.4
"""How many boxes are far off, and how much more than the others."""
_CUT, _ADDED = 0.22, 0.42
"""No box cuts off more of a side than that, or adds more than that of the longer side."""
_NEIGHBOURS, _GAP, _ASIDE = 0.85, 0.04, 0.06
"""How often something stands above or below; how far off and how far aside it does, as a share of the image."""


def recut(images: Tensor, spread: float) -> Tensor:
    """Cuts each character out anew, its box moved, with what parts of others above and below fall into it.

    How far the edges of a detector's boxes lie from the true ones was measured on 16 pages: the middle half within
    0.03 of the longer side across the column and 0.045 along it, with tails to 0.17 and 0.45.

    Args:
        images: float (B, 1, H, W), ink bright on black, each character in the middle as `imaging.cut` leaves it.
        spread: how far the edges move usually, as a share of the character's longer side (the scale of a Laplace
            distribution).

    Returns:
        float (B, 1, H, W), the new boxes in the middle.  Others above and below are images of the same batch.
    """
    count, device = len(images), images.device
    rows, columns = images.shape[-2:]
    extents = _extents(images)
    left, top, right, bottom = extents.unbind(1)
    width, height = (right - left).clamp(min=_SMALLEST), (bottom - top).clamp(min=_SMALLEST)
    longest = torch.maximum(width, height)
    moved = _moved(torch.stack([width, height, width, height], 1), longest, spread)
    low_x, low_y, high_x, high_y = (extents + moved * torch.tensor([-1.0, -1.0, 1.0, 1.0], device=device)).unbind(1)

    reach = torch.maximum((high_x - low_x) / columns, (high_y - low_y) / rows)[:, None]
    across = ((low_x + high_x) / 2)[:, None] + (torch.arange(columns, device=device) + 0.5 - columns / 2) * reach
    down = ((low_y + high_y) / 2)[:, None] + (torch.arange(rows, device=device) + 0.5 - rows / 2) * reach
    cut = _sampled(images, across, down)
    for is_above in (True, False):
        others = torch.randperm(count, device=device)
        their_left, their_top, their_right, their_bottom = extents[others].unbind(1)
        gap = rows * _GAP * (1 + 1.5 * torch.randn(count, device=device))
        aside = (their_left + their_right - left - right) / 2 + columns * _ASIDE * torch.randn(count, device=device)
        shift = their_bottom - top + gap if is_above else their_top - bottom - gap
        there = (torch.rand(count, device=device) < _NEIGHBOURS)[:, None, None, None]
        cut = torch.maximum(cut, _sampled(images[others], across + aside[:, None], down + shift[:, None]) * there)
    in_columns = (across >= low_x[:, None]) & (across <= high_x[:, None])
    in_rows = (down >= low_y[:, None]) & (down <= high_y[:, None])
    return cut * (in_rows[:, :, None] & in_columns[:, None, :])[:, None]


def _extents(images: Tensor) -> Tensor:
    """(B, 4): left, top, right and bottom of the ink in pixels; the whole image where there is none."""
    ink = images[:, 0] > _INK
    ends = []
    for inked in (ink.any(1), ink.any(2)):
        size = inked.shape[1]
        place = torch.arange(size, device=images.device)
        first = torch.where(inked, place, size).amin(1)
        last = torch.where(inked, place + 1, 0).amax(1)
        blank = last == 0
        ends.append((first.masked_fill(blank, 0), last.masked_fill(blank, size)))
    (left, right), (top, bottom) = ends
    return torch.stack([left, top, right, bottom], 1).float()


def _moved(sides: Tensor, longest: Tensor, spread: float) -> Tensor:
    """(B, 4): by how many pixels each edge moves outwards; `sides` are those that it shortens if it moves inwards."""
    count, device = len(sides), sides.device
    chance = torch.rand(count, 4, device=device) - 0.5
    laplace = -chance.sign() * torch.log1p(-2 * chance.abs().clamp(max=0.4999))
    wild = torch.where(torch.rand(count, 1, device=device) < _WILD, _WILDER, 1.0)
    usual = spread * torch.tensor([_ACROSS, _ALONG, _ACROSS, _ALONG], device=device)
    return torch.maximum((laplace * wild * usual).clamp(max=_ADDED) * longest[:, None], -_CUT * sides)


def _sampled(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """(B, 1, h, w): the images at columns `across` (B, w) and rows `down` (B, h) in pixels, black outside them."""
    rows, columns = images.shape[-2:]
    x = (across / columns * 2 - 1)[:, None, :].expand(-1, down.shape[1], -1)
    y = (down / rows * 2 - 1)[:, :, None].expand(-1, -1, across.shape[1])
    return F.grid_sample(images, torch.stack([x, y], 3), "bilinear", "zeros", align_corners=False)
