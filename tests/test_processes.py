import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.processes import Ended, Workers, run_parts
from tests.cluster_jobs import wait

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="it looks for processes in /proc")


def square(report, number):
    print("a library that prints")
    report(number)
    return number**2


def fail(report, error):
    raise error


def kill(report):
    print("about to go", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


def wait_for_ever(report):
    report(os.getpid())
    time.sleep(600)


def count(job, part, parts):
    yield from range(part, job, parts)


def fail_in_parts(job, part, parts):
    yield 0
    raise job


def lives(process: int) -> bool:
    return Path(f"/proc/{process}/cmdline").exists() and b"processes" in Path(f"/proc/{process}/cmdline").read_bytes()


def all_told(workers: Workers) -> list:
    told = []
    while workers:
        told.append(workers.next())
    return told


def test_a_job_reports_and_has_a_result_whatever_is_printed():
    with Workers("counting") as workers:
        workers.start("a", square, 3)
        assert len(workers) == 1
        assert all_told(workers) == [("a", 3), ("a", Ended(result=9))]


def test_nothing_told_in_time_is_none():
    with Workers("waiting") as workers:
        workers.start("a", wait_for_ever)
        assert workers.next()[0] == "a"
        assert workers.next(0.01) is None


@pytest.mark.parametrize("error", [DataError("the file is torn"), FileNotFoundError(2, "No such file", "here")])
def test_an_error_is_that_of_the_job(error):
    with Workers("failing") as workers:
        workers.start(1, fail, error)
        ((_, ended),) = all_told(workers)
    assert (type(ended.error), str(ended.error)) == (type(error), str(error))


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (kill, (), r"was counting ended with code -9 \(about to go\); memory may have run out"),
        (fail, (ZeroDivisionError("by zero"),), r"was counting ended with code 1 \(ZeroDivisionError: by zero\)"),
    ],
)
def test_a_process_that_is_lost_is_told_with_what_it_said_last(function, arguments, message):
    with Workers("counting") as workers:
        workers.start(1, function, *arguments)
        ((_, ended),) = all_told(workers)
    with pytest.raises(KuzushijiError, match=message):
        raise ended.error
    assert ended.error.__notes__, "a report of a bug needs all of it"


def test_jobs_that_are_asked_to_stop_may_save_what_they_have(tmp_path):
    with Workers("waiting") as workers:
        workers.start("a", wait, tmp_path)
        workers.next()
        workers.ask_to_stop()
        workers.ask_to_stop()
        assert all_told(workers) == [("a", Ended(stopped=True))]
    assert (tmp_path / "interrupted").exists()


@NEEDS_PROC
def test_what_still_runs_is_ended_when_the_block_is_left():
    with Workers("waiting") as workers:
        workers.start("a", wait_for_ever)
        _, process = workers.next()
        assert lives(process)
    assert not lives(process)


def test_the_share_of_the_cores_is_kept_unless_the_environment_says_otherwise(monkeypatch):
    for value, expected in ((None, "3"), ("1", "1")):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if value:
            monkeypatch.setenv("OMP_NUM_THREADS", value)
        with Workers("asking", threads=3) as workers:
            workers.start(1, environment, "OMP_NUM_THREADS")
            assert workers.next() == (1, expected)


def environment(report, name):
    report(os.environ.get(name))


SCRIPT = """
import time
from pathlib import Path
from kuzushiji.processes import Workers
from tests.test_processes import wait

print("the script runs", flush=True)
with Workers("waiting") as workers:
    workers.start("a", wait, Path({folder!r}))
    print(workers.next()[1], flush=True)
    time.sleep(600)
"""


@NEEDS_PROC
def test_jobs_end_cleanly_when_their_caller_is_killed_and_its_script_is_not_run_again(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.format(folder=str(tmp_path)))
    command = [sys.executable, str(tmp_path / "script.py")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        first, process = caller.stdout.readline(), int(caller.stdout.readline())
        lived = lives(process)
        caller.kill()
        assert (first, lived, caller.stdout.read()) == ("the script runs\n", True, "")
    deadline = time.monotonic() + 30
    while lives(process):
        assert time.monotonic() < deadline, "it goes on without anybody"
        time.sleep(0.02)
    assert (tmp_path / "interrupted").exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_parts_make_the_whole(processes):
    assert sorted(run_parts(count, 9, processes, "counting")) == list(range(9))


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("error", [DataError("torn"), OSError(28, "No space left on device")])
def test_what_a_part_raises_ends_all(processes, error):
    with closing(run_parts(fail_in_parts, error, processes, "failing")) as parts:
        assert next(parts) == 0
        with pytest.raises(type(error), match=str(error).replace("[", r"\[")):
            list(parts)


def processes_that_wait(job, part, parts):
    yield os.getpid()
    time.sleep(600)


@NEEDS_PROC
def test_ctrl_c_ends_all_parts():
    with closing(run_parts(processes_that_wait, None, 2, "waiting")) as parts:
        processes = [next(parts), next(parts)]
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            next(parts)
        assert not any(map(lives, processes))
