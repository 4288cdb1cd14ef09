"""Nearest neighbours, the simplest entries of the table of Kuzushiji-MNIST's makers: knn and pca_knn."""

from typing import Literal

import torch
from torch import Tensor, nn

from kuzushiji.errors import UsageError, unknown_name
from kuzushiji.models.fitted import Fitted, squared_distances

Weights = Literal["distance", "uniform"]

CHUNK = 4096
"""So many training images are compared at a time: a batch of 512 needs 16 MiB for their distances."""


def knn(classes: int, image_size: tuple[int, int], *, neighbors: int = 4, weights: Weights = "distance") -> Fitted:
    """Asks the nearest training images, by the Euclidean distance of the pixels.

    The baseline of Kuzushiji-MNIST's makers (benchmarks/kuzushiji_mnist_knn.py of rois-codh/kmnist: 92.10 %).

    Args:
        neighbors: how many are asked.
        weights: `distance`: each has a vote of 1 / distance, and identical images outvote all others; `uniform`: each
            has one vote.
    """
    height, width = image_size
    return Fitted(NearestNeighbours(height * width, classes, neighbors, weights, torch.uint8))


def pca_knn(
    classes: int,
    image_size: tuple[int, int],
    *,
    components: int = 60,
    neighbors: int = 4,
    weights: Weights = "distance",
) -> Fitted:
    """Asks the nearest training images, by the Euclidean distance of their principal components.

    With 60 components and 4 neighbours, as in the table of Kuzushiji-MNIST's makers (rois-codh/kmnist, issue 10:
    93.98 %).

    Args:
        components: how many are kept.
        neighbors: how many images are asked.
        weights: as of `knn`.
    """
    height, width = image_size
    if components < 1:
        raise UsageError(f"pca_knn needs 1 component or more, found {components}")
    kept = min(components, height * width)
    head = NearestNeighbours(kept, classes, neighbors, weights, torch.float64)
    return Fitted(head, PrincipalComponents(height * width, kept))


class PrincipalComponents(nn.Module):
    """The coordinates of vectors along the directions in which the training vectors vary most.

    Args:
        in_features: length of the vectors, D.
        components: how many directions, K.
    """

    def __init__(self, in_features: int, components: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_features, dtype=torch.float64))
        self.register_buffer("components", torch.zeros(components, in_features, dtype=torch.float64))
        self.mean: Tensor
        self.components: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> float64 (B, K)."""
        return (x.double() - self.mean) @ self.components.T

    def fit(self, vectors: Tensor) -> Tensor:
        """Finds the directions by scikit-learn, as the table's entry did; returns the training vectors along them.

        Raises:
            UsageError: there are fewer vectors than directions.
        """
        from sklearn.decomposition import PCA

        count = len(self.components)
        if len(vectors) < count:
            raise UsageError(f"{len(vectors)} training images give no {count} components; ask for fewer")
        pca = PCA(count, random_state=0).fit(vectors.cpu().double().numpy())
        self.mean.copy_(torch.from_numpy(pca.mean_))
        self.components.copy_(torch.from_numpy(pca.components_))
        return self(vectors)


class NearestNeighbours(nn.Module):
    """Lets the training vectors nearest to a vector vote.

    The logits are logarithms of probabilities: with K neighbours, a class that has the share s of the votes has the
    probability (K * s + 1 / C) / (K + 1), the mean of what is likely if all classes were equally likely before (a
    Dirichlet prior as strong as one vote).  Classes with equal votes have equal logits, so that the first of them is
    the answer, as it is in scikit-learn.  Which of the training vectors at the same distance count, where not all of
    them are among the nearest, is not determined, as in scikit-learn.

    Args:
        in_features: length of the vectors, D.
        out_features: number of classes, C.
        neighbors: how many are asked, K.
        weights: `distance` or `uniform`.
        dtype: in which the training vectors are kept.
    """

    def __init__(
        self, in_features: int, out_features: int, neighbors: int, weights: Weights, dtype: torch.dtype
    ) -> None:
        super().__init__()
        if neighbors < 1:
            raise UsageError(f"nearest neighbours must be 1 or more, found {neighbors}")
        if weights not in ("distance", "uniform"):
            raise unknown_name("weighting", weights, ("distance", "uniform"))
        self.in_features = in_features
        self.out_features = out_features
        self.neighbors = neighbors
        self.weights: Weights = weights
        self.register_buffer("vectors", torch.empty(0, in_features, dtype=dtype))
        self.register_buffer("labels", torch.empty(0, dtype=torch.int64))
        self.vectors: Tensor
        self.labels: Tensor

    def emptied(self, classes: int) -> "NearestNeighbours":
        """The same for another number of classes, without training vectors."""
        head = NearestNeighbours(self.in_features, classes, self.neighbors, self.weights, self.vectors.dtype)
        return head.to(self.vectors.device)

    def fit(self, vectors: Tensor, labels: Tensor) -> dict[str, float]:
        """Keeps the training vectors (N, D) and their labels (N,).

        Raises:
            UsageError: there are fewer than are to be asked.
        """
        if len(vectors) < self.neighbors:
            raise UsageError(f"{len(vectors)} training images are fewer than the {self.neighbors} neighbours to ask")
        self.vectors, self.labels = vectors.to(self.vectors.dtype).clone(), labels.clone()
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> float64 (B, C)."""
        distances, labels = self._nearest(x)
        votes = torch.ones_like(distances)
        if self.weights == "distance":
            identical = distances == 0
            votes = torch.where(identical.any(1, keepdim=True), identical.double(), 1 / distances)
        of_class = votes.new_zeros(len(x), self.out_features).scatter_add_(1, labels, votes)
        shares = of_class / of_class.sum(1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
        return ((self.neighbors * shares + 1 / self.out_features) / (self.neighbors + 1)).log()

    def _nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Distances and labels, both (B, K), of the nearest training vectors."""
        nearest = x.new_empty((len(x), 0), dtype=torch.float64)
        labels = torch.empty_like(nearest, dtype=torch.int64)
        for start in range(0, len(self.vectors), CHUNK):
            chunk = slice(start, start + CHUNK)
            found = squared_distances(x, self.vectors[chunk])
            found, places = found.topk(min(self.neighbors, found.shape[1]), largest=False)
            nearest = torch.cat([nearest, found], 1)
            labels = torch.cat([labels, self.labels[chunk][places]], 1)
            nearest, places = nearest.topk(min(self.neighbors, nearest.shape[1]), largest=False)
            labels = labels.gather(1, places)
        return nearest.sqrt(), labels
