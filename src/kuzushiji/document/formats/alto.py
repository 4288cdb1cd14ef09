"""ALTO, version 4.4: a String with its Glyph each character, a TextLine each line, an Illustration for what has none.

Roles, direction and status are tags, the probability that there is a character is the WC of its String, other
candidates are Variants of its Glyph.  A Glyph holds one letter: of a longer answer, or of none, the String tells.
"""

from typing import Any, get_args

from lxml import etree

from kuzushiji.document.formats.parts import LineParts, Part, lines_of, page_of
from kuzushiji.document.formats.xml import (
    Element,
    Names,
    Points,
    add,
    baseline,
    box_text,
    children,
    direction_of,
    find,
    number,
    order_of,
    parse,
    points_of,
    points_text,
    rectangle,
    role_of,
    settings_of,
    settings_text,
    spread,
    text_of,
    value,
)
from kuzushiji.document.geometry import box_around
from kuzushiji.document.page import Direction, ImageRef, Page, Role, Step

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_ANY = b"http://www.loc.gov/standards/alto/ns-v"
_DIRECTIONS: dict[Direction, str] = {"vertical-rl": "ttb", "horizontal-lr": "ltr", "horizontal-rl": "rtl"}
_NO_LINE = "none"
"""The role of the line that holds the characters of no line."""
_UNKNOWN = "\ufffd"
"""What stands in a Glyph whose character is not one letter."""


def knows(content: bytes) -> bool:
    """Whether these are the bytes of ALTO."""
    return _ANY in content[:4000]


def write(page: Page) -> str:
    """The text of its file.

    Raises:
        DataError: a name can't stand in XML.
    """
    names = Names.of(page)
    lines, others = lines_of(page)
    root = etree.Element(f"{{{NAMESPACE}}}alto", nsmap={None: NAMESPACE})
    root.set("SCHEMAVERSION", "4.4")
    description = add(root, "Description")
    add(description, "MeasurementUnit", "pixel")
    source = add(description, "sourceImageInformation")
    add(source, "fileName", page.image.name)
    if page.image.sha256 is not None:
        add(source, "fileIdentifier", page.image.sha256, fileIdentifierLocation="sha256")
    for step in page.steps:
        process = add(description, "Processing", ID=names.new("step"))
        add(process, "processingStepSettings", settings_text(step))
        software = add(process, "processingSoftware")
        add(software, "softwareName", step.model)
        add(software, "softwareVersion", step.version)

    tags = add(root, "Tags")
    roles = [line.role for line in lines] + ([_NO_LINE] if others else [])
    tag = {role: names.new(f"role-{role}") for role in dict.fromkeys(roles)}
    for role, id in tag.items():
        add(tags, "OtherTag", ID=id, TYPE="role", LABEL=role)
    add(tags, "OtherTag", ID=names.new("direction"), TYPE="direction", LABEL=page.direction)
    add(tags, "OtherTag", ID=names.new("status"), TYPE="status", LABEL=page.status)
    if (page.order[1:] < page.order[:-1]).any():
        group = add(add(root, "ReadingOrder"), "OrderedGroup", ID=names.new("order"))
        for id in page.characters.ids[page.order].tolist():
            add(group, "ElementRef", ID=names.new("ref"), REF=id)

    width, height = page.image.size or (None, None)
    sheet = add(add(root, "Layout"), "Page", ID=names.new("page"), WIDTH=width, HEIGHT=height, PHYSICAL_IMG_NR=1)
    space = add(sheet, "PrintSpace")
    direction = {"BASEDIRECTION": _DIRECTIONS[page.direction]}
    block = None
    for line in lines:
        facts = {"ID": line.id, "TAGREFS": tag[line.role]}
        if not line.parts:
            block = None
            _place(add(space, "Illustration", **facts), line.polygon)
            continue
        if block is None:
            block = add(space, "TextBlock", ID=names.new("block"), **direction)
        _line(add(block, "TextLine", **facts), line.polygon, line.parts, page.direction)
    if others:
        block = add(space, "TextBlock", ID=names.new("block"), **direction)
        holder = add(block, "TextLine", ID=names.new("others"), TAGREFS=tag[_NO_LINE])
        _line(holder, box_around([part.polygon for part in others]).tolist(), others, page.direction)
    return text_of(root)


def _line(line: Element, polygon: Any, parts: Any, direction: Direction) -> None:
    _place(line, polygon)
    line.set("BASELINE", points_text(baseline(polygon, direction)))
    for part in parts:
        string = add(line, "String", ID=part.id, CONTENT=part.text, WC=part.found)
        _place(string, part.polygon)
        if not part.candidates:
            continue
        probability = part.candidates[0][1]
        glyph = add(string, "Glyph", CONTENT=part.text if len(part.text) == 1 else _UNKNOWN, GC=probability)
        for other, its in part.candidates[1:]:
            add(glyph, "Variant", CONTENT=other, VC=its)


def _place(element: Element, polygon: Any) -> None:
    """The box around a polygon, and the polygon."""
    for name, text in zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), box_text(polygon), strict=True):
        element.set(name, text)
    add(add(element, "Shape"), "Polygon", POINTS=points_text(polygon))


def read(content: bytes) -> Page:
    """The page of a file; of several pages in it the first.

    Raises:
        DataError: it is none, or damaged; the message goes on from the name of the file.
    """
    root = parse(content)
    sheet = find(root, "Layout/Page")
    tags = {value(each, "ID"): (each.get("TYPE"), value(each, "LABEL")) for each in root.iterfind("{*}Tags/*")}
    facts = dict(tags.values())
    base = next((each.get("BASEDIRECTION") for each in sheet.iter("{*}TextBlock")), None)
    direction = direction_of(facts.get("direction"), {name: name for name in _DIRECTIONS})
    if "direction" not in facts:
        direction = direction_of(base, _DIRECTIONS)
    names = Names(element.get("ID") for element in sheet.iter() if element.get("ID"))
    lines: list[LineParts] = []
    others: list[Part] = []
    for element in sheet.iter("{*}TextLine", "{*}Illustration"):
        is_picture = etree.QName(element).localname == "Illustration"
        labels = [tags[each][1] for each in element.get("TAGREFS", "").split() if each in tags]
        kind = next((each for each in labels if each in (*get_args(Role), _NO_LINE)), None)
        parts = [] if is_picture else _parts(element, direction, names)
        if kind == _NO_LINE:
            others += parts
        else:
            role = role_of(kind, "figure" if is_picture else "main")
            lines.append(LineParts(element.get("ID") or names.new("l"), role, _polygon(element), parts))
    refs = [ref for each in root.iterfind("{*}ReadingOrder//{*}ElementRef") for ref in value(each, "REF").split()]
    width, height = sheet.get("WIDTH"), sheet.get("HEIGHT")
    sha256 = root.find("{*}Description/{*}sourceImageInformation/{*}fileIdentifier[@fileIdentifierLocation='sha256']")
    name = root.findtext("{*}Description/{*}sourceImageInformation/{*}fileName")
    return page_of(
        ImageRef(
            name or "",
            None if sha256 is None else sha256.text,
            (round(number(width)), round(number(height))) if width and height else None,
        ),
        lines,
        others,
        order_of(refs, lines, others),
        direction,
        [_step(each) for each in root.iterfind("{*}Description/{*}Processing")],
        "corrected" if facts.get("status") == "corrected" else "read",
    )


def _parts(line: Element, direction: Direction, names: Names) -> list[Part]:
    parts: list[Part] = []
    for string in children(line, "String"):
        text = value(string, "CONTENT")
        glyphs = children(string, "Glyph")
        found = number(string.get("WC", "1"))
        if len(glyphs) > 1 or (len(text) > 1 and not glyphs):  # another program's
            parts += spread(text, _polygon(string), direction, found, names)
            continue
        candidates = [(text, number(each.get("GC", "1"))) for each in glyphs] or ([(text, found)] if text else [])
        for glyph in glyphs:
            candidates += [(value(each, "CONTENT"), number(each.get("VC", "0"))) for each in children(glyph, "Variant")]
        parts.append(Part(string.get("ID") or names.new("c"), _polygon(string), found, candidates))
    return parts


def _polygon(element: Element) -> Points:
    polygon = element.find("{*}Shape/{*}Polygon")
    if polygon is not None:
        return points_of(value(polygon, "POINTS"))
    return rectangle(*(number(value(element, each)) for each in ("HPOS", "VPOS", "WIDTH", "HEIGHT")))


def _step(process: Element) -> Step:
    software = "{*}processingSoftware/{*}software"
    return Step(
        process.findtext(f"{software}Name") or "",
        process.findtext(f"{software}Version") or "",
        settings_of(process.findtext("{*}processingStepSettings")),
    )
