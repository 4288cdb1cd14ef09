"""The shape that nearly all networks here have: a body that ends in an embedding, and a linear head."""

from torch import Tensor, nn


class Network(nn.Module):
    """A body and a head.

    Args:
        body: images (B, 1, H, W) -> embeddings (B, D).
        head: embeddings (B, D) -> logits (B, C).
    """

    def __init__(self, body: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.body = body
        self.head = head

    def features(self, x: Tensor) -> Tensor:
        """Embeddings (B, D) of images (B, 1, H, W)."""
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, C) of images (B, 1, H, W)."""
        return self.head(self.features(x))
