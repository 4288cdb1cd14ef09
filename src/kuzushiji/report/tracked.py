"""What a finished run leaves with its tracker: the final figures, the pictures of its report, and its files."""

from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.runs import stored_evaluation
from kuzushiji.plots.files import save
from kuzushiji.report.material import gather
from kuzushiji.report.run_figures import run_figures
from kuzushiji.runs.run import Run
from kuzushiji.training.tracking import Tracker, Tracking


def attach_results(
    tracking: Tracking, run: Run, *, figures: bool = True, tell: Callable[[str], None] = lambda name: None
) -> None:
    """Gives the tracker of a run what was measured of it on the test images, its figures, and its files.

    Args:
        run: a finished run; what it has no test images or no report for is left out.
        figures: whether the figures are drawn and sent.
        tell: called with the name of each figure before it is drawn.
    """
    if not tracking.is_open:
        return
    if run.predictions_file().exists():
        epochs = len(run.metrics)
        values = dict(_final(stored_evaluation(run)))
        tracking.tell(lambda tracker: tracker.numbers(values, epochs))
        if figures:
            _send_figures(tracking, run, tell)
    for path in (run.config_file, run.path / "metrics.jsonl", run.evaluation_file, run.report_file):
        if path.exists():
            tracking.tell(partial(_send_file, path))


def _send_file(path: Path, tracker: Tracker) -> None:
    tracker.file(path)


def _final(evaluation: Evaluation) -> Iterator[tuple[str, float]]:
    """What is known of the test images in one number; of the shares, the ends of their intervals too."""
    for name, measured in vars(evaluation).items():
        if isinstance(measured, Estimate):
            for ending, value in (("", measured.value), ("_low", measured.low), ("_high", measured.high)):
                if isfinite(value):
                    yield f"test/{name}{ending}", value


def _send_figures(tracking: Tracking, run: Run, tell: Callable[[str], None]) -> None:
    with TemporaryDirectory() as folder:
        for name, draw in run_figures(gather(run)).items():
            tell(name)
            path = Path(folder) / f"{name}.png"
            save(draw(False), path)
            tracking.tell(partial(_send_picture, name, path))


def _send_picture(name: str, path: Path, tracker: Tracker) -> None:
    tracker.picture(name, path)
