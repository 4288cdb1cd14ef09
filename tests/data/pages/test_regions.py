"""Pages whose lines and pictures are boxed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.data.pages.regions import read_regions
from kuzushiji.errors import DataError

OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


def write(folder: Path, name: str = "page") -> None:
    Image.fromarray(np.arange(200 * 100, dtype=np.uint8).reshape(200, 100)).save(folder / f"{name}.png")
    objects = [
        ("1_overall", 0, 0, 100, 200),
        ("2_handwritten", 10, 20, 30, 180),
        ("3_typography", 40, 20, 50, 90),
        ("4_illustration", 60, 50, 90, 120),
        ("5_stamp", 95, 190, 120, 220),
    ]
    text = "".join(OBJECT.format(*each) for each in objects)
    (folder / f"{name}.xml").write_text(f"<annotation>{text}</annotation>", encoding="utf-8")


def test_lines_and_pictures(tmp_path: Path) -> None:
    write(tmp_path)
    (page,) = read_regions(tmp_path)
    assert page.name == "page"
    assert page.text.tolist() == [[10, 20, 20, 160], [40, 20, 10, 70]]
    assert page.pictures.tolist() == [[60, 50, 30, 70], [95, 190, 25, 30]]
    assert [each.shape for each in page.cut_outs()] == [(70, 30), (10, 5)]
    np.testing.assert_array_equal(page.cut_outs()[0], page.image[50:120, 60:90])


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no page with regions"):
        read_regions(tmp_path)
    write(tmp_path)
    (tmp_path / "page.xml").write_text("<annotation><object><name>2_handwritten</name>", encoding="utf-8")
    with pytest.raises(DataError, match="no file of Pascal VOC"):
        read_regions(tmp_path)
    (tmp_path / "page.xml").write_text("<annotation><object><name>2_handwritten</name></object></annotation>")
    with pytest.raises(DataError, match="no file of Pascal VOC"):
        read_regions(tmp_path)
    (tmp_path / "page.png").unlink()
    with pytest.raises(DataError, match="no image of the same name"):
        read_regions(tmp_path)


def test_the_real_ones(real_data: Path) -> None:
    pages = read_regions(real_data / "pages" / "lines")
    assert len(pages) == 12
    assert sum(len(page.text) for page in pages) == 346
    assert sum(len(page.pictures) for page in pages) == 30
