"""Boxes as YOLO has them: a folder for each split with `images` and `labels`, and `data.yaml`, which names the classes.

A line of a label file is a class and middle x and y, width and height, as shares of the image; or a class and the
corners of an outline, of which four are those of the character, and of more the box counts.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.exchange.names import UNNAMED, character_of, numbered
from kuzushiji.data.exchange.scans import (
    Images,
    Odd,
    Scan,
    Told,
    content_of,
    files_below,
    fitted,
    image_file,
    split_in,
    text_in,
)
from kuzushiji.document.geometry import boxes_of, polygons_of
from kuzushiji.document.page import Characters, ImageRef, Page
from kuzushiji.errors import DataError
from kuzushiji.extras import check_extras
from kuzushiji.files import write_text
from kuzushiji.imaging.read import read_pixels

_NAMES = ("classes.txt", "obj.names")
_YAML = (".yaml", ".yml")
_LARGEST = 2**20
"""Bytes of a YAML file, which takes seconds to read: the names of 4,787 classes take 100,000."""
_MOST = 1.5
"""A share above that is a number of pixels."""


def knows(source: Path) -> bool:
    """Whether a folder holds labels beside names of classes."""
    if not source.is_dir():
        return False
    return any(path.name in _NAMES or _is_description(path) for path in source.iterdir())


def _is_description(path: Path) -> bool:
    try:
        return path.suffix.lower() in _YAML and path.is_file() and b"names" in path.read_bytes()[: 2**20]
    except OSError:
        return False


def read(source: Path, odd: Odd) -> list[Scan]:
    """The pages of a folder; those without a file of labels have no character, as YOLO takes them.

    Raises:
        DataError: the names of the classes or the labels are damaged, or no image is there.
        KuzushijiError: PyYAML is not installed, and nothing but a YAML file names the classes.
    """
    names = _names(source)
    labels = {path: path for path in files_below(source, (".txt",)) if path.name not in _NAMES}
    scans = []
    for image in Images(source):
        inside = image.relative_to(source)
        found = next((labels.pop(path) for path in _places(source, inside) if path in labels), None)
        page = _page(image, _rows(found, names, odd) if found else [])
        scans.append(Scan(page, content_of(image), split_in(inside.parts[:-1])))
    if not scans:
        raise DataError(f"{source} has no image; expected images/ beside labels/")
    if all(not len(scan.page) for scan in scans):
        raise DataError(f"{source} has no labels; expected labels/NAME.txt for images/NAME.jpg")
    for path in labels:
        if "labels" in path.parts:
            odd.add("files of labels without an image, left out", str(path))
    return scans


def _places(source: Path, image: Path) -> list[Path]:
    """Where the labels of an image may be: in `labels` in the place of `images`, or beside it."""
    places = [image]
    for number, part in enumerate(image.parts[:-1]):
        if part.casefold() == "images":
            places.insert(0, Path(*image.parts[:number], "labels", *image.parts[number + 1 :]))
    return [source / each.with_suffix(".txt") for each in places]


def _names(source: Path) -> list[str]:
    """The character of each class, by its number."""
    for name in _NAMES:
        path = source / name
        if path.exists():
            lines = text_in(path).split("\n")
            return _characters(path, [line for line in lines if line.strip()])
    (path, *_) = sorted(path for path in source.iterdir() if _is_description(path))
    check_extras("yolo")
    import yaml

    if (size := path.stat().st_size) > _LARGEST:
        raise DataError(f"{path} has {size:,} bytes; names of classes take {_LARGEST:,} at most")
    try:
        values = yaml.safe_load(text_in(path))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: of a day such as 2026-13-99
        raise DataError(f"{path} is damaged YAML ({' '.join(str(error).split())})") from None
    names = values.get("names") if isinstance(values, dict) else None
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise DataError(f"{path} has names of the classes {list(names)[:5]} ...; expected 0, 1, 2 and so on")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str | int) for name in names):
        raise DataError(f"{path} names no classes; expected `names:` with a list")
    return _characters(path, names)


def _characters(path: Path, names: Sequence[Any]) -> list[str]:
    try:
        return [character_of(str(name)) for name in names]
    except DataError as error:
        raise DataError(f"{path} {error}") from None


_Row = tuple[str, NDArray[np.float64]]
"""A character and its corners (n, 2), as shares of the image."""


def _rows(path: Path, names: Sequence[str], odd: Odd) -> list[_Row]:
    rows = []
    for number, line in enumerate(text_in(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            label, *values = map(float, line.split())
        except ValueError:
            raise DataError(f"{path}, line {number}: {line[:60]!r} is no row of numbers") from None
        if not label.is_integer() or not 0 <= label < len(names):
            raise DataError(
                f"{path}, line {number}: class {label:g}; the {len(names)} classes are 0 to {len(names) - 1}"
            )
        if len(values) < 4 or (len(values) > 5 and len(values) % 2):
            raise DataError(
                f"{path}, line {number}: {1 + len(values)} numbers; expected a class and x, y, width and height, or a "
                "class and corners"
            )
        if not all(math.isfinite(each) and abs(each) <= _MOST for each in values):
            raise DataError(f"{path}, line {number}: {line[:60]!r}; expected shares of the image, 0 to 1, not pixels")
        corners = _corners(values)
        if (np.ptp(corners, axis=0) > 0).all():
            rows.append((names[int(label)], corners))
        else:
            odd.add("boxes without width or height, left out", f"{path}, line {number}")
    return rows


def _corners(values: Sequence[float]) -> NDArray[np.float64]:
    """Four corners, of a box or an outline."""
    if len(values) <= 5:  # the fifth is how sure a network was
        x, y, width, height = values[:4]
        return polygons_of([[x - width / 2, y - height / 2, max(0, width), max(0, height)]])[0].astype(np.float64)
    corners = np.array(values).reshape(-1, 2)
    return corners if len(corners) == 4 else polygons_of(boxes_of(corners[None]))[0].astype(np.float64)


def _page(image: Path, rows: Sequence[_Row]) -> Page:
    size = (1, 1)
    if rows:
        try:
            size = read_pixels(content_of(image)()).shape[1::-1]
        except DataError as error:
            raise DataError(f"{image} {error}") from None
    polygons = np.array([corners for _, corners in rows]).reshape(-1, 4, 2) * size
    names = [[name] for name, _ in rows]
    return Page(ImageRef(image.name), Characters(polygons, names), status="corrected")  # type: ignore[arg-type]


def write(folder: Path, splits: Mapping[str, Sequence[Scan]], odd: Odd, told: Told) -> None:
    """Writes a folder for each split and `data.yaml`; what is not divided validates on the training images."""
    number = numbered((scan.page for scans in splits.values() for scan in scans), first=0)
    for split, scans in splits.items():
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for scan in scans:
            file = image_file(scan)
            (folder / split / "images" / f"{scan.name}{file.suffix}").write_bytes(file.content)
            characters = fitted(scan.page, file.size, odd)[:]
            boxes = characters.boxes / np.array([*file.size, *file.size])
            middles = np.hstack([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]]).tolist()
            rows = (
                f"{number[text or UNNAMED]} {' '.join(f'{value:.7f}' for value in row)}\n"
                for text, row in zip(characters.best.tolist(), middles, strict=True)
            )
            write_text(folder / split / "labels" / f"{scan.name}.txt", "".join(rows))
            told(1)
    write_text(folder / "data.yaml", _description(list(splits), list(number)))


def _description(splits: Sequence[str], names: Sequence[str]) -> str:
    """The text of `data.yaml`; a text of JSON is one of YAML."""
    validation = next((split for split in ("validation", "test", "train") if split in splits), splits[0])
    places = {"train": "train" if "train" in splits else splits[0], "val": validation}
    places |= {"test": "test"} if "test" in splits else {}
    lines = [f"{key}: {split}/images" for key, split in places.items()]
    lines += ["names:", *(f"  {number}: {json.dumps(name, ensure_ascii=False)}" for number, name in enumerate(names))]
    return "\n".join(lines) + "\n"
