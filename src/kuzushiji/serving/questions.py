"""What the API has beside pages: characters to be named, and a search in all that is on the shelf."""

import threading
from typing import Annotated, Any

from fastapi import APIRouter, File, Query, UploadFile

from kuzushiji.characters import PARENT
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError
from kuzushiji.reading.pretrained import complementary
from kuzushiji.reading.recognizer import Recognizer
from kuzushiji.serving import uploads
from kuzushiji.serving.shelf import Shelf

MOST_IMAGES = 64
"""Of a question."""
_MOST_PIXELS = 2**22
"""Of one character; more is a page."""
_AROUND = 12
"""Characters that are shown before and after what was found."""


def routes(shelf: Shelf, model: str | None) -> APIRouter:
    """The routes; `model` names characters, or what ships and knows most."""
    router = APIRouter(prefix="/api")
    lock = threading.Lock()
    opened: list[Recognizer] = []

    def recognizers() -> list[Recognizer]:
        with lock:
            if not opened:
                names = complementary() if model is None else [model]
                opened.extend(Recognizer(name, threads=1) for name in names)
            return opened

    @router.post("/recognize")
    def recognize(images: Annotated[list[UploadFile], File(max_length=MOST_IMAGES)]) -> list[dict[str, Any]]:
        """Names the character on each of up to 64 images."""
        contents = [(each.filename or "image", each.file.read(uploads.MOST_BYTES + 1)) for each in images]
        for _, content in contents:
            uploads.check(content, _MOST_PIXELS)
        answers = [each(contents) for each in recognizers()]
        best = [max(one, key=lambda said: said[0].probability if said else -1.0) for one in zip(*answers, strict=True)]
        return [{"name": name} | said.to_dict() for (name, _), said in zip(contents, best, strict=True)]

    @router.get("/parents")
    def parents() -> dict[str, str]:
        """The parent kanji of each kana."""
        return PARENT

    @router.get("/search")
    def search(q: Annotated[str, Query(min_length=1, max_length=100)]) -> list[dict[str, Any]]:
        """Where pages say something: old and new forms, voiced and unvoiced are one."""
        if "\0" in q:
            raise DataError("there is nothing to search for in a NUL")
        return [
            {
                "page": row["id"],
                "name": row["name"],
                "book": row["book"],
                "found": [_found(page, ids) for ids in places],
            }
            for row, page, places in shelf.find(q)
        ]

    return router


def _found(page: Page, ids: list[str]) -> dict[str, Any]:
    """The characters that were found, and what is written around them."""
    order = [page.characters.ids[number] for number in page.order]
    first, last = order.index(ids[0]), order.index(ids[-1])
    texts = [each.text for each in page]
    return {
        "characters": ids,
        "before": "".join(texts[max(0, first - _AROUND) : first]),
        "text": "".join(texts[first : last + 1]),
        "after": "".join(texts[last + 1 : last + 1 + _AROUND]),
    }
