"""The loop with a task and a world that are not those of one process that classifies."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.loop import fit
from kuzushiji.training.tasks.classify import Classification
from kuzushiji.training.world import Alone
from tests.training.fitting import fit as fit_classification

CPU = torch.device("cpu")
RECIPE = Recipe(epochs=3, batch_size=16, optimizer="adam", lr=0.05, weight_decay=0.0)


class Brightest:
    """Where in an image the brightest pixel is: a map as its answer, instead of a class."""

    measures = ("hits", "misses")
    device = CPU

    def __init__(self, recipe):
        torch.manual_seed(0)
        self.recipe, self.images = recipe, 48
        self.pixels = torch.rand(self.images, 1, 8, 8)
        self.targets = (self.pixels == self.pixels.amax((2, 3), keepdim=True)).float()

    def order(self, epoch):
        return torch.from_numpy(np.random.default_rng(epoch).permutation(self.images))

    def batch(self, network, numbers, epoch, share=1.0):
        return self.pixels[numbers], self.targets[numbers]

    def loss(self, network, batch):
        pixels, targets = batch
        answers = network(pixels)
        hits = (answers.flatten(1).argmax(1) == targets.flatten(1).argmax(1)).sum()
        return F.binary_cross_entropy_with_logits(answers, targets), (hits, len(pixels) - hits)

    def validate(self, network):
        loss, (hits, misses) = self.loss(network, (self.pixels, self.targets))
        shares = {"validation_hits": hits.item() / self.images, "validation_misses": misses.item() / self.images}
        return {"validation_loss": loss.item(), **shares}


def test_any_task_can_be_trained():
    told = []
    task = Brightest(RECIPE.change(keep="best", epochs=12, lr=0.3))
    trained, epochs = fit(nn.Conv2d(1, 1, 1), task, on_progress=told.append)
    assert epochs[-1]["train_loss"] < 0.9 * epochs[0]["train_loss"]
    assert all(line["train_hits"] + line["train_misses"] == pytest.approx(1) for line in epochs)
    best = max(epochs, key=lambda line: (line["validation_hits"], -line["validation_loss"]))
    assert task.validate(trained) == {name: best[name] for name in best if name.startswith("validation")}
    assert told[-1].done == told[-1].total == 36
    assert told[-1].text.startswith(f"loss {epochs[-1]['train_loss']:.4f}  hits {epochs[-1]['train_hits']:.2%}")


class OneOfTwo(Alone):
    """One process of two, which never hears of the other."""

    size = 2

    def __init__(self, rank):
        self.rank = rank

    def gather(self, value):
        return [value if rank == self.rank else None for rank in range(self.size)]

    def first(self, value):
        return value or {"validation_loss": None, "validation_accuracy": None}


def test_the_processes_of_a_world_share_each_batch(bars, monkeypatch):
    """Each sees its part, all of them together what one alone would see; each goes on with its own random numbers."""
    seen, batch = [], Classification.batch

    def noting(task, network, numbers, epoch, share):
        seen[-1].append(numbers.tolist())
        return batch(task, network, numbers, epoch, share)

    monkeypatch.setattr(Classification, "batch", noting)
    states = {}
    for world in (Alone(), OneOfTwo(0), OneOfTwo(1)):
        seen.append([])
        network = nn.Sequential(nn.Flatten(), nn.Linear(144, 4))
        fit_classification(
            network,
            bars,
            None,
            RECIPE,
            world=world,
            save_state=lambda state, world=world: states.update({world: state}),
        )
    for alone, first, second in zip(*seen, strict=True):
        assert alone == first + second
    _, first, second = states.values()
    assert first["random"][1] is second["random"][0] is None
    assert not torch.equal(first["random"][0]["cpu"], second["random"][1]["cpu"])
    seen.append([])
    fit_classification(network, bars, None, RECIPE, world=OneOfTwo(1), state=second)
    assert torch.equal(torch.get_rng_state(), second["random"][1]["cpu"])
