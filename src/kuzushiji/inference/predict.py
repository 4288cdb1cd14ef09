"""A run's network, shown images: `Predictions`, kept in the run folder."""

import numpy as np
import torch

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import with_classes_of
from kuzushiji.errors import UsageError
from kuzushiji.inference.device import device_for
from kuzushiji.inference.outputs import UNMOVED, Shifts, outputs
from kuzushiji.inference.weights import load_network
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run


def predict_run(
    run: Run, data: CharacterImages, key: str, device: str = "auto", *, shifts: Shifts = UNMOVED
) -> Predictions:
    """Predicts images with a finished run's network, in float32, and keeps the result in the run folder.

    Args:
        key: the split, or `NAME-SPLIT` for another dataset; it names the file.
        shifts: by how many pixels the images are moved; of several moves, the probabilities' mean counts.

    Raises:
        UsageError: the images have another size or other classes than the network was trained for.
    """
    network, config = load_network(run.weights_file)
    if config.model.image_size != data.image_size:
        raise UsageError(
            f"{run.name} takes images of {_size(config.model.image_size)} pixels, "
            f"but those of {data.name} have {_size(data.image_size)}"
        )
    data = with_classes_of(config.classes, data, has_rare=config.data.rare is not None)
    chosen_device = device_for(config.model.name, device)
    said = outputs(network.to(chosen_device), data, chosen_device, torch.float32, shifts)
    logits = [each.cpu().numpy() for each, _ in said]
    predictions = Predictions(
        logits=np.concatenate(logits),
        labels=data.labels,
        ids=data.ids,
        classes=config.classes,
        dataset=data.name,
        split=data.split,
        data_fingerprint=data.fingerprint(),
        config_fingerprint=run.fingerprint,
    )
    predictions.save(run.predictions_file(key))
    return predictions


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
