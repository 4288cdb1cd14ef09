"""Themes, font and the ways out."""

import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from kuzushiji.errors import UsageError
from kuzushiji.plots.style import DARK, LIGHT, drawable, has_glyph, new_figure, save, svg, themed

THEMES = [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")]


def small_figure(dark=False, text="ひらがな 漢字 ゝ 1.5"):
    with themed(dark) as theme:
        figure = new_figure(3, 2)
        axes = figure.subplots()
        axes.plot([0, -1, 2], color=theme.series[0])
        axes.set_title(text)
        return figure


def linear(colour):
    channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """Contrast ratio as WCAG 2 defines it."""
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as seen without one kind of cone.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lab(rgb):
    """CIE L*a*b* of linear sRGB."""
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("theme", THEMES)
def test_colours_stand_out_from_the_page(theme):
    assert min(contrast(colour, theme.paper) for colour in theme.series) >= 3
    assert contrast(theme.ink, theme.paper) >= 10
    assert contrast(theme.muted, theme.paper) >= 4.5
    assert min(contrast(colour, theme.paper) for colour in (theme.right, theme.wrong)) >= 4.5


@pytest.mark.parametrize("blindness", BLINDNESS)
@pytest.mark.parametrize("theme", THEMES)
def test_colours_can_be_told_apart_by_all_eyes(theme, blindness):
    seen = [lab(np.asarray(BLINDNESS[blindness]) @ linear(colour)) for colour in theme.series]
    assert min(np.linalg.norm(one - other) for one, other in combinations(seen, 2)) > 12


def test_matplotlib_is_left_as_it_was():
    mpl.get_backend()  # settles the backend, which is open until it is first asked for
    before = mpl.rcParams.copy()
    svg(small_figure())
    assert mpl.rcParams == before
    with pytest.raises(ZeroDivisionError), themed():
        _ = 1 / 0
    assert mpl.rcParams == before


def test_svg_is_a_well_formed_element_that_stands_alone():
    text = svg(small_figure(), label='a "line" <here>')
    root = ElementTree.fromstring(text)
    assert root.attrib["aria-label"] == 'a "line" <here>'
    assert not list(root.iter("{http://www.w3.org/2000/svg}text")), "text must be paths"
    assert len(re.findall(r'href="(?!#)', text)) == 0
    assert "<?xml" not in text
    assert "DOCTYPE" not in text


def test_svgs_on_one_page_share_no_id_and_find_their_own_parts():
    texts = [svg(small_figure(text="あ")), svg(small_figure(text="い")), svg(small_figure(dark=True, text="あ"))]
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in texts]
    for one, other in combinations(ids, 2):
        assert not one & other
    for text, own in zip(texts, ids, strict=True):
        used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
        assert used
        assert {first or second for first, second in used} <= own


def test_svg_is_the_same_each_time():
    assert svg(small_figure()) == svg(small_figure())


def test_adaptive_svg_takes_its_colours_from_the_page():
    text = svg(small_figure(), adaptive=True)
    assert f"stroke: var(--series-1, {LIGHT.series[0]})" in text
    fixed = re.sub(r"var\([^)]*\)", "", text)
    assert not re.findall(r"(?:stroke|fill): #[0-9a-f]{6}", fixed), "a colour that does not follow the theme"


@pytest.mark.parametrize("dark", [False, True])
def test_png_is_transparent(dark, tmp_path):
    save(small_figure(dark), tmp_path / "figure.png")
    image = np.asarray(Image.open(tmp_path / "figure.png"))
    assert image.shape[2] == 4
    assert image[0, 0, 3] == 0
    assert image[..., 3].max() == 255


def test_pdf_and_svg_files(tmp_path):
    save(small_figure(), tmp_path / "figure.pdf")
    save(small_figure(), tmp_path / "figure.svg")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    ElementTree.parse(tmp_path / "figure.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.svg"]


def test_other_formats_are_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="svg, png, pdf"):
        save(small_figure(), tmp_path / "figure.docx")
    assert not list(tmp_path.iterdir())


def test_every_character_can_be_labelled():
    assert drawable("あ") == "あ"
    assert drawable("ゝ") == "ゝ"
    assert drawable("𤾣") == "U+24FA3"
    assert not has_glyph("𤾣")
    assert has_glyph("−≥か")
    svg(small_figure(text=drawable("𤾣")))
    with pytest.raises(UserWarning, match="missing from font"):
        svg(small_figure(text="𤾣"))


def test_dollar_signs_are_no_mathematics():
    svg(small_figure(text=drawable("$x_{1$")))
