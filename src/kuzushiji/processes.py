"""Jobs in Python processes of their own, which report while they work, can be asked to stop, and are never left behind.

Decoding images and training networks is work that threads of one process would only wait for each other in.  The
processes are started as plain `python` rather than through `multiprocessing`, which on most systems runs the caller's
script a second time in each of them.  Each stands in a session of its own, so that Ctrl-C reaches the caller alone,
and each ends when the caller does, however it ends.
"""

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from _thread import interrupt_main
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, Protocol, Self

from kuzushiji.errors import Interrupted, KuzushijiError
from kuzushiji.interruption import terminate_as_interrupted

Report = Callable[[Any], None]
"""What a job is given to tell how far it is; takes anything that can be pickled."""

Part = Callable[[Any, int, int], Iterable[int]]
"""Called with a job, the number of a part and how many parts there are; yields how much is done, piece by piece."""


_KILLED = -9
"""The exit code of a process that got SIGKILL, which Windows does not have."""
_TERMINATED = {Interrupted.exit_code, -signal.SIGINT, -signal.SIGTERM}
"""Exit codes of a process that was asked to terminate, the last two before or after it could handle that."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Ended:
    """How a job ended.

    Attributes:
        result: what its function returned.
        error: what it raised, or why its process was lost: `Interrupted` where others than the caller asked it to
            terminate; None if nothing went wrong.
        stopped: whether it was asked to stop, and did so before it had a result.
    """

    result: Any = None
    error: Exception | None = None
    stopped: bool = False


@dataclass
class _Process:
    python: subprocess.Popen[bytes]
    errors: IO[bytes]
    ended: Ended | None = None
    asked: bool = False


class Workers:
    """A context manager for jobs, each in a process of its own; whatever still runs when it is left is ended.

    Args:
        what: what is being done, for messages, such as `decoding FILE`.
        threads: how many cores PyTorch takes in each process, unless `OMP_NUM_THREADS` is set; all if None.
    """

    def __init__(self, what: str, threads: int | None = None) -> None:
        self._what = what
        self._environment = {
            **({"OMP_NUM_THREADS": str(threads)} if threads else {}),
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        }
        self._running: dict[Hashable, _Process] = {}
        self._heard: queue.SimpleQueue[tuple[Hashable, str, Any]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for process in self._running.values():
            process.python.kill()
        for name in tuple(self._running):
            self._ended(name)

    def __len__(self) -> int:
        """How many jobs run."""
        return len(self._running)

    def start(self, name: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """Starts a process that calls `function(report, *arguments)`.

        Args:
            name: what the job is called in what `next` gives.
            function: stands at the top of a module, where another process finds it; its first argument is a `Report`.
            arguments: are pickled.
        """
        # -P: a file in the working folder that is called as a standard module must not be taken for it.
        command = [sys.executable, "-P", "-c", "from kuzushiji.processes import work; work()"]
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed when the process has ended)
        python = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self._environment,
            start_new_session=True,
        )
        self._running[name] = _Process(python, errors)
        assert python.stdin is not None
        assert python.stdout is not None
        with suppress(BrokenPipeError):  # it has ended already; `next` will tell how
            pickle.dump((function, arguments), python.stdin)
            python.stdin.flush()
        threading.Thread(target=self._listen, args=(name, python.stdout), daemon=True).start()

    def next(self, timeout: float | None = None) -> tuple[Any, Any] | None:
        """Waits for what a job tells next: its name with what it reports, or with `Ended`.

        None if nothing comes for so many seconds.
        """
        while True:
            try:
                name, kind, content = self._heard.get(timeout=timeout)
            except queue.Empty:
                return None
            match kind:
                case "report":
                    return name, content
                case "closed":
                    return name, self._ended(name)
                case _:
                    self._running[name].ended = Ended(**{kind: content})

    def ask_to_stop(self) -> None:
        """Interrupts all jobs as Ctrl-C would, once, so that they can save what they have."""
        for process in self._running.values():
            assert process.python.stdin is not None
            process.asked = True
            process.python.stdin.close()

    def _listen(self, name: Hashable, pipe: IO[bytes]) -> None:
        try:
            with pipe, suppress(EOFError, pickle.UnpicklingError):
                while True:
                    kind, content = pickle.load(pipe)
                    self._heard.put((name, kind, content))
        finally:
            self._heard.put((name, "closed", None))

    def _ended(self, name: Hashable) -> Ended:
        """Takes a process that has told all that it will out of those that run."""
        process = self._running.pop(name)
        code = process.python.wait()
        assert process.python.stdin is not None
        process.python.stdin.close()
        with process.errors as errors:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
        if process.ended is not None or process.asked:
            return process.ended or Ended(stopped=True)
        if code in _TERMINATED:
            return Ended(error=Interrupted(f"a process that was {self._what} was asked to terminate"))
        hint = "; memory may have run out: do less at a time" if code == _KILLED else ""
        last = f" ({said.splitlines()[-1]})" if said else ""
        error = KuzushijiError(f"a process that was {self._what} ended with code {code}{last}{hint}")
        if said:
            error.add_note(said)
        return Ended(error=error)


class Jobs(Protocol):
    """What `Workers` is, wherever its processes are: `cluster.ClusterWorkers` has them on other machines."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def __len__(self) -> int: ...

    def start(self, name: Hashable, function: Callable[..., Any], *arguments: Any) -> None: ...

    def next(self, timeout: float | None = None) -> tuple[Any, Any] | None: ...

    def ask_to_stop(self) -> None: ...


Pool = Callable[[str, int], Jobs]
"""Called with what is being done and how many jobs there are at a time, among which it shares what cores there are."""


def side_by_side(what: str, jobs: int) -> Workers:
    """The `Pool` of this machine."""
    return Workers(what, max(1, cores() // jobs))


class Calls(Protocol):
    """One function called again and again, here (`AtOnce`) or elsewhere (`cluster.Spread`)."""

    def add(self, name: str, *arguments: Any) -> Iterator[tuple[str, Ended]]:
        """Asks for a call; yields the names of those that have ended, and how, in whatever order they do."""
        ...

    def rest(self) -> Iterator[tuple[str, Ended]]:
        """Waits for all others and yields them too."""
        ...


class AtOnce:
    """Calls a function in this process, as soon as it is asked to."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def add(self, name: str, *arguments: Any) -> Iterator[tuple[str, Ended]]:
        """As `Calls` says."""
        yield name, ended(self._function, *arguments)

    def rest(self) -> Iterator[tuple[str, Ended]]:
        """As `Calls` says: nothing is left."""
        return iter(())


def ended(function: Callable[..., Any], *arguments: Any) -> Ended:
    """What a function returns, or what it raises where its input or the system is to blame."""
    try:
        return Ended(function(*arguments))
    except (KuzushijiError, OSError) as error:
        return Ended(error=error)


def run_parts(do_part: Part, job: Any, processes: int, what: str) -> Generator[int, None, None]:
    """Does all parts of a job, here or in processes, and yields what each yields as it comes.

    Whatever ends this, also the closing of the generator, ends the processes.

    Args:
        do_part: a function at the top of a module, where another process finds it.
        job: what it needs to know; is pickled.
        processes: how many parts there are; a single one is done in this process.
        what: what is being done, for messages, such as `decoding FILE`.

    Raises:
        KuzushijiError, OSError: `do_part` raised it, or a process was killed.
    """
    if processes <= 1:
        yield from do_part(job, 0, 1)
        return
    with Workers(what) as workers:
        for part in range(processes):
            workers.start(part, _report_each, do_part, job, part, processes)
        while workers and (told := workers.next()):
            _, done = told
            if not isinstance(done, Ended):
                yield done
            elif done.error:
                raise done.error


def _report_each(report: Report, do_part: Part, job: Any, part: int, parts: int) -> None:
    for done in do_part(job, part, parts):
        report(done)


def work() -> None:
    """The main function of a process: a job from stdin, what it tells to stdout."""
    terminate_as_interrupted()
    with os.fdopen(os.dup(1), "wb") as pipe:
        os.dup2(2, 1)  # what a library prints is no report

        def tell(kind: str, content: Any) -> None:
            pickle.dump((kind, content), pipe)
            pipe.flush()

        try:
            function, arguments = pickle.load(sys.stdin.buffer)
            threading.Thread(target=_interrupt_when_stdin_closes, daemon=True).start()
            tell("result", function(partial(tell, "report"), *arguments))
        except (Interrupted, KeyboardInterrupt):
            sys.exit(Interrupted.exit_code)
        except BrokenPipeError:
            pass  # the caller is gone
        except (KuzushijiError, OSError) as error:
            tell("error", error)


def _interrupt_when_stdin_closes() -> None:
    """Does as Ctrl-C does when the caller asks for it, or is gone."""
    while os.read(0, 1024):
        pass
    interrupt_main()
