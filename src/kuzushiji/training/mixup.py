"""Mixup: training on mixtures of two images, or of what a layer makes of them.

Input mixup (Zhang et al. 2018, arXiv:1710.09412) mixes the images of a batch with one another; manifold mixup (Verma et
al. 2019, arXiv:1806.05236) what goes into a layer, a random one in each step.  The labels are mixed in the same shares.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from kuzushiji.errors import UsageError
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.optimizers import loss_of


@dataclass(frozen=True, eq=False)
class Mixture:
    """How a batch is mixed in one step.

    Attributes:
        layer: the module whose input is mixed; the network itself if it is the images.
        share: what each image keeps of itself, between 0 and 1; the rest comes from its partner.
        partners: int64 (B,), the number in the batch of each image's partner.
    """

    layer: nn.Module
    share: float
    partners: Tensor

    def of(self, values: Tensor) -> Tensor:
        """The values (B, ...), mixed."""
        return torch.lerp(values[self.partners], values, self.share)


def draw_mixture(network: nn.Module, recipe: Recipe, count: int) -> Mixture | None:
    """Draws how a batch of `count` images is mixed, from PyTorch's default generator; None if the recipe mixes nothing.

    The share is drawn from Beta(alpha, alpha), one for the batch, as in the code of both papers.

    Raises:
        UsageError: manifold mixup is asked for, and the network has no layers to choose from.
    """
    alpha = recipe.mixup or recipe.manifold_mixup
    if not alpha:
        return None
    layers = [network] if recipe.mixup else mixing_layers(network)
    layer = layers[int(torch.randint(len(layers), ()))]
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    return Mixture(layer, share, torch.randperm(count))


def mixing_layers(network: nn.Module) -> list[nn.Module]:
    """The layers before which manifold mixup may mix: the parts of the body that hold convolutions or dense layers.

    The first of them gets the images.  Of `preact_resnet18` they are its four stages: images, and the outputs of the
    first three stages; the paper mixed the images and the outputs of the first two.

    Raises:
        UsageError: there are none.
    """
    body: Any = network.body
    layers = [part for part in body.children() if any(each.ndim > 1 for each in part.parameters())]
    if not layers:
        raise UsageError("manifold mixup needs a network of layers; this one has none that it could mix before")
    return layers


@contextmanager
def mixed(mixture: Mixture | None) -> Iterator[None]:
    """Within it, the network mixes what goes into the layer."""
    if mixture is None:
        yield
        return
    hook = mixture.layer.register_forward_pre_hook(lambda layer, inputs: (mixture.of(inputs[0]), *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


def loss_and_correct(
    recipe: Recipe, logits: Tensor, labels: Tensor, mixture: Mixture | None = None
) -> tuple[Tensor, Tensor]:
    """The recipe's loss, the mean over a batch, and the number of right answers in it.

    Of a mixture, both are those for the images' own labels and for their partners', weighted by the shares: who names
    the class that has 70 % of an image has 0.7 of a right answer.  For cross-entropy that is the loss against the mixed
    labels; for the squared error it has the same gradient.

    Args:
        logits: float (B, C).
        labels: int64 (B,).
    """
    answers = logits.argmax(dim=1)
    loss, correct = loss_of(recipe, logits, labels), (answers == labels).sum()
    if mixture is None:
        return loss, correct
    others = labels[mixture.partners]
    loss = torch.lerp(loss_of(recipe, logits, others), loss, mixture.share)
    return loss, torch.lerp((answers == others).sum().float(), correct.float(), mixture.share)
