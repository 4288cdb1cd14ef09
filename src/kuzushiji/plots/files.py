"""The ways out for figures: SVG, which follows the reader's light or dark, PNG and PDF.

>>> save(figure, Path("line.svg"))                                                             # doctest: +SKIP
"""

import base64
import hashlib
import io
import re
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import TypeAlias

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from kuzushiji.errors import UsageError
from kuzushiji.files import written_whole
from kuzushiji.plots.style import DARK, LIGHT, SETTINGS

FORMATS = ("svg", "png", "pdf")

Draw: TypeAlias = Callable[[bool], Figure]
"""Draws a figure, for a dark page if True."""


def svg(figure: Figure, label: str = "", alone: bool = False) -> str:
    """The figure as an `<svg>` element that follows the reader's light or dark.

    Colours of the light theme are classes (`style_sheet`), images in one of them masks, through which the colour is
    seen; so a figure is to be made for a light page, and one that was made for a dark page stays dark.  A viewer that
    knows no CSS shows the light one.  Text becomes paths, so that it looks the same everywhere.  Ids are made from the
    content, so that several figures fit one page without taking each other's parts, and the same figure always gives
    the same text.

    Args:
        figure: what to draw, made within `themed`.
        label: what the figure shows, for those who can't see it.
        alone: whether it is a file of its own, and so brings the style sheet that a page has already.
    """
    text = _rendered(figure, "svg").decode()
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\b(?:d|x|y)="[^"]*"', _shortened, text)
    text = re.sub(r'style="([^"]*)"', _with_classes, text)
    text = _renamed(re.sub(r"<image [^>]*/>", _as_mask, text))
    text = re.sub(r">\s+<", "><", text)
    about = f' role="img" aria-label="{escape(label)}"' if label or not alone else ""
    inside = f"><style>{FOLLOWING}{style_sheet()}</style>" if alone else ">"
    return re.sub(r"^<svg([^>]*)>", lambda start: f"<svg{about}{start[1]}{inside}", text, count=1)


def style_sheet() -> str:
    """What gives figures their colours: a rule for each class, from the variables of `Theme.variables`."""
    names = [name.removeprefix("--") for name in LIGHT.variables()]
    return "".join(f".f-{name}{{fill:var(--{name})}}.s-{name}{{stroke:var(--{name})}}" for name in names)


FOLLOWING = f":root{{{LIGHT.declared()}}}@media (prefers-color-scheme:dark){{:root{{{DARK.declared()}}}}}"
"""A style sheet that has the variables follow the reader's light or dark."""

_CLASSES = {colour: name.removeprefix("--") for name, colour in LIGHT.variables().items()}


def _shortened(part: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point, which is finer than any screen; matplotlib writes a millionth."""
    rounded = re.sub(r"(\.\d\d)\d+", r"\1", re.sub(r"\s+", " ", part[0]).replace(' "', '"'))
    return re.sub(r"(?<=[A-Za-z]) (?=[-\d])|(?<=\d) (?=[A-Za-z])", "", rounded)


def _with_classes(style: re.Match[str]) -> str:
    """The attributes that say the same as a style, with classes for the colours of the theme."""
    classes, plain, rest = [], [], []
    for part in style[1].split("; "):
        name, _, value = part.partition(": ")
        if name in ("fill", "stroke") and value in _CLASSES:
            classes.append(f"{name[0]}-{_CLASSES[value]}")
            plain.append(f'{name}="{value}"')
        else:
            rest.append(f"{name}:{value}")
    if not classes:
        return f'style="{";".join(rest)}"'
    named = [f'class="{" ".join(classes)}"', *plain]
    return " ".join([*named, f'style="{";".join(rest)}"'] if rest else named)


def _as_mask(element: re.Match[str]) -> str:
    """An image in a single colour of the theme, more or less opaque, as a mask over that colour; others as they are."""
    attributes = dict(re.findall(r'([\w:]+)="([^"]*)"', element[0]))
    content = base64.b64decode(attributes["xlink:href"].partition(",")[2])
    with Image.open(io.BytesIO(content)) as opened:
        pixels = np.asarray(opened.convert("RGBA"), dtype=np.float64)
    opacity = pixels[..., 3:]
    # A pixel that is hardly seen has its colour rounded.
    is_in = {
        colour: (np.abs(pixels[..., :3] - 255 * np.array(to_rgb(colour))) * opacity / 255).max() <= 4
        for colour in _CLASSES
    }
    if not any(is_in.values()):
        return element[0]
    colour = max(is_in, key=is_in.__getitem__)
    buffer = io.BytesIO()
    Image.fromarray(opacity[..., 0].astype(np.uint8)).save(buffer, "PNG", optimize=True)
    coded = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    place = " ".join(f'{each}="{attributes[each]}"' for each in ("x", "y", "width", "height") if each in attributes)
    mask = f'<image {place} preserveAspectRatio="none" xlink:href="{coded}"/>'
    own, moved = f"mask{element.start()}", attributes.get("transform", "")
    return (
        f'<mask id="{own}">{mask}</mask><rect class="f-{_CLASSES[colour]}" fill="{colour}" {place} '
        f'transform="{moved}" mask="url(#{own})"/>'
    )


def _renamed(text: str) -> str:
    """Ids that are referred to get names that no other figure has; the others go."""
    prefix = f"f{hashlib.sha256(text.encode()).hexdigest()[:8]}-"
    used = dict.fromkeys(re.findall(r'(?:href="|url\()#([^")]+)', text))
    names = {old: f"{prefix}{number}" for number, old in enumerate(used)}
    text = re.sub(r' id="([^"]+)"', lambda part: f' id="{names[part[1]]}"' if part[1] in names else "", text)
    return re.sub(r'(href="|url\()#([^")]+)', lambda part: f"{part[1]}#{names[part[2]]}", text)


def save(figure: Figure, path: Path, label: str = "") -> None:
    """Writes the figure to a file, whole or not at all.

    An SVG is transparent and follows the reader's light or dark as `svg` says; a PNG or PDF is transparent where the
    figure is for a light page, and has its own dark paper where it is for a dark one.

    Args:
        figure: what to draw, made within `themed`.
        path: the file.
        label: what the figure shows, for those who can't see it; in an SVG alone.

    Raises:
        UsageError: the file's ending is none of `FORMATS`.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path}: a figure can be written as {', '.join(FORMATS)}, found the ending {path.suffix!r}")
    content = svg(figure, label, alone=True).encode() if kind == "svg" else _rendered(figure, kind)
    with written_whole(path) as beside:
        beside.write_bytes(content)


def save_all(figures: Mapping[str, Draw], folder: Path, tell: Callable[[str], None] = lambda name: None) -> list[Path]:
    """Writes each figure as an SVG that follows the reader's light or dark, and as a PNG for either.

    Args:
        figures: name -> what draws it.
        folder: where they go, as `NAME.svg`, `NAME-light.png` and `NAME-dark.png`; it is made if it is not there.
        tell: called with the name of each figure before it is drawn.

    Returns:
        The files.
    """
    written = []
    for name, draw in figures.items():
        tell(name)
        light = draw(False)
        for ending, figure in ((".svg", light), ("-light.png", light), ("-dark.png", draw(True))):
            written.append(folder / f"{name}{ending}")
            save(figure, written[-1])
    return written


def _rendered(figure: Figure, kind: str) -> bytes:
    # Without a date, the same figure gives the same bytes.
    undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    buffer = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(buffer, format=kind, transparent=kind == "svg", metadata=undated)
    return buffer.getvalue()
