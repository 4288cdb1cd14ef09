"""A run in the hands of one training, be it of one process or of several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from filelock import Timeout

from kuzushiji.errors import Interrupted, RankLost, RunError
from kuzushiji.locks import FileLock
from kuzushiji.runs.run import Run
from kuzushiji.training.checkpoint import load_checkpoint
from kuzushiji.training.world import World

AnyRun = TypeVar("AnyRun", bound=Run)


def shared_run(world: World, make: Callable[[], AnyRun]) -> AnyRun:
    """The run that process 0 makes.  The others are told of it, and need not see its folder."""
    run = None
    if world.rank == 0:
        run = make()
        _ = run.config  # which it tells the others with the rest
    made: AnyRun = world.first(run)
    return made


@contextmanager
def held(run: Run, world: World, verb: str = "train") -> Iterator[dict[str, Any] | None]:
    """Within it, no other training goes on with the run; gives the state to go on from, None at the beginning.

    Args:
        verb: what the command is called that goes on.

    Raises:
        RunError: the run is finished, or is being trained by others.
    """
    how = f"Go on with: kuzushiji {verb} --resume {run.address}"
    try:
        if world.rank:
            yield world.first(None)
            return
        with FileLock(run.path / ".lock", timeout=0):
            check_unfinished(run)  # another training may have come to the end since it was asked first
            yield world.first(load_checkpoint(run.checkpoint_file) if run.checkpoint_file.exists() else None)
    except Timeout:
        raise RunError(f"{run.name} is being trained by another process") from None
    except (Interrupted, RankLost) as error:
        raise type(error)(f"{error}. {how}") from None


def check_unfinished(run: Run) -> None:
    """Raises:
    RunError: there is nothing to resume.
    """
    if run.finished:
        raise RunError(f"{run.name} is finished; there is nothing to resume")
