"""Batch normalisation over the images of all processes that train together."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from kuzushiji.training.world import World


class Company:
    """The processes whose statistics are put together.

    Attributes:
        world: all of them.
        counts: whether the images of this one count.
    """

    def __init__(self, world: World) -> None:
        self.world, self.counts = world, True


class _Synchronized(_BatchNorm):
    """What a layer's class becomes a subclass of.  PyTorch's own layer of this kind does not run on a CPU."""

    company: Company

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...), normalised by mean and variance over all processes."""
        if not self.training:
            return super().forward(x)
        values, channels, world = x.float(), x.shape[1], self.company.world
        variance, mean = torch.var_mean(values, [0, *range(2, x.ndim)], correction=0)
        own = torch.cat([mean, variance, mean.new_tensor([x.numel() / channels * self.company.counts])])
        every = own.new_zeros(world.size, len(own))
        every[world.rank] = own
        means, variances, counts = world.sum(every).split([channels, channels, 1], dim=1)
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        variance = (counts * (variances + (means - mean).square())).sum(0) / total
        self._keep(mean.detach(), (variance * total / (total - 1)).detach())
        scale = self.weight * (variance + self.eps).rsqrt()
        mean, scale, shift = (each.view(-1, *[1] * (x.ndim - 2)) for each in (mean, scale, self.bias))
        return ((values - mean) * scale + shift).to(x.dtype)

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Takes them into the running means that evaluation normalises by."""
        self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
        self.running_var.lerp_(variance, self.momentum)  # type: ignore[union-attr, arg-type]


@contextmanager
def synchronized(network: nn.Module, world: World, wanted: bool = True) -> Iterator[Company]:
    """Within it, a network that is trained normalises batches by the statistics of all processes.

    Args:
        network: its layers are of another class meanwhile.
        wanted: False to leave each process its own.
    """
    company = Company(world)
    layers = [each for each in network.modules() if isinstance(each, _BatchNorm)] if wanted and world.size > 1 else []
    kinds = [type(layer) for layer in layers]
    for layer, kind in zip(layers, kinds, strict=True):
        layer.__class__ = type(kind.__name__, (kind, _Synchronized), {"company": company})
    try:
        yield company
    finally:
        for layer, kind in zip(layers, kinds, strict=True):
            layer.__class__ = kind
