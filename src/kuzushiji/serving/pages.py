"""What the API has for pages: the shelf, a page and its files, corrections."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, File, Form, Header, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from kuzushiji.document.formats import SUFFIXES, content_of
from kuzushiji.document.formats import json as page_json
from kuzushiji.document.formats.text import NAMELESS
from kuzushiji.document.page import ImageRef
from kuzushiji.errors import unknown_name
from kuzushiji.serving import naming, remote, uploads
from kuzushiji.serving.aside import Aside
from kuzushiji.serving.corrections import checked_polygon
from kuzushiji.serving.schema import schema_of
from kuzushiji.serving.shelf import NotThere, Row, Shelf

MOST_CHANGES = 200
"""Of a request."""
_MEDIA = {"json": "application/json", "iiif": "application/json", "txt": "text/plain; charset=utf-8"}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What the page says.",
        "content": {"application/json": {"schema": schema_of(page_json.PageRecord)}},
    },
    412: {"description": "Somebody else corrected it meanwhile."},
}
_PAUSE = 0.25
_WATCHED = 900
"""Seconds for which a page is watched; a browser asks again by itself."""


class Entry(BaseModel):
    """A page on the shelf."""

    id: str
    book: str
    name: str
    state: Literal["queued", "reading", "read", "corrected", "failed"]
    failure: str
    version: int
    characters: int
    sureness: float
    added: str
    changed: str
    changed_by: str
    ahead: int = 0


class Change(BaseModel, extra="forbid"):
    """One change of a page, as `corrections.edited` takes it; what is added without a text is named by the network."""

    id: str = ""
    text: str = ""
    box: list[float] = []
    delete: bool = False
    after: str | None = None
    order: list[str] = []


class Changes(BaseModel):
    """What is corrected, all of it or nothing."""

    changes: Annotated[list[Change], Field(min_length=1, max_length=MOST_CHANGES)]
    who: Annotated[str, Field(max_length=100)] = ""


@dataclass(frozen=True)
class Desk:
    """What work on pages needs.

    Attributes:
        aside: the process that looks at images.
        model: what names characters.
        data: what shows examples of them besides the shelf.
        queue: how many pages may wait.
        fetches: whether addresses are fetched.
    """

    aside: Aside
    model: str | None
    data: str | None
    queue: int
    fetches: bool = False


def routes(shelf: Shelf, desk: Desk) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/pages")

    @router.get("")
    def shelved() -> list[Entry]:
        """All pages, as they came."""
        return [_entry(row) for row in shelf.rows()]

    @router.post("", status_code=202)
    async def add(
        image: Annotated[UploadFile | None, File()] = None,
        url: Annotated[str, Form(max_length=2000)] = "",
        book: Annotated[str, Form(max_length=200)] = "",
    ) -> list[Entry]:
        """Puts pages into the queue: an image, those of a PDF, or what stands at a `url`, be it a IIIF manifest."""
        if image is not None:
            name = (image.filename or "page").replace("\\", "/").rsplit("/", 1)[-1][-200:] or "page"
            contents = [(name, await image.read(uploads.MOST_BYTES + 1))]
        elif url and desk.fetches:
            contents = await run_in_threadpool(_fetched, url)
        else:
            raise uploads.Refused(422, "there is no image; addresses are fetched where `kuzushiji serve --fetch` runs")
        ids = []
        for name, content in contents:
            async for page, drawn in _each_page(desk.aside, name, content):
                if await run_in_threadpool(_waiting, shelf) >= desk.queue:
                    raise uploads.Refused(503, f"{desk.queue} pages wait already; come back when some are read")
                await desk.aside.ask(uploads.check, drawn)
                ids.append(await run_in_threadpool(shelf.add, page, drawn, book.strip()))
        return [await run_in_threadpool(_told, shelf, id) for id in ids]

    @router.get("/{id}", responses=_PAGE | {304: {"description": "It did not change."}})
    def page(id: str, if_none_match: Annotated[str, Header()] = "") -> Response:
        """What a page says, as `Page.save` writes it; the ETag is asked for by corrections."""
        row = shelf.row(id)
        if row["current"] and if_none_match == _tag(row["version"])["ETag"]:
            return Response(status_code=304, headers=_tag(row["version"]))
        found, row = shelf.page(id)
        return Response(page_json.write(found), media_type="application/json", headers=_tag(row["version"]))

    @router.get("/{id}/state")
    def state(id: str) -> Entry:
        """What is known of a page."""
        return _told(shelf, id)

    @router.get("/{id}/events")
    async def events(id: str) -> StreamingResponse:
        """Tells a page's state whenever it changes, until it is read."""
        await run_in_threadpool(shelf.row, id)
        return StreamingResponse(_events(shelf, id), media_type="text/event-stream")

    @router.get("/{id}/image")
    def image(id: str, size: Literal["view", "thumbnail", "original"] = "view") -> Response:
        """The scan as every browser shows it, small, or as it was handed in."""
        row = shelf.row(id)
        digest = row["image" if size == "original" else size]
        if digest is None:
            raise NotThere(f"page {id} is {row['state']}; there is nothing of it to show yet")
        media = "application/octet-stream" if size == "original" else "image/jpeg"
        headers = {"Cache-Control": "private, max-age=86400"}
        return Response(shelf.content(digest), media_type=media, headers=headers)

    @router.get("/{id}/text")
    def text(id: str) -> Response:
        """What it says, a line a column."""
        return Response(f"{shelf.page(id)[0].text}\n", media_type=_MEDIA["txt"])

    @router.get("/{id}/export/{format}")
    def export(id: str, format: str) -> Response:
        """The page as a file in one of the formats of `kuzushiji read`."""
        if format not in SUFFIXES:
            raise unknown_name("format of pages", format, SUFFIXES)
        found, row = shelf.page(id)
        scan = shelf.content(row["image"]) if format == "pdf" else None
        name = quote(f"{ImageRef(row['name']).stem}{SUFFIXES[format]}", safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        content = content_of(found, format, scan)
        content += b"\n" if format == "txt" else b""
        media = _MEDIA.get(format, "application/pdf" if format == "pdf" else "application/xml")
        return Response(content, media_type=media, headers=headers)

    @router.patch("/{id}", responses=_PAGE)
    async def correct(id: str, changes: Changes, if_match: Annotated[str, Header()], request: Request) -> Response:
        """Corrects characters; 412 if somebody else did since the page was looked at."""
        version, (page, row) = _version(if_match), await run_in_threadpool(shelf.page, id)
        plain = [each.model_dump(exclude_unset=True) for each in changes.changes]
        nameless = [each for each in plain if "box" in each and not {"id", "text", "order"} & set(each)]
        if nameless:
            corners = [checked_polygon(each["box"], page.image.size) for each in nameless]
            named = await desk.aside.ask(naming.name_boxes, desk.model, shelf.path(row["image"]), corners)
            for each, candidates in zip(nameless, named, strict=True):
                each["candidates"] = candidates or [[NAMELESS, 0.0]]
        version = await run_in_threadpool(shelf.correct, id, version, plain, _name(request, changes.who))
        return await run_in_threadpool(_page_of, shelf, id, version)

    @router.post("/{id}/undo", responses=_PAGE)
    def undo(
        id: str, if_match: Annotated[str, Header()], request: Request, who: str = "", again: bool = False
    ) -> Response:
        """Takes back what was corrected last and stands, or makes `again` what was taken back."""
        version = _version(if_match)
        return _page_of(shelf, id, shelf.undo(id, version, _name(request, who[:100]), again) or version)

    @router.get("/{id}/examples/{character}")
    async def examples(id: str, character: str) -> dict[str, list[dict[str, Any]]]:
        """What looks most like a character, of those that are sure to be what it may be; for each candidate."""
        page, row = await run_in_threadpool(shelf.page, id)
        names = next((each.candidates for each in page if each.id == character), ())
        near = await run_in_threadpool(shelf.neighbours, row)
        files = [(shelf.path(each["image"]), shelf.path(each["current"])) for each in (row, *near)]
        asked = [each.character for each in names[:5]]
        return await desk.aside.ask(naming.examples, desk.model, desk.data, files[0], files[1:], character, asked)

    @router.get("/{id}/history")
    def history(id: str) -> list[dict[str, Any]]:
        """Who corrected what, and when."""
        return [{**row, "when": row["when"].isoformat()} for row in shelf.history(id)]

    @router.delete("/{id}", status_code=204)
    def remove(id: str) -> None:
        """Takes a page off the shelf."""
        shelf.remove(id)

    return router


def _name(request: Request, who: str) -> str:
    """Who corrects: the person who is known, or else who they say they are."""
    known: str = request.state.person.name
    return known or who


def _waiting(shelf: Shelf) -> int:
    return shelf.counts().get("queued", 0)


def _fetched(url: str) -> list[tuple[str, bytes]]:
    """What stands at an address, or each image that a manifest there names."""
    content = remote.fetch(url)
    images = remote.images_of(content)
    if images:
        return [(name, remote.fetch(image)) for name, image in images]
    return [(url.rstrip("/").rsplit("/", 1)[-1][-200:] or "page", content)]


async def _each_page(aside: Aside, name: str, content: bytes) -> AsyncIterator[tuple[str, bytes]]:
    """An image as it is, or the pages of a PDF as images."""
    if not content.startswith(b"%PDF-"):
        yield name, content
        return
    if len(content) > uploads.MOST_BYTES:
        raise uploads.Refused(413, f"the PDF has more than {uploads.MOST_BYTES:,} bytes")
    for number in range(await aside.ask(uploads.pages_in, content)):
        yield f"{ImageRef(name).stem}-{number + 1:03}.png", await aside.ask(uploads.page_in, content, number)


def _page_of(shelf: Shelf, id: str, version: int) -> Response:
    found, row = shelf.page(id)
    headers = _tag(row["version"] if row["version"] == version else version)
    return Response(page_json.write(found), media_type="application/json", headers=headers)


async def _events(shelf: Shelf, id: str) -> AsyncIterator[str]:
    told: Entry | None = None
    for _ in range(int(_WATCHED / _PAUSE)):
        try:
            entry = await run_in_threadpool(_told, shelf, id)
        except NotThere:
            return
        if entry != told:
            yield f"event: state\ndata: {json.dumps(entry.model_dump(), ensure_ascii=False)}\n\n"
            told = entry
        if entry.state not in ("queued", "reading"):
            return
        await asyncio.sleep(_PAUSE)


def _told(shelf: Shelf, id: str) -> Entry:
    row = shelf.row(id)
    return _entry(row, shelf.ahead(row["number"]) if row["state"] == "queued" else 0)


def _entry(row: Row, ahead: int = 0) -> Entry:
    same = {name: row[name] for name in Entry.model_fields if name in row and name not in ("added", "changed")}
    return Entry(**same, added=row["added"].isoformat(), changed=row["changed"].isoformat(), ahead=ahead)


def _tag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


def _version(tag: str) -> int:
    number = tag.removeprefix("W/").strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise uploads.Refused(422, f"If-Match is {tag[:40]!r}; expected the ETag of the page")
    return int(number)
