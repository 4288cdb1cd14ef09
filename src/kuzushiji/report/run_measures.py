"""Of a run's page, how good it is: as a whole, for rare and frequent characters, and character by character."""

from collections.abc import Iterable
from math import floor, isnan

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.metrics import ClassScores
from kuzushiji.numbers import decimal, decimal_range, percent, percent_range
from kuzushiji.plots.style import code_points, has_glyph
from kuzushiji.report.document import (
    Bar,
    Block,
    Cell,
    Column,
    Heading,
    Japanese,
    Note,
    Paragraph,
    Quiet,
    Strong,
    Table,
    Value,
)
from kuzushiji.report.material import SHOWN_CLASSES, Material

METRICS = (
    ("accuracy", "Accuracy", "share of the images that were named right"),
    ("balanced_accuracy", "Balanced accuracy", "mean of the characters' recalls: each counts the same, however rare"),
    ("top5_accuracy", "Top-5 accuracy", "the right character is among the five most likely"),
    ("macro_precision", "Precision, macro", "of what is taken for a character, the share that is it; mean of all"),
    ("macro_recall", "Recall, macro", "of the images of a character, the share that is found; mean of all"),
    ("macro_f1", "F1, macro", "harmonic mean of precision and recall; mean of all characters"),
    ("auc_macro", "AUC, macro", "area under the ROC curve of one character against the rest; mean of all"),
    ("auc_weighted", "AUC, by support", "the same, weighted by the number of test images"),
    ("auc_inverse_frequency", "AUC, by rarity", "the same, weighted by one over the number of images of the character"),
    ("loss", "Loss", "cross-entropy in nats an image; less is better"),
)
"""Field of the evaluation, its name, what it says."""

NO_SHARES = ("auc_macro", "auc_weighted", "auc_inverse_frequency", "loss")


def measures(material: Material) -> tuple[Block, ...]:
    """Every measure with its interval; and the accuracy by number of training images where classes differ in it."""
    evaluation = material.evaluation
    confidence = f"{percent(evaluation.confidence, 0)} interval"
    rows: list[tuple[Cell, ...]] = [
        (name, *estimate_cells(getattr(evaluation, field), field not in NO_SHARES), meaning)
        for field, name, meaning in METRICS
    ]
    columns = (
        Column("On the test images"),
        Column("value", "number"),
        Column(confidence, "interval"),
        Column("what it says", "note"),
    )
    if evaluation.baseline_class:
        meaning = (
            "the accuracy of always saying ",
            Japanese(evaluation.baseline_class),
            ", the most frequent character",
        )
        rows.insert(1, ("Without looking", Strong(percent(evaluation.baseline)), "–", meaning))
    note = (
        "The intervals say how far the figures could be off with other test images of the same kind, not with another "
        "training: Wilson's of accuracies, and of averages over the characters the bootstrap's over the test images."
    )
    blocks: list[Block] = [Table(columns, tuple(rows), "Measures"), Note(note)]
    groups = evaluation.by_frequency
    if len(groups) > 1:
        by_group = []
        for group in groups:
            shares = *estimate_cells(group.accuracy), *estimate_cells(group.balanced_accuracy)
            by_group.append((group.title, f"{group.classes:,}", f"{group.count:,}", *shares))
        by_count = (
            Column("trained on", "word"),
            *(Column(title, "number") for title in ("characters", "test images")),
            *(Column("accuracy", "number"), Column(confidence, "interval")),
            *(Column("balanced", "number"), Column(confidence, "interval")),
        )
        note = (
            "Characters by how many images of each the network was trained on; those without test images are left out."
        )
        table = Table(by_count, tuple(by_group), "By number of training images")
        blocks += [Heading("Rare and frequent characters"), table, Note(note)]
    return tuple(blocks)


def estimate_cells(estimate: Estimate, is_share: bool = True, digits: int = 4) -> tuple[Cell, Cell]:
    """A value and its interval as cells of a table; other numbers than shares to so many digits."""
    if is_share:
        return Strong(percent(estimate.value)), percent_range(estimate.low, estimate.high) or "–"
    return Strong(decimal(estimate.value, digits)), decimal_range(estimate.low, estimate.high, digits) or "–"


def characters(material: Material) -> tuple[Block, ...]:
    """One table of all classes; or, where there are many, one of the worst and one of the best."""
    scored = material.evaluation.per_class
    note = Note("A click on a column's head sorts by it.")
    if not material.many_classes:
        return _class_table(material, range(len(scored))), note
    tested = [label for label, scores in enumerate(scored) if scores.support]
    best = sorted(tested, key=lambda label: (-_or_zero(scored[label].recall.low), -_or_zero(scored[label].f1.value)))
    worst = material.evaluation.worst_classes(SHOWN_CLASSES)
    text = (
        f"There are {len(scored):,} characters, too many to list. Worst and best go by the end of the "
        f"{percent(material.evaluation.confidence, 0)} interval of the recall, so that one image of a rare character "
        "does not outweigh a hundred of a common one; characters without test images are left out."
    )
    return (
        Paragraph(text),
        *(Heading(f"The {len(worst)} that are surely read worst"), _class_table(material, worst)),
        Heading(f"The {len(worst)} that are surely read best"),
        _class_table(material, best[:SHOWN_CLASSES]),
        note,
    )


def _or_zero(value: float) -> float:
    return 0.0 if isnan(value) else value


def _class_table(material: Material, labels: Iterable[int]) -> Table:
    """Rows for some classes; the bars of their recall begin at the whole ten percent below the lowest of them."""
    chosen = [(material.evaluation.per_class[label], int(material.train_counts[label])) for label in labels]
    lowest = min((scores.recall.low for scores, _ in chosen if not isnan(scores.recall.low)), default=0.0)
    numbers = ("trained on", "tested on", "precision", "recall", "F1", "AUC")
    columns = (
        Column("character", "word"),
        *(Column(title, "number") for title in numbers),
        Column(
            f"recall, {percent(material.evaluation.confidence, 0)} interval",
            "bar",
            start=min(floor(lowest * 10) / 10, 0.9),
        ),
    )
    rows = tuple(_class_row(scores, trained) for scores, trained in chosen)
    return Table(columns, rows, "Characters", sortable=True, tall=True)


def _class_row(scores: ClassScores, trained: int) -> tuple[Cell, ...]:
    recall = scores.recall
    is_named = len(scores.character) == 1 and has_glyph(scores.character)  # else the writer does so
    bar = Bar(recall.low, recall.value, recall.high, percent_range(recall.low, recall.high, 1))
    return (
        (Japanese(scores.character), " ", Quiet(code_points(scores.character)) if is_named else ""),
        Value(f"{trained:,}", trained),
        Value(f"{scores.support:,}", scores.support),
        *(Value(percent(each.value, 1), each.value) for each in (scores.precision, recall, scores.f1)),
        Value(decimal(scores.auc.value), scores.auc.value),
        "" if isnan(recall.low) else bar,
    )
