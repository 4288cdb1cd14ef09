"""What is on the shelf as IIIF: manifests of books and pages (Presentation 3), scans in tiles (Image 3, level 0)."""

import io
import json
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from PIL import Image

from kuzushiji.document.formats import iiif
from kuzushiji.serving.shelf import NotThere, Row, Shelf
from kuzushiji.serving.uploads import Refused

TILE = 512
_CONTEXT = "http://iiif.io/api/{}/3/context.json"


def routes(shelf: Shelf) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/iiif")

    @router.get("/manifest")
    def book(request: Request, book: Annotated[str, Query(max_length=200)] = "") -> dict[str, Any]:
        """A book: its pages that are read, as they came."""
        rows = [row for row in shelf.rows() if row["book"] == book and row["current"]]
        if not rows:
            raise NotThere(f"no page of the book {book!r} is read")
        base = _base(request)
        return _manifest(f"{base}/manifest?book={quote(book)}", book, [_canvas(shelf, base, row) for row in rows])

    @router.get("/{id}/manifest")
    def page(id: str, request: Request) -> dict[str, Any]:
        """A page as a book of one."""
        row, base = _shown(shelf, id), _base(request)
        return _manifest(f"{base}/{id}/manifest", row["name"], [_canvas(shelf, base, row)])

    @router.get("/{id}/annotations")
    def annotations(id: str, request: Request) -> dict[str, Any]:
        """What a page says, a line and a character an annotation."""
        found: dict[str, Any] = json.loads(iiif.write(shelf.page(id)[0]))
        base = f"{_base(request)}/{id}"
        found["id"] = f"{base}/annotations"
        for each in found["items"]:
            each["id"] = f"{base}/annotations#{each['id'].partition('#')[2]}"
            each["target"]["source"] = f"{base}/canvas"
        return found

    @router.get("/{id}/info.json")
    def info(id: str, request: Request) -> dict[str, Any]:
        """The sizes in which a scan is there."""
        width, height = _picture(shelf, _shown(shelf, id)["view"]).size
        factors = [2**k for k in range(12) if k == 0 or max(width, height) > TILE * 2 ** (k - 1)]
        return {
            "@context": _CONTEXT.format("image"),
            "id": f"{_base(request)}/{id}",
            "type": "ImageService3",
            "protocol": "http://iiif.io/api/image",
            "profile": "level0",
            "width": width,
            "height": height,
            "sizes": [{"width": -(-width // each), "height": -(-height // each)} for each in factors[::-1]],
            "tiles": [{"width": TILE, "height": TILE, "scaleFactors": factors}],
        }

    @router.get("/{id}/{region}/{size}/0/default.jpg")
    def tile(id: str, region: str, size: str) -> Response:
        """A part of a scan."""
        picture = _picture(shelf, _shown(shelf, id)["view"])
        whole = (0, 0, *picture.size)
        left, top, width, height = whole if region == "full" else _numbers(region, 4)
        if min(width, height) < 1 or left >= picture.width or top >= picture.height:
            raise Refused(400, f"the region {region[:40]!r} lies outside the image")
        part = (left, top, min(left + width, picture.width), min(top + height, picture.height))
        reached = (part[2] - part[0], part[3] - part[1])
        wanted = reached if size == "max" else _size(size, reached)
        if not all(1 <= asked <= there for asked, there in zip(wanted, reached, strict=True)):
            raise Refused(400, f"the size {size[:40]!r} is none that this part of the image has")
        file = io.BytesIO()
        picture.resize(wanted, Image.Resampling.LANCZOS, part, reducing_gap=2).save(file, "JPEG", quality=85)
        return Response(file.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=86400"})

    return router


def _base(request: Request) -> str:
    return f"{request.base_url}iiif"


def _shown(shelf: Shelf, id: str) -> Row:
    row = shelf.row(id)
    if not row["view"]:
        raise NotThere(f"page {id} is {row['state']}; there is nothing of it to show yet")
    return row


def _manifest(id: str, label: str, canvases: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@context": _CONTEXT.format("presentation"),
        "id": id,
        "type": "Manifest",
        "label": {"none": [label or "kuzushiji"]},
        "viewingDirection": "right-to-left",
        "items": canvases,
    }


def _canvas(shelf: Shelf, base: str, row: Row) -> dict[str, Any]:
    here = f"{base}/{row['id']}"
    seen = _picture(shelf, row["view"]).size
    width, height = shelf.page(row["id"])[0].image.size or seen
    body = {
        "id": f"{here}/full/max/0/default.jpg",
        "type": "Image",
        "format": "image/jpeg",
        "width": seen[0],
        "height": seen[1],
        "service": [{"id": here, "type": "ImageService3", "profile": "level0"}],
    }
    painted = {"id": f"{here}/painting", "type": "Annotation", "motivation": "painting", "target": f"{here}/canvas"}
    return {
        "id": f"{here}/canvas",
        "type": "Canvas",
        "label": {"none": [row["name"]]},
        "width": width,
        "height": height,
        "items": [{"id": f"{here}/scan", "type": "AnnotationPage", "items": [painted | {"body": body}]}],
        "annotations": [{"id": f"{here}/annotations", "type": "AnnotationPage"}],
    }


def _numbers(text: str, count: int) -> tuple[int, ...]:
    parts = text.split(",")
    if len(parts) != count or not all(part.isascii() and part.isdigit() and len(part) < 7 for part in parts):
        raise Refused(400, f"{text[:40]!r} is no {count} whole numbers")
    return tuple(map(int, parts))


def _size(text: str, reached: tuple[int, int]) -> tuple[int, int]:
    if text.endswith(","):  # version 2 of the API
        (width,) = _numbers(text[:-1], 1)
        return width, max(1, round(reached[1] * width / reached[0]))
    width, height = _numbers(text, 2)
    return width, height


@lru_cache(3)
def _opened(shelf: Shelf, digest: str) -> Image.Image:
    picture = Image.open(io.BytesIO(shelf.content(digest)))
    picture.load()
    return picture


def _picture(shelf: Shelf, digest: str) -> Image.Image:
    return _opened(shelf, digest)
