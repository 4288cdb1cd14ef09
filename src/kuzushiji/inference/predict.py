"""A run's network, shown images: `Predictions`, kept in the run folder."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import with_classes_of
from kuzushiji.errors import KuzushijiError, UsageError
from kuzushiji.inference.device import device_for
from kuzushiji.inference.outputs import AROUND, UNMOVED, Shifts, outputs
from kuzushiji.inference.weights import load_network
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, find_run


def predict(
    run: Run | str | Path,
    data: str | Path | Source | CharacterImages | None = None,
    *,
    tta: bool = False,
    device: str = "auto",
) -> Predictions:
    """What a run's network says of its test images, or of other data; it is kept in the run folder.

    Args:
        run: a finished run, its name or its path.
        data: other data, of which the test split is predicted, or the last where it has none; or images.
        tta: test-time augmentation: the mean of the probabilities for the image as it is and moved by a pixel in each
            of the eight directions.
        device: where the network runs: auto, cpu, cuda or mps.

    Raises:
        RunError: the run is not finished.
        UsageError: it has no test images, or the images have another size or other classes than it was trained for.
        DataError: the data is missing or damaged.

    Example:
        >>> evaluate(predict("resnet-kmnist", "kkanji:k49")).accuracy.value             # doctest: +SKIP
        0.8812
    """
    run = find_run(run)
    return run.predictions(keep_predictions(run, data, tta=tta, device=device))


def keep_predictions(
    run: Run,
    data: str | Path | Source | CharacterImages | None = None,
    *,
    tta: bool = False,
    device: str = "auto",
    tell: Callable[[str], None] = lambda text: None,
) -> str:
    """Does what `predict` does, where it is not done for the test images yet.

    Args:
        tell: gets what a reader should know.

    Returns:
        Under which name the predictions are kept: what `on` is in `evaluate`, `calibrate`, `compare` and `ensemble`.

    Raises:
        RunError, UsageError, DataError: as `predict` does.
    """
    run.check_finished()
    shifts, ending = (AROUND, "-tta") if tta else (UNMOVED, "")
    on = f"test{ending}"
    if data is not None or not run.predictions_file(on).exists():
        images = data if isinstance(data, CharacterImages) else _images(run, data)
        if data is not None:
            on = f"{images.name}-{images.split}{ending}"
        predictions = predict_run(run, images, on, device, shifts=shifts)
        if left_out := len(images) - len(predictions):
            tell(f"{left_out:,} images show characters that the network does not know")
    if data is None and tta and not run.predictions_file("validation-tta").exists():
        _move_validation(run, device, tell)
    return on


def _images(run: Run, data: str | Path | Source | None) -> CharacterImages:
    """The test images of other data, or the last split where it has none; those of the run if None."""
    if data is None:
        return run.images("test")
    source = parse(data)
    height, width = run.config.model.image_size
    split = "test" if "test" in source.splits else source.splits[-1]
    return source.load(split, image_size=height if height == width else None)


def _move_validation(run: Run, device: str, tell: Callable[[str], None]) -> None:
    """Predicts the validation images too as the test images were, so that a temperature can be fitted on them."""
    if not run.predictions_file("validation").exists():
        return
    try:
        predict_run(run, run.images("validation"), "validation-tta", device, shifts=AROUND)
    except KuzushijiError as error:
        tell(f"Without a temperature: {error}")


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
    network, _ = load_network(run.weights_file)
    return keep_said(run, network, data, key, device, shifts=shifts)


def keep_said(
    run: Run,
    network: nn.Module,
    data: CharacterImages,
    key: str,
    device: str = "auto",
    *,
    shifts: Shifts = UNMOVED,
) -> Predictions:
    """Keeps in a run folder what a network with the run's classes says of images; see `predict_run`."""
    config = run.config
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
