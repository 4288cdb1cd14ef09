"""TEI P5: the places in `facsimile`, the text in reading order in `text`, each pointing to the other by `facs`.

A line is a zone that holds a zone for each of its characters; the `cert` of such a zone is the probability that there
is a character.  In the text a certain character is a `c`, an uncertain one `unclear` with its `cert`, one with several
candidates a `choice` of these, and one that nobody named a `gap`.  Lines begin with `lb`; notes and ruby are `seg`.
"""

from collections.abc import Sequence
from typing import Any

from lxml import etree

from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.formats.xml import (
    Element,
    Names,
    add,
    children,
    direction_of,
    find,
    number,
    order_of,
    parse,
    points_of,
    points_text,
    role_of,
    settings_of,
    settings_text,
    text_of,
    value,
)
from kuzushiji.document.page import Direction, ImageRef, Page, Step
from kuzushiji.version import __version__

NAMESPACE = "http://www.tei-c.org/ns/1.0"
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_STYLES: dict[Direction, str] = {
    "vertical-rl": "writing-mode: vertical-rl",
    "horizontal-lr": "writing-mode: horizontal-tb",
    "horizontal-rl": "writing-mode: horizontal-tb; direction: rtl",
}


def knows(content: bytes) -> bool:
    """Whether these are the bytes of TEI."""
    return NAMESPACE.encode() in content[:4000]


def write(page: Page) -> str:
    """The text of its file.

    Raises:
        DataError: a name can't stand in XML.
    """
    lines, others = lines_of(page)
    root = etree.Element(f"{{{NAMESPACE}}}TEI", nsmap={None: NAMESPACE})
    _header(root, page)
    width, height = page.image.size or (None, None)
    corner = {} if width is None else {"ulx": 0, "uly": 0, "lrx": width, "lry": height}
    surface = add(add(root, "facsimile"), "surface", **corner)
    pixels = {} if width is None else {"width": f"{width}px", "height": f"{height}px"}
    graphic = add(surface, "graphic", url=page.image.name, **pixels)
    if page.image.sha256 is not None:
        add(graphic, "desc", page.image.sha256, type="sha256")
    for line in lines:
        zone = add(surface, "zone", xml_id=line.id, type=line.role, points=points_text(line.polygon))
        _zones(zone, line.parts)
    _zones(surface, others)

    text = add(root, "text", type=page.status, style=_STYLES[page.direction])
    block = add(add(text, "body"), "ab")
    parts = [part for line in lines for part in line.parts] + others
    of_line = page.characters.line.tolist()
    before: int | None = None
    place = block
    for part in page.order.tolist():
        line = of_line[part]
        if line != before:
            place = _begin(block, lines[line] if line >= 0 else None)
        _write(place, parts[part])
        before = line
    return text_of(root)


def _begin(block: Element, line: LineParts | None) -> Element:
    """Where the characters of a line go."""
    if line is not None and line.role in ("note", "ruby", "neighbour"):
        return add(block, "seg", type=line.role, facs=f"#{line.id}")
    add(block, "lb", facs=None if line is None else f"#{line.id}")
    return block


def _zones(parent: Element, parts: Sequence[Part]) -> None:
    for part in parts:
        add(parent, "zone", xml_id=part.id, type="character", cert=part.found, points=points_text(part.polygon))


def _write(place: Element, part: Part) -> None:
    facs = f"#{part.id}"
    if not part.candidates:
        add(place, "gap", reason="illegible", facs=facs)
    elif len(part.candidates) > 1:
        choice = add(place, "choice", facs=facs)
        for name, probability in part.candidates:
            add(choice, "unclear", name, cert=probability)
    elif part.candidates[0][1] == 1:
        add(place, "c", part.text, facs=facs)
    else:
        add(place, "unclear", part.text, facs=facs, cert=part.candidates[0][1])


def _header(root: Element, page: Page) -> None:
    header = add(root, "teiHeader")
    file = add(header, "fileDesc")
    add(add(file, "titleStmt"), "title", page.image.stem)
    add(add(file, "publicationStmt"), "p", "A transcription of one page.")
    add(add(file, "sourceDesc"), "p", page.image.name)
    if page.steps:
        applications = add(add(header, "encodingDesc"), "appInfo")
        for step in page.steps:
            application = add(applications, "application", ident="kuzushiji", version=__version__)
            add(application, "label", step.model)
            add(application, "desc", step.version, type="version")
            add(application, "desc", settings_text(step), type="settings")


def read(content: bytes) -> Page:
    """The page that `write` wrote, or another whose characters have zones.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    root = parse(content)
    surface, text = find(root, "facsimile/surface"), find(root, "text")
    graphic = find(surface, "graphic")
    names = Names(element.get(_ID) for element in root.iter() if element.get(_ID))
    said: dict[str, list[tuple[str, float]]] = {}
    for element in text.iter("{*}c", "{*}unclear", "{*}choice", "{*}gap"):
        if element.get("facs"):
            said[value(element, "facs").removeprefix("#")] = _candidates(element)
    lines: list[LineParts] = []
    others: list[Part] = []
    for zone in children(surface, "zone"):
        kind = zone.get("type", "main")
        if kind == "character":
            others.append(_part(zone, said))
            continue
        parts = [_part(each, said) for each in children(zone, "zone")]
        lines.append(LineParts(zone.get(_ID) or names.new("l"), role_of(kind), points_of(value(zone, "points")), parts))
    width, height = surface.get("lrx"), surface.get("lry")
    digest = graphic.find("{*}desc[@type='sha256']")
    return page_of(
        ImageRef(
            value(graphic, "url"),
            None if digest is None else digest.text,
            (round(number(width)), round(number(height))) if width and height else None,
        ),
        lines,
        others,
        order_of(list(said), lines, others),
        direction_of(text.get("style"), _STYLES),
        [_step(each) for each in root.iterfind("{*}teiHeader/{*}encodingDesc/{*}appInfo/{*}application")],
        "corrected" if text.get("type") == "corrected" else "read",
    )


def _part(zone: Element, said: dict[str, list[tuple[str, float]]]) -> Part:
    id = value(zone, _ID)
    return Part(id, points_of(value(zone, "points")), number(zone.get("cert", "1")), said.get(id, []))


def _candidates(element: Element) -> list[tuple[str, float]]:
    readings: Any = children(element, "unclear") or [element]
    return [(each.text, number(each.get("cert", "1"))) for each in readings if each.text]


def _step(application: Element) -> Step:
    texts = {each.get("type"): each.text or "" for each in children(application, "desc")}
    label = application.findtext("{*}label") or ""
    return Step(label, texts.get("version", ""), settings_of(texts.get("settings")))
