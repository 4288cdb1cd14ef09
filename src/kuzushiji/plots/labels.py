"""Names in figures: of classes above all, which may be a character, its code points or whole words."""

from collections.abc import Sequence
from unicodedata import combining, east_asian_width

from matplotlib.axes import Axes

from kuzushiji.plots.style import Theme, drawable

LONGEST = 10.0
"""The names of classes are cut to this breadth."""


def breadth(text: str) -> float:
    """How broad a text is as figures draw it, in kanji; letters are about half as broad."""
    widths = (0 if combining(letter) else 1.0 if east_asian_width(letter) in "WF" else 0.6 for letter in text)
    return sum(widths)


def shortened(text: str, most: float) -> str:
    """Text of this breadth at most, with an ellipsis where it is cut."""
    if breadth(text) <= most:
        return text
    while text and breadth(f"{text}…") > most:
        text = text[:-1]
    return f"{text}…"


def class_name(name: str) -> str:
    """The name of a class as figures write it."""
    return shortened(drawable(name), LONGEST)


def name_classes(axes: Axes, names: Sequence[str], size: float, theme: Theme, both: bool = False) -> None:
    """Writes the names of classes at 0, 1, 2 ... along the horizontal axis, or along both.

    Single characters have the size that is asked for; what is longer is smaller, and stands upright across.
    """
    texts = [class_name(name) for name in names]
    axes.set_xticks(range(len(texts)), texts)
    if both:
        axes.set_yticks(range(len(texts)), texts)
    for axis in (axes.xaxis, axes.yaxis) if both else (axes.xaxis,):
        for tick, text in zip(axis.get_major_ticks(), texts, strict=True):
            is_long = breadth(text) > 1.2
            for label in (tick.label1, tick.label2):
                label.set_fontsize(min(size, 8) if is_long else size)
                label.set_rotation(90 if is_long and axis is axes.xaxis else 0)
    axes.tick_params(axis="both" if both else "x", colors=theme.ink)
