"""Images as vectors: their pixels, their principal components, or a network's embedding of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.errors import UsageError
from kuzushiji.explore.pool import BATCH, Pool

if TYPE_CHECKING:
    from kuzushiji.runs.run import Run

SIDE = 32
"""Images of more pixels a side are taken at half or a third ... of their size, until they have no more than these."""

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Images (N, H, W) -> vectors (N, D)."""


def shrunk(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images (N, H, W) with values of 0 to 1 and at most `SIDE` pixels a side: each is the mean of a block."""
    count, height, width = images.shape
    block = -(-max(height, width) // SIDE)
    if block == 1:
        return (images / np.float32(255)).astype(np.float32)
    # What is missing for whole blocks is black, as the background.
    padded = np.pad(images, ((0, 0), (0, -height % block), (0, -width % block)))
    blocks = padded.reshape(count, padded.shape[1] // block, block, padded.shape[2] // block, block)
    return (blocks.mean(axis=(2, 4), dtype=np.float32) / 255).astype(np.float32)


def pixel_vectors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels of 0 to 1, (N, D), of `shrunk` images."""
    return shrunk(images).reshape(len(images), -1)


def unit_vectors(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`pixel_vectors` of length 1, so that the thickness of the brush counts less; blank images stay 0."""
    vectors = pixel_vectors(images)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def network_embedding(run: Run, image_size: tuple[int, int]) -> Embed:
    """The embedding that a run's network ends in, before its head.

    Args:
        run: a finished run.
        image_size: of the images that are to be embedded.

    Raises:
        RunError: the training is not finished, or the file is damaged.
        UsageError: the network takes images of another size, or has no embedding.
    """
    import torch

    from kuzushiji.inference.device import choose_device
    from kuzushiji.inference.outputs import EVALUATION_BATCH, as_input
    from kuzushiji.inference.weights import load_network

    network, config = load_network(run.weights_file)
    wanted = config.model.image_size
    if wanted != image_size:
        raise UsageError(
            f"{run.name} takes images of {wanted[0]} x {wanted[1]} pixels, these have {image_size[0]} x {image_size[1]}"
        )
    device = choose_device()
    features: Any = getattr(network.to(device), "features", None)
    if features is None:
        raise UsageError(f"{config.model.name} has no embedding to look at; choose a run of another network")

    def embed(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = []
        with torch.inference_mode():
            for start in range(0, len(images), EVALUATION_BATCH):
                batch = torch.from_numpy(np.array(images[start : start + EVALUATION_BATCH]))
                vectors.append(features(as_input(batch, device)).float().flatten(1).cpu().numpy())
        return np.concatenate(vectors)

    return embed


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components, all of them.

    Attributes:
        mean: (D,), the mean of the vectors that they were fitted on.
        axes: (K, D), a row a component, each of length 1, the one with the greatest variance first; its entry of the
            greatest magnitude is positive.  K is D, or the number of vectors if that is less.
        variances: (K,), of the vectors along each.
        count: how many vectors they were fitted on.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    variances: NDArray[np.float64]
    count: int

    @property
    def explained(self) -> NDArray[np.float64]:
        """(K,), the share of the whole variance along each."""
        whole = self.variances.sum()
        return self.variances / whole if whole else self.variances

    def needed(self, share: float) -> int:
        """How many of the first components it takes for this share of the variance."""
        return int(np.searchsorted(np.cumsum(self.explained), share - 1e-9)) + 1

    def scores(self, vectors: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """Coordinates (N, count) of vectors (N, D) along the first components.

        Distances between them are never greater than between the vectors themselves.
        """
        return np.asarray((vectors - self.mean) @ self.axes[:count].T, dtype=np.float32)


def fit_components(vectors: NDArray[np.float32]) -> Components:
    """Principal components of vectors (N, D)."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    centred = vectors - mean.astype(np.float32)
    freedom = max(len(vectors) - 1, 1)
    if len(vectors) < len(mean):
        _, singular, axes = np.linalg.svd(centred, full_matrices=False)
        variances = singular.astype(np.float64) ** 2 / freedom
    else:
        ascending, columns = np.linalg.eigh((centred.T @ centred).astype(np.float64) / freedom)
        variances, axes = np.maximum(ascending[::-1], 0), columns[:, ::-1].T
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    axes = axes * np.where(largest < 0, -1, 1)[:, None]
    return Components(mean.astype(np.float32), axes.astype(np.float32), variances, len(vectors))


def pool_scores(
    pool: Pool,
    embed: Embed,
    count: int,
    *,
    sample: int = 10_000,
    seed: int = 0,
    tell: Callable[[int, int], None] = lambda done, every: None,
) -> NDArray[np.float32]:
    """The first principal components of every image of a pool, (N, count) or fewer if the vectors are shorter.

    Args:
        pool: the images; they pass a few at a time.
        embed: what makes vectors of them.
        count: how many components.
        sample: the components are fitted on so many images.
        seed: of the sample.
        tell: gets how many images of how many are done.
    """
    components = fit_components(embed(pool.images(draw(len(pool), sample, seed))))
    count = min(count, len(components.axes))
    scores = np.empty((len(pool), count), dtype=np.float32)
    for start, images in pool.batches(BATCH):
        scores[start : start + len(images)] = components.scores(embed(images), count)
        tell(start + len(images), len(pool))
    return scores


def draw(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """At most `count` of the numbers below `total`, each as likely as the other, in ascending order."""
    if count >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))
