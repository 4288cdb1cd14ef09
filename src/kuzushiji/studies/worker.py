"""A process that does one training of a study: a `Task` as JSON on stdin, events as lines of JSON on stdout."""

import json
import sys
from dataclasses import asdict
from typing import Any

from kuzushiji.errors import Interrupted
from kuzushiji.studies.runner import Task, attempt
from kuzushiji.training.experiment import TrainingWatch


def main() -> int:
    """Reads the task, trains, and returns the exit code."""
    task = Task(**json.loads(sys.stdin.read()))
    watch = TrainingWatch(
        progress=lambda progress: _tell("progress", asdict(progress)),
        epoch=lambda metrics: _tell("epoch", metrics),
    )
    try:
        outcome = attempt(task, watch)
    except Interrupted as interruption:
        return interruption.exit_code
    _tell("ended", {"failure": outcome.failure, "missing": outcome.missing})
    return 0


def _tell(event: str, values: dict[str, Any]) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
