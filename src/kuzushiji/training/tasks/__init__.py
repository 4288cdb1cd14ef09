"""What a network can be trained to do.  A task knows images, losses and what is counted; the loop knows steps."""

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from kuzushiji.runs.recipe import Recipe


class Task(Protocol):
    """What the loop asks for.

    Attributes:
        recipe: how the network is trained.
        device: where it stands.
        images: number of training images.
        measures: names of what is counted beside the loss, each a share of the images, such as `accuracy`.
    """

    recipe: Recipe
    device: torch.device
    images: int
    measures: tuple[str, ...]

    def order(self, epoch: int) -> Tensor:
        """The numbers of an epoch's training images, int64 (N,), in the order in which they are seen.

        Args:
            epoch: counted from 0.  The order depends on nothing else but the recipe, so that a training can go on
                where it was cut off.
        """

    def batch(self, network: nn.Module, numbers: Tensor, epoch: int, share: float = 1.0) -> Any:
        """The training images of these numbers as they are seen in one step, with their targets, on the device.

        Whatever is random is drawn from PyTorch's default generator.

        Args:
            share: what they count in the loss against those of the other processes; 0 if they are there for company.
        """

    def loss(self, network: nn.Module, batch: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The loss, to be differentiated, and for each of `measures` the sum over the batch.

        The mean of the processes' losses is that over a whole batch, the sum of their sums that of a whole batch.
        """

    def validate(self, network: nn.Module) -> dict[str, float | None]:
        """`validation_loss` and `validation_...` for each of `measures`; each None if there are no such images."""
