"""How figures look: two themes and one Japanese font.

Figures are plain `matplotlib.figure.Figure` objects; pyplot is not used, and matplotlib's global settings are as they
were when a figure is done.  A figure is made within `themed(dark)`:

    >>> with themed(dark=True) as theme:
    ...     figure = new_figure(4, 3)
    ...     figure.subplots().plot([1, 2, 3], color=theme.series[0])
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray

from kuzushiji.errors import KuzushijiError
from kuzushiji.fonts import carried_font


@dataclass(frozen=True)
class Theme:
    """The colours of one theme, as `#rrggbb`.

    Every colour of `series`, `right` and `wrong` has a contrast of at least 3 to `paper`, of text at least 4.5; the
    series stay apart for people with any of the three kinds of colour blindness.

    Attributes:
        paper: the page that figures are meant to lie on; those for a light page are transparent, and so is an SVG.
        ink: text and what matters most.
        muted: axes, labels and notes.
        faint: grid lines and borders.
        series: colours to tell things apart with, in the order of use.
    """

    paper: str
    ink: str
    muted: str
    faint: str
    series: tuple[str, str, str, str, str]

    @property
    def right(self) -> str:
        """What the network got right."""
        return self.series[0]

    @property
    def wrong(self) -> str:
        """What the network got wrong."""
        return self.series[1]

    def variables(self) -> dict[str, str]:
        """CSS name -> colour, such as `--ink`, for a page around the figures."""
        plain = {"--paper": self.paper, "--ink": self.ink, "--muted": self.muted, "--faint": self.faint}
        return plain | {f"--series-{number}": colour for number, colour in enumerate(self.series, 1)}

    def declared(self) -> str:
        """The variables as CSS declares them."""
        return ";".join(f"{name}:{colour}" for name, colour in self.variables().items())


# The series are indigo, vermilion, gold, verdigris and wisteria.
LIGHT = Theme("#fbfaf7", "#23262b", "#5f656d", "#dedbd3", ("#1b5e8c", "#b23a22", "#b28200", "#2a9d85", "#b07cc6"))
DARK = Theme("#16181c", "#e9e6df", "#a3a7ad", "#373b42", ("#7db8e8", "#f2805f", "#ebcb6b", "#3fa98b", "#a566c0"))

# Any, for matplotlib from 3.11 on declares the keys as literals and before as strings.
SETTINGS: Any = {
    "axes.facecolor": "none",
    "axes.formatter.useoffset": False,
    "axes.grid": True,
    "axes.labelpad": 6,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.edgecolor": "none",
    "font.size": 9,
    "grid.linewidth": 0.6,
    "image.composite_image": False,  # images of different colours stay apart, see `svg`
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "savefig.dpi": 200,
    "savefig.edgecolor": "none",
    "savefig.facecolor": "auto",
    "svg.fonttype": "path",
    "svg.hashsalt": "kuzushiji",
    "text.parse_math": False,  # names are no mathematics, whatever dollar signs they have
    "xtick.labelsize": 8.5,
    "xtick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.labelsize": 8.5,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
}


@cache
def font_file() -> Path:
    """IPAex Gothic as matplotlib-fontja carries it."""
    carried = carried_font()
    if carried is None:
        raise KuzushijiError("matplotlib-fontja is not installed; `pip install 'kuzushiji[train]'` installs it")
    return carried


@cache
def _font_names() -> list[str]:
    """Families to draw text with; makes the Japanese one known to matplotlib."""
    font_manager.fontManager.addfont(font_file())
    return [font_manager.get_font(font_file()).family_name, "DejaVu Sans"]


@cache
def _drawable_code_points() -> frozenset[int]:
    fonts = [font_file(), Path(font_manager.findfont("DejaVu Sans"))]
    return frozenset(code for font in fonts for code in FT2Font(str(font)).get_charmap())


def has_glyph(text: str) -> bool:
    """Whether figures can draw every character of `text`, if not in every variant."""
    return all(ord(character) in _drawable_code_points() for character in _without_variants(text))


def drawable(character: str) -> str:
    """`character` itself where figures can draw it, else its code points, such as `U+24FA3`.

    Of a variant that a selector asks for, the common form is drawn.
    """
    return _without_variants(character) if has_glyph(character) else code_points(character)


def code_points(text: str) -> str:
    """`お` as `U+304A`, several with spaces between."""
    return " ".join(f"U+{ord(character):04X}" for character in text)


def _without_variants(text: str) -> str:
    """Text without what selects a variant of the character before it."""
    return re.sub("[\ufe00-\ufe0f\U000e0100-\U000e01ef]", "", text)


@contextmanager
def themed(dark: bool = False) -> Iterator[Theme]:
    """Within it, figures are made in the light or the dark theme; afterwards matplotlib is as it was."""
    theme = DARK if dark else LIGHT
    colours: Any = {
        "axes.edgecolor": theme.muted,
        "axes.labelcolor": theme.muted,
        "axes.prop_cycle": cycler(color=theme.series),
        "axes.titlecolor": theme.ink,
        # Bright ink would be lost on a white page, on which dark ink needs no paper of its own.
        "figure.facecolor": theme.paper if dark else "none",
        "grid.color": theme.faint,
        "legend.labelcolor": theme.ink,
        "text.color": theme.ink,
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
    }
    with mpl.rc_context({"font.family": _font_names(), **SETTINGS, **colours}):
        yield theme


def draw_ink(
    axes: Axes,
    strength: NDArray[Any],
    colour: str,
    extent: tuple[float, float, float, float],
    interpolation: str = "nearest",
    zorder: float = 1,
) -> None:
    """Draws an image in one colour of the theme: so it can follow the reader's light or dark.

    Args:
        axes: what to draw on.
        strength: (H, W), how opaque it is, 0 to 1.
        colour: the colour.
        extent: left, right, bottom and top.
        interpolation, zorder: as matplotlib has them.
    """
    image = np.empty((*strength.shape, 4))
    image[..., :3], image[..., 3] = to_rgb(colour), strength
    axes.imshow(image, extent=extent, interpolation=interpolation, zorder=zorder)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, its size in inches; to be called within `themed`."""
    return Figure(figsize=(width, height))
