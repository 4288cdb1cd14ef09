"""`kuzushiji models`."""

from dataclasses import asdict
from math import nan
from pathlib import Path

from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.errors import UsageError
from kuzushiji.models import MODELS, PRESETS, VARIANTS, list_models, resolve
from kuzushiji.numbers import short


def models(
    name: str | None = None,
    /,
    *,
    classes: int = 10,
    image_size: int = 28,
    draw: Path | None = None,
    dark: bool = False,
    pretrained: bool = False,
    json: bool = False,
) -> None:
    """List the networks; describe and draw one.

    Parameters
    ----------
    name
        A network to describe, or a pattern such as "cnn*" for those to list.
    classes
        Number of classes to count for.
    image_size
        Height and width in pixels to count for.
    draw
        Draw the layers of the network into this .svg, .png or .pdf file.
    dark
        Draw for a dark page.
    pretrained
        List the trained networks that ship with the package instead, for `kuzushiji recognize`.
    json
        Print as JSON.
    """
    if pretrained:
        if name is not None or draw is not None:
            raise UsageError("--pretrained lists what ships; it takes neither a name nor --draw")
        _list_pretrained(json)
    elif name is not None and not set(name) & set("*?["):
        _describe(name, classes, image_size, draw, dark, json)
    elif draw is not None:
        raise UsageError("--draw draws one network; say which, such as: kuzushiji models resnet --draw resnet.svg")
    else:
        _list(name or "*", classes, image_size, json)


def _list(pattern: str, classes: int, image_size: int, json: bool) -> None:
    names = list_models(pattern)
    if not names:
        raise UsageError(f"no network has a name like {pattern}; there are {', '.join(list_models())}")
    from kuzushiji.models.inspection import describe_model

    described = []
    for name in names:
        # Where images are too small for some of the networks, the others are counted nevertheless; those that need a
        # package more are counted when they are asked for by name, for it takes seconds to import.
        uncounted = 0 < image_size < MODELS[name].smallest or MODELS[name].extra
        described.append(describe_model(name, classes=classes, image_size=image_size, count=not uncounted))
    if json:
        print_json([asdict(each) for each in described])
        return
    rows = []
    for each in described:
        needs = "" if each.extra else f"needs {each.smallest_image_size} px"
        parameters = needs if each.parameters is None else f"{each.parameters:,}"
        macs = "" if each.macs is None else short(each.macs, (" k", " M", " G"))
        rows.append((each.name, parameters, macs, each.recipe, each.source))
    print_table(["network", "parameters", "MACs", "recipe", "source"], rows, right=(1, 2))
    notes.print(
        f"counted for {classes} classes and {image_size} x {image_size} pixels; --classes and --image-size change it"
    )
    notes.print(f"names with a recipe: {', '.join(VARIANTS)}; whole trainings: {', '.join(PRESETS)}")
    for extra in sorted({each.extra for each in described} - {""}):
        needing = ", ".join(each.name for each in described if each.extra == extra)
        notes.print(f"counted only one by one: {needing} (pip install 'kuzushiji[{extra}]')", markup=False)


def _list_pretrained(json: bool) -> None:
    from kuzushiji.exported import open_network
    from kuzushiji.reading.pretrained import ALL, complementary, pretrained

    found = {name: (path, open_network(path)[0]) for name, path in pretrained().items()}
    if json:
        described = []
        for name, (path, about) in found.items():
            value, low, high = about.accuracy or (None, None, None)
            described.append(
                {
                    "name": name,
                    "network": about.network,
                    "dataset": about.dataset,
                    "classes": len(about.classes),
                    "image_size": about.image_size,
                    "bytes": path.stat().st_size,
                    "precision": about.precision,
                    "accuracy": {"value": value, "low": low, "high": high, "images": about.tested_on},
                    "unsure_below": about.unsure_below,
                    "licence": about.licence,
                    "attribution": about.attribution,
                    "file": str(path),
                    "card": str(path.with_suffix(".md")),
                }
            )
        print_json(described)
        return
    rows = []
    for name, (path, about) in found.items():
        value, low, high = (100 * share for share in about.accuracy or (nan, nan, nan))
        accuracy = f"{value:.2f} ({low:.2f}–{high:.2f})" if about.accuracy else "not tested"
        megabytes = f"{path.stat().st_size / 1e6:.2f} MB"
        rows.append((name, f"{len(about.classes):,}", megabytes, about.dataset, accuracy, about.licence))
    print_table(["name", "classes", "size", "data", "accuracy, %", "licence"], rows, right=(1, 2))
    for words in dict.fromkeys(about.attribution for _, about in found.values() if about.attribution):
        notes.print(f"data: {words}", markup=False, soft_wrap=True)
    if found:
        asked = f"{', '.join(ALL)} together" if set(ALL) <= set(found) else " and ".join(complementary())
        notes.print(f"where none is named, `kuzushiji recognize` asks {asked}", soft_wrap=True)
    notes.print("the card of each lies beside its file (--json names it)")


def _describe(name: str, classes: int, image_size: int, draw: Path | None, dark: bool, json: bool) -> None:
    resolve(name)  # a wrong name is told before PyTorch is imported
    from kuzushiji.models.inspection import describe_model, list_layers, outline_model

    described = describe_model(name, classes=classes, image_size=image_size)
    model = outline_model(described.name, classes=classes, image_size=image_size)
    layers = list_layers(model, image_size)
    if draw is not None:
        from kuzushiji.plots.files import save
        from kuzushiji.plots.layers import layer_figure

        save(layer_figure(model, image_size, dark), draw)
        notes.print(f"drawn into {draw}", markup=False, soft_wrap=True)
    if json:
        print_json(asdict(described) | {"layers": [vars(layer) for layer in layers]})
        return
    print_table(
        ["layer", "kind", "output", "parameters", "MACs"],
        [
            (
                layer.name,
                layer.kind,
                " x ".join(map(str, layer.output_shape)),
                f"{layer.parameters:,}" if layer.parameters else "",
                f"{layer.macs:,}" if layer.macs else "",
            )
            for layer in layers
        ],
        right=(3, 4),
    )
    options = ", ".join(f"{option}={value}" for option, value in described.options.items())
    macs = "as many as the training images that it keeps ask for"
    if described.macs is not None:
        macs = f"{described.macs:,} for one image of {image_size} x {image_size} pixels"
    facts = {
        described.name: described.summary,
        "parameters": f"{described.parameters:,}",
        "MACs": macs,
        "recipe": described.recipe,
        "options": options or "none",
        "made for": f"{described.made_for_classes} classes, {described.made_for_image_size} pixels",
        "source": f"{described.source}; {described.reference}",
    }
    for fact, value in facts.items():
        results.print(f"{fact:<12}{value}", markup=False, soft_wrap=True)
