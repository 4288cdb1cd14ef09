"""An exploration as a page, with its numbers as JSON and its figures beside it."""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import parents
from kuzushiji.data.source import published_in, title_of
from kuzushiji.explore.balance import Balance
from kuzushiji.explore.exploration import PIXELS, Exploration
from kuzushiji.explore.findings import findings
from kuzushiji.explore.projection import METHODS, NEIGHBOURS, Projection
from kuzushiji.explore.samples import LOOKED_AT, ClassForms, Samples
from kuzushiji.files import write_text
from kuzushiji.numbers import duration, percent
from kuzushiji.plots.files import save_all
from kuzushiji.report.credit import credit
from kuzushiji.report.document import (
    Block,
    Break,
    Code,
    Column,
    Columns,
    Commands,
    Document,
    Facts,
    Figures,
    Gallery,
    Heading,
    Japanese,
    Link,
    Note,
    Paragraph,
    Points,
    Quiet,
    Section,
    Strong,
    Table,
    Text,
    Thumbnail,
)
from kuzushiji.report.explore_figures import SHOWN_COMPONENTS, exploration_figures, plain_figures, typical
from kuzushiji.report.explore_health import health_section
from kuzushiji.report.html import as_html

OPENING = 12


def write_exploration(
    found: Exploration, folder: Path, *, figures: bool = True, tell: Callable[[str], None] = lambda name: None
) -> list[Path]:
    """Writes `explore.html`, which needs nothing beside it, `explore.json` and the figures.

    Args:
        found: what was found.
        folder: where they go; it is made if it is not there.
        figures: whether to write each figure into `figures/` too, as `save_all` does.
        tell: called with the name of each figure before it is drawn.

    Returns:
        The files, the page first.

    Raises:
        KuzushijiError: a file could not be written.
    """
    written = [folder / "explore.html", folder / "explore.json"]
    write_text(written[0], as_html(exploration_document(found), tell))
    write_text(written[1], json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n")
    if figures:
        written += save_all(exploration_figures(found), folder / "figures", tell)
    return written


def exploration_document(found: Exploration) -> Document:
    """Everything that is to be read, in order; what was not looked at is left out."""
    told, figures = findings(found), plain_figures(found)
    height, width = found.main_split.image_size
    counts = ", ".join(f"{len(images):,} {name}" for name, images in found.splits.items())
    lead = (
        f"{sum(map(len, found.splits.values())):,} images of {len(found.main_split.classes):,} characters, {height} × "
        f"{width} pixels each: {counts}."
    )
    if found.limit:
        lead += f" At most {found.limit:,} images of each split were taken."
    sections: list[Section | None] = []
    if found.samples is not None:
        sections += [_random(found, found.samples), _forms(found, found.samples, told)]
    if found.balance is not None:
        sections.append(_balance(found, found.balance, told, figures))
    if found.projection is not None:
        sections.append(_projection(found, found.projection, told, figures))
    if found.health is not None:
        sections.append(health_section(found, found.health, told, figures))
    sources = published_in(found.name)
    return Document(
        title=f"{title_of(found.name)}, explored",
        lead=(Paragraph(lead), *([Points(tuple(told.values()))] if told else [])),
        opening=_opening(found),
        sections=(*(section for section in sections if section is not None), _how(found)),
        footer=(*credit(sources, shows_images=True), (Code(found.name), ", explored.")),
    )


def _thumbnails(images: NDArray[Any], characters: Iterable[str], captioned: bool = False) -> tuple[Thumbnail, ...]:
    """Images with values of 0 to 255, of these characters, which stand below them if they are captioned."""
    return tuple(
        Thumbnail(np.clip(image, 0, 255).astype(np.uint8), character, Japanese(character) if captioned else "")
        for image, character in zip(images, characters, strict=True)
    )


def _opening(found: Exploration) -> tuple[Thumbnail, ...]:
    """Some images at random, each of another class where there are so many."""
    split = found.main_split
    order = np.random.default_rng(found.seed).permutation(len(split))
    _, first = np.unique(split.labels[order], return_index=True)
    chosen = order[np.sort(first)[:OPENING]]
    return _thumbnails(split.images[chosen], [split.classes[label] for label in split.labels[chosen]])


def _source(found: Exploration) -> str:
    """What forms and maps are made from."""
    return "the pixels" if found.on == PIXELS else f"the embedding of the network of {found.on}"


def _random(found: Exploration, samples: Samples) -> Section:
    split = found.main_split
    characters = [split.classes[label] for label in split.labels[samples.random]]
    note = f"Drawn from {split.split} with seed {found.seed}, each with the character that it is labelled as."
    gallery = Gallery(_thumbnails(split.images[samples.random], characters, captioned=True))
    title = f"{len(characters)} images at random"
    return Section("samples", title, (Note(note), gallery), "Samples", shows_data=True)


def _forms(found: Exploration, samples: Samples, told: dict[str, str]) -> Section | None:
    if not samples.classes:
        return None
    note = (
        "A kana was written after several parent kanji, so that images of one character can look like two. For each "
        "character: the mean image and how much each pixel varies; then its forms, grouped by "
        f"{_source(found)}, each with its share and images from its typical half. Two forms are told apart only where "
        f"they are clearer than chance would have it. At most {LOOKED_AT} images of a character are looked at."
    )
    images = found.main_split.images
    rows = tuple(_form_row(each, images) for each in samples.classes)
    columns = (Column("character", "word"), Column("all of it", "word"), Column("forms"))
    every = len(rows) >= np.count_nonzero(found.main_split.class_counts())
    title = f"The forms of {'each character' if every else 'the most frequent characters'}"
    table = Table(columns, rows, "Forms", stacked=True)
    return Section("forms", title, (Paragraph(told["forms"]), Note(note), table), "Forms", shows_data=True)


def _form_row(each: ClassForms, images: NDArray[np.uint8]) -> tuple[Text, ...]:
    """A character with its count and parents, its mean, its spread, and a line for each of its forms."""
    character = each.character
    known = " ".join(parents(character)[:6]) if len(character) == 1 else ""
    below: Text = (f"{each.count:,} images", Break(), "from ", Japanese(known)) if known else f"{each.count:,} images"
    mean, spread = _thumbnails(np.stack([each.mean, 2 * each.spread]), [character, character])
    measured = replace(mean, caption="mean"), replace(spread, caption="spread")
    forms: list[Text] = []
    for form, share in zip(each.forms, each.shares, strict=True):
        shown = typical(form)
        forms += [*_thumbnails(images[shown], [character] * len(shown)), Quiet(percent(share, 0)), Break()]
    return (Japanese(character, large=True), Break(), Quiet(below)), measured, tuple(forms[:-1])


def _balance(found: Exploration, balance: Balance, told: dict[str, str], figures: Figures) -> Section:
    facts = [
        ("Characters with images", f"{balance.present:,} of {len(balance.classes):,}"),
        ("As hard to guess as", f"{balance.effective_classes:,.1f} characters of equal frequency"),
        ("Images of the rarest kept", f"{balance.rarest_kept:,}"),
    ]
    for name in balance.counts:
        if name != balance.deciding:
            facts.append((f"Kept of {name}", percent(balance.covered(name), 1)))
            if balance.unseen(name):
                facts.append((f"Unseen in {name}", f"{balance.unseen(name):,} images of characters without any"))
    blocks: list[Block] = [Paragraph(told["balance"]), figures["balance"]]
    if len(balance.classes) > 64:
        blocks.append(Note("Both axes are logarithmic: a step to the right or up is ten times as many."))
    cut_off = Heading("Where to cut off"), Paragraph(told["cut-off"]), figures["coverage"], Facts(tuple(facts))
    blocks += cut_off
    if balance.merged > 1:
        command = f"kuzushiji train resnet --data {found.name} --cover {balance.cover:g}"
        blocks += [Heading("To train with this cut-off"), Commands((command,))]
    return Section("balance", "How often each character occurs", tuple(blocks), "Balance")


def _projection(found: Exploration, projection: Projection, told: dict[str, str], figures: Figures) -> Section:
    blocks: list[Block] = [Paragraph(told["maps"])] if "maps" in told else []
    blocks.append(Note(_how_mapped(found, projection)))
    shown = projection.shown_classes
    classes = found.mapped_split.classes
    if len(shown) < np.count_nonzero(found.mapped_split.class_counts()):
        blocks.append(Note(("Shown: ", *(text for label in shown for text in (Japanese(classes[label]), " ")))))
    if projection.maps:
        blocks += [*([figures["map-measures"]] if "map-measures" in figures else []), _maps_table(projection)]
    blocks += [Note(reason) for reason in projection.missing.values()]
    if projection.maps:
        blocks.append(Columns(tuple((figures[f"map-{each.method}"],) for each in projection.maps), least=38))
    if projection.components is not None:
        note = (
            f"The first of them as images, computed from {projection.components.count:,} images: ink of one colour is "
            "added where the other is taken away. The share of the variance stands below each."
        )
        components = Gallery(_components(projection), roomy=True)
        told_of = Heading("Principal components"), Paragraph(told["components"])
        blocks += [*told_of, figures["variance"], Note(note), components]
    return Section("maps", "In two dimensions", tuple(blocks), "Maps", shows_data=True)


def _how_mapped(found: Exploration, projection: Projection) -> str:
    """Which images the maps are of, and what their measures say."""
    count = len(projection.shown_classes)
    every = count == np.count_nonzero(found.mapped_split.class_counts())
    is_shrunk = tuple(projection.components_size) not in ((0, 0), found.mapped_split.image_size)
    text = (
        f"{len(projection.numbers):,} images of {projection.split}, equally many of "
        f"{'all' if every else 'the most frequent'} {count} characters as far as they have them (seed {found.seed}), "
        f"from {_source(found)}{' at a part of their size' if is_shrunk else ''}: {projection.dimensions:,} dimensions."
    )
    if projection.learned_from:
        text += f" Methods that learn a projection learned it from {projection.learned_from:,} other images."
    return (
        f"{text} Trustworthiness says how far the {NEIGHBOURS} nearest neighbours on the map are neighbours in truth; "
        "a map at random has about 50%. Accuracy is the share of images whose character these neighbours name; "
        f"without a map, in all dimensions, it is {percent(projection.accuracy, 1)}."
    )


def _maps_table(projection: Projection) -> Table:
    """How good each map is; the best of either measure stands out."""
    best = {
        measure: max(getattr(each, measure) for each in projection.maps) for measure in ("trustworthiness", "accuracy")
    }
    rows = []
    for each in projection.maps:
        method = METHODS[each.method]
        measures = []
        for measure, highest in best.items():
            value = getattr(each, measure)
            measures.append(Strong(percent(value, 1)) if value == highest else percent(value, 1))
        link = Link(method.title, f"#figure-map-{each.method}")
        rows.append((link, *measures, duration(each.seconds), f"{method.summary} ({method.source})"))
    numbers = (Column(title, "number") for title in ("trustworthiness", "accuracy", "time"))
    return Table((Column("method", "word"), *numbers, Column("what it keeps", "note")), tuple(rows), "Maps")


def _components(projection: Projection) -> tuple[Thumbnail, ...]:
    """The first components as images of what they add and of what they take away."""
    components = projection.components
    assert components is not None
    shown = []
    axes = components.axes[:SHOWN_COMPONENTS].reshape(-1, *projection.components_size)
    for share, axis in zip(components.explained, axes, strict=False):
        scaled = 255 * axis / max(float(np.abs(axis).max()), 1e-12)
        more, less = (np.maximum(part, 0).astype(np.uint8) for part in (scaled, -scaled))
        shown.append(Thumbnail(more, "a principal component", percent(float(share), 1), less=less))
    return tuple(shown)


def _how(found: Exploration) -> Section:
    parts = [Facts(tuple((part, duration(seconds)) for part, seconds in found.seconds.items()), "Parts")]
    if found.projection is not None and found.projection.maps:
        times = ((METHODS[each.method].title, duration(each.seconds)) for each in found.projection.maps)
        parts.append(Facts(tuple(times), "Maps"))
    if found.health is not None:
        steps = ((step, duration(seconds)) for step, seconds in found.health.seconds.items())
        parts.append(Facts(tuple(steps), "Health"))
    note: Text = (
        f"All draws have the seed {found.seed}. The numbers are in ",
        Code("explore.json"),
        " beside this page.",
    )
    return Section("how", "How long it took", (Columns(tuple((part,) for part in parts)), Note(note)), "How")
