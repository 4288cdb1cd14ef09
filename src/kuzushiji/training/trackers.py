"""The trackers that `kuzushiji.training.tracking` knows, each a thin `Tracker` around its package.

Each run keeps its name, a trial of a sweep the sweep's before its own; what a training that is taken up again adds goes
to the same place, where the package can.
"""

import os
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from kuzushiji.files import written_whole
from kuzushiji.home import home
from kuzushiji.runs.run import Run

PROJECT = "kuzushiji"
"""What the project, or the experiment, is called there."""


class Tracker(Protocol):
    """Where settings, curves, figures and files of one run go."""

    def settings(self, values: Mapping[str, Any]) -> None:
        """What was trained on what and how, by dotted names such as `recipe.lr`."""

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name, such as `train/loss`, after so many epochs."""

    def picture(self, name: str, path: Path) -> None:
        """A figure, a PNG file."""

    def file(self, path: Path) -> None:
        """A file to keep with the run, such as its report."""

    def close(self, *, whole: bool) -> None:
        """The end; `whole` if the training came to its own."""


def tracking_folder() -> Path:
    """Where trackers keep their files, unless their own variables say otherwise."""
    return home() / "tracking"


class TensorBoard:
    """Event files in `tracking/tensorboard/RUN`; see them with `tensorboard --logdir FOLDER`."""

    def __init__(self, run: Run, called: str) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = tracking_folder() / "tensorboard" / called
        self.last = len(run.metrics)
        # Where a training is taken up again, what was written of later steps does not count.
        self.writer = SummaryWriter(str(self.folder), purge_step=self.last + 1)

    def settings(self, values: Mapping[str, Any]) -> None:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in values.items()
        )
        self.writer.add_text("settings", f"<table>{rows}</table>", self.last)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self.last = step
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def picture(self, name: str, path: Path) -> None:
        with Image.open(path) as image:
            self.writer.add_image(name, np.asarray(image.convert("RGB")), self.last, dataformats="HWC")

    def file(self, path: Path) -> None:
        """TensorBoard shows no files: it lies beside the events."""
        with written_whole(self.folder / path.name) as beside:
            beside.write_bytes(path.read_bytes())

    def close(self, *, whole: bool) -> None:
        self.writer.close()


class Trackio:
    """A project of Trackio, which keeps what it is told on this machine; see it with `trackio show`."""

    def __init__(self, run: Run, called: str) -> None:
        import trackio

        self.trackio = trackio
        self.run = trackio.init(PROJECT, name=called, resume="allow", embed=False)

    def settings(self, values: Mapping[str, Any]) -> None:
        self.run.config.update(values)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def picture(self, name: str, path: Path) -> None:
        self.run.log({name: self.trackio.Image(str(path))})

    def file(self, path: Path) -> None:
        self.trackio.save(str(path), project=PROJECT)

    def close(self, *, whole: bool) -> None:
        self.run.finish()


class MLflow:
    """A run of the experiment `kuzushiji`, at MLFLOW_TRACKING_URI or in `tracking/mlflow.db`."""

    def __init__(self, run: Run, called: str) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import RunStatus

        folder = tracking_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.status = RunStatus
        address = os.environ.get("MLFLOW_TRACKING_URI")
        self.client = MlflowClient(address or f"sqlite:///{folder / 'mlflow.db'}")
        experiment = self.client.get_experiment_by_name(PROJECT)
        number = (
            experiment.experiment_id
            if experiment
            else self.client.create_experiment(
                PROJECT, artifact_location=None if address else (folder / "mlflow").as_uri()
            )
        )
        told = f"tags.`kuzushiji.run` = '{run.address}'".replace("\\", "/")
        known = self.client.search_runs([number], told, max_results=1)
        self.id = (
            known[0] if known else self.client.create_run(number, run_name=called, tags={"kuzushiji.run": run.address})
        ).info.run_id
        self.client.update_run(self.id, status="RUNNING")

    def settings(self, values: Mapping[str, Any]) -> None:
        there = self.client.get_run(self.id).data.params
        for name, value in values.items():
            if name not in there:  # which may not be said twice
                self.client.log_param(self.id, name, str(value)[:6000])

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self.client.log_metric(self.id, name, value, step=step)

    def picture(self, name: str, path: Path) -> None:
        self.client.log_artifact(self.id, str(path), "figures")

    def file(self, path: Path) -> None:
        self.client.log_artifact(self.id, str(path))

    def close(self, *, whole: bool) -> None:
        self.client.set_terminated(self.id, "FINISHED" if whole else "KILLED")


class Wandb:
    """A run of the project `kuzushiji`, or of WANDB_PROJECT; WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, run: Run, called: str) -> None:
        import wandb

        folder = tracking_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.wandb = wandb
        self.run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=called,
            id=called.replace("/", "-"),
            resume="allow",
            dir=str(folder),
        )

    def settings(self, values: Mapping[str, Any]) -> None:
        self.run.config.update(dict(values), allow_val_change=True)

    def numbers(self, values: Mapping[str, float], step: int) -> None:
        self.run.log(dict(values), step=step)

    def picture(self, name: str, path: Path) -> None:
        self.run.log({name: self.wandb.Image(str(path))})

    def file(self, path: Path) -> None:
        self.run.save(str(path), base_path=str(path.parent), policy="now")

    def close(self, *, whole: bool) -> None:
        self.run.finish(exit_code=0 if whole else 1)


OPENED_BY: dict[str, Callable[[Run, str], Tracker]] = {
    "tensorboard": TensorBoard,
    "trackio": Trackio,
    "mlflow": MLflow,
    "wandb": Wandb,
}
"""Name, of the tracker and of its package -> what tells a run to it, under a name such as `RUN` or `SWEEP/TRIAL`."""
