"""The training loop."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import Diverged, Interrupted
from kuzushiji.inference.device import autocast, choose_dtype, keep_freed_memory
from kuzushiji.inference.outputs import as_input, as_tensor, outputs
from kuzushiji.interruption import interruptible
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.augment import augment, resized
from kuzushiji.training.distillation import Teacher, divergence
from kuzushiji.training.mixup import Mixture, draw_mixture, loss_and_correct, mixed
from kuzushiji.training.optimizers import averaged, climbed, create_optimizer, learning_rate
from kuzushiji.training.start import training_mode

CHECKPOINT_SECONDS = 60.0
"""A training that is killed loses at most so much, and the step it was in."""

REPORT_SECONDS = 0.2


AUGMENTATIONS = ("translate", "rotate", "scale", "shear", "elastic", "thickness", "cutout", "erasing")
"""The recipe's fields that `augment` takes."""

NO_VALIDATION = {"validation_loss": None, "validation_accuracy": None}


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        epoch, epochs: the epoch it is in, from 1, and how many there will be.
        step, steps: the step of the epoch it has done, from 1, and how many there are.
        loss, accuracy: means over the epoch so far, on training images as they were augmented (and mixed: see
            `loss_and_correct`).
        images_per_second: training speed over the epoch so far.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float


def fit(
    network: nn.Module,
    train: CharacterImages,
    validation: CharacterImages | None,
    recipe: Recipe,
    *,
    device: torch.device,
    teacher: Teacher | None = None,
    state: dict[str, Any] | None = None,
    save_state: Callable[[dict[str, Any]], None] = lambda state: None,
    on_progress: Callable[[TrainingProgress], None] = lambda progress: None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None,
) -> tuple[nn.Module, list[dict[str, Any]]]:
    """Trains a network in place.

    With the same arguments, seed and machine the outcome is the same to the bit on a CPU, whether the training ran
    through or was cut off and taken up again from a saved state.

    Args:
        network: weights as they start; it must stand on `device` already.
        validation: images on which the best epoch is chosen; None if the last is kept.
        teacher: whose answers the network is to learn besides the labels.
        state: what an earlier call gave to `save_state`, to go on from there.
        save_state: receives the state after each epoch, about every minute, and before an interruption ends it.
        on_progress: called a few times a second.
        on_epoch: called after each epoch with its metrics, as `Run.metrics` has them.

    Returns:
        The network to keep (trained, averaged or the best epoch's, as the recipe says), in evaluation mode, and
        the epochs' metrics.

    Raises:
        Diverged: the loss stopped being finite.
        Interrupted: Ctrl-C or a request to terminate arrived; the state has been saved.
    """
    keep_freed_memory()
    images, labels = as_tensor(train.images), as_tensor(train.labels)
    steps = steps_per_epoch(len(train), recipe.batch_size)
    dtype = choose_dtype(recipe.precision, device)
    changes = {name: getattr(recipe, name) for name in AUGMENTATIONS}
    optimizer = create_optimizer(network, recipe)
    average = averaged(network, recipe)
    kept = network
    averaged_from = steps * recipe.epochs * (1 - recipe.swa) if recipe.swa else 0
    counts = torch.from_numpy(train.class_counts()).clamp(min=1).to(device)
    prior = recipe.logit_adjustment * (counts / counts.sum()).log()
    epochs: list[dict[str, Any]] = []
    best: dict[str, Any] | None = None
    first_epoch = first_step = 0
    tally = _Tally(device)
    torch.manual_seed(recipe.seed)

    if state is not None:
        first_epoch, first_step, epochs, best = state["epoch"], state["step"], state["epochs"], state["best"]
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        if average:
            average.load_state_dict(state["average"])
            kept = average.module if average.n_averaged else network
        tally.restore(state["tally"])
        _restore_random_state(state["random"], device)

    def save(epoch: int, step: int) -> None:
        save_state(
            {
                "epoch": epoch,
                "step": step,
                "epochs": epochs,
                "best": best,
                "network": network.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average.state_dict() if average else None,
                "tally": tally.state(),
                "random": _random_state(device),
            }
        )

    def gradients(
        batch: Tensor, target: Tensor, mixture: Mixture | None, taught: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        with autocast(device, dtype), mixed(mixture):
            logits = network(batch).float()
        loss, correct = loss_and_correct(recipe, logits + prior, target, mixture)
        if taught is not None:
            loss = loss.lerp(divergence(logits, taught, recipe.temperature), recipe.distillation)
        optimizer.zero_grad()
        loss.backward()
        return loss, correct

    last_saved = last_reported = time.monotonic()
    with interruptible() as stop:
        for epoch in range(first_epoch, recipe.epochs):
            if stopped_early(epochs, recipe.patience):
                break
            order = _epoch_order(train, recipe, epoch)
            share = share_of_size(recipe, epoch)
            training_mode(network)
            for step in range(first_step, steps):
                started = time.perf_counter()
                chosen = order[step * recipe.batch_size : (step + 1) * recipe.batch_size]
                target = labels[chosen].to(device)
                lr = learning_rate(recipe, epoch * steps + step, recipe.epochs * steps)
                for group in optimizer.param_groups:
                    group["lr"] = lr

                batch = resized(augment(as_input(images[chosen], device), **changes), share)
                mixture = draw_mixture(network, recipe, len(batch))
                taught = teacher(batch if mixture is None else mixture.of(batch), chosen) if teacher else None
                loss, correct = gradients(batch, target, mixture, taught)
                if recipe.sam:
                    with climbed(network, recipe.sam):
                        gradients(batch, target, mixture, taught)
                optimizer.step()
                if average and epoch * steps + step >= averaged_from:
                    average.update_parameters(network)
                    kept = average.module
                tally.add(loss, correct, len(batch), time.perf_counter() - started)

                now = time.monotonic()
                due = stop.is_set() or now - last_saved > CHECKPOINT_SECONDS
                if due or now - last_reported > REPORT_SECONDS or step + 1 == steps:
                    last_reported = now
                    mean_loss, accuracy = tally.means()
                    _check_finite(mean_loss, epoch, recipe)
                    on_progress(
                        TrainingProgress(
                            epoch + 1, recipe.epochs, step + 1, steps, mean_loss, accuracy, tally.images_per_second
                        )
                    )
                if due and step + 1 < steps:
                    save(epoch, step + 1)
                    last_saved = now
                    if stop.is_set():
                        raise Interrupted("the training was interrupted; its state is saved")

            started = time.perf_counter()
            measured = _validate(kept, validation, recipe, device, dtype) if validation else NO_VALIDATION
            epochs.append(
                {
                    "epoch": epoch + 1,
                    "train_loss": mean_loss,
                    "train_accuracy": accuracy,
                    **measured,
                    "lr": lr,
                    "seconds": tally.seconds + time.perf_counter() - started,
                    "images_per_second": tally.images_per_second,
                }
            )
            if recipe.keep == "best" and validation and best_epoch(epochs) == epoch + 1:
                best = deepcopy(kept.state_dict())
            first_step, tally = 0, _Tally(device)
            save(epoch + 1, 0)
            last_saved = time.monotonic()
            on_epoch(epochs[-1])
            if stop.is_set() and epoch + 1 < recipe.epochs:
                raise Interrupted("the training was interrupted; its state is saved")

    if best is not None:
        kept.load_state_dict(best)
    return kept.eval(), epochs


def fit_once(
    network: nn.Module,
    train: CharacterImages,
    validation: CharacterImages | None,
    recipe: Recipe,
    *,
    device: torch.device,
    on_epoch: Callable[[dict[str, Any]], None] = lambda metrics: None,
) -> nn.Module:
    """Fits a classical model, which takes the training images in one pass; in place.

    Args:
        network: one with `fit`, standing on `device` already.
        validation: images to measure it on; None if there are none.
        on_epoch: called at the end with the metrics, as `Run.metrics` has them, and what the model chose by itself.

    Returns:
        The network, in evaluation mode.

    Raises:
        UsageError: there are too few training images for it.
    """
    torch.manual_seed(recipe.seed)
    started = time.perf_counter()
    fitting: Any = network
    chosen = fitting.fit(as_tensor(train.images).to(device), as_tensor(train.labels).to(device))
    fitted = time.perf_counter()
    measured = _validate(network, validation, recipe, device, torch.float32) if validation else NO_VALIDATION
    on_epoch(
        {
            "epoch": 1,
            "train_loss": None,
            "train_accuracy": None,
            **measured,
            "lr": None,
            "seconds": time.perf_counter() - started,
            "images_per_second": len(train) / (fitted - started),
            **chosen,
        }
    )
    return network.eval()


def best_epoch(epochs: list[dict[str, Any]]) -> int:
    """Number, from 1, of the first epoch with the highest validation accuracy and, among equals, the lowest loss."""
    return max(epochs, key=lambda line: (line["validation_accuracy"], -line["validation_loss"]))["epoch"]


def stopped_early(epochs: list[dict[str, Any]], patience: int) -> bool:
    """Whether the last `patience` epochs brought nothing better."""
    return bool(patience and epochs and len(epochs) - best_epoch(epochs) >= patience)


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Steps of an epoch.  A last batch of a single image is left out: batch normalisation needs two."""
    full, rest = divmod(images, batch_size)
    return max(1, full + (rest > 1))


class _Tally:
    """Sums over the training images of an epoch: loss, correct answers, images, seconds."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, device=device)
        self.images = 0
        self.seconds = 0.0

    def add(self, loss: Tensor, correct: Tensor, images: int, seconds: float) -> None:
        self.sums += torch.stack([loss.detach() * images, correct])
        self.images += images
        self.seconds += seconds

    def means(self) -> tuple[float, float]:
        """Mean loss and accuracy."""
        loss, correct = (self.sums / self.images).tolist()
        return loss, correct

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "images": self.images, "seconds": self.seconds}

    def restore(self, state: dict[str, Any]) -> None:
        self.sums.copy_(state["sums"])
        self.images, self.seconds = state["images"], state["seconds"]


def _check_finite(loss: float, epoch: int, recipe: Recipe) -> None:
    if not math.isfinite(loss):
        raise Diverged(
            f"the loss became {loss} in epoch {epoch + 1}: the training diverged. "
            f"Try a smaller learning rate (--lr {recipe.lr / 10:g})"
            + (" or --precision float32" if recipe.precision != "float32" else "")
        )


def _validate(
    network: nn.Module, validation: CharacterImages, recipe: Recipe, device: torch.device, dtype: torch.dtype
) -> dict[str, float]:
    tally = _Tally(device)
    for logits, labels in outputs(network, validation, device, dtype):
        tally.add(*loss_and_correct(recipe, logits, labels), len(labels), 0.0)
    loss, accuracy = tally.means()
    return {"validation_loss": loss, "validation_accuracy": accuracy}


def share_of_size(recipe: Recipe, epoch: int) -> float:
    """What share of their sides the images have in an epoch, counted from 0."""
    grown = min(1.0, epoch / max(1.0, recipe.epochs * 2 / 3))
    return recipe.start_size + (1 - recipe.start_size) * grown


def _epoch_order(train: CharacterImages, recipe: Recipe, epoch: int) -> Tensor:
    """The numbers of the images of an epoch in their order, which depends on nothing but the seed and the epoch.

    All images once; or as many, of which the rare classes' come more often the more `balance` asks for it.
    """
    random = np.random.default_rng([recipe.seed, epoch])
    if not recipe.balance:
        return torch.from_numpy(random.permutation(len(train)))
    chance = train.class_counts()[train.labels] ** -recipe.balance
    return torch.from_numpy(random.choice(len(train), len(train), p=chance / chance.sum()))


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
