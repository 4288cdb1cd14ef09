"""What the families share: a body with a linear head, and layers as Keras has them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError, unknown_name


class Network(nn.Module):
    """A body that ends in an embedding, and a head.

    Args:
        body: images (B, 1, H, W) -> embeddings (B, D).
        head: embeddings (B, D) -> logits (B, C): a linear one, or one of `HEADS`.
    """

    def __init__(self, body: nn.Module, head: "nn.Linear | CosineHead | PrototypeHead") -> None:
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
        self.head = type(old)(old.in_features, classes).to(old.weight)


class CosineHead(nn.Module):
    """Logits that are cosines of the angle between embedding and class, times a scale that is learnt.

    Neither the length of an embedding nor that of a class's weights counts, so that rare classes, whose weights stay
    short in a linear head, are not put at a disadvantage (Gidaris and Komodakis, arXiv:1804.09458).

    Args:
        in_features: length of the embedding, D.
        out_features: number of classes, C.
        scale: what the scale begins with.
    """

    def __init__(self, in_features: int, out_features: int, scale: float = 16.0) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.scale = nn.Parameter(torch.tensor(scale))
        nn.init.normal_(self.weight, std=in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, C)."""
        # A division of the logits is a division of the weights, but of B x C values and not of D x C.
        lengths = torch.linalg.vector_norm(self.weight, dim=1).clamp_min(1e-12)
        return F.linear(F.normalize(x, dim=1), self.weight) * (self.scale / lengths)


class PrototypeHead(nn.Module):
    """Logits that fall with the square of the distance between embedding and the class's prototype, which is learnt.

    As the classifier of prototypical networks (Snell et al., arXiv:1703.05175), but with prototypes that are parameters
    as in Yang et al., arXiv:1805.03438.

    Args:
        in_features: length of the embedding, D.
        out_features: number of classes, C.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.normal_(self.weight, std=in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D) -> (B, C).  The square of the embedding's own length is the same for all classes, and left out."""
        return 2 * F.linear(x, self.weight) - self.weight.square().sum(1)


HEADS = {"linear": nn.Linear, "cosine": CosineHead, "prototype": PrototypeHead}
"""Heads by the names that networks with the option `head` know them by."""


def create_head(kind: str, in_features: int, classes: int) -> "nn.Linear | CosineHead | PrototypeHead":
    """The head called `kind`.

    Raises:
        UsageError: there is none.
    """
    if kind not in HEADS:
        raise unknown_name("head", kind, HEADS)
    return HEADS[kind](in_features, classes)


class Flatten(nn.Flatten):
    """Maps (B, C, H, W) to vectors (B, H * W * C) in Keras' order, in which the channels of a pixel stay together.

    That is how `channels_last` tensors lie in memory: no copy forward, and the gradient arrives as pooling wants it.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Dropout(nn.Dropout):
    """Dropout as PyTorch has it, which on a CPU draws four values of a random number instead of one.

    There the share is rounded to a multiple of 2^-16, and dropping costs about a tenth of PyTorch's time.

    Raises:
        UsageError: the share is not in [0, 1).
    """

    def __init__(self, share: float) -> None:
        if not 0 <= share < 1:
            raise UsageError(f"dropout must be at least 0 and below 1, found {share}")
        super().__init__(share)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.p or x.device.type != "cpu":
            return super().forward(x)
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(torch.iinfo(torch.int64).min, None)
        layout = torch.empty_like(x, device="meta").stride()  # of x, or without its gaps if it is a part of a tensor
        # Compared in place, they become 0 or 1 as numbers; PyTorch is slow at making such of truth values.
        kept = words.view(torch.int16).as_strided(x.shape, layout).ge_(round(self.p * 2**16) - 2**15)
        return x * kept.to(x.dtype).mul_(1 / (1 - self.p))


class AvgPool2d(nn.AvgPool2d):
    """Means of squares of `side` pixels as PyTorch has them: (B, C, H, W) -> (B, C, H / side, W / side), rounded down.

    Their gradient takes PyTorch on a CPU three times as long for few channels that lie together in memory.
    """

    def __init__(self, side: int) -> None:
        super().__init__(side)
        self.side = side

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        return _Means.apply(x, self.side)


class _Means(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor, side: int) -> Tensor:
        context.side, context.size = side, x.shape[2:]
        return F.avg_pool2d(x, side)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        spread = F.interpolate(gradient / context.side**2, scale_factor=context.side, mode="nearest")
        bottom, right = (whole - part for whole, part in zip(context.size, spread.shape[2:], strict=True))
        return F.pad(spread, (0, right, 0, bottom)) if bottom or right else spread, None


class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """PyTorch's, but for the mean of a whole map: the gradient of that lies in memory as the map does.

    PyTorch's lies channel after channel, whatever the map, and slows down all that it meets on its way back.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.output_size != 1:
            return super().forward(x)
        return x.permute(0, 2, 3, 1).mean((1, 2))[:, :, None, None]


def keras_norm_1d(channels: int) -> nn.BatchNorm1d:
    """Batch normalisation with Keras' defaults; its momentum of 0.99 is 0.01 in PyTorch's way of counting."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def keras_norm_2d(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with Keras' defaults; its momentum of 0.99 is 0.01 in PyTorch's way of counting."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)
