"""What earlier runs of a study found, on this and on other data."""

import json
from pathlib import Path
from typing import Any

from kuzushiji.studies.definition import Study
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
        answer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values = {trial["label"]: dict(trial["mean"]) for trial in answer["trials"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    for measures in values.values():
        measures["accuracy"] = measures.get("test_accuracy", float("nan"))
    return values
