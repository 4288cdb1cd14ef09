"""The processes that train one network together: one alone, or those that torchrun starts."""

import atexit
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kuzushiji.errors import RankLost, UsageError
from kuzushiji.torchrun import Place, place

Value = TypeVar("Value")

PATIENCE = timedelta(minutes=30)
"""How long a process waits for the others: while one of them decodes a dataset, or measures the network."""

_LOST = re.compile("gloo|nccl|connection (closed|reset|refused)|timed out waiting|recvvalue failed", re.IGNORECASE)
"""What PyTorch says where another process has ended, in errors that have no kind of their own."""


class World(Protocol):
    """What the loop asks for.  All processes of a world ask the same things in the same order.

    Attributes:
        rank: the number of this process, from 0; that of number 0 measures, saves and tells how it goes.
        size: how many there are.  Each takes its part of every batch.
        leads: whether this is the first on its machine.
    """

    rank: int
    size: int
    leads: bool

    def shared(self, network: nn.Module) -> nn.Module:
        """The network in such a form that its gradients become the means over all processes."""

    def sum(self, values: Tensor) -> Tensor:
        """The sum of what the processes give; no gradients flow through it."""

    def any(self, flags: Sequence[bool]) -> list[bool]:
        """For each flag whether it is set in any process."""

    def gather(self, value: Any) -> list[Any]:
        """What each process gives, by rank."""

    def first(self, value: Any) -> Any:
        """What process 0 gives."""


class Alone:
    """A world of one process."""

    rank = 0
    size = 1
    leads = True

    def shared(self, network: nn.Module) -> nn.Module:
        return network

    def sum(self, values: Tensor) -> Tensor:
        return values

    def any(self, flags: Sequence[bool]) -> list[bool]:
        return list(flags)

    def gather(self, value: Any) -> list[Any]:
        return [value]

    def first(self, value: Any) -> Any:
        return value


class Ranks:
    """Processes that PyTorch has joined, each on a device of its own or a share of the CPU."""

    def __init__(self, here: Place, device: torch.device) -> None:
        self.rank, self.size, self.leads, self.device = here.rank, here.size, here.leads, device

    def shared(self, network: nn.Module) -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # newer versions have another name for broadcast_buffers
            return DistributedDataParallel(
                network, device_ids=[self.device] if self.device.type == "cuda" else None, broadcast_buffers=False
            )

    def sum(self, values: Tensor) -> Tensor:
        total = values.detach().clone()
        dist.all_reduce(total)
        return total

    def any(self, flags: Sequence[bool]) -> list[bool]:
        set_ = torch.tensor(flags, dtype=torch.uint8)  # on the CPU, so that no GPU is waited for
        dist.all_reduce(set_, dist.ReduceOp.MAX)
        return [bool(each) for each in set_.tolist()]

    def gather(self, value: Any) -> list[Any]:
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def first(self, value: Any) -> Any:
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]


def own_device(device: torch.device) -> torch.device:
    """The device of this process: of several on a machine, each has a GPU of its own.

    Raises:
        UsageError: there are more of them than GPUs, or the device can't be shared work on.
    """
    here = place()
    if here.size == 1 or device.type == "cpu":
        return device
    if device.type != "cuda":
        raise UsageError(f"several processes train together on cpu or cuda, not on {device.type}; say --device cpu")
    if here.local >= torch.cuda.device_count():
        raise UsageError(
            f"this machine has {torch.cuda.device_count()} GPUs, too few for process {here.local + 1}; "
            "start fewer with --nproc-per-node, or say --device cpu"
        )
    return torch.device("cuda", here.local)


@contextmanager
def joined(device: torch.device) -> Iterator[World]:
    """The world that torchrun started this process for; that of one process without it.

    The processes stay joined until they end: one training may follow another.

    Args:
        device: what `own_device` gave.

    Raises:
        RankLost: another process ended meanwhile.
    """
    here = place()
    if here.size == 1:
        yield Alone()
        return
    try:
        with losses_told():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            if not dist.is_initialized():
                backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
                dist.init_process_group(backend, timeout=PATIENCE)
                atexit.register(dist.destroy_process_group)
            yield Ranks(here, device)
    except RankLost:
        atexit.unregister(dist.destroy_process_group)  # it might wait for those that are lost
        raise


@contextmanager
def losses_told() -> Iterator[None]:
    """Within it, what PyTorch raises where another process has ended is a `RankLost`."""
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise RankLost("another process of the training ended") from error


def in_turn(world: World, read: Callable[[], Value]) -> Value:
    """What each process reads; the first of each machine does so before the others, and leaves them its cache."""
    if world.leads:
        value = read()
    world.gather(None)
    return value if world.leads else read()
