"""What the XML formats share: parsing of files that nobody can trust, building, points, settings."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast, get_args

import numpy as np
from lxml import etree

from kuzushiji.document.formats.parts import LineParts, Number, Part
from kuzushiji.document.geometry import boxes_of
from kuzushiji.document.page import Direction, Page, Role, Step
from kuzushiji.errors import DataError
from kuzushiji.records import parse_json

Element = Any  # lxml has no types
Points = list[list[Number]]


def parse(content: bytes) -> Element:
    """The root of an XML file; nothing that it points to is fetched.

    Raises:
        DataError: it is damaged, or declares entities; the message goes on from the name of the file.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DataError(f"is damaged XML ({error})") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and any(True for _ in declared.iterentities()):
        raise DataError("declares entities, as no file of a page needs to")
    return root


def text_of(root: Element) -> str:
    """The file of a root."""
    etree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="unicode") + "\n"


def add(parent: Element, name: str, text: str | None = None, /, **attributes: Any) -> Element:
    """A new child in the namespace of its parent; attributes that are None are left out.

    Raises:
        DataError: XML can't hold a text, such as one with control characters.
    """
    namespace = etree.QName(parent).namespace
    try:
        child = etree.SubElement(parent, f"{{{namespace}}}{name}")
        for key, value in attributes.items():
            if value is not None:
                child.set("{http://www.w3.org/XML/1998/namespace}id" if key == "xml_id" else key, str(value))
        child.text = text
    except ValueError as error:
        raise DataError(f"{name} can't be written as XML: {error}") from None
    return child


def find(parent: Element, path: str) -> Element:
    """The first descendant on a path of names, in whichever namespace.

    Raises:
        DataError: there is none.
    """
    found = parent.find("/".join(f"{{*}}{name}" for name in path.split("/")))
    if found is None:
        raise DataError(f"has no {path} in {etree.QName(parent).localname} in line {parent.sourceline}")
    return found


def children(parent: Element, name: str) -> list[Element]:
    """The children of a name, in whichever namespace."""
    return parent.findall(f"{{*}}{name}")


def value(element: Element, name: str) -> str:
    """An attribute.

    Raises:
        DataError: it is missing.
    """
    found = element.get(name)
    if found is None:
        raise DataError(f"has no {name} in {etree.QName(element).localname} in line {element.sourceline}")
    return found


def number(text: str) -> float:
    """A number.

    Raises:
        DataError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise DataError(f"has {text[:40]!r} where a number is expected") from None


def points_text(polygon: Any) -> str:
    """A polygon as `x,y x,y ...`, in decimals without exponent."""
    return " ".join(",".join(np.format_float_positional(each, trim="-") for each in point) for point in polygon)


def points_of(text: str) -> Points:
    """The polygon that `points_text` wrote; `x y x y` is read too."""
    values = [number(each) for each in re.split(r"[\s,]+", text.strip())]
    return [list(pair) for pair in zip(values[::2], values[1::2], strict=False)]


def box_text(polygon: Any) -> list[str]:
    """Left, top, width and height of the box around a polygon."""
    return [f"{each:g}" for each in boxes_of(np.array([polygon], np.float64))[0].tolist()]


def baseline(polygon: Any, direction: Direction) -> Points:
    """What a line stands on: the middle of a column, the lower edge of a row."""
    left, top, width, height = boxes_of(np.array([polygon], np.float64))[0].tolist()
    if direction == "vertical-rl":
        return [[left + width / 2, top], [left + width / 2, top + height]]
    return [[left, top + height], [left + width, top + height]]


def rectangle(left: float, top: float, width: float, height: float) -> Points:
    """The corners of a box."""
    return [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]


def settings_text(step: Step) -> str:
    return json.dumps(dict(step.settings), ensure_ascii=False)


def settings_of(text: str | None) -> dict[str, Any]:
    try:
        found = parse_json(text or "{}")
    except ValueError:
        found = {"settings": text}  # another program's
    return found if isinstance(found, dict) else {"settings": text}


def spread(text: str, polygon: Points, direction: Direction, found: float, names: "Names") -> list[Part]:
    """Characters of which only the line's place is known, with equal shares of its box."""
    left, top, width, height = boxes_of(np.array([polygon], np.float64))[0].tolist()
    parts = []
    for place, character in enumerate(text):
        start, share = place / len(text), 1 / len(text)
        if direction == "vertical-rl":
            box = left, top + start * height, width, share * height
        else:
            first = start if direction == "horizontal-lr" else 1 - start - share
            box = left + first * width, top, share * width, height
        parts.append(Part(names.new("c"), rectangle(*box), 1.0, [(character, found)]))
    return parts


class Names:
    """Ids that are still free."""

    def __init__(self, taken: Any) -> None:
        self._taken = set(taken)

    @classmethod
    def of(cls, page: Page) -> "Names":
        return cls([*page.characters.ids.tolist(), *(line.id for line in page.lines)])

    def new(self, name: str) -> str:
        """This name, or one that begins with it and is free."""
        place, free = 0, name
        while free in self._taken:
            place, free = place + 1, f"{name}-{place}"
        self._taken.add(free)
        return free


def role_of(name: str | None, otherwise: Role = "main") -> Role:
    """The role of this name, if there is such a one."""
    return cast(Role, name) if name in get_args(Role) else otherwise


def direction_of(said: str | None, known: Mapping[Direction, Any]) -> Direction:
    """The direction that a file says in its own words; columns if it doesn't."""
    return next((direction for direction, words in known.items() if words == said), "vertical-rl")


def order_of(ids: list[str], lines: list[LineParts], others: list[Part]) -> list[int] | None:
    """Places of characters by their ids; None if not each of them is named once."""
    places = {part.id: place for place, part in enumerate([*(p for line in lines for p in line.parts), *others])}
    order = [places[id] for id in ids if id in places]
    return order if len(order) == len(places) == len(set(order)) else None
