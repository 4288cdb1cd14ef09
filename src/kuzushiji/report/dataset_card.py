"""The card of a data set that is put into a repository: what it holds, how it was made, and whose it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.catalogue.sets import Dataset
from kuzushiji.report.document import Block, Column, Commands, Details, Document, Link, Paragraph, Quote, Section, Table

LISTED = 60
"""So many classes are listed as they are; more are folded away."""


@dataclass(frozen=True)
class DatasetFacts:
    """What is said of a data set.

    Attributes:
        name: `OWNER/NAME` of the repository.
        title: what its data is called.
        classes: the characters, in the order of the labels.
        counts: split -> number of images of each class.
        image_size: height and width in pixels.
        sources: the sets of the catalogue that the images are of.
        licence, licence_url: under which it may be passed on; empty where nothing is known.
        command: that wrote it.
        note: what its maker says of it.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    counts: Mapping[str, NDArray[np.int64]]
    image_size: tuple[int, int]
    sources: Sequence[Dataset]
    licence: str
    licence_url: str
    command: str
    note: str = ""

    @property
    def count(self) -> int:
        """Number of images."""
        return int(sum(each.sum() for each in self.counts.values()))


def dataset_card(facts: DatasetFacts) -> Document:
    """Everything that is to be read, in order."""
    splits = ", ".join(f"{int(each.sum()):,} for {split}" for split, each in facts.counts.items())
    height, width = facts.image_size
    held = (
        f"{facts.count:,} images of {len(facts.classes):,} characters of kuzushiji, the cursive script of old Japan: "
        f"{splits}; {height} x {width} pixels, grey, ink bright on black."
    )
    lead: list[Block] = [Paragraph(held), *([Paragraph(facts.note)] if facts.note else [])]
    told = dict.fromkeys(source.description for source in facts.sources)
    lead += [Paragraph(text) for text in told]
    return Document(
        title=facts.name.partition("/")[2],
        lead=tuple(lead),
        sections=(
            Section("use", "Use", _use(facts)),
            Section("classes", "Classes", (_classes(facts),)),
            Section("licence", "Licence", tuple(_licence(facts))),
        ),
    )


def _use(facts: DatasetFacts) -> tuple[Block, ...]:
    split = next(iter(facts.counts))
    return (
        Commands(
            (
                'pip install "kuzushiji[train,hub,parquet]"',
                f"kuzushiji explore hf:{facts.name}",
                f"kuzushiji train resnet --data hf:{facts.name}",
            )
        ),
        Commands(
            (
                "import kuzushiji, datasets",
                "",
                f'kuzushiji.load("hf:{facts.name}", "{split}").images',
                f'datasets.load_dataset("{facts.name}", split="{split}")[0]["image"]',
            ),
            "python",
        ),
    )


def _classes(facts: DatasetFacts) -> Block:
    counted = (Column(split, "number") for split in facts.counts)
    columns = (Column("label", "number"), Column("character"), *counted)
    rows = tuple(
        (str(label), name, *(f"{each[label]:,}" for each in facts.counts.values()))
        for label, name in enumerate(facts.classes)
    )
    table = Table(columns, rows, label="Images of each class")
    return table if len(rows) <= LISTED else Details(f"{len(rows):,} classes", (table,))


def _licence(facts: DatasetFacts) -> list[Block]:
    blocks: list[Block] = []
    if facts.licence:
        named = Link(facts.licence, facts.licence_url) if facts.licence_url else facts.licence
        says = ". Who passes them on says:" if facts.sources else "."
        blocks.append(Paragraph(("The images are under ", named, says)))
    else:
        blocks.append(Paragraph("The licence of the images is that of their makers; nothing is known of it here."))
    if facts.sources:
        blocks.append(Quote(tuple(dict.fromkeys(source.attribution for source in facts.sources))))
    blocks += [Paragraph((f"{each.title}: ", Link(each.homepage, each.homepage))) for each in facts.sources]
    blocks.append(Paragraph("Each image is a PNG in a parquet file, with the pixels that it had when this was called:"))
    blocks.append(Commands((facts.command,)))
    citations = tuple(dict.fromkeys(source.citation for source in facts.sources))
    return [*blocks, *([Commands(citations, "bibtex")] if citations else [])]
