"""Distillation: a network learns what another says of an image, besides the image's label."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, UsageError
from kuzushiji.files import expanded, file_hash
from kuzushiji.inference.device import autocast, choose_dtype
from kuzushiji.inference.weights import load_network
from kuzushiji.repository import pinned, repository
from kuzushiji.runs.config import TeacherConfig
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import find_run

Teacher = Callable[[Tensor, Tensor], Tensor]
"""Images (B, 1, H, W) as the pupil sees them, and their numbers (B,) among the training images -> logits (B, C)."""


def divergence(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """How far a network's answers are from its teacher's: the Kullback-Leibler divergence at a temperature.

    It is multiplied by the temperature's square, so that its gradients stay as large as those of the labels.

    Source:
        Hinton et al., Distilling the knowledge in a neural network, arXiv:1503.02531.
    """
    pupil = F.log_softmax(logits / temperature, dim=1)
    return temperature**2 * F.kl_div(
        pupil, F.log_softmax(taught / temperature, dim=1), reduction="batchmean", log_target=True
    )


def describe_teacher(source: str | Path | None) -> TeacherConfig | None:
    """Finds a teacher, and describes it for the run's configuration.

    Args:
        source: name or path of a finished run, whose network sees what the pupil sees, brought to the size of its own
            images; or a file of predictions of the training images, such as an ensemble's, which says the same of an
            image however it is changed.

    Raises:
        UsageError: there is no such run or file.
    """
    if source is None:
        return None
    if str(source).endswith(".npz"):
        path = expanded(source).resolve()
        if not path.is_file():
            raise UsageError(f"{source} is no file; --teacher takes a run, or predictions of the training images")
        return TeacherConfig("predictions", str(path), str(path), file_hash(path))
    source = pinned(source)
    run = find_run(source)
    run.check_finished()
    path = run.weights_file.resolve()
    return TeacherConfig("run", source if repository(source) else run.address, str(path), file_hash(path))


def load_teacher(described: TeacherConfig, train: CharacterImages, device: torch.device, precision: str) -> Teacher:
    """The teacher that `describe_teacher` described, for these training images.

    Raises:
        DataError: the file is gone, or another one now.
        UsageError: it knows other classes or other images.
    """
    path, name = Path(described.path), described.name
    if not path.is_file() or file_hash(path) != described.sha256:
        raise DataError(f"{path} is no longer there, or not the file that the run began with; train anew")
    if described.kind == "predictions":
        return _recorded(Predictions.load(path), train, name, device)
    network, config = load_network(path)
    if config.classes != train.classes:
        raise UsageError(f"the teacher {name} tells other classes apart than those of {train.name}")
    size = config.model.image_size
    network = network.to(device).eval()
    dtype = choose_dtype(precision, device)

    def teacher(images: Tensor, numbers: Tensor) -> Tensor:
        with torch.inference_mode(), autocast(device, dtype):
            return network(_of_size(images, size)).float().clone()

    return teacher


def _of_size(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (B, 1, H, W) from 0 to 1 at another size, smoothed as data sets are that are loaded at another size."""
    if images.shape[-2:] == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True).clamp(0, 1)


def _recorded(predictions: Predictions, train: CharacterImages, name: str, device: torch.device) -> Teacher:
    if predictions.classes != train.classes:
        raise UsageError(f"the predictions {name} are of other classes than those of {train.name}")
    row_of = {int(each): row for row, each in enumerate(predictions.ids)}
    rows = np.array([row_of.get(int(each), -1) for each in train.ids])
    if predictions.split != "train" or (rows < 0).any() or (predictions.labels[rows] != train.labels).any():
        raise UsageError(
            f"the predictions {name} are of the {predictions.split} images of {predictions.dataset}, not of all "
            f"{len(train):,} training images of {train.name}"
        )
    logits = torch.from_numpy(predictions.logits[rows]).to(device)
    return lambda images, numbers: logits[numbers.to(device)]
