"""The answer to a study as a JSON file: what stands in it, and what earlier ones found, on this and on other data."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from kuzushiji.records import as_plain, parse_json
from kuzushiji.studies.answer import VALUES, Answer, Result
from kuzushiji.studies.definition import Study, Trial
from kuzushiji.studies.plan import study_folder

ANSWER = "answer.json"


def stored_values(study: Study, label: str, folder: Path | None = None) -> dict[str, dict[str, float]]:
    """Label -> measure -> mean over the seeds, of an answer that was written before; empty where there is none.

    Args:
        study: which study.
        label: of the data that it was asked of.
        folder: where its answer lies, `study_folder` if None.
    """
    path = (study_folder(study, label) if folder is None else folder) / ANSWER
    try:
        answer: dict[str, Any] = parse_json(path.read_bytes())
        values = {trial["label"]: dict(trial["mean"]) for trial in answer["trials"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    for measures in values.values():
        measures["accuracy"] = measures.get("test_accuracy", float("nan"))
    return values


def to_json(answer: Answer, conclusion: Sequence[str]) -> dict[str, Any]:
    """The answer as a program reads it."""
    return as_plain(
        {
            "study": answer.study.name,
            "title": answer.study.title,
            "question": answer.study.question,
            "source": answer.study.source,
            "data": answer.data.address,
            "data_title": answer.data.title,
            "folder": str(answer.folder),
            "test_images": answer.best.evaluations[0].count,
            "conclusion": conclusion,
            "best": answer.best.label,
            "reference": answer.reference.label,
            "trials": [_measured(result) for result in answer.results],
            "pretrainings": [
                {
                    **_described(each.trial),
                    "data": each.trial.data,
                    "run": str(each.run.path),
                    "failure": each.failure or None,
                }
                for each in answer.pretrainings
            ],
            "comparisons": answer.comparisons,
            "effects": answer.effects,
            "order": vars(answer.order) | {"by": answer.ordered_by} if answer.order else None,
            "learning_curves": [
                {
                    "series": name or None,
                    "images": curve.images.astype(int),
                    "errors": curve.errors,
                    "scale": curve.scale,
                    "exponent": curve.exponent,
                    "floor": curve.floor,
                    "expected": [
                        {"images": images, "error": curve.expected(images)} for images in answer.study.extrapolate
                    ],
                }
                for name, curve in answer.learning_curves.items()
            ],
        }
    )


def _described(trial: Trial) -> dict[str, Any]:
    return {
        "label": trial.label,
        "model": trial.model or None,
        "options": trial.options,
        "recipe": trial.recipe if trial.model else None,
        "limit": trial.limit,
        "start": trial.start or trial.weights or None,
        "unfrozen": trial.unfrozen,
    }


def _measured(result: Result) -> dict[str, Any]:
    values = {measure: result.values(measure) for measure in VALUES} if result.measured else {}
    return {
        **_described(result.trial),
        "ensemble": result.trial.ensemble,
        "runs": [str(run.path) for run in result.runs],
        "parameters": result.parameters,
        "macs": result.macs,
        "values": values,
        "mean": {measure: mean(each) for measure, each in values.items() if each},
        "accuracy_interval": result.evaluations[0].accuracy if len(result.evaluations) == 1 else None,
        "theirs": result.trial.theirs,
        "failures": result.failures,
        "not_measured": result.missing or None,
    }
