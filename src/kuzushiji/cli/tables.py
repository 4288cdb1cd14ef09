"""Results as tables on the terminal."""

from math import isnan

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.metrics import Evaluation

SHARES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "top5_accuracy": "top-5 accuracy",
    "macro_precision": "precision, mean of classes",
    "macro_recall": "recall, mean of classes",
    "macro_f1": "F1, mean of classes",
}
AREAS = {
    "auc_macro": "AUC, mean of classes",
    "auc_weighted": "AUC, weighted by images",
    "auc_inverse_frequency": "AUC, weighted by 1 / {} images",
}


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
    console.print("Recognized least")
    console.print(classes)


def print_mistakes(evaluation: Evaluation, console: Console) -> None:
    """Prints each character that was not always recognized, with what it was taken for and how often."""
    listed = evaluation.mistakes()
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for column in ("class", "images", "wrong", ""):
        table.add_column(column, justify="left" if column == "class" else "right", no_wrap=True)
    table.add_column("taken for", overflow="fold")
    for each in listed:
        if each.wrong:
            taken_for = "  ".join(f"{character} {count:,}×" for character, count in each.taken_for)
            share = f"{each.wrong / each.support:.1%}"
            table.add_row(Text(each.character), f"{each.support:,}", f"{each.wrong:,}", share, Text(taken_for))
    wrong, images = sum(each.wrong for each in listed), sum(each.support for each in listed)
    console.print(f"{wrong:,} of {images:,} images were taken for another character", highlight=False)
    console.print(table)
    if always := sum(not each.wrong for each in listed):
        what = "1 character was" if always == 1 else f"{always:,} characters were"
        console.print(f"{what} always recognized", highlight=False)


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
