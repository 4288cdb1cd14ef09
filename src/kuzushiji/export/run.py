"""`export_run`: a finished run -> an ONNX file, checked before it is kept, and what its card tells."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.data.source import published_in
from kuzushiji.errors import KuzushijiError, RunError, UsageError, unknown_name
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.evaluation.runs import stored_calibration, stored_evaluation
from kuzushiji.export.card import AND, Card, credited_in
from kuzushiji.export.graph import PRECISIONS, logits_of, to_onnx, with_metadata, with_precision
from kuzushiji.export.trust import Trust, answered_and_right, learn_trust
from kuzushiji.exported import Description, open_network
from kuzushiji.files import written_whole
from kuzushiji.inference.origins import commands_before, exported_before, made_from
from kuzushiji.inference.weights import load_network
from kuzushiji.models import MODELS
from kuzushiji.runs.command import command_of
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run
from kuzushiji.version import __version__

MOST_LOST = 0.001
"""Of accuracy on validation images, to a precision: a tenth of a point."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the ONNX file.
        card: what its card tells; `kuzushiji.report.card.write_card` writes it beside the file.
        bytes: size of the file.
        description: what the file says of itself.
        lost: share of the validation images that the precision costs; None where it was not reduced.
        validated_on: number of validation images that this was measured on.
    """

    path: Path
    card: Card
    bytes: int
    description: Description
    lost: float | None
    validated_on: int


def export_run(
    run: Run, output: Path | None = None, *, precision: str = "float32", credit: Sequence[str] = (), note: str = ""
) -> Exported:
    """Writes a run's network as one ONNX file that `Recognizer` reads.

    Args:
        run: a finished run of a network that is trained, not fitted.
        output: the file, with the ending .onnx; `model.onnx` in the run folder if None.
        precision: how the weights are stored: `float32`, `float16` (half the size) or `int8` (a quarter).  The last two
            are kept only if they cost less than 0.1 points of accuracy on the run's validation images, which must be at
            hand.
        credit: catalogued datasets that the images were made from, where the data of the run is the user's own: their
            licence and attribution go with the file.
        note: what the card says of the data besides, in Markdown.

    Raises:
        UsageError: the run is of a fitted model, the file has another ending, or an unknown name.
        RunError: the run is not finished, the file does not compute what the network does, or the precision costs too
            much; nothing was written.
        DataError: validation images are needed and missing, or predictions are damaged.

    Example:
        >>> export_run(find_run("kmnist6k"), Path("kana.onnx"), precision="float16")     # doctest: +SKIP
    """
    output = output or run.path / "model.onnx"
    if output.suffix != ".onnx":
        raise UsageError(f"{output} has the ending {output.suffix!r}; expected .onnx")
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    name = run.config.model.name
    if MODELS[name].fitted:
        raise UsageError(f"{name} is fitted to its training images and computes with all of them; only networks export")
    run.check_finished()
    network, config = load_network(run.weights_file)
    sources = sources_of(config, credit)
    validation = run.predictions("validation") if run.predictions_file("validation").exists() else None
    tested = run.predictions() if run.predictions_file().exists() else None
    trust = learn_trust(validation)

    model, lost = _reduced(run, to_onnx(network, config.model.image_size), precision, validation)
    evaluation = stored_evaluation(run) if tested is not None else None
    description = _described(config, sources, precision, trust, evaluation)
    content = with_metadata(model, description.to_metadata())
    card = Card(
        title=output.stem,
        bytes=len(content),
        description=description,
        config=config,
        before=commands_before(config),
        note=note,
        sources=sources,
        trust=trust,
        evaluation=evaluation,
        elsewhere=_elsewhere(run, config.data.name),
        calibration=stored_calibration(run) if tested is not None else None,
        tested=answered_and_right(tested, trust.temperature, trust.unsure_below) if tested is not None else None,
        lost=lost,
    )
    with written_whole(output) as beside:
        beside.write_bytes(content)
        open_network(beside)  # as whoever reads it will
    return Exported(output, card, len(content), description, lost, len(validation) if validation else 0)


def _reduced(
    run: Run, model: ModelProto, precision: str, validation: Predictions | None
) -> tuple[ModelProto, float | None]:
    """The model with its weights stored in a precision, and by how much the share of right answers falls.

    Raises:
        UsageError, RunError, KuzushijiError: there are no validation images to measure it on, or it costs too much.
    """
    reduced = with_precision(model, precision)
    if precision == "float32":
        return reduced, None
    if validation is None:
        raise UsageError(f"{run.name} has no validation images to measure {precision} on; export it in float32")
    lost = _lost(validation, logits_of(reduced, _validation_images(run, validation)))
    if not lost < MOST_LOST:
        raise RunError(
            f"{precision} costs {100 * lost:.2f} points of accuracy on {len(validation):,} validation images, "
            f"where less than {100 * MOST_LOST:g} is allowed; nothing was written. Try float16, or float32"
        )
    return reduced, lost


def _described(
    config: RunConfig,
    sources: Sequence[catalog.Dataset],
    precision: str,
    trust: Trust,
    evaluation: Evaluation | None,
) -> Description:
    accuracy = evaluation.accuracy if evaluation else None
    return Description(
        network=config.model.name,
        dataset=config.data.name,
        classes=config.classes,
        image_size=config.model.image_size,
        temperature=trust.temperature,
        unsure_below=trust.unsure_below,
        precision=precision,
        accuracy=(accuracy.value, accuracy.low, accuracy.high) if accuracy else None,
        tested_on=evaluation.count if evaluation else 0,
        licence=", ".join(dict.fromkeys(source.licence for source in sources)),
        licence_url=sources[0].licence_url if sources else "",
        attribution=AND.join(dict.fromkeys(source.attribution for source in sources)),
        command=command_of(config, published=True),  # as of today: what is the default may have changed since
        version=__version__,
        options={**MODELS[config.model.name].options, **config.model.options},
    )


def sources_of(config: RunConfig, credit: Sequence[str] = ()) -> tuple[catalog.Dataset, ...]:
    """The catalogued datasets that a network owes its weights to: its own, and those of the networks that
    its training began with or learnt from.

    Args:
        config: of the run.
        credit: names of further ones.

    Raises:
        UsageError: `credit` names none.
    """
    found: dict[str, catalog.Dataset] = {each: catalog.dataset(each) for each in credit}
    for each in [config, *(before for _, before in made_from(config))]:
        found |= {source.name: source for source in published_in(each.data.name, each.data.source)}
    for exported in exported_before(config):
        found |= {source.name: source for source in credited_in(exported.attribution)}
    return tuple(found.values())


def _elsewhere(run: Run, own: str) -> dict[tuple[str, str], Evaluation]:
    """What the run's predictions of other data than its own give, by name and split of these."""
    others = map(Predictions.load, sorted(run.path.glob("predictions-*.npz")))
    return {(each.dataset, each.split): evaluate(each) for each in others if each.dataset != own}


def _validation_images(run: Run, predictions: Predictions) -> NDArray[np.uint8]:
    """The validation images of a run, those that it predicted.

    Raises:
        KuzushijiError: they are not at hand.
    """
    try:
        images = run.images("validation")
    except KuzushijiError as error:
        raise type(error)(
            f"to store {run.name} in fewer bits, its validation images must be at hand: {error}"
        ) from None
    if images.fingerprint() != predictions.data_fingerprint:
        raise RunError(f"the validation images of {run.name} have changed since the training; export it in float32")
    return images.images


def _lost(validation: Predictions, logits: NDArray[np.float32]) -> float:
    """By how much the share of right answers falls; below 0 if it rises."""
    before = float((validation.predicted == validation.labels).mean())
    return before - float((logits.argmax(axis=1) == validation.labels).mean())
