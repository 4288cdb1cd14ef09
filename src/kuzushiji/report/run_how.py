"""Of a run's page, what was trained on what, how, where and how long."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from kuzushiji.models import MODELS
from kuzushiji.numbers import duration, short
from kuzushiji.records import as_plain
from kuzushiji.report.document import (
    Block,
    Code,
    Column,
    Columns,
    Commands,
    Details,
    Facts,
    Figures,
    Heading,
    Note,
    Paragraph,
    Quiet,
    Strong,
    Table,
    Text,
)
from kuzushiji.report.material import Material
from kuzushiji.runs.recipe import Recipe


def how(material: Material, figures: Figures) -> tuple[Block, ...]:
    """Data, network, training and machine; recipe, files, command, and how the training went."""
    config = material.config
    facts = (_data(material), _network(material), _training(material), _machine(material))
    blocks: list[Block] = [Columns(tuple((each,) for each in facts))]
    blocks += [Note(f"{data.title}: {data.description}") for data in material.sources]
    blocks += [Note(f"Odd about the images: {note}.") for note in config.data.notes]
    blocks += [Heading("Recipe"), *_recipe(material)]
    if config.data.source:
        rows = tuple((file, Code(digest)) for file, digest in sorted(config.data.source.items()))
        files = Table((Column(), Column()), rows, "Files")
        blocks.append(Details("The files that were read, with their SHA-256", (files,)))
    if config.command:
        blocks += [Heading("To repeat it"), Commands((config.command,))]
    if "curves" in figures:
        note = (
            f"Training images are measured {_as_changed(config.recipe)}while the network still learns, validation "
            "images after each epoch as they are."
        )
        kept = f" The weights of epoch {material.kept_epoch} were kept." if material.kept_epoch else ""
        blocks += [Heading("Loss and accuracy"), figures["curves"], Note(note + kept)]
    return tuple(blocks)


def _as_changed(recipe: Recipe) -> str:
    """What was done to the training images, as the beginning of a list; empty if nothing was."""
    done = [*["augmented"] * recipe.augments, *["mixed"] * recipe.mixes]
    return f"as they were {' and '.join(done)}, and " if done else ""


def _data(material: Material) -> Facts:
    dataset = material.config.data
    height, width = material.image_size
    facts = [("Dataset", material.dataset_title)]
    if material.dataset_title != dataset.name and "/" not in dataset.name:
        facts.append(("Name", dataset.name))
    facts += [("Characters", f"{len(material.classes):,}"), ("Image size", f"{height} × {width} pixels")]
    for name, split in dataset.splits.items():
        facts.append(({"train": "Training"}.get(name, name.capitalize()) + " images", f"{split.count:,}"))
    if rare := dataset.rare:
        count, images = f"{rare.characters:,}", f"{rare.images:,}"
        facts.append(("Rare", f"{count} characters with {images} training images count as one, “rare”"))
    if dataset.choice.limit:
        facts.append(("Limit", f"at most {dataset.choice.limit:,} training images were taken"))
    return Facts(tuple(facts), "Data")


def _network(material: Material) -> Facts:
    model, start = material.config.model, material.config.start
    facts = [("Name", model.name)]
    if model.name in MODELS:
        entry = MODELS[model.name]
        facts += [("What", entry.summary), ("From", f"{entry.source}; {entry.reference}")]
    facts += [(f"Option {name}", str(value)) for name, value in model.options.items()]
    facts.append(("Parameters", f"{model.parameters:,}"))
    if start:
        source = ("the run " if start.kind == "run" else "") + Path(start.name).name
        if start.known_classes:
            source += f", which knew {start.known_classes:,} of the classes"
        if start.unfrozen is not None:
            source += f"; of its layers only the last {start.unfrozen} are trained"
        facts.append(("Starts from", source))
    if material.model is not None and not MODELS[model.name].fitted:
        # Those of a fitted one depend on how many training images it keeps.
        from kuzushiji.models.inspection import count_macs

        facts.append(("Multiplications", f"{short(count_macs(material.model, material.image_size))} an image"))
    return Facts(tuple(facts), "Network")


def _training(material: Material) -> Facts:
    config, metrics = material.config, material.run.metrics
    facts = [
        ("Recipe", config.recipe_name),
        ("Epochs", f"{len(metrics)} of {config.recipe.epochs}"),
        ("Time", duration(material.run.seconds)),
    ]
    speeds = [line["images_per_second"] for line in metrics if line.get("images_per_second")]
    if speeds:
        facts.append(("Speed", f"{np.median(speeds):,.0f} images a second"))
    facts.append(("Started", (config.created or "unknown").replace("T", " ").replace("+00:00", " UTC")))
    return Facts(tuple(facts), "Training")


def _machine(material: Material) -> Facts:
    machine = material.config.machine
    facts: list[tuple[str, object]] = [
        ("Processor", machine.processor),
        ("Cores", machine.cores),
        ("Memory", f"{machine.memory_gib} GiB" if machine.memory_gib else None),
        ("Device", machine.device),
        *material.config.versions.items(),
    ]
    return Facts(tuple((name, str(value)) for name, value in facts if value not in (None, "")), "Machine")


def _recipe(material: Material) -> list[Block]:
    """What differs from the default recipe, and the rest folded away."""
    default = as_plain(Recipe())
    meanings = {entry.name: entry.metadata["help"] for entry in fields(Recipe)}
    changed: list[tuple[Text, ...]] = []
    same: list[tuple[Text, ...]] = []
    for name, value in material.config.recipe_values.items():
        meaning = meanings.get(name, "")
        if name in default and value == default[name]:
            same.append((Code(name), _plain(value), meaning))
        else:
            changed.append((Code(name), Strong(_plain(value)), Quiet(_plain(default.get(name, ""))), meaning))
    blocks: list[Block] = []
    if changed:
        columns = (Column("field"), Column("value"), Column("default"), Column("meaning", "note"))
        blocks += [Paragraph("What differs from the default recipe:"), Table(columns, tuple(changed), "Recipe")]
    else:
        blocks.append(Paragraph("It is the default recipe, with nothing changed."))
    if same:
        rest = Table((Column(), Column(), Column("", "note")), tuple(same), "Rest of the recipe")
        blocks.append(Details(f"The other {len(same)} fields, as in the default recipe", (rest,)))
    return blocks


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
