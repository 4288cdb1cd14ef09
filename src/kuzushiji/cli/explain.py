"""`kuzushiji explain`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from cyclopts import Parameter

from kuzushiji.cli.console import notes, print_json, print_table
from kuzushiji.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import nn

    from kuzushiji.inference.explain import Picture
    from kuzushiji.runs.run import Run

MAPS = 59
"""How many feature maps are shown, which with the image fill six rows of ten."""


def explain(
    run: str,
    /,
    *images: str,
    class_: Annotated[tuple[str, ...], Parameter(name="--class")] = (),
    top: int | None = None,
    character_size: int | None = None,
    layer: str | None = None,
    draw: Path | None = None,
    dark: bool = False,
    json: bool = False,
) -> None:
    """Show which pixels made a network say what it says, or the feature maps of a layer.

    A fully convolutional network has a map for each class; one that ends in a mean over its maps has class activation
    maps (Zhou et al. 2016), any other with convolutions has Grad-CAM (Selvaraju et al. 2017).

    Example: kuzushiji explain RUN 0 1 2 --draw seen.svg

    Parameters
    ----------
    run
        Name or path of a finished run.
    images
        Image files, or numbers of test images of the run; its first test images if there are none.
    class_
        A character to look for; may be given several times.  The likeliest ones if not given.
    top
        How many of the likeliest characters (3), or of the feature maps that vary most (59).
    character_size
        The image is a line or a page, on which a character is about so many pixels high.
    layer
        Show the feature maps of this layer, such as body.3; `kuzushiji models NAME` lists them.
    draw
        Draw into this .svg, .png or .pdf file.
    dark
        Draw for a dark page.
    json
        Print as JSON.
    """
    if top is not None and top < 1:
        raise UsageError(f"--top is {top}; it must be at least 1")
    if character_size is not None and character_size < 1:
        raise UsageError(f"--character-size is {character_size} pixels; it must be at least 1")
    if layer is not None and (class_ or character_size):
        raise UsageError("--layer shows what a layer gives, whatever the class; leave --class and --character-size out")
    if character_size is not None and (len(images) != 1 or top is not None):
        raise UsageError("--character-size takes one image, on which everything that is seen is shown; leave --top out")
    from kuzushiji.inference.weights import load_network
    from kuzushiji.runs.run import find_run

    found = find_run(run)
    found.check_finished()
    network, config = load_network(found.weights_file)
    classes, side = config.classes, max(config.model.image_size)
    labels = [_label(name, classes) for name in class_]
    if character_size is not None:
        answer = _page(network, classes, Path(images[0]), character_size, side, labels)
    elif layer is not None:
        if len(images) > 1:
            raise UsageError("--layer shows the maps of one image; name one")
        answer = _layer(network, _pictures(found, images or ("0",), side)[0], layer, top or MAPS)
    else:
        answer = _characters(network, classes, _pictures(found, images, side), labels, top or 3)

    if json:
        print_json(answer.json)
    else:
        print_table(answer.columns, answer.rows, answer.right)
    if draw is not None:
        from kuzushiji.plots.files import save

        save(answer.figure(dark), draw)
        notes.print(f"drawn into {draw}", markup=False, soft_wrap=True)
    else:
        notes.print("--draw FILE.svg draws it")


@dataclass(frozen=True)
class _Answer:
    """What a network was asked, as JSON, as a table and as a figure, for a dark page if True."""

    json: Any
    columns: list[str]
    rows: Sequence[tuple[str, ...]]
    right: tuple[int, ...]
    figure: "Callable[[bool], Figure]"


def _characters(
    network: "nn.Module", classes: Sequence[str], pictures: "list[Picture]", labels: list[int], top: int
) -> _Answer:
    from kuzushiji.inference.explain import explain_character

    explained = [explain_character(network, classes, picture, labels, top) for picture in pictures]
    rows = [
        (
            each.picture.name if number == 0 else "",
            (each.picture.actual or "") if number == 0 else "",
            evidence.character,
            f"{evidence.probability:.1%}",
            ", ".join(f"{peak.x:.0f} {peak.y:.0f}" for peak in evidence.peaks),
        )
        for each in explained
        for number, evidence in enumerate(each.evidence)
    ]

    def figure(dark: bool) -> "Figure":
        from kuzushiji.plots.activations import Explained, explained_figure
        from kuzushiji.plots.style import drawable

        return explained_figure(
            [
                Explained(
                    each.picture.pixels,
                    drawable(f"is {each.picture.actual}" if each.picture.actual else each.picture.name),
                    np.stack([evidence.map for evidence in each.evidence]),
                    [f"{drawable(evidence.character)}  {evidence.probability:.1%}" for evidence in each.evidence],
                )
                for each in explained
            ],
            dark,
        )

    return _Answer(
        [each.to_dict() for each in explained],
        ["image", "actual", "seen as", "probability", "strongest places (x y)"],
        rows,
        (3,),
        figure,
    )


def _page(
    network: "nn.Module", classes: Sequence[str], path: Path, character_size: int, side: int, labels: list[int]
) -> _Answer:
    from kuzushiji.inference.explain import explain_page

    page = explain_page(network, classes, path, character_size, side, labels)

    def figure(dark: bool) -> "Figure":
        from kuzushiji.plots.activations import Seen, page_figure
        from kuzushiji.plots.style import drawable

        scale = page.picture.scale
        seen = [Seen(drawable(character), peak.x / scale, peak.y / scale) for character, peak in page.seen]
        return page_figure(page.picture.pixels, page.sureness, seen, dark)

    return _Answer(
        page.to_dict(),
        ["seen", "probability", "x", "y"],
        [(character, f"{peak.value:.1%}", f"{peak.x:.0f}", f"{peak.y:.0f}") for character, peak in page.seen],
        (1, 2, 3),
        figure,
    )


def _layer(network: "nn.Module", picture: "Picture", layer: str, top: int) -> _Answer:
    from kuzushiji.inference.explain import as_batch
    from kuzushiji.models.activations import feature_maps

    maps = feature_maps(network, as_batch(picture), layer)[0].numpy()
    varying = np.sort(np.argsort(-maps.std((1, 2)), kind="stable")[:top])
    shown = [
        {
            "map": int(number),
            "lowest": round(float(maps[number].min()), 4),
            "highest": round(float(maps[number].max()), 4),
        }
        for number in varying
    ]

    def figure(dark: bool) -> "Figure":
        from kuzushiji.plots.activations import feature_map_figure

        return feature_map_figure(picture.pixels, maps[varying], [str(number) for number in varying], dark=dark)

    return _Answer(
        {"image": picture.name, "layer": layer, "shape": list(maps.shape), "maps": shown},
        ["map", "lowest", "highest"],
        [(str(each["map"]), f"{each['lowest']:.3f}", f"{each['highest']:.3f}") for each in shown],
        (0, 1, 2),
        figure,
    )


def _pictures(run: "Run", images: tuple[str, ...], side: int) -> "list[Picture]":
    """The images by their names: files, or numbers of test images."""
    from kuzushiji.inference.explain import picture_of, pictures_of_test

    if not images:
        return pictures_of_test(run)
    is_number = {name: name.isdecimal() and not Path(name).exists() for name in images}
    numbers = [name for name in images if is_number[name]]
    tested = dict(zip(numbers, pictures_of_test(run, [int(name) for name in numbers]), strict=True)) if numbers else {}
    return [tested[name] if is_number[name] else picture_of(Path(name), side) for name in images]


def _label(name: str, classes: Sequence[str]) -> int:
    from kuzushiji.characters import from_codepoint

    character = from_codepoint(name) if name not in classes and name.upper().startswith("U+") else name
    if character not in classes:
        raise unknown_name("class", character, classes)
    return classes.index(character)
