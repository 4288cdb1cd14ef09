"""Trainings that one process does in a test, and two processes do together: `python -m tests.training.together FOLDER`.

Each writes what comes of its trainings into the folder, as files that `torch.load` takes.
"""

import os
import pickle
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.synthetic.brush import make
from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material
from kuzushiji.errors import Interrupted, RankLost
from kuzushiji.models.cnn import RowNorm
from kuzushiji.models.detector import Detector
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training import compilation, detector, experiment, session
from kuzushiji.training.loop import fit
from kuzushiji.training.tasks.classify import Classification
from kuzushiji.training.tasks.detect import Detection
from kuzushiji.training.world import World, joined
from tests.bars import bar_images

CPU = torch.device("cpu")

# No augmentation; the last batch of each epoch is of 3 images, too few for two processes.
PLAIN = Recipe(
    epochs=2, batch_size=34, lr=0.02, translate=0.0, rotate=0.0, scale=0.0, shear=0.0, precision="float32",
    weight_decay=0.01,
)  # fmt: skip
AUGMENTED = Recipe(epochs=6, batch_size=60, lr=0.05, translate=0.02, rotate=2.0, mixup=0.2, recut=0.02, ema=0.9)

EXACT = {
    "muon": PLAIN.change(ema=0.9),
    "sgd": PLAIN.change(optimizer="sgd", lr=0.1, label_smoothing=0.0),
    "sam": PLAIN.change(optimizer="adamw", lr=0.01, sam=0.05, keep="best", loss="mean_squared_error"),
}
"""Trainings that end alike, to rounding, whatever the number of processes."""


def bars(count: int) -> CharacterImages:
    images, labels = bar_images(count)
    return CharacterImages(images, labels.astype(np.int64), tuple("おきすつ"), name="bars", split="train")


def network() -> nn.Module:
    """One with each kind of batch normalisation."""
    torch.manual_seed(0)
    convolution = [nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), RowNorm(10), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*convolution, nn.Linear(400, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4))


def train(recipe: Recipe, world: World | None = None, **settings: Any) -> tuple[dict[str, Tensor], list[dict]]:
    """What comes of the training of a classification: weights and metrics."""
    train_on = bars(240 if recipe == AUGMENTED else 71)
    trained, epochs = fit(network(), Classification(train_on, train_on, recipe, CPU), world=world, **settings)
    return trained.state_dict(), epochs


def train_compiled(recipe: Recipe, world: World) -> tuple[dict[str, Tensor], list[dict]]:
    """The same of a network that is compiled, by a compiler that changes nothing."""
    usual, compilation.torch.compile = torch.compile, partial(torch.compile, backend="eager")  # type: ignore[assignment]
    try:
        return train(recipe.change(compile=True), world)
    finally:
        compilation.torch.compile = usual


def train_detector(world: World | None = None) -> tuple[dict[str, Tensor], list[dict]]:
    """What comes of the training of a detector, of whose crops some hold no character."""
    columns = [[900 - 150 * column, 200 + 130 * row, 100, 110] for column in range(5) for row in range(10)]
    glyphs = Glyphs([make("kmnist", "train", samples_per_class=2)])
    layout = Layout("おきすつなはまやれを" * 5, np.array(columns, np.float32))
    material = Material([layout], glyphs, [np.full((300, 200), 230, np.uint8)])
    recipe = Recipe(epochs=1, batch_size=5, optimizer="sgd", lr=0.01, precision="float32", seed=1)
    torch.manual_seed(0)
    task = Detection(material, [], [], recipe, CPU, crops=12, side=64, world=world)
    trained, epochs = fit(Detector(width=4, depth=1), task, world=world)
    return trained.state_dict(), epochs


def states(recipe: Recipe, world: World | None = None) -> list[dict[str, Any]]:
    """The states that a training saves, of which there is one after each step."""
    saved: list[dict[str, Any]] = []
    session.CHECKPOINT_SECONDS, usual = -1.0, session.CHECKPOINT_SECONDS
    try:
        train(recipe, world, save_state=lambda state: saved.append(_copy(state)))
    finally:
        session.CHECKPOINT_SECONDS = usual
    return saved


def _copy(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _copy(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_copy(value) for value in state]
    return state.clone() if isinstance(state, Tensor) else state


def ended(recipe: Recipe, world: World, at: int, number: int) -> dict[str, Any]:
    """What was saved last of a training in which a signal arrives at the second process, and the error it ends with."""
    saved: list[Any] = []
    batch, steps = Classification.batch, 0

    def counting(task: Classification, *arguments: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps == at and world.rank == 1:
            signal.raise_signal(number)
        return batch(task, *arguments)

    Classification.batch = counting  # type: ignore[method-assign]
    try:
        train(recipe, world, save_state=lambda state: saved.append(_copy(state)))
    except (Interrupted, RankLost) as error:
        return {"error": f"{type(error).__name__}: {error}", "state": saved[-1]}
    finally:
        Classification.batch = batch  # type: ignore[method-assign]
    return {"error": "", "state": None}


def main(folder: Path) -> None:
    found: dict[str, Any] = {}
    bars_run = experiment.train(
        "lenet5", bars(71), test=bars(71).select(slice(9), split="test"), run=folder / "bars", epochs=1, device="cpu"
    )
    pages_run = detector.train_detector(pickle.loads((folder / "pages.pkl").read_bytes()), run=folder / "pages")
    told = [
        {"finished": run.finished, "epochs": len(run.metrics), "processes": run.config.machine.processes}
        for run in (bars_run, pages_run)
    ]
    with joined(CPU) as world:
        found["runs"] = world.gather(told)
        found |= {name: train(recipe, world) for name, recipe in EXACT.items()}
        found["per_rank"] = train(EXACT["muon"].change(batch_statistics="per_rank"), world)
        found["augmented"] = train(AUGMENTED, world)
        found["compiled"] = train_compiled(EXACT["muon"], world)
        found["detector"] = train_detector(world)
        found["states"] = states(EXACT["muon"], world)
        found["resumed"] = train(EXACT["muon"], world, state=torch.load(folder / "alone.pt"))
        found["interrupted"] = ended(EXACT["muon"], world, 4, signal.SIGTERM)
        torch.save(found, folder / f"{world.rank}.pt")
        found["killed"] = ended(EXACT["muon"], world, 5, signal.SIGKILL)
        torch.save(found, folder / f"{world.rank}.pt")
        os._exit(0)  # there is nobody left to part from


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]))
