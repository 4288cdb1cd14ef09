"""Several processes on one machine that work on the same sweep.

A worker is told what to do by a line on its standard input, and ends cleanly when that is closed: also where the
process that started it was killed.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from _thread import interrupt_main
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from kuzushiji.errors import Interrupted, KuzushijiError, UsageError
from kuzushiji.sweep.storage import OpenSweep

LOOK_SECONDS = 0.5
"""How often it is looked how far the workers are."""


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def stop(self) -> None:
        """Asks it to end where it can be taken up again."""
        assert self.process.stdin is not None
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def message(self) -> str:
        """What it said last before it failed."""
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with the exit code {self.process.returncode}"


def run_workers(sweep: OpenSweep, jobs: int, request: dict[str, Any], look: Callable[[], None] = lambda: None) -> None:
    """Runs trials in several processes until the sweep has enough.

    Args:
        sweep: what `open_sweep` gave.
        jobs: how many processes; they share the processor's cores.
        request: arguments of `run_trials`, and `storage`, the address of the database if there is one.
        look: called about twice a second.

    Raises:
        Interrupted: Ctrl-C; the trials under way are taken up when the sweep goes on.
        KuzushijiError: a worker failed; the others were ended where they can go on.
    """
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    line = json.dumps({"name": sweep.name, **request}).encode() + b"\n"
    workers: list[_Worker] = []
    try:
        for _ in range(jobs):
            errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
            process = subprocess.Popen(
                [sys.executable, "-m", "kuzushiji.sweep.workers"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                start_new_session=True,  # a Ctrl-C in the terminal is for the process that started it
            )
            workers.append(_Worker(process, errors))
            assert process.stdin is not None
            process.stdin.write(line)
            process.stdin.flush()
        waiting = threading.Event()
        while any(worker.process.poll() is None for worker in workers):
            if any(worker.process.returncode for worker in workers):
                break
            look()
            waiting.wait(LOOK_SECONDS)
        _end(workers)
        look()
        failed = next((worker for worker in workers if worker.process.returncode not in (0, 130)), None)
        if failed is not None:
            kind = UsageError if failed.process.returncode == UsageError.exit_code else KuzushijiError
            raise kind(failed.message())
    except KeyboardInterrupt:
        _end(workers)
        raise Interrupted(
            f"the sweep was interrupted; nothing is lost. Go on with: kuzushiji sweep --resume {sweep.name}"
        ) from None
    finally:
        for worker in workers:
            worker.process.kill()  # does nothing to one that has ended
            worker.process.wait()
            worker.errors.close()


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.stop()
    for worker in workers:
        worker.process.wait()


def _interrupt_when_left_alone() -> None:
    """Does as Ctrl-C does when nobody holds the other end of standard input any more."""
    while os.read(0, 1024):
        pass
    interrupt_main()


def main() -> int:
    """The work of one worker; its errors are told on stderr, the last line of which says what is wrong."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_interrupt_when_left_alone, daemon=True).start()
    try:
        from kuzushiji.sweep.storage import open_sweep, storage_errors
        from kuzushiji.sweep.trials import run_trials

        with storage_errors():
            sweep = open_sweep(request.pop("name"), storage=request.pop("storage"))
            run_trials(sweep, **request)
    except KuzushijiError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
