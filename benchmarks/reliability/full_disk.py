"""Whether a disk that fills up leaves half files, a traceback or a room that is dead; needs root, for it mounts.

    python benchmarks/reliability/full_disk.py

Reads pages, drawn too, into small file systems in memory of many sizes, so that the disk is full at another file each
time, then makes room and goes on with `--resume`.  Opens the reading room on one, fills it, uploads pages, corrects
and exports, and makes room again.  Wrong is another exit code than 1, more than one line, a file that is not whole, a
part that is left, and a room that does not answer with an error and, with room again, as before.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from counted import tell
from drawn import KUZUSHIJI, draw_page, free_port
from PIL import Image

SIZES = (8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
"""KiB that the disk has."""
DRAWN: tuple[tuple[str, ...], ...] = ((), ("--draw",))


@contextmanager
def small(place: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of so many KiB."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def resized(place: Path, kilobytes: int) -> None:
    """Makes a disk larger."""
    subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", place], check=True)


def draw_pages(folder: Path, count: int) -> None:
    """Pages with ink for characters."""
    from kuzushiji.data.source import load

    ink = load("brush:kmnist:20", "train").images
    folder.mkdir()
    for number in range(count):
        draw_page(ink[8 * number : 8 * number + 8])[0].save(folder / f"{number}.png")


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """A disk without room."""
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    filler.unlink()


def run(*words: str | Path) -> tuple[int, str]:
    """The exit code of a command, and what it said on stderr."""
    done = subprocess.run([*KUZUSHIJI, *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stderr


def not_whole(folder: Path) -> list[str]:
    """The files of pages that can't be what they are called."""
    found = [path.name for path in folder.rglob("*.part")]
    for path in folder.rglob("*.*"):
        with suppress(OSError):
            content = path.read_bytes()
            try:
                if path.suffix == ".json":
                    json.loads(content)
                elif path.suffix == ".jpg":
                    Image.open(path).load()
                elif path.suffix == ".xml" and not content.rstrip().endswith(b">"):
                    raise ValueError("cut off")
            except (ValueError, OSError):
                found.append(path.name)
    return found


def reading(pages: Path, place: Path, kilobytes: int, *more: str) -> str:
    """What is wrong with reading onto a disk of so many KiB; empty if nothing is."""
    with small(place, kilobytes) as disk:
        words = ("read", pages, "--output", disk / "read", "--format", "txt,pagexml", *more)
        code, said = run(*words)
        lines = [line for line in said.splitlines() if line.strip()]
        if code and (code != 1 or len(lines) != 1 or "No space" not in said):
            return f"exit code {code}: {said[-400:]}"
        if bad := not_whole(disk):
            return f"not whole: {', '.join(bad)}"
        if not code:
            return ""
        resized(disk, 4096)
        code, said = run(*words, "--resume")
        there = len(list((disk / "read").glob("*.json")))
        return "" if code == 0 and there == len(list(pages.iterdir())) else f"with room again, {code}: {said[-400:]}"


class Room:
    """The reading room on a disk."""

    def __init__(self, shelf: Path) -> None:
        self.port = free_port()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the room)
        self.process = subprocess.Popen(
            [*KUZUSHIJI, "serve", "--folder", str(shelf), "--port", str(self.port)], stderr=self.log
        )
        while self.ask("GET", "/healthz")[0] != 200:
            if self.process.poll() is not None:
                raise RuntimeError(self.said())
            time.sleep(0.2)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        """The status of an answer, 0 for none, and what it holds."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = Request(f"http://127.0.0.1:{self.port}{path}", body, named, method=method)
        try:
            with urlopen(request, timeout=60) as answer:
                content = answer.read()
                status = answer.status
        except HTTPError as error:
            status, content = error.code, error.read()
        except (URLError, OSError):
            return 0, None
        with suppress(ValueError):
            return status, json.loads(content)
        return status, content

    def upload(self, path: Path) -> tuple[int, Any]:
        """Puts a page onto the shelf."""
        form = (
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="' + path.name.encode() + b'"\r\n'
            b"Content-Type: image/png\r\n\r\n" + path.read_bytes() + b"\r\n--x--\r\n"
        )
        return self.ask("POST", "/api/pages", form, Content_Type="multipart/form-data; boundary=x")

    def waits(self) -> bool:
        """Whether a page still waits after a minute, or could not be read."""
        for _ in range(300):
            rows = self.ask("GET", "/api/pages")[1]
            if rows and all(each["state"] in ("read", "corrected") for each in rows):
                return False
            time.sleep(0.2)
        return True

    def said(self) -> str:
        """What stands on stderr."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def close(self) -> int:
        """Asks it to terminate; its exit code."""
        self.process.terminate()
        return self.process.wait(60)


def serving(pages: Path, place: Path) -> Iterator[str]:
    """What is wrong with the reading room on a disk that fills up; a line for each thing that is tried."""
    with small(place, 8192) as disk:
        room, first, *rest = Room(disk / "shelf"), *sorted(pages.iterdir())
        id = room.upload(first)[1][0]["id"]
        yield "" if not room.waits() else "the first page was not read"
        with filled(disk):
            for path in rest:
                status, told = room.upload(path)
                yield "" if status == 503 and "full" in str(told) else f"an upload: {status} {told!r}"
            change = json.dumps({"changes": [{"id": "c0", "text": "恋"}]}).encode()
            status, told = room.ask(
                "PATCH", f"/api/pages/{id}", change, Content_Type="application/json", If_Match='"1"'
            )
            yield "" if status == 503 else f"a correction: {status} {told!r}"
            for path in ("/healthz", "/api/pages", f"/api/pages/{id}", f"/api/pages/{id}/text", "/"):
                status = room.ask("GET", path)[0]
                yield "" if status == 200 else f"{path}: {status}"
        for path in rest:
            status, told = room.upload(path)
            yield "" if status == 202 else f"with room again, an upload: {status} {told!r}"
        yield "" if not room.waits() else f"with room again, not all is read: {room.ask('GET', '/api/pages')[1]!r}"
        # While pages are being read there is no room for what is found.
        for path in rest:
            room.upload(path)
        with filled(disk):
            time.sleep(8)
        yield "" if not room.waits() else f"filled while it read, not all is read: {room.ask('GET', '/api/pages')[1]!r}"
        parts = [path.name for path in disk.rglob("*.part")]
        yield f"left: {', '.join(parts)}" if parts else ""
        code, said = room.close(), room.said()
        yield "" if code == 0 and "Traceback" not in said else f"exit code {code}: {said[-1500:]}"


def main() -> int:
    """Prints a line for whatever was wrong; exits with 1 if anything was."""
    if os.geteuid():
        print("needs root, for it mounts")
        return 2
    tried = wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KUZUSHIJI_HOME"] = f"{scratch}/home"
        pages, place = Path(scratch, "pages"), Path(scratch, "disk")
        draw_pages(pages, 3)
        outcomes = [
            *((f"{size} KiB {' '.join(more)}", reading(pages, place, size, *more)) for size in SIZES for more in DRAWN),
            *(("the reading room", each) for each in serving(pages, place)),
        ]
        for what, why in outcomes:
            tried, wrong = tried + 1, wrong + bool(why)
            if why:
                print(f"{what}: {why}", flush=True)
    return tell("reading and serving on a disk that fills up", tried, wrong)


if __name__ == "__main__":
    sys.exit(main())
