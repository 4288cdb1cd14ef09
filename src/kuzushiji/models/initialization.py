"""Initial weights as the two frameworks draw them."""

import math
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError, unknown_name

Scheme = Literal["pytorch", "keras"]


@torch.no_grad()
def initialize(model: nn.Module, scheme: Scheme, generator: torch.Generator | None = None) -> None:
    """Draws the weights of all convolutional and linear layers anew; normalisation layers stay as they are.

    `keras` is what Keras does by default: kernels uniform within sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010),
    biases zero.  `pytorch` is what PyTorch does by default: both uniform within sqrt(1 / fan in).  The fans count the
    inputs and outputs of one position times the area of the kernel, the same in both.

    Args:
        model: the network, changed in place.
        scheme: `pytorch` or `keras`.
        generator: where the random numbers come from; PyTorch's global generator if None.

    Raises:
        UsageError: no such scheme.
    """
    if scheme not in get_args(Scheme):
        raise unknown_name("initialization", scheme, get_args(Scheme))
    for layer in model.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        if scheme == "keras":
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        else:
            bound = 1 / math.sqrt(layer.weight[0].numel())
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            if layer.bias is not None:
                nn.init.uniform_(layer.bias, -bound, bound, generator=generator)


@torch.no_grad()
def whiten_first_layer(model: nn.Module, images: Tensor) -> None:
    """Gives the first convolution filters that tell the principal components of small patches, each scaled to 1.

    Each component comes with both signs, for a relu passes one; what filters are left over stay as they are.

    Source:
        Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, arXiv:2404.00498, which keeps such a layer fixed.

    Args:
        model: the network, changed in place.
        images: float (N, 1, H, W) in [0, 1]; a few hundred are enough.

    Raises:
        UsageError: the network's first layer with weights is no convolution over images of one channel.
    """
    first = next((layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear)), None)
    if not isinstance(first, nn.Conv2d) or first.in_channels != 1:
        raise UsageError("initialization whitening needs a network that begins with a convolution; this one does not")
    patches = F.unfold(images, first.kernel_size).transpose(1, 2).flatten(0, 1)
    values, vectors = torch.linalg.eigh(torch.cov(patches.T.double()))
    filters = (vectors / (values + WHITENING_FLOOR).sqrt()).T.flip(0)
    filters = torch.cat([filters, -filters])[: first.out_channels]
    first.weight[: len(filters)] = filters.view(-1, *first.weight.shape[1:]).to(first.weight)


WHITENING_FLOOR = 5e-4
"""Added to the variance of each component, so that those without any are not blown up."""
