"""A training under way: where it stands, what is told of it, when it is saved and when it ends."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from kuzushiji.errors import Diverged, Interrupted, RunError, in_a_line
from kuzushiji.runs.run import best_epoch
from kuzushiji.training.optimizers import check_state
from kuzushiji.training.tasks import Task
from kuzushiji.training.world import World

CHECKPOINT_SECONDS = 60.0
"""A training that is killed loses at most so much, and the step it was in."""

REPORT_SECONDS = 0.2

SMALLEST_PART = 2
"""Images that a process takes of a batch at least, for batch normalisation needs two."""

SAVED = "the training was interrupted; its state is saved"


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training has come.

    Attributes:
        epoch, epochs: the epoch it is in, from 1, and how many there will be.
        step, steps: the step of the epoch it has done, from 1, and how many there are.
        means: `loss` and each of the task's measures: means over the epoch so far, on training images as they were
            augmented (and mixed: see `loss_and_correct`).
        images_per_second: training speed over the epoch so far.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    means: dict[str, float]
    images_per_second: float

    @property
    def done(self) -> int:
        """Steps of the whole training that are done."""
        return (self.epoch - 1) * self.steps + self.step

    @property
    def total(self) -> int:
        """Steps of the whole training."""
        return self.epochs * self.steps

    @property
    def text(self) -> str:
        """The means and the speed in a few words."""
        shares = [f"{name} {mean:.2%}" for name, mean in self.means.items() if name != "loss"]
        return "  ".join([f"loss {self.means['loss']:.4f}", *shares, f"{self.images_per_second:,.0f} images/s"])


class Stateful(Protocol):
    """What of a training is saved by itself: the network, its optimizer, its average."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Any) -> object: ...


class Session:
    """Counts the epochs and steps of a training, and does what is due after each of them.

    Args:
        stop: set when the training is to end as soon as its state is saved.
        save: receives the state after each epoch, about every minute, and before the training is interrupted.
        on_progress: called a few times a second.
        on_epoch: called after each epoch with its metrics, as `Run.metrics` has them.

    Attributes:
        epoch, step: how many epochs are done, and how many steps of the one that is under way.
        steps: how many steps an epoch has.
        epochs: the metrics of those that are done.
        best: the weights of the best epoch so far, where the recipe keeps them.
    """

    def __init__(
        self,
        task: Task,
        world: World,
        parts: Mapping[str, Stateful],
        *,
        stop: threading.Event,
        save: Callable[[dict[str, Any]], None],
        on_progress: Callable[[TrainingProgress], None],
        on_epoch: Callable[[dict[str, Any]], None],
    ) -> None:
        self.recipe, self.device, self.world, self.parts, self.stop = task.recipe, task.device, world, parts, stop
        self.save, self.on_progress, self.on_epoch = save, on_progress, on_epoch
        self.measures = task.measures
        self.images = 0.0  # of a step, a process
        self.steps = steps_per_epoch(task.images, task.recipe.batch_size)
        self.epoch = self.step = 0
        self.epochs: list[dict[str, Any]] = []
        self.best: dict[str, Any] | None = None
        self.tally = _Tally(self.measures, self.device)
        self.saved = self.reported = time.monotonic()
        self.lapped = time.perf_counter()

    @property
    def steps_done(self) -> int:
        """How many steps of the whole training are done."""
        return self.epoch * self.steps + self.step

    def epochs_left(self) -> Iterator[int]:
        """The numbers, from 0, of the epochs that are to be done; patience with those that bring nothing may end."""
        while self.epoch < self.recipe.epochs and not stopped_early(
            self.epochs, self.recipe.patience, self.measures[0]
        ):
            self._lap()
            yield self.epoch

    def batches_left(self, order: Tensor) -> Iterator[tuple[Tensor, float]]:
        """This process's part of each batch that is to be done of an epoch, and what it counts: see `part_of`."""
        size = self.recipe.batch_size
        while self.step < self.steps:
            whole = order[self.step * size : (self.step + 1) * size]
            self.images = len(whole) / self.world.size
            yield part_of(whole, self.world)

    def step_done(self, loss: Tensor, counted: tuple[Tensor, ...]) -> None:
        """Takes the loss of a step, and the sum over its images of each of the task's measures.

        Raises:
            Diverged: the loss stopped being finite.
            Interrupted: the training was to stop; its state has been saved.
        """
        self.tally.add(loss, counted, self.images, self._lap())
        self.step += 1
        now = time.monotonic()
        stop, unsaved, silent = self.world.any(
            (self.stop.is_set(), now - self.saved > CHECKPOINT_SECONDS, now - self.reported > REPORT_SECONDS)
        )
        last = self.step == self.steps
        if stop or unsaved or silent or last:
            self._report()
        if (stop or unsaved) and not last:
            self._save()
            if stop:
                raise Interrupted(SAVED)
        self._lap()  # what was done here is no training

    def epoch_done(self, kept: nn.Module, measured: dict[str, float | None], lr: float) -> None:
        """Takes the network that would be kept now, what was measured of it, and the last step's learning rate.

        Raises:
            Interrupted: the training was to stop; its state has been saved.
        """
        means, speed = self.tally.means(self.world)
        metrics = {
            "epoch": self.epoch + 1,
            **{f"train_{name}": mean for name, mean in means.items()},
            **measured,
            "lr": lr,
            "seconds": self.tally.seconds + self._lap(),
            "images_per_second": speed,
        }
        self.epochs.append(metrics)
        self.epoch, self.step = self.epoch + 1, 0
        self.tally = _Tally(self.measures, self.device)
        choosing = self.recipe.keep == "best" and None not in measured.values()
        if choosing and best_epoch(self.epochs, self.measures[0]) == self.epoch:
            self.best = deepcopy(kept.state_dict())
        self._save()
        self.on_epoch(metrics)
        (stop,) = self.world.any((self.stop.is_set(),))
        if stop and self.epoch < self.recipe.epochs:
            raise Interrupted(SAVED)

    def restore(self, state: dict[str, Any]) -> None:
        """Goes back to where a training stood when it gave `save` this state.

        Raises:
            RunError: it is the state of another training, or damaged.
        """
        try:
            self.epoch, self.step, self.epochs = state["epoch"], state["step"], state["epochs"]
            whole = type(self.epoch) is type(self.step) is int  # which half a step is not
            whole = whole and 0 <= self.epoch <= self.recipe.epochs and 0 <= self.step <= self.steps
            whole = whole and isinstance(self.epochs, list) and all(isinstance(each, dict) for each in self.epochs)
            if not whole or len(self.epochs) != self.epoch:
                raise ValueError(f"epoch {self.epoch}, step {self.step}, {len(self.epochs)} epochs are done")
            if self.recipe.patience:
                stopped_early(self.epochs, self.recipe.patience, self.measures[0])
            self.tally.restore(state["tally"], self.world)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            check_state(self.parts["optimizer"])  # type: ignore[arg-type]
            self.best = self._checked(state["best"], state["network"])
            self._restore_random_state(state["random"])
        except Exception as error:  # PyTorch raises whatever comes of a state that is none
            raise RunError(
                f"the checkpoint is not of this training, or damaged ({type(error).__name__}: {in_a_line(error)}); "
                "train again from the start"
            ) from error

    def _checked(self, best: Any, network: dict[str, Tensor]) -> dict[str, Any] | None:
        """The weights of the best epoch so far, where the recipe keeps them and there was one."""
        if best is not None and {name: each.shape for name, each in best.items()} != {
            name: each.shape for name, each in network.items()
        }:
            raise ValueError("the best weights are of another network")
        return best

    def save_alone(self) -> None:
        """Saves the state where the other processes can't be asked for their random numbers any more."""
        self._save([])

    def _save(self, random: list[dict[str, Tensor]] | None = None) -> None:
        position = {"epoch": self.epoch, "step": self.step, "epochs": self.epochs, "best": self.best}
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        tally = self.tally.state(self.world, alone=random is not None)
        if random is None:
            random = self.world.gather(_random_state(self.device))
        self.save(position | parts | {"tally": tally, "random": random})
        self.saved = time.monotonic()

    def _restore_random_state(self, states: list[dict[str, Tensor]]) -> None:
        """Goes on with the random numbers of this process, or begins with new ones where there were more or fewer."""
        if len(states) == self.world.size:
            _restore_random_state(states[self.world.rank], self.device)
        else:
            torch.manual_seed(own_seed(self.recipe.seed, self.world.rank, self.steps_done))

    def _report(self) -> None:
        means, speed = self.tally.means(self.world)
        if not math.isfinite(means["loss"]):
            raise Diverged(
                f"the loss became {means['loss']} in epoch {self.epoch + 1}: the training diverged. "
                f"Try a smaller learning rate (--lr {self.recipe.lr / 10:g})"
                + (" or --precision float32" if self.recipe.precision != "float32" else "")
            )
        self.on_progress(TrainingProgress(self.epoch + 1, self.recipe.epochs, self.step, self.steps, means, speed))
        self.reported = time.monotonic()

    def _lap(self) -> float:
        """Seconds since it was last asked."""
        before, self.lapped = self.lapped, time.perf_counter()
        return self.lapped - before


class _Tally:
    """Sums over the training images of an epoch: loss, measures, images, seconds."""

    def __init__(self, measures: tuple[str, ...], device: torch.device) -> None:
        self.names = ("loss", *measures)
        self.sums = torch.zeros(len(self.names), device=device)
        self.images = 0.0
        self.seconds = 0.0

    def add(self, loss: Tensor, counted: tuple[Tensor, ...], images: float, seconds: float) -> None:
        self.sums += torch.stack([loss.detach() * images, *counted])
        self.images += images
        self.seconds += seconds

    def means(self, world: World) -> tuple[dict[str, float], float]:
        """The means over all processes by name, and images a second."""
        *sums, images = world.sum(torch.cat([self.sums, self.sums.new_tensor([self.images])])).tolist()
        means = {name: value / images for name, value in zip(self.names, sums, strict=True)}
        return means, images / self.seconds

    def state(self, world: World, alone: bool) -> dict[str, Any]:
        """What all processes have together; where the others are lost, as if they had what this one has."""
        sums = self.sums * world.size if alone else world.sum(self.sums)
        return {"sums": sums, "images": self.images * world.size, "seconds": self.seconds}

    def restore(self, state: dict[str, Any], world: World) -> None:
        self.sums.copy_(state["sums"]).div_(world.size)
        self.images, self.seconds = float(state["images"]) / world.size, float(state["seconds"])


def stopped_early(epochs: list[dict[str, Any]], patience: int, measure: str = "accuracy") -> bool:
    """Whether the last `patience` epochs brought nothing better."""
    return bool(patience and epochs and len(epochs) - best_epoch(epochs, measure) >= patience)


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Steps of an epoch.  A last batch of a single image is left out: batch normalisation needs two."""
    full, rest = divmod(images, batch_size)
    return max(1, full + (rest > 1))


def part_of(whole: Tensor, world: World) -> tuple[Tensor, float]:
    """The part of a batch that a process takes, and what it counts against those of the others.

    Its share is its number of images against the mean over all processes, so that the mean of losses weighted by it is
    that over the whole batch.  Where a last batch has too few images for all, some take images of others for company,
    and count nothing.
    """
    parts = max(1, min(world.size, len(whole) // SMALLEST_PART))
    if world.rank >= parts:
        return whole[:SMALLEST_PART], 0.0
    part = whole.tensor_split(parts)[world.rank]
    return part, len(part) * world.size / len(whole)


def own_seed(seed: int, rank: int, step: int = 0) -> int:
    """What a process draws its random numbers from that begins to train at a step; the seed itself for one alone."""
    return seed if rank == step == 0 else int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])


def _random_state(device: torch.device) -> dict[str, Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
