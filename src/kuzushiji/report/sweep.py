"""A sweep as one HTML file, with its numbers as JSON and its figures beside it where they are asked for."""

import json
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from kuzushiji.files import write_text
from kuzushiji.models import MODELS, resolve
from kuzushiji.plots.files import save_all, svg
from kuzushiji.plots.sweep import FIGURES, shown
from kuzushiji.report.characters import Sprite
from kuzushiji.report.content import duration
from kuzushiji.report.page import render
from kuzushiji.runs.recipe import Recipe
from kuzushiji.sweep.results import SweepResult, TrialRecord, objective_text, param_text
from kuzushiji.sweep.settings import PRUNERS, SAMPLERS
from kuzushiji.sweep.space import OPTION
from kuzushiji.version import __version__

LABELS = {
    "history": "What each trial reached, by its number, and the best value so far",
    "curves": "What each trial reached after each epoch",
    "importance": "How much each field explains of what the trials differ in",
    "parallel": "Each trial as a line through its values of all fields",
    "slices": "What each trial reached, against its value of each field",
}


def write_page(result: SweepResult, folder: Path) -> Path:
    """Writes `sweep.json` and `report.html` into a folder.

    Returns:
        The page.

    Raises:
        KuzushijiError: a file could not be written.
    """
    write_text(folder / "sweep.json", json.dumps(result.to_dict(), ensure_ascii=False, indent=2))
    page = folder / "report.html"
    write_text(page, render(page_content(result), "sweep.html"))
    return page


def write_figures(result: SweepResult, folder: Path) -> list[Path]:
    """Writes every figure of the page as `NAME.svg`, which follows the reader's light or dark, and as two PNGs."""
    return save_all({name: partial(FIGURES[name], result) for name in drawn(result)}, folder)


def drawn(result: SweepResult) -> list[str]:
    """Names of the figures that there are numbers for."""
    some, finished = bool(shown(result)), len(result.of("finished"))
    there = {
        "history": some,
        "curves": some and any(trial.values for trial in shown(result)),
        "importance": bool(result.importance),
        "parallel": finished > 1,
        "slices": some,
    }
    return [name for name in FIGURES if there[name]]


def page_content(result: SweepResult) -> dict[str, Any]:
    """Everything that the template needs, by the names that it uses."""
    settings = result.settings
    return {
        "version": __version__,
        "title": f"Search for {settings.model} on {settings.source.title}",
        "run": result.name,
        "objective": settings.objective,
        "conclusion": result.conclusion,
        "count": len(result.trials),
        "finished": len(result.of("finished")),
        "validation_images": f"{result.validation_images:,}" if result.validation_images else "",
        "best": _best(result),
        "figures": {name: _figure(result, name) for name in drawn(result)},
        "sampler": f"Sampler {settings.sampler}: {SAMPLERS[settings.sampler]}.",
        "pruner": f"Pruner {settings.pruner}: {PRUNERS[settings.pruner]}.",
        "columns": [{"name": field.name, "numeric": _is_numeric(result, field.name)} for field in settings.space],
        "rows": [_row(result, trial) for trial in result.trials],
        "searched": [
            {"name": field.name, "text": field.text.replace(",", ", "), "meaning": _meaning(field.name)}
            for field in settings.space
        ],
        "facts": _facts(result),
        "command": settings.command(),
        "published": settings.source.published,
        "sprite": Sprite(),
        "image_ratio": 1.0,
    }


def _figure(result: SweepResult, name: str) -> Markup:
    figure: Figure = FIGURES[name](result)
    return Markup(svg(figure, LABELS[name]))


def _best(result: SweepResult) -> dict[str, Any] | None:
    best = result.best
    if best is None:
        return None
    facts = [("Trial", str(best.number))]
    if best.kept is not None:
        kept = best.kept
        facts += [
            ("Validation", f"{kept['validation_accuracy']:.2%}, loss {kept['validation_loss']:.4f}"),
            ("Training", f"{kept['train_accuracy']:.2%}, loss {kept['train_loss']:.4f}"),
            ("Epoch", f"{kept['epoch']} of {max(best.values, default=kept['epoch'])}"),
        ]
    if best.parameters is not None:
        facts.append(("Parameters", f"{best.parameters:,}"))
    facts.append(("Time", duration(best.seconds or 0)))
    return {
        "value": objective_text(result.settings, best.value),
        "interval": " to ".join(f"{end:.2%}" for end in result.interval) if result.interval else "",
        "params": [(name, param_text(value)) for name, value in best.params.items()],
        "facts": facts,
        "command": best.command or "",
    }


def _is_numeric(result: SweepResult, name: str) -> bool:
    return all(type(trial.params.get(name, 0)) in (int, float) for trial in result.trials)


def _row(result: SweepResult, trial: TrialRecord) -> dict[str, Any]:
    """What the table shows of a trial and what it sorts by; what there is not is sorted last of all."""
    cells = []
    for field in result.settings.space:
        value, numeric = trial.params.get(field.name), _is_numeric(result, field.name)
        text = "–" if value is None else param_text(value)
        cells.append({"text": text, "numeric": numeric, "sort": value if numeric and value is not None else 0})
    return {
        "number": trial.number,
        "best": result.best is not None and trial.number == result.best.number,
        "finished": trial.state == "finished",
        "value": objective_text(result.settings, trial.value),
        "sort": trial.value if trial.value is not None else -1,
        "params": cells,
        "epochs": max(trial.values, default=0),
        "seconds": trial.seconds or 0,
        "time": duration(trial.seconds) if trial.seconds else "–",
        "state": trial.state,
        "why": trial.why,
    }


def _meaning(name: str) -> str:
    if name.startswith(OPTION):
        return "option of the network"
    return next(field.metadata["help"] for field in fields(Recipe) if field.name == name)


def _facts(result: SweepResult) -> list[tuple[str, list[tuple[str, str]]]]:
    settings = result.settings
    network = resolve(settings.model)[0]
    shared = [("Network", f"{network}: {MODELS[network].summary}")]
    shared.append(("Recipe", settings.recipe or resolve(settings.model)[1]))
    shared += [(name, param_text(value)) for name, value in settings.fixed.items()]
    shared += [(f"Option {name}", param_text(value)) for name, value in settings.options.items()]
    data = [("Dataset", settings.source.title), ("Validation", f"{result.validation_images or 0:,} images")]
    data += [
        (name.replace("_", " ").capitalize(), str(value))
        for name in ("limit", "image_size", "cover", "rare_below")
        if (value := getattr(settings, name)) is not None
    ]
    seconds = sum(trial.seconds or 0 for trial in result.trials)
    search = [
        ("Sampler", settings.sampler),
        ("Pruner", settings.pruner),
        ("Seed", str(settings.base.seed)),
        ("Time", f"{duration(seconds)} of training"),
    ]
    return [("In all trials", shared), ("Data", data), ("Search", search)]
