"""Themes, font and the ways out."""

import base64
import io
import re
from itertools import combinations
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from kuzushiji.errors import UsageError
from kuzushiji.plots.files import save, save_all, style_sheet, svg
from kuzushiji.plots.style import DARK, LIGHT, draw_ink, drawable, has_glyph, new_figure, themed

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


def test_colours_of_the_theme_are_classes_that_a_style_sheet_colours():
    text = svg(small_figure())
    root = ElementTree.fromstring(text)
    assert root.find(".//*[@class='s-series-1']").attrib["stroke"] == LIGHT.series[0], "for viewers without CSS"
    styles = " ".join(element.attrib.get("style", "") for element in root.iter())
    assert "#" not in re.sub(r"url\(#", "", styles), "a colour that does not follow the theme"
    used = {name for element in root.iter() for name in element.attrib.get("class", "").split()}
    assert {"f-ink", "f-muted", "s-faint", "s-series-1"} <= used
    assert all(f".{name}{{" in style_sheet() for name in used)


def test_a_file_of_its_own_has_both_themes(tmp_path):
    save(small_figure(), tmp_path / "figure.svg", "what it shows")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    assert root.attrib["aria-label"] == "what it shows"
    style = root.find("{http://www.w3.org/2000/svg}style").text
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    for name, colour in LIGHT.variables().items():
        assert f"{name}:{colour}" in light
    for name, colour in DARK.variables().items():
        assert f"{name}:{colour}" in dark
    assert style_sheet() in style
    assert "<style>" not in svg(small_figure()), "a page has its own"


def test_a_figure_for_dark_pages_stays_dark():
    text = svg(small_figure(dark=True))
    assert DARK.series[0] in text
    assert 'class="' not in text


def test_images_of_one_colour_are_masks_over_it_wherever_they_lie(tmp_path):
    strength = np.linspace(0, 1, 12).reshape(3, 4)
    with themed() as theme:
        figure = new_figure(2, 1)
        axes = figure.subplots()
        draw_ink(axes, strength, theme.ink, (0, 4, 3, 0))
        draw_ink(axes, strength, theme.ink, (4, 8, 3, 0))
        draw_ink(axes, strength, theme.wrong, (0, 4, 6, 3), "bilinear")
        axes.imshow(np.stack([strength, strength**2, 1 - strength], axis=2), extent=(4, 8, 6, 3))
        axes.set(xlim=(0, 8), ylim=(6, 0))
    root = ElementTree.fromstring(svg(figure))
    space = "{http://www.w3.org/2000/svg}"
    masked = [element for element in root.iter(f"{space}rect") if "mask" in element.attrib]
    assert [element.attrib["class"] for element in masked] == ["f-ink", "f-ink", "f-series-2"]
    masks = {element.attrib["id"]: element for element in root.iter(f"{space}mask")}
    assert [f"url(#{name})" for name in masks] == [element.attrib["mask"] for element in masked]
    for element, mask in zip(masked, masks.values(), strict=True):
        (image,) = mask
        assert {name: image.attrib[name] for name in ("x", "y", "width", "height")}.items() <= element.attrib.items()
    (image,) = masks[masked[0].attrib["mask"][5:-1]]
    href = image.attrib["{http://www.w3.org/1999/xlink}href"]
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(href.partition(",")[2]))))
    assert (seen.min(), seen.max()) == (0, 255)
    assert seen[:, -20].mean() > seen[:, 20].mean(), "there is more ink at the right"
    assert len(list(root.iter(f"{space}image"))) == 4, "that of many colours is as it was"


@pytest.mark.parametrize("dark", [False, True])
def test_png_is_transparent_or_has_dark_paper_of_its_own(dark, tmp_path):
    save(small_figure(dark), tmp_path / "figure.png")
    image = np.asarray(Image.open(tmp_path / "figure.png"))
    assert image.shape[2] == 4
    assert image[0, 0, 3] == (255 if dark else 0)
    assert image[..., 3].max() == 255
    if dark:
        assert "#{:02x}{:02x}{:02x}".format(*image[0, 0, :3]) == DARK.paper


def test_pdf_and_svg_files(tmp_path):
    save(small_figure(), tmp_path / "figure.pdf")
    save(small_figure(), tmp_path / "figure.svg")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")
    ElementTree.parse(tmp_path / "figure.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure.pdf", "figure.svg"]


def test_figures_of_a_page_are_written_once_as_svg_and_twice_as_png(tmp_path):
    files = save_all({"a": small_figure, "b": small_figure}, tmp_path / "new")
    names = ["a.svg", "a-light.png", "a-dark.png", "b.svg", "b-light.png", "b-dark.png"]
    assert [path.name for path in files] == names
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(names)
    light, dark = (np.asarray(Image.open(path)) for path in files[1:3])
    assert light[light[..., 3] == 255].mean() < dark[(dark != dark[0, 0]).any(-1)].mean()


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


@pytest.mark.parametrize("text", ["$x_{1$", "$\\frac{QZX$", "a $ b $"])
def test_dollar_signs_are_no_mathematics(text):
    assert svg(small_figure(text=text)) == svg(small_figure(text=drawable(text)))
