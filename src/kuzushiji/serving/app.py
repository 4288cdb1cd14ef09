"""The reading room over HTTP: its page, and the API that the page itself uses."""

import errno
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from kuzushiji.errors import DataError, KuzushijiError, UsageError
from kuzushiji.serving.accounts import Accounts, Person, Role, proof
from kuzushiji.serving.aside import Aside, Died
from kuzushiji.serving.guard import COOKIE, LOOPBACK, Guard, refused
from kuzushiji.serving.iiif import routes as iiif
from kuzushiji.serving.jobs import Readers
from kuzushiji.serving.pages import Desk
from kuzushiji.serving.pages import routes as pages
from kuzushiji.serving.questions import Together
from kuzushiji.serving.questions import routes as questions
from kuzushiji.serving.shelf import ChangedMeanwhile, NotThere, Shelf, printed
from kuzushiji.serving.uploads import MOST_BYTES, Refused
from kuzushiji.version import __version__

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Room:
    """How a reading room is kept.

    Attributes:
        folder: of the shelf.
        database: its URL; SQLite in the folder if None.
        host: the address that it listens at.
        token: what must be brought to be let in; None on this machine alone.
        model: the network that names characters; what ships and knows most if None.
        processes: how many pages are read at a time; 0 leaves them in the queue.
        queue: how many pages may wait.
        a_second: requests that a client may make.
        examples: a data set whose images stand beside what a character may be.
        fetch: whether images are fetched from public addresses that a client names.

    Raises:
        UsageError: its token is short.
    """

    folder: Path
    database: str | None = None
    host: str = "127.0.0.1"
    token: str | None = None
    model: str | None = None
    processes: int = 1
    queue: int = 200
    a_second: float = 400
    examples: str | None = None
    fetch: bool = False

    def __post_init__(self) -> None:
        if self.token is not None and len(self.token) < 12:
            raise UsageError("--token is too short to keep anybody out; take 12 letters or more")


class Key(BaseModel):
    """What lets somebody in: a name and its password, or no name and the token."""

    name: Annotated[str, Field(max_length=100)] = ""
    password: Annotated[str, Field(max_length=1000)]


class Me(BaseModel):
    """Who asks, and what their page says when it asks for a change."""

    known: bool
    open: bool
    name: str = ""
    role: Role | None = None
    proof: str = ""


def create(room: Room) -> FastAPI:
    """The application.

    Raises:
        KuzushijiError: the shelf can't be opened.
        UsageError: other machines are let in, and nothing keeps anybody out.
    """
    shelf = Shelf(room.folder, room.database)
    accounts = Accounts(shelf.engine)
    unlocked = room.token is None and not accounts.all()
    if room.host not in LOOPBACK and unlocked:
        shelf.close()
        raise UsageError(
            f"--host {room.host} lets other machines in; add people with `kuzushiji shelf person NAME`, or name what "
            "they must bring with --token"
        )
    begun = time.time()
    asides = Aside(), Aside()  # a page that is looked at must not keep small questions waiting
    hosts = LOOPBACK if room.host in LOOPBACK and unlocked else ()
    guard = Guard(room.token, accounts, unlocked, hosts, room.a_second, MOST_BYTES + 2**16)

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        with Readers(shelf, room.model, room.processes) if room.processes else nullcontext():
            yield
        for each in asides:
            each.close()
        shelf.close()

    app = FastAPI(
        title="kuzushiji",
        version=__version__,
        lifespan=opened,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi",
    )
    app.middleware("http")(guard)
    app.add_exception_handler(NotThere, lambda request, error: refused(404, str(error)))
    app.add_exception_handler(ChangedMeanwhile, lambda request, error: refused(412, str(error)))
    app.add_exception_handler(DataError, lambda request, error: refused(422, str(error)))
    app.add_exception_handler(UsageError, lambda request, error: refused(422, str(error)))
    app.add_exception_handler(KuzushijiError, _could_not)
    app.add_exception_handler(SQLAlchemyError, _could_not)
    app.add_exception_handler(Refused, _refuse)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(Died, lambda request, error: refused(503, str(error)))
    app.include_router(pages(shelf, Desk(asides[0], room.model, room.examples, room.queue, room.fetch)))
    app.include_router(iiif(shelf))
    app.include_router(questions(shelf, Together(asides[1], room.model)))

    @app.post("/api/login", status_code=204)
    def login(key: Key, request: Request) -> Response:
        """Gives a cookie that scripts can't read for a name and its password, or for the token."""
        person = accounts.check(key.name, key.password) if key.name else None
        if not key.name and guard.knows(key.password):
            person = Person("", "keeper")
        if person is None:
            return refused(401, "nobody has this name and password")
        answer = Response(status_code=204)
        secure, cookie = request.url.scheme == "https", accounts.begin(person)
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=secure, max_age=30 * 86400)
        return answer

    @app.post("/api/logout", status_code=204)
    def logout(request: Request) -> Response:
        """Knows this browser no more."""
        accounts.end(request.cookies.get(COOKIE, ""))
        answer = Response(status_code=204)
        answer.delete_cookie(COOKIE)
        return answer

    @app.get("/api/me")
    def me(request: Request) -> Me:
        """Who asks."""
        person: Person | None = request.state.person
        if person is None:
            return Me(known=False, open=False)
        cookie = request.cookies.get(COOKIE, "")
        return Me(known=True, open=unlocked, name=person.name, role=person.role, proof=proof(cookie) if cookie else "")

    @app.get("/healthz")
    def healthy() -> JSONResponse:
        """Whether the shelf can be looked at."""
        return JSONResponse({"status": "well", "version": __version__, "pages": sum(shelf.counts().values())})

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> str:
        """How many pages are in each state, how many requests were answered how, as Prometheus reads it."""
        counts = shelf.counts()
        states = ("queued", "reading", "read", "corrected", "failed")
        return "".join(
            [
                "# TYPE kuzushiji_pages gauge\n",
                *(f'kuzushiji_pages{{state="{state}"}} {counts.get(state, 0)}\n' for state in states),
                "# TYPE kuzushiji_uptime_seconds gauge\n",
                f"kuzushiji_uptime_seconds {time.time() - begun:.0f}\n",
                "# TYPE kuzushiji_requests_total counter\n",
                *(f'kuzushiji_requests_total{{status="{each}"}} {n}\n' for each, n in sorted(guard.answered.items())),
                "# TYPE kuzushiji_request_seconds summary\n",
                f"kuzushiji_request_seconds_sum {guard.seconds:.6f}\n",
                f"kuzushiji_request_seconds_count {guard.answered.total()}\n",
            ]
        )

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html")

    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def _unfit(request: Request, error: Exception) -> Response:
    """Says where a request is not as the API has it; what it held is not repeated, which may be no JSON."""
    assert isinstance(error, RequestValidationError)
    told = [f"{'.'.join(map(str, each['loc']))[:100]}: {each['msg'][:200]}" for each in error.errors()[:5]]
    return refused(422, "; ".join(told))


def _could_not(request: Request, error: Exception) -> Response:
    """Says that the shelf could not be written or read; nothing was changed.  Why, its keeper is told alone."""
    log.warning("%s %s: %s", request.method, request.url.path, printed(error))
    is_full = os.strerror(errno.ENOSPC) in str(error) or "disk is full" in str(error)
    what = "its disk is full" if is_full else "its keeper finds why in the log"
    return refused(503, f"the shelf can't be used now: {what}")


def _refuse(request: Request, error: Exception) -> Response:
    return refused(error.status if isinstance(error, Refused) else 500, str(error))
