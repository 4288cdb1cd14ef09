"""What stands before every request: who may ask, how often, how much; and what browsers are told of the answer."""

import hmac
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from kuzushiji.serving.accounts import Accounts, Person, Role, proof

COOKIE = "kuzushiji"
PROOF = "X-Kuzushiji"
"""The header in which a page says what `accounts.proof` makes of its cookie."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OPEN_PATHS = ("/", "/healthz", "/api/login", "/api/me")
"""That anybody may ask for: the page without anything on it, and the way in."""

Answer = Callable[[Request], Awaitable[Response]]


class Rate:
    """So many requests a second of each client, and for a moment more.

    Args:
        a_second: how many.
        at_once: how many of who asked for nothing for a while; those of two seconds if None.
        clients: of how many clients this is remembered.
    """

    def __init__(self, a_second: float, at_once: float | None = None, clients: int = 10_000) -> None:
        self._a_second, self._at_once, self._clients = a_second, at_once or 2 * a_second, clients
        self._seen: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Seconds that a client should wait before it asks; 0 if it may ask now, which is counted."""
        now = time.monotonic()
        left, at = self._seen.pop(client, (self._at_once, now))
        left = min(self._at_once, left + (now - at) * self._a_second)
        self._seen[client] = (left - 1 if left >= 1 else left, now)
        while len(self._seen) > self._clients:
            self._seen.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self._a_second


class Guard:
    """A middleware, which counts in `answered` how often it answered with each status, and in `seconds` for how long.

    Args:
        token: what lets a program in as a keeper, as a bearer; nothing does if None.
        accounts: of people, who bring a cookie.
        open: whether nobody needs to bring anything, and is a keeper.
        hosts: names under which this server may be asked; any if empty, which is for servers that are not open.
        a_second: requests that a client may make.
        most_bytes: of a request.
    """

    def __init__(
        self,
        token: str | None,
        accounts: Accounts,
        open: bool,
        hosts: tuple[str, ...],
        a_second: float,
        most_bytes: int,
    ) -> None:
        self._token, self._accounts, self._open = token, accounts, open
        self._hosts, self._most_bytes = hosts, most_bytes
        self._rate = Rate(a_second)
        self._tries = Rate(0.2, at_once=10)
        self.answered: Counter[int] = Counter()
        self.seconds = 0.0

    async def __call__(self, request: Request, answer: Answer) -> Response:
        """Answers a request, or says why not."""
        begun = time.perf_counter()
        response = self._refusal(request) or await self._stranger(request) or await answer(request)
        self.answered[response.status_code] += 1
        self.seconds += time.perf_counter() - begun
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if request.url.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        else:
            response.headers.setdefault("Cache-Control", "no-cache")
        return response

    def knows(self, token: str) -> bool:
        """Whether this is the token."""
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    def _refusal(self, request: Request) -> Response | None:
        wait = self._rate.wait(_client(request))
        if wait:
            return refused(429, "too many requests; wait a moment", wait)
        if self._hosts and _host(request.headers.get("host", "")) not in self._hosts:
            return refused(421, "this server is not asked under that name")
        if request.method not in ("GET", "HEAD") and not _same_site(request):
            return refused(403, "a page of another site may not ask for changes here")
        length = request.headers.get("content-length", "")
        if request.method in ("POST", "PATCH", "PUT"):
            if not (length.isascii() and length.isdigit()):
                return refused(411, "a request must say how long it is, in Content-Length")
            if int(length[:20]) > self._most_bytes:
                return refused(
                    413, f"a request has {length[:20]} bytes; the most that is taken is {self._most_bytes:,}"
                )
        if request.url.path == "/api/login" and (wait := self._tries.wait(_client(request))):
            return refused(429, "too many tries; wait a moment", wait)
        return None

    async def _stranger(self, request: Request) -> Response | None:
        """Finds out who asks, and refuses whom it does not know, or who may not."""
        person = await self._who(request)
        request.state.person = person
        if request.url.path in _OPEN_PATHS or request.url.path.startswith("/static/"):
            return None
        if person is None:
            return refused(401, "this room is locked; log in, or bring its token as `Authorization: Bearer TOKEN`")
        needed = _needed(request)
        if not person.may(needed):
            return refused(403, f"this is for a {needed}; {person.name or 'you'} is a {person.role}")
        cookie = request.cookies.get(COOKIE, "")
        changes = request.method not in ("GET", "HEAD")
        by_cookie = not self._open and not request.headers.get("authorization")
        if changes and by_cookie and not hmac.compare_digest(request.headers.get(PROOF, ""), proof(cookie)):
            return refused(403, f"a change asked for with a cookie needs {PROOF}, which /api/me has")
        return None

    async def _who(self, request: Request) -> Person | None:
        if self._open:
            return Person("", "keeper")
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        if kind:
            return Person("", "keeper") if kind.lower() == "bearer" and self.knows(bearer) else None
        cookie = request.cookies.get(COOKIE, "")
        return await run_in_threadpool(self._accounts.whose, cookie) if cookie else None


def _needed(request: Request) -> Role:
    """What one must be to ask for this."""
    if request.method in ("GET", "HEAD") or request.url.path in ("/api/recognize", "/api/logout"):
        return "reader"
    return "keeper" if request.method == "DELETE" else "corrector"


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def refused(status: int, why: str, wait: float | None = None) -> Response:
    """An answer that says why there is none, and when to ask again."""
    if status == 503 and wait is None:
        wait = 5
    headers = {} if wait is None else {"Retry-After": str(math.ceil(wait))}
    return JSONResponse({"detail": why}, status, headers)


def _host(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _same_site(request: Request) -> bool:
    """Whether a request comes from a page of this server, or from no page at all."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None and site not in ("same-origin", "none"):
        return False
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")
