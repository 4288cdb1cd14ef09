"""Of the page of an exploration, what may be wrong with the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from kuzushiji.explore.duplicates import Group
from kuzushiji.explore.exploration import PIXELS, Exploration
from kuzushiji.explore.health import Health
from kuzushiji.explore.mislabelled import FEWEST
from kuzushiji.numbers import percent
from kuzushiji.report.document import (
    Block,
    Break,
    Columns,
    Figures,
    Gallery,
    Heading,
    Japanese,
    Note,
    Paragraph,
    Section,
    Text,
    Thumbnail,
)
from kuzushiji.report.explore_figures import SHOWN_GROUPS, SHOWN_SUSPECTS

SHOWN_BLANKS = 60
SHOWN_OF_A_GROUP = 6
SHOWN_OF_A_SIDE = 12


def health_section(found: Exploration, health: Health, told: dict[str, str], figures: Figures) -> Section:
    """Blank images, duplicates, doubtful labels, and how train and test differ.

    Args:
        found: the whole exploration.
        health: the part of it.
        told: sentences by the name of what they are about.
        figures: by their names.
    """
    blocks = [
        *(Heading("Blank images"), Paragraph(told["blanks"]), *_blanks(health)),
        *(Heading("Duplicates"), Paragraph(told["duplicates"]), *_duplicates(found, health)),
        *(Heading("Labels"), Paragraph(told["labels"]), *_labels(health)),
        *(Heading("Train and test"), Paragraph(told["shift"]), *_shift(health, figures)),
    ]
    return Section("health", "What may be wrong with it", tuple(blocks), "Health", shows_data=True)


def _blanks(health: Health) -> list[Block]:
    shown = [health.pool.describe(number) for number in health.blanks[:SHOWN_BLANKS].tolist()]
    if not shown:
        return []
    named = [(Japanese(blank["character"]), f" {blank['split']} {blank['id']}") for blank in shown]
    more = len(health.blanks) - len(shown)
    listed = [text for each in named for text in (each, ", ")][:-1]
    return [Note((*listed, f" and {more:,} more" if more else ""))]


def _duplicates(found: Exploration, health: Health) -> list[Block]:
    blocks: list[Block] = []
    if health.compared + len(health.blanks) < len(health.pool):
        what = "near duplicates and labels" if found.on == PIXELS else "near duplicates"
        blocks.append(
            Note(
                f"{health.compared:,} images, drawn with seed {found.seed}, were compared for {what}; equal ones were "
                "looked for among all."
            )
        )
    for title, groups in (("Equal to the pixel", health.exact), ("Nearly equal", health.near)):
        if groups:
            blocks += [Heading(title, 4), *_groups(health, groups)]
    return blocks


def _groups(health: Health, groups: Sequence[Group]) -> list[Block]:
    """Groups of duplicates: those with different labels matter most, then those across splits."""
    shown = sorted(groups, key=lambda each: (not each.labels_differ, not each.between_splits))[:SHOWN_GROUPS]
    blocks: list[Block] = []
    if len(shown) < len(groups):
        first = "those with different labels first, then those across splits."
        blocks.append(Note(f"{len(shown)} of {len(groups):,} groups: {first}"))
    cells = []
    for group in shown:
        more = len(group.numbers) - SHOWN_OF_A_GROUP
        gallery = Gallery(_group(health, group.numbers[:SHOWN_OF_A_GROUP]))
        cells.append((gallery, Note(f"and {more:,} more")) if more > 0 else (gallery,))
    differ = frozenset(number for number, group in enumerate(shown) if group.labels_differ)
    return [*blocks, Columns(tuple(cells), framed=True, marked=differ)]


def _group(health: Health, numbers: tuple[int, ...]) -> tuple[Thumbnail, ...]:
    images = health.pool.images(np.array(numbers))
    shown = []
    for image, where in zip(images, map(health.pool.describe, numbers), strict=True):
        caption = Japanese(where["character"]), Break(), where["split"], Break(), str(where["id"])
        shown.append(Thumbnail(image, where["character"], caption))
    return tuple(shown)


def _labels(health: Health) -> list[Block]:
    note = Note(
        "Confident learning (Northcutt, Jiang and Chuang 2021): a label is doubtful where the judge is surer of "
        "another character than it is, on average, of images of that character, and surer than of the label. Nobody "
        f"judges what he has learned from. Characters with fewer than {FEWEST} images are not judged."
    )
    pool, suspects = health.pool, health.suspects
    places = suspects.places[:SHOWN_SUSPECTS]
    if not len(places):
        return [note]
    shown = []
    for number, (image, place) in enumerate(zip(pool.images(places), places.tolist(), strict=True)):
        where: dict[str, Any] = pool.describe(place)
        like = pool.classes[suspects.suggested[number]]
        caption: Text = (
            *("is ", Japanese(where["character"]), f" {percent(float(suspects.given_share[number]), 0)}", Break()),
            *("like ", Japanese(like), f" {percent(float(suspects.suggested_share[number]), 0)}", Break()),
            f"{where['split']} {where['id']}",
        )
        shown.append(Thumbnail(image, where["character"], caption))
    blocks: list[Block] = [note]
    if len(shown) < len(suspects.places):
        then = "each with its label, then what it seems to be, and how sure the judge is of either:"
        blocks.append(Note(f"The {len(shown)} likeliest, {then}"))
    return [*blocks, Gallery(tuple(shown), roomy=True)]


def _shift(health: Health, figures: Figures) -> list[Block]:
    shift = health.shift
    if shift is None:
        return []
    blocks: list[Block] = [
        Note(
            f"A classifier was trained to tell {shift.first} from {shift.second} images, {shift.count:,} of each and "
            "equally many of every character, and judged images that it had not seen. Its AUC is the chance that of "
            "one image of each it knows which is which: 0.5 is guessing."
        ),
        figures["shift"],
    ]
    for name, numbers in ((shift.first, shift.first_numbers), (shift.second, shift.second_numbers)):
        shown = numbers[:SHOWN_OF_A_SIDE]
        characters = [health.pool.classes[label] for label in health.pool.labels[shown]]
        images = zip(health.pool.images(shown), characters, strict=True)
        strip = tuple(Thumbnail(image, character) for image, character in images)
        blocks += [Note(f"Most typical of {name}:"), Paragraph(strip)]
    return blocks
