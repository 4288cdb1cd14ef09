"""Manifests of IIIF -> the addresses of their images: Presentation 2 and 3, and descriptions of single images.

What libraries publish keeps to the standard more or less: a list where one thing is expected, one thing in place of a
list, services without a type.  What is meant is taken; what is no manifest is said to be none.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from kuzushiji.data.files.names import SUFFIXES
from kuzushiji.errors import DataError

MOST_CANVASES = 20_000
_LONGEST = 10**9
"""Pixels that no side has."""
_MOST_PIXELS = 2**26
"""A page of more is asked for smaller: A3 at 600 dots an inch has 70 million, and can be read at half of that."""
_WHOLE = re.compile(r"/full/(full|max)/0/(default|native)\.\w+")
_REQUEST = re.compile(
    r"/(full|square|(pct:)?[\d.]+(,[\d.]+){3})/[^/]+/!?[\d.]+/(default|native|color|gray|bitonal)\.\w+"
)
"""The end of an address of the Image API, with which an image is asked for."""
_NAMELESS = ("manifest", "manifest.json", "info.json", "")


@dataclass(frozen=True)
class CanvasImage:
    """The image of a page.

    Attributes:
        number: of its canvas, counted from 1.
        addresses: where it can be had as large as it is, the best first; none if its canvas shows no image.
    """

    number: int
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """A book.

    Attributes:
        name: what its address calls it, such as `2537625`.
        images: of its canvases, one each, in order.
    """

    name: str
    images: tuple[CanvasImage, ...]


def read_manifest(content: bytes, address: str = "") -> Manifest:
    """Reads a manifest, or the `info.json` of an image.

    Args:
        content: of its file.
        address: where it comes from, to which its links may be relative; empty if that is not known.

    Raises:
        DataError: it is neither; the message goes on from what the caller calls it.
    """
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no IIIF manifest, for it is no whole JSON ({error})") from None
    if not isinstance(whole, dict):
        raise DataError("is no IIIF manifest, for it is JSON without names")
    own = _id(whole) or address
    if _is_image(whole):
        service = whole if _id(whole) else whole | {"id": urljoin(address, ".").rstrip("/")}
        return Manifest(name_of(own), (CanvasImage(1, tuple(_distinct(address, _asked_of(service, whole)))),))
    if str(whole.get("type") or whole.get("@type")).endswith("Collection"):
        raise DataError(_of_collection(whole))
    canvases = _dicts(whole.get("items")) or [
        canvas for sequence in _dicts(whole.get("sequences"))[:1] for canvas in _dicts(sequence.get("canvases"))
    ]
    if not canvases:
        raise DataError("is no IIIF manifest: no canvases are in its `items` (version 3) or `sequences` (version 2)")
    if len(canvases) > MOST_CANVASES:
        raise DataError(f"has {len(canvases):,} canvases; the most that is read is {MOST_CANVASES:,}")
    images = [
        CanvasImage(number, tuple(_distinct(address, _addresses(canvas)))) for number, canvas in enumerate(canvases, 1)
    ]
    if not any(each.addresses for each in images):
        raise DataError("is a IIIF manifest none of whose canvases shows an image of the web")
    return Manifest(name_of(own), tuple(images))


def name_of(address: str) -> str:
    """What something is called by its address: `2537625` at `https://dl.ndl.go.jp/api/iiif/2537625/manifest.json`."""
    parts = urlsplit(address)
    place = _REQUEST.sub("", f"{parts.path}/{parts.query}".rstrip("/"))
    names = [name for name in unquote(place).split("/") if name not in _NAMELESS]
    name = names[-1] if names else parts.netloc.partition(":")[0]
    return re.sub(rf"({'|'.join(map(re.escape, SUFFIXES))}|\.pdf|\.json)$", "", name, flags=re.IGNORECASE) or "page"


def _addresses(canvas: dict[str, Any]) -> Iterator[str]:
    """Where the first image on a canvas can be had."""
    for image in _painted(canvas):
        service = next((each for each in _dicts(image.get("service")) if _is_image(each) and _id(each)), None)
        own = _id(image)
        if service is None:
            if own:
                yield own
        else:
            asked = list(_asked_of(service, image))
            if _WHOLE.search(own) and not _is_large(service, image):
                asked.insert(0, own)
            yield from [*asked, *([own] if own else [])]
        return


def _painted(canvas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The images on a canvas; of those among which one may choose, the first."""
    bodies = [annotation.get("resource") for annotation in _dicts(canvas.get("images"))]
    for page in _dicts(canvas.get("items")):
        bodies += [annotation.get("body") for annotation in _dicts(page.get("items"))]
    for body in bodies:
        for _ in range(4):  # a choice of parts of images
            body = body[0] if isinstance(body, list) and body else body
            if not isinstance(body, dict):
                break
            within = body.get("default") or body.get("full") or body.get("source") or body.get("items")
            if within is None:
                break
            body = within
        if isinstance(body, str):
            yield {"id": body}
        elif isinstance(body, dict) and str(body.get("type") or body.get("@type") or "Image").endswith("Image"):
            yield body


def _asked_of(service: dict[str, Any], image: dict[str, Any]) -> Iterator[str]:
    """What to ask an image service for, so that it gives all of an image."""
    facts = f"{service.get('@context')} {service.get('type')} {service.get('@type')} {service.get('profile')}"
    base = _id(service).rstrip("/")
    if re.search(r"image(-api)?/1|ImageService1", facts):
        sizes, quality = ["full"], "native"
    else:
        sizes = ["max"] if re.search("image/3|ImageService3", facts) else ["full", "max"]
        quality = "default"
    if _is_large(service, image):
        width, height = _size(service, image)
        sizes.insert(0, f"{math.floor(width * math.sqrt(_MOST_PIXELS / (width * height)))},")
    yield from (f"{base}/full/{size}/0/{quality}.jpg" for size in sizes)


def _is_large(*described: dict[str, Any]) -> bool:
    return math.prod(_size(*described)) > _MOST_PIXELS


def _size(*described: dict[str, Any]) -> tuple[float, float]:
    """Width and height, by the first that says it; 0 if none does."""
    for each in described:
        width, height = each.get("width"), each.get("height")
        if not (isinstance(width, int | float) and isinstance(height, int | float)):
            continue
        if 0 < width < _LONGEST and 0 < height < _LONGEST:  # which no infinite one is, nor one that is no number
            return width, height
    return 0, 0


def _is_image(service: dict[str, Any]) -> bool:
    """Whether this describes a service of images, and not one of searching or of logging in."""
    if str(service.get("type") or service.get("@type")).startswith("ImageService"):
        return True
    facts = f"{service.get('protocol')} {service.get('@context')} {service.get('profile')}"
    return re.search(r"/api/image|image-api|\blevel[012]\b", facts) is not None


def _of_collection(whole: dict[str, Any]) -> str:
    inside = _dicts(whole.get("items")) or _dicts(whole.get("manifests")) or _dicts(whole.get("members"))
    such = f", such as {_id(inside[0])}" if inside and _id(inside[0]) else ""
    return f"is a IIIF collection of {len(inside):,}; name one of its manifests{such}"


def _distinct(base: str, links: Iterator[str]) -> dict[str, None]:
    """Links as addresses of the web, each once."""
    found: dict[str, None] = {}
    for link in links:
        try:
            address = urljoin(base, link.strip())
            if urlsplit(address).scheme in ("http", "https") and urlsplit(address).netloc:
                found[address] = None
        except ValueError:  # it is none
            continue
    return found


def _id(described: dict[str, Any]) -> str:
    found = described.get("id") or described.get("@id")
    return found if isinstance(found, str) else ""


def _dicts(value: Any) -> list[dict[str, Any]]:
    """What should be a list of objects, and may be one of them alone, or none."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
