"""A web server on this machine that serves files well, badly, or not at all."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FileServer:
    """Serves `files` at `ADDRESS/MANNER/NAME`, where MANNER says how.

    good: with ranges and an entity tag.  plain: with neither.  date: with ranges and a date.  short: half of what was
    asked for, then the connection ends.  held: half, and the rest when `gate` is set.  busy: 503.  page: a web page
    with status 200.  page-as-file: the same, said to be binary.  wrong: other bytes, as many.  longer: a byte too
    many.  gzip: said to be an encoding, as some servers say of .gz files.  no-range: 416 to any request for a range.
    """

    files: dict[str, bytes]
    edition: str = '"1"'
    gate: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    def url(self, manner: str, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{manner}/{name}"

    def ranges(self) -> list[str]:
        """The Range header of each request, empty where it had none."""
        return [asked for _, asked in self.requests]


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[FileServer]:
    """Runs a server until the context ends."""
    state = FileServer(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, manner, name = self.path.split("/")
            asked = self.headers.get("Range", "")
            state.requests.append((self.path, asked))
            _answer(self, state, manner, name, asked)

        def log_message(self, *arguments: object) -> None:
            pass

    with listening(Handler) as state.port:
        try:
            yield state
        finally:
            state.gate.set()


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Runs a server until the context ends; gives its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, state: FileServer, manner: str, name: str, asked: str) -> None:
    if manner == "busy" or name not in state.files:
        handler.send_error(503 if manner == "busy" else 404)
        return
    if manner == "no-range" and asked:
        handler.send_error(416)
        return
    body, headers = state.files[name], {"Content-Type": "application/octet-stream"}
    if manner.startswith("page"):
        body = b"<!DOCTYPE html><html>log in first</html>"
        headers["Content-Type"] = "text/html" if manner == "page" else "application/octet-stream"
    elif manner == "wrong":
        body = bytes(255 - byte for byte in body)
    elif manner == "longer":
        body += b"\n"
    elif manner == "gzip":
        headers["Content-Encoding"] = "gzip"
    if manner == "date":
        headers["Last-Modified"] = state.edition
    elif manner != "plain":
        headers["ETag"] = state.edition
    start = 0
    if asked and manner != "plain" and handler.headers.get("If-Range") == state.edition:
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(body) - start))
    for header in headers.items():
        handler.send_header(*header)
    handler.end_headers()
    rest = body[start:]
    if manner == "short":
        rest = rest[: len(rest) // 2]
    half = len(rest) // 2
    try:
        handler.wfile.write(rest[:half])
        handler.wfile.flush()
        if manner == "held":
            state.gate.wait(120)
        state.sent += len(rest)  # before the client has it all, and asks for this number
        handler.wfile.write(rest[half:])
    except OSError:
        pass  # the client is gone
