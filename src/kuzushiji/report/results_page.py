"""The page of results: of each data set the best, a picture, and all else folded away."""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from math import inf
from pathlib import Path

from kuzushiji.evaluation.metrics import frequency_title
from kuzushiji.files import write_text
from kuzushiji.numbers import DASH, decimal, decimal_range, points, points_range, short
from kuzushiji.plots.results import Reached, results_figure, unsurpassed
from kuzushiji.report.document import (
    Block,
    Cell,
    Code,
    Column,
    Details,
    Document,
    Figure,
    Note,
    Paragraph,
    Points,
    Section,
    Table,
    Text,
)
from kuzushiji.report.markdown import as_markdown, write_figures
from kuzushiji.report.results import Certainty, DataResults, Measured, PageReading, Results, Row
from kuzushiji.runs.familiarities import MEASURES

BEST = 3
"""So many of the best are shown, besides those that none surpasses which is as small."""

LOST = "†"
"""Of a row that can't be repeated."""

FEWEST_DRAWN = 3
"""Fewer networks than these need no picture."""

ABOUT = (
    " from run folders. The test set was used once, at the end of each training; whatever was chosen was chosen on "
    "validation images. One run has the 95 % bootstrap interval over the test images, several have the standard "
    'deviation over the seeds. A training "like" a recipe differs from it in some settings; the network may be '
    "pre-trained on other data, and taught by a better one besides; of one with † it is not kept how such a run was "
    "made, so that it can't be repeated. Minutes are those of the training with its validation. Shown first are the "
    "best, and those that no network surpasses which is as small; all others are "
    "folded away, with more figures and the commands"
)

MORE = (
    "How many images they were trained on, how often the right class is among the five likeliest, and the mean area "
    "under the ROC curves of the classes."
)
FREQUENCY = "The accuracy, %, of rare and of frequent classes, by the number of training images of the class."
CERTAINTY = (
    "How far the certainty can be trusted, in %: the expected calibration error before and after the logits are "
    "divided by a temperature that was fitted on validation images; the area under the risk-coverage curve; the "
    "accuracy of the surest answers; and how many can be answered so that so many of the answers are right."
)
OUTLIERS = (
    "Whether they can tell what they do not know, shown by ",
    Code("kuzushiji evaluate RUN --outliers"),
    ": the area under the ROC curve, %, of test images against images of other things, by the greatest probability, by "
    "energy, and by the distance of the embedding to the nearest class mean. 50 is a toss; below it the strange looks "
    "more familiar than the known.",
)

Numbered = Sequence[tuple[int, Row]]
"""Rows with their number on the page, from 1."""


def write_page(results: Results, path: Path, title: str = "Results") -> None:
    """Draws the page of a file of results.

    Args:
        results: what is in it.
        path: the file, NAME.json: the page is NAME.md beside it, with its pictures in NAME/.
        title: the heading of the page.
    """
    document = results_document(results, title, path.name)
    write_figures(document, path.with_suffix(""))
    write_text(path.with_suffix(".md"), as_markdown(document, path.stem))


def results_document(results: Results, title: str = "Results", file: str = "") -> Document:
    """The page.

    Args:
        results: what is shown.
        title: its heading.
        file: what the results are kept in, for the reader; if empty, there is no place for pictures either.
    """
    where = ("; ", Code(file), " has them all, with their intervals.") if file else (".",)
    lead = Paragraph(("Written by ", Code("kuzushiji results"), ABOUT, *where))
    sections = [_data_section(each, drawn=bool(file)) for each in results.data]
    if results.pages:
        sections.append(pages_section(results.pages))
    return Document(title, (lead,), tuple(sections))


# Data sets


def _data_section(found: DataResults, drawn: bool) -> Section:
    rows = list(enumerate(found.rows, 1))
    sizes = [inf if row.parameters is None else row.parameters for row in found.rows]
    front = unsurpassed(sizes, [1 - row.accuracy.value for row in found.rows])
    shown = [(number, row) for number, row in rows if number <= BEST or number - 1 in front]
    others = [each for each in rows if each not in shown]
    blocks: list[Block] = [
        Paragraph(f"{found.tested}. Trained on {'; '.join(found.machines)}."),
        _first_table(shown),
    ]
    if drawn and len(rows) >= FEWEST_DRAWN:
        blocks.append(_picture(found))
    folded: list[Block] = [_first_table(others)] if others else []
    folded += [*_more_tables(rows), Paragraph("Made by:"), _commands(rows)]
    many = f"all {len(rows)} trainings" if len(rows) > 1 else "the training"
    blocks.append(Details(f"More on {many}, and the commands", tuple(folded)))
    return Section(found.data, found.data, tuple(blocks))


def _first_table(rows: Numbered) -> Table:
    head = (
        _number("#"),
        Column("network", "word"),
        Column("recipe"),
        _number("accuracy, %"),
        Column("", "interval"),
        *map(_number, ("balanced, %", "parameters", "epochs", "minutes")),
    )
    return Table(head, tuple((str(number), *_first_cells(row)) for number, row in rows))


def _first_cells(row: Row) -> tuple[Cell, ...]:
    return (
        Code(row.network),
        _recipe(row),
        points(row.accuracy.value),
        _spread(row),
        points(row.balanced_accuracy.value),
        DASH if row.parameters is None else short(row.parameters, ("k", "M", "G")),
        " to ".join(map(str, dict.fromkeys(row.epochs))),
        decimal(row.seconds / 60, 0 if row.seconds >= 600 else 1),
    )


def _spread(row: Row) -> str:
    if row.accuracy.deviation is not None:
        return f"± {points(row.accuracy.deviation)}, {row.seeds} seeds"
    if row.accuracy.low is None or row.accuracy.high is None:
        return ""
    return points_range(row.accuracy.low, row.accuracy.high)


def _recipe(row: Row) -> str:
    """How a network was trained, in a few words."""
    words = shlex.split(row.settings)
    given = dict(pairwise([*words, ""]))
    told = {
        "--image-size": f"{given.get('--image-size')} px",
        "--limit": f"{given.get('--limit')} images",
        "--from": "pre-trained",
        "--weights": "pre-trained",
        "--teacher": "taught",
    }
    changed = any(word.startswith("--") and word not in told for word in words)
    named = [f"like {row.recipe}" if changed else row.recipe, *(told[word] for word in words if word in told)]
    return ", ".join(named) + (LOST if row.lost else "")


def _picture(found: DataResults) -> Figure:
    reached = [
        Reached(f"{number} {row.network}", row.parameters, row.seconds / 60, row.accuracy.value)
        for number, row in enumerate(found.rows, 1)
        if row.parameters is not None
    ]
    label = f"Accuracy on {found.data} against the number of parameters and the minutes of training."
    return Figure(found.data, label, lambda dark: results_figure(reached, dark))


def _more_tables(rows: Numbered) -> list[Block]:
    blocks: list[Block] = [
        Note(MORE),
        _table(
            rows,
            {
                "training images": lambda row: f"{row.train_images:,}",
                "top-5, %": lambda row: points(row.top5_accuracy.value),
                "AUC": lambda row: decimal(row.auc_macro.value),
            },
        ),
    ]
    groups = sorted({int(least) for _, row in rows for least in row.by_frequency})
    if len(groups) > 1:
        columns = {frequency_title(least): _by_frequency(least) for least in groups}
        blocks += [Note(FREQUENCY), _table(rows, columns)]
    if any(row.certainty for _, row in rows):
        blocks += [Note(CERTAINTY), _table(rows, CERTAINTY_COLUMNS)]
    kinds = dict.fromkeys(kind for _, row in rows for areas in row.outliers.values() for kind in areas)
    if kinds:
        blocks += [Note(OUTLIERS), _outliers(rows, list(kinds))]
    return blocks


def _table(rows: Numbered, columns: Mapping[str, Callable[[Row], str]]) -> Table:
    """A table of figures, a row for each network."""
    head = (_number("#"), Column("network", "word"), *map(_number, columns))
    return Table(
        head,
        tuple((str(number), Code(row.network), *(of(row) for of in columns.values())) for number, row in rows),
    )


def _number(title: str) -> Column:
    return Column(title, "number")


def _by_frequency(least: int) -> Callable[[Row], str]:
    return lambda row: _share(row.by_frequency.get(str(least)))


def _of_certainty(text: Callable[[Certainty], str]) -> Callable[[Row], str]:
    return lambda row: DASH if row.certainty is None else text(row.certainty)


CERTAINTY_COLUMNS: Mapping[str, Callable[[Row], str]] = {
    "temperature": _of_certainty(lambda found: DASH if found.temperature is None else decimal(found.temperature, 2)),
    "ECE": _of_certainty(lambda found: _share(found.ece)),
    "scaled": _of_certainty(lambda found: _share(found.scaled_ece)),
    "AURC": _of_certainty(lambda found: _share(found.aurc)),
    "surest 95 %": _of_certainty(lambda found: _share(found.accuracy_at_coverage["0.95"])),
    "surest 99 %": _of_certainty(lambda found: _share(found.accuracy_at_coverage["0.99"])),
    "at 99 %": _of_certainty(lambda found: _share(found.coverage_at_accuracy["0.99"])),
    "at 99.9 %": _of_certainty(lambda found: _share(found.coverage_at_accuracy["0.999"])),
}


def _outliers(rows: Numbered, kinds: Sequence[str]) -> Table:
    """A row for each network and measure of familiarity."""
    return Table(
        (_number("#"), Column("network", "word"), Column("by", "word"), *map(_number, kinds)),
        tuple(
            (str(number), Code(row.network), measure, *(_share(row.outliers[measure].get(kind)) for kind in kinds))
            for number, row in rows
            for measure in MEASURES
            if measure in row.outliers
        ),
    )


def _share(figure: Measured | None) -> str:
    return DASH if figure is None else points(figure.value)


def _commands(rows: Numbered) -> Points:
    return Points(
        tuple((f"{number}: ", Code(command), *_lost(row)) for number, row in rows for command in row.commands)
    )


def _lost(row: Row) -> list[Text]:
    """Says which runs none of the commands makes."""
    if not row.lost:
        return []
    names: list[Text] = []
    for run in row.lost:
        names += [" and ", Code(run)]
    return ["; it is not kept how ", *names[1:], " came about"]


# Pages


def pages_section(found: Iterable[PageReading]) -> Section:
    """How exported networks recognize the boxed characters of pages."""
    blocks: list[Block] = []
    for reading in found:
        about = (
            f", {reading.classes:,} classes, on {reading.kinds[-1].count:,} boxed characters, each cut out as its box"
        )
        blocks.append(Paragraph((Code(reading.model), f"{about} has it, by ", Code(reading.command), ".")))
        head = (
            Column("characters"),
            *map(_number, ("number", "right, %")),
            Column("95 % interval", "interval"),
            *map(_number, ("among 5, %", "sure, %", "right of these, %")),
        )
        blocks.append(
            Table(
                head,
                tuple(
                    (
                        each.kind,
                        f"{each.count:,}",
                        decimal(100 * each.right.value, 1),
                        decimal_range(100 * (each.right.low or 0), 100 * (each.right.high or 0), 1),
                        decimal(100 * each.among_5, 1),
                        decimal(100 * each.sure, 1),
                        DASH if each.right_of_sure is None else decimal(100 * each.right_of_sure, 1),
                    )
                    for each in reading.kinds
                ),
            )
        )
    return Section("pages", "Characters of real pages", tuple(blocks))
