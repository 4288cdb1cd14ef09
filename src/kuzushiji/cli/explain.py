"""`kuzushiji explain`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

from cyclopts import Parameter

from kuzushiji.cli.console import notes, print_json, print_table
from kuzushiji.errors import UsageError, check_whole_numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kuzushiji.inference.explain import Explanation, LayerMaps, PageExplanation

    Found: TypeAlias = list[Explanation] | PageExplanation | LayerMaps

LISTED = 10
"""Rows of a table that would have hundreds."""

PLACES = 3
"""Of the strongest places of a class."""


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
    maps (Zhou et al. 2016), any other with convolutions has HiResCAM (Draelos and Carin 2020).

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
    check_whole_numbers({"--top": top, "--character-size": character_size})
    if layer is not None and (class_ or character_size):
        raise UsageError("--layer shows what a layer gives, whatever the class; leave --class and --character-size out")
    if character_size is not None and (len(images) != 1 or top is not None):
        raise UsageError("--character-size takes one image, on which everything that is seen is shown; leave --top out")
    if layer is not None and len(images) > 1:
        raise UsageError("--layer shows the maps of one image; name one")
    from kuzushiji.inference import explain as explaining

    found: Found
    if character_size is not None:
        found = explaining.explain_page(run, Path(images[0]), character_size, class_)
    elif layer is not None:
        found = explaining.explain_layer(run, layer, images[0] if images else 0, top or explaining.MAPS)
    else:
        found = explaining.explain(run, *images, classes=class_, top=top or 3)
    if json:
        print_json([each.to_dict() for each in found] if isinstance(found, list) else found.to_dict())
    else:
        _print_table(found)
    if draw is None:
        notes.print("--draw FILE.svg draws it")
        return
    from kuzushiji.plots.files import save

    save(_figure(found, dark), draw)
    notes.print(f"drawn into {draw}", markup=False, soft_wrap=True)


def _print_table(found: "Found") -> None:
    from kuzushiji.inference.explain import LayerMaps, PageExplanation

    match found:
        case PageExplanation():
            rows = [(name, f"{peak.value:.1%}", f"{peak.x:.0f}", f"{peak.y:.0f}") for name, peak in found.seen[:LISTED]]
            print_table(["seen", "probability", "x", "y"], rows, right=(1, 2, 3))
            _tell_of_more(len(found.seen), "places")
        case LayerMaps():
            values = found.to_dict()["maps"]
            cells = [(each["map"], f"{each['lowest']:.3f}", f"{each['highest']:.3f}") for each in values[:LISTED]]
            print_table(["map", "lowest", "highest"], cells, right=(0, 1, 2))
            _tell_of_more(len(values), "maps")
        case _:
            lines = [
                (
                    each.picture.name if number == 0 else "",
                    (each.picture.actual or "") if number == 0 else "",
                    evidence.character,
                    f"{evidence.probability:.1%}",
                    ", ".join(f"{peak.x:.0f} {peak.y:.0f}" for peak in evidence.peaks[:PLACES]),
                )
                for each in found
                for number, evidence in enumerate(each.evidence)
            ]
            print_table(["image", "actual", "seen as", "probability", "strongest places (x y)"], lines, right=(3,))


def _tell_of_more(count: int, what: str) -> None:
    if count > LISTED:
        notes.print(f"the first {LISTED} of {count:,} {what}; --draw FILE.svg shows all, --json lists all")


def _figure(found: "Found", dark: bool) -> "Figure":
    from kuzushiji.inference.explain import LayerMaps, PageExplanation
    from kuzushiji.plots.activations import explained_figure, layer_figure, seen_figure

    match found:
        case PageExplanation():
            return seen_figure(found, dark)
        case LayerMaps():
            return layer_figure(found, dark)
        case _:
            return explained_figure(found, dark)
