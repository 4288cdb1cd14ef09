"""How good a map is: whether neighbours on it are neighbours in truth, and know one another's class."""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
"""Nearest neighbours by which a map is measured, and its classes are told."""


def neighbour_ranks(vectors: NDArray[np.floating]) -> NDArray[np.int32]:
    """How near each image is to each other, (N, N): 1 for its nearest neighbour, 0 for itself."""
    order = _by_distance(vectors)
    ranks = np.empty_like(order, dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(len(vectors), dtype=np.int32)[None], axis=1)
    return ranks


def trustworthiness(ranks: NDArray[np.int32], positions: NDArray[np.floating], neighbours: int = NEIGHBOURS) -> float:
    """How far neighbours on a map are neighbours in truth: 1 if all are.

    Args:
        ranks: `neighbour_ranks` of the vectors that were mapped.
        positions: (N, 2), the map.
        neighbours: how many are looked at; fewer than half of the images.

    Source:
        Venna and Kaski, Neighborhood preservation in nonlinear projection methods (ICANN 2001).
    """
    count = len(ranks)
    neighbours = min(neighbours, max((count - 1) // 2, 1))
    nearest = _by_distance(positions)[:, 1 : neighbours + 1]
    beyond = np.maximum(np.take_along_axis(ranks, nearest, axis=1) - neighbours, 0).sum()
    return float(1 - beyond * 2 / (count * neighbours * (2 * count - 3 * neighbours - 1)))


def neighbour_accuracy(vectors: NDArray[np.floating], labels: NDArray[np.int64], neighbours: int = NEIGHBOURS) -> float:
    """The share of images whose class most of their nearest neighbours have; of a tie the class that is nearer wins."""
    nearest = labels[_by_distance(vectors)[:, 1 : neighbours + 1]]
    votes = (nearest[:, :, None] == nearest[:, None, :]).sum(axis=2)
    chosen = nearest[np.arange(len(nearest)), votes.argmax(axis=1)]
    return float((chosen == labels).mean())


def _by_distance(vectors: NDArray[np.floating]) -> NDArray[np.int64]:
    """For each row the numbers of all rows, the nearest first: itself, then the others."""
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(vectors.astype(np.float64), metric="sqeuclidean")
    np.fill_diagonal(distances, -1)
    return np.argsort(distances, axis=1, kind="stable")
