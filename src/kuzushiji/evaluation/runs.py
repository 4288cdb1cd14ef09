"""The evaluation and the calibration of a run, computed from its predictions and kept beside them."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kuzushiji.bound import read_bound, write_bound
from kuzushiji.errors import DataError, KuzushijiError
from kuzushiji.evaluation.calibration import Calibration, calibrate
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.records import from_plain
from kuzushiji.runs.familiarities import Familiarities
from kuzushiji.runs.run import Run


def stored_evaluation(run: Run, on: str = "test") -> Evaluation:
    """The evaluation of a run; that of the test images is kept in `evaluation.json`, and computed where it is missing,
    damaged or of other predictions.

    Args:
        on: as in `evaluate`.

    Raises:
        DataError: the predictions are missing or damaged.
    """
    if on != "test":
        return evaluate(run, on=on)
    sources = [run.predictions_file()]
    with suppress(OSError, ValueError, DataError):
        values, bound = read_bound(run.evaluation_file, sources)
        stored = Evaluation.from_dict(values)
        # An older version bound it to nothing.
        if bound or (bound is None and stored.accuracy.value == run.predictions().accuracy):
            return stored
    evaluation = evaluate(run)
    write_bound(run.evaluation_file, evaluation.to_dict(), sources)
    return evaluation


def damage(run: Run) -> str:
    """Why the configuration, the metrics or the test predictions of a run can't be read; empty if they can."""
    try:
        _ = run.config
        if not all("validation_accuracy" in line for line in run.metrics):
            return "metrics.jsonl has lines without accuracy"
        if run.finished and run.predictions_file().exists():
            run.predictions()  # which a stored evaluation does not look at
            stored_evaluation(run)
    except (KuzushijiError, OSError) as error:
        return str(error)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return f"its files do not hold what they should ({type(error).__name__}: {error})"
    return ""


def calibration_file(run: Run) -> Path:
    """Where the calibration on the test images is kept."""
    return run.path / "calibration.json"


def stored_calibration(run: Run, on: str = "test") -> Calibration:
    """The calibration of a run; that on the test images is kept in `calibration.json`, and computed where it is
    missing, damaged or of other predictions of test or validation images.

    Args:
        on: as in `calibrate`.

    Raises:
        DataError: the predictions are missing or damaged.
    """
    if on != "test":
        return calibrate(run, on=on)
    sources = [path for path in (run.predictions_file(), run.predictions_file("validation")) if path.exists()]
    with suppress(OSError, ValueError, DataError):
        values, bound = read_bound(calibration_file(run), sources)
        stored = from_plain(values, Calibration)
        fitting = bool(stored.fitted_on) == run.predictions_file("validation").exists()
        if fitting and (bound or (bound is None and _is_newest(calibration_file(run), sources))):
            return stored
    calibration = calibrate(run)
    write_bound(calibration_file(run), calibration, sources)
    return calibration


def _is_newest(path: Path, others: Iterable[Path]) -> bool:
    return all(path.stat().st_mtime >= other.stat().st_mtime for other in others)


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
        data = config.data.name, replace(config.data.choice, image_size=None)
        recipe = replace(config.recipe, seed=0)
        grouped[repr((data, config.start, config.teacher, config.model, config.recipe_name, recipe))].append(run)
    return list(map(tuple, grouped.values()))
