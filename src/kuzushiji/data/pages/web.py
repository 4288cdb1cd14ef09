"""What stands at addresses of the web, fetched once: one file at a time, with pauses, into a cache."""

import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from kuzushiji.errors import DataError, DownloadError
from kuzushiji.home import cache_folder
from kuzushiji.imaging.kinds import kind_of_file
from kuzushiji.locks import FileLock

MOST_BYTES = 2**28
"""Of a file."""
PAUSE_SECONDS = 0.5
"""From the end of one file to the beginning of the next."""
_FRESH_SECONDS = 3600
"""For so long a manifest is believed to be as it was; an image stays as it is."""

Fetch = Callable[[Sequence[str]], bytes]
"""Gives what stands at the first of some addresses that has it; raises `DataError`, whose message names them."""


def is_address(source: object) -> bool:
    """Whether this is an address of the web, and no path."""
    return isinstance(source, str) and source.lower().startswith(("http://", "https://"))


class Web:
    """A `Fetch` that keeps what it fetched, and goes on with what was broken off.

    All processes of a user that use one cache take turns: a server is asked for one file at a time.

    Args:
        say: is told in a line when a server asks to wait, or does not answer and what is kept must do.
        folder: for what is fetched; it can be deleted at any time.  The one under `KUZUSHIJI_HOME` if None.
    """

    def __init__(self, say: Callable[[str], None] = lambda line: None, folder: Path | None = None) -> None:
        self._say = say
        self._folder = folder or cache_folder() / "web"
        self._last = -PAUSE_SECONDS

    def __call__(self, addresses: Sequence[str]) -> bytes:
        """What stands at the first of these addresses that gives it; all stand for the same.

        Raises:
            DataError: none gives it, or it can't be kept.
        """
        if wrong := next((each for each in addresses if not _host(each)), None):
            raise DataError(f"{wrong} is no address of the web")
        path = self._folder / hashlib.sha256(addresses[0].encode(errors="replace")).hexdigest()
        try:
            if not _is_fresh(path):
                self._fetch(addresses, path)
            return path.read_bytes()
        except OSError as error:
            raise DataError(f"{addresses[0]} can't be kept in {self._folder}: {error.strerror or error}") from None

    def _fetch(self, addresses: Sequence[str], path: Path) -> None:
        from kuzushiji.fetch import Fetcher, NoAddressGaveIt

        self._folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self._folder / ".lock"):
            if _is_fresh(path):  # another process fetched it meanwhile
                return
            time.sleep(max(0.0, self._last + PAUSE_SECONDS - time.monotonic()))
            try:
                Fetcher(wait=self._wait).fetch(addresses, path, most=MOST_BYTES)
            except NoAddressGaveIt as error:
                told = "; ".join(line.strip() for line in str(error).splitlines())
                if not path.exists():
                    raise DownloadError(told) from None
                self._say(f"{told}; going on with what was fetched before")
            finally:
                self._last = time.monotonic()

    def _wait(self, seconds: float, address: str) -> None:
        self._say(f"{urlsplit(address).netloc} asks to wait {seconds:.0f} s")
        time.sleep(seconds)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_fresh(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return False
    return age < _FRESH_SECONDS or kind_of_file(path) is not None
