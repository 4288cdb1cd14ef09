"""Folders on file systems without locks."""

import errno
from pathlib import Path

import pytest

from kuzushiji import locks
from kuzushiji.cli import main
from kuzushiji.errors import KuzushijiError
from kuzushiji.locks import FileLock

fcntl = pytest.importorskip("fcntl", reason="Windows locks in another way")


def refusing(number):
    def flock(*_):
        raise OSError(number, "No locks available")

    return flock


def test_what_has_no_locks_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    for waiting in ({}, {"timeout": 0}):
        with (
            pytest.raises(KuzushijiError, match="is on a file system that keeps no locks"),
            FileLock(tmp_path / ".lock", **waiting),
        ):
            pass


def test_another_failure_is_told_as_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refusing(errno.EIO))
    with pytest.raises(OSError, match="No locks available"), FileLock(tmp_path / ".lock"):
        pass


def test_a_lock_is_held_by_one(tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(TimeoutError):
        FileLock(tmp_path / ".lock", timeout=0).acquire()


def test_every_file_takes_that_lock():
    files = Path(locks.__file__).parent.rglob("*.py")
    assert [path for path in files if "from filelock import FileLock" in path.read_text(encoding="utf-8")] == []


def test_the_command_line_says_it_in_a_line(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    arguments = ["train", "nn_1", "--data", "brush:kmnist:4", "--epochs", "1", "--run", str(tmp_path / "run")]
    assert main([*arguments, "--device", "cpu"]) == 1
    assert capsys.readouterr().err.count("keeps no locks") == 1
