"""From what stands in a report to its HTML."""

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from kuzushiji.plots.files import style_sheet
from kuzushiji.plots.style import DARK, LIGHT, Theme, has_glyph
from kuzushiji.report.characters import COLUMNS, data_uri, font_subset


def render(content: dict[str, Any], template: str = "body.html", styles: Sequence[str] = ()) -> str:
    """A page: the skeleton and the style that all pages share, around a body of its own.

    Whatever comes from outside is escaped by the template.

    Args:
        content: what the template needs; always `title`, `run` (what the page is of), `sprite` and `image_ratio`.
        template: the body.
        styles: style sheets of this kind of page, after the shared one.
    """
    environment = Environment(
        loader=PackageLoader("kuzushiji.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    body = environment.get_template(template).render(content)
    return environment.get_template("page.html").render(
        content,
        body=Markup(body),
        light=_css(LIGHT),
        dark=_css(DARK),
        glyphs=Markup(data_uri(font_subset(_japanese(body)), "font/woff")),
        sprite_uri=Markup(data_uri(content["sprite"].png(), "image/png")),
        sprite_columns=COLUMNS,
        figures=Markup(style_sheet()),
        styles=("report.css", *styles),
    )


def _css(theme: Theme) -> Markup:
    return Markup(";".join(f"{name}:{colour}" for name, colour in theme.variables().items()))


def _japanese(text: str) -> str:
    """The characters of a text that a machine may lack a font for and that ours has."""
    return "".join(sorted(character for character in set(text) if ord(character) > 0x2E7F and has_glyph(character)))
