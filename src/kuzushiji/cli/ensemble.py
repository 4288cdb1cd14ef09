"""`kuzushiji ensemble`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kuzushiji.cli.compare import finished_predictions
from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.errors import DataError, UsageError

if TYPE_CHECKING:
    from kuzushiji.evaluation.compare import Comparison
    from kuzushiji.runs.predictions import Predictions
    from kuzushiji.runs.run import Run

FEW = 200
"""Weights that were fitted on fewer images than this come with a warning."""


def ensemble(
    *runs: str,
    average: Literal["probabilities", "logits"] = "probabilities",
    weights: Literal["equal", "fitted"] = "equal",
    on: str = "test",
    output: Path | None = None,
    json: bool = False,
) -> None:
    """Measure what several runs say together, from their predictions alone.

    It is compared with the best of them, which is chosen on validation images; without these, with each.

    Parameters
    ----------
    runs
        Names (or their beginnings) or paths of two runs or more that predicted the same images.
    average
        Take the mean of the probabilities, or of the logits, by which one network can veto another.
    weights
        equal: each run has as much to say; fitted: as much as makes the validation images likeliest.
    on
        The predictions to take: test, validation, or NAME-SPLIT of other data that the runs were evaluated on.
    output
        A file to keep the predictions in, such as together.npz.
    json
        Print all measures as JSON.
    """
    import numpy as np

    from kuzushiji.cli.tables import print_calibration, print_evaluation
    from kuzushiji.evaluation import ensemble as averaging
    from kuzushiji.evaluation.calibration import calibrate
    from kuzushiji.evaluation.compare import compare
    from kuzushiji.evaluation.metrics import evaluate
    from kuzushiji.runs.run import find_run

    if output is not None and output.is_dir():
        raise UsageError(f"{output} is a folder; name the file, such as {output / 'together.npz'}")
    found = list({run.path.resolve(): run for run in map(find_run, runs)}.values())
    if len(found) < 2:
        raise UsageError("name two runs or more that are to speak together; `kuzushiji runs` lists them")
    members = [finished_predictions(run, on) for run in found]
    averaging.check_same_images(members)
    own_validation, shared = _validation(found)
    if weights == "fitted":
        if not shared:
            raise DataError(f"weights are fitted on validation images: {_why_none(own_validation)}")
        if on == "validation":
            raise UsageError("weights that are fitted on the validation images cannot be judged by them")
        shares = averaging.fit_weights(shared, average=average)
    else:
        shares = np.full(len(found), 1 / len(found))
    together = averaging.ensemble(members, weights=shares.tolist(), average=average)
    if output is not None:
        together.save(output)

    validation = averaging.ensemble(shared, weights=shares.tolist(), average=average) if shared else None
    evaluation = evaluate(together, train_counts=np.array(found[0].config.train_counts))
    calibration = calibrate(together, validation if on != "validation" else None)
    names = [run.name for run in found]
    if len({*names, "ensemble"}) <= len(names):
        names = [str(run.path) for run in found]
    best = None
    if len(own_validation) == len(found) and on != "validation":
        best = max(names, key=lambda name: _accuracy(own_validation[names.index(name)]))
    opponents = [best] if best else names
    groups = {**dict(zip(names, members, strict=True)), "ensemble": together}
    compared = compare(groups, [("ensemble", name) for name in opponents])
    listed = [
        {
            "run": name,
            "weight": float(share),
            "accuracy": _accuracy(member),
            "validation_accuracy": _accuracy(own_validation[place]) if len(own_validation) == len(found) else None,
        }
        for place, (name, share, member) in enumerate(zip(names, shares, members, strict=True))
    ]
    if json:
        print_json(
            {
                "data": on,
                "average": average,
                "weights": weights,
                "validation_images": len(shared[0]) if shared else 0,
                "members": listed,
                "best": best,
                "evaluation": evaluation.to_dict(),
                "calibration": calibration.to_dict(),
                "comparisons": [each.to_dict() for each in compared],
            }
        )
        return
    if not shared:
        notes.print(_why_none(own_validation), soft_wrap=True, markup=False)
    elif weights == "fitted" and len(shared[0]) < FEW:
        notes.print(
            f"the weights are fitted on {len(shared[0]):,} images alone, the validation images that all runs share; "
            "equal ones may be better",
            soft_wrap=True,
        )
    _print_members(listed, best)
    results.print(f"the mean of their {average}, on {together.dataset} ({together.split})", soft_wrap=True)
    print_evaluation(evaluation, results)
    print_calibration(calibration, results)
    _print_comparisons(compared, best)
    if output is not None:
        notes.print(f"predictions written to {output}", markup=False, soft_wrap=True)


def _validation(runs: list[Run]) -> tuple[list[Predictions], list[Predictions]]:
    """The validation predictions of all runs, empty where one has none; and those of the images that all share."""
    from kuzushiji.evaluation.ensemble import shared_images

    if not all(run.predictions_file("validation").exists() for run in runs):
        return [], []
    own = [finished_predictions(run, "validation") for run in runs]
    shared = shared_images(own)
    return own, shared if len(shared[0]) else []


def _why_none(own: list[Predictions]) -> str:
    if own:
        return "the runs set different images apart for validation; those with the same --seed share them"
    return "not all of the runs have predictions of validation images"


def _accuracy(predictions: Predictions) -> float:
    return float((predictions.predicted == predictions.labels).mean())


def _print_members(listed: list[dict[str, Any]], best: str | None) -> None:
    rows = []
    for each in listed:
        validation = each["validation_accuracy"]
        rows.append(
            (
                each["run"],
                f"{each['weight']:.3f}",
                f"{each['accuracy']:.2%}",
                f"{validation:.2%}" if validation is not None else "–",
                "best on validation" if each["run"] == best else "",
            )
        )
    print_table(["member", "weight", "accuracy", "validation", ""], rows, right=(1, 2, 3))


def _print_comparisons(compared: list[Comparison], best: str | None) -> None:
    rows = []
    for each in compared:
        points = each.accuracy
        rows.append(
            (
                each.second,
                f"{100 * points.value:+.2f}",
                f"{100 * points.low:.2f} – {100 * points.high:.2f}",
                f"{each.only_first:,} : {each.only_second:,}",
                f"{each.p_adjusted:.2g}",
            )
        )
    print_table(["ensemble against", "points", "95% interval", "alone right", "p"], rows, right=(1, 2, 3, 4))
    correction = "" if best else f", corrected for {len(compared)} pairs"
    notes.print(
        f"points of accuracy on the same {compared[0].images:,} images; p by McNemar's exact test{correction}",
        soft_wrap=True,
    )
