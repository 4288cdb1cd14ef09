"""Initial weights as the two frameworks draw them."""

import math
from typing import Literal, get_args

import torch
from torch import nn

from kuzushiji.errors import unknown_name

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
