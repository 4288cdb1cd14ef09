"""A training of a classification, for tests of what is in a training."""

import torch

from kuzushiji.training import loop
from kuzushiji.training.tasks.classify import Classification


def fit(network, train, validation, recipe, teacher=None, **settings):
    """Trains a network on a CPU; `settings` are those of the loop."""
    task = Classification(train, validation, recipe, torch.device("cpu"), teacher)
    return loop.fit(network, task, **settings)
