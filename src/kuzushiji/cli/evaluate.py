"""`kuzushiji evaluate`."""

from __future__ import annotations

from pathlib import Path

from kuzushiji.cli.console import count_bar, notes, print_json, results
from kuzushiji.cli.tables import print_calibration, print_evaluation, print_mistakes, print_outliers, print_pages
from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.outliers import Detection, detect_outliers
from kuzushiji.evaluation.runs import outliers_file, stored_calibration, stored_evaluation, stored_outliers
from kuzushiji.records import as_plain
from kuzushiji.runs.run import Run, find_run


def evaluate(
    run: str | None = None,
    /,
    *,
    pages: tuple[Path, Path] | None = None,
    data: str | None = None,
    device: str = "auto",
    tta: bool = False,
    mistakes: bool = False,
    outliers: bool = False,
    json: bool = False,
) -> None:
    """Measure a run on its test set, or on other data: how often it is right, and how far its certainty can be trusted.

    Every figure comes with a 95 % interval over the images.  With --pages, measure pages that were read.

    Parameters
    ----------
    run
        Name or path of the run.
    pages
        The truth and what was read, instead of a run: each a folder of pages (JSON, PAGE XML, ALTO, TEI), such a file,
        or boxes in Kaggle's layout or in CODH's.
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
    if pages is not None:
        if run is not None or data is not None or tta or mistakes or outliers:
            raise UsageError("--pages compares two sets of pages; leave out the run and the options for runs")
        _evaluate_pages(*pages, json)
        return
    if run is None:
        raise UsageError("evaluate needs the name of a run, or --pages TRUTH READ")
    if outliers and (tta or data is not None):
        raise UsageError("outliers are compared with the run's own test images as they are; leave out --data and --tta")
    if outliers and mistakes:
        raise UsageError("--mistakes lists mistakes instead of measures; leave out --mistakes or --outliers")
    found = find_run(run)
    found.check_finished()
    on = _predicted(found, data, tta, device)
    evaluation = stored_evaluation(found, on)
    title = f"{found.name} on {data or found.config.data.address}"
    if mistakes:
        _print_mistakes(found, on, evaluation, title, json)
        return
    if outliers:
        _show_outliers(found, device)
    _print_measures(found, on, evaluation, title, json)


def _evaluate_pages(truth: Path, read: Path, json: bool) -> None:
    from kuzushiji.data.pages.stored import load_pages
    from kuzushiji.evaluation.pages import evaluate_pages

    found = evaluate_pages(load_pages(truth), load_pages(read))
    if found.missing:
        few = ", ".join(found.missing[:5])
        notes.print(f"{len(found.missing)} pages were not read, so that all of them is missed: {few}", soft_wrap=True)
    if json:
        print_json(as_plain(found))
        return
    print_pages(found, results)


def _predicted(run: Run, data: str | None, tta: bool, device: str) -> str:
    """Under which name the predictions are kept, which are made where they are missing."""
    if data is None and not tta and run.predictions_file().exists():
        return "test"  # without PyTorch, which takes seconds to import
    from kuzushiji.inference.predict import keep_predictions

    def tell(text: str) -> None:
        notes.print(text, soft_wrap=True, markup=False)

    return keep_predictions(run, data, tta=tta, device=device, tell=tell)


def _show_outliers(run: Run, device: str) -> None:
    from kuzushiji.inference.familiarity import show_outliers

    with count_bar() as bar:
        task = bar.add_task("outliers", total=None)
        shown = show_outliers(
            run, device=device, tell=lambda done, every: bar.update(task, completed=done, total=every)
        )
    shown.save(outliers_file(run))


def _print_mistakes(run: Run, on: str, evaluation: Evaluation, title: str, json: bool) -> None:
    if json:
        print_json({"run": run.name, "data": on, "mistakes": evaluation.mistakes()})
        return
    results.print(title, soft_wrap=True)
    print_mistakes(evaluation, results)


def _print_measures(run: Run, on: str, evaluation: Evaluation, title: str, json: bool) -> None:
    calibration = stored_calibration(run, on)
    detections = _detections(run) if on == "test" else ()
    if json:
        print_json(
            {
                "run": run.name,
                "data": on,
                "evaluation": evaluation.to_dict(),
                "calibration": calibration,
                "outliers": detections,
            }
        )
        return
    results.print(title, soft_wrap=True)
    print_evaluation(evaluation, results)
    print_calibration(calibration, results)
    if detections:
        print_outliers(detections, results)


def _detections(run: Run) -> tuple[Detection, ...]:
    try:
        shown = stored_outliers(run)
    except DataError as error:
        notes.print(f"Without outliers: {error}", soft_wrap=True, markup=False)
        return ()
    return detect_outliers(shown) if shown else ()
