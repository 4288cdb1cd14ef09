"""`kuzushiji evaluate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kuzushiji.cli.console import count_bar, notes, print_json, results

if TYPE_CHECKING:
    from kuzushiji.runs.run import Run


def evaluate(
    run: str,
    /,
    *,
    data: str | None = None,
    device: str = "auto",
    tta: bool = False,
    mistakes: bool = False,
    outliers: bool = False,
    json: bool = False,
) -> None:
    """Measure a run on its test set, or on other data: how often it is right, and how far its certainty can be trusted.

    Every figure comes with a 95 % interval over the images.

    Parameters
    ----------
    run
        Name or path of the run.
    data
        Other data to measure on: its test split, or all of it where it has none.
    device
        Where the network runs if it must: auto, cpu, cuda or mps.
    tta
        Test-time augmentation: take the mean of the probabilities for the image as it is and moved by a pixel in each
        of the eight directions.
    mistakes
        Instead of the measures, list each character with what it was taken for and how often.
    outliers
        Also show the network what it does not know (other characters, letters, noise ...) and measure whether it can
        tell; the result is kept in the run folder, for the report too.
    json
        Print all measures, or all mistakes, as JSON.
    """
    from kuzushiji.cli.tables import print_calibration, print_evaluation, print_mistakes, print_outliers
    from kuzushiji.data import datasets
    from kuzushiji.errors import DataError, UsageError
    from kuzushiji.evaluation.outliers import Detection, detect
    from kuzushiji.evaluation.runs import (
        calibrate_run,
        evaluate_run,
        stored_calibration,
        stored_evaluation,
        stored_outliers,
    )
    from kuzushiji.runs.run import find_run

    if outliers and (tta or data is not None):
        raise UsageError("outliers are compared with the run's own test images as they are; leave out --data and --tta")
    if outliers and mistakes:
        raise UsageError("--mistakes lists mistakes instead of measures; leave out --mistakes or --outliers")
    found = find_run(run)
    found.check_finished()
    if data is None:
        source, key = found.config.data.address, "test-tta" if tta else "test"
    else:
        source, key = data, ""
    if data is not None or not found.predictions_file(key).exists():
        from kuzushiji.inference.outputs import AROUND, UNMOVED
        from kuzushiji.inference.predict import predict_run

        names = datasets.splits(source)
        if data is None and "test" not in names:
            raise UsageError(f"{source} has no test split; name other data with --data")
        split = "test" if "test" in names else names[-1]
        height, width = found.config.model.image_size
        images = datasets.load(source, split, image_size=height if height == width else None)
        key = key or f"{images.name}-{images.split}" + ("-tta" if tta else "")
        predictions = predict_run(found, images, key, device, shifts=AROUND if tta else UNMOVED)
        if len(predictions) < len(images):
            notes.print(f"{len(images) - len(predictions):,} images show characters that the network does not know")
    if key == "test-tta" and not found.predictions_file("validation-tta").exists():
        _augment_validation(found, device)
    evaluation = stored_evaluation(found) if key == "test" else evaluate_run(found, key)
    if mistakes:
        if json:
            print_json({"run": found.name, "data": key, "mistakes": [each.to_dict() for each in evaluation.mistakes()]})
            return
        results.print(f"{found.name} on {data or source}", soft_wrap=True)
        print_mistakes(evaluation, results)
        return
    if outliers:
        _show_outliers(found, device)
    calibration = stored_calibration(found) if key == "test" else calibrate_run(found, key)
    detections: tuple[Detection, ...] = ()
    try:
        if key == "test" and (shown := stored_outliers(found)):
            detections = detect(shown)
    except DataError as error:
        notes.print(f"Without outliers: {error}", soft_wrap=True, markup=False)
    if json:
        print_json(
            {
                "run": found.name,
                "data": key,
                "evaluation": evaluation.to_dict(),
                "calibration": calibration.to_dict(),
                "outliers": [each.to_dict() for each in detections],
            }
        )
        return
    results.print(f"{found.name} on {data or source}", soft_wrap=True)
    print_evaluation(evaluation, results)
    print_calibration(calibration, results)
    if detections:
        print_outliers(detections, results)


def _augment_validation(run: Run, device: str) -> None:
    """Predicts the validation images too as the test images were, so that a temperature can be fitted on them."""
    from kuzushiji.errors import KuzushijiError
    from kuzushiji.inference.outputs import AROUND
    from kuzushiji.inference.predict import predict_run
    from kuzushiji.runs.splits import splits_of

    if not run.predictions_file("validation").exists():
        return
    try:
        if validation := splits_of(run.config).validation:
            predict_run(run, validation, "validation-tta", device, shifts=AROUND)
    except KuzushijiError as error:
        notes.print(f"Without a temperature: {error}", soft_wrap=True, markup=False)


def _show_outliers(run: Run, device: str) -> None:
    from kuzushiji.evaluation.runs import outliers_file
    from kuzushiji.inference.familiarity import show_outliers

    with count_bar() as bar:
        task = bar.add_task("outliers", total=None)
        shown = show_outliers(
            run, device=device, tell=lambda done, every: bar.update(task, completed=done, total=every)
        )
    shown.save(outliers_file(run))
