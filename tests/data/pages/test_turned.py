"""Pages that their metadata turn, with boxes drawn on the one or on the other."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from kuzushiji.data.pages.tables import list_pages, read_page
from kuzushiji.data.source import load
from kuzushiji.errors import DataWarning
from kuzushiji.imaging.read import orientation_of, read_gray
from tests.data.pages.test_pages import BOXES, draw

SOME = BOXES[:5]
BACK = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
"""What undoes each orientation."""


def stored(page: Image.Image, orientation: int) -> Image.Image:
    """A page as a camera stores it that was held so."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = BACK[orientation]
    file = io.BytesIO()
    page.save(file, "PNG", exif=exif)
    return Image.fromarray(read_gray(file.getvalue()))


def packed(page: Image.Image, orientation: int, form: str = "JPEG") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    file = io.BytesIO()
    page.save(file, form, exif=exif, quality=95)
    return file.getvalue()


def written(folder: Path, pages: dict[str, tuple[bytes, list]]) -> Path:
    (folder / "train_images").mkdir(parents=True)
    rows = ["image_id,labels"]
    for name, (content, boxes) in pages.items():
        (folder / "train_images" / f"{name}.jpg").write_bytes(content)
        rows.append(f"{name}," + " ".join("U+304A " + " ".join(map(str, box)) for box in boxes))
    (folder / "train.csv").write_text("\n".join(rows) + "\n")
    return folder


def box_on_stored(page: Image.Image, box: tuple[int, int, int, int], orientation: int) -> tuple[int, ...]:
    """Where a box comes to lie when a page is stored so."""
    left, top, width, height = box
    mask = np.zeros(page.size[::-1], np.uint8)
    mask[top : top + height, left : left + width] = 255
    left, top, right, bottom = stored(Image.fromarray(mask), orientation).getbbox()
    return left, top, right - left, bottom - top


@pytest.mark.parametrize("orientation", BACK)
def test_boxes_belong_where_they_fit_or_cover_ink(tmp_path: Path, orientation: int) -> None:
    page = draw(SOME)
    held = stored(page, orientation)
    content = packed(held, orientation)
    there = [box_on_stored(page, box, orientation) for box in SOME]
    pages = {"a_1": (content, SOME), "a_2": (content, there), "a_3": (packed(page, 1), SOME)}
    folder = written(tmp_path / "pages", pages)
    with pytest.warns(DataWarning, match=r"the boxes of 1 \(a_1\) are taken as they are; .* of 1 \(a_2\) .* as stored"):
        listing = list_pages(folder)
    for each in listing.pages:
        assert each.boxes.tolist() == [list(box) for box in SOME]
        assert np.abs(read_page(each).mean(axis=2) - np.asarray(page)).mean() < 2
    with pytest.warns(DataWarning, match="turned by their metadata"):
        load(folder, "train", image_size=16)
    with pytest.warns(DataWarning, match="turned by their metadata"):  # from the cache
        load(folder, "train", image_size=16)


def test_pages_as_usual_are_not_read(tmp_path: Path) -> None:
    folder = written(tmp_path / "pages", {"a_1": (packed(draw(SOME), 1)[:3000], SOME), "a_2": (b"", SOME)})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [each.boxes.tolist() for each in list_pages(folder).pages] == [[list(box) for box in SOME]] * 2


def test_the_beginning_tells_the_orientation() -> None:
    for form in ("JPEG", "PNG", "WEBP"):
        assert orientation_of(packed(draw(), 6, form)[: 2**17]) == 6
    assert orientation_of(b"none") == 1
