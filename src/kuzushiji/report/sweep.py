"""A sweep as a page, with its numbers as JSON and its figures beside it where they are asked for."""

import json
from dataclasses import fields
from functools import partial
from math import nan
from pathlib import Path

from kuzushiji.files import write_text
from kuzushiji.models import MODELS, resolve
from kuzushiji.numbers import decimal, duration, percent, percent_range
from kuzushiji.plots.files import save_all
from kuzushiji.plots.sweep import (
    curves_figure,
    history_figure,
    importance_figure,
    parallel_figure,
    shown,
    slices_figure,
)
from kuzushiji.report.credit import credit
from kuzushiji.report.document import (
    Block,
    Cell,
    Code,
    Column,
    Columns,
    Commands,
    Document,
    Facts,
    Figure,
    Figures,
    Heading,
    Note,
    Paragraph,
    Section,
    Strong,
    Table,
    Value,
)
from kuzushiji.report.html import as_html
from kuzushiji.runs.recipe import Recipe
from kuzushiji.sweep.results import SweepResult, TrialRecord, objective_text, param_text
from kuzushiji.sweep.settings import PRUNERS, SAMPLERS
from kuzushiji.sweep.space import OPTION

NOTHING = Paragraph("There is nothing to draw yet.")


def write_page(result: SweepResult, folder: Path) -> Path:
    """Writes `sweep.json` and `report.html` into a folder.

    Returns:
        The page.

    Raises:
        KuzushijiError: a file could not be written.
    """
    write_text(folder / "sweep.json", json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
    page = folder / "report.html"
    write_text(page, as_html(sweep_document(result)))
    return page


def write_figures(result: SweepResult, folder: Path) -> list[Path]:
    """Writes every figure of the page as `NAME.svg`, which follows the reader's light or dark, and as two PNGs."""
    return save_all({name: figure.draw for name, figure in sweep_figures(result).items()}, folder)


def sweep_figures(result: SweepResult) -> Figures:
    """The figures that there are numbers for, by their names."""
    some, several = shown(result), len(result.of("finished")) > 1
    every = {
        "history": (history_figure, some, "What each trial reached, by its number, and the best value so far"),
        "curves": (curves_figure, any(trial.values for trial in some), "What each trial reached after each epoch"),
        "importance": (importance_figure, result.importance, "How much each field explains of what trials differ in"),
        "parallel": (parallel_figure, several, "Each trial as a line through its values of all fields"),
        "slices": (slices_figure, some, "What each trial reached, against its value of each field"),
    }
    return {name: Figure(name, label, partial(draw, result)) for name, (draw, there, label) in every.items() if there}


def sweep_document(result: SweepResult) -> Document:
    """Everything that is to be read, in order."""
    settings, figures = result.settings, sweep_figures(result)
    reached = None
    if result.best is not None:
        count = "1 trial" if len(result.trials) == 1 else f"{len(result.trials)} trials"
        interval = f", 95% interval {percent_range(*result.interval)}" if result.interval else ""
        value = objective_text(settings, result.best.value)
        reached = value, f"validation {settings.objective} of the best of {count}{interval}"
    sections = (
        Section("best", "The best trial", tuple(_best(result)), "Best"),
        Section("history", "Trial by trial", _history(result, figures), "History"),
        _importance(result, figures),
        Section("fields", "Field by field", _fields(figures), "Fields"),
        Section("trials", "All trials", _trials(result), "Trials"),
        Section("how", "What was searched, and how", _how(result), "How"),
    )
    return Document(
        title=f"Search for {settings.model} on {settings.source.title}",
        subject=result.name,
        result=reached,
        lead=(Paragraph(result.conclusion),),
        sections=tuple(section for section in sections if section is not None),
        footer=(*credit(settings.source.published), ("Sweep ", Code(result.name), "; the search is Optuna's.")),
    )


def _best(result: SweepResult) -> list[Block]:
    best = result.best
    if best is None:
        return [Paragraph("No trial has come to its end.")]
    facts = [("Trial", str(best.number))]
    if best.kept is not None:
        kept = best.kept
        for name in ("validation", "train"):
            title = {"train": "Training"}.get(name, name.capitalize())
            facts.append((title, f"{percent(kept[f'{name}_accuracy'])}, loss {decimal(kept[f'{name}_loss'])}"))
        facts.append(("Epoch", f"{kept['epoch']} of {max(best.values, default=kept['epoch'])}"))
    if best.parameters is not None:
        facts.append(("Parameters", f"{best.parameters:,}"))
    facts.append(("Time", duration(best.seconds or 0)))
    searched = Facts(tuple((Code(name), param_text(value)) for name, value in best.params.items()), "What was searched")
    images = f"{result.validation_images:,}" if result.validation_images else ""
    return [
        Columns(((searched,), (Facts(tuple(facts), "What it reached"),))),
        Heading("To train it and measure it on the test images, once"),
        Commands((best.command or "",)),
        Note(
            f"No trial has read the test images: all of them were measured on the same {images} validation images. A "
            "figure that was the best of many is a little too good; the test accuracy is the honest one."
        ),
    ]


def _history(result: SweepResult, figures: Figures) -> tuple[Block, ...]:
    if "history" not in figures:
        return (NOTHING,)
    settings = result.settings
    note = (
        f"Sampler {settings.sampler}: {SAMPLERS[settings.sampler]}. Pruner {settings.pruner}: "
        f"{PRUNERS[settings.pruner]}. Triangles stand for trials that lie beyond what is shown."
    )
    curves = (Heading("Epoch by epoch"), figures["curves"]) if "curves" in figures else ()
    return (figures["history"], Note(note), *curves)


def _importance(result: SweepResult, figures: Figures) -> Section | None:
    if "importance" not in figures:
        return None
    note = Note(
        f"How much each field explains, by itself, of the variance among the {len(result.of('finished'))} trials that "
        "came to their end (functional ANOVA), as shares that add up to 100%. Trials that were ended early are not in "
        "it."
    )
    return Section("importance", "What matters", (figures["importance"], note), "Importance")


def _fields(figures: Figures) -> tuple[Block, ...]:
    blocks: list[Block] = []
    if "parallel" in figures:
        note = "A line for each trial that came to its end; the better it is, the stronger. The best stands out."
        blocks += [figures["parallel"], Note(note)]
    return (*blocks, figures.get("slices", NOTHING))


def _trials(result: SweepResult) -> tuple[Block, ...]:
    numeric = [_is_numeric(result, field.name) for field in result.settings.space]
    searched = zip(result.settings.space, numeric, strict=True)
    columns = (
        Column("trial", "number"),
        Column(result.settings.objective, "number"),
        *(Column(field.name, "number" if is_number else "word") for field, is_number in searched),
        Column("epochs", "number"),
        Column("time", "number"),
        Column("end", "interval"),
    )
    rows = tuple(_row(result, trial) for trial in result.trials)
    note = "A click on a column's head sorts by it. Of a trial that was ended early the last value stands here."
    return Table(columns, rows, "Trials", sortable=True, tall=True), Note(note)


def _row(result: SweepResult, trial: TrialRecord) -> tuple[Cell, ...]:
    """What the table shows of a trial; what there is not is the least of all."""
    is_best = result.best is not None and trial.number == result.best.number
    value = objective_text(result.settings, trial.value)
    number = str(trial.number)
    cells: list[Cell] = []
    for field in result.settings.space:
        param = trial.params.get(field.name)
        text = "–" if param is None else param_text(param)
        is_number = _is_numeric(result, field.name)
        cells.append(Value(text, nan if param is None else float(param)) if is_number else text)
    epochs = max(trial.values, default=0)
    return (
        Value(Strong(number) if is_best else number, trial.number),
        Value(Strong(value) if is_best else value, nan if trial.value is None else trial.value),
        *cells,
        Value(str(epochs), epochs),
        Value(duration(trial.seconds) if trial.seconds else "–", trial.seconds or 0),
        f"{trial.state}: {trial.why}" if trial.why else trial.state,
    )


def _is_numeric(result: SweepResult, name: str) -> bool:
    return all(type(trial.params.get(name, 0)) in (int, float) for trial in result.trials)


def _how(result: SweepResult) -> tuple[Block, ...]:
    columns = (Column("field"), Column("searched"), Column("meaning", "note"))
    space = result.settings.space
    rows = tuple((Code(field.name), field.text.replace(",", ", "), _meaning(field.name)) for field in space)
    return (
        Table(columns, rows, "What was searched"),
        Columns(tuple((facts,) for facts in _facts(result))),
        Heading("To repeat it"),
        Commands((result.settings.command(),)),
    )


def _meaning(name: str) -> str:
    if name.startswith(OPTION):
        return "option of the network"
    return next(field.metadata["help"] for field in fields(Recipe) if field.name == name)


def _facts(result: SweepResult) -> list[Facts]:
    settings = result.settings
    network, recipe = resolve(settings.model)
    shared = [("Network", f"{network}: {MODELS[network].summary}"), ("Recipe", settings.recipe or recipe)]
    shared += [(name, param_text(value)) for name, value in settings.fixed.items()]
    shared += [(f"Option {name}", param_text(value)) for name, value in settings.options.items()]
    data = [("Dataset", settings.source.title), ("Validation", f"{result.validation_images or 0:,} images")]
    data += [
        (name.replace("_", " ").capitalize(), str(value))
        for name in ("limit", "image_size", "cover", "rare_below")
        if (value := getattr(settings, name)) is not None
    ]
    trained = duration(sum(trial.seconds or 0 for trial in result.trials))
    search = [
        ("Sampler", settings.sampler),
        ("Pruner", settings.pruner),
        ("Seed", str(settings.base.seed)),
        ("Time", f"{trained} of training"),
    ]
    return [Facts(tuple(shared), "In all trials"), Facts(tuple(data), "Data"), Facts(tuple(search), "Search")]
