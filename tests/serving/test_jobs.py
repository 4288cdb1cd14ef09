import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image
from sqlalchemy.exc import OperationalError

from kuzushiji.document.page import ImageRef, Page
from kuzushiji.errors import KuzushijiError
from kuzushiji.serving import jobs
from kuzushiji.serving.jobs import read_and_look, read_waiting
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import page_of, picture


def test_a_page_is_decoded_once_for_reading_and_showing(monkeypatch):
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.open(io.BytesIO(picture())).convert("RGB").save(file, "JPEG", exif=turned, quality=95)
    opened, seen = [], []
    before = Image.open
    monkeypatch.setattr(Image, "open", lambda *args, **more: opened.append(1) or before(*args, **more))

    def reader(image: np.ndarray, name: str) -> Page:
        seen.append(image)
        return replace(page_of(), image=ImageRef(name, size=image.shape[::-1]))

    page, looks = read_and_look(reader, file.getvalue(), "a.jpg")
    assert len(opened) == 1
    assert seen[0].shape == (120, 400)
    assert (page.image.name, page.image.sha256) == ("a.jpg", hashlib.sha256(file.getvalue()).hexdigest())
    shown = np.asarray(before(io.BytesIO(looks.view)).convert("L"))
    assert np.abs(shown.astype(int) - seen[0]).max() < 40


class Enough(Exception):
    """No page waits any more."""


@pytest.mark.parametrize("where", ["claim", "keep", "fail"])
def test_a_page_is_not_lost_where_the_disk_is_full_for_a_while(where, tmp_path, monkeypatch):
    full = [KuzushijiError("No space left on device"), OperationalError("INSERT", {}, Exception("disk is full"))]
    monkeypatch.setattr(jobs, "_PATIENCE", 0)
    monkeypatch.setattr(jobs, "Reader", lambda model: lambda image, name: page_of())
    real = getattr(Shelf, where)

    def while_full(*arguments):
        if full:
            raise full.pop()
        return real(*arguments)

    def last(seconds):
        raise Enough

    monkeypatch.setattr(Shelf, where, while_full)
    monkeypatch.setattr(jobs.time, "sleep", last)
    shelf = Shelf(tmp_path)
    failures = [KuzushijiError("it is lost")] if where == "fail" else []
    content = Shelf.content
    monkeypatch.setattr(Shelf, "content", lambda *of: content(*of) if not failures else _raise(failures[0]))
    before, full[:] = list(full), []
    id = shelf.add("a.png", picture())
    full[:] = before
    with pytest.raises(Enough):
        read_waiting(lambda id: None, tmp_path, None, None)
    assert not full
    assert shelf.row(id)["state"] == ("failed" if failures else "read")
    shelf.close()


def _raise(error):
    raise error
