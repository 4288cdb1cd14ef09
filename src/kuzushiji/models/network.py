"""What the families share: a body with a linear head, and layers as Keras has them."""

from torch import Tensor, nn

from kuzushiji.errors import UsageError


class Network(nn.Module):
    """A body that ends in an embedding, and a linear head.

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
        return self.head(self.body(x))

    def replace_head(self, classes: int) -> None:
        """Puts a new head for another number of classes in the place of the old one."""
        old = self.head
        self.head = nn.Linear(old.in_features, classes, device=old.weight.device, dtype=old.weight.dtype)


def dropout_layer(share: float) -> nn.Dropout:
    """Dropout of a share of the values.

    Raises:
        UsageError: the share is not in [0, 1).
    """
    if not 0 <= share < 1:
        raise UsageError(f"dropout must be at least 0 and below 1, found {share}")
    return nn.Dropout(share)


def keras_norm_1d(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation with Keras' defaults; its momentum of 0.99 is 0.01 in PyTorch's way of counting."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def keras_norm_2d(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with Keras' defaults; its momentum of 0.99 is 0.01 in PyTorch's way of counting."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
