"""A reading room for tests, with a page that needs no network to be read."""

import io

import numpy as np
from PIL import Image

import kuzushiji
from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Page
from kuzushiji.imaging.read import read_pixels
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf

TEXT = "戀のうたがたり"


def picture() -> bytes:
    """Seven blots in a column, PNG."""
    paper = np.full((400, 120), 230, np.uint8)
    for number in range(7):
        paper[25 + 50 * number : 60 + 50 * number, 45:75] = 30
    file = io.BytesIO()
    Image.fromarray(paper).save(file, "PNG")
    return file.getvalue()


def character(number: int) -> bytes:
    """A drawn kana, PNG."""
    file = io.BytesIO()
    Image.fromarray(255 - np.pad(kuzushiji.load("brush:kmnist:1", "train").images[number], 10)).save(file, "PNG")
    return file.getvalue()


def page_of(text: str = TEXT) -> Page:
    """A column of characters, each with a second candidate; the last is not sure."""
    boxes = [[40, 20 + 50 * number, 40, 45] for number in range(len(text))]
    sure = [[0.9, 0.1]] * (len(text) - 1) + [[0.4, 0.3]]
    characters = Characters(polygons_of(boxes), [[each, "す"] for each in text], sure)
    return arrange(Page(ImageRef("a.png", size=(120, 400)), characters))


def columns_of(*texts: str) -> Page:
    """Columns beside each other, the first on the right."""
    boxes = [[80 - 35 * x, 20 + 50 * y, 25, 45] for x, text in enumerate(texts) for y in range(len(text))]
    characters = "".join(texts)
    found = Characters(polygons_of(boxes), [[each] for each in characters], [[0.9]] * len(characters))
    return arrange(Page(ImageRef("a.png", size=(120, 400)), found))


def with_page(shelf: Shelf, page: Page | None = None) -> str:
    """Puts a page that is read onto a shelf; gives its id."""
    id = shelf.add("a.png", picture())
    shelf.claim()
    shelf.finish(id, page or page_of(), looks_of(read_pixels(picture())))
    return id
