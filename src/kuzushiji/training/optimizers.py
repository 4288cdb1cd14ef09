"""Optimizers, learning-rate schedules, losses and the average of the weights, as a recipe names them."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.muon import Muon

Tensors = tuple[Tensor, ...] | list[Tensor]

EPSILON = 1e-7
"""Keras' epsilon; PyTorch's are 1e-8 (Adam, AdamW) and 1e-6 (Adadelta)."""

RHO = 0.95
"""Keras' decay of Adadelta's averages; PyTorch's is 0.9."""


def create_optimizer(network: nn.Module, recipe: Recipe) -> "Optimizer | JointOptimizer":
    """The recipe's optimizer over all parameters of a network.

    Constants that a recipe does not name are Keras' (Adam's betas 0.9 and 0.999 are so in both).
    Weight decay leaves out biases and the parameters of normalisation, as is usual.  `muon` takes the hidden layers
    and leaves the first and the last, biases and normalisation to `adamw`, as its author does.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    match recipe.optimizer:
        case "sgd":
            nesterov = recipe.nesterov and recipe.momentum > 0
            return torch.optim.SGD(groups, recipe.lr, momentum=recipe.momentum, nesterov=nesterov, fused=True)
        case "adam":
            return torch.optim.Adam(groups, recipe.lr, eps=EPSILON, fused=True)
        case "adamw":
            return torch.optim.AdamW(groups, recipe.lr, eps=EPSILON, fused=True)
        case "adadelta":
            return torch.optim.Adadelta(groups, recipe.lr, rho=RHO, eps=EPSILON, foreach=True)
        case "muon":
            matrices = groups[0]["params"]
            hidden, outer = matrices[1:-1], [*matrices[:1], *matrices[1:][-1:]]
            others = torch.optim.AdamW([{**groups[0], "params": outer}, groups[1]], recipe.lr, eps=EPSILON, fused=True)
            return JointOptimizer([Muon([{**groups[0], "params": hidden}], recipe.lr), others]) if hidden else others


class JointOptimizer:
    """Several optimizers, each of its own parameters, as one."""

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self.optimizers = optimizers

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self) -> None:
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for optimizer, each in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(each)


def check_state(optimizer: Optimizer | JointOptimizer) -> None:
    """Sees whether an optimizer can go on from the state that it was given, by a step of a copy.

    Raises:
        Exception: it can't; of whatever kind.
    """
    for each in optimizer.optimizers if isinstance(optimizer, JointOptimizer) else [optimizer]:
        for weight, kept in each.state.items():
            for name, value in kept.items():
                if isinstance(value, torch.Tensor) and (name != "step" or value.ndim):
                    if value.shape != weight.shape:
                        raise ValueError(f"{name} has the shape {tuple(value.shape)}, its weight {tuple(weight.shape)}")
                    # In memory as its weight is: fused steps look at nothing else before they write.
                    kept[name] = torch.empty_like(weight).copy_(value)
    copy = deepcopy(optimizer)
    for group in copy.param_groups:
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    copy.step()


@contextmanager
def climbed(network: nn.Module, radius: float) -> Iterator[None]:
    """Within it, the weights stand where the loss is highest within so small a radius, as their gradients tell.

    The first half of a step of sharpness-aware minimisation (Foret et al., arXiv:2010.01412): the gradients taken
    there make the step from where the weights stood before.

    Args:
        radius: Euclidean length of the way over all weights.
    """
    pairs = [(weight, weight.grad) for weight in network.parameters() if weight.grad is not None]
    length = torch.stack([gradient.norm() for _, gradient in pairs]).norm()
    before = [weight.detach().clone() for weight, _ in pairs]
    with torch.no_grad():
        for weight, gradient in pairs:
            weight.add_(gradient * (radius / (length + 1e-12)))
    try:
        yield
    finally:
        with torch.no_grad():
            for (weight, _), original in zip(pairs, before, strict=True):
                weight.copy_(original)


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step.

    Args:
        step: number of the step in the whole training, from 0.
        steps: number of steps in the whole training.
    """
    done = step / max(1, steps)
    match recipe.schedule:
        case "constant":
            return recipe.lr
        case "cosine":
            return recipe.lr * (1 + math.cos(math.pi * done)) / 2
        case "one_cycle":
            if done < recipe.warmup:
                return recipe.lr * (0.05 + 0.95 * done / recipe.warmup)
            return recipe.lr * (1 + math.cos(math.pi * (done - recipe.warmup) / max(1e-9, 1 - recipe.warmup))) / 2


def loss_of(recipe: Recipe, logits: Tensor, labels: Tensor) -> Tensor:
    """The recipe's loss, the mean over a batch.

    Args:
        logits: float (B, C).
        labels: int64 (B,).
    """
    if recipe.loss == "cross_entropy":
        return F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)
    target = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    if recipe.label_smoothing:
        target = target * (1 - recipe.label_smoothing) + recipe.label_smoothing / logits.shape[1]
    return F.mse_loss(logits.softmax(dim=1), target)


class Average:
    """The average of a network's weights and buffers that the recipe asks for, if it asks for one.

    The exponential moving average (`ema`) grows slower as it grows older: its decay starts low and reaches the
    recipe's after about 10 / (1 - decay) steps, so that a short training is not left with its first weights.  The other
    (`swa`) is the mean of the last steps.
    """

    def __init__(self, network: nn.Module, recipe: Recipe) -> None:
        self.network, self.recipe = network, recipe
        self.model: AveragedModel | None = None
        if recipe.ema or recipe.swa:
            self.model = AveragedModel(network, multi_avg_fn=self._mix, use_buffers=True)

    @property
    def kept(self) -> nn.Module:
        """The averaged network, or the network itself as long as there is no average."""
        return self.model.module if self.model and self.model.n_averaged else self.network

    def update(self, step: int, steps: int) -> None:
        """Takes the weights after a step, counted from 0, of so many in the whole training."""
        if self.model and (not self.recipe.swa or step >= steps * (1 - self.recipe.swa)):
            self.model.update_parameters(self.network)

    def state_dict(self) -> dict[str, Any]:
        return self.model.state_dict() if self.model else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.model:
            self.model.load_state_dict(state)

    def _mix(self, average: Tensors, current: Tensors, count: Tensor | int) -> None:
        count, decay = int(count), self.recipe.ema
        weight = 1 - min(decay, (1 + count) / (10 + count)) if decay else 1 / (1 + count)
        for mean, value in zip(average, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)
