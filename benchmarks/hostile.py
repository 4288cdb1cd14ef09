"""Requests that no honest client makes, as bytes, for `load.py`."""

import io
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageDraw


def drawn(number: int) -> bytes:
    """Strokes as of a character, PNG."""
    dice = random.Random(number)
    image = Image.new("L", (96, 96), 235)
    ink = ImageDraw.Draw(image)
    for _ in range(dice.randint(2, 5)):
        ink.line([(dice.randint(15, 80), dice.randint(15, 80)) for _ in range(3)], 30, width=7)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def attacks(id: str) -> Iterator[bytes]:
    """Requests: out of the folder, of the wrong kind, too large, broken, of other sites, of a million names."""
    up = ["../" * n + "etc/passwd" for n in (1, 3, 8)]
    up += [text.replace("/", "%2f") for text in up] + [text.replace(".", "%2e") for text in up] + ["..\\..\\x", "%00"]
    for text in up:
        for base in (
            "/",
            "/static/",
            "/api/pages/",
            f"/api/pages/{id}/export/",
            "/iiif/",
            f"/iiif/{id}/",
            "/api/export/",
        ):
            yield _plain("GET", base + text)
    for word in (
        "'",
        "' OR 1=1 --",
        '"; DROP TABLE pages; --',
        "%",
        "_",
        "\\",
        "{{7*7}}",
        "<script>",
        "\u202e",
        "ｶﾞ" * 40,
    ):
        encoded = quote(word)
        for path in (
            "/api/search?q=",
            "/iiif/manifest?book=",
            "/api/export/txt?book=",
            "/api/pages/",
            f"/api/pages/{id}/examples/",
        ):
            yield _plain("GET", path + encoded)
        yield _json("POST", "/api/login", {"name": word, "password": word})
        yield _json("PATCH", f"/api/pages/{id}", {"changes": [{"id": word, "text": word}]}, {"If-Match": '"1"'})
    for region in (
        "0,0,0,0/max",
        "-1,0,5,5/max",
        "9" * 30 + ",0,1,1/max",
        "full/99999,99999",
        "full/0,0",
        "x/y",
        "full/,",
        "0,0,1e9,1/1,1",
    ):
        yield _plain("GET", f"/iiif/{id}/{region}/0/default.jpg")
    for method in ("PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS", "PROPFIND", "X" * 2000, "get", ""):
        for path in ("/", "/api/pages", f"/api/pages/{id}x", "*"):
            yield _plain(method, path)
    changes: list[Any] = [
        None,
        [],
        {},
        3,
        "x",
        [[]],
        [{}],
        [{"id": id}],
        [{"id": "c0", "box": [0, 0, 1e308, 1e308]}],
        [{"id": "c0", "box": ["a"] * 4}],
        [{"id": "c0", "text": "\0"}],
        [{"id": "c0", "text": "あ" * 10**5}],
        [{"id": "c0", "delete": "x"}],
        [{"order": ["c0"] * 10**4}],
        [{"after": "nothing", "box": [1, 1, 5, 5]}],
        [{"box": [0, 0, 0, 0]}],
        [{"box": [-5, -5, 1, 1]}],
        [{"id": "c0", "text": "す", "more": 1}],
        [{"id": "c0"}] * 1000,
    ]
    for change in changes:
        for tag in ('"1"', "*", "x", "9" * 50, "-1"):
            yield _json("PATCH", f"/api/pages/{id}", {"changes": change}, {"If-Match": tag})
    nested = b"[" * 20000 + b"]" * 20000
    for body in (b"", b"{", b"\xff\xfe", nested, b'{"changes": NaN}', b'{"changes": 1e999}', b"null"):
        yield _request("PATCH", f"/api/pages/{id}", body, {"If-Match": '"1"', "Content-Type": "application/json"})
        yield _request("POST", "/api/login", body, {"Content-Type": "application/json"})
    for image in _bad_images():
        yield _upload("/api/recognize", "images", image)
        yield _upload("/api/pages", "image", image)
    for name in ("../../x.png", "\0", "a" * 5000, "x.png\r\nX: y", "CON", ""):
        yield _upload("/api/recognize", "images", b"x", name)
    yield _upload("/api/pages", "nothing", b"x")
    yield _request(
        "POST",
        "/api/pages",
        b"url=http://169.254.169.254/&book=x",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    yield _request("POST", "/api/pages", b"--x\r\n" * 5000, {"Content-Type": "multipart/form-data; boundary=x"})
    yield _request("POST", "/api/pages", b"x", {"Content-Type": "multipart/form-data; boundary=" + "y" * 3000})
    for header in (
        {"Host": "evil.example"},
        {"Host": ""},
        {"Host": "localhost:99999999"},
        {"Host": "[::1"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Length": "-1"},
        {"Content-Length": "99999999999999999999"},
        {"Content-Length": "x"},
        {"Transfer-Encoding": "chunked"},
        {"Cookie": "kuzushiji=" + "x" * 3000},
        {"Cookie": "\xff" * 50},
        {"Authorization": "Bearer " + "x" * 3000},
        {"Authorization": "Basic \xff"},
        {"If-None-Match": "\xff"},
        {"Range": "bytes=0-,9-1"},
        {"X" * 70000: "y"},
        {"Expect": "100-continue"},
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    ):
        yield _request("GET", f"/api/pages/{id}", b"", header)
        yield _request("POST", "/api/recognize", b"x", header)
    yield from (
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
    )


def _bad_images() -> Iterator[bytes]:
    """What calls itself an image."""
    good = drawn(1)
    yield from (
        b"",
        b"x",
        b"<svg onload=x>",
        b"%PDF-1.4\n",
        good[:30],
        good[:200],
        b"GIF89a" + b"\xff" * 50,
        b"II*\0" + b"\xff" * 100,
    )
    dice = random.Random(0)
    for _ in range(12):
        broken = bytearray(good)
        for _ in range(6):
            broken[dice.randrange(8, len(broken))] = dice.randrange(256)
        yield bytes(broken)
    file = io.BytesIO()
    Image.new("1", (20000, 20000)).save(file, "PNG")  # a bomb: some kilobytes, 400 million pixels
    yield file.getvalue()
    bomb = good[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + good[24:]
    yield bomb
    yield b"P" + b"\x8a" * 100


def _request(method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> bytes:
    lines = {"Host": "localhost", "Content-Length": str(len(body)), "Connection": "close"} | (headers or {})
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return head.encode("utf-8", "replace") + body


def _plain(method: str, path: str) -> bytes:
    return _request(method, path)


def _json(method: str, path: str, value: Any, headers: dict[str, str] | None = None) -> bytes:
    return _request(method, path, json.dumps(value).encode(), {"Content-Type": "application/json"} | (headers or {}))


def _upload(path: str, field: str, content: bytes, name: str = "a.png") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    body = head.encode("utf-8", "replace") + content + b"\r\n--x--\r\n"
    return _request("POST", path, body, {"Content-Type": "multipart/form-data; boundary=x"})
