"""The card of an exported network, in Markdown: what it is, how good it is, and what it is not good for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.source import named_in
from kuzushiji.data.synthetic.brush import Brush
from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.export.trust import LEAST, RIGHT, Trust
from kuzushiji.exported import Description
from kuzushiji.runs.config import RunConfig


@dataclass(frozen=True)
class Facts:
    """All that a card tells.

    Attributes:
        title: what the file is called.
        bytes: its size.
        description: what the file says of itself.
        config: of the run.
        before: the commands that made what the training started from or learnt from, in their order.
        note: what its maker says of the data besides; empty for nothing.
        sources: the catalogued datasets whose images the network learnt from, directly or through what it started from.
        trust: temperature and threshold.
        evaluation, calibration: on the test images; None without them.
        elsewhere: on other data that it was evaluated on, by what that is.
        tested: of the test images, the share on which it is not unsure, and the share of these that it names right.
        lost: accuracy on validation images that the precision costs; None where it was not reduced.
    """

    title: str
    bytes: int
    description: Description
    config: RunConfig
    before: Sequence[str]
    note: str
    sources: Sequence[catalog.Dataset]
    trust: Trust
    evaluation: Evaluation | None
    elsewhere: Mapping[str, Evaluation]
    calibration: Calibration | None
    tested: tuple[float, float] | None
    lost: float | None


def write_card(facts: Facts) -> str:
    """The card as Markdown."""
    return "\n\n".join(
        [
            f"# {facts.title}",
            _summary(facts),
            "## Data\n\n" + _data(facts),
            "## How good it is\n\n" + _measures(facts),
            "## How far its certainty can be trusted\n\n" + _trust(facts),
            "## What it is not good for\n\n" + _limits(facts),
            "## Made by\n\n" + _made(facts),
            "## Licence\n\n" + _licence(facts),
        ]
    ) + "\n"  # fmt: skip


def _summary(facts: Facts) -> str:
    about = facts.description
    height, width = about.image_size
    stored = {
        "float32": "in single precision",
        "float16": "in half precision, computed with in single precision",
        "int8": "in 8 bits, computed with in single precision",
    }[about.precision]
    text = (
        f"Names the character on an image: {len(about.classes):,} classes, {width} x {height} pixels. "
        f"A `{about.network}` with {facts.config.model.parameters:,} parameters, stored {stored}; "
        f"{facts.bytes / 1e6:.2f} MB of ONNX. `images` (batch, 1, {height}, {width}), float32 from 0 to 1, ink bright "
        "on black, give `logits` (batch, classes) before the temperature and the softmax, and `embedding`. Classes, "
        "temperature and all else that is needed stand in the metadata of the file."
    )
    if facts.lost is not None:
        text += f" The precision costs {_points(facts.lost)} of accuracy on the validation images."
    return text + f'\n\n```python\nkuzushiji.Recognizer("{facts.title}.onnx")(images)\n```'


def _data(facts: Facts) -> str:
    splits = facts.config.data.splits
    counts = ", ".join(f"{splits[name].count:,} for {use}" for name, use in _USES.items() if name in splits)
    lines = [f"`{facts.description.dataset}`: {counts}."]
    for source in facts.sources:
        lines.append(f"{source.title}: {source.description} <{source.homepage}>")
    if facts.note:
        lines.append(facts.note)
    few = [count for count in facts.config.train_counts if count < _RARE]
    if few:
        lines.append(f"{len(few):,} of the classes have fewer than {_RARE} training images.")
    if start := facts.config.start:
        lines.append(f"The training started from other weights: {start.name}.")
    prints = ", ".join(f"{name} `{split.fingerprint[:16]}`" for name, split in splits.items())
    lines.append(f"Fingerprints (SHA-256 of pixels, labels and classes) begin with: {prints}.")
    return "\n\n".join(lines)


_USES = {"train": "training", "validation": "validation", "test": "testing"}
_RARE = 10


def _measures(facts: Facts) -> str:
    found = facts.evaluation
    if found is None:
        return "It was not tested: the data has no test images."
    rows = [
        ("accuracy", found.accuracy),
        ("balanced accuracy, the mean of the classes that have images", found.balanced_accuracy),
        ("right one among the best five", found.top5_accuracy),
    ]
    table = ["| on the test images | % | 95 % interval |", "|---|---:|---:|"]
    table += [f"| {name} | {_percent(each)} | {_interval(each)} |" for name, each in rows]
    if len(found.by_frequency) > 1:
        table += ["", "| training images of the class | classes | test images | accuracy % | 95 % interval |"]
        table += ["|---|---:|---:|---:|---:|"]
        for group in found.by_frequency:
            shares = f"{_percent(group.accuracy)} | {_interval(group.accuracy)}"
            table.append(f"| {group.title} | {group.classes:,} | {group.count:,} | {shares} |")
    if facts.elsewhere:
        table += ["", "| on other data | images | classes | accuracy % | 95 % interval |", "|---|---:|---:|---:|---:|"]
    for data, each in facts.elsewhere.items():
        accuracy = each.accuracy
        table.append(f"| {data} | {each.count:,} | {each.present:,} | {_percent(accuracy)} | {_interval(accuracy)} |")
    return (
        f"{found.count:,} test images of {found.present:,} classes, which neither the weights nor anything else was "
        "chosen by. Intervals are those of the bootstrap over the images.\n\n" + "\n".join(table)
    )


def _trust(facts: Facts) -> str:
    trust, about = facts.trust, facts.description
    if not trust.fitted_on:
        return (
            "There were no validation images to learn that from: its probabilities are as the network gives them, and "
            f"it says that it is unsure below {LEAST:.0%}, where something else is likelier than its best candidate."
        )
    text = (
        f"Its logits are divided by a temperature of {trust.temperature:.4f}, fitted on {trust.fitted_on:,} validation "
        "images."
    )
    if facts.calibration is not None and facts.calibration.after is not None:
        before, after = facts.calibration.before.ece, facts.calibration.after.ece
        text += (
            f" On the test images the expected calibration error is {_percent(after)} % ({_interval(after)}) with it "
            f"and {_percent(before)} % ({_interval(before)}) without it."
        )
    text += f"\n\nBelow a probability of {about.unsure_below:.4g} it says that it is unsure. "
    if isnan(trust.right):
        return text + f"No threshold makes {RIGHT:.0%} of its answers on the validation images right."
    if about.unsure_below > LEAST:
        text += f"It is the least at which {RIGHT:.0%} of the answers on the validation images are right"
    else:
        text += (
            f"Something else is likelier then; {RIGHT:.0%} of the answers above it are right on the validation images"
        )
    text += f": it answers {trust.answered:.1%} of them, and {trust.right:.2%} of these rightly."
    if facts.tested is not None:
        answered, right = facts.tested
        text += f" On the test images it answers {answered:.1%}"
        text += f", and {right:.2%} of these rightly." if not isnan(right) else "."
    return text


def _limits(facts: Facts) -> str:
    lines = [
        f"It knows its {len(facts.description.classes):,} classes alone. Shown anything else, it names one of them, "
        "and the threshold above finds only a part of that: a sure answer to something else is a wrong one.",
        "It reads one character on an image, cut out and upright; it does not find characters on a page.",
        "It knows nothing of what stands before and after. Characters that are written alike are told apart by the "
        "sentence alone.",
    ]
    if facts.sources:
        lines.append(
            "It learnt from old Japanese books. On letters, on other hands and times, and on handwriting of today it "
            "will be worse than on its test images; by how much was not measured."
        )
    if _has_brush(facts.description):
        lines.append(
            "Glyphs of brush fonts, varied by a program, are among what it learnt from or all of it. Characters "
            "that it knows from these alone it names far worse in old books than on its test images."
        )
    if any(source.name in ("kmnist", "kmnist6k", "k49") for source in facts.sources):
        lines.append(
            "The test images of Kuzushiji-MNIST and Kuzushiji-49 come from another distribution than the training "
            "images: it names fewer of them right than of the validation images, and of another book perhaps fewer."
        )
    return "\n".join(f"- {line}" for line in lines)


def _made(facts: Facts) -> str:
    config = facts.config
    versions = ", ".join(f"{name} {version}" for name, version in config.versions.items())
    when = f"Seed {config.recipe.seed}; {versions}; on {config.machine}; {config.created[:10]}."
    commands = "\n".join([*facts.before, facts.description.command])
    return f"```\n{commands}\n```\n\n{when}"


def _licence(facts: Facts) -> str:
    about = facts.description
    if not facts.sources:
        if _has_brush(about):
            return "The brush fonts that its images were drawn from permit any use."
        return "The licence of the images that it learnt from is that of their makers; nothing is known of it here."
    named = f"[{about.licence}]({about.licence_url})" if about.licence_url else about.licence
    words = "\n".join(f"> {line}" for line in about.attribution.split("; and "))
    return f"The images that it learnt from are under {named}, and so is this file. Who passes it on says:\n\n{words}"


def _has_brush(about: Description) -> bool:
    """Whether the embedded brush glyphs are among the data."""
    return any(isinstance(source.origin, Brush) for source in named_in(about.dataset))


def _percent(estimate: Estimate) -> str:
    return "–" if isnan(estimate.value) else f"{100 * estimate.value:.2f}"


def _interval(estimate: Estimate) -> str:
    return "–" if isnan(estimate.low) else f"{100 * estimate.low:.2f} to {100 * estimate.high:.2f}"


def _points(share: float) -> str:
    return "nothing" if share <= 0 else f"{100 * share:.2f} points"
