"""A document as one HTML file, which needs nothing beside it: figures, images, fonts and scripts are within."""

from collections.abc import Callable
from math import isnan

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from kuzushiji.numbers import percent
from kuzushiji.plots.files import style_sheet, svg
from kuzushiji.plots.style import DARK, LIGHT, code_points, has_glyph
from kuzushiji.report.characters import Sprites, data_uri, font_subset
from kuzushiji.report.document import (
    Bar,
    Break,
    Code,
    Document,
    Figure,
    Japanese,
    Link,
    Quiet,
    Strong,
    Text,
    Thumbnail,
)
from kuzushiji.version import __version__


def as_html(document: Document, tell: Callable[[str], None] = lambda name: None) -> str:
    """The document as an HTML file.  Whatever stands in it is shown as it is.

    Args:
        document: what is to be read.
        tell: called with the name of each figure before it is drawn.
    """
    sprites = Sprites()
    environment = Environment(
        loader=PackageLoader("kuzushiji.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "kind": lambda value: type(value).__name__,
        "text": lambda text: _text(text, sprites),
        "drawn": lambda figure: _drawn(figure, tell),
        "bar": _bar,
        "percent": percent,
        "sort_key": lambda value: "-Infinity" if isnan(value) else value,
    }
    return environment.get_template("page.html").render(
        document=document,
        version=__version__,
        light=Markup(LIGHT.declared()),
        dark=Markup(DARK.declared()),
        figure_styles=Markup(style_sheet()),
        sprite_styles=lambda: Markup(sprites.style_sheet()),
        font=lambda body: Markup(data_uri(font_subset(_glyphs(body)), "font/woff")),
    )


def _text(text: Text, sprites: Sprites) -> Markup:
    """Text as HTML."""
    match text:
        case str():
            return escape(text)
        case tuple():
            return Markup().join(_text(part, sprites) for part in text)
        case Strong():
            return Markup("<b>{}</b>").format(_text(text.text, sprites))
        case Quiet():
            return Markup('<small class="quiet">{}</small>').format(_text(text.text, sprites))
        case Code():
            return Markup("<code>{}</code>").format(text.text)
        case Link():
            return Markup('<a href="{}">{}</a>').format(text.to, text.text)
        case Japanese():
            return _in_japanese(text)
        case Break():
            return Markup("<br>")
        case Thumbnail():
            return _thumbnail(text, sprites)


def _in_japanese(text: Japanese) -> Markup:
    """Text in a Japanese font; by its code points too where the font that we carry has no glyph for it."""
    large = " large" if text.large else ""
    beside = "" if has_glyph(text.text) else Markup("<small>{}</small>").format(code_points(text.text))
    return Markup('<span class="ch{}" lang="ja">{}{}</span>').format(large, text.text, beside)


def _thumbnail(thumbnail: Thumbnail, sprites: Sprites) -> Markup:
    """An image as a cell of a sprite, with its caption if it has one."""
    shown = Markup('<i class="ink sheet-{}" style="--x:{};--y:{}" role="img" aria-label="image of {}"></i>')
    ink = shown.format(*sprites.cell(thumbnail.image), thumbnail.of)
    if thumbnail.less is not None:
        taken = Markup('<i class="ink less sheet-{}" style="--x:{};--y:{}" aria-hidden="true"></i>')
        ink = Markup('<span class="both">{}{}</span>').format(ink, taken.format(*sprites.cell(thumbnail.less)))
    if not thumbnail.caption and not thumbnail.wrong:
        return ink
    cross = Markup("<b>×</b> ") if thumbnail.wrong else ""
    caption = _text(thumbnail.caption, sprites)
    wrong = " wrong" if thumbnail.wrong else ""
    return Markup('<span class="one{}">{}<small>{}{}</small></span>').format(wrong, ink, cross, caption)


def _drawn(figure: Figure, tell: Callable[[str], None]) -> Markup:
    tell(figure.name)
    return Markup(svg(figure.draw(False), figure.label))


def _bar(bar: Bar, start: float) -> dict[str, str]:
    """Where a bar begins and ends and what it marks, as shares of its length, which stands for `start` to 1."""
    ends = {"low": bar.low, "value": bar.value, "high": bar.high}
    return {name: f"{(end - start) / (1 - start):.4f}" for name, end in ends.items()}


def _glyphs(text: str) -> str:
    """The characters of a text that a machine may lack a font for and that ours has."""
    return "".join(sorted(character for character in set(text) if ord(character) > 0x2E7F and has_glyph(character)))
