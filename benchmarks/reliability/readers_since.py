"""Files that come from other programs: the valid ones of each kind, small, and what reads them."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from readers import Reader

from kuzushiji.data.convert import convert
from kuzushiji.data.pages.iiif import read_manifest
from kuzushiji.data.pages.sources import page_images
from kuzushiji.data.pages.stored import load_pages
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.data.source import load, parse
from kuzushiji.document.formats import content_of
from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Page
from kuzushiji.errors import DataError
from kuzushiji.imaging.read import read_gray, read_pixels
from kuzushiji.reading.ndl import NdlReader
from kuzushiji.serving import archive
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf

COLUMNS = ("いろはに", "ほへと")
MANIFESTS = {
    "2": {
        "@context": "http://iiif.io/api/presentation/2/context.json",
        "@id": "https://x.example/iiif/1/manifest.json",
        "@type": "sc:Manifest",
        "sequences": [
            {
                "canvases": [
                    {
                        "@id": "https://x.example/c1",
                        "height": 900,
                        "width": 600,
                        "images": [
                            {
                                "resource": {
                                    "@id": "https://x.example/i/1/full/full/0/default.jpg",
                                    "height": 9000,
                                    "width": 9000,
                                    "service": {
                                        "@context": "http://iiif.io/api/image/2/context.json",
                                        "@id": "https://x.example/i/1",
                                        "profile": "http://iiif.io/api/image/2/level2.json",
                                    },
                                }
                            }
                        ],
                    }
                ]
            }
        ],
    },
    "3": {
        "@context": "http://iiif.io/api/presentation/3/context.json",
        "id": "https://x.example/iiif/3/manifest",
        "type": "Manifest",
        "items": [
            {
                "id": "https://x.example/c1",
                "type": "Canvas",
                "items": [
                    {
                        "items": [
                            {
                                "body": {
                                    "type": "Choice",
                                    "items": [
                                        {
                                            "id": "https://x.example/i.jpg",
                                            "type": "Image",
                                            "width": 900,
                                            "height": 600,
                                            "service": [{"id": "https://x.example/i", "type": "ImageService3"}],
                                        }
                                    ],
                                }
                            }
                        ]
                    }
                ],
            }
        ],
    },
}


def readers_since(folder: Path) -> Iterator[Reader]:
    """Makes valid files in a folder, and says what reads them."""
    for make in (_pages, _lines, _books, _parquet, _shelf, _networks):
        yield from make(folder)


def _kaggle(folder: Path) -> Path:
    """Four pages of two columns, in Kaggle's layout."""
    place = folder / "columns"
    (place / "train_images").mkdir(parents=True)
    rows = []
    for number in range(4):
        sheet = np.full((200, 120), 220, np.uint8)
        words = []
        for column, text in enumerate(COLUMNS):
            for row, character in enumerate(text):
                left, top = 72 - 58 * column, 8 + 46 * row
                sheet[top + 4 : top + 36, left + 4 : left + 30] = 30 + number
                words.append(f"U+{ord(character):04X} {left} {top} 34 40")
        Image.fromarray(sheet).save(place / "train_images" / f"a{number}_1.png")
        rows.append((f"a{number}_1", " ".join(words)))
    with open(place / "train.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image_id", "labels"), *rows])
    return place


def _texts(place: Path) -> tuple[Path, ...]:
    """What is in a folder but the images, of which one is enough."""
    files = sorted(path for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb")
    images = [path for path in files if path.suffix in (".png", ".jpg")]
    return (*(path for path in files if path not in images), *images[:1])


def _into(folder: Path, source: Path, format: str) -> Callable[[], Any]:
    """Converts a folder into a new one, which is removed."""

    def read() -> None:
        target = folder / "converted"
        shutil.rmtree(target, ignore_errors=True)
        convert(source, target, format)

    return read


def _pages(folder: Path) -> Iterator[Reader]:
    source = _kaggle(folder)
    for name in ("coco", "yolo", "kraken"):
        convert(source, folder / name, name)
        yield Reader(f"pages of others: {name}", _texts(folder / name), _into(folder, folder / name, "kaggle"), 2)
    page = arrange(next(iter(load_pages(source).values())))
    tei = folder / "page.tei.xml"
    tei.write_bytes(content_of(page, "tei"))

    def read() -> None:
        found = Page.load(tei)
        for format in ("json", "alto", "pagexml", "tei", "txt", "iiif"):
            content_of(found, format)

    yield Reader("pages: tei", (tei,), read, 2)
    yield Reader("pages: tables of boxes", (source / "train.csv",), lambda: (list_pages(source), load(source, limit=3)))


def _lines(folder: Path) -> Iterator[Reader]:
    for name, other in (("lines", "doctr"), ("doctr", "lines"), ("lmdb", "lines")):
        convert(folder / "columns", folder / name, name)
        share = 0.3 if name == "lmdb" else 2  # which starts a process each time
        yield Reader(f"lines of others: {name}", _texts(folder / name), _into(folder, folder / name, other), share)


def _books(folder: Path) -> Iterator[Reader]:
    page = next(iter(load_pages(folder / "columns").values()))
    pdf = folder / "book.pdf"
    pdf.write_bytes(content_of(page, "pdf", next((folder / "columns" / "train_images").iterdir())))

    def read() -> None:
        for each in page_images(pdf):
            each.failure or read_gray(each.content)

    yield Reader("PDFs", (pdf,), read, 2)

    def refuse(addresses: Sequence[str]) -> bytes:
        "".join(addresses).encode()
        raise DataError("is not fetched here")

    for version, manifest in MANIFESTS.items():
        path = folder / f"manifest{version}.json"
        path.write_text(json.dumps(manifest), encoding="utf-8")

        def looked(path: Path = path) -> None:
            for each in page_images(path, fetch=refuse):
                each.failure or read_gray(each.content)
            read_manifest(path.read_bytes(), "https://x.example/")

        yield Reader(f"manifests of IIIF {version}", (path,), looked, 2)


def _parquet(folder: Path) -> Iterator[Reader]:
    import pyarrow as pa
    from pyarrow import parquet

    place = folder / "parquet"
    (place / "data").mkdir(parents=True)
    chance = np.random.default_rng(0)
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["お", "き"]}}
    for split in ("train", "test"):
        images = []
        for _ in range(6):
            file = io.BytesIO()
            Image.fromarray(chance.integers(0, 256, (12, 12), dtype=np.uint8)).save(file, "PNG")
            images.append({"bytes": file.getvalue(), "path": None})
        table = pa.table({"image": images, "label": [0, 1] * 3})
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
        parquet.write_table(table, place / "data" / f"{split}-00000-of-00001.parquet")
    (place / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/train-*\n"
        "  - split: test\n    path: data/test-*\ndataset_info:\n  features:\n  - name: image\n    dtype: image\n"
        "  - name: label\n    dtype:\n      class_label:\n        names:\n          '0': お\n          '1': き\n---\n",
        encoding="utf-8",
    )
    files = tuple(sorted(path for path in place.rglob("*") if path.is_file()))
    yield Reader("parquet files", files, lambda: (parse(place).splits, load(place), load(place, "test", limit=2)), 3)


def _shelf(folder: Path) -> Iterator[Reader]:
    shelf, packed = Shelf(folder / "shelf"), folder / "shelf.zip"
    sheet = (folder / "columns" / "train_images" / "a0_1.png").read_bytes()
    boxes = [[72, 8 + 46 * number, 34, 40] for number in range(3)]
    found = Characters(polygons_of(boxes), [["い", "ひ"], ["ろ", "す"], ["は", "す"]], [[0.9, 0.1]] * 3)
    id = shelf.add("a.png", sheet)
    shelf.claim()
    shelf.finish(id, arrange(Page(ImageRef("a.png", size=(120, 200)), found)), looks_of(read_pixels(sheet)))
    shelf.add("b.png", sheet)
    shelf.correct(id, 1, [{"id": "c0", "text": "恋"}], "Ono")
    archive.write(shelf, packed)
    shelf.close()

    def read() -> None:
        place = folder / "another shelf"
        shutil.rmtree(place, ignore_errors=True)
        opened = Shelf(place)
        try:
            archive.read(opened, packed)
            for row in opened.rows():
                if row["current"]:
                    opened.page(row["id"])
                    opened.history(row["id"])
        finally:
            opened.close()

    yield Reader("archives of shelves", (packed,), read, 2)
    base, whole = folder / "shelf" / "shelf.sqlite", folder / "lying shelf"
    shutil.copytree(folder / "shelf", whole)

    def lying() -> None:
        from kuzushiji.data.shelved import Shelved

        Shelved(whole).read("train", None, None)

    assert base.exists()
    files = tuple(sorted(path for path in whole.rglob("*") if path.is_file() and "-wal" not in path.name))
    yield Reader("shelves as training images", files, lying)


def _networks(folder: Path) -> Iterator[Reader]:
    from tiny_ndl import write_all

    place = write_all(folder / "ndl")
    sheet = folder / "columns" / "train_images" / "a0_1.png"
    yield Reader("files of NDL", tuple(sorted(place.iterdir())), lambda: NdlReader(place, threads=1)(sheet), 0.5)
