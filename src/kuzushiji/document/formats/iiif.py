"""A page as IIIF annotations (Presentation 3): a TextualBody for each line and for each character.

Viewers show them; they have no place for candidates and probabilities, of which only the answers come back.
"""

import json
import re
from typing import Any

from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.formats.xml import box_text, points_of, points_text
from kuzushiji.document.page import ImageRef, Page
from kuzushiji.errors import DataError
from kuzushiji.records import parse_json

_CONTEXT = [
    "http://iiif.io/api/extension/text-granularity/context.json",
    "http://iiif.io/api/presentation/3/context.json",
]
_ROLE = "kuzushiji:"


def knows(content: bytes) -> bool:
    """Whether these are the bytes of an annotation page."""
    return b'"AnnotationPage"' in content[:4000]


def write(page: Page) -> str:
    """The text of its file; the target of the annotations is the name of the image."""
    lines, others = lines_of(page)
    parts = [part for line in lines for part in line.parts] + others
    of_part = {part.id: line for line in lines for part in line.parts}
    width, height = page.image.size or (None, None)
    items = [_line(page, line) for line in lines]
    for part in (parts[number] for number in page.order.tolist()):
        id = f"{of_part[part.id].id}/{part.id}" if part.id in of_part else part.id
        items.append(_annotation(page, id, "glyph", part.text, part.polygon))
    return json.dumps(
        {
            "@context": _CONTEXT,
            "id": f"{page.image.stem}/annotations",
            "type": "AnnotationPage",
            "summary": {"none": [f"{page.image.name}" + (f" {width}x{height}" if width else "")]},
            "items": items,
        },
        ensure_ascii=False,
        indent=1,
    )


def _line(page: Page, line: LineParts) -> dict[str, Any]:
    text = "".join(part.text for part in line.parts)
    return _annotation(page, line.id, "line", text, line.polygon) | {"label": {"none": [f"{_ROLE}{line.role}"]}}


def _annotation(page: Page, id: str, granularity: str, text: str, polygon: Any) -> dict[str, Any]:
    shape = f"<svg xmlns='http://www.w3.org/2000/svg'><polygon points='{points_text(polygon)}'/></svg>"
    return {
        "id": f"{page.image.stem}/annotations#{id}",
        "type": "Annotation",
        "motivation": "supplementing",
        "textGranularity": granularity,
        "body": {"type": "TextualBody", "value": text, "format": "text/plain", "language": "ja"},
        "target": {
            "type": "SpecificResource",
            "source": page.image.name,
            "selector": [
                {"type": "FragmentSelector", "value": f"xywh={','.join(box_text(polygon))}"},
                {"type": "SvgSelector", "value": shape},
            ],
        },
    }


def read(content: bytes) -> Page:
    """The page that `write` wrote: lines, characters with their answers, and the order.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    try:
        page = parse_json(content)
        lines: dict[str, LineParts] = {}
        others: list[Part] = []
        order: list[str] = []
        for item in page["items"]:
            id = item["id"].rpartition("#")[2]
            shape = next(each["value"] for each in item["target"]["selector"] if each["type"] == "SvgSelector")
            polygon = points_of(re.findall(r"points='([^']*)'", shape)[0])
            owner, _, own = id.rpartition("/")
            if item["textGranularity"] == "line":
                lines[id] = LineParts(id, item["label"]["none"][0].removeprefix(_ROLE), polygon, [])
                continue
            if not isinstance(text := item["body"]["value"], str):
                raise TypeError(f"{text!r:.40} is no text")
            part = Part(own, polygon, 1, [(text, 1)] if text else [])
            (lines[owner].parts if owner else others).append(part)  # type: ignore[attr-defined]
            order.append(own)
        name, _, size = page["summary"]["none"][0].rpartition(" ")
        match = re.fullmatch(r"(\d+)x(\d+)", size)
        image = ImageRef(name, None, (int(match[1]), int(match[2]))) if match else ImageRef(f"{name} {size}".strip())
    except ValueError as error:
        raise DataError(f"is damaged JSON ({error})") from None
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration) as error:
        raise DataError(f"is no annotation page of kuzushiji ({error!r})") from None
    ids = [part.id for line in lines.values() for part in line.parts] + [part.id for part in others]
    places = {id: place for place, id in enumerate(ids)}
    return page_of(image, list(lines.values()), others, [places[id] for id in order])
