"""Augmentation of whole batches of images as tensors.

There are no flips: a mirrored character is another thing.  What moves in from outside is black, as the background.
"""

import math
from functools import cache, reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from kuzushiji.training.recut import recut as cut_anew

ELASTIC_POINTS = 5
"""Control points along each side of the grid that an elastic bend moves."""


def augment(
    images: Tensor,
    *,
    translate: float = 0.0,
    rotate: float = 0.0,
    scale: float = 0.0,
    shear: float = 0.0,
    elastic: float = 0.0,
    thickness: float = 0.0,
    cutout: float = 0.0,
    erasing: float = 0.0,
    recut: float = 0.0,
) -> Tensor:
    """Changes each image of a batch at random, each in its own way, drawing from PyTorch's default generator.

    Args:
        images: float (B, 1, H, W), background 0.
        translate: largest shift along each axis, as a share of the side.
        rotate: largest rotation, in degrees.
        scale: largest change of size, as a share; each axis has its own.
        shear: largest slant, as a share of the height.
        elastic: standard deviation of the displacement of a 5 x 5 grid of control points, as a share of the
            side; between them it is interpolated smoothly (after Simard et al. 2003).
        thickness: by how much strokes grow on either side, or shrink, at most, as a share of the side: the image
            comes so near to its grey dilation or erosion.
        cutout: side of a square that is blanked at a random place, as a share of the side; its centre lies in the
            image, so that part of it may lie outside (DeVries and Taylor 2017).
        erasing: share of the images in which a rectangle of 2 to 33 % of the area, and sides in a ratio of 0.3 to 3.3,
            is filled with noise (Zhong et al. 2020).
        recut: how far the edges of a character's box move, as a share of its longer side, and what stands above and
            below comes in; see `recut.recut`, for square images.

    Returns:
        float (B, 1, H, W).
    """
    if translate or rotate or scale or shear or elastic:
        places = _places(images, _affine(images, translate, rotate, scale, shear))
        if elastic:
            places = places + _elastic(images, elastic)
        images = F.grid_sample(
            images, places.permute(0, 2, 3, 1), mode="bilinear", padding_mode="zeros", align_corners=False
        )
    if thickness:
        images = _thicker(images, thickness)
    if recut:
        images = cut_anew(images, recut)
    if cutout:
        images = images * _outside_square(images, cutout)
    if erasing:
        images = torch.where(_in_rectangle(images, erasing), torch.rand_like(images), images)
    return images


def resized(images: Tensor, share: float) -> Tensor:
    """Images (B, 1, H, W) with sides of so large a share, each pixel the mean of what it stands for."""
    height, width = (max(1, round(side * share)) for side in images.shape[-2:])
    return images if share == 1 else F.interpolate(images, (height, width), mode="area")


def _uniform(images: Tensor, limit: float) -> Tensor:
    """(B,) values between -limit and limit."""
    return (torch.rand(len(images), device=images.device) * 2 - 1) * limit


def _affine(images: Tensor, translate: float, rotate: float, scale: float, shear: float) -> Tensor:
    """(B, 2, 3) matrices from output to input coordinates, which run from -1 to 1."""
    angle = _uniform(images, math.radians(rotate))
    cosine, sine = torch.cos(angle), torch.sin(angle)
    slant = _uniform(images, shear)
    width, height = 1 + _uniform(images, scale), 1 + _uniform(images, scale)
    across, along = _uniform(images, 2 * translate), _uniform(images, 2 * translate)
    top = torch.stack([cosine * width, (cosine * slant - sine) * height, across], dim=1)
    bottom = torch.stack([sine * width, (sine * slant + cosine) * height, along], dim=1)
    return torch.stack([top, bottom], dim=1)


def _places(images: Tensor, matrices: Tensor) -> Tensor:
    """(B, 2, H, W), across and down: where in the images, whose sides run from -1 to 1, each pixel comes from.

    What `F.affine_grid` gives, which multiplies a matrix for each pixel, and takes ten times as long.
    """
    down, across = (torch.arange(1 - size, size, 2, device=images.device) / size for size in images.shape[-2:])
    return (matrices[:, :, :1] * across + matrices[:, :, 2:])[:, :, None] + (matrices[:, :, 1:2] * down)[..., None]


def _elastic(images: Tensor, strength: float) -> Tensor:
    """(B, 2, H, W) displacements."""
    points = torch.randn(len(images), 2, ELASTIC_POINTS, ELASTIC_POINTS, device=images.device) * (2 * strength)
    rows, columns = (_between_points(size, images.device) for size in images.shape[-2:])
    return rows @ points @ columns.T


@cache
def _between_points(size: int, device: torch.device) -> Tensor:
    """(size, ELASTIC_POINTS): how much each control point counts at each pixel of a side."""
    points = torch.eye(ELASTIC_POINTS, device=device)[:, None, :, None]
    return F.interpolate(points, size=(size, 1), mode="bicubic", align_corners=True)[:, 0, :, 0].T


def _thicker(images: Tensor, limit: float) -> Tensor:
    """(B, 1, H, W), each somewhere between its erosion and its dilation."""
    pixels = limit * max(images.shape[-2:])
    radius = math.ceil(pixels)
    grown, shrunk = (sign * _largest_around(sign * images, radius) - images for sign in (1, -1))
    share = _uniform(images, pixels / radius)[:, None, None, None]
    return images + share.clamp(min=0) * grown + (-share).clamp(min=0) * shrunk


def _largest_around(images: Tensor, radius: int) -> Tensor:
    """(B, 1, H, W), the largest value of the square around each pixel: along one side, then along the other."""
    for side in (2, 3):
        padding = (radius, radius) if side == 3 else (0, 0, radius, radius)
        padded, size = F.pad(images, padding, value=-math.inf), images.shape[side]
        images = reduce(torch.maximum, (padded.narrow(side, start, size) for start in range(2 * radius + 1)))
    return images


def _outside_square(images: Tensor, share: float) -> Tensor:
    """(B, 1, H, W), False inside a square of each image."""
    height, width = images.shape[-2:]
    kept = []
    for size in (height, width):
        side = round(size * share)
        start = torch.randint(size, (len(images), 1), device=images.device) - side // 2
        position = torch.arange(size, device=images.device)
        kept.append((position < start) | (position >= start + side))
    rows, columns = kept
    return (rows[:, :, None] | columns[:, None, :])[:, None]


def _in_rectangle(images: Tensor, how_often: float) -> Tensor:
    """(B, 1, H, W), True inside a rectangle of some of the images."""
    count, device = len(images), images.device
    height, width = images.shape[-2:]
    area = torch.empty(count, 1, device=device).uniform_(0.02, 0.33)
    ratio = torch.empty(count, 1, device=device).uniform_(math.log(0.3), math.log(3.3)).exp()
    inside = []
    for size, side in ((height, (area * ratio).sqrt()), (width, (area / ratio).sqrt())):
        side = side.clamp(max=1.0) * size
        start = torch.rand(count, 1, device=device) * (size - side)
        position = torch.arange(size, device=device) + 0.5
        inside.append((position >= start) & (position < start + side))
    rows, columns = inside
    drawn = torch.rand(count, 1, 1, 1, device=device) < how_often
    return (rows[:, :, None] & columns[:, None, :])[:, None] & drawn
