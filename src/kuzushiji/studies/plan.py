"""From a study to its trainings: what is trained, in which order, and which run folder stands for it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kuzushiji.data.source import parse
from kuzushiji.errors import KuzushijiError, UsageError
from kuzushiji.files import expanded, file_hash
from kuzushiji.home import home
from kuzushiji.records import as_plain
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run, find_run
from kuzushiji.studies.definition import MOST_TRAININGS, Study, Trial


@dataclass(frozen=True)
class Training:
    """A trial with a seed.

    Attributes:
        label: of the trial.
        seed: of the recipe.
        path: the run folder.
        model, options, recipe_name, changes: as `kuzushiji.train` takes them; `changes` holds the seed too.
        data: address of the dataset.
        limit, image_size, device, cover, rare_below: likewise.
        pretraining: whether it is trained for others to start from, and no more.
        start: the run folder that it starts from, which another training of the study may fill first; empty for none.
        weights: the file that it starts from, or `imagenet`; empty for none.
        unfrozen: as `kuzushiji.train` takes it.
        missing: what it can't be trained without; empty if nothing is known to be missing.
        mark: stands for all that decides its outcome.
        track: the tracker that it is told to; None for none.
    """

    label: str
    seed: int
    path: str
    model: str
    options: Mapping[str, Any]
    recipe_name: str
    changes: Mapping[str, Any]
    data: str
    limit: int | None
    image_size: int | None
    device: str
    cover: float | None = None
    rare_below: int | None = None
    pretraining: bool = False
    start: str = ""
    weights: str = ""
    unfrozen: int | None = None
    missing: str = ""
    mark: str = ""
    track: str | None = None

    @property
    def run(self) -> Run:
        """The run folder, whether it is there or not."""
        return Run(Path(self.path))


@dataclass(frozen=True)
class Common:
    """What all trainings of a study have in common; see `run_study`."""

    folder: Path
    data: str
    limit: int | None
    image_size: int | None
    cover: float | None
    rare_below: int | None
    device: str


def study_folder(study: Study, label: str) -> Path:
    """Where a study on data with this label keeps its runs and its answer unless it is told otherwise."""
    return home() / "studies" / f"{study.name}--{_slug(label)}"


def plan_trainings(study: Study, seeds: int, common: Common) -> list[Training]:
    """A training for each trial and seed, one alone for what others start from, which goes before them.

    Raises:
        UsageError: they are too many.
    """
    if (count := len(study.trials) * seeds) > MOST_TRAININGS:
        raise UsageError(
            f"{len(study.trials):,} trials with {seeds:,} seeds are {count:,} trainings, more than "
            f"{MOST_TRAININGS:,}; take fewer of them, such as with --only or --seeds"
        )
    planned: dict[tuple[str, int], Training] = {}

    def plan(trial: Trial, seed: int) -> Training:
        key = trial.label, 0 if trial.pretraining else seed
        if key not in planned:
            before = plan(study.trial(trial.start), key[1]) if trial.start in study.labels else None
            planned[key] = _training(trial, key[1], before, common)
        return planned[key]

    for trial in study.trials:
        for seed in range(seeds if trial.model else 0):
            plan(trial, seed)
    return list(planned.values())


def _training(trial: Trial, seed: int, before: Training | None, common: Common) -> Training:
    recipe, named = trial.recipe.change(seed=seed), as_plain(named_recipe(trial.recipe_name))
    limits = [limit for limit in (trial.limit, common.limit) if limit is not None]
    training = Training(
        label=trial.label,
        seed=seed,
        path="",
        model=trial.model,
        options=dict(trial.options),
        recipe_name=trial.recipe_name,
        changes={key: value for key, value in as_plain(recipe).items() if value != named[key]},
        data=parse(trial.data).address if trial.data else common.data,
        limit=min(limits, default=None),
        image_size=common.image_size,
        device=common.device,
        # Of other data other classes are rare, and of few classes perhaps some that matter.
        cover=None if trial.pretraining else common.cover,
        rare_below=None if trial.pretraining else common.rare_below,
        pretraining=trial.pretraining,
        weights=trial.weights,
        unfrozen=trial.unfrozen,
    )
    # Fields that are as here are left out, so that a field that is new in a later version changes no name.
    default = as_plain(named_recipe("sgd"))
    decisive: dict[str, Any] = {
        "model": training.model,
        "options": training.options,
        "recipe": {field: value for field, value in as_plain(recipe).items() if value != default[field]},
        "data": training.data,
        "limit": training.limit,
        "image_size": training.image_size,
    }
    training, start = _started(training, trial, before)
    more = {"cover": training.cover, "rare_below": training.rare_below, "unfrozen": training.unfrozen, **start}
    decisive |= {key: value for key, value in more.items() if value is not None}
    mark = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:8]
    path = _run_folder(common.folder, trial.label, seed, mark)
    return replace(training, path=str(path.absolute()), mark=mark)


def _started(training: Training, trial: Trial, before: Training | None) -> tuple[Training, dict[str, str]]:
    """The training with what it starts from, and what stands for that in its mark."""
    if before is not None:
        return replace(training, start=before.path), {"start": before.mark}
    if trial.start:
        try:
            run = find_run(trial.start)
            return replace(training, start=str(run.path.absolute())), {"start": run.fingerprint}
        except KuzushijiError:
            missing = f"there is neither a trial nor a run called {trial.start!r}"
            return replace(training, missing=missing), {"start": trial.start}
    if trial.weights:
        file = expanded(trial.weights)
        return training, {"weights": file_hash(file) if file.is_file() else trial.weights}
    return training, {}


def _run_folder(folder: Path, label: str, seed: int, mark: str) -> Path:
    """The folder of a run; the one that is there, should the trial have been called otherwise when it was made."""
    there = sorted(folder.glob(f"*-seed{seed}-{mark}"))
    return there[0] if there else folder / f"{_slug(label)}-seed{seed}-{mark}"


def _slug(text: str) -> str:
    """A text as the name of a folder."""
    return re.sub(r"[^\w.]+", "-", text).strip("-.")[:60] or "trial"
