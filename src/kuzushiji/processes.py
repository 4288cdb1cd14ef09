"""One job, shared among as many processes as there are cores.

Decoding small images is mostly Python's own work, so that threads only wait for each other (two of them are slower than
one); processes share it well.  They are started as plain `python` processes rather than through `multiprocessing`,
which on most systems runs the caller's script a second time in each of them.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from typing import Any

from kuzushiji.errors import DataError, KuzushijiError

Part = Callable[[Any, int, int], Iterable[int]]
"""Called with a job, the number of a part and how many parts there are; yields how much is done, piece by piece."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_parts(do_part: Part, job: Any, processes: int, what: str) -> Generator[int, None, None]:
    """Does all parts of a job, here or in processes, and yields what each yields as it comes.

    Whatever ends this, also the closing of the generator, ends the processes.

    Args:
        do_part: a function at the top of a module, where another process finds it.
        job: what it needs to know; is pickled.
        processes: how many parts there are; a single one is done in this process.
        what: what is being done, for messages, such as `decoding FILE`.

    Raises:
        DataError, OSError: `do_part` raised it.
        KuzushijiError: a process was killed.
    """
    if processes <= 1:
        yield from do_part(job, 0, 1)
        return
    # All report into one pipe, a line a piece: lines this short are never torn apart.
    read_end, write_end = os.pipe()
    # -P: a file in the working folder that is called as a standard module must not be taken for it.
    command = [sys.executable, "-P", "-c", "from kuzushiji.processes import work; work()"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    workers: list[subprocess.Popen] = []
    try:
        with open(read_end, encoding="utf-8") as reports:
            try:
                for part in range(processes):
                    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=write_end, env=environment)
                    workers.append(worker)
                    assert worker.stdin is not None
                    with worker.stdin:
                        pickle.dump((do_part, job, part, processes), worker.stdin)
            finally:
                os.close(write_end)
            for line in reports:
                report = json.loads(line)
                if "data_error" in report:
                    raise DataError(report["data_error"])
                if "os_error" in report:
                    raise OSError(*report["os_error"])
                yield report["done"]
        for worker in workers:
            if worker.wait() != 0:
                raise KuzushijiError(
                    f"a process that was {what} ended with code {worker.returncode}; "
                    "if memory was short, try again with fewer programs open"
                )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def work() -> None:
    """The main function of a process: a job from stdin, reports to stdout."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller as well, who ends this process
    do_part, job, part, parts = pickle.load(sys.stdin.buffer)
    try:
        for done in do_part(job, part, parts):
            _report(done=done)
    except DataError as error:
        _report(data_error=str(error)[:2000])
    except BrokenPipeError:
        pass  # the caller is gone
    except OSError as error:
        _report(os_error=[error.errno, error.strerror])


def _report(**content: object) -> None:
    os.write(sys.stdout.fileno(), (json.dumps(content) + "\n").encode())
