"""What the reading room bears: many small questions, a long queue through a kill -9, hostile requests, an hour's use.

    python benchmarks/load.py                    # all but the soak, some minutes
    python benchmarks/load.py --only characters --rate 200 --seconds 20
    python benchmarks/load.py --only soak --seconds 3600

A server is started on a shelf of its own, on this machine alone, and asked over loopback.  Prints what came of it, and
as JSON with --output.
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import requests

from hostile import attacks, drawn

PAGES = sorted((Path(__file__).parent.parent / "docs" / "pictures" / "pages").glob("*/*.jpg"))
PATIENCE = 10
"""Seconds after which no answer is one: a request that never ends gets none."""
PARTS = ("characters", "queue", "hostile", "soak")


class Server:
    """`kuzushiji serve` on a folder, which can be killed and started again."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.folder, self._more = folder, more
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        command = ["-m", "kuzushiji", "serve", "--folder", str(self.folder), "--port", str(self.port), *self._more]
        self.process = subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                requests.get(f"{self.address}/healthz", timeout=5)
                return
            except requests.RequestException:
                time.sleep(0.1)
        self.kill()
        raise SystemExit("the server does not answer")

    def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """As Ctrl-C would."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def megabytes(self) -> float:
        """Memory of the server and of its processes."""
        pids, sizes = [str(self.process.pid)], 0.0
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[path.parent.name] = path.read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
        while pids:
            pid = pids.pop()
            pids += [child for child, parent in parents.items() if parent == pid]
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            sizes += next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)
        return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS[:3])
    parser.add_argument("--rate", type=float, default=200, help="questions a second")
    parser.add_argument("--seconds", type=float, default=20, help="how long they are asked, or the soak lasts")
    parser.add_argument("--pages", type=int, default=50, help="in the queue")
    parser.add_argument("--requests", type=int, default=1000, help="hostile ones")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    found: dict[str, Any] = {"load": os.getloadavg()[0]}
    for part in arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            server = Server(Path(folder) / "shelf")
            try:
                found[part] = globals()[f"ask_{part}"](server, arguments)
            finally:
                server.kill()
        print(part, json.dumps(found[part]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n")


# Many small questions


def ask_characters(server: Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """Single characters at a steady rate, whether or not the answers before have come."""
    bodies = [_question(drawn(number)) for number in range(50)]
    asyncio.run(_ask_steadily(server.port, bodies, 20, 2))  # the network is opened
    seconds, statuses = asyncio.run(_ask_steadily(server.port, bodies, arguments.rate, arguments.seconds))
    times = np.sort(seconds) * 1000
    return {
        "asked": len(times),
        "a second": arguments.rate,
        "errors": sum(count for status, count in statuses.items() if status != 200),
        "ms, median": round(float(np.percentile(times, 50)), 1),
        "ms, 99 of 100 within": round(float(np.percentile(times, 99)), 1),
        "ms, most": round(float(times[-1]), 1),
    }


async def _ask_steadily(
    port: int, bodies: list[bytes], rate: float, seconds: float
) -> tuple[list[float], Counter[int]]:
    """A question each 1/rate seconds, on connections that are kept open; for each how long it took, from its due."""
    free: asyncio.LifoQueue[Any] = asyncio.LifoQueue()
    statuses: Counter[int] = Counter()
    took: list[float] = []

    async def ask(number: int, due: float) -> None:
        while True:
            kept = not free.empty()
            reader, writer = free.get_nowait() if kept else await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(bodies[number % len(bodies)])
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
                statuses[int(head.split()[1])] += 1
                free.put_nowait((reader, writer))
            except (OSError, asyncio.IncompleteReadError, ValueError):
                writer.close()
                if kept:
                    continue  # the server had closed it, as it may one that is idle
                statuses[0] += 1
            took.append(loop.time() - due)
            return

    loop = asyncio.get_running_loop()
    begun, tasks = loop.time(), []
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        tasks.append(asyncio.create_task(ask(number, due)))
    await asyncio.gather(*tasks)
    return took, statuses


def _question(image: bytes) -> bytes:
    """The bytes of a request to name an image."""
    part = b'--x\r\nContent-Disposition: form-data; name="images"; filename="a.png"\r\n\r\n' + image + b"\r\n--x--\r\n"
    head = (
        "POST /api/recognize HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(part)}\r\n\r\n"
    )
    return head.encode() + part


# A long queue


def ask_queue(server: Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """Pages in a queue; the server is killed while it reads them, and started again."""
    begun, ids = time.time(), []
    for number in range(arguments.pages):
        content = PAGES[number % len(PAGES)].read_bytes()
        answer = requests.post(
            f"{server.address}/api/pages", files={"image": (f"{number}.jpg", content)}, timeout=60
        ).json()
        ids += [entry["id"] for entry in answer]
    _wait(server, lambda states: states["read"] >= 3)
    server.kill()
    server.start()
    states = _wait(server, lambda states: states["read"] + states["failed"] >= arguments.pages)
    entries = requests.get(f"{server.address}/api/pages", timeout=60).json()
    whole = sum(requests.get(f"{server.address}/api/pages/{id}", timeout=60).json()["text"] != "" for id in ids)
    lost = len(set(ids) - {entry["id"] for entry in entries})
    seconds = round(time.time() - begun)
    return {"pages": len(ids), "lost": lost, **states, "with a text": whole, "seconds": seconds}


def _wait(server: Server, enough: Any) -> Counter[str]:
    while True:
        entries = requests.get(f"{server.address}/api/pages", timeout=60).json()
        states = Counter(entry["state"] for entry in entries)
        if enough(states):
            return states
        time.sleep(0.5)


# Hostile requests


def ask_hostile(server: Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """Requests that no honest client makes; no answer may be the server's failure, and no file may change."""
    added = requests.post(f"{server.address}/api/pages", files={"image": ("a.jpg", PAGES[0].read_bytes())}, timeout=60)
    id = added.json()[0]["id"]
    _wait(server, lambda states: states["read"])
    hostile = list(attacks(id))
    requests.post(f"{server.address}/api/recognize", files={"images": ("a.png", drawn(0))}, timeout=60)
    files, before = _files(server.folder), 0.0
    statuses: Counter[int] = Counter()
    failed = []
    for number in range(arguments.requests):
        if number == len(hostile):
            before = server.megabytes()  # each was made once
        attack = hostile[number % len(hostile)]
        status = _sent(server.port, attack)
        statuses[status] += 1
        if status >= 500 and status != 503:
            failed.append(attack[:200].decode("latin-1"))
    return {
        "requests": arguments.requests,
        "different": len(hostile),
        "answers": {str(status): count for status, count in sorted(statuses.items())},
        "failures": failed[:5],
        "files changed or gone": len(files - _files(server.folder)),
        "MB before": round(before),
        "MB after": round(server.megabytes()),
        "alive": requests.get(f"{server.address}/healthz", timeout=10).status_code,
    }


def _sent(port: int, request: bytes) -> int:
    """The status of the answer to whatever bytes; 0 if the connection was closed without one."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(request)
            answer = b""
            while b"\r\n" not in answer and (more := connection.recv(4096)):
                answer += more
        return int(answer.split()[1]) if answer else 0
    except (OSError, ValueError, IndexError):
        return 0


def _files(folder: Path) -> set[tuple[str, str]]:
    """What lies in a folder, but for the database's own notes."""
    return {
        (str(path), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("shelf.sqlite")
    }


# An hour's use


def ask_soak(server: Server, arguments: argparse.Namespace) -> dict[str, Any]:
    """A reader's and a corrector's day, again and again; memory is told ten times."""
    page = PAGES[0].read_bytes()
    id = requests.post(f"{server.address}/api/pages", files={"image": ("a.jpg", page)}, timeout=60).json()[0]["id"]
    _wait(server, lambda states: states["read"])
    asked, megabytes, begun = 0, [], time.time()
    while time.time() < begun + arguments.seconds:
        answer = requests.get(f"{server.address}/api/pages/{id}", timeout=60)
        first = answer.json()["lines"][0]["characters"][0]["id"]
        for path in ("image", "export/pdf", "export/tei", f"examples/{first}", "history"):
            requests.get(f"{server.address}/api/pages/{id}/{path}", timeout=60).raise_for_status()
        requests.get(f"{server.address}/api/search", params={"q": "の"}, timeout=60).raise_for_status()
        requests.get(f"{server.address}/iiif/{id}/0,0,512,512/256,256/0/default.jpg", timeout=60).raise_for_status()
        requests.post(
            f"{server.address}/api/recognize", files={"images": ("a.png", drawn(asked))}, timeout=60
        ).raise_for_status()
        tag = {"If-Match": answer.headers["ETag"]}
        change = {"changes": [{"id": first, "text": "すまの"[asked % 3]}]}
        requests.patch(f"{server.address}/api/pages/{id}", json=change, headers=tag, timeout=60).raise_for_status()
        asked += 10
        if time.time() - begun > len(megabytes) * arguments.seconds / 10:
            megabytes.append(round(server.megabytes()))
    return {"seconds": arguments.seconds, "requests": asked, "MB": megabytes}


if __name__ == "__main__":
    main()
