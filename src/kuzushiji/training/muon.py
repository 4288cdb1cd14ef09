"""Muon: momentum whose matrices are made orthogonal before they are followed."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial that five times brings singular values near 1 (Jordan 2024); between 0.7 and 1.2 is near enough."""

MATCHING = 0.2
"""Root mean square of an update, about that of AdamW's, so that its learning rates fit (Liu et al., arXiv:2502.16982).

An orthogonal matrix of m x n has a root mean square of 1 / sqrt(max(m, n)).
"""


class Muon(Optimizer):
    """Follows the momentum of each kernel, as a matrix of outputs by inputs, made orthogonal.

    Jordan, Muon: an optimizer for hidden layers in neural networks (2024), with Nesterov's momentum; PyTorch's own
    takes matrices alone.  Made for hidden layers: first and last layer, biases and normalisation are another's.

    Args:
        params: parameters of two or more dimensions, or groups of them.
        lr: learning rate, on the scale of AdamW's.
        momentum: decay of the momentum.
        weight_decay: decoupled.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                momentum = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                update = orthogonal(parameter.grad.lerp(momentum, group["momentum"]).flatten(1))
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                length = MATCHING * max(update.shape) ** 0.5
                parameter.add_(update.view(parameter.shape), alpha=-group["lr"] * length)


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix (m, n) with the same singular vectors and singular values near 1, by Newton and Schulz's iteration.

    Each step multiplies the matrix x by a polynomial of its Gram matrix.  Polynomials of one matrix commute, so that
    the Gram matrix alone is taken through the steps, and x, which is several times as wide, is multiplied once.
    """
    a, b, c = COEFFICIENTS
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    steps = []
    for _ in range(5):
        step = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        step.diagonal().add_(a)
        steps.append(step)
        gram = step @ gram @ step
    x = torch.linalg.multi_dot([*steps, x])
    return x if wide else x.T
