"""Images that hold nothing, and images that are there twice: equal to the pixel, or nearly."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.splits import pixel_hash
from kuzushiji.explore.pool import Pool

BLANK_RANGE = 16
"""An image whose brightest and darkest pixel differ by less (of 255) is blank."""

NEAR = 0.97
"""Cosine of the angle between the pixels of two images from which on one counts as nearly the other."""

PAIRS_AT_ONCE = 8192


@dataclass(frozen=True)
class Group:
    """Images that are the same.

    Attributes:
        numbers: two or more of the pool, in ascending order.
        between_splits: whether they are of more than one split.
        labels_differ: whether they are of more than one class.
        similarity: the least cosine of two that were compared; 1 if they are equal to the pixel.
    """

    numbers: tuple[int, ...]
    between_splits: bool
    labels_differ: bool
    similarity: float = 1.0


def scan(
    pool: Pool, tell: Callable[[int, int], None] = lambda done, every: None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Looks once at every pixel of a pool.

    Returns:
        The numbers of the blank images, in ascending order; and (N,) a number for each image that is the same for
        images of equal pixels and for no others: that of the first of them.
    """
    blank: list[int] = []
    first_with: dict[bytes, int] = {}
    same_as = np.empty(len(pool), dtype=np.int64)
    for start, images in pool.batches():
        flat = images.reshape(len(images), -1)
        span = flat.max(axis=1).astype(np.int64) - flat.min(axis=1)
        blank += (start + np.flatnonzero(span < BLANK_RANGE)).tolist()
        for number, image in enumerate(images, start):
            same_as[number] = first_with.setdefault(pixel_hash(image), number)
        tell(start + len(images), len(pool))
    return np.array(blank, dtype=np.int64), same_as


def exact_duplicates(pool: Pool, same_as: NDArray[np.int64], blank: NDArray[np.int64]) -> tuple[Group, ...]:
    """Groups of images with equal pixels; blank images are left out, for all of them are equal.

    Args:
        same_as, blank: what `scan` gave.
    """
    kept = np.setdiff1d(np.flatnonzero(np.bincount(same_as, minlength=len(pool))[same_as] > 1), blank)
    groups: dict[int, list[int]] = {}
    for number in kept.tolist():
        groups.setdefault(int(same_as[number]), []).append(number)
    return tuple(_group(pool, members) for members in groups.values())


def near_duplicates(
    pool: Pool,
    distances: NDArray[np.float32],
    neighbours: NDArray[np.int64],
    looked_at: NDArray[np.int64],
    same_as: NDArray[np.int64],
    near: float = NEAR,
) -> tuple[Group, ...]:
    """Groups of images that are nearly, but not, equal.

    Candidates are near neighbours among the principal components of `unit_vectors`: components never make a distance
    greater, so that no pair is lost to them.  Each candidate is then compared pixel by pixel, at full size.

    Args:
        distances, neighbours: (M, K), of the images looked at to their nearest neighbours, and these as numbers of the
            pool.
        looked_at: (M,), numbers of the pool.
        same_as: what `scan` gave; pairs of equal images are left out.
        near: the least cosine.
    """
    # The mean of blocks, of which the components are, blurs a little: a tenth more than the angle allows is looked at.
    reach = 1.1 * np.sqrt(2 - 2 * near)
    rows, columns = np.nonzero(distances <= reach)
    pairs = np.sort(np.stack([looked_at[rows], neighbours[rows, columns]], axis=1), axis=1)
    pairs = np.unique(pairs[same_as[pairs[:, 0]] != same_as[pairs[:, 1]]], axis=0)
    similarity = np.concatenate(
        [_cosines(pool, pairs[start : start + PAIRS_AT_ONCE]) for start in range(0, len(pairs), PAIRS_AT_ONCE)]
        or [np.empty(0)]
    )
    alike = similarity >= near
    return tuple(_joined(pool, pairs[alike].tolist(), similarity[alike].tolist()))


def _cosines(pool: Pool, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cosine of the angle between the pixels of the two images of each pair."""
    one, other = (pool.images(pairs[:, side]).reshape(len(pairs), -1).astype(np.float32) for side in (0, 1))
    product = np.einsum("ij,ij->i", one, other, dtype=np.float64)
    lengths = np.linalg.norm(one, axis=1).astype(np.float64) * np.linalg.norm(other, axis=1)
    return product / np.maximum(lengths, 1e-12)


def _joined(pool: Pool, pairs: Iterable[list[int]], similarity: Iterable[float]) -> list[Group]:
    """Pairs that share an image as one group, the largest first."""
    group_of: dict[int, list[int]] = {}
    least: dict[int, float] = {}
    for (one, other), cosine in zip(pairs, similarity, strict=True):
        members = group_of.setdefault(one, [one])
        joining = group_of.setdefault(other, [other])
        low = min(cosine, least.get(id(members), 1.0), least.get(id(joining), 1.0))
        if members is not joining:
            members += joining
            for number in joining:
                group_of[number] = members
        least[id(members)] = low
    distinct = {id(members): members for members in group_of.values()}
    groups = [_group(pool, members, least[key]) for key, members in distinct.items()]
    return sorted(groups, key=lambda group: (-len(group.numbers), group.numbers))


def _group(pool: Pool, members: list[int], similarity: float = 1.0) -> Group:
    return Group(
        tuple(sorted(members)),
        len(set(pool.split_numbers[members].tolist())) > 1,
        len(set(pool.labels[members].tolist())) > 1,
        round(similarity, 4),
    )
