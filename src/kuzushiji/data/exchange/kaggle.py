"""Pages in the layout of Kaggle's Kuzushiji Recognition: `train.csv` beside `train_images`; also read is CODH's."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from kuzushiji.characters import codepoint
from kuzushiji.data.exchange.scans import Odd, Scan, Told, fitted, image_file, named
from kuzushiji.data.pages.files import FileReader, PageFile
from kuzushiji.data.pages.problems import KINDS
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.geometry import whole
from kuzushiji.errors import DataError
from kuzushiji.files import write_text


def read(source: Path, odd: Odd) -> list[Scan]:
    """The pages of a folder or a zip, those without an image left out.

    Raises:
        DataError: as `list_pages`.
    """
    listing = list_pages(source)
    scans = []
    for page in listing.pages:
        if page.image is None:
            odd.add("pages without an image, left out", page.name)
        else:
            scans.append(Scan(page.truth, partial(_content, page.image), book=page.book))
    for problem in listing.tally.problems():
        odd.add(f"boxes or pages: {KINDS[problem.kind]}", problem.examples[0], problem.boxes)
    return scans


def _content(file: PageFile) -> bytes:
    with FileReader() as reader:
        try:
            return reader.content(file)
        except DataError as error:
            raise DataError(f"{file} {error}") from None


def write(folder: Path, splits: Mapping[str, Sequence[Scan]], odd: Odd, told: Told) -> None:
    """Writes one table and one folder of images: this layout divides nothing."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["image_id", "labels"])
    (folder / "train_images").mkdir()
    for scan in sorted((each for scans in splits.values() for each in scans), key=lambda scan: scan.name):
        image = image_file(scan)
        (folder / "train_images" / f"{scan.name}{image.suffix}").write_bytes(image.content)
        page = named(fitted(scan.page, image.size, odd), odd)
        ordered = page[:]
        boxes = whole(ordered.boxes, image.size).tolist()
        labels = (
            " ".join(["_".join(map(codepoint, text)), *map(str, box)])
            for text, box in zip(ordered.best.tolist(), boxes, strict=True)
        )
        rows.writerow([scan.name, " ".join(labels)])
        told(1)
    write_text(folder / "train.csv", table.getvalue())
