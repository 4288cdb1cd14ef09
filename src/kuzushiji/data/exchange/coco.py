"""Boxes as COCO has them: `annotations.json` beside `images`, in a folder for each split; a category is a character.

A character with no upright box has its four corners as `segmentation`; of any other outline its box counts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
)
from kuzushiji.document.geometry import boxes_of, polygons_of
from kuzushiji.document.page import Characters, ImageRef, Page
from kuzushiji.errors import DataError
from kuzushiji.files import write_text
from kuzushiji.records import from_plain, parse_json

FILE = "annotations.json"
_FURTHEST = 2**24
"""Pixels that nothing is away from its page."""
_KEYS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class _Image:
    id: int
    file_name: str


@dataclass(frozen=True)
class _Category:
    id: int
    name: str


@dataclass(frozen=True)
class _Annotation:
    image_id: int
    category_id: int
    bbox: tuple[float, ...]
    iscrowd: int = 0
    segmentation: Any = None


@dataclass(frozen=True)
class _File:
    images: tuple[_Image, ...]
    annotations: tuple[_Annotation, ...]
    categories: tuple[_Category, ...]


def knows(source: Path) -> bool:
    """Whether this is a file of COCO's, or a folder with one."""
    return any(_is_coco(path) for path in _tables(source))


def read(source: Path, odd: Odd) -> list[Scan]:
    """The pages of a file, or of all such files in a folder; the images lie beside it or in folders there.

    Raises:
        DataError: a file is damaged or contradicts itself, or no image is there.
    """
    images = Images(source if source.is_dir() else source.parent)
    scans = [scan for path in _tables(source) if _is_coco(path) for scan in _scans(path, source, images, odd)]
    if not scans:
        raise DataError(f"{source} has no page whose image is there; expected the images beside it, or in images/")
    return scans


def _tables(source: Path) -> list[Path]:
    return files_below(source, (".json",)) if source.is_dir() else [source] if source.suffix.lower() == ".json" else []


def _is_coco(path: Path) -> bool:
    """Whether a file looks like one of COCO's, which may be damaged: told from its beginning and its end."""
    try:
        with path.open("rb") as file:
            beginning = file.read(2**16)
            file.seek(max(0, path.stat().st_size - 2**16))
            ends = beginning + file.read()
    except OSError:
        return False
    return beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and any(
        f'"{key}"'.encode() in ends for key in ("annotations", "categories")
    )


def _scans(path: Path, source: Path, images: Images, odd: Odd) -> list[Scan]:
    try:
        file = from_plain(_values(path), _File, tolerant=True)
        category = {each.id: character_of(each.name) for each in file.categories}
        of_image: dict[int, list[_Annotation]] = {each.id: [] for each in file.images}
        if len(of_image) < len(file.images):
            raise DataError("has two images with one id")
        for number, each in enumerate(file.annotations):
            if each.image_id not in of_image:
                raise DataError(f"annotations[{number}] is of image {each.image_id}, which is not listed")
            if each.category_id not in category:
                raise DataError(f"annotations[{number}] has the category {each.category_id}, which is not listed")
            if len(each.bbox) != 4 or not all(map(_is_pixels, each.bbox)):
                raise DataError(f"annotations[{number}] has the bbox {list(each.bbox)}; expected x, y, width, height")
            if each.iscrowd:
                odd.add("regions of many (iscrowd), left out", f"annotations[{number}] of {path}")
            elif min(each.bbox[2:]) <= 0:
                odd.add("boxes without width or height, left out", f"annotations[{number}] of {path}")
            else:
                of_image[each.image_id].append(each)
    except DataError as error:
        raise DataError(f"{path} {error}") from None
    scans = []
    split = split_in(path.relative_to(source).parts) if path != source else split_in([path.name])
    for image in file.images:
        found = images.of(image.file_name, path)
        if found is None:
            odd.add("pages without an image, left out", f"{image.file_name} of {path}")
            continue
        page = _page(found, of_image[image.id], category)
        scans.append(Scan(page, content_of(found), split or split_in(found.relative_to(path.parent).parts[:-1])))
    return scans


def _values(path: Path) -> Any:
    try:
        values = parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"is damaged JSON ({error})") from None
    if not isinstance(values, dict) or not set(_KEYS) <= set(values):
        raise DataError(f"is no file of COCO's; expected JSON with {', '.join(_KEYS)}")
    return values


def _page(image: Path, annotations: Sequence[_Annotation], category: Mapping[int, str]) -> Page:
    polygons = polygons_of([each.bbox for each in annotations])
    for number, each in enumerate(annotations):
        corners = _corners(each.segmentation)
        if corners is not None:
            polygons[number] = corners
    names = [[category[each.category_id]] for each in annotations]
    return Page(ImageRef(image.name), Characters(polygons, names), status="corrected")  # type: ignore[arg-type]


def _corners(segmentation: Any) -> list[list[float]] | None:
    """Four corners, where an outline is one polygon of these; None of any other, and of run lengths."""
    if not isinstance(segmentation, list) or len(segmentation) != 1:
        return None
    (points,) = segmentation
    if not isinstance(points, list) or len(points) != 8:
        return None
    if not all(isinstance(each, int | float) and _is_pixels(each) for each in points):
        return None
    return [points[place : place + 2] for place in range(0, 8, 2)]


def _is_pixels(value: float) -> bool:
    return abs(value) < _FURTHEST  # which no NaN is


def write(folder: Path, splits: Mapping[str, Sequence[Scan]], odd: Odd, told: Told) -> None:
    """Writes a folder for each split, with the same categories in all."""
    number = numbered(scan.page for scans in splits.values() for scan in scans)
    categories = [{"id": id, "name": name, "supercategory": "character"} for name, id in number.items()]
    for split, scans in splits.items():
        (folder / split / "images").mkdir(parents=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for scan in scans:
            file = image_file(scan)
            name = f"{scan.name}{file.suffix}"
            (folder / split / "images" / name).write_bytes(file.content)
            width, height = file.size
            images.append({"id": len(images) + 1, "file_name": name, "width": width, "height": height})
            for character in fitted(scan.page, file.size, odd):
                box = [float(f"{each:.3f}") for each in boxes_of([character.polygon])[0].tolist()]
                corners = [float(f"{each:.3f}") for each in character.polygon.ravel().tolist()]
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": len(images),
                        "category_id": number[character.text or UNNAMED],
                        "bbox": box,
                        "area": round(box[2] * box[3], 3),
                        "iscrowd": 0,
                        "segmentation": [corners],
                    }
                )
            told(1)
        values = {"images": images, "annotations": annotations, "categories": categories}
        write_text(folder / split / FILE, json.dumps(values, ensure_ascii=False))
