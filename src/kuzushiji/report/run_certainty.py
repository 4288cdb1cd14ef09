"""Of a run's page, how far its certainty can be trusted."""

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.outliers import KEPT
from kuzushiji.numbers import decimal, percent, percent_range
from kuzushiji.report.document import (
    Block,
    Break,
    Cell,
    Column,
    Figures,
    Heading,
    Note,
    Paragraph,
    Quiet,
    Strong,
    Table,
    Text,
    Thumbnail,
)
from kuzushiji.report.material import Material
from kuzushiji.report.run_measures import estimate_cells
from kuzushiji.runs.familiarities import MEASURES

RELIABILITY = (
    ("ece", "Calibration error, ECE", True, "by how much certainty and share of right answers differ; 15 equal bins"),
    ("adaptive_ece", "ECE, equal-mass bins", True, "the same, with 15 bins of equally many images"),
    ("brier", "Brier score", False, "squared error of the probabilities, from 0 to 2; less is better"),
    ("loss", "Loss", False, "cross-entropy in nats an image; less is better"),
)
"""Field of the reliability, its name, whether it is a share, what it says."""

MEASURE_TITLES = {"probability": "greatest probability", "energy": "energy", "distance": "distance to class means"}


def certainty(material: Material, figures: Figures) -> tuple[Block, ...]:
    """Whether it is as often right as it says, what passing on the unsure gains, and what it makes of the unknown."""
    calibration = material.calibration
    confidence = f"{percent(material.evaluation.confidence, 0)} interval"
    about = (
        "With each answer the network says how likely it is to be right. It is calibrated if that comes true: of the "
        "answers that it is 90% sure of, 90% should be right. On the dashed line they are."
    )
    on_best = (
        "The share answered is that of the threshold that is best for these very images. One chosen beforehand will "
        "answer fewer, or make more mistakes."
    )
    passed_on = "If the network passes on what it is unsure of, fewer of the answers that it does give are wrong."
    return (
        Paragraph(about),
        figures["reliability"],
        _reliability(calibration, confidence),
        Note(_temperature(calibration)),
        Heading("Answering only when it is sure"),
        Paragraph(passed_on),
        figures["risk-coverage"],
        _answering(calibration, confidence),
        Note(on_best),
        *_outliers(material),
    )


def _reliability(calibration: Calibration, confidence: str) -> Table:
    states = [calibration.before, *([calibration.after] if calibration.after else [])]
    rows = []
    for field, name, is_share, meaning in RELIABILITY:
        cells = [cell for state in states for cell in estimate_cells(getattr(state, field), is_share)]
        rows.append((name, *cells, meaning))
    columns = [Column("On the test images", "word")]
    for title, _ in zip(("as it is", "scaled"), states, strict=False):
        columns += [Column(title, "number"), Column(confidence, "interval")]
    return Table((*columns, Column("what it says", "note")), tuple(rows), "Calibration")


def _temperature(calibration: Calibration) -> str:
    """What temperature scaling does, or why there is none."""
    images = f"{calibration.fitted_on:,} validation images"
    if calibration.after is None:
        if calibration.fitted_on:
            return (
                f"Temperature scaling, which would mend it, can't be fitted: all {images} were named right, which says "
                "nothing of images that are not."
            )
        return "Temperature scaling, which would mend it, needs validation images, and this run has kept no " + (
            "predictions of any."
        )
    text = (
        f"Temperature scaling divides the network's outputs by one number, here {decimal(calibration.temperature, 3)}, "
        f"which was fitted on {images}. It changes no answer, only how sure the network is of it: "
        + ("less, for it was too sure." if calibration.temperature > 1 else "more, for it was too modest.")
    )
    if calibration.after.ece.value >= calibration.before.ece.value:
        text += " On the test images it does not help: they are not like those that it was fitted on."
    return text


def _answering(calibration: Calibration, confidence: str) -> Table:
    """What is gained by passing on the unsure."""
    lines: list[tuple[str, Estimate, str, bool]] = []
    for coverage, accuracy in calibration.accuracy_at_coverage.items():
        meaning = f"when the least sure {100 - coverage * 100:g}% are passed on"
        lines.append((f"Accuracy of the surest {coverage * 100:g}%", accuracy, meaning, True))
    for share, answered in calibration.coverage_at_accuracy.items():
        meaning = f"the most that can be answered with {share * 100:g}% of the answers right"
        lines.append((f"Answered at {share * 100:g}% accuracy", answered, meaning, True))
    mean = "mean of the curve: the share of wrong answers over every coverage"
    lines.append(("Area, AURC", calibration.aurc, mean, False))
    excess = "above the order that has every wrong answer last"
    lines.append(("Area in excess", calibration.excess_aurc, excess, False))
    rows = tuple((name, *estimate_cells(each, is_share, 5), meaning) for name, each, meaning, is_share in lines)
    columns = (Column("", "word"), Column("value", "number"), Column(confidence, "interval"), Column("", "note"))
    return Table(columns, rows, "Answering only when sure")


def _outliers(material: Material) -> list[Block]:
    """How well other things are told from known characters, with samples of them."""
    if material.outliers is None:
        return []
    named = [name for name in MEASURES if any(name in each.auroc for each in material.detections)]
    rows = []
    for detection, shown in zip(material.detections, material.outliers.foreign, strict=True):
        samples: Text = tuple(Thumbnail(sample, "something else") for sample in shown.samples)
        cells: list[Cell] = []
        for name in named:
            area, mistaken = detection.auroc[name], detection.mistaken[name]
            interval, passing = percent_range(area.low, area.high, 1), f"{percent(mistaken.value, 1)} pass"
            cells.append((Strong(percent(area.value, 1)), Break(), Quiet(interval), Break(), Quiet(passing)))
        rows.append((detection.description, samples, f"{detection.count:,}", *cells))
    titles = ("images", *(MEASURE_TITLES[name] for name in named))
    columns = (Column(), Column(), *(Column(title, "number") for title in titles))
    known, kept = material.outliers.known.description, percent(KEPT, 0)
    confidence = percent(material.evaluation.confidence, 0)
    about = (
        "A network names whatever it is shown. Whether it can be told that something is not one of its characters "
        "depends on how familiar the image looks to it, here by three measures. The figure is the chance that "
        f"{known} look more familiar than these: 100% if they are always told apart, 50% if it is a toss, less if the "
        "strange looks more familiar than the known."
    )
    note = (
        f"Below each figure stand its {confidence} interval and how many of the images pass for known where the "
        f"threshold lets {kept} of the known ones pass. Greatest probability: that of its answer. Energy: how strongly "
        "any character answers at all. Distance: how far the image lies from where the training images of the nearest "
        "character lie."
    )
    table = Table(columns, tuple(rows), "Outliers", stacked=True)
    return [Heading("Shown what it does not know"), Paragraph(about), table, Note(note)]
