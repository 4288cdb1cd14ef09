"""Classification: images of single characters, each with its class."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kuzushiji.data.images import CharacterImages
from kuzushiji.inference.device import autocast, choose_dtype
from kuzushiji.inference.outputs import as_input, as_tensor, outputs
from kuzushiji.runs.recipe import AUGMENTATIONS, Recipe
from kuzushiji.training.augment import augment, resized
from kuzushiji.training.distillation import Teacher, divergence
from kuzushiji.training.mixup import Mixture, draw_mixture, loss_and_correct, mixed


@dataclass(frozen=True, eq=False)
class Batch:
    """Images as they are seen in one step, and what they are.

    Attributes:
        images: float (B, 1, H, W).
        labels: int64 (B,).
        mixture: how the network is to mix them; None for not at all.
        taught: a teacher's logits (B, C); None without one.
        share: see `Task.batch`.
    """

    images: Tensor
    labels: Tensor
    mixture: Mixture | None
    taught: Tensor | None
    share: float = 1.0


class Classification:
    """The task (see `Task`) of telling classes apart.

    Args:
        train: the training images.
        validation: images to measure the network on after each epoch; None if there are none.
        teacher: whose answers the network is to learn besides the labels.
    """

    measures: tuple[str, ...] = ("accuracy",)

    def __init__(
        self,
        train: CharacterImages,
        validation: CharacterImages | None,
        recipe: Recipe,
        device: torch.device,
        teacher: Teacher | None = None,
    ) -> None:
        self.train, self.validation, self.recipe, self.device, self.teacher = train, validation, recipe, device, teacher
        self.images = len(train)
        self.dtype = choose_dtype(recipe.precision, device)
        self._pixels, self._labels = as_tensor(train.images), as_tensor(train.labels)
        self._changes = {name: getattr(recipe, name) for name in AUGMENTATIONS}
        counts = torch.from_numpy(train.class_counts()).clamp(min=1).to(device)
        self._prior = recipe.logit_adjustment * (counts / counts.sum()).log()

    def order(self, epoch: int) -> Tensor:
        """All images once; or as many, of which the rare classes' come more often the more `balance` asks for it."""
        random = np.random.default_rng([self.recipe.seed, epoch])
        if not self.recipe.balance:
            return torch.from_numpy(random.permutation(self.images))
        chance = self.train.class_counts()[self.train.labels] ** -self.recipe.balance
        return torch.from_numpy(random.choice(self.images, self.images, p=chance / chance.sum()))

    def batch(self, network: nn.Module, numbers: Tensor, epoch: int, share: float = 1.0) -> Batch:
        """The images augmented, in the size that they have in that epoch."""
        images = augment(as_input(self._pixels[numbers], self.device), **self._changes)
        images = resized(images, share_of_size(self.recipe, epoch))
        mixture = draw_mixture(network, self.recipe, len(images))
        seen = images if mixture is None else mixture.of(images)
        taught = self.teacher(seen, numbers) if self.teacher else None
        return Batch(images, self._labels[numbers].to(self.device), mixture, taught, share)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The recipe's loss against labels and teacher, and the number of right answers (see `loss_and_correct`)."""
        with autocast(self.device, self.dtype), mixed(batch.mixture):
            logits = network(batch.images).float()
        loss, correct = loss_and_correct(self.recipe, logits + self._prior, batch.labels, batch.mixture)
        if batch.taught is not None:
            loss = loss.lerp(divergence(logits, batch.taught, self.recipe.temperature), self.recipe.distillation)
        return loss * batch.share, (correct * bool(batch.share),)

    def validate(self, network: nn.Module) -> dict[str, float | None]:
        """Mean loss and accuracy on the validation images as they are, in the arithmetic of later predictions."""
        if not self.validation:
            return {"validation_loss": None, "validation_accuracy": None}
        sums = torch.zeros(2, device=self.device)
        for logits, labels in outputs(network, self.validation, self.device, torch.float32):
            loss, correct = loss_and_correct(self.recipe, logits, labels)
            sums += torch.stack([loss * len(labels), correct])
        loss_, accuracy = (sums / len(self.validation)).tolist()
        return {"validation_loss": loss_, "validation_accuracy": accuracy}


def share_of_size(recipe: Recipe, epoch: int) -> float:
    """What share of their sides the images have in an epoch, counted from 0."""
    grown = min(1.0, epoch / max(1.0, recipe.epochs * 2 / 3))
    return recipe.start_size + (1 - recipe.start_size) * grown
