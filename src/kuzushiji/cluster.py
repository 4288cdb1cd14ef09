"""Work for the machines of a Ray cluster: jobs as `processes.Workers` does them, and many small pieces of one kind.

The cluster is there already (`ray start --head`, and `ray start --address=HOST:6379` on each other machine); this
process joins it and leaves it as it was.  Whatever it gives away ends when it does.  What a lost process or machine had
in hand is done again elsewhere, up to `ATTEMPTS` times in all.
"""

import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.extras import check_extras
from kuzushiji.home import home
from kuzushiji.processes import Ended, Workers, ended
from kuzushiji.version import __version__

ATTEMPTS = 3
"""So often is begun what loses the process that does it."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of what it will do one day
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".*",  # else it prints what it has lost between our results
}
"""Settings of Ray, read when it is imported; what it would tell, this package tells itself."""

CONNECT_SECONDS = 5
LOOK_SECONDS = 0.5
COUNT_SECONDS = 10
"""How often it is counted how much room there is, for machines come and go."""

SETTLE_SECONDS = 5
"""What is begun again waits so long, for the process of a parent that was killed saves what it has before it ends."""

GATHER_SECONDS = 0.2
"""What a job tells in such a while goes over the network together."""


class Cluster:
    """A context manager for the machines that a Ray joins.

    Args:
        address: `auto` for the Ray that runs on this machine, or HOST:PORT of its head.

    Raises:
        UsageError: that is no address.
        KuzushijiError: Ray is not installed, or can't be reached.
    """

    def __init__(self, address: str) -> None:
        check_extras("cluster")
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        import ray

        self.ray, self._joined = ray, not ray.is_initialized()
        if self._joined:
            _join(ray, address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._joined:
            self.ray.shutdown()

    @property
    def processors(self) -> list[int]:
        """How many cores each machine that is alive gives to the cluster."""
        found = [int(node["Resources"].get("CPU", 0)) for node in self.ray.nodes() if node["Alive"]]
        return [cores for cores in found if cores]

    @property
    def gpus(self) -> int:
        """How many GPUs the machines give to the cluster together."""
        return int(self.ray.cluster_resources().get("GPU", 0))

    @property
    def jobs(self) -> int:
        """How many trainings to do side by side: one a GPU; without any, one a machine."""
        return self.gpus or max(1, len(self.processors))

    def workers(self, what: str, jobs: int) -> "ClusterWorkers":
        """Does what `processes.side_by_side` does: for so many jobs at a time, which share all cores and GPUs.

        Args:
            what: what is being done, for messages.
            jobs: so many jobs run at a time at most; fewer where there is no room.
        """
        return ClusterWorkers(self.ray, what, cores_each(self.processors, jobs), min(1.0, self.gpus / jobs))

    def spread(
        self, function: Callable[..., Any], *given: Any, threads: int = 1, look: Callable[[], None] = lambda: None
    ) -> "Spread":
        """Calls one function again and again, wherever there is room.

        Args:
            function: stands at the top of a module; is called as `function(*given, *arguments)`.
            given: what it gets at each call; sent to each machine once.
            threads: how many cores a call takes.
            look: called about twice a second while there is nothing else to do; what it raises ends the work.
        """
        return Spread(self, function, given, threads, look)


def _join(ray: ModuleType, address: str) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    try:
        if noted := _noted() if address == "auto" else address:
            _knock(noted)
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (OSError, RuntimeError, ValueError) as error:
        where = "on this machine" if address == "auto" else f"at {address}"
        reason = str(error).strip().splitlines()[0]
        raise KuzushijiError(f"no Ray answers {where} ({reason}); start one with: ray start --head") from None
    finally:
        if signal.getsignal(signal.SIGTERM) is not handler:  # only in the main thread
            signal.signal(signal.SIGTERM, handler)


def _noted() -> str | None:
    """The address that `auto` stands for, if there is one; Ray leaves it behind when it is killed."""
    noted = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    with suppress(OSError):
        return os.environ.get("RAY_ADDRESS") or noted.read_text().strip()
    return None


def _knock(address: str) -> None:
    """Fails at once where nobody listens; Ray itself would wait for two minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UsageError(f"{address!r} is no address of a Ray; expected auto or HOST:PORT, such as 10.0.0.1:6379")
    socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


def cores_each(processors: list[int], jobs: int) -> int:
    """The most cores that each of so many jobs can have, none of them on two machines; 1 where there are too few."""
    choices = range(max(processors, default=1), 0, -1)
    return next((cores for cores in choices if _places(processors, cores) >= jobs), 1)


def _places(processors: list[int], cores: int) -> int:
    return sum(each // cores for each in processors)


class Spread:
    """The `processes.Calls` of a cluster; a few more are under way than there is room for."""

    def __init__(
        self,
        cluster: Cluster,
        function: Callable[..., Any],
        given: tuple[Any, ...],
        threads: int,
        look: Callable[[], None],
    ) -> None:
        self._cluster, self._ray, self._threads, self._look = cluster, cluster.ray, threads, look
        self._call = self._ray.remote(num_cpus=threads, max_retries=ATTEMPTS - 1)(_call)
        self._function, self._given = function, self._ray.put(given)
        self._running: dict[Any, str] = {}
        self._most, self._counted = 0, -float("inf")

    def add(self, name: str, *arguments: Any) -> Iterator[tuple[str, Ended]]:
        """As `Calls` says; waits while too many are under way."""
        call = self._call.remote(self._function, self._given, arguments, __version__)
        self._running[call] = name
        yield from self._ended(0)
        while len(self._running) >= self._room():
            yield from self._ended(LOOK_SECONDS)

    def rest(self) -> Iterator[tuple[str, Ended]]:
        """As `Calls` says."""
        while self._running:
            yield from self._ended(LOOK_SECONDS)

    def _room(self) -> int:
        """How many calls may be under way: those that run, and as many whose arguments are on their way."""
        if time.monotonic() - self._counted > COUNT_SECONDS:
            self._most = 2 * max(1, _places(self._cluster.processors, self._threads))
            self._counted = time.monotonic()
        return self._most

    def _ended(self, seconds: float) -> Iterator[tuple[str, Ended]]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        try:
            self._look()
        except BaseException:
            for call in self._running:
                self._ray.cancel(call, force=True)
            raise
        for call in ready:
            name = self._running.pop(call)
            try:
                how = self._ray.get(call)
            except self._ray.exceptions.RayTaskError as error:
                raise _failed(error) from None
            except self._ray.exceptions.RayError as error:
                reason = f"{name}: whatever works on it is lost, {ATTEMPTS} times now ({_line(error)})"
                how = Ended(error=DataError(reason))
            yield name, how


def _call(function: Callable[..., Any], given: tuple[Any, ...], arguments: tuple[Any, ...], version: str) -> Ended:
    """Stands on a machine of the cluster."""
    return ended(_checked, version, function, *given, *arguments)


def _checked(version: str, function: Callable[..., Any], *arguments: Any) -> Any:
    _check_version(version)
    return function(*arguments)


@dataclass
class _Job:
    """A job, what stands for it in the cluster, and the stream of what it tells; None after its end."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    relay: Any = None
    stream: Any = None
    begun: bool = False
    lost: int = 0


class ClusterWorkers:
    """Does as `processes.Workers`, each job in a process somewhere in the cluster, as soon as there is room.

    A job whose process or machine is lost is begun again and must find by itself what it has done already.
    """

    def __init__(self, ray: ModuleType, what: str, threads: int, gpus: float) -> None:
        self._ray, self._what, self._threads = ray, what, threads
        self._relay = ray.remote(num_cpus=threads, num_gpus=round(gpus, 2), max_concurrency=2)(_Relay)
        self._jobs: dict[Hashable, _Job] = {}
        self._heard: deque[tuple[Hashable, Any]] = deque()
        self._asked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for job in self._jobs.values():
            self._end(job)

    def __len__(self) -> int:
        """How many jobs run, or wait for room."""
        return len(self._jobs)

    def start(self, name: Hashable, function: Callable[..., Any], *arguments: Any) -> None:
        """As `Workers.start`."""
        job = self._jobs[name] = _Job(function, arguments)
        self._begin(job)

    def next(self, timeout: float | None = None) -> tuple[Any, Any] | None:
        """As `Workers.next`; None also where something happened that is nobody's business."""
        if not self._heard:
            self._listen(timeout)
        if not self._heard:
            return None
        name, told = self._heard.popleft()
        if isinstance(told, Ended):
            del self._jobs[name]
        return name, told

    def ask_to_stop(self) -> None:
        """As `Workers.ask_to_stop`; a job that still waits for room is dropped."""
        if self._asked:
            return
        self._asked = True
        for name, job in self._jobs.items():
            if job.stream is not None and not job.begun:
                self._end(job)
                self._heard.append((name, Ended(stopped=True)))
            elif job.stream is not None:
                job.relay.stop.remote()

    def _listen(self, timeout: float | None) -> None:
        streams = {job.stream: name for name, job in self._jobs.items() if job.stream is not None}
        ready, _ = self._ray.wait(list(streams), num_returns=1, timeout=timeout)
        if not ready:
            return
        name = streams[ready[0]]
        job = self._jobs[name] = self._jobs.pop(name)  # the last in the row now, so that each has its turn
        try:
            told, job.begun = self._ray.get(next(job.stream)), True
        except self._ray.exceptions.RayTaskError as error:
            told = [Ended(error=_failed(error))]
        except (self._ray.exceptions.RayError, StopIteration) as error:
            told = self._lost(job, error)
        self._heard.extend((name, each) for each in told)
        if told and isinstance(told[-1], Ended):
            self._end(job)

    def _begin(self, job: _Job) -> None:
        job.relay = self._relay.remote(self._what, self._threads)
        place = _Place(str(home().absolute()), os.getcwd(), __version__)
        job.stream = job.relay.run.remote(job.function, job.arguments, place, SETTLE_SECONDS if job.lost else 0)
        job.begun = False

    def _end(self, job: _Job) -> None:
        if job.stream is not None:
            self._ray.kill(job.relay)
        job.stream = None

    def _lost(self, job: _Job, error: Exception) -> list[Ended]:
        job.lost += 1
        if self._asked:
            return [Ended(stopped=True)]
        if job.lost == ATTEMPTS:
            reason = f"whatever was {self._what} is lost, {ATTEMPTS} times now ({_line(error)})"
            return [Ended(error=KuzushijiError(reason))]
        self._begin(job)
        return []


@dataclass(frozen=True)
class _Place:
    """What must be the same where a job is done."""

    home: str
    folder: str
    version: str

    def enter(self) -> None:
        """Has relative paths and names of data mean what they mean to the caller.

        Raises:
            KuzushijiError: they can't, or another version is installed.
        """
        _check_version(self.version)
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise KuzushijiError(
                f"{socket.gethostname()} has no folder {self.folder} ({error.strerror}); it must be shared by all"
            ) from None
        os.environ["KUZUSHIJI_HOME"] = self.home


class _Relay:
    """Stands on a machine of the cluster, and has a process of its own there do a job, which it can interrupt."""

    def __init__(self, what: str, threads: int) -> None:
        self._workers, self._asked = Workers(what, threads), False

    def run(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], place: _Place, wait: float
    ) -> Iterator[Any]:
        """Yields lists, the first of them empty, of what the job tells, in the end an `Ended`."""
        yield []
        time.sleep(wait)
        try:
            place.enter()
        except KuzushijiError as error:
            yield [Ended(error=error)]
            return
        with self._workers as workers:
            workers.start(0, function, *arguments)
            while workers:
                if self._asked:
                    workers.ask_to_stop()
                if told := workers.next(LOOK_SECONDS):
                    time.sleep(GATHER_SECONDS)
                    yield [told[1], *(content for _, content in iter(partial(workers.next, 0), None))]

    def stop(self) -> None:
        """To be called while `run` runs."""
        self._asked = True


def _check_version(version: str) -> None:
    """Refuses to work for another version, which may name or train otherwise."""
    if version != __version__:
        here = socket.gethostname()
        raise KuzushijiError(f"{here} has kuzushiji {__version__}, not {version}; install the same on all machines")


def _failed(error: Exception) -> KuzushijiError:
    """What a machine of the cluster says that it should not."""
    failed = KuzushijiError(f"a machine of the cluster failed: {_line(error)}")
    failed.add_note(str(error))
    return failed


def _line(error: Exception) -> str:
    """The line of an error that says what it is: the last, after a traceback."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
