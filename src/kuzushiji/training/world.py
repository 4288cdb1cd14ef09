"""The processes that train one network together: so far one alone."""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn


class World(Protocol):
    """What the loop asks for.  All processes of a world ask the same things in the same order.

    Attributes:
        rank: the number of this process, from 0; that of number 0 saves and tells how it goes.
        size: how many there are.  Of each batch, every process takes every `size`-th image from its `rank` on.
    """

    rank: int
    size: int

    def shared(self, network: nn.Module) -> nn.Module:
        """The network in such a form that its gradients become the means over all processes."""

    def sum(self, values: Tensor) -> Tensor:
        """The sum of what the processes give."""

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """For each flag whether it is set in any process."""

    def gather(self, value: Any) -> list[Any]:
        """What each process gives, by rank."""


class Alone:
    """A world of one process."""

    rank = 0
    size = 1

    def shared(self, network: nn.Module) -> nn.Module:
        return network

    def sum(self, values: Tensor) -> Tensor:
        return values

    def any(self, flags: Sequence[bool]) -> list[bool]:
        return list(flags)

    def gather(self, value: Any) -> list[Any]:
        return [value]
