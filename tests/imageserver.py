"""A library on this machine: manifests of IIIF and the images in them, by the Image API."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.fileserver import listening

_ASKED = re.compile(r"/image/(\w+)/full/(full|max|\d+,)/0/default\.jpg")


@dataclass
class Library:
    """What it has and what it was asked for.

    Attributes:
        files: by path: what is given as it is; a number is a status, with `Retry-After: 0` if it is 429.
        images: JPEGs, by their name in the Image API.
        sizes: that the Image API gives, `full` (version 2) or `max` (version 3) or both.
        asked: the path of each request.
    """

    files: dict[str, bytes | int] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    sizes: tuple[str, ...] = ("full", "max")
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def add_book(self, path: str, version: int, **images: bytes) -> str:
        """Puts a manifest and its images there; returns its address."""
        self.images |= images
        made = [self._canvas(version, name) for name in images]
        if version == 3:
            manifest: dict[str, Any] = {"@context": "http://iiif.io/api/presentation/3/context.json"}
            manifest |= {"id": self.url(path), "type": "Manifest", "label": {"ja": ["本"]}, "items": made}
        else:
            manifest = {"@context": "http://iiif.io/api/presentation/2/context.json", "@id": self.url(path)}
            manifest |= {"@type": "sc:Manifest", "sequences": [{"@type": "sc:Sequence", "canvases": made}]}
        self.files[path] = json.dumps(manifest).encode()
        return self.url(path)

    def _canvas(self, version: int, name: str) -> dict[str, Any]:
        service = self.url(f"/image/{name}")
        size = {"width": 800, "height": 600}
        if version == 3:
            body = {"id": f"{service}/full/max/0/default.jpg", "type": "Image", "format": "image/jpeg", **size}
            body["service"] = [{"id": service, "type": "ImageService3", "profile": "level1"}]
            annotation = {"type": "Annotation", "motivation": "painting", "body": body}
            return {"type": "Canvas", **size, "items": [{"type": "AnnotationPage", "items": [annotation]}]}
        facts = {
            "@context": "http://iiif.io/api/image/2/context.json",
            "profile": "http://iiif.io/api/image/2/level1.json",
        }
        resource = {"@id": f"{service}/full/full/0/default.jpg", "@type": "dctypes:Image", **size}
        resource["service"] = {"@id": service, **facts}
        return {"@type": "sc:Canvas", **size, "images": [{"@type": "oa:Annotation", "resource": resource}]}


@contextmanager
def library() -> Iterator[Library]:
    """Runs a server until the context ends."""
    state = Library()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.agents.add(self.headers.get("User-Agent", ""))
            found: bytes | int | None = state.files.get(self.path)
            if found == 429:
                state.files.pop(self.path)  # the next time there is what is there
            elif (asked := _ASKED.fullmatch(self.path)) and found is None:
                found = state.images.get(asked[1]) if asked[2] in state.sizes else 400
            status = 404 if found is None else found if isinstance(found, int) else 200
            body = found if isinstance(found, bytes) else b""
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            kind = "text/html" if body.startswith(b"<!") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with listening(Handler) as state.port:
        yield state
