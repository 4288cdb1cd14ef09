"""Whether a request to terminate ends every verb as Ctrl-C does, at whatever moment it comes.

    python benchmarks/reliability/terminated.py [TIMES] [SEED] [VERB]

Runs each verb once to its end, and then so many times with a SIGTERM at a moment drawn by the seed, from when Python
has begun to the end; every second time the processes that it has started are asked too, as a supervisor asks them.
Wrong is another exit code than 130, or that of a command that is over; a traceback; more than one line that was not
there without the signal; a process or a half-written file that is left; and what still runs 20 seconds later.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from counted import tell
from drawn import free_port
from home import Home, ended

MOST_SECONDS = 20


@dataclass(frozen=True)
class Verb:
    """A command that is asked to terminate.

    Attributes:
        words: its arguments; `{n}` is the number of the trial, so that none finds what another one made.
        made: what it makes, whole or not at all, if it makes something.
        seconds: when it is asked at the latest, where it does not end by itself.
    """

    words: str
    made: str = ""
    seconds: float | None = None


VERBS = (
    Verb("data list"),
    Verb("data info kmnist"),
    Verb("data get kmnist --format idx", seconds=3),
    Verb("data verify kmnist"),
    Verb("data convert brush:kmnist:300 {home}/made/{n}", "{home}/made/{n}"),
    Verb("data convert brush:kmnist:300 {home}/made/{n} --format folder", "{home}/made/{n}"),
    Verb("data convert {home}/book {home}/made/{n} --format coco", "{home}/made/{n}"),
    Verb("data pages {home}/book --draw {home}/made/{n}.png", "{home}/made/{n}.png"),
    Verb("explore brush:kmnist:100 --only samples --output {home}/made/{n}"),
    Verb("explore {home}/folders --only samples --json"),
    Verb("models nn_1 --draw {home}/made/{n}.svg", "{home}/made/{n}.svg"),
    Verb("train nn_1 {data} --epochs 20 --run t-{n}"),
    Verb(
        "train detector --data {home}/pages --layouts {home}/book/train.csv --glyphs brush:kmnist:20 --crops 8 "
        "--side 64 --epochs 1 --batch-size 2 --run d-{n}",
        seconds=15,
    ),
    Verb("evaluate a --data brush:kmnist:50"),
    Verb("evaluate --pages {home}/book {home}/book"),
    Verb("report a --output {home}/made/{n}.html", "{home}/made/{n}.html"),
    Verb("explain c --draw {home}/made/{n}.png", "{home}/made/{n}.png"),
    Verb("export a --output {home}/made/{n}.onnx", "{home}/made/{n}.onnx"),
    Verb("hub pull me/{n}", seconds=3),
    Verb("hub push a me/{n}", seconds=4),
    Verb("hub push-data brush:kmnist:30 me/{n}", seconds=4),
    Verb("recognize {home}/folders"),
    Verb("read {home}/pages --output {home}/made/{n} --format txt,pagexml --draw"),
    Verb("read {home}/pages"),
    Verb("read http://slow.example/page.png", seconds=4),
    Verb("serve --folder {home}/shelf --port {port} {home}/pages/1.png", seconds=8),
    Verb("site {home}/made/{n}", seconds=4),
    Verb("shelf list --folder {home}/shelf"),
    Verb("shelf export {home}/made/{n}.zip --folder {home}/shelf", "{home}/made/{n}.zip"),
    Verb("shelf import {home}/shelf.zip --folder {home}/made/{n}"),
    Verb("runs"),
    Verb("runs remove r-{n} --yes"),
    Verb("results --output {home}/made/{n}.json", "{home}/made/{n}.json"),
    Verb("compare a b"),
    Verb("ensemble a b"),
    Verb("study {home}/mine.toml {data} --output {home}/made/{n}"),
    Verb("study {home}/mine.toml {data} --output {home}/made/{n} --jobs 2"),
    Verb("{search} --name s-{n}"),
    Verb("{search} --name s-{n} --jobs 2"),
    Verb("demo {data} --offline"),
)


@dataclass(frozen=True)
class Usual:
    """A verb that nobody disturbed.

    Attributes:
        seconds: that it took.
        does_end: whether nobody asked it to.
        code: its exit code.
        lines: what it said on stderr, without numbers.
        names: of the files in what it made.
    """

    seconds: float
    does_end: bool
    code: int
    lines: frozenset[str]
    names: frozenset[str]


class Trials:
    """Verbs that are asked to terminate, in one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._port = free_port()
        self._number = 0

    def __call__(self, verb: Verb, times: int, chance: random.Random) -> Iterator[tuple[float, str]]:
        """Tries a verb so many times; yields how long each took to end when it was asked, and what was wrong."""
        usual = self._undisturbed(verb)
        for number in range(times):
            process = self._begin(verb)
            _wait_for_python(process.pid)
            after = chance.uniform(0, usual.seconds)
            with suppress(subprocess.TimeoutExpired):
                process.wait(after)
            below = _below(process.pid)
            asked = time.monotonic()
            for each in (process.pid, *(below if number % 2 else ())):
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGTERM)
            said, wrong = ended(process, MOST_SECONDS)
            wrong = wrong or self._wrong(verb, process.returncode, said, usual, below)
            how = f"asked after {after:.2f} s{' with those below' if number % 2 else ''}"
            yield time.monotonic() - asked, f"{how}: {wrong}" if wrong else ""
            self._home.clear()

    def _undisturbed(self, verb: Verb) -> Usual:
        """What a verb does otherwise; one that does not end is asked to in the end."""
        begun = time.monotonic()
        process = self._begin(verb)
        with suppress(subprocess.TimeoutExpired):
            process.wait(verb.seconds)
        seconds, does_end = time.monotonic() - begun, process.poll() is not None
        process.terminate()
        said, _ = ended(process, MOST_SECONDS)
        if process.returncode == 2:
            raise RuntimeError(f"{verb.words}: {said}")
        return Usual(
            seconds, does_end, max(0, process.returncode), frozenset(map(_plain, said.splitlines())), self._made(verb)
        )

    def _begin(self, verb: Verb) -> "subprocess.Popen[str]":
        self._number += 1
        if verb.words.startswith("runs remove"):
            self._home.do("train nn_1 {data} --epochs 1 --no-report --run r-{n}", self._number)
        return self._home.start(verb.words.replace("{port}", str(self._port)), self._number)

    def _made(self, verb: Verb) -> frozenset[str]:
        made = Path(self._home.filled(verb.made, self._number)) if verb.made else None
        if made is None or not made.exists():
            return frozenset()
        return frozenset(_plain(str(each.relative_to(made))) for each in (made, *made.rglob("*")))

    def _wrong(self, verb: Verb, code: int, said: str, usual: Usual, below: list[int]) -> str:
        """What is wrong with how a verb ended; empty if nothing is."""
        lines = said.splitlines()
        more = [line for line in lines if line.strip() and _plain(line) not in usual.lines]
        if code not in (130, usual.code):
            return f"exit code {code}: {said.strip()[-300:]}"
        if "Traceback" in said or "Exception ignored" in said:
            return said.strip()[-600:]
        if code == 130 and usual.does_end and len(more) != 1:
            return f"{len(more)} lines: {said.strip()[-300:]}"
        if still := [each for each in below if _runs(each)]:
            return f"{len(still)} processes are left"
        if left := self._home.left():
            return f"left: {', '.join(left)}"
        made = self._made(verb)
        return f"of {len(usual.names)} files {len(made)} are there" if made and made != usual.names else ""


def _wait_for_python(process: int) -> None:
    """Waits until a process has its first handler of a signal of its own: before, it is Python that begins."""
    with suppress(OSError):
        for _ in range(500):
            status = Path(f"/proc/{process}/status").read_text()
            if int(status.partition("SigCgt:")[2].split()[0], 16) >> signal.SIGTERM - 1 & 1:
                return
            time.sleep(0.002)


def _below(process: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
    found = [process]
    for each in found:
        found += parents.get(each, [])
    return found[1:]


def _runs(process: int) -> bool:
    """Whether a process is there, and no zombie, five seconds later too."""
    for _ in range(50):
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return False
        except OSError:
            return False
        time.sleep(0.1)
    return True


def _plain(line: str) -> str:
    return re.sub(r"[0-9.,]+", "0", line)


@contextmanager
def slow_server() -> Iterator[int]:
    """A server that begins to answer whatever it is asked, and never ends; gives its port."""
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = {"train-images-idx3-ubyte.gz": 18165135}.get(self.path.rpartition("/")[2], 10_000_000)
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            with suppress(OSError):
                while not over.wait(0.05):
                    self.wfile.write(bytes(1000))

        do_HEAD = do_POST = do_PUT = do_GET

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    over.set()
    server.shutdown()


def main() -> int:
    """Prints a line for each verb, and one for whatever was wrong; exits with 1 if anything was."""
    times, seed, kind = (*sys.argv[1:], *("6", "1", "")[len(sys.argv) - 1 :])
    tried = wrong = 0
    with tempfile.TemporaryDirectory() as scratch, slow_server() as slow:
        trials = Trials(Home(Path(scratch), f"http://127.0.0.1:{slow}", f"http://127.0.0.1:{slow}"))
        for verb in VERBS:
            if not verb.words.startswith(kind):
                continue
            longest, found = 0.0, 0
            for seconds, why in trials(verb, int(times), random.Random(f"{seed} {verb.words}")):
                longest, found = max(longest, seconds), found + bool(why)
                if why:
                    print(f"{verb.words}: {why}", flush=True)
            print(f"{verb.words}: {found} wrong, the longest took {longest:.1f} s", flush=True)
            tried, wrong = tried + int(times), wrong + found
    return tell("verbs asked to terminate at any moment", tried, wrong)


if __name__ == "__main__":
    sys.exit(main())
