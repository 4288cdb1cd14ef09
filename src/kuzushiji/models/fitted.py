"""What the classical models share with the networks: the same contract, and `fit` in the place of gradients."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Fitted(nn.Module):
    """A classical model as a network: no weights that a gradient reaches, but `fit`, and buffers that hold the outcome.

    Before it is fitted, and after its head was replaced, it takes all classes for equally likely.  It computes in
    float64, so that its answers are those of scikit-learn.

    Args:
        head: vectors (B, D) -> logits (B, C), with `in_features`, `out_features`, `fit(vectors, labels)`, which returns
            what `Fitted.fit` does, and `emptied(classes)`, which gives one of its kind that has seen nothing.
        projection: pixels (B, H * W) -> vectors (B, D), with `fit(pixels)`, which returns the vectors; the vectors are
            the pixels if None.
    """

    def __init__(self, head: nn.Module, projection: nn.Module | None = None) -> None:
        super().__init__()
        self.body = nn.Sequential(Pixels(), *([projection] if projection is not None else []))
        self.head: Any = head

    def features(self, x: Tensor) -> Tensor:
        """Vectors (B, D) of images (B, 1, H, W)."""
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C) of images (B, 1, H, W)."""
        return self.head(self.body(x)).to(x.dtype)

    @torch.no_grad()
    def fit(self, images: Tensor, labels: Tensor) -> dict[str, float]:
        """Takes the training images, in one pass.

        Args:
            images: uint8 (N, H, W), as `CharacterImages` has them.
            labels: int64 (N,).

        Returns:
            What it chose by itself, such as the width of a kernel, by name; often nothing.

        Raises:
            UsageError: there are too few images for it.
        """
        parts: Any = self.body
        vectors = images.flatten(1)
        for projection in parts[1:]:
            vectors = projection.fit(vectors)
        return self.head.fit(vectors, labels)

    def replace_head(self, classes: int) -> None:
        """Puts a new head for another number of classes in the place of the old one; it must be fitted again."""
        self.head = self.head.emptied(classes)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """As PyTorch's; what was fitted on any number of images can be loaded into a model that has seen none."""
        for name, buffer in self.named_buffers():
            if name in state_dict:
                buffer.resize_(state_dict[name].shape)
        return super().load_state_dict(state_dict, *args, **kwargs)


class Pixels(nn.Module):
    """Images (B, 1, H, W) in [0, 1] -> their pixels (B, H * W) in whole numbers from 0 to 255, as they are stored.

    Of whole numbers, squares and their sums are exact in float64: equal distances are equal to the bit, on any machine.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1).mul(255).round()


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """(B, N) float64: squared Euclidean distances between the rows of x (B, D) and those of y (N, D)."""
    x, y = x.double(), y.double()
    products = torch.addmm(y.square().sum(1), x, y.T, alpha=-2)
    return products.add_(x.square().sum(1, keepdim=True)).clamp_min_(0)
