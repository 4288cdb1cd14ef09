"""Batch normalisation over the images of all processes that train together."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
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
        channels, world = x.shape[1], self.company.world
        nothing = torch.zeros(channels, device=x.device)
        mean, variance = torch.batch_norm_update_stats(x.detach(), nothing, nothing.clone(), 0.0)
        own = torch.cat([mean, variance, mean.new_tensor([x.numel() / channels * self.company.counts])])
        every = own.new_zeros(world.size, len(own))
        every[world.rank] = own
        means, variances, counts = world.sum(every).split([channels, channels, 1], dim=1)
        total = counts.sum()
        mean = (counts * means).sum(0) / total
        variance = (counts * (variances + (means - mean).square())).sum(0) / total
        self._keep(mean, variance * total / (total - 1))
        normalized: Tensor = _Normalized.apply(x, self.weight, self.bias, mean, variance, total, self.eps, self.company)
        return normalized

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        """Takes them into the running means that evaluation normalises by."""
        self.num_batches_tracked.add_(1)  # type: ignore[union-attr]
        self.running_mean.lerp_(mean, self.momentum)  # type: ignore[union-attr, arg-type]
        self.running_var.lerp_(variance, self.momentum)  # type: ignore[union-attr, arg-type]


def _outside() -> type[_Synchronized]:
    """The same, of which nothing is compiled; `disable` loads the compiler."""
    return type("_Outside", (_Synchronized,), {"forward": torch.compiler.disable(_Synchronized.forward)})


class _Normalized(torch.autograd.Function):
    """Values (B, C, ...) normalised by mean and variance (C,), which are functions of them, in each process of a part.

    Both ways PyTorch's own kernels do the work, as if the statistics were given; what is missing of the gradient then,
    for each channel a constant and a multiple of the values, is taken off.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        total: Tensor,
        eps: float,
        company: Company,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, variance, total)
        ctx.eps, ctx.company, ctx.counts = eps, company, company.counts
        return F.batch_norm(x, mean, variance, weight, bias, False, 0.0, eps)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mean, variance, total = ctx.saved_tensors
        given, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient, x, weight, mean, variance, None, None, False, ctx.eps, [True, True, True]
        )
        sums = ctx.company.world.sum(torch.cat([of_bias, of_weight])) * (ctx.counts / total)
        over_bias, over_weight = sums.split(len(mean))
        inverse = (variance + ctx.eps).rsqrt()
        slope = weight * inverse.square() * over_weight
        constant = weight * inverse * over_bias - slope * mean
        slope, constant = (each.view(-1, *[1] * (x.ndim - 2)) for each in (slope, constant))
        missing = torch.addcmul(constant.to(x.dtype), x, slope.to(x.dtype))
        return given - missing, of_weight, of_bias, None, None, None, None, None


@contextmanager
def synchronized(network: nn.Module, world: World, wanted: bool = True, *, compiled: bool = False) -> Iterator[Company]:
    """Within it, a network that is trained normalises batches by the statistics of all processes.

    Args:
        network: its layers are of another class meanwhile.
        wanted: False to leave each process its own.
        compiled: whether the network is; these layers, in which processes wait for each other, then stay out of it.
    """
    company = Company(world)
    layers = [each for each in network.modules() if isinstance(each, _BatchNorm)] if wanted and world.size > 1 else []
    kinds = [type(layer) for layer in layers]
    base = _outside() if compiled and layers else _Synchronized
    for layer, kind in zip(layers, kinds, strict=True):
        layer.__class__ = type(kind.__name__, (kind, base), {"company": company})
    try:
        yield company
    finally:
        for layer, kind in zip(layers, kinds, strict=True):
            layer.__class__ = kind
