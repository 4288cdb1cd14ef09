"""Of a run's page, the images: what is taken for what, the first, the surest mistakes, and some of each character."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kuzushiji.evaluation.confusions import Confusion, most_confused
from kuzushiji.numbers import percent
from kuzushiji.report.document import (
    Block,
    Break,
    Column,
    Columns,
    Figures,
    Gallery,
    Heading,
    Japanese,
    Link,
    Note,
    Paragraph,
    Quiet,
    Section,
    Table,
    Text,
    Thumbnail,
)
from kuzushiji.report.material import SHOWN_CLASSES, Material
from kuzushiji.report.run_figures import FIRST

SHOWN_MISTAKES = 40
SHOWN_PAIRS = {False: 12, True: 30}
"""How many of the most confused pairs are shown where there are few classes, and where there are many."""

EXAMPLES = 6
PAIR_EXAMPLES = 4
OPENING = 12
"""How many images stand at the top of the page."""

NO_IMAGES = Note(
    ("There is nothing to show here without the test images, which ", Link("could not be had", "#images"), ".")
)


def _thumbnails(material: Material, numbers: Iterable[int]) -> tuple[Thumbnail, ...]:
    """The images of some predictions; none without images."""
    if material.images is None:
        return ()
    rows = np.array(list(numbers), dtype=np.int64)
    actual = material.predictions.labels[rows]
    images = material.images_of(rows)
    return tuple(Thumbnail(image, material.classes[label]) for image, label in zip(images, actual, strict=True))


def _surest(material: Material, numbers: NDArray[np.int64], count: int) -> list[int]:
    return numbers[np.argsort(-material.certainty[numbers], kind="stable")][:count].tolist()


def opening(material: Material) -> tuple[Thumbnail, ...]:
    """Images that the network is sure of and right about, each of another class, spread over all classes."""
    order = np.argsort(-material.certainty, kind="stable")
    order = order[~material.wrong[order]]
    _, first = np.unique(material.predictions.labels[order], return_index=True)
    chosen = order[first]
    spread = np.unique(np.linspace(0, len(chosen) - 1, min(OPENING, len(chosen))).round().astype(int))
    return _thumbnails(material, chosen[spread].tolist())


def confusions(material: Material, figures: Figures) -> tuple[Block, ...]:
    """The confusion matrix, and the most confused pairs with images of the one taken for the other."""
    blocks: list[Block] = []
    if "confusion" in figures:
        note = (
            "A row for each actual character, a column for each prediction. The strength of a cell is the square root "
            "of its share of the row, so that rare confusions show too."
        )
        blocks += [figures["confusion"], Note(note)]
    pairs = most_confused(material.evaluation.confusion, material.classes, SHOWN_PAIRS[material.many_classes])
    if not pairs:
        return (*blocks, Paragraph("Nothing was taken for anything else."))
    cells = tuple(_pair(material, pair) for pair in pairs)
    return (*blocks, Heading(f"The {len(pairs)} most frequent confusions"), Columns(cells, least=28))


def _pair(material: Material, pair: Confusion) -> tuple[Block, ...]:
    """Two characters, how often one is taken for the other, and images of both."""
    actual, other = Japanese(pair.true), Japanese(pair.predicted)
    labels, predicted = material.predictions.labels, material.predictions.predicted
    true, taken_for = (material.classes.index(character) for character in (pair.true, pair.predicted))
    support = material.evaluation.per_class[true].support
    head = Paragraph((Japanese(pair.true, large=True), Quiet("taken for "), Japanese(pair.predicted, large=True)))
    count = Paragraph(Quiet(f"{pair.count:,} of {support:,}, {percent(pair.share, 1)}"))
    if material.images is None:
        return head, count
    wrong = np.flatnonzero((labels == true) & (predicted == taken_for))
    mistaken = _thumbnails(material, _surest(material, wrong, PAIR_EXAMPLES))
    real = _thumbnails(material, np.flatnonzero(labels == taken_for)[:PAIR_EXAMPLES].tolist())
    compared: Text = real or Quiet("not among the test images")
    sides = (
        (Paragraph((*mistaken, Break(), Quiet((actual, " read as ", other)))),),
        (Paragraph((compared, Break(), Quiet((other, " to compare")))),),
    )
    return head, count, Columns(sides, least=12)


def first_images(material: Material) -> Section:
    """The first test images as they come, the wrong ones marked."""
    count = min(FIRST, len(material.predictions))
    title = f"The first {count if count > 1 else ''} test image{'s' if count > 1 else ''}".replace("  ", " ")
    if material.images is None:
        blocks: tuple[Block, ...] = (
            Note(f"The test images could not be had when this report was written: {material.missing_images}"),
        )
        return Section("images", title, blocks, "Images")
    shown = []
    for number, each in enumerate(_thumbnails(material, range(count))):
        label, predicted = material.predictions.labels[number], material.predictions.predicted[number]
        caption = "P ", Japanese(material.classes[predicted]), " A ", Japanese(material.classes[label])
        shown.append(Thumbnail(each.image, each.of, caption, wrong=bool(material.wrong[number])))
    text = (
        "P is the prediction, A what it actually is. "
        f"{int(material.wrong[:FIRST].sum())} of these {count} are wrong; they are framed and crossed."
    )
    return Section("images", title, (Paragraph(text), Gallery(tuple(shown))), "Images", shows_data=True)


def mistakes(material: Material) -> tuple[Block, ...]:
    """The mistakes that the network was surest of, with its certainty."""
    chosen = material.surest_mistakes[:SHOWN_MISTAKES].tolist()
    if not chosen:
        return (Paragraph("There is none: every test image was named right."),)
    if material.images is None:
        return (NO_IMAGES,)
    shown = []
    for number, each in zip(chosen, _thumbnails(material, chosen), strict=True):
        label, predicted = (
            int(array[number]) for array in (material.predictions.labels, material.predictions.predicted)
        )
        chance = percent(float(material.predictions.probabilities[number, label]))
        caption: Text = (
            *("read ", Japanese(material.classes[predicted]), f" {percent(float(material.certainty[number]))}"),
            *(Break(), "is ", Japanese(material.classes[label]), f" {chance}"),
        )
        shown.append(Thumbnail(each.image, each.of, caption))
    text = (
        f"Of {int(material.wrong.sum()):,} mistakes, the {len(shown)} of which the network was surest, with the "
        "probability it gave to its answer and to the truth."
    )
    return Paragraph(text), Gallery(tuple(shown), roomy=True)


def examples(material: Material) -> tuple[Block, ...]:
    """Of each class, or of the worst where there are many, some images named right and some named wrong."""
    if material.images is None:
        return (NO_IMAGES,)
    chosen: Iterable[int] = range(len(material.classes))
    blocks: list[Block] = []
    if material.many_classes:
        chosen = material.evaluation.worst_classes(SHOWN_CLASSES)
        blocks.append(Paragraph(f"The {len(chosen)} characters that are surely read worst."))
    note = (
        "The first images of the test set that were named right, and the surest of those that were named wrong, each "
        "with what it was taken for."
    )
    columns = Column("character", "word"), Column("right"), Column("wrong")
    table = Table(columns, tuple(_example(material, label) for label in chosen), "Right and wrong", stacked=True)
    return *blocks, Note(note), table


def _example(material: Material, label: int) -> tuple[Text, ...]:
    """A class with its recall, images of it that were named right, and those that were taken for another."""
    scores = material.evaluation.per_class[label]
    own = np.flatnonzero(material.predictions.labels == label)
    wrong = _surest(material, own[material.wrong[own]], EXAMPLES)
    right = _thumbnails(material, own[~material.wrong[own]][:EXAMPLES].tolist())
    measured = f"{percent(scores.recall.value, 1)} of {scores.support:,} images"
    taken = []
    for number, each in zip(wrong, _thumbnails(material, wrong), strict=True):
        other = material.classes[int(material.predictions.predicted[number])]
        taken.append(Thumbnail(each.image, each.of, Japanese(other), wrong=True))
    character = Japanese(material.classes[label], large=True)
    return (
        (character, Break(), Quiet(measured if scores.support else "no test images")),
        right or Quiet("none right"),
        tuple(taken) or Quiet("none wrong"),
    )
