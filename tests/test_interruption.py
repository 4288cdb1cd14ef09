"""Ctrl-C and requests to terminate, from the first line of the program to its last one."""

import importlib
import os
import signal
import subprocess
import sys
import time

import pytest

from kuzushiji.errors import Interrupted
from kuzushiji.interruption import held_back, terminated_as_interrupted
from kuzushiji.processes import Ended, Workers

PROGRAM = (
    "import atexit, os, signal, sys\n"
    "{before}\n"
    "from kuzushiji.__main__ import main\n"
    "sys.argv = ['kuzushiji', 'data', 'list']\n"
    "sys.exit(main())"
)

WHILE_IT_IMPORTS = """
class Asked:
    def find_spec(self, name, *_):
        if name == 'kuzushiji.cli':
            os.kill(os.getpid(), signal.{number})
sys.meta_path.insert(0, Asked())
"""
IN_A_TEXT = """
import kuzushiji.cli
def asked(*_, **__):
    exec('os.kill(os.getpid(), signal.{number}); [None for _ in range(10**9)]', globals())
kuzushiji.cli.app = asked
"""
AT_THE_END = """
atexit.register(os.kill, os.getpid(), signal.{number})
"""
"""Called before what `main` registers, so that Python's own end is near: later callbacks are called earlier."""


def program(before: str, number: str) -> "subprocess.CompletedProcess[str]":
    script = PROGRAM.format(before=before.format(number=number))
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("before", [WHILE_IT_IMPORTS, IN_A_TEXT], ids=["imports", "text"])
def test_it_is_one_line_and_130_from_the_first_import_on(before, number):
    done = program(before, number)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_program_that_is_done_is_not_interrupted(number):
    done = program(AT_THE_END, number)
    assert done.returncode == 0
    assert "kmnist" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_belongs_together_is_done_before_an_interruption(number):
    done = []

    def write() -> None:
        with held_back():
            os.kill(os.getpid(), number)
            time.sleep(0.01)
            done.append(True)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
        assert done
        assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_imported_is_there_before_an_interruption(number, tmp_path, monkeypatch):
    (tmp_path / "imported.py").write_text(
        f"import os, time\nos.kill(os.getpid(), {number:d})\ntime.sleep(0.05)\nwhole = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def import_and_wait() -> None:
        importlib.import_module("imported")
        time.sleep(60)

    with terminated_as_interrupted(), pytest.raises(KeyboardInterrupt):
        import_and_wait()
    assert sys.modules.pop("imported").whole


def test_a_module_that_calls_it_when_it_is_imported_is_interrupted(tmp_path, monkeypatch):
    (tmp_path / "calling.py").write_text(
        "import os, signal, time\nfrom kuzushiji.interruption import terminated_as_interrupted\n"
        "with terminated_as_interrupted():\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(60)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        importlib.import_module("calling")


def wait_for_ever(report):
    report(os.getpid())
    time.sleep(600)


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process at once")
def test_a_worker_that_is_asked_to_terminate_was_interrupted():
    with Workers("waiting") as workers:
        workers.start("one", wait_for_ever)
        _, process = workers.next()
        os.kill(process, signal.SIGTERM)
        _, ended = workers.next()
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, Interrupted)
