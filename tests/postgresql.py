"""What all tests share: one process aside, in which the networks are opened once, and a PostgreSQL server."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

import pytest

from kuzushiji.serving import app
from kuzushiji.serving.aside import Aside


class _Shared(Aside):
    """One that rooms do not close, for others ask it too."""

    def close(self):
        pass


@pytest.fixture(scope="session")
def _aside():
    aside = _Shared(seconds=60)
    yield aside
    Aside.close(aside)


@pytest.fixture(autouse=True)
def one_aside(_aside, monkeypatch):
    monkeypatch.setattr(app, "Aside", lambda: _aside)


def _programs() -> Path:
    """Where Debian keeps them, out of everybody's way."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL: Debian's package postgresql is missing")
    return found[-1].parent


@pytest.fixture(scope="session")
def postgresql():
    """A function that makes a database and gives its URL; the server runs on a port of its own."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is missing")
    programs, folder = _programs(), Path(tempfile.mkdtemp(prefix="postgresql"))
    as_nobody = []
    if os.geteuid() == 0:  # which the server refuses to be
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL can't be started as root, and runuser is missing")
        as_nobody = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = f"-p {port} -h 127.0.0.1 -k {folder} -c fsync=off -c shared_buffers=16MB"

    def run(program, *arguments):
        command = [*as_nobody, programs / program, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    run("initdb", "-A", "trust", "-U", "kuzushiji", "-E", "UTF8", "--no-sync")
    run("pg_ctl", "start", "-w", "-o", settings, "-l", folder / "log")

    def database() -> str:
        name = f"d{uuid.uuid4().hex}"
        with psycopg.connect(
            host="127.0.0.1", port=port, user="kuzushiji", dbname="postgres", autocommit=True
        ) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://kuzushiji@127.0.0.1:{port}/{name}"

    yield database
    run("pg_ctl", "stop", "-m", "immediate")
    shutil.rmtree(folder, ignore_errors=True)
