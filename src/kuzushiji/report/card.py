"""The card of an exported network: what it is, how good it is, and what it is not good for."""

from math import isnan
from pathlib import Path

from kuzushiji.data.source import named_in
from kuzushiji.data.synthetic.brush import Brush
from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.export.card import Card
from kuzushiji.export.run import Exported
from kuzushiji.export.trust import LEAST, RIGHT
from kuzushiji.exported import Description
from kuzushiji.files import write_text
from kuzushiji.numbers import decimal, megabytes, percent, points, points_range
from kuzushiji.report.document import (
    Block,
    Code,
    Column,
    Commands,
    Document,
    Link,
    Markdown,
    Paragraph,
    Points,
    Quote,
    Section,
    Table,
    Text,
)
from kuzushiji.report.markdown import as_markdown

USES = {"train": "training", "validation": "validation", "test": "testing"}
RARE = 10
"""Classes with fewer training images than this are counted."""


def write_card(exported: Exported) -> Path:
    """Writes the card of an exported network as Markdown beside its file.

    Returns:
        Where it was written.

    Raises:
        KuzushijiError: the file could not be written.
    """
    path = exported.path.with_suffix(".md")
    write_text(path, as_markdown(card_document(exported.card)))
    return path


def card_document(card: Card) -> Document:
    """Everything that is to be read, in order."""
    recognize = Commands((f'kuzushiji.Recognizer("{card.title}.onnx")(images)',), "python")
    return Document(
        title=card.title,
        lead=(Paragraph(_summary(card)), recognize),
        sections=(
            Section("data", "Data", tuple(_data(card))),
            Section("measures", "How good it is", tuple(_measures(card))),
            Section("trust", "How far its certainty can be trusted", tuple(_trust(card))),
            Section("limits", "What it is not good for", (Points(tuple(_limits(card))),)),
            Section("made", "Made by", tuple(_made(card))),
            Section("licence", "Licence", tuple(_licence(card))),
        ),
    )


def _summary(card: Card) -> Text:
    about = card.description
    height, width = about.image_size
    stored = {
        "float32": "in single precision",
        "float16": "in half precision, computed with in single precision",
        "int8": "in 8 bits, computed with in single precision",
    }[about.precision]
    lost = ""
    if card.lost is not None:
        costs = "nothing" if card.lost <= 0 else f"{points(card.lost)} points"
        lost = f" The precision costs {costs} of accuracy on the validation images."
    return (
        f"Names the character on an image: {len(about.classes):,} classes, {width} x {height} pixels. A ",
        Code(about.network),
        f" with {card.config.model.parameters:,} parameters, stored {stored}; {megabytes(card.bytes)} of ONNX. ",
        Code("images"),
        f" (batch, 1, {height}, {width}), float32 from 0 to 1, ink bright on black, give ",
        Code("logits"),
        " (batch, classes) before the temperature and the softmax, and ",
        Code("embedding"),
        ". Classes, temperature and all else that is needed stand in the metadata of the file." + lost,
    )


def _data(card: Card) -> list[Block]:
    splits = card.config.data.splits
    counts = ", ".join(f"{splits[name].count:,} for {use}" for name, use in USES.items() if name in splits)
    blocks: list[Block] = [Paragraph((Code(card.description.dataset), f": {counts}."))]
    for source in card.sources:
        blocks.append(Paragraph((f"{source.title}: {source.description} ", Link(source.homepage, source.homepage))))
    if card.note:
        blocks.append(Markdown(card.note))
    few = [count for count in card.config.train_counts if count < RARE]
    if few:
        blocks.append(Paragraph(f"{len(few):,} of the classes have fewer than {RARE} training images."))
    if start := card.config.start:
        blocks.append(Paragraph(f"The training started from other weights: {start.name}."))
    prints: list[Text] = []
    for name, split in splits.items():
        prints += [", " if prints else "", f"{name} ", Code(split.fingerprint[:16])]
    begin = "Fingerprints (SHA-256 of pixels, labels and classes) begin with: "
    return [*blocks, Paragraph((begin, *prints, "."))]


def _measures(card: Card) -> list[Block]:
    found = card.evaluation
    if found is None:
        return [Paragraph("It was not tested: the data has no test images.")]
    text = (
        f"{found.count:,} test images of {found.present:,} classes, which neither the weights nor anything else was "
        "chosen by. Intervals are those of the bootstrap over the images."
    )
    rows: list[tuple[Text, ...]] = [
        ("accuracy", *_shares(found.accuracy)),
        ("balanced accuracy, the mean of the classes that have images", *_shares(found.balanced_accuracy)),
        ("right one among the best five", *_shares(found.top5_accuracy)),
    ]
    blocks: list[Block] = [Paragraph(text), _table(("on the test images", "%"), rows)]
    if len(found.by_frequency) > 1:
        rows = [
            (group.title, f"{group.classes:,}", f"{group.count:,}", *_shares(group.accuracy))
            for group in found.by_frequency
        ]
        titles = ("training images of the class", "classes", "test images", "accuracy %")
        blocks.append(_table(titles, rows))
    if card.elsewhere:
        rows = [
            ((Code(data), f" ({split})"), f"{each.count:,}", f"{each.present:,}", *_shares(each.accuracy))
            for (data, split), each in card.elsewhere.items()
        ]
        blocks.append(_table(("on other data", "images", "classes", "accuracy %"), rows))
    return blocks


def _table(titles: tuple[str, ...], rows: list[tuple[Text, ...]]) -> Table:
    """A table of numbers, the last of them with its interval."""
    numbers = (Column(title, "number") for title in (*titles[1:], "95 % interval"))
    return Table((Column(titles[0]), *numbers), tuple(rows))


def _shares(estimate: Estimate) -> tuple[str, str]:
    """A share in percent and its interval."""
    return points(estimate.value), points_range(estimate.low, estimate.high) or "–"


def _trust(card: Card) -> list[Block]:
    trust = card.trust
    if not trust.fitted_on:
        text = (
            "There were no validation images to learn that from: its probabilities are as the network gives them, and "
            f"it says that it is unsure below {percent(LEAST, 0)}, where something else is likelier than its best "
            "candidate."
        )
        return [Paragraph(text)]
    text = (
        f"Its logits are divided by a temperature of {decimal(trust.temperature)}, fitted on {trust.fitted_on:,} "
        "validation images."
    )
    if card.calibration is not None and card.calibration.after is not None:
        (after, after_interval), (before, before_interval) = (
            _shares(state.ece) for state in (card.calibration.after, card.calibration.before)
        )
        text += (
            f" On the test images the expected calibration error is {after} % ({after_interval}) with it and {before} "
            f"% ({before_interval}) without it."
        )
    return [Paragraph(text), Paragraph(_unsure(card))]


def _unsure(card: Card) -> str:
    """Below what it says that it is unsure, and what that gains."""
    trust, threshold = card.trust, card.description.unsure_below
    text = f"Below a probability of {threshold:.4g} it says that it is unsure. "
    wanted = percent(RIGHT, 0)
    if isnan(trust.right):
        return text + f"No threshold makes {wanted} of its answers on the validation images right."
    if threshold > LEAST:
        text += f"It is the least at which {wanted} of the answers on the validation images are right"
    else:
        text += f"Something else is likelier then; {wanted} of the answers above it are right on the validation images"
    text += f": it answers {percent(trust.answered, 1)} of them, and {percent(trust.right)} of these rightly."
    if card.tested is not None:
        answered, right = card.tested
        text += f" On the test images it answers {percent(answered, 1)}"
        text += f", and {percent(right)} of these rightly." if not isnan(right) else "."
    return text


def _limits(card: Card) -> list[Text]:
    lines: list[Text] = [
        f"It knows its {len(card.description.classes):,} classes alone. Shown anything else, it names one of them, "
        "and the threshold above finds only a part of that: a sure answer to something else is a wrong one.",
        "It reads one character on an image, cut out and upright; it does not find characters on a page.",
        "It knows nothing of what stands before and after. Characters that are written alike are told apart by the "
        "sentence alone.",
    ]
    if card.sources:
        lines.append(
            "It learnt from old Japanese books. On letters, on other hands and times, and on handwriting of today it "
            "will be worse than on its test images; by how much was not measured."
        )
    if _has_brush(card.description):
        lines.append(
            "Glyphs of brush fonts, varied by a program, are among what it learnt from or all of it. Characters "
            "that it knows from these alone it names far worse in old books than on its test images."
        )
    if any(source.name in ("kmnist", "kmnist6k", "k49") for source in card.sources):
        lines.append(
            "The test images of Kuzushiji-MNIST and Kuzushiji-49 come from another distribution than the training "
            "images: it names fewer of them right than of the validation images, and of another book perhaps fewer."
        )
    return lines


def _made(card: Card) -> list[Block]:
    config = card.config
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    when = f"Seed {config.recipe.seed}; {versions}; on {config.machine}; {config.created[:10]}."
    return [Commands((*card.before, card.description.command)), Paragraph(when)]


def _licence(card: Card) -> list[Block]:
    about = card.description
    if not card.sources:
        if _has_brush(about):
            return [Paragraph("The brush fonts that its images were drawn from permit any use.")]
        unknown = "The licence of the images that it learnt from is that of their makers; nothing is known of it here."
        return [Paragraph(unknown)]
    named = Link(about.licence, about.licence_url) if about.licence_url else about.licence
    text = "The images that it learnt from are under ", named, ", and so is this file. Who passes it on says:"
    return [Paragraph(text), Quote(tuple(about.attribution.split("; and ")))]


def _has_brush(about: Description) -> bool:
    """Whether the embedded brush glyphs are among the data."""
    return any(isinstance(source.origin, Brush) for source in named_in(about.dataset))
