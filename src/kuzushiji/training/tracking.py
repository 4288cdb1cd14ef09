"""A training told to a tracker: TensorBoard, Trackio, MLflow or Weights & Biases, as `--track` names them.

    >>> with Tracking("tensorboard") as tracking:                                            # doctest: +SKIP
    ...     run = kuzushiji.train("resnet", "kmnist", watch=tracking.watch(TrainingWatch()))
    ...     kuzushiji.report.tracked.attach_results(tracking, run)

The tracker gets the settings when the training begins, the curves epoch by epoch, and at the end what is attached.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self, TypeVar

from kuzushiji.errors import DataWarning, KuzushijiError, in_a_line, unknown_name
from kuzushiji.extras import check_extras
from kuzushiji.records import as_plain
from kuzushiji.runs.run import Run
from kuzushiji.training.detector import DetectorWatch
from kuzushiji.training.experiment import TrainingWatch
from kuzushiji.training.trackers import OPENED_BY, Tracker

_LONG = ("classes", "train_counts")
"""What of a configuration is no setting; the file that is attached has it."""

Watch = TypeVar("Watch", TrainingWatch, DetectorWatch)


class Tracking:
    """Tells one training to one tracker, which is opened when the training begins and closed on leaving.

    A tracker that fails on the way, as one does whose server is gone, is given up with a warning: the training goes on.

    Args:
        name: a key of `OPENED_BY`; None tells nobody.
        sweep: the sweep that the training is a trial of, whose name goes before the run's; empty for none.

    Raises:
        UsageError: there is no such tracker.
        KuzushijiError: its package is not installed.
    """

    def __init__(self, name: str | None, sweep: str = "") -> None:
        if name is not None and name not in OPENED_BY:
            raise unknown_name("tracker", name, OPENED_BY)
        if name == "tensorboard":
            check_extras("track")
        elif name is not None and find_spec(name) is None:
            raise KuzushijiError(f"this needs {name}; install it with: pip install {name}")
        self.name = name
        self.sweep = sweep
        self._tracker: Tracker | None = None

    def watch(self, watch: Watch) -> Watch:
        """The same watch, of which the tracker hears too."""
        if self.name is None:
            return watch

        def started(run: Any, *more: Any) -> None:
            self._open(run)
            watch.started(run, *more)

        def epoch(metrics: dict[str, Any]) -> None:
            self.tell(lambda tracker: tracker.numbers(dict(_curves(metrics)), metrics["epoch"]))
            watch.epoch(metrics)

        return replace(watch, started=started, epoch=epoch)

    @property
    def is_open(self) -> bool:
        """Whether anybody listens."""
        return self._tracker is not None

    def tell(self, what: Callable[[Tracker], None]) -> None:
        """Does something with the tracker, if there is one."""
        if self._tracker is None:
            return
        try:
            what(self._tracker)
        except Exception as error:  # each has kinds of its own
            self._tracker = None
            warnings.warn(f"{self.name} failed, and is told no more ({_reason(error)})", DataWarning, stacklevel=2)

    def _open(self, run: Run) -> None:
        settings = {name: value for name, value in as_plain(run.config).items() if name not in _LONG}
        try:
            called = f"{self.sweep}/{run.name}" if self.sweep else run.name
            self._tracker = OPENED_BY[str(self.name)](run, called)
            self._tracker.settings(dict(_flat(settings)))
        except Exception as error:
            command = f"sweep --resume {self.sweep}" if self.sweep else f"train --resume {run.address}"
            raise KuzushijiError(
                f"{self.name} can't be told ({_reason(error)}); mend that and go on with: "
                f"kuzushiji {command} --track {self.name}, or without --track"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tell(lambda tracker: tracker.close(whole=error is None))


def _curves(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """`train_loss` as `train/loss`, and so on; what was not measured is left out."""
    for name, value in metrics.items():
        part, _, measure = name.partition("_")
        if name != "epoch" and isinstance(value, int | float):
            yield (f"{part}/{measure}" if part in ("train", "validation") else f"training/{name}"), float(value)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings with dotted names; lists as JSON."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}", json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {in_a_line(error, 300)}"
