"""What every test may rely on: a home of its own, and the real data where it lies beside the project."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bars import write_bars
from tests.hubserver import TOKEN, Hub, hub_server
from tests.postgresql import postgresql as postgresql

# A shell lets its background jobs ignore Ctrl-C, and they pass that on to what they start; here it is sent on purpose.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sets KUZUSHIJI_HOME to an empty folder of this test alone, so that nothing touches the user's own."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("KUZUSHIJI_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails whatever looks for a host other than this machine."""
    look_up = socket.getaddrinfo

    def look_up_here(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in (None, "", "localhost", "127.0.0.1", "::1", socket.gethostname()):
            raise RuntimeError(f"a test must not reach for {host}")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that is asked instead of Hugging Face's, with a token that is right."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # which asks other servers
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with hub_server() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def bars_folder(tmp_path: Path) -> Path:
    """240 training and 80 test images of 12 x 12 pixels in four classes, in npz files."""
    return write_bars(tmp_path / "bars")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real files (kmnist/, kmnist6k/, k49/, pages/ ...); the test is skipped where there is none.

    It is the one named by the environment variable KUZUSHIJI_REAL_DATA, else ../shared/data beside the project.
    """
    configured = os.environ.get("KUZUSHIJI_REAL_DATA")
    folder = Path(configured) if configured else PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist (KUZUSHIJI_REAL_DATA names another folder)")
    return folder
