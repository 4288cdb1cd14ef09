"""PAGE XML, 2019-07-15: a Glyph each character, a TextLine each line, an ImageRegion each picture.

What PAGE has no place for stands in `custom`, in the way of Transkribus: `structure {type:ruby;}` for roles,
`readingOrder {index:3;}` for characters that are not read as they stand, `polygon {points:...;}` for corners that are
no whole numbers, `language {changed:true;}` for answers that are a language model's.  Files of other programs are read
too; characters of which only the line is known share its box.
"""

import re
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.formats.xml import (
    Element,
    Names,
    Points,
    add,
    baseline,
    children,
    direction_of,
    find,
    number,
    parse,
    points_of,
    points_text,
    role_of,
    settings_of,
    settings_text,
    spread,
    text_of,
    value,
)
from kuzushiji.document.geometry import box_around
from kuzushiji.document.page import Direction, ImageRef, Page, Step
from kuzushiji.version import __version__

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_ANY = b"http://schema.primaresearch.org/PAGE/gts/pagecontent/"

_DIRECTIONS: dict[Direction, tuple[str, str]] = {
    "vertical-rl": ("top-to-bottom", "right-to-left"),
    "horizontal-lr": ("left-to-right", "top-to-bottom"),
    "horizontal-rl": ("right-to-left", "top-to-bottom"),
}
"""How characters follow each other in a line, and lines on the page."""
_NO_LINE = "none"
"""The type of the line that holds the characters of no line."""


def knows(content: bytes) -> bool:
    """Whether these are the bytes of PAGE XML."""
    return _ANY in content[:4000]


def write(page: Page) -> str:
    """The text of its file.

    Raises:
        DataError: a name can't stand in XML.
    """
    names = Names.of(page)
    lines, others = lines_of(page)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    root = etree.Element(f"{{{NAMESPACE}}}PcGts", nsmap={None: NAMESPACE})
    metadata = add(root, "Metadata")
    for name, text in (("Creator", f"kuzushiji {__version__}"), ("Created", now), ("LastChange", now)):
        add(metadata, name, text)
    for step in page.steps:
        item = add(metadata, "MetadataItem", type="processingStep", name=step.model, value=step.version)
        add(add(item, "Labels"), "Label", type="settings", value=settings_text(step))

    corners = [point for line in lines for point in line.polygon] + [p for part in others for p in part.polygon]
    width, height = page.image.size or (max((round(each[axis]) for each in corners), default=0) for axis in (0, 1))
    known = {"status": page.status, "sha256": page.image.sha256, "size": None if page.image.size else "unknown"}
    reading, following = _DIRECTIONS[page.direction]
    sheet = add(
        root,
        "Page",
        imageFilename=page.image.name,
        imageWidth=max(0, width),
        imageHeight=max(0, height),
        custom=_custom(kuzushiji=known),
        readingDirection=reading,
        textLineOrder=following,
    )
    is_read_as_it_stands = bool((page.order[1:] > page.order[:-1]).all())
    place = {} if is_read_as_it_stands else {page.characters.ids[n]: at for at, n in enumerate(page.order.tolist())}
    region = None
    for line in lines:
        if line.role == "figure" and not line.parts:
            region = None
            _coords(add(sheet, "ImageRegion", id=line.id, custom=_exact(line.polygon)), line.polygon)
            continue
        if region is None:
            region = add(sheet, "TextRegion", id=names.new("region"))
            _coords(region, box_around(line.polygon).tolist())
        _line(region, line.id, line.polygon, line.parts, line.role, page.direction, place, names)
    if others:
        around = box_around([part.polygon for part in others]).tolist()
        region = add(sheet, "TextRegion", id=names.new("region"))
        _coords(region, around)
        _line(region, names.new("others"), around, others, _NO_LINE, page.direction, place, names)
    return text_of(root)


def _line(
    region: Element,
    id: str,
    polygon: Any,
    parts: Any,
    role: str,
    direction: Direction,
    place: dict[str, int],
    names: Names,
) -> None:
    line = add(region, "TextLine", id=id, custom=_custom(structure={"type": role}) + _exact(polygon))
    _coords(line, polygon)
    add(line, "Baseline", points=_whole(baseline(polygon, direction)))
    if parts:
        word = add(line, "Word", id=names.new("word"))
        _coords(word, box_around([part.polygon for part in parts]).tolist())
        for part in parts:
            order = _custom(readingOrder={"index": place[part.id]}) if place else ""
            language = _custom(language={"changed": "true"}) if part.changed else ""
            glyph = add(word, "Glyph", id=part.id, custom=order + language + _exact(part.polygon) or None)
            _coords(glyph, part.polygon, part.found)
            for index, (character, probability) in enumerate(part.candidates):
                add(add(glyph, "TextEquiv", index=index, conf=probability), "Unicode", character)
    add(add(line, "TextEquiv"), "Unicode", "".join(part.text for part in parts))


def read(content: bytes) -> Page:
    """The page of a file.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    root = parse(content)
    sheet = find(root, "Page")
    known = _known(sheet).get("kuzushiji", {})
    direction = direction_of(
        sheet.get("readingDirection"), {name: reading for name, (reading, _) in _DIRECTIONS.items()}
    )
    names = Names(element.get("id") for element in sheet.iter() if element.get("id"))
    lines: list[LineParts] = []
    others: list[Part] = []
    places: dict[str, int] = {}
    for region in _regions(sheet):
        if etree.QName(region).localname == "ImageRegion":
            lines.append(LineParts(value(region, "id"), "figure", _polygon(region), []))
            continue
        for element in children(region, "TextLine"):
            kind = _known(element).get("structure", {}).get("type", "main")
            parts = _parts(element, direction, names, places)
            if kind == _NO_LINE:
                others += parts
            else:
                lines.append(LineParts(value(element, "id"), role_of(kind), _polygon(element), parts))
    ids = [part.id for line in lines for part in line.parts] + [part.id for part in others]
    is_ordered = set(places) == set(ids)
    size = int(number(value(sheet, "imageWidth"))), int(number(value(sheet, "imageHeight")))
    return page_of(
        ImageRef(value(sheet, "imageFilename"), known.get("sha256"), size if "size" not in known else None),
        lines,
        others,
        sorted(range(len(ids)), key=lambda each: places[ids[each]]) if is_ordered else None,
        direction,
        [_step(item) for item in root.iterfind("{*}Metadata/{*}MetadataItem") if item.get("type") == "processingStep"],
        "corrected" if known.get("status") == "corrected" else "read",
    )


def _regions(sheet: Element) -> list[Element]:
    """Regions of text and pictures, nested ones too, in the order of ReadingOrder if there is one."""
    found = [*sheet.iter("{*}TextRegion", "{*}ImageRegion", "{*}GraphicRegion")]
    found = [each for each in found if etree.QName(each).localname != "GraphicRegion" or children(each, "TextLine")]
    place = {
        element.get("regionRef"): int(number(element.get("index", "0")))
        for element in sheet.iterfind("{*}ReadingOrder//{*}RegionRefIndexed")
    }
    return sorted(found, key=lambda each: place.get(each.get("id"), len(place)))


def _parts(line: Element, direction: Direction, names: Names, places: dict[str, int]) -> list[Part]:
    glyphs = line.findall("{*}Word/{*}Glyph")
    if not glyphs:
        text, conf = _text(line)
        if not text:
            words = [_text(word) for word in children(line, "Word")]
            text, conf = "".join(word for word, _ in words), min((conf for _, conf in words), default=1.0)
        return spread(text, _polygon(line), direction, conf, names)
    parts = []
    for glyph in glyphs:
        known = _known(glyph)
        index = known.get("readingOrder", {}).get("index")
        if index is not None:
            places[value(glyph, "id")] = int(number(index))
        candidates = [(find(each, "Unicode").text or "", number(each.get("conf", "1"))) for each in _equivalents(glyph)]
        found = number(find(glyph, "Coords").get("conf", "1"))
        changed = known.get("language", {}).get("changed") == "true"
        parts.append(
            Part(value(glyph, "id"), _polygon(glyph), found, [each for each in candidates if each[0]], changed)
        )
    return parts


def _equivalents(element: Element) -> list[Element]:
    return sorted(children(element, "TextEquiv"), key=lambda each: number(each.get("index", "0")))


def _text(element: Element) -> tuple[str, float]:
    """The best text of a line or word, without blanks, and its confidence."""
    for each in _equivalents(element):
        return "".join((find(each, "Unicode").text or "").split()), number(each.get("conf", "1"))
    return "", 1.0


def _step(item: Element) -> Step:
    labels = item.findall("{*}Labels/{*}Label")
    settings = next((each.get("value") for each in labels if each.get("type") == "settings"), None)
    return Step(item.get("name", ""), item.get("value", ""), settings_of(settings))


# Coordinates and `custom`


def _coords(element: Element, polygon: Any, conf: Any = None) -> None:
    add(element, "Coords", points=_whole(polygon), conf=conf)


def _whole(polygon: Any) -> str:
    """Points as PAGE has them: whole numbers that are not negative."""
    return points_text([[max(0, round(each)) for each in point] for point in polygon])


def _exact(polygon: Any) -> str:
    """What `custom` says of a polygon; nothing if `_whole` says it all."""
    text = points_text(polygon)
    return "" if text == _whole(polygon) else _custom(polygon={"points": text})


def _polygon(element: Element) -> Points:
    exact = _known(element).get("polygon", {}).get("points")
    return points_of(exact or value(find(element, "Coords"), "points"))


def _custom(**facts: dict[str, Any]) -> str:
    return "".join(
        f"{name} {{{' '.join(f'{key}:{text};' for key, text in values.items() if text is not None)}}} "
        for name, values in facts.items()
    )


def _known(element: Element) -> dict[str, dict[str, str]]:
    """What `custom` says."""
    found = {}
    for name, values in re.findall(r"(\w+)\s*\{([^}]*)\}", element.get("custom", "")):
        pairs = (each.partition(":") for each in values.split(";") if ":" in each)
        found[name] = {key.strip(): text.strip() for key, _, text in pairs}
    return found
