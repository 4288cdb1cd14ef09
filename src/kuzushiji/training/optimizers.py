"""Optimizers, learning-rate schedules, losses and the average of the weights, as a recipe names them."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from kuzushiji.training.recipe import Recipe

Tensors = tuple[Tensor, ...] | list[Tensor]

EPSILON = 1e-7
"""Keras' epsilon; PyTorch's are 1e-8 (Adam, AdamW) and 1e-6 (Adadelta)."""

RHO = 0.95
"""Keras' decay of Adadelta's averages; PyTorch's is 0.9."""


def create_optimizer(network: nn.Module, recipe: Recipe) -> Optimizer:
    """The recipe's optimizer over all parameters of a network.

    Constants that a recipe does not name are Keras' (Adam's betas 0.9 and 0.999 are so in both).
    Weight decay leaves out biases and the parameters of normalisation, as is usual.
    """
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
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


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of a network's weights and buffers, which grows slower as it grows older.

    The decay starts low and reaches `decay` after about 10 / (1 - decay) steps, so that a short training is
    not left with its first weights.
    """

    def update(average: Tensors, current: Tensors, count: Tensor | int) -> None:
        weight = 1 - min(decay, (1 + int(count)) / (10 + int(count)))
        if average[0].is_floating_point():
            torch._foreach_lerp_(average, current, weight)
        else:
            torch._foreach_copy_(average, current)

    return AveragedModel(network, multi_avg_fn=update, use_buffers=True)
