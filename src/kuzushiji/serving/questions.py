"""What the API has beside pages: characters to be named, and a search in all that is on the shelf."""

import asyncio
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from kuzushiji.characters import PARENT
from kuzushiji.document.formats import SUFFIXES, content_of
from kuzushiji.document.page import ImageRef, Page
from kuzushiji.errors import DataError, unknown_name
from kuzushiji.serving import naming, uploads
from kuzushiji.serving.aside import Aside, Died
from kuzushiji.serving.shelf import NotThere, Shelf

MOST_IMAGES = 64
"""Of a question."""
_MOST_BYTES = 4 * 2**20
"""Of the image of one character."""
_AT_ONCE, _WAITING = 32, 256
"""Questions that are answered together, and that may wait."""
_AROUND = 12
"""Characters that are shown before and after what was found."""


class Together:
    """Answers questions of many clients together: what comes while others are answered waits for the next round."""

    def __init__(self, aside: Aside, model: str | None) -> None:
        self._aside, self._model = aside, model
        self._waiting: list[tuple[naming.Asked, asyncio.Future[naming.Answered]]] = []
        self._answering: asyncio.Task[None] | None = None

    async def ask(self, question: naming.Asked) -> list[dict[str, Any]]:
        """Names the character on each image of a question.

        Raises:
            Refused: an image can't be read, or too many questions wait.
        """
        if len(self._waiting) >= _WAITING:
            raise uploads.Refused(503, f"{_WAITING} questions wait already; ask again in a moment")
        answer: asyncio.Future[naming.Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer_all())
        answered = await answer
        if isinstance(answered, uploads.Refused):
            raise answered
        return answered

    async def _answer_all(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_AT_ONCE], self._waiting[_AT_ONCE:]
            answers = await self._answers([question for question, _ in some])
            for (_, future), answer in zip(some, answers, strict=True):
                if not future.done():  # whoever asked may be gone
                    future.set_result(answer)

    async def _answers(self, questions: list[naming.Asked]) -> list[naming.Answered]:
        try:
            return await self._aside.ask(naming.name_images, self._model, questions)
        except Died:
            if len(questions) > 1:  # each by itself, for one of them is to blame
                return [(await self._answers([each]))[0] for each in questions]
            return [uploads.Refused(422, "the image can't be read: whoever tried died of it, or took too long")]
        except Exception as error:
            return [uploads.Refused(422 if isinstance(error, DataError) else 500, str(error)) for _ in questions]


def routes(shelf: Shelf, together: Together) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api")

    @router.post("/recognize")
    async def recognize(images: Annotated[list[UploadFile], File(max_length=MOST_IMAGES)]) -> list[dict[str, Any]]:
        """Names the character on each of up to 64 images."""
        question = [(each.filename or "image", await each.read(_MOST_BYTES + 1)) for each in images]
        for name, content in question:
            if len(content) > _MOST_BYTES:
                raise uploads.Refused(413, f"{name} has more than {_MOST_BYTES:,} bytes, which no character needs")
        return await together.ask(question)

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

    @router.get("/export/{format}")
    def export(format: str, book: Annotated[str, Query(max_length=200)] = "") -> FileResponse:
        """All pages of a book that are read, each as a file of one of the formats of `kuzushiji read`, as a zip."""
        if format not in SUFFIXES:
            raise unknown_name("format of pages", format, SUFFIXES)
        rows = [row for row in shelf.rows() if row["book"] == book and row["current"]]
        if not rows:
            raise NotThere(f"no page of the book {book!r} is read")
        file = tempfile.NamedTemporaryFile(suffix=".zip", delete=False)  # noqa: SIM115 (sent, then removed)
        with file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for number, row in enumerate(rows, start=1):
                page = shelf.page(row["id"])[0]
                scan = shelf.content(row["image"]) if format == "pdf" else None
                name = f"{number:03}-{ImageRef(row['name']).stem}{SUFFIXES[format]}"
                packed.writestr(name, content_of(page, format, scan))
        name = quote(f"{book or 'pages'}-{format}.zip", safe="")
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        done = BackgroundTask(Path(file.name).unlink)
        return FileResponse(file.name, media_type="application/zip", headers=headers, background=done)

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
