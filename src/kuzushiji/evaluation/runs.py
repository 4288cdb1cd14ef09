"""The evaluation and the calibration of a run, computed from its predictions and kept beside them."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from kuzushiji.errors import DataError
from kuzushiji.evaluation.calibration import Calibration, calibrate
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.files import write_text
from kuzushiji.runs.familiarities import Familiarities
from kuzushiji.runs.run import Run


def evaluate_run(run: Run, key: str = "test") -> Evaluation:
    """Computes all metrics of a run from its predictions; those of the test set are kept in `evaluation.json`.

    Args:
        key: the split, or `NAME-SPLIT` for another dataset, whose predictions are read.

    Raises:
        DataError: the predictions are missing or damaged.
    """
    evaluation = evaluate(run.predictions(key), train_counts=np.array(run.config.train_counts))
    if key == "test":
        write_text(run.evaluation_file, json.dumps(evaluation.to_dict(), ensure_ascii=False))
    return evaluation


def stored_evaluation(run: Run) -> Evaluation:
    """The evaluation that is kept in `evaluation.json`, computed first where it is missing, damaged or older than
    the predictions."""
    try:
        if run.evaluation_file.stat().st_mtime >= run.predictions_file().stat().st_mtime:
            return Evaluation.from_dict(json.loads(run.evaluation_file.read_text(encoding="utf-8")))
    except (OSError, ValueError, DataError):
        pass
    return evaluate_run(run)


def calibration_file(run: Run) -> Path:
    """Where the calibration on the test images is kept."""
    return run.path / "calibration.json"


def calibrate_run(run: Run, key: str = "test") -> Calibration:
    """Measures how far a run's certainty can be trusted, with a temperature fitted on its validation images if it has
    any; of the test set the result is kept in `calibration.json`.

    What was predicted with test-time augmentation (`-tta`) needs validation images that were so too.

    Args:
        key: as in `evaluate_run`.

    Raises:
        DataError: the predictions are missing or damaged.
    """
    alike = "validation-tta" if key.endswith("-tta") else "validation"
    validation = run.predictions(alike) if run.predictions_file(alike).exists() else None
    calibration = calibrate(run.predictions(key), validation)
    if key == "test":
        write_text(calibration_file(run), json.dumps(calibration.to_dict(), ensure_ascii=False))
    return calibration


def stored_calibration(run: Run) -> Calibration:
    """The calibration that is kept in `calibration.json`, computed first where it is missing, damaged or older than
    the predictions of test or validation images."""
    try:
        sources = [run.predictions_file(), run.predictions_file("validation")]
        newest = max(path.stat().st_mtime for path in sources if path.exists())
        if calibration_file(run).stat().st_mtime >= newest:
            stored = Calibration.from_dict(json.loads(calibration_file(run).read_text(encoding="utf-8")))
            if bool(stored.fitted_on) == run.predictions_file("validation").exists():
                return stored
    except (OSError, ValueError, DataError):
        pass
    return calibrate_run(run)


def outliers_file(run: Run) -> Path:
    """Where what the network makes of images of other things is kept (`Familiarities`)."""
    return run.path / "outliers.npz"


def stored_outliers(run: Run) -> Familiarities | None:
    """What the network makes of images of other things; None where it has not been shown any.

    Raises:
        DataError: the file is damaged, or of another training than the run.
    """
    path = outliers_file(run)
    if not path.exists():
        return None
    shown = Familiarities.load(path)
    if shown.config_fingerprint != run.fingerprint:
        raise DataError(f"{path} is of another training; measure again: kuzushiji evaluate {run.name} --outliers")
    return shown


def same_but_for_the_seed(runs: Iterable[Run]) -> list[tuple[Run, ...]]:
    """Groups runs that differ in nothing but the seed: same network, recipe, data and number of training images."""
    grouped: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        config = run.config
        data = config.data.name, config.data.limit, config.data.cover, config.data.rare_below
        recipe = replace(config.recipe, seed=0)
        grouped[repr((data, config.start, config.teacher, config.model, config.recipe_name, recipe))].append(run)
    return list(map(tuple, grouped.values()))
