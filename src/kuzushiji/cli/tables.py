"""Results as tables on the terminal."""

from collections.abc import Sequence
from math import isnan

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kuzushiji.cli.console import print_table
from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.learnt import Learnt
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.outliers import KEPT, Detection
from kuzushiji.evaluation.pages import PageEvaluation
from kuzushiji.runs.familiarities import MEASURES

SHARES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top5_accuracy": "top-5 accuracy",
    "macro_precision": "precision, mean of classes",
    "macro_recall": "recall, mean of classes",
    "macro_f1": "F1, mean of classes",
}
MATCHES = {
    "detection": "found (centre in the box)",
    "overlap": "found (IoU 0.5)",
    "kaggle": "found and named (Kaggle's score)",
}
SHARES_OF_PAGES = {
    "right": "of those found, named right",
    "right_kana": "  kana",
    "right_kanji": "  kanji",
    "right_mark": "  marks",
    "error_rate": "character error rate of the text",
    "error_rate_normalized": "  old and new forms, voicing as one",
    "error_rate_unordered": "  whatever the order",
    "neighbours": "of those found, the next one right",
}
AREAS = {
    "auc_macro": "AUC, mean of classes",
    "auc_weighted": "AUC, weighted by images",
    "auc_inverse_frequency": "AUC, weighted by 1 / {} images",
}


def print_learnt(found: Sequence[Learnt]) -> None:
    """Prints what a network that was trained on names right of this hand, and of all others, before and after."""
    names = {"validation": "this hand, set apart", "test": "all others"}
    rows = []
    for each in found:
        shares = [f"{right:,}  {right / each.count:.1%}" for right in (each.before, each.after)]
        rows.append((names[each.split], f"{each.count:,}", *shares, f"{each.p_value:.2g}"))
    print_table(["named right", "images", "before", "after", "p"], rows, right=(1, 2, 3, 4))


def print_evaluation(evaluation: Evaluation, console: Console, worst: int = 5) -> None:
    """Prints the averages with their intervals, and the classes that were recognized least.

    Args:
        evaluation: what to print.
        console: where.
        worst: how many classes.
    """
    interval = f"{evaluation.confidence * 100:g}% interval"
    averages = _table(["", "value", interval], right=[1, 2])
    for name, title in SHARES.items():
        averages.add_row(title, *_percent(getattr(evaluation, name), 2))
        if name == "accuracy" and evaluation.baseline_class:
            averages.add_row(Text(f"  if it always said {evaluation.baseline_class}"), f"{evaluation.baseline:.2%}", "")
    for name, title in AREAS.items():
        averages.add_row(title.format(evaluation.inverse_frequency_of), *_plain(getattr(evaluation, name), 5))
    averages.add_row("loss (cross-entropy)", *_plain(evaluation.loss, 4))

    classes = _table(
        ["class", "images", "recall", interval, "precision", "F1", "AUC", "taken for"], right=[1, 2, 3, 4, 5, 6]
    )
    for label in evaluation.worst_classes(worst):
        scores = evaluation.per_class[label]
        classes.add_row(
            Text(scores.character),
            f"{scores.support:,}",
            *_percent(scores.recall, 1),
            _percent(scores.precision, 1)[0],
            _percent(scores.f1, 1)[0],
            _plain(scores.auc, 4)[0],
            Text(_taken_for(evaluation, label)),
        )

    every = len(evaluation.per_class)
    present = f"{evaluation.present:,} of {every:,}" if evaluation.present < every else f"{every:,}"
    images = "1 image" if evaluation.count == 1 else f"{evaluation.count:,} images"
    console.print(f"{images} of {present} classes", highlight=False)
    console.print(averages)
    if len(evaluation.by_frequency) > 1:
        console.print("By the number of training images of the class")
        console.print(_frequency_table(evaluation, interval))
    console.print("Recognized least")
    console.print(classes)


def _frequency_table(evaluation: Evaluation, interval: str) -> Table:
    table = _table(
        ["trained on", "classes", "images", "accuracy", interval, "balanced", interval], right=[1, 2, 3, 4, 5, 6]
    )
    for group in evaluation.by_frequency:
        shares = *_percent(group.accuracy, 1), *_percent(group.balanced_accuracy, 1)
        table.add_row(group.title, f"{group.classes:,}", f"{group.count:,}", *shares)
    return table


def print_mistakes(evaluation: Evaluation, console: Console) -> None:
    """Prints each character that was not always recognized, with what it was taken for and how often."""
    listed = evaluation.mistakes()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("class", "images", "wrong", ""):
        table.add_column(column, justify="left" if column == "class" else "right", no_wrap=True)
    table.add_column("taken for", overflow="fold")
    for each in listed:
        if each.wrong:
            taken_for = "  ".join(f"{other.character} {other.count:,}×" for other in each.taken_for)
            share = f"{each.wrong / each.support:.1%}"
            table.add_row(Text(each.character), f"{each.support:,}", f"{each.wrong:,}", share, Text(taken_for))
    wrong, images = sum(each.wrong for each in listed), sum(each.support for each in listed)
    console.print(f"{wrong:,} of {images:,} images were taken for another character", highlight=False)
    console.print(table)
    if always := sum(not each.wrong for each in listed):
        what = "1 character was" if always == 1 else f"{always:,} characters were"
        console.print(f"{what} always recognized", highlight=False)


def print_calibration(calibration: Calibration, console: Console) -> None:
    """Prints how far the certainty can be trusted: before and after temperature scaling, and by how sure one asks it
    to be."""
    interval = f"{calibration.confidence * 100:g}% interval"
    before, after = calibration.before, calibration.after
    console.print("Certainty")
    if after is None:
        why = (
            f"all {calibration.fitted_on:,} validation images were named right"
            if calibration.fitted_on
            else "there are no predictions of validation images"
        )
        console.print(f"no temperature can be fitted: {why}", highlight=False)
        table = _table(["", "value", interval], right=[1, 2])
        for title, name, decimals in _RELIABILITY:
            table.add_row(title, *_plain(getattr(before, name), decimals))
    else:
        console.print(
            f"temperature {calibration.temperature:.3f}, fitted on {calibration.fitted_on:,} validation images",
            highlight=False,
        )
        table = _table(["", "as it is", interval, "scaled", interval], right=[1, 2, 3, 4])
        for title, name, decimals in _RELIABILITY:
            table.add_row(title, *_plain(getattr(before, name), decimals), *_plain(getattr(after, name), decimals))
    console.print(table)
    table = _table(["answering only when sure", "value", interval], right=[1, 2])
    for coverage, accuracy in calibration.accuracy_at_coverage.items():
        table.add_row(f"accuracy of the surest {coverage * 100:g}%", *_percent(accuracy, 2))
    for accuracy_at, coverage_at in calibration.coverage_at_accuracy.items():
        table.add_row(f"answered at {accuracy_at * 100:g}% accuracy", *_percent(coverage_at, 2))
    table.add_row("risk-coverage area (AURC)", *_plain(calibration.aurc, 5))
    table.add_row("of it in excess of the best order", *_plain(calibration.excess_aurc, 5))
    console.print(table)


_RELIABILITY = (
    ("calibration error, ECE", "ece", 4),
    ("ECE, equal-mass bins", "adaptive_ece", 4),
    ("Brier score", "brier", 4),
    ("loss (cross-entropy)", "loss", 4),
)


def print_outliers(detections: Sequence[Detection], console: Console) -> None:
    """Prints how well foreign images are told from those of known characters, by each measure of familiarity."""
    titles = {"probability": "probability", "energy": "energy", "distance": "class means"}
    console.print("Outliers: area under the ROC curve, in %, and its interval")
    table = _table(["", "images", *(titles[measure] for measure in MEASURES)], right=[1, 2, 3, 4])
    for each in detections:
        areas = [each.auroc.get(measure) for measure in MEASURES]
        table.add_row(each.name, f"{each.count:,}", *(_short(area) if area else "–" for area in areas))
    console.print(table)
    console.print(f"Outliers that pass for known where {KEPT:.0%} of the known images are to pass")
    table = _table(["", "images", *(titles[measure] for measure in MEASURES)], right=[1, 2, 3, 4])
    for each in detections:
        shares = [each.mistaken.get(measure) for measure in MEASURES]
        table.add_row(each.name, f"{each.count:,}", *(f"{share.value:.1%}" if share else "–" for share in shares))
    console.print(table)


def print_pages(evaluation: PageEvaluation, console: Console, worst: int = 5) -> None:
    """Prints how pages were read, and those that were read worst."""
    pages = "1 page" if len(evaluation.pages) == 1 else f"{len(evaluation.pages):,} pages"
    books = "1 book" if evaluation.books == 1 else f"{evaluation.books:,} books"
    console.print(f"{pages} of {books} with {evaluation.characters:,} characters", highlight=False)
    interval = f"{evaluation.confidence * 100:g}% interval"
    table = _table(["", "precision", "recall", "F1", interval], right=[1, 2, 3, 4])
    for name, title in MATCHES.items():
        precision, recall, f1 = (evaluation.figures[f"{name}_{part}"] for part in ("precision", "recall", "f1"))
        table.add_row(title, _percent(precision, 1)[0], _percent(recall, 1)[0], *_percent(f1, 1))
    console.print(table)
    table = _table(["", "value", interval], right=[1, 2])
    for name, title in SHARES_OF_PAGES.items():
        table.add_row(title, *_percent(evaluation.figures[name], 1))
    console.print(table)
    table = _table(["read worst", "characters", "found F1", "Kaggle's F1", "error rate"], right=[1, 2, 3, 4])
    ranked = sorted(evaluation.pages, key=lambda page: -page.figures["error_rate"])
    for page in [page for page in ranked if page.counts["errors"]][:worst]:
        figures = (page.figures[name] for name in ("detection_f1", "kaggle_f1", "error_rate"))
        shares = (_percent(Estimate(figure), 1)[0] for figure in figures)
        table.add_row(Text(page.name), f"{page.counts['truth']:,}", *shares)
    if table.row_count:
        console.print(table)


def _short(estimate: Estimate) -> str:
    """Value and interval in one cell, in hundredths, such as `97.8 [97.5, 98.1]`."""
    value, low, high = (
        f"{100 * number:.1f}".replace("100.0", "100") for number in (estimate.value, estimate.low, estimate.high)
    )
    return value if isnan(estimate.low) else f"{value} [{low}, {high}]"


def _table(columns: list[str], right: list[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number in right else "left", no_wrap=True)
    return table


def _percent(estimate: Estimate, decimals: int) -> tuple[str, str]:
    """Value and interval as percentages."""
    value, interval = _plain(Estimate(100 * estimate.value, 100 * estimate.low, 100 * estimate.high), decimals)
    return (value if isnan(estimate.value) else f"{value}%"), interval


def _plain(estimate: Estimate, decimals: int) -> tuple[str, str]:
    """Value and interval; a dash where there is none."""
    value = "–" if isnan(estimate.value) else f"{estimate.value:.{decimals}f}"
    interval = "–" if isnan(estimate.low) else f"{estimate.low:.{decimals}f} – {estimate.high:.{decimals}f}"
    return value, interval


def _taken_for(evaluation: Evaluation, label: int) -> str:
    """What a class was most often mistaken for and how often, such as `つ 34×`."""
    row = evaluation.confusion[label].copy()
    row[label] = 0
    other = int(row.argmax())
    return f"{evaluation.classes[other]} {row[other]:,}×" if row[other] else ""
