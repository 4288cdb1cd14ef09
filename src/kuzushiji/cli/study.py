"""`kuzushiji study`."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kuzushiji.cli.console import notes, print_json, print_table, results, work_bar
from kuzushiji.cli.options import pool_of
from kuzushiji.errors import UsageError
from kuzushiji.extras import check_extras

if TYPE_CHECKING:
    from kuzushiji.studies.answer import Answer
    from kuzushiji.studies.definition import Study
    from kuzushiji.studies.plan import Training
    from kuzushiji.studies.runner import Outcome, StudyWatch
    from kuzushiji.training.session import TrainingProgress


def study(
    name: str | None = None,
    /,
    *,
    data: str | None = None,
    list_: bool = False,
    only: tuple[str, ...] = (),
    seeds: int | None = None,
    epochs: int | None = None,
    limit: int | None = None,
    image_size: int | None = None,
    cover: float | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    device: str = "auto",
    track: Literal["tensorboard", "trackio", "mlflow", "wandb"] | None = None,
    output: Path | None = None,
    docs: Path | None = None,
    json: bool = False,
) -> None:
    """Answer a question by training networks: run what is not yet run, compare, write the answer.

    Example: kuzushiji study lenet-or-alexnet --data kmnist --seeds 3

    What is trained already is not trained again, and after Ctrl-C the same command goes on. How to write a study of
    your own: python -m pydoc kuzushiji.studies.definition

    Parameters
    ----------
    name
        A study that comes with kuzushiji, or the path of a .toml file of your own.
    data
        What to train and measure on; the data of the study's source if not given.
    list_
        List the studies.
    only
        Only trials of these names, or patterns such as "CNN*"; may be given several times.
    seeds
        Train each trial so many times, with the seeds 0, 1, ...
    epochs
        Train for so many epochs, whatever the study says.
    limit
        Train on so many images at most.
    image_size
        Bring the images to so many pixels a side, whatever the study says.
    cover
        Keep the fewest classes that make up so large a share of the training images, such as 0.9, and merge all others
        into one, whatever the study says.
    jobs
        So many trainings side by side: 1 if not given; with --cluster, one a GPU, or one a machine without any.
    cluster
        Train on the machines of a Ray, which share the folder: auto for the one that runs on this machine, or
        HOST:PORT of its head.
    device
        auto, cpu, cuda or mps.
    track
        Where to send settings and curves of each training as well (docs/tracking.md).
    output
        The folder for run folders and answer; made of study and data in the home folder if not given.
    docs
        A folder to write the answer into as well, as Markdown with pictures.
    json
        Print the answer as JSON.
    """
    if list_ or name is None:
        _list(json)
        return
    chosen = _loaded(name)
    if epochs is not None:
        chosen = chosen.with_recipe(epochs=epochs)
    if only:
        chosen = chosen.only(only)
    data = data or chosen.data
    if not data:
        raise UsageError("say which data to train and measure on, such as --data kmnist")
    check_extras("train")
    from kuzushiji.data.source import parse
    from kuzushiji.studies.plan import study_folder
    from kuzushiji.studies.runner import run_study

    source = parse(data)
    folder = output if output is not None else study_folder(chosen, source.label)
    for place in (folder, docs):
        if place is not None and place.exists() and not place.is_dir():
            raise UsageError(f"{place} is a file; name a folder")
    with pool_of(cluster, jobs) as (pool, jobs), _watch() as watch:
        outcomes = run_study(
            chosen,
            source,
            folder=folder,
            seeds=seeds,
            limit=limit,
            image_size=image_size,
            cover=cover,
            jobs=jobs,
            device=device,
            pool=pool,
            track=track,
            watch=watch,
        )
    from kuzushiji.report.study import study_document
    from kuzushiji.report.writing import write_answer
    from kuzushiji.studies.conclusion import conclude
    from kuzushiji.studies.gather import gather_answer
    from kuzushiji.studies.stored import to_json

    notes.print("comparing and drawing")
    answer = gather_answer(chosen, source, folder, outcomes)
    conclusion = conclude(answer)
    settings = {
        **{"only": only, "seeds": seeds, "epochs": epochs, "limit": limit},
        **{"image-size": image_size, "cover": cover},
    }
    document = study_document(answer, conclusion, _command(name, data, settings))
    written = write_answer(answer, conclusion, document, folder, docs)
    if json:
        print_json(to_json(answer, conclusion))
        return
    _print(answer, conclusion)
    for path in written:
        results.print(str(path), markup=False, soft_wrap=True)


def _loaded(name: str) -> Study:
    """The study of this name; what in its file is not written as it is today is told."""
    from kuzushiji.studies.load import load_study

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        study = load_study(name)
    for each in told:
        notes.print(str(each.message), markup=False, soft_wrap=True)
    return study


def _command(name: str, data: str, settings: dict[str, Any]) -> str:
    """The command that makes the answer again."""
    words = ["kuzushiji", "study", name, "--data", data]
    for setting, value in settings.items():
        for each in value if isinstance(value, tuple) else [value]:
            words += [f"--{setting}", str(each)] if each is not None else []
    return shlex.join(words)


SHOWN = {
    "trial": "trial",
    "training accuracy": "training",
    "test accuracy": "test",
    "": "",
    "test loss": "loss",
    "AUC": "AUC",
    "published test accuracy": "published",
    "published validation accuracy": "published",
}
"""Columns of the table of results that a terminal has room for, and what they are called there."""


def _print(answer: Answer, conclusion: list[str]) -> None:
    """The table of results and the conclusion."""
    from kuzushiji.report.study import results_table

    table = results_table(answer)
    titles = [str(column.title) for column in table.columns]
    shown = [number for number, title in enumerate(titles) if title in SHOWN]
    print_table(
        [SHOWN[titles[number]] for number in shown],
        [[row[number] for number in shown] for row in table.rows],
        right=[place for place, number in enumerate(shown) if table.columns[number].kind == "number"],
    )
    for sentence in conclusion:
        results.print(sentence, markup=False)
    results.print()


def _list(json: bool) -> None:
    from kuzushiji.studies.load import load_study, shipped_studies

    studies = [load_study(name) for name in shipped_studies()]
    if json:
        print_json(
            [
                {
                    "name": each.name,
                    "title": each.title,
                    "question": each.question,
                    "source": each.source,
                    "data": each.data,
                    "trials": list(each.labels),
                }
                for each in studies
            ]
        )
        return
    print_table(
        ["study", "trials", "data", "question"],
        [(each.name, len(each.trials), each.data, each.question) for each in studies],
        right=(1,),
    )
    notes.print("kuzushiji study NAME runs one; a .toml file of your own works the same")


@contextmanager
def _watch() -> Iterator[StudyWatch]:
    """A `StudyWatch` that shows a bar for the study and for each training on a terminal, and a line a training."""
    from rich.progress import TaskID

    from kuzushiji.studies.runner import StudyWatch

    bar = work_bar()
    bars: dict[str, TaskID] = {}
    whole: list[TaskID] = []

    def planned(trainings: list[Training], waiting: list[Training]) -> None:
        there = len(trainings) - len(waiting)
        notes.print(
            f"{len(trainings)} trainings" + (f", {there} of them done before" if there else ""),
            markup=False,
            soft_wrap=True,
        )
        whole.append(bar.add_task("study", total=len(trainings), completed=there, note=f"{there} of {len(trainings)}"))

    def started(training: Training) -> None:
        bars[training.path] = bar.add_task(_title(training), total=None, note="")

    def progress(training: Training, now: TrainingProgress) -> None:
        bar.update(
            bars[training.path],
            completed=now.done,
            total=now.total,
            note=f"epoch {now.epoch}/{now.epochs}  {now.text}",
        )

    def ended(outcome: Outcome) -> None:
        bar.remove_task(bars.pop(outcome.training.path))
        bar.advance(whole[0])
        done = bar.tasks[bar.task_ids.index(whole[0])]
        bar.update(whole[0], note=f"{done.completed:.0f} of {done.total:.0f}")
        if outcome.failure:
            how, style = ("not measured", "bold") if outcome.missing else ("failed", "bold red")
            notes.print(how, style=style, end="  ")
            notes.print(f"{_title(outcome.training)}: {outcome.failure}", soft_wrap=True)
        else:
            seconds = f"{outcome.run.seconds:,.0f} s"
            validation = (outcome.run.kept or {}).get("validation_accuracy")
            said = f"  validation accuracy {validation:.2%}" if validation is not None else ""
            notes.print(f"done    {_title(outcome.training)}  {seconds}{said}", markup=False, soft_wrap=True)

    with bar:
        yield StudyWatch(planned=planned, started=started, progress=progress, ended=ended)


def _title(training: Training) -> str:
    return f"{training.label}, seed {training.seed}"
