"""Several processes that work on the same sweep, on one machine or on those of a cluster."""

from collections.abc import Callable
from typing import Any

from kuzushiji.errors import Interrupted
from kuzushiji.interruption import interruptible
from kuzushiji.processes import Ended, Pool, Report, side_by_side
from kuzushiji.sweep.storage import OpenSweep, open_sweep, storage_errors
from kuzushiji.sweep.trials import run_trials

LOOK_SECONDS = 0.5
"""How often it is looked how far the workers are."""


def run_workers(
    sweep: OpenSweep,
    jobs: int,
    storage: str | None,
    request: dict[str, Any],
    look: Callable[[], None] = lambda: None,
    pool: Pool = side_by_side,
) -> None:
    """Runs trials in several processes until the sweep has enough.

    Args:
        sweep: what `open_sweep` gave.
        jobs: how many processes; they share the processor's cores, or those of a cluster.
        storage: the address of the database, if there is one.
        request: arguments of `run_trials`.
        look: called about twice a second.
        pool: what has these processes, such as `Cluster.workers`.

    Raises:
        Interrupted: Ctrl-C; the trials under way are taken up when the sweep goes on.
        KuzushijiError: a worker failed; the others were ended where they can go on.
    """
    failed: Exception | None = None
    with interruptible() as stop, pool("training", jobs) as workers:
        for number in range(jobs):
            workers.start(number, _run, sweep.name, storage, request)
        while workers:
            told = workers.next(LOOK_SECONDS)
            if told and isinstance(told[1], Ended):
                if isinstance(told[1].error, Interrupted):
                    stop.set()  # who asks one process to terminate means the sweep
                else:
                    failed = failed or told[1].error
            if failed or stop.is_set():
                workers.ask_to_stop()
            look()
    if failed:
        raise failed
    if stop.is_set():
        raise Interrupted(
            f"the sweep was interrupted; nothing is lost. Go on with: kuzushiji sweep --resume {sweep.name}"
        )


def _run(report: Report, name: str, storage: str | None, request: dict[str, Any]) -> None:
    """The work of one process, whose progress shows in the storage."""
    with storage_errors():
        run_trials(open_sweep(name, storage=storage), **request)
