"""Files from the network: resumed, checked, and put in their place whole or not at all."""

import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import requests
import urllib3

from kuzushiji.errors import DownloadError
from kuzushiji.files import put_in_place
from kuzushiji.version import __version__

CONNECT_SECONDS = 5
READ_SECONDS = 30
ATTEMPTS = 3
"""How often a connection that broke off is taken up again before the next address is tried."""
CHUNK = 2**16
LONGEST_WAIT = 120
"""Seconds that a busy server may ask to be left alone and is asked again after."""
_BUSY_SECONDS = 5
"""Where it does not say for how long."""

Progress = Callable[[str, int, int | None], None]
"""Called with the name of a file, the bytes that are there, and how many it will be if that is known."""


class AddressFailed(Exception):
    """One address did not give the file; the next may.  The message is the reason, without the address."""


class _BrokenOff(AddressFailed):
    """The connection ended before the file did; it can be taken up again."""


class _TooLarge(AddressFailed):
    """The file has more bytes than are taken."""


class _Busy(AddressFailed):
    """The server asks to be asked again after so many seconds."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(f"{reason}, which asks to wait {seconds:,.0f} s")
        self.seconds = seconds


class _Unreachable(AddressFailed):
    """The host did not answer, so that its other addresses need not be tried."""


class NoAddressGaveIt(DownloadError):
    """None of a file's addresses gave it; the message has a line for each."""


@dataclass
class Fetcher:
    """Fetches files, and asks no host again that did not answer once.

    What arrived of a download stays beside its file, and the next call goes on from it.

    Attributes:
        progress: is told how far each file is.
        say: is told in a line from where a file comes.
        wait: is called with the seconds for which a busy server asks to be left alone, and its address; waits.
    """

    progress: Progress = lambda name, done, total: None
    say: Callable[[str], None] = lambda text: None
    wait: Callable[[float, str], None] = lambda seconds, url: time.sleep(seconds)
    _unreachable: dict[str, str] = field(default_factory=dict)

    def fetch(
        self,
        urls: Iterable[str],
        target: Path,
        *,
        check: Callable[[Path], str] = lambda path: "",
        check_length: Callable[[int | None], None] = lambda length: None,
        size: int | None = None,
        most: int | None = None,
    ) -> tuple[str, str]:
        """Fetches a file from the first of its addresses that gives it.

        Args:
            check: is given the file before it takes its place; returns what there is to note of it, and raises
                `AddressFailed` if it is not the right one.
            check_length: is told how many bytes are offered, None if the server does not say, and raises
                `AddressFailed` if another file must be.
            size: for how many bytes there must be room, where the server does not say.
            most: more bytes than these are not taken.

        Returns:
            The address, and what `check` returned.

        Raises:
            NoAddressGaveIt: no address gave the file; nothing stands at `target` that did not before.
            DownloadError: there is no room for it.
            OSError: the disk refuses in another way.
        """
        reasons = []
        for url in urls:
            host = urlsplit(url).netloc
            try:
                if host in self._unreachable:
                    raise AddressFailed(self._unreachable[host])
                self.say(f"{target.name} from {host}")
                return url, self._fetch(url, target, check, check_length, size, most)
            except AddressFailed as error:
                if isinstance(error, _Unreachable):
                    self._unreachable[host] = str(error)
                reasons.append(f"{url}: {error}")
        raise NoAddressGaveIt("\n  ".join(reasons))

    def _fetch(
        self,
        url: str,
        target: Path,
        check: Callable[[Path], str],
        check_length: Callable[[int | None], None],
        size: int | None,
        most: int | None,
    ) -> str:
        part = _part_of(target)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._receive(url, part, target.name, check_length, size, most)
                break
            except _BrokenOff:
                if attempt == ATTEMPTS:
                    raise
            except _TooLarge:
                discard_part(target)
                raise
            except _Busy as busy:
                if attempt == ATTEMPTS or busy.seconds > LONGEST_WAIT:
                    raise
                self.wait(busy.seconds, url)
        try:
            note = check(part)
            put_in_place(part, target)
        finally:
            discard_part(target)
        return note

    def _receive(
        self,
        url: str,
        part: Path,
        name: str,
        check_length: Callable[[int | None], None],
        size: int | None,
        most: int | None,
    ) -> None:
        """Brings `part` to its full length, going on from what an earlier call left if the server agrees.

        A part is only gone on with where the server can tell that its file is still the same (If-Range with the entity
        tag or the date of the first answer); otherwise it begins anew.
        """
        start, validator = _resumable(url, part)
        headers = {"User-Agent": f"kuzushiji/{__version__}", "Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": validator}
        try:
            response = requests.get(url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
        except requests.RequestException as error:
            raise _Unreachable(_reason(error)) from None
        with response:
            if start and response.status_code == 416:
                part.unlink()
                raise _BrokenOff("the server has less of the file than an earlier download brought")
            if start and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                start = 0
            if response.status_code != (206 if start else 200):
                raise _refusal(response)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                raise AddressFailed("a web page came instead of the file")
            length = response.headers.get("Content-Length", "")
            total = start + int(length) if length.isdigit() else None
            check_length(None if "Content-Encoding" in response.headers else total)
            _check_most(total, most)
            need_room(part.parent, (total or size or 0) - start)
            tag = response.headers.get("ETag", "")
            validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
            _origin_of(part).write_text(f"{url}\n{validator}\n", encoding="utf-8")
            done, is_broken = start, False
            with open(part, "ab" if start else "wb") as out:
                try:
                    # The raw stream: a server that calls the .gz file an encoding would otherwise have it unpacked.
                    for chunk in response.raw.stream(CHUNK, decode_content=False):
                        out.write(chunk)
                        done += len(chunk)
                        _check_most(done, most)
                        self.progress(name, done, total)
                except urllib3.exceptions.HTTPError:
                    is_broken = True
        if is_broken or total not in (None, done):
            of_all = f" of {total:,}" if total else ""
            raise _BrokenOff(f"the connection broke off after {done:,}{of_all} bytes")


def answers(url: str, seconds: float) -> bool:
    """Whether a host gives a file, or would, before so many seconds are up."""
    try:
        return requests.head(url, timeout=seconds, allow_redirects=True).ok
    except requests.RequestException:
        return False


def discard_part(target: Path) -> None:
    """Removes what arrived of a file, so that the next download of it begins anew."""
    part = _part_of(target)
    part.unlink(missing_ok=True)
    _origin_of(part).unlink(missing_ok=True)


def need_room(place: Path, size: int) -> None:
    """Raises:
    DownloadError: the disk has no room for so many bytes.
    """
    free = shutil.disk_usage(place).free
    if size > free:
        raise DownloadError(
            f"{place} has room for {free:,} bytes and {size:,} are to come; "
            "make room, or set KUZUSHIJI_HOME to a folder on another disk"
        )


def _check_most(size: int | None, most: int | None) -> None:
    if most is not None and (size or 0) > most:
        raise _TooLarge(f"it has more than {most:,} bytes, the most that is taken")


def _refusal(response: requests.Response) -> AddressFailed:
    reason = f"HTTP {response.status_code} {response.reason}"
    after = response.headers.get("Retry-After", "").strip()
    if response.status_code not in (429, 503) or not (after or response.status_code == 429):
        return AddressFailed(reason)
    if after.isascii() and after.isdigit():
        return _Busy(reason, int(after[:9]))
    try:
        until = parsedate_to_datetime(after).timestamp()
    except (TypeError, ValueError):
        return _Busy(reason, _BUSY_SECONDS)
    return _Busy(reason, max(0.0, until - time.time()))


def _part_of(target: Path) -> Path:
    """Where a file grows while it is downloaded; it stays there between calls."""
    return target.with_name(f".{target.name}.part")


def _origin_of(part: Path) -> Path:
    """Beside a part: the address that it comes from, and the server's name for that edition of the file."""
    return part.with_name(part.name + ".from")


def _resumable(url: str, part: Path) -> tuple[int, str]:
    """How many bytes of `part` can be gone on from, and what the server shall compare its file with."""
    try:
        origin, validator = _origin_of(part).read_text(encoding="utf-8").splitlines()[:2]
        return (part.stat().st_size, validator) if origin == url and validator else (0, "")
    except (OSError, ValueError):
        return 0, ""


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no answer within {CONNECT_SECONDS} seconds"
    if isinstance(error, requests.ReadTimeout):
        return f"no answer for {READ_SECONDS} seconds"
    if isinstance(error, requests.exceptions.SSLError):
        return "no safe connection (the certificate is not accepted)"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy does not let it through"
    if isinstance(error, requests.ConnectionError):
        return "the host cannot be reached"
    return str(error)
