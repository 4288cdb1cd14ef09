"""`kuzushiji ensemble`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from kuzushiji.cli.compare import corrected_for, difference
from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.cli.tables import print_calibration, print_evaluation
from kuzushiji.errors import UsageError
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.evaluation.several import Member, measure_ensemble

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
    if output is not None and output.is_dir():
        raise UsageError(f"{output} is a folder; name the file, such as {output / 'together.npz'}")
    found = measure_ensemble(*runs, average=average, weights=weights, on=on)
    if output is not None:
        found.predictions.save(output)
    if json:
        print_json(
            {
                "data": on,
                "average": average,
                "weights": weights,
                "validation_images": found.validation_images,
                "members": found.members,
                "best": found.best,
                "evaluation": found.evaluation.to_dict(),
                "calibration": found.calibration,
                "comparisons": found.comparisons,
            }
        )
        return
    if found.why_none:
        notes.print(found.why_none, soft_wrap=True, markup=False)
    elif weights == "fitted" and found.validation_images < FEW:
        notes.print(
            f"the weights are fitted on {found.validation_images:,} images alone, the validation images that all runs "
            "share; equal ones may be better",
            soft_wrap=True,
        )
    _print_members(found.members, found.best)
    together = found.predictions
    results.print(f"the mean of their {average}, on {together.dataset} ({together.split})", soft_wrap=True)
    print_evaluation(found.evaluation, results)
    print_calibration(found.calibration, results)
    _print_comparisons(found.comparisons, found.best)
    if output is not None:
        notes.print(f"predictions written to {output}", markup=False, soft_wrap=True)


def _print_members(members: Sequence[Member], best: str | None) -> None:
    rows = [
        (
            each.run,
            f"{each.weight:.3f}",
            f"{each.accuracy:.2%}",
            f"{each.validation_accuracy:.2%}" if each.validation_accuracy is not None else "–",
            "best on validation" if each.run == best else "",
        )
        for each in members
    ]
    print_table(["member", "weight", "accuracy", "validation", ""], rows, right=(1, 2, 3))


def _print_comparisons(compared: Sequence[Comparison], best: str | None) -> None:
    rows = [(each.second, *difference(each)) for each in compared]
    print_table(["ensemble against", "points", "95% interval", "alone right", "p"], rows, right=(1, 2, 3, 4))
    correction = "" if best else corrected_for(len(compared))
    notes.print(
        f"points of accuracy on the same {compared[0].images:,} images; p by McNemar's exact test{correction}",
        soft_wrap=True,
    )
