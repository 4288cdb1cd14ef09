"""A run as one HTML file, which needs nothing beside it: figures, characters, fonts and scripts are within."""

from pathlib import Path

from kuzushiji.data.images import CharacterImages
from kuzushiji.files import write_text
from kuzushiji.plots.files import save_all
from kuzushiji.report.content import page_content
from kuzushiji.report.figures import run_figures
from kuzushiji.report.material import gather
from kuzushiji.report.page import render
from kuzushiji.runs.run import Run


def write_report(run: Run, *, images: CharacterImages | None = None, path: Path | None = None) -> Path:
    """Writes the report of a finished run.

    Args:
        run: a run with predictions of its test images.
        images: the test images; if None they are loaded from where the run had them.  Where they can't be had, the
            report says so and stands without them.
        path: the HTML file, `report.html` in the run folder if None.

    Returns:
        Where it was written.

    Raises:
        RunError: the training is not finished.
        DataError: there are no predictions, or the file is damaged.
        KuzushijiError: the file could not be written.
    """
    path = run.report_file if path is None else path
    write_text(path, render(page_content(gather(run, images))))
    return path


def write_figures(run: Run, folder: Path, *, images: CharacterImages | None = None) -> list[Path]:
    """Writes every figure of a run's report as an SVG that follows the reader's light or dark, and as two PNGs.

    Args:
        run: as in `write_report`.
        folder: where they go, as `save_all` names them; it is made if it is not there.
        images: as in `write_report`.

    Returns:
        The files.
    """
    return save_all(run_figures(gather(run, images)), folder)
