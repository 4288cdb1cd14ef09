import hashlib
import io
from dataclasses import replace

import numpy as np
from PIL import ExifTags, Image

from kuzushiji.document.page import ImageRef, Page
from kuzushiji.serving.jobs import read_and_look
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
