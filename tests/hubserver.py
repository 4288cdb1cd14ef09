"""A hub on this machine: the part of Hugging Face's API that is used, over repositories in memory."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from tests.fileserver import listening

TOKEN = "hf_right"
LARGE = 1000
"""Files of so many bytes, and those whose ending says so, are kept as LFS keeps them."""

_FAILURES = {
    401: ("RepoNotFound", "Invalid username or password."),
    403: ("", "You do not have the right"),
    404: ("RepoNotFound", "Repository not found"),
    "gated": ("GatedRepo", "Access is restricted"),
    "revision": ("RevisionNotFound", "Invalid rev id"),
    "entry": ("EntryNotFound", "Entry not found"),
}


@dataclass
class Repo:
    """A repository: the files of each commit by its hash, and which of them is the newest."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False

    def commit(self, files: dict[str, bytes], removed: Iterable[str] = ()) -> str:
        there = dict(self.commits[self.refs["main"]]) if self.refs else {}
        for path in removed:
            del there[path]
        there |= files
        digest = hashlib.sha1(repr((len(self.commits), sorted(there.items()))).encode()).hexdigest()
        self.commits[digest], self.refs["main"] = there, digest
        return digest


@dataclass
class Hub:
    """The server's state.

    Attributes:
        repos: by kind and name, such as ("model", "me/kana").
        large: what was uploaded as large files, by SHA-256.
        asked: method and path of each request.
        refuses: answers everything with this status, if it is not 0.
        writers: the owners that the token may write for.
    """

    port: int = 0
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    large: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: int = 0
    writers: tuple[str, ...] = ("me",)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, name: str, files: dict[str, bytes], kind: str = "model", **how: bool) -> str:
        """Adds files in a commit, whose hash is returned."""
        return self.repos.setdefault((kind, name), Repo(**how)).commit(files)


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Runs a hub until the context ends."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    with listening(Handler) as hub.port:
        yield hub


class _Refused(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._do()

    do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *arguments: object) -> None:
        pass

    def _do(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.state.asked.append((self.command, path))
        try:
            if self.state.refuses:
                raise _Refused(self.state.refuses)
            for pattern, answer in _ROUTES:
                if match := re.fullmatch(pattern, f"{self.command} {path}"):
                    answer(self, body, **match.groupdict())
                    return
            raise AssertionError(f"the hub was asked {self.command} {path}")
        except _Refused as refusal:
            why = refusal.args[0]
            code, message = _FAILURES.get(why, ("", f"status {why}"))
            status = why if isinstance(why, int) else {"gated": 403}.get(why, 404)
            self.send({"error": message}, status, **{"X-Error-Code": code, "X-Error-Message": message})

    def send(self, content: object, status: int = 200, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def repo(self, kind: str | None, name: str, *, writing: bool = False) -> Repo:
        kind = {"models": "model", "datasets": "dataset", None: "model"}[kind]
        found = self.state.repos.get((kind, name))
        if writing:
            self.check_writer(name.split("/")[0])
        if found is None or (found.private and not self.is_known):
            raise _Refused(404 if self.is_known else 401)
        if found.gated and not self.is_known:
            raise _Refused("gated")
        return found

    def check_writer(self, owner: str) -> None:
        if not self.is_known:
            raise _Refused(401)
        if owner not in self.state.writers:
            raise _Refused(403)


def _at(repo: Repo, revision: str | None) -> str:
    digest = repo.refs.get(revision or "main", revision or "")
    if digest not in repo.commits:
        raise _Refused("revision")
    return digest


def _is_large(path: str, size: int) -> bool:
    return size >= LARGE or path.endswith((".onnx", ".safetensors", ".npz", ".parquet"))


def _oid(path: str, content: bytes) -> str:
    if _is_large(path, len(content)):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _info(handler: _Handler, body: bytes, kind: str, name: str, revision: str | None = None) -> None:
    repo = handler.repo(kind, name)
    digest = _at(repo, revision)
    siblings = [{"rfilename": path} for path in repo.commits[digest]]
    handler.send({"id": name, "sha": digest, "private": repo.private, "siblings": siblings})


def _tree(handler: _Handler, body: bytes, kind: str, name: str, revision: str) -> None:
    repo = handler.repo(kind, name)
    found = []
    for path, content in repo.commits[_at(repo, revision)].items():
        entry = {"type": "file", "path": path, "size": len(content), "oid": _oid(path, content)}
        if _is_large(path, len(content)):
            entry["lfs"] = {"oid": entry["oid"], "size": len(content), "pointerSize": 130}
        found.append(entry)
    handler.send(found)


def _resolve(handler: _Handler, body: bytes, name: str, revision: str, path: str, kind: str | None = None) -> None:
    repo = handler.repo(kind, name)
    digest = _at(repo, revision)
    content = repo.commits[digest].get(path)
    if content is None:
        raise _Refused("entry")
    handler.send(content, **{"ETag": f'"{_oid(path, content)}"', "X-Repo-Commit": digest})


def _create(handler: _Handler, body: bytes) -> None:
    asked = json.loads(body)
    handler.check_writer(asked["organization"])
    name, kind = f"{asked['organization']}/{asked['name']}", asked.get("type") or "model"
    url = f"{handler.state.url}/{'datasets/' if kind == 'dataset' else ''}{name}"
    if (kind, name) in handler.state.repos:
        handler.send({"error": "You already created this repo", "url": url}, 409)
        return
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    handler.state.add(name, {".gitattributes": b""}, kind, private=private)
    handler.send({"url": url, "name": name})


def _check_yaml(handler: _Handler, body: bytes) -> None:
    content = json.loads(body)["content"]
    handler.send({"errors": [] if content.startswith("---\n") else [{"message": "no metadata"}], "warnings": []})


def _preupload(handler: _Handler, body: bytes, kind: str, name: str, revision: str) -> None:
    handler.repo(kind, name, writing=True)
    modes = [
        {
            "path": each["path"],
            "uploadMode": "lfs" if _is_large(each["path"], each["size"]) else "regular",
            "shouldIgnore": False,
        }
        for each in json.loads(body)["files"]
    ]
    handler.send({"files": modes})


def _batch(handler: _Handler, body: bytes, name: str, kind: str | None = None) -> None:
    handler.repo(kind, name, writing=True)
    objects = []
    for each in json.loads(body)["objects"]:
        if each["oid"] not in handler.state.large:
            each["actions"] = {
                "upload": {"href": f"{handler.state.url}/large/{each['oid']}"},
                "verify": {"href": f"{handler.state.url}/large/verify"},
            }
        objects.append(each)
    handler.send({"transfer": "basic", "objects": objects})


def _put(handler: _Handler, body: bytes, oid: str) -> None:
    if hashlib.sha256(body).hexdigest() != oid:
        raise _Refused(400)
    handler.state.large[oid] = body
    handler.send(b"")


def _verify(handler: _Handler, body: bytes) -> None:
    if json.loads(body)["oid"] not in handler.state.large:
        raise _Refused(404)
    handler.send({})


def _commit(handler: _Handler, body: bytes, kind: str, name: str, revision: str) -> None:
    repo = handler.repo(kind, name, writing=True)
    files, removed = {}, []
    for line in map(json.loads, body.splitlines()):
        value = line["value"]
        if line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = handler.state.large[value["oid"]]
        elif line["key"] == "deletedFile":
            removed.append(value["path"])
    digest = repo.commit(files, removed)
    handler.send({"success": True, "commitOid": digest, "commitUrl": f"{handler.state.url}/{name}/commit/{digest}"})


def _without(handler: _Handler, body: bytes) -> None:
    """What huggingface_hub asks once a day, and does without where a hub has no such page."""
    raise _Refused(404)


_API = "/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)"
_FILES = "/(?:(?P<kind>datasets)/)?(?P<name>[^/]+/[^/]+)"
_ROUTES = (
    (f"GET {_API}", _info),
    (f"GET {_API}/revision/(?P<revision>.+)", _info),
    (f"GET {_API}/tree/(?P<revision>[^/]+)/?", _tree),
    (f"(?:GET|HEAD) {_FILES}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _resolve),
    ("POST /api/repos/create", _create),
    ("POST /api/validate-yaml", _check_yaml),
    (f"POST {_API}/preupload/(?P<revision>[^/]+)", _preupload),
    (rf"POST {_FILES}\.git/info/lfs/objects/batch", _batch),
    ("POST /large/verify", _verify),
    ("PUT /large/(?P<oid>[0-9a-f]{64})", _put),
    (f"POST {_API}/commit/(?P<revision>[^/]+)", _commit),
    ("GET /api/agent-harnesses", _without),
)
