"""By how many marks pages can be told from characters (`kuzushiji.imaging.marks`).

    python benchmarks/page_marks.py PAGES [PAGES ...]   # pages with boxes around their characters
    python benchmarks/page_marks.py PAGES --data kkanji kmnist6k

Of characters, all are enlarged so that their marks are looked for: those of the pages as their boxes have them and with
half as much again on each side, where parts of their neighbours are; training images of data sets in the ways in which
`benchmarks/recognition.py` changes them.
"""

import argparse
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import kuzushiji
from kuzushiji.imaging.marks import MOST_MARKS, count_marks
from kuzushiji.imaging.read import read_gray
from recognition import CHANGES, boxed_pages

SIDE = 512
"""Characters are enlarged to so many pixels on the longer side."""

Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", help="pages as `kuzushiji data pages` takes them")
    parser.add_argument("--data", nargs="*", default=[], help="anything that `kuzushiji.load` takes")
    parser.add_argument("--limit", type=int, default=500, help="images at most of each data set")
    arguments = parser.parse_args()
    print(f"| marks; a page from {MOST_MARKS + 1} on | images | fewest | half have at most | most |")
    print("|---|---:|---:|---:|---:|")
    for source in arguments.pages:
        measure_pages(source)
    for name in arguments.data:
        data = kuzushiji.load(name, "train")
        chosen = np.unique(np.linspace(0, len(data) - 1, min(arguments.limit, len(data))).astype(int))
        images = np.asarray(data.images[chosen])
        for change, changed in CHANGES.items():
            print_row(f"{name}, {change}", (read_gray(changed(image)) for image in images))


def measure_pages(source: str) -> None:
    """Rows of the pages, of their characters, and of these with what is around them."""
    pages: list[int] = []
    boxed: list[Pixels] = []
    around: list[Pixels] = []
    for page, boxes, _ in boxed_pages(source):
        pages.append(count_marks(page))
        for x, y, width, height in boxes:
            boxed.append(page[y : y + height, x : x + width])
            top, left = max(0, y - height // 2), max(0, x - width // 2)
            around.append(page[top : y + height + height // 2, left : x + width + width // 2])
    print_counts("pages", pages)
    print_row("characters as boxed", boxed)
    print_row("characters, half as much on each side", around)


def print_row(name: str, images: Iterable[Pixels]) -> None:
    """A row of images of single characters."""
    print_counts(name, [count_marks(enlarged(image)) for image in images])


def print_counts(name: str, counts: list[int]) -> None:
    print(f"| {name} | {len(counts):,} | {min(counts)} | {np.median(counts):.0f} | {max(counts)} |", flush=True)


def enlarged(image: Pixels) -> Pixels:
    """To `SIDE` pixels, as a scan of higher resolution would be."""
    scale = SIDE / max(image.shape)
    size = max(1, round(scale * image.shape[1])), max(1, round(scale * image.shape[0]))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
