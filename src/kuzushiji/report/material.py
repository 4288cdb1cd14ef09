"""What a report is made from, gathered once."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import published_in, title_of
from kuzushiji.data.splits import with_classes_of
from kuzushiji.errors import DataError, KuzushijiError, RunError
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.evaluation.outliers import Detection, detect_outliers
from kuzushiji.evaluation.runs import stored_calibration, stored_evaluation, stored_outliers
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.familiarities import Familiarities
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run

if TYPE_CHECKING:
    from torch import nn

MANY_CLASSES = 64
"""With more classes than this, a report shows the worst and the best instead of all."""

SHOWN_CLASSES = 50
"""Where there are many classes, so many of the worst and of the best are shown."""


@dataclass(frozen=True, eq=False)
class Material:
    """A run, its predictions and its evaluation, and what of data and network could be had.

    Attributes:
        run: the run.
        predictions: of its test images.
        evaluation: of these predictions.
        calibration: of these predictions, with a temperature from those of the validation images if there are any.
        outliers: what the network makes of images of other things; None where it has not been shown any.
        images: the test images, None where they can't be had.
        rows: (N,), which of `images` each prediction is of.
        missing_images: why there are no images, for the reader; empty if there are.
        model: the network without values, None where it can't be made.
        missing_model: why there is no network, for the reader.
    """

    run: Run
    predictions: Predictions
    evaluation: Evaluation
    calibration: Calibration
    outliers: Familiarities | None
    images: CharacterImages | None
    rows: NDArray[np.int64]
    missing_images: str
    model: "nn.Module | None"
    missing_model: str

    @property
    def config(self) -> RunConfig:
        """The run's configuration."""
        return self.run.config

    @property
    def classes(self) -> tuple[str, ...]:
        """The characters, in the order of the labels."""
        return self.predictions.classes

    @property
    def many_classes(self) -> bool:
        """Whether there are too many classes to show each."""
        return len(self.classes) > MANY_CLASSES

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images that the network takes."""
        return self.config.model.image_size

    @cached_property
    def train_counts(self) -> NDArray[np.int64]:
        """Training images of each class, (C,)."""
        return np.array(self.config.train_counts, dtype=np.int64)

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """Which predictions are wrong, (N,)."""
        return self.predictions.predicted != self.predictions.labels

    @cached_property
    def certainty(self) -> NDArray[np.float64]:
        """Probability of the predicted class of each image, (N,)."""
        return self.predictions.probabilities.max(axis=1)

    @cached_property
    def surest_mistakes(self) -> NDArray[np.int64]:
        """Numbers of the wrong predictions, the surest first."""
        wrong = np.flatnonzero(self.wrong)
        return wrong[np.argsort(-self.certainty[wrong], kind="stable")]

    @cached_property
    def detections(self) -> tuple[Detection, ...]:
        """How well images of other things are told from those of known characters; empty where it was not measured."""
        return () if self.outliers is None else detect_outliers(self.outliers)

    @cached_property
    def kept_epoch(self) -> int | None:
        """The epoch whose weights were kept."""
        kept = self.run.kept
        return None if kept is None else kept["epoch"]

    @property
    def sources(self) -> list[catalog.Dataset]:
        """The published datasets that the run was trained on, by their names or by the names of their files."""
        return published_in(self.config.data.name, self.config.data.source)

    @property
    def dataset_title(self) -> str:
        """What the dataset is called: its published name, or the last part of a path."""
        return title_of(self.config.data.name, self.config.data.source)

    def images_of(self, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images of some predictions, (K, H, W)."""
        assert self.images is not None
        return self.images.images[self.rows[numbers]]


def gather(run: Run, images: CharacterImages | None = None) -> Material:
    """Reads a run, and of its data and network what can be had.

    Raises:
        RunError: the training is not finished.
        DataError: there are no predictions, or the file is damaged.
    """
    config = run.config
    if not run.finished:
        raise RunError(
            f"{run.name} is not finished, so that there is nothing to report yet; "
            f"go on with: kuzushiji train --resume {run.name}"
        )
    predictions = run.predictions()
    evaluation, calibration = stored_evaluation(run), stored_calibration(run)
    try:
        outliers = stored_outliers(run)
    except DataError:
        outliers = None  # of another training, or damaged
    missing_images, rows = "", np.empty(0, dtype=np.int64)
    try:
        if images is None:
            images = run.images("test")
        images = with_classes_of(predictions.classes, images, has_rare=config.data.rare is not None)
        rows = _rows(predictions, images)
    except KuzushijiError as error:
        images, missing_images = None, str(error)
    model, missing_model = _outline(config)
    return Material(
        run, predictions, evaluation, calibration, outliers, images, rows, missing_images, model, missing_model
    )


def _rows(predictions: Predictions, images: CharacterImages) -> NDArray[np.int64]:
    """Which of the images each prediction is of.

    Raises:
        DataError: the images are not those that were predicted.
    """
    order = np.argsort(images.ids)
    places = np.searchsorted(images.ids, predictions.ids, sorter=order)
    rows = order[np.minimum(places, max(len(order) - 1, 0))] if len(order) else np.empty(0, dtype=np.int64)
    same_ids = len(rows) == len(predictions) and np.array_equal(images.ids[rows], predictions.ids)
    if same_ids:
        shown = np.array(images.classes)[images.labels[rows]]
        if np.array_equal(shown, np.array(predictions.classes)[predictions.labels]):
            return rows
    raise DataError(f"the {images.split} images of {images.name} are not those that the network was tested on")


def _outline(config: RunConfig) -> "tuple[nn.Module | None, str]":
    """The network without values; or why it can't be made."""
    from kuzushiji.inference.weights import outline_network

    try:
        return outline_network(config), ""
    except KuzushijiError as error:
        return None, str(error)
