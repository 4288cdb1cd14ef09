"""What stands in the answer to a study, section by section, for whatever it is written as."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isnan

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.catalogue.verify import state
from kuzushiji.data.source import title_of
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.evaluation.learning_curve import held_out
from kuzushiji.models import MODELS
from kuzushiji.report.study_figures import Draw, networks, study_figures
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.run import Run
from kuzushiji.studies.answer import (
    Answer,
    Pretraining,
    Result,
    factor_title,
    measure_title,
)
from kuzushiji.studies.conclusion import listing, not_measured, p_number, p_text, points
from kuzushiji.studies.definition import MEASURES, Column, Trial
from kuzushiji.studies.stored import stored_values

MISTAKEN = 100
"""So many characters are listed with what they were taken for, at most."""

TAKEN_FOR = 6
"""So many characters are named that one was taken for, at most."""


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure: `name` for files, `label` for those who can't see it, and what draws it.

    `wide` figures fill the page; `adaptive` ones have no colour but those of the theme.
    """

    name: str
    label: str
    draw: Draw
    wide: bool = True
    adaptive: bool = True


@dataclass(frozen=True)
class Table:
    """Rows of text; the columns numbered in `right` are aligned to the right, the row numbered `strong` stands out."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    strong: int | None = None


@dataclass(frozen=True)
class Commands:
    """Commands to repeat something with."""

    lines: tuple[str, ...]


Block = Text | Picture | Table | Commands


@dataclass(frozen=True)
class Section:
    """A heading and what stands below; `short` is the heading in a menu, `shows_data` says that images of the dataset
    are in it."""

    id: str
    short: str
    heading: str
    blocks: tuple[Block, ...]
    shows_data: bool = False


@dataclass(frozen=True)
class Document:
    """The answer to a study."""

    title: str
    question: str
    conclusion: tuple[str, ...]
    opening: Picture
    sections: tuple[Section, ...]
    footer: tuple[str, ...] = field(default=())


def answer_document(answer: Answer, conclusion: Sequence[str], command: str) -> Document:
    """Everything that is to be read, in order.

    Args:
        answer: what was found.
        conclusion: its sentences.
        command: what makes it again.
    """
    figures = study_figures(answer)
    sections = [
        _benchmark(answer),
        _results(answer),
        _cut_off(answer, figures),
        _curves(answer, figures),
        _factor(answer, figures),
        _learning_curve(answer, figures),
        _effects(answer, figures),
        _differences(answer, figures),
        _order(answer, figures),
        _areas(answer, figures),
        _rocs(answer, figures),
        _examples(answer, figures),
        _mistakes(answer),
        _layers(answer, figures),
        _how(answer, command),
    ]
    return Document(
        title=f"{answer.study.title.rstrip('.')}",
        question=answer.study.question,
        conclusion=tuple(conclusion),
        opening=Picture("accuracies", "Test accuracy of each trial with its interval", figures["accuracies"]),
        sections=tuple(section for section in sections if section is not None),
        footer=_footer(answer),
    )


def results_table(answer: Answer) -> Table:
    """A row for each trial, the best accuracy first; those without a result last."""
    columns = ["trial", "training accuracy", "training loss", "test accuracy", "", "test loss"]
    columns += ["balanced accuracy"] if answer.unbalanced else []
    columns.append("AUC")
    published = _published_measures(answer)
    rows = []
    for result in answer.ranked:
        row = [
            result.label,
            _share(result.mean("train_accuracy")),
            _number(result.mean("train_loss")),
            _share(result.accuracy),
            _uncertainty(result),
            _number(result.mean("test_loss")),
        ]
        row += [_share(result.mean("balanced_accuracy"))] if answer.unbalanced else []
        row.append(_number(result.mean("auc_macro")))
        rows.append((*row, *(_of_theirs(result.trial, measure) for measure in published)))
    for result in answer.results:
        if not result.measured:
            row = [result.label, *["–"] * (len(columns) - 1)]
            rows.append((*row, *(_of_theirs(result.trial, measure) for measure in published)))
    columns += [f"published {measure_title(measure)}" for measure in published]
    return Table(tuple(columns), tuple(rows), frozenset(range(1, len(columns))) - {4}, strong=0)


def _costs(answer: Answer) -> Table:
    """What each trial costs, in the order of the table of results."""
    columns = ("trial", "parameters", "multiplications", "epochs", "seconds", "seconds an epoch")
    rows = []
    for result in answer.ranked:
        epochs = f"{len(result.runs[0].metrics)}" if result.runs else "–"
        rows.append(
            (
                result.label,
                f"{result.parameters:,}" if result.parameters else "–",
                _short(result.macs) if result.macs else "–",
                epochs,
                _seconds(result.mean("seconds")),
                _seconds(result.mean("seconds_per_epoch")),
            )
        )
    return Table(columns, tuple(rows), frozenset(range(1, len(columns))))


def _published_measures(answer: Answer) -> list[str]:
    named = {measure for result in answer.results for measure in result.trial.theirs}
    return [measure for measure in MEASURES if measure in named]


def _results(answer: Answer) -> Section:
    study = answer.study
    blocks: list[Block] = [results_table(answer)]
    spread = "one standard deviation over the seeds" if answer.seeds > 1 else "the 95% interval over the test images"
    text = (
        "Each trial read the test images once, when its training was over; nothing was chosen on them. After the test "
        f"accuracy stands {spread}. Training accuracy and loss are those of the last epoch as the network saw it: "
        "with dropout, on images as they were augmented, and while it still learned."
    )
    blocks.append(Text(text, quiet=True))
    if study.published.source and _published_measures(answer):
        on = f", on {title_of(study.published.data)}" if study.published.data else ""
        blocks.append(Text(f"Published: {study.published.source}{on}.", quiet=True))
    for result in answer.results:
        if result.failures:
            blocks.append(Text(f"{result.label}: {'; '.join(result.failures)}."))
    blocks += [Text(sentence) for sentence in not_measured(answer)]
    if study.note:
        blocks.append(Text(study.note))
    blocks += [
        _costs(answer),
        Text("Multiplications are for one image; seconds are those of the training with its validation.", quiet=True),
    ]
    return Section("results", "Results", "What came of each", tuple(blocks))


def _curves(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "curves" not in figures:
        return None
    text = "Training accuracy and loss are means over the epoch, those of the validation images are taken at its end."
    text += " Of each trial, the first seed is drawn." if answer.seeds > 1 else ""
    picture = Picture("curves", "Loss and accuracy of each trial over the epochs", figures["curves"])
    return Section("curves", "Training", "How the trainings went", (picture, Text(text, quiet=True)))


def _factor(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "factor" not in figures:
        return None
    named = factor_title(answer.study.factor)
    what = "Test accuracy and seconds an epoch" if "seconds" in answer.study.show else "Test accuracy"
    picture = Picture("factor", f"{what} against the {named}", figures["factor"])
    text = "The thick lines are 95% intervals over the test images." if answer.seeds == 1 else "Small dots are seeds."
    return Section("factor", "Factor", f"Accuracy by {named}", (picture, Text(text, quiet=True)))


def _learning_curve(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "learning-curve" not in figures:
        return None
    curves = answer.learning_curves
    picture = Picture("learning-curve", "Error against the number of training images", figures["learning-curve"])
    rows = [
        (
            *((name,) if name else ()),
            f"{images:,}",
            f"{1 - error.value:.2%}",
            f"{1 - error.high:.2%} to {1 - error.low:.2%}",
        )
        for name, curve in curves.items()
        for images in answer.study.extrapolate
        for error in (curve.expected(images),)
    ]
    columns = ("training images", "expected test accuracy", "95% interval")
    named = ("", *columns) if any(curves) else columns
    texts = []
    for name, curve in curves.items():
        of = f"Of {name}: " if name else ""
        floor = f" above a floor of {curve.floor:.2%}" if curve.floor >= 5e-5 else ""
        texts.append(f"{of}the error falls as the number of images to the power of −{curve.exponent:.2f}{floor}.")
        expected, measured = held_out(curve, answer.best.evaluations[0].count)
        if not isnan(expected.value):
            texts.append(
                f"A curve through all points but the last expects {1 - expected.value:.2%} there "
                f"({1 - expected.high:.2%} to {1 - expected.low:.2%}); measured were {1 - measured:.2%}."
            )
    blocks: tuple[Block, ...] = (
        picture,
        Table(named, tuple(rows), frozenset(range(len(named) - 3, len(named) - 1))),
        *(Text(f"{text[0].upper()}{text[1:]}") for text in texts),
        Text(
            "The curve is a power of the number of images, and a floor, fitted to the errors in proportion to how sure "
            "each is; the intervals are of curves fitted to errors drawn around them. They say how far chance moves "
            "the curve, and nothing of whether it goes on like this.",
            quiet=True,
        ),
    )
    return Section("learning-curve", "Curve", "What more images would give", blocks)


def _effects(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "effects" not in figures:
        return None
    rows = []
    for effect in answer.effects:
        rows.append((effect.name, *_comparison_cells(effect.together)))
    blocks: list[Block] = [
        Picture("effects", "What each change does to the test accuracy", figures["effects"]),
        Table(("change", "points", "95% interval", "p"), tuple(rows), frozenset({1, 3})),
        Text(
            "Each change is measured on pairs of trials that differ in it: with the change minus without it, image by "
            "image over the same test images. Large dots stand for all pairs of a change together. The p-values are "
            "of an exact sign-flip test, corrected by Holm for the number of changes.",
            quiet=True,
        ),
    ]
    return Section("effects", "Changes", "What each change does", tuple(blocks))


def _differences(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if len(answer.measured) < 2:
        return None
    reference = answer.reference
    others = [result for result in answer.ranked if result is not reference]
    comparisons = [answer.comparison(other.label, reference.label) for other in others]
    single = all(each.only_first is not None for each in comparisons)
    columns = [f"against {reference.label}", "points", "95% interval", "p"]
    columns += ["balanced accuracy"] if answer.unbalanced else []
    columns.append("AUC")
    columns += ["only it right", "only the other right"] if single else ["error over seeds"]
    rows = []
    for each in comparisons:
        row = [each.first, *_comparison_cells(each)]
        row += [points(each.balanced_accuracy)] if answer.unbalanced else []
        row.append(f"{each.auc_macro.value:+.4f}")
        if single:
            row += [f"{each.only_first:,}", f"{each.only_second:,}"]
        else:
            row.append("–" if each.seed_error is None else f"{100 * each.seed_error:.2f}")
        rows.append(tuple(_minus(cell) if number else cell for number, cell in enumerate(row)))
    blocks: list[Block] = []
    if "differences" in figures:
        blocks += [
            Picture(
                "differences", "Difference in test accuracy of every pair of trials", figures["differences"], wide=False
            ),
            Text(
                "Row minus column in percentage points, the numbers across being those of the rows. Pairs in dashed "
                "frames can't be told apart.",
                quiet=True,
            ),
        ]
    pairs = len(answer.comparisons)
    correction = f", corrected by Holm for all {pairs} pairs of trials" if pairs > 1 else ""
    over_seeds = (
        "" if single else " A difference counts only if it is also greater than twice its error over the seeds."
    )
    test = "McNemar's exact test" if single else "an exact sign-flip test of the means over the seeds"
    blocks += [
        Table(tuple(columns), tuple(rows), frozenset(range(1, len(columns))) - {2}),
        Text(
            f"The intervals are bootstrapped over the test images, the same draws for both sides. The p-values are of "
            f"{test}{correction}.{over_seeds}",
            quiet=True,
        ),
    ]
    return Section("differences", "Differences", "Which differences are more than chance", tuple(blocks))


def _order(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "order" not in figures or answer.order is None:
        return None
    picture = Picture("order", "The published order of the trials beside ours", figures["order"])
    text = (
        f"Spearman's rank correlation of the {answer.order.count} trials is {_minus(f'{answer.order.value:.2f}')} "
        f"({p_text(answer.order.p_value)}, by permutation)."
    )
    return Section("order", "Order", "The published order and ours", (picture, Text(text)))


def _areas(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    blocks: list[Block] = []
    if "class-auc" in figures:
        blocks += [
            Picture("class-auc", "Area under each class's ROC curve, pair by pair", figures["class-auc"]),
            Text("Two trials a panel, each dot the area under a class's ROC curve against the rest.", quiet=True),
        ]
    if "rare-auc" in figures:
        text = "Weighted so that a class counts the more the rarer it is among the training images."
        blocks += [
            Picture("rare-auc", "Area under the ROC curve weighted by rarity", figures["rare-auc"]),
            Text(text, quiet=True),
        ]
    if "scatter" in figures:
        blocks.append(Picture("scatter", "Accuracy against the weighted area under the ROC curve", figures["scatter"]))
    return Section("auc", "AUC", "Areas under the ROC curves", tuple(blocks)) if blocks else None


def _rocs(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    if "roc" not in figures:
        return None
    # Thousands of faint lines lie in it as a picture of pixels, which can't change its colours.
    picture = Picture("roc", "ROC curves of all trials", figures["roc"], adaptive=False)
    text = "The mean over the classes for each trial, the greatest area first; to the right the same, enlarged."
    return Section("roc", "ROC", "All ROC curves", (picture, Text(text, quiet=True)))


def _examples(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    blocks: list[Block] = []
    if "right" in figures:
        blocks += [
            Text(f"Named right by {answer.best.label}:"),
            Picture("right", "Images that were named right", figures["right"], adaptive=False),
        ]
    if "wrong" in figures:
        blocks += [
            Text("Its surest mistakes: P is what it said, A what it is."),
            Picture("wrong", "Images that were named wrong", figures["wrong"], adaptive=False),
        ]
    return Section("examples", "Images", "Right and wrong", tuple(blocks), shows_data=True) if blocks else None


def _cut_off(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    rare = answer.first_run.config.data.rare
    if "cut-off" not in figures or not rare:
        return None
    kept = len(answer.first_run.config.classes) - 1
    text = (
        f"{kept:,} characters have a class of their own; the other {rare.characters:,}, with {rare.images:,} "
        f"training images together, are one class more, so that there are {kept + 1:,}."
    )
    picture = Picture("cut-off", "Share of the images that the most frequent characters make up", figures["cut-off"])
    return Section("cut-off", "Cut-off", "How few characters make up most of the images", (picture, Text(text)))


def _mistakes(answer: Answer) -> Section | None:
    """What the best trial took each character for."""
    if "mistakes" not in answer.study.show:
        return None
    every = answer.best.evaluations[0].mistakes()
    listed = [each for each in every if each.wrong]
    rows = [
        (
            each.character,
            f"{each.support:,}",
            f"{each.wrong:,}",
            f"{each.wrong / each.support:.1%}",
            ", ".join(f"{character} {count:,}×" for character, count in each.taken_for[:TAKEN_FOR])
            + (" …" if len(each.taken_for) > TAKEN_FOR else ""),
        )
        for each in listed[:MISTAKEN]
    ]
    wrong, images = sum(each.wrong for each in listed), sum(each.support for each in every)
    text = f"{answer.best.label} took {wrong:,} of {images:,} test images for another character"
    text += " with its first seed" if len(answer.best.evaluations) > 1 else ""
    always = f"{len(every) - len(listed):,}" if len(listed) < len(every) else "none"
    text += f"; of {len(every):,} characters it always recognized {always}."
    more = "The characters with the most mistakes; kuzushiji evaluate RUN --mistakes lists all."
    blocks: list[Block] = [Text(text)]
    if rows:
        blocks.append(Table(("character", "images", "wrong", "", "taken for"), tuple(rows), frozenset({1, 2, 3})))
    if len(listed) > MISTAKEN:
        blocks.append(Text(more, quiet=True))
    return Section("mistakes", "Mistakes", "What each character was taken for", tuple(blocks))


def _layers(answer: Answer, figures: dict[str, Draw]) -> Section | None:
    blocks: list[Block] = []
    for label, results in networks(answer).items():
        name = f"layers-{label}"
        if name in figures:
            summary = MODELS[results[0].trial.model].summary
            blocks += [
                Text(f"{listing([result.label for result in results])}: {summary}."),
                Picture(name, f"The layers of {label}", figures[name], wide=False, adaptive=False),
            ]
    return Section("layers", "Layers", "The networks", tuple(blocks)) if blocks else None


def _how(answer: Answer, command: str) -> Section:
    config = answer.first_run.config
    splits = config.data.splits
    counts = ", ".join(f"{split.count:,} {_split_name(name)}" for name, split in splits.items())
    facts = [
        f"Data: {answer.data.title}, {len(config.classes):,} classes; {counts} images"
        + (" in the first of the trials." if _splits_differ(answer) else "."),
        f"Machine: {str(config.machine) or 'not noted'}.",
    ]
    if answer.study.source:
        facts.append(f"The question comes from: {answer.study.source}.")
    facts += [_pretrained(answer, pretraining) for pretraining in answer.pretrainings]
    facts += _started(answer)
    trained = [pretraining.run for pretraining in answer.pretrainings if not pretraining.failure]
    trained += [run for result in answer.measured for run in result.runs]
    blocks: list[Block] = [
        *(Text(fact) for fact in facts),
        Commands((command,)),
        Text("Each training alone:", quiet=True),
        Commands(_commands(trained)),
    ]
    return Section("how", "How", "How it was done", tuple(blocks))


def _commands(trained: Sequence[Run]) -> tuple[str, ...]:
    """What trains each anew; a run that others start from gets its name, by which these find it."""
    commands = {run.name: run.config.command for run in trained}
    for run in trained:
        path = f"--from {run.path.resolve()}"
        if any(path in command for command in commands.values()):
            commands = {name: command.replace(path, f"--from {run.name}") for name, command in commands.items()}
            commands[run.name] += f" --run {run.name}"
    return tuple(dict.fromkeys(command for command in commands.values() if command))


def _pretrained(answer: Answer, pretraining: Pretraining) -> str:
    """What a pre-training was trained on, and that it is not compared."""
    trial = pretraining.trial
    data = f"{title_of(trial.data)} for others to start from"
    if pretraining.failure:
        return f"{trial.label} was to be trained on {data}: {pretraining.failure}."
    once = ", once for all seeds" if answer.seeds > 1 else ""
    count = len(pretraining.run.metrics)
    epochs, seconds = "1 epoch" if count == 1 else f"{count} epochs", _seconds(pretraining.run.seconds)
    return (
        f"{trial.label} was trained on {data}{once} ({epochs}, {seconds} s); it is neither measured nor "
        "compared with the rest."
    )


def _started(answer: Answer) -> list[str]:
    """What trials began with instead of random weights."""
    groups: dict[tuple[str, str, int | None], list[str]] = {}
    for result in answer.measured:
        if source := result.trial.start or result.trial.weights:
            source = "weights learnt on ImageNet" if source == "imagenet" else f"the weights of {source}"
            head = _head_known(result.runs[0].config)
            groups.setdefault((source, head, result.trial.unfrozen), []).append(result.label)
    facts = []
    for (source, head, unfrozen), labels in groups.items():
        text = f"{listing(labels)} began with {source} and {head}"
        if unfrozen == 0:
            text += ", which alone was trained"
        elif unfrozen is not None:
            text += f"; of the layers before it only the last {unfrozen} were trained"
        facts.append(f"{text}.")
    return facts


def _head_known(config: RunConfig) -> str:
    """What a run that began with given weights began with for a head."""
    known, classes = config.start and config.start.known_classes, len(config.classes)
    if not known:
        return "a new head"
    return "its head" if known == classes else f"a head that knew {known:,} of the {classes:,} classes"


def _split_name(name: str) -> str:
    return "training" if name == "train" else name


def _splits_differ(answer: Answer) -> bool:
    counts = {run.config.data.splits["train"].count for result in answer.measured for run in result.runs}
    return len(counts) > 1


def _benchmark(answer: Answer) -> Section | None:
    """The table beside published ones: a column for each set of data, theirs and ours."""
    study = answer.study
    if not study.columns:
        return None
    head = ["model"]
    for column in study.columns:
        head += [f"{column.title}, published", "ours"]
    rows, reasons = [], []
    for result in answer.results:
        row = [result.label]
        for column in study.columns:
            row += [_of_theirs(result.trial, column.key), _ours(answer, result, column)]
        rows.append(tuple(row))
    for column in study.columns:
        reasons += [_missing(answer, column)]
    measures = "; ".join(
        f"{column.title}: {column.measure.replace('_', ' ')}" for column in study.columns if column.data
    )
    blocks: list[Block] = [
        Table(tuple(head), tuple(rows), frozenset(range(1, len(head)))),
        Text(f"{measures}. A dash where nothing was published or measured.", quiet=True),
        *(Text(reason, quiet=True) for reason in reasons if reason),
    ]
    return Section("table", "Table", "The table, theirs and ours", tuple(blocks))


def _ours(answer: Answer, result: Result, column: Column) -> str:
    """Our figure for a cell: of this study's data, or of another run of the study on the data of the column."""
    if answer.data.name in column.data:
        return _share(result.mean(column.measure)) if result.measured else "–"
    for data in column.data:
        values = stored_values(answer.study, data)
        if result.label in values:
            return _share(values[result.label].get(column.measure, float("nan")))
    return "–"


def _missing(answer: Answer, column: Column) -> str:
    """Where our figures of a column come from, or why there are none."""
    if answer.data.name in column.data:
        splits = answer.first_run.config.data.splits
        return (
            f"{column.title}: ours are on {answer.data.title}, {splits['train'].count:,} training and "
            f"{splits['test'].count:,} test images."
        )
    for data in column.data:
        if stored_values(answer.study, data):
            return f"{column.title}: ours are from this study on {title_of(data)}."
    catalogued = [data for data in column.data if data in catalog.DATASETS]
    if not catalogued:
        return f"{column.title}: it is no kuzushiji and not in the catalogue, so that nothing was measured on it."
    there = [data for data in catalogued if state(data) == "complete"]
    if there:
        return f"{column.title}: not measured yet; kuzushiji study {answer.study.name} --data {there[0]} does so."
    return (
        f"{column.title}: its images are not on this machine, so that nothing could be measured; "
        f"kuzushiji data info {catalogued[0]} says how to get them."
    )


def _footer(answer: Answer) -> tuple[str, ...]:
    credits = (f"Data: {entry.attribution}, licensed under {entry.licence}." for entry in answer.data.published)
    return (*dict.fromkeys(credits), f"Study {answer.study.name} on {answer.data}.")


def _of_theirs(trial: Trial, measure: str) -> str:
    if measure not in trial.theirs:
        return "–"
    value = trial.theirs[measure]
    return _number(value) if measure.endswith("loss") else _share(value)


def _comparison_cells(comparison: Comparison) -> tuple[str, str, str]:
    """Points, interval and p-value."""
    accuracy = comparison.accuracy
    interval = "–" if isnan(accuracy.low) else f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f}"
    return _minus(f"{100 * accuracy.value:+.2f}"), _minus(interval), p_number(comparison.p_adjusted)


def _uncertainty(result: Result) -> str:
    if len(result.evaluations) > 1:
        return f"± {100 * result.deviation('test_accuracy'):.2f}"
    accuracy = result.evaluations[0].accuracy
    return f"{100 * accuracy.low:.2f} to {100 * accuracy.high:.2f}"


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _share(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2%}"


def _number(value: float) -> str:
    return "–" if isnan(value) else f"{value:.4f}"


def _seconds(value: float) -> str:
    if isnan(value):
        return "–"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _short(count: float) -> str:
    """Three digits and a unit, such as 37.2 M."""
    for unit in ("", " k", " M"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g} G"
