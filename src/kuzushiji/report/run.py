"""A run as a page: whole, and true to the numbers."""

from collections.abc import Callable
from pathlib import Path

from kuzushiji.data.images import CharacterImages
from kuzushiji.files import write_text
from kuzushiji.numbers import percent, percent_range
from kuzushiji.plots.files import save_all
from kuzushiji.report.credit import credit
from kuzushiji.report.document import (
    Block,
    Code,
    Column,
    Details,
    Document,
    Figures,
    Heading,
    Japanese,
    Note,
    Paragraph,
    Section,
    Strong,
    Table,
    Text,
)
from kuzushiji.report.html import as_html
from kuzushiji.report.material import Material, gather
from kuzushiji.report.run_certainty import certainty
from kuzushiji.report.run_figures import number_figures, run_figures
from kuzushiji.report.run_how import how
from kuzushiji.report.run_images import confusions, examples, first_images, mistakes, opening
from kuzushiji.report.run_measures import characters, measures
from kuzushiji.runs.run import Run

FEW_LAYERS = 16
"""Up to so many layers are listed unfolded."""


def write_report(
    run: Run,
    *,
    images: CharacterImages | None = None,
    path: Path | None = None,
    tell: Callable[[str], None] = lambda name: None,
) -> Path:
    """Writes the report of a finished run as one HTML file, which needs nothing beside it.

    Args:
        run: a run with predictions of its test images.
        images: the test images; if None they are loaded from where the run had them.  Where they can't be had, the
            report says so and stands without them.
        path: the HTML file, `report.html` in the run folder if None.
        tell: called with the name of each figure before it is drawn.

    Returns:
        Where it was written.

    Raises:
        RunError: the training is not finished.
        DataError: there are no predictions, or the file is damaged.
        KuzushijiError: the file could not be written.
    """
    path = run.report_file if path is None else path
    write_text(path, as_html(run_document(gather(run, images)), tell))
    return path


def write_figures(
    run: Run,
    folder: Path,
    *,
    images: CharacterImages | None = None,
    tell: Callable[[str], None] = lambda name: None,
) -> list[Path]:
    """Writes every figure of a run's report as an SVG that follows the reader's light or dark, and as two PNGs.

    Args:
        run: as in `write_report`.
        folder: where they go, as `save_all` names them; it is made if it is not there.
        images, tell: as in `write_report`.

    Returns:
        The files.
    """
    return save_all(run_figures(gather(run, images)), folder, tell)


def run_document(material: Material) -> Document:
    """Everything that is to be read, in order."""
    figures = number_figures(material)
    accuracy = material.evaluation.accuracy
    interval = percent_range(accuracy.low, accuracy.high)
    confidence = percent(material.evaluation.confidence, 0)
    return Document(
        title=f"{material.config.model.name} on {material.dataset_title}",
        subject=material.run.name,
        opening=opening(material),
        result=(percent(accuracy.value), f"test accuracy{f', {confidence} interval {interval}' if interval else ''}"),
        lead=(Paragraph(_lead(material)),),
        sections=(
            Section("how", "What was trained, and how", how(material, figures), "How"),
            Section("metrics", "Measures", measures(material), "Measures"),
            Section("classes", "Character by character", characters(material), "Characters"),
            Section("confusions", "What is taken for what", confusions(material, figures), "Confusions"),
            Section("roc", "ROC: each character against the rest", _roc(figures), "ROC"),
            Section("certainty", "How far its certainty can be trusted", certainty(material, figures), "Certainty"),
            first_images(material),
            Section("mistakes", "The surest mistakes", mistakes(material), shows_data=True),
            Section("examples", "Right and wrong, by character", examples(material), shows_data=True),
            Section("network", "The network", _network(material, figures), "Network"),
        ),
        footer=(*credit(material.sources, shows_images=True), ("Run ", Code(material.run.name), ".")),
    )


def _lead(material: Material) -> Text:
    """What was asked of the network, and how much of it was right."""
    evaluation = material.evaluation
    right = evaluation.count - int(material.wrong.sum())
    classes = len(material.classes)
    text: tuple[Text, ...] = (
        f"Shown {evaluation.count:,} images of handwritten characters that were kept out of its training, the network ",
        Strong(material.config.model.name),
        f" named {right:,} of them right. It chooses among {classes:,} characters.",
    )
    if evaluation.baseline_class:
        often = percent(evaluation.baseline)
        text += " Always saying ", Japanese(evaluation.baseline_class), f" would be right {often} of the time."
    trained = material.train_counts[material.train_counts > 0]
    if len(trained) and trained.max() > 1.5 * trained.min():
        balanced = percent(evaluation.balanced_accuracy.value)
        text += (
            " Some characters are far more frequent than others: counted so that each weighs the same, it is right in "
            f"{balanced} of them.",
        )
    return text


def _roc(figures: Figures) -> tuple[Block, ...]:
    note = Note(
        "How many images of a character are found (up) at the price of how many others being taken for it (across), as "
        "the threshold on its probability falls."
    )
    if "auc" not in figures:
        return figures["roc"], note
    return figures["roc"], note, Heading("Area under the curve, by the number of training images"), figures["auc"]


def _network(material: Material, figures: Figures) -> tuple[Block, ...]:
    if material.model is None:
        return (Note(f"The network can't be drawn: {material.missing_model}"),)
    from kuzushiji.models.inspection import list_layers

    rows = tuple(
        (
            Code(layer.name),
            layer.kind,
            " × ".join(f"{length:,}" for length in layer.output_shape),
            f"{layer.parameters:,}" if layer.parameters else "",
            f"{layer.macs:,}" if layer.macs else "",
        )
        for layer in list_layers(material.model, material.image_size)
    )
    numbers = (Column(title, "number") for title in ("output", "parameters", "multiplications"))
    table = Table((Column("layer"), Column("kind"), *numbers), rows, "Layers")
    return figures["layers"], Details(f"Its {len(rows)} layers", (table,), open=len(rows) <= FEW_LAYERS)
