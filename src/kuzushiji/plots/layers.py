"""A network as a row of boxes, as visualkeras draws Keras networks.

A box is as high and as deep as its feature maps and the thicker the more there are; a vector is a bar into the depth.
"""

from dataclasses import dataclass
from math import sqrt

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Polygon
from matplotlib.path import Path
from torch import nn

from kuzushiji.models.inspection import Layer, list_layers
from kuzushiji.plots.style import Theme, new_figure, themed

KINDS = {
    "Input": "input",
    "Conv2d": "convolution",
    "MaxPool2d": "pooling",
    "AvgPool2d": "pooling",
    "AdaptiveMaxPool2d": "pooling",
    "AdaptiveAvgPool2d": "pooling",
    "BatchNorm1d": "normalisation",
    "BatchNorm2d": "normalisation",
    "RowNorm": "normalisation",
    "Dropout": "dropout",
    "Flatten": "flatten",
    "Linear": "dense",
    "PrincipalComponents": "dense",
    "Pixels": "flatten",
    "NearestNeighbours": "training images",
    "SupportVectors": "training images",
    "SqueezeExcitation": "attention",
    "CBAM": "attention",
    "SelfAttention": "attention",
}
"""Which layers are drawn, and as what.  Activations, which change no shape, are not."""

SLICES = ("normalisation", "dropout", "attention")
"""Kinds that are drawn as mere slices on the layer before, whose shape they have."""

MOST, FEW = 48, 24
"""Where a network has more than `MOST` layers to draw, blocks of them are drawn as one box each, `FEW` if possible."""

SLANT_RIGHT, SLANT_UP = 0.32, 0.24
"""How far one step into the depth goes to the right and up on paper."""


@dataclass(frozen=True)
class Box:
    """A box on the horizontal axis; lengths are in sides of the input image."""

    layer: Layer
    left: float
    thickness: float
    height: float
    depth: float

    @property
    def kind(self) -> str:
        return _kind(self.layer)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.layer.output_shape

    def corner(self, right: bool, top: bool, back: bool) -> tuple[float, float]:
        """Where one of the eight corners falls on paper."""
        inward = self.depth / 2 if back else -self.depth / 2
        x = self.left + (self.thickness if right else 0)
        y = self.height / 2 if top else -self.height / 2
        return x + SLANT_RIGHT * inward, y + SLANT_UP * inward


def layer_figure(model: nn.Module, image_size: int | tuple[int, int], dark: bool = False) -> Figure:
    """Draws the layers of a network from left to right, with the number of maps or values under each.

    Args:
        model: takes images (B, 1, H, W).  Nothing is computed with it.
        image_size: height and width in pixels, or one number for both.
        dark: for a dark page.
    """
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    layers = [Layer("input", "Input", (1, height, width), 0, 0), *_drawn_layers(model, image_size)]
    boxes = _arrange(layers)
    names = {layer.name for layer in layers}
    blocks = [name.removesuffix("shortcut") for name, _ in model.named_modules() if name.endswith(".shortcut")]
    blocks = [block for block in blocks if any(name.startswith(block) for name in names)]

    left, bottom = (min(box.corner(False, False, False)[axis] for box in boxes) for axis in (0, 1))
    right, top = (max(box.corner(True, True, True)[axis] for box in boxes) for axis in (0, 1))
    top += 0.1 if blocks else 0.0
    kinds = list(dict.fromkeys(box.kind for box in boxes))
    inches = min(1.4, 9.5 / (right - left))
    with themed(dark) as theme:
        colours = _colours(theme)
        figure = new_figure(max((right - left) * inches, len(kinds)) + 0.5, (top - bottom) * inches + 1)
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(left - 0.1, right + 0.1), ylim=(bottom - 0.25 / inches, top + 0.05), aspect="equal")
        for box in boxes:
            _draw_box(axes, box, colours[box.kind], theme)
        for block in blocks:
            _draw_shortcut(axes, [box for box in boxes if box.layer.name.startswith(block)], theme)
        _write_captions(axes, boxes, theme)
        legend: list[Patch | Line2D] = [Patch(facecolor=colours[kind], label=kind) for kind in kinds]
        if blocks:
            legend.append(Line2D([], [], color=theme.ink, linewidth=1, label="shortcut"))
        figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), handlelength=1, columnspacing=1.2)
        return figure


def _drawn_layers(model: nn.Module, image_size: int | tuple[int, int]) -> list[Layer]:
    """The layers to draw: attention as one, and where there are too many, the smallest blocks that leave few enough."""
    every = list_layers(model, image_size, blocks=True)
    blocks = {name for name, module in model.named_modules() if name and any(True for _ in module.children())}
    attention = {layer.name for layer in every if _kind(layer) == "attention"}

    def worth_drawing(whole: set[str]) -> list[Layer]:
        """The blocks that are named, and the layers that are in none of them."""
        inside = tuple(f"{name}." for name in whole)
        return [
            layer
            for layer in every
            if (layer.name in whole or (layer.kind in KINDS and layer.name not in blocks))
            and not layer.name.startswith(inside)
            and "shortcut" not in layer.name.split(".")
        ]

    layers = worth_drawing(attention)
    if len(layers) > MOST:
        for depth in sorted({name.count(".") for name in blocks}, reverse=True):
            layers = worth_drawing(attention | {name for name in blocks if name.count(".") == depth})
            if len(layers) <= FEW:
                break
    return layers


def _kind(layer: Layer) -> str:
    return KINDS.get(layer.kind, "block")


def _colours(theme: Theme) -> dict[str, str]:
    convolution, pooling, dense, normalisation, dropout = theme.series
    return {
        "input": theme.faint,
        "convolution": convolution,
        "pooling": pooling,
        "normalisation": normalisation,
        "dropout": dropout,
        "flatten": theme.muted,
        "dense": dense,
        "training images": theme.ink,
        "attention": theme.ink,
        "block": dropout,
    }


def _arrange(layers: list[Layer]) -> list[Box]:
    """Places a box for each layer, the first of which is the input, so that none hides much of another."""
    unit = max(layers[0].output_shape)
    boxes: list[Box] = []
    for layer in layers:
        thickness, height, depth = _lengths(layer, unit)
        left = 0.0
        if boxes:
            before = boxes[-1]
            left = before.left + before.thickness
            if _kind(layer) in SLICES:
                left += 0.02
            elif before.shape[1:] == layer.output_shape[1:]:
                # Of the same size, or both vectors, of which the longer begins further to the left.
                left += 0.22 + SLANT_RIGHT * max(0, depth - before.depth) / 2
            else:
                # Of another size: past the far edge of the one before.
                left += 0.12 + SLANT_RIGHT * (before.depth + depth) / 2
        boxes.append(Box(layer, left, thickness, height, depth))
    return boxes


def _lengths(layer: Layer, unit: int) -> tuple[float, float, float]:
    """Thickness, height and depth of the box of a layer, where `unit` pixels of a feature map are 1."""
    if len(layer.output_shape) == 1:
        thickness, height, depth = 0.08, 0.08, min(0.06 * sqrt(layer.output_shape[0]), 3.5)
    else:
        channels, rows, columns = layer.output_shape
        thickness, height, depth = 0.05 + 0.028 * sqrt(channels), max(rows / unit, 0.06), max(columns / unit, 0.06)
    return (0.05 if _kind(layer) in SLICES else thickness), height, depth


def _draw_box(axes: Axes, box: Box, colour: str, theme: Theme) -> None:
    around = ((False, False), (True, False), (True, True), (False, True))
    front = [box.corner(right, top, False) for right, top in around]
    lid = [box.corner(right, True, back) for right, back in around]
    side = [box.corner(True, top, back) for top, back in around]
    # The shades lie on top of the colour, so that a page may put other colours in the place of the theme's.
    for face, shade in ((front, None), (lid, ("#ffffff", 0.3)), (side, ("#000000", 0.25))):
        axes.add_patch(Polygon(face, facecolor=colour, edgecolor=theme.paper, linewidth=0.5))
        if shade:
            axes.add_patch(Polygon(face, facecolor=shade, edgecolor="none"))


def _draw_shortcut(axes: Axes, block: list[Box], theme: Theme) -> None:
    """Draws how the input of a residual block passes by its layers."""
    start = block[0].left - 0.08
    end = block[-1].left + block[-1].thickness + 0.05
    top = max(box.height for box in block) / 2
    rise = top + SLANT_UP * max(box.depth for box in block) / 2 + 0.15
    curve = Path([(start, top), (start, rise), (end, rise), (end, top)], [Path.MOVETO] + [Path.CURVE4] * 3)
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=theme.ink, linewidth=1))


def _write_captions(axes: Axes, boxes: list[Box], theme: Theme) -> None:
    """Writes the number of maps or values under each box, and the size of the maps where it changes."""
    before: tuple[int, ...] = ()
    for box in boxes:
        if box.kind in SLICES:
            continue
        x, y = box.corner(False, False, False)
        size = "×".join(map(str, box.shape[1:])) if box.shape[1:] != before else ""
        before = box.shape[1:]
        for line, (text, colour) in enumerate(((str(box.shape[0]), theme.ink), (size, theme.muted))):
            place = (x + box.thickness / 2, y)
            axes.annotate(
                text,
                place,
                (0, -3 - 8 * line),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=7,
                color=colour,
            )
