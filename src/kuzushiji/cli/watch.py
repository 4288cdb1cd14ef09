"""What a person sees on stderr while a network is trained."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import TaskID

from kuzushiji.cli.console import notes, work_bar
from kuzushiji.torchrun import place

if TYPE_CHECKING:
    from kuzushiji.runs.config import DataConfig
    from kuzushiji.runs.detector import DetectorRun
    from kuzushiji.runs.run import Run
    from kuzushiji.runs.splits import Splits
    from kuzushiji.training.detector import DetectorWatch
    from kuzushiji.training.experiment import TrainingWatch
    from kuzushiji.training.session import TrainingProgress


@contextmanager
def console_watch() -> Iterator[TrainingWatch]:
    """A `TrainingWatch` that shows a bar with the time left on a terminal, and a line an epoch everywhere.

    Of several processes the first one shows it.
    """
    from kuzushiji.training.experiment import TrainingWatch

    if place().rank:
        yield TrainingWatch()
        return
    bar = work_bar()
    tasks: dict[str, TaskID] = {}

    def task(name: str) -> TaskID:
        if name not in tasks:
            tasks[name] = bar.add_task(name, note="")
        return tasks[name]

    def reading(done: int, total: int) -> None:
        bar.update(task("reading"), completed=done, total=total, note=f"{done:,} of {total:,} images")

    def started(run: Run, splits: Splits) -> None:
        if "reading" in tasks:
            bar.remove_task(tasks.pop("reading"))
        counts = ", ".join(f"{len(split):,} {name}" for name, split in splits.named().items())
        config = run.config
        notes.print(
            f"training {config.model.name} ({config.model.parameters:,} parameters) on {config.data.name} "
            f"({counts}; {len(config.classes):,} classes)",
            soft_wrap=True,
        )
        if left_out := _boxes_left_out(config.data):
            notes.print(left_out, markup=False, soft_wrap=True)

    def progress(now: TrainingProgress) -> None:
        bar.update(
            task("training"),
            description=f"epoch {now.epoch}/{now.epochs}",
            completed=now.done,
            total=now.total,
            note=now.text,
        )

    def epoch(metrics: dict[str, Any]) -> None:
        measured = ""
        if metrics["validation_accuracy"] is not None:
            measured = f"  validation {metrics['validation_loss']:.4f} {metrics['validation_accuracy']:.2%}"
        trained = "fitted"
        if metrics["train_loss"] is not None:
            trained = f"epoch {metrics['epoch']:>3}  train {metrics['train_loss']:.4f} {metrics['train_accuracy']:.2%}"
        notes.print(
            f"{trained}{measured}  {metrics['images_per_second']:,.0f} images/s  {metrics['seconds']:.1f} s",
            soft_wrap=True,
        )

    with bar:
        yield TrainingWatch(started=started, progress=progress, epoch=epoch, reading=reading)


@contextmanager
def detector_watch() -> Iterator[DetectorWatch]:
    """A `DetectorWatch` as `console_watch`."""
    from kuzushiji.training.detector import DetectorWatch

    if place().rank:
        yield DetectorWatch()
        return
    bar = work_bar()
    tasks: list[TaskID] = []

    def started(run: DetectorRun, train: int, held_out: int) -> None:
        notes.print(
            f"training a detector ({run.config.parameters:,} parameters) on {train:,} pages and drawn ones; "
            f"{held_out:,} held out",
            soft_wrap=True,
        )
        tasks.append(bar.add_task("training", note=""))

    def progress(now: TrainingProgress) -> None:
        bar.update(
            tasks[0],
            description=f"epoch {now.epoch}/{now.epochs}",
            completed=now.done,
            total=now.total,
            note=now.text,
        )

    def epoch(metrics: dict[str, Any]) -> None:
        measured = ""
        if metrics["validation_recall"] is not None:
            measured = f"  held out {metrics['validation_loss']:.4f} {metrics['validation_recall']:.2%}"
        notes.print(
            f"epoch {metrics['epoch']:>3}  train {metrics['train_loss']:.4f} {metrics['train_recall']:.2%}{measured}  "
            f"{metrics['images_per_second']:,.1f} crops/s  {metrics['seconds']:.0f} s",
            soft_wrap=True,
        )

    with bar:
        yield DetectorWatch(started=started, progress=progress, epoch=epoch)


def _boxes_left_out(data: DataConfig) -> str:
    """What to say of boxes on pages that became no character; nothing of other data."""
    from kuzushiji.data.pages.characters import SIDE, Pages, known_report
    from kuzushiji.data.source import parse

    source = parse(data.address)
    pages = source.origin if isinstance(source.origin, Pages) else None
    report = known_report(pages, side=data.choice.image_size or SIDE) if pages else None
    if report is None or not report.left_out:
        return ""
    why = f"`kuzushiji data pages {source.address}` says why"
    return f"{report.left_out:,} of {report.boxes:,} boxes are left out; {why}"
