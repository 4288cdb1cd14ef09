"""Of a study's page, what stands around its own results: the table of others beside it, and how it was done."""

from collections.abc import Sequence

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.catalogue.verify import state
from kuzushiji.data.source import title_of
from kuzushiji.numbers import decimal, percent, seconds
from kuzushiji.report.document import Block, Column, Commands, Note, Paragraph, Section, Table
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.run import Run
from kuzushiji.studies.answer import Answer, Pretraining, Result
from kuzushiji.studies.conclusion import listing
from kuzushiji.studies.definition import BenchmarkColumn, Trial
from kuzushiji.studies.stored import stored_values


def benchmark(answer: Answer) -> Section | None:
    """The table beside published ones: a column for each set of data, theirs and ours."""
    others = answer.study.columns
    if not others:
        return None
    titles = [title for column in others for title in (f"{column.title}, published", "ours")]
    rows = []
    for result in answer.results:
        cells = [(published(result.trial, column.key), _ours(answer, result, column)) for column in others]
        rows.append((result.label, *(cell for pair in cells for cell in pair)))
    measures = "; ".join(f"{column.title}: {column.measure.replace('_', ' ')}" for column in others if column.data)
    blocks: list[Block] = [
        Table((Column("model"), *(Column(title, "number") for title in titles)), tuple(rows), "Theirs and ours"),
        Note(f"{measures}. A dash where nothing was published or measured."),
        *(Note(_missing(answer, column)) for column in others),
    ]
    return Section("table", "The table, theirs and ours", tuple(blocks), "Table")


def published(trial: Trial, measure: str) -> str:
    """What others measured; a dash if they did not."""
    if measure not in trial.theirs:
        return "–"
    value = trial.theirs[measure]
    return decimal(value) if measure.endswith("loss") else percent(value)


def footer(answer: Answer) -> tuple[str, ...]:
    """Whose data it is, and which study on which data."""
    credits = (f"Data: {entry.attribution}, licensed under {entry.licence}." for entry in answer.data.published)
    return (*dict.fromkeys(credits), f"Study {answer.study.name} on {answer.data.name}.")


def _ours(answer: Answer, result: Result, column: BenchmarkColumn) -> str:
    """Our figure for a cell: of this study's data, or of another run of the study on the data of the column."""
    if answer.data.name in column.data:
        return percent(result.mean(column.measure)) if result.measured else "–"
    for data in column.data:
        values = stored_values(answer.study, data)
        if result.label in values:
            return percent(values[result.label].get(column.measure, float("nan")))
    return "–"


def _missing(answer: Answer, column: BenchmarkColumn) -> str:
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


def how(answer: Answer, command: str) -> Section:
    """Data, machine, and the commands that do it again."""
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
        *(Paragraph(fact) for fact in facts),
        Commands((command,)),
        Note("Each training alone:"),
        Commands(_commands(trained)),
    ]
    return Section("how", "How it was done", tuple(blocks), "How")


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
    epochs, took = "1 epoch" if count == 1 else f"{count} epochs", seconds(pretraining.run.seconds)
    return (
        f"{trial.label} was trained on {data}{once} ({epochs}, {took} s); it is neither measured nor "
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
