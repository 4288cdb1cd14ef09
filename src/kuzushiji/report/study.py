"""The answer to a study as a page, section by section."""

from collections.abc import Sequence
from math import isnan

from kuzushiji.data.source import title_of
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.evaluation.learning_curve import LearningCurve, held_out
from kuzushiji.models import MODELS
from kuzushiji.numbers import decimal, p_value, percent, percent_range, points, points_range, seconds, short
from kuzushiji.report.document import Block, Column, Document, Figures, Japanese, Note, Paragraph, Section, Table, Text
from kuzushiji.report.study_figures import networks, study_figures
from kuzushiji.report.study_how import benchmark, footer, how, published
from kuzushiji.studies.answer import Answer, Result, factor_title, measure_title
from kuzushiji.studies.conclusion import listing, not_measured, p_text
from kuzushiji.studies.definition import MEASURES

MISTAKEN = 100
"""So many characters are listed with what they were taken for, at most."""

TAKEN_FOR = 6
"""So many characters are named that one was taken for, at most."""


def study_document(answer: Answer, conclusion: Sequence[str], command: str) -> Document:
    """Everything that is to be read, in order.

    Args:
        answer: what was found.
        conclusion: its sentences.
        command: what makes it again.
    """
    figures = study_figures(answer)
    sections = [
        benchmark(answer),
        _results(answer),
        _cut_off(answer, figures),
        _curves(answer, figures),
        _factor(answer, figures),
        _learning_curve(answer, figures),
        _effects(answer, figures),
        _differences(answer, figures),
        _order(answer, figures),
        _areas(figures),
        _rocs(figures),
        _examples(answer, figures),
        _mistakes(answer),
        _layers(answer, figures),
        how(answer, command),
    ]
    return Document(
        title=answer.study.title.rstrip("."),
        subject=answer.study.name,
        lead=(Note(answer.study.question), Paragraph(" ".join(conclusion)), figures["accuracies"]),
        sections=tuple(section for section in sections if section is not None),
        footer=footer(answer),
    )


def results_table(answer: Answer) -> Table:
    """A row for each trial, the best accuracy first; those without a result last."""
    columns = [
        Column("trial"),
        Column("training accuracy", "number"),
        Column("training loss", "number"),
        Column("test accuracy", "number"),
        Column("", "interval"),
        Column("test loss", "number"),
        *([Column("balanced accuracy", "number")] if answer.unbalanced else []),
        Column("AUC", "number"),
    ]
    measures = {measure for result in answer.results for measure in result.trial.theirs}
    theirs = [measure for measure in MEASURES if measure in measures]
    rows = []
    for result in (*answer.ranked, *(each for each in answer.results if not each.measured)):
        ours = _measured(answer, result) if result.measured else ["–"] * (len(columns) - 1)
        rows.append((result.label, *ours, *(published(result.trial, measure) for measure in theirs)))
    columns += [Column(f"published {measure_title(measure)}", "number") for measure in theirs]
    return Table(tuple(columns), tuple(rows), "What came of each", strong=0)


def _measured(answer: Answer, result: Result) -> list[str]:
    accuracy = result.evaluations[0].accuracy
    interval = points_range(accuracy.low, accuracy.high)
    if len(result.evaluations) > 1:
        interval = f"± {points(result.deviation('test_accuracy'))}"
    return [
        percent(result.mean("train_accuracy")),
        decimal(result.mean("train_loss")),
        percent(result.accuracy),
        interval,
        decimal(result.mean("test_loss")),
        *([percent(result.mean("balanced_accuracy"))] if answer.unbalanced else []),
        decimal(result.mean("auc_macro")),
    ]


def _costs(answer: Answer) -> Table:
    """What each trial costs, in the order of the table of results."""
    numbers = ("parameters", "multiplications", "epochs", "seconds", "seconds an epoch")
    rows = tuple(
        (
            result.label,
            f"{result.parameters:,}" if result.parameters else "–",
            short(result.macs, (" k", " M", " G")) if result.macs else "–",
            f"{len(result.runs[0].metrics)}" if result.runs else "–",
            seconds(result.mean("seconds")),
            seconds(result.mean("seconds_per_epoch")),
        )
        for result in answer.ranked
    )
    return Table((Column("trial"), *(Column(title, "number") for title in numbers)), rows, "What each costs")


def _results(answer: Answer) -> Section:
    study = answer.study
    table = results_table(answer)
    spread = "one standard deviation over the seeds" if answer.seeds > 1 else "the 95% interval over the test images"
    note = (
        "Each trial read the test images once, when its training was over; nothing was chosen on them. After the test "
        f"accuracy stands {spread}. Training accuracy and loss are those of the last epoch as the network saw it: "
        f"{_as_seen(answer)}while it still learned."
    )
    blocks: list[Block] = [table, Note(note)]
    if study.published.source and any(result.trial.theirs for result in answer.results):
        on = f", on {title_of(study.published.data)}" if study.published.data else ""
        blocks.append(Note(f"Published: {study.published.source}{on}."))
    failed = [result for result in answer.results if result.failures]
    blocks += [Paragraph(f"{result.label}: {'; '.join(result.failures).rstrip('.')}.") for result in failed]
    blocks += [Paragraph(sentence) for sentence in not_measured(answer)]
    if study.note:
        blocks.append(Paragraph(answer.told(study.note)))
    of_which = "Multiplications are for one image; seconds are those of the training with its validation."
    return Section("results", "What came of each", (*blocks, _costs(answer), Note(of_which)), "Results")


def _as_seen(answer: Answer) -> str:
    """What was done in any of the trainings to the network or its images, as the beginning of a list."""
    runs = [run for result in answer.measured for run in result.runs]
    dropped = any(value for run in runs for name, value in run.config.model.options.items() if "dropout" in name)
    seen = [
        *["with dropout"] * dropped,
        *["on images as they were augmented"] * any(run.config.recipe.augments for run in runs),
        *["on images that were mixed"] * any(run.config.recipe.mixes for run in runs),
    ]
    return f"{', '.join(seen)}, and " if seen else ""


def _curves(answer: Answer, figures: Figures) -> Section | None:
    if "curves" not in figures:
        return None
    text = "Training accuracy and loss are means over the epoch, those of the validation images are taken at its end."
    text += " Of each trial, the first seed is drawn." if answer.seeds > 1 else ""
    return Section("curves", "How the trainings went", (figures["curves"], Note(text)), "Training")


def _factor(answer: Answer, figures: Figures) -> Section | None:
    if "factor" not in figures:
        return None
    text = "The thick lines are 95% intervals over the test images." if answer.seeds == 1 else "Small dots are seeds."
    title = f"Accuracy by {factor_title(answer.study.factor)}"
    return Section("factor", title, (figures["factor"], Note(text)), "Factor")


def _learning_curve(answer: Answer, figures: Figures) -> Section | None:
    if "learning-curve" not in figures:
        return None
    curves = answer.learning_curves
    columns = [
        Column("training images", "number"),
        Column("expected test accuracy", "number"),
        Column("95% interval", "interval"),
    ]
    rows: list[tuple[Text, ...]] = []
    for name, curve in curves.items():
        for images in answer.study.extrapolate:
            error = curve.expected(images)
            expected = percent(1 - error.value), percent_range(1 - error.high, 1 - error.low)
            rows.append((*([name] if any(curves) else []), f"{images:,}", *expected))
    table = Table((*([Column()] if any(curves) else []), *columns), tuple(rows), "Expected accuracy")
    images = answer.best.evaluations[0].count
    texts = [Paragraph(text) for name, curve in curves.items() for text in _course_of_errors(name, curve, images)]
    note = Note(
        "The curve is a power of the number of images, and a floor, fitted to the errors in proportion to how sure "
        "each is; the intervals are of curves fitted to errors drawn around them. They say how far chance moves "
        "the curve, and nothing of whether it goes on like this."
    )
    blocks: tuple[Block, ...] = (figures["learning-curve"], table, *texts, note)
    return Section("learning-curve", "What more images would give", blocks, "Curve")


def _course_of_errors(name: str, curve: LearningCurve, images: int) -> list[str]:
    """How the error falls, and what a curve without the last point expects of it."""
    floor = f" above a floor of {percent(curve.floor)}" if curve.floor >= 5e-5 else ""
    start = f"Of {name}: the" if name else "The"
    texts = [f"{start} error falls as the number of images to the power of −{decimal(curve.exponent, 2)}{floor}."]
    expected, measured = held_out(curve, images)
    if not isnan(expected.value):
        texts.append(
            f"A curve through all points but the last expects {percent(1 - expected.value)} there "
            f"({percent_range(1 - expected.high, 1 - expected.low)}); measured were {percent(1 - measured)}."
        )
    return texts


def _effects(answer: Answer, figures: Figures) -> Section | None:
    if "effects" not in figures:
        return None
    rows = tuple((effect.name, *_comparison(effect.together)) for effect in answer.effects)
    note = Note(
        "Each change is measured on pairs of trials that differ in it: with the change minus without it, image by "
        "image over the same test images. Large dots stand for all pairs of a change together. The p-values are "
        "of an exact sign-flip test, corrected by Holm for the number of changes."
    )
    table = Table((Column("change"), *_COMPARISON), rows, "What each change does")
    return Section("effects", "What each change does", (figures["effects"], table, note), "Changes")


def _differences(answer: Answer, figures: Figures) -> Section | None:
    if len(answer.measured) < 2:
        return None
    reference = answer.reference
    others = [result for result in answer.ranked if result is not reference]
    comparisons = [answer.comparison(other.label, reference.label) for other in others]
    single = all(each.only_first is not None for each in comparisons)
    last = ("only it right", "only the other right") if single else ("95% interval over seeds",)
    numbers = [*(["balanced accuracy"] if answer.unbalanced else []), "AUC", *last]
    rows = []
    for each in comparisons:
        row = [each.first, *_comparison(each)]
        if answer.unbalanced:
            balanced = each.balanced_accuracy
            interval = points_range(balanced.low, balanced.high)
            row.append(points(balanced.value, signed=True) + (f" ({interval})" if interval else ""))
        row.append(decimal(each.auc_macro.value, signed=True))
        if single:
            row += [f"{each.only_first:,}", f"{each.only_second:,}"]
        else:
            row.append(points_range(*each.seed_interval()) or "–")
        rows.append(tuple(row))
    columns = (Column(f"against {reference.label}"), *_COMPARISON, *(Column(title, "number") for title in numbers))
    blocks: list[Block] = []
    if "differences" in figures:
        below = (
            "Row minus column in percentage points, the numbers across being those of the rows. Pairs in dashed frames "
            "can't be told apart."
        )
        blocks += [figures["differences"], Note(below)]
    blocks += [Table(columns, tuple(rows), "Differences"), Note(_tested(answer, single))]
    return Section("differences", "Which differences are more than chance", tuple(blocks), "Differences")


def _tested(answer: Answer, single: bool) -> str:
    """How intervals and p-values were found."""
    pairs = len(answer.comparisons)
    correction = f", corrected by Holm for all {pairs} pairs of trials" if pairs > 1 else ""
    test = "McNemar's exact test" if single else "an exact sign-flip test of the means over the seeds"
    over_seeds = " A difference counts only if the t interval over the seeds (Welch) leaves out 0 too."
    return (
        "The intervals are bootstrapped over the test images, the same draws for both sides. The p-values are of "
        f"{test}{correction}.{'' if single else over_seeds}"
    )


def _order(answer: Answer, figures: Figures) -> Section | None:
    if "order" not in figures or answer.order is None:
        return None
    text = (
        f"Spearman's rank correlation of the {answer.order.count} trials is {decimal(answer.order.value, 2)} "
        f"({p_text(answer.order.p_value)}, by permutation)."
    )
    return Section("order", "The published order and ours", (figures["order"], Paragraph(text)), "Order")


def _areas(figures: Figures) -> Section | None:
    notes = {
        "class-auc": "Two trials a panel, each dot the area under a class's ROC curve against the rest.",
        "rare-auc": "Weighted so that a class counts the more the rarer it is among the training images.",
        "scatter": "",
    }
    blocks: list[Block] = []
    for name, note in notes.items():
        if name in figures:
            blocks += [figures[name], *([Note(note)] if note else [])]
    return Section("auc", "Areas under the ROC curves", tuple(blocks), "AUC") if blocks else None


def _rocs(figures: Figures) -> Section | None:
    if "roc" not in figures:
        return None
    text = "The mean over the classes for each trial, the greatest area first; to the right the same, enlarged."
    return Section("roc", "All ROC curves", (figures["roc"], Note(text)), "ROC")


def _examples(answer: Answer, figures: Figures) -> Section | None:
    texts = {
        "right": f"Named right by {answer.best.label}:",
        "wrong": "Its surest mistakes: P is what it said, A what it is.",
    }
    blocks: list[Block] = []
    for name, text in texts.items():
        if name in figures:
            blocks += [Paragraph(text), figures[name]]
    return Section("examples", "Right and wrong", tuple(blocks), "Images", shows_data=True) if blocks else None


def _cut_off(answer: Answer, figures: Figures) -> Section | None:
    rare = answer.first_run.config.data.rare
    if "cut-off" not in figures or not rare:
        return None
    kept = len(answer.first_run.config.classes) - 1
    text = (
        f"{kept:,} characters have a class of their own; the other {rare.characters:,}, with {rare.images:,} "
        f"training images together, are one class more, so that there are {kept + 1:,}."
    )
    title = "How few characters make up most of the images"
    return Section("cut-off", title, (figures["cut-off"], Paragraph(text)), "Cut-off")


def _mistakes(answer: Answer) -> Section | None:
    """What the best trial took each character for."""
    if "mistakes" not in answer.study.show:
        return None
    every = answer.best.evaluations[0].mistakes()
    listed = [each for each in every if each.wrong]
    rows = []
    for each in listed[:MISTAKEN]:
        taken: list[Text] = []
        for other in each.taken_for[:TAKEN_FOR]:
            taken += [", " if taken else "", Japanese(other.character), f" {other.count:,}×"]
        taken.append(" …" if len(each.taken_for) > TAKEN_FOR else "")
        share = percent(each.wrong / each.support, 1)
        rows.append((Japanese(each.character), f"{each.support:,}", f"{each.wrong:,}", share, tuple(taken)))
    wrong, images = sum(each.wrong for each in listed), sum(each.support for each in every)
    seed = " with its first seed" if len(answer.best.evaluations) > 1 else ""
    always = f"{len(every) - len(listed):,}" if len(listed) < len(every) else "none"
    text = (
        f"{answer.best.label} took {wrong:,} of {images:,} test images for another character{seed}; of {len(every):,} "
        f"characters it always recognized {always}."
    )
    blocks: list[Block] = [Paragraph(text)]
    if rows:
        numbers = (Column(title, "number") for title in ("images", "wrong", ""))
        columns = (Column("character"), *numbers, Column("taken for"))
        blocks.append(Table(columns, tuple(rows), "Mistakes"))
    if len(listed) > MISTAKEN:
        blocks.append(Note("The characters with the most mistakes; kuzushiji evaluate RUN --mistakes lists all."))
    return Section("mistakes", "What each character was taken for", tuple(blocks), "Mistakes")


def _layers(answer: Answer, figures: Figures) -> Section | None:
    blocks: list[Block] = []
    for label, results in networks(answer).items():
        if (figure := figures.get(f"layers-{label}")) is not None:
            summary = MODELS[results[0].trial.model].summary
            blocks += [Paragraph(f"{listing([result.label for result in results])}: {summary}."), figure]
    return Section("layers", "The networks", tuple(blocks), "Layers") if blocks else None


_COMPARISON = (Column("points", "number"), Column("95% interval", "interval"), Column("p", "number"))


def _comparison(comparison: Comparison) -> tuple[str, str, str]:
    """Points, interval and p-value."""
    accuracy = comparison.accuracy
    interval = points_range(accuracy.low, accuracy.high) or "–"
    return points(accuracy.value, signed=True), interval, p_value(comparison.p_adjusted)
