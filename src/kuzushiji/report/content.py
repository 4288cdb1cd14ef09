"""What stands in a report: plain values for the template, section by section."""

from collections.abc import Iterable
from dataclasses import fields
from math import floor, isnan
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.metrics import ClassScores, most_confused
from kuzushiji.evaluation.outliers import KEPT
from kuzushiji.imaging.cut import to_square
from kuzushiji.models import MODELS
from kuzushiji.plots.files import svg
from kuzushiji.plots.style import has_glyph
from kuzushiji.report.characters import Sprite
from kuzushiji.report.figures import FIRST, layers, number_figures
from kuzushiji.report.material import Material
from kuzushiji.runs.familiarities import MEASURES
from kuzushiji.runs.recipe import Recipe
from kuzushiji.version import __version__

SHOWN_CLASSES = 50
"""Where there are many classes, so many of the worst and of the best are shown."""

SHOWN_MISTAKES = 40
SHOWN_PAIRS = {False: 12, True: 30}
"""How many of the most confused pairs are shown where there are few classes, and where there are many."""

EXAMPLES = 6
PAIR_EXAMPLES = 4
OPENING = 12
"""How many images stand at the top of the page."""

METRICS = (
    ("accuracy", "Accuracy", "share of the images that were named right"),
    ("balanced_accuracy", "Balanced accuracy", "mean of the characters' recalls: each counts the same, however rare"),
    ("top5_accuracy", "Top-5 accuracy", "the right character is among the five most likely"),
    ("macro_precision", "Precision, macro", "of what is taken for a character, the share that is it; mean of all"),
    ("macro_recall", "Recall, macro", "of the images of a character, the share that is found; mean of all"),
    ("macro_f1", "F1, macro", "harmonic mean of precision and recall; mean of all characters"),
    ("auc_macro", "AUC, macro", "area under the ROC curve of one character against the rest; mean of all"),
    ("auc_weighted", "AUC, by support", "the same, weighted by the number of test images"),
    ("auc_inverse_frequency", "AUC, by rarity", "the same, weighted by one over the number of images of the character"),
    ("loss", "Loss", "cross-entropy in nats an image; less is better"),
)
"""Field of the evaluation, its name, what it says."""

RELIABILITY = (
    ("ece", "Calibration error, ECE", True, "by how much certainty and share of right answers differ; 15 equal bins"),
    ("adaptive_ece", "ECE, equal-mass bins", True, "the same, with 15 bins of equally many images"),
    ("brier", "Brier score", False, "squared error of the probabilities, from 0 to 2; less is better"),
    ("loss", "Loss", False, "cross-entropy in nats an image; less is better"),
)
"""Field of the reliability, its name, whether it is a share, what it says."""

MEASURE_TITLES = {"probability": "greatest probability", "energy": "energy", "distance": "distance to class means"}

SHARES = ("accuracy", "balanced_accuracy", "top5_accuracy", "macro_precision", "macro_recall", "macro_f1")


def page_content(material: Material) -> dict[str, Any]:
    """Everything that the template needs, by the names that it uses."""
    pictures = _Pictures(material)
    return {
        "version": __version__,
        "has_glyph": has_glyph,
        "code_points": code_points,
        "title": f"{material.config.model.name} on {material.dataset_title}",
        "run": material.run.name,
        "missing_images": material.missing_images,
        "many_classes": material.many_classes,
        "class_count": len(material.classes),
        "headline": _headline(material),
        "opening": _opening(material, pictures),
        "facts": _facts(material),
        "recipe": _recipe(material),
        "command": material.config.command,
        "sources": sorted(material.config.data.source.items()),
        "figures": _figures(material),
        "kept_epoch": material.kept_epoch,
        "metrics": _metrics(material),
        "frequencies": _frequencies(material),
        "confidence": f"{material.evaluation.confidence:.0%}",
        "class_tables": _class_tables(material),
        "pairs": _pairs(material, pictures),
        "certainty": _certainty(material),
        "outliers": _outliers(material, pictures),
        "first": _first(material, pictures),
        "first_wrong": int(material.wrong[:FIRST].sum()),
        "mistakes": _mistakes(material, pictures),
        "mistake_count": int(material.wrong.sum()),
        "examples": _examples(material, pictures),
        "layers": _layers(material),
        "published": material.sources,
        "sprite": pictures.sprite,
        "image_ratio": pictures.ratio,
    }


class _Pictures:
    """Puts images of characters into the sprite and gives what the template shows of each."""

    def __init__(self, material: Material) -> None:
        self.material = material
        self.sprite = Sprite()
        self.ratio = 1.0
        if material.images is not None:
            height, width = material.images.image_size
            self.ratio = height / width

    def of(self, numbers: Iterable[int]) -> list[dict[str, Any]]:
        """One mapping a prediction: cell of the sprite, prediction, truth, certainty; no cell without images."""
        material, shown = self.material, []
        for number in numbers:
            predicted, label = int(material.predictions.predicted[number]), int(material.predictions.labels[number])
            cell = None
            if material.images is not None:
                cell = self.sprite.cell(number, material.images_of(np.array([number]))[0])
            shown.append(
                {
                    "cell": cell,
                    "predicted": material.classes[predicted],
                    "actual": material.classes[label],
                    "wrong": predicted != label,
                    "certainty": percent(material.certainty[number]),
                    "chance": percent(material.predictions.probabilities[number, label]),
                }
            )
        return shown

    def foreign(self, kind: int, samples: NDArray[np.uint8]) -> list[dict[str, Any]]:
        """One mapping for each sample of a kind of foreign images."""
        side = self.material.image_size[0] if self.material.images is None else self.material.images.image_size[0]
        if self.ratio != 1:  # they are square, and all cells of a page are alike
            return []
        # Predictions have the numbers from 0 on.
        return [
            {"cell": self.sprite.cell(-1 - kind * 1000 - place, to_square(sample, side)), "actual": "something else"}
            for place, sample in enumerate(samples)
        ]


def percent(share: float, digits: int = 2) -> str:
    """`0.9712` as `97.12%`; a dash for what is not defined."""
    return "–" if isnan(share) else f"{share:.{digits}%}"


def number(value: float, digits: int = 4) -> str:
    """A number to so many digits; a dash for what is not defined."""
    return "–" if isnan(value) else f"{value:.{digits}f}"


def short(count: float) -> str:
    """A count in three digits and a word, such as `37.2 million`."""
    for unit in ("", " thousand", " million", " billion"):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g} trillion"


def duration(seconds: float) -> str:
    """`75` as `1 min 15 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def interval(estimate: Estimate, as_share: bool, digits: int | None = None) -> str:
    """The ends of an interval, empty where there is none."""
    if isnan(estimate.low) or isnan(estimate.high):
        return ""
    written = percent if as_share else number
    digits = digits if digits is not None else (2 if as_share else 4)
    return f"{written(estimate.low, digits)} to {written(estimate.high, digits)}"


def _headline(material: Material) -> dict[str, Any]:
    evaluation = material.evaluation
    counts = material.train_counts
    trained = counts[counts > 0]
    return {
        "accuracy": percent(evaluation.accuracy.value),
        "interval": interval(evaluation.accuracy, as_share=True),
        "right": evaluation.count - int(material.wrong.sum()),
        "count": evaluation.count,
        "model": material.config.model.name,
        "chance": percent(1 / len(material.classes), 2 if len(material.classes) > 100 else 0),
        "unbalanced": len(trained) > 0 and trained.max() > 1.5 * trained.min(),
        "balanced": percent(evaluation.balanced_accuracy.value),
    }


def _opening(material: Material, pictures: _Pictures) -> list[dict[str, Any]]:
    """Images that the network is sure of and right about, each of another class, spread over all classes."""
    if material.images is None:
        return []
    order = np.argsort(-material.certainty, kind="stable")
    order = order[~material.wrong[order]]
    _, first = np.unique(material.predictions.labels[order], return_index=True)
    chosen = order[first]
    spread = np.unique(np.linspace(0, len(chosen) - 1, min(OPENING, len(chosen))).round().astype(int))
    return pictures.of(chosen[spread].tolist())


def _facts(material: Material) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups of what was trained on what, where and how long."""
    config, metrics = material.config, material.run.metrics
    model, dataset = config.model, config.data
    height, width = material.image_size
    data = [("Dataset", material.dataset_title)]
    if material.dataset_title != dataset.name and "/" not in dataset.name:
        data.append(("Name", dataset.name))
    data += [("Characters", f"{len(material.classes):,}"), ("Image size", f"{height} × {width} pixels")]
    for name, split in dataset.splits.items():
        data.append(({"train": "Training"}.get(name, name.capitalize()) + " images", f"{split.count:,}"))
    if rare := dataset.rare:
        count, images = f"{rare.characters:,}", f"{rare.images:,}"
        data.append(("Rare", f"{count} characters with {images} training images count as one, “rare”"))
    if dataset.limit:
        data.append(("Limit", f"at most {dataset.limit:,} training images were taken"))
    network = [("Name", model.name)]
    if model.name in MODELS:
        entry = MODELS[model.name]
        network += [("What", entry.summary), ("From", f"{entry.source}; {entry.reference}")]
    network += [(f"Option {name}", str(value)) for name, value in model.options.items()]
    network.append(("Parameters", f"{model.parameters:,}"))
    if start := config.start:
        source = ("the run " if start.kind == "run" else "") + Path(start.name).name
        if start.known_classes:
            source += f", which knew {start.known_classes:,} of the classes"
        if start.unfrozen is not None:
            source += f"; of its layers only the last {start.unfrozen} are trained"
        network.append(("Starts from", source))
    if material.model is not None:
        from kuzushiji.models.inspection import count_macs

        macs = count_macs(material.model, material.image_size)
        if not MODELS[model.name].fitted:  # else they depend on how many training images it keeps
            network.append(("Multiplications", f"{short(macs)} an image"))
    training = [
        ("Recipe", config.recipe_name),
        ("Epochs", f"{len(metrics)} of {config.recipe.epochs}"),
        ("Time", duration(material.run.seconds)),
    ]
    speeds = [line["images_per_second"] for line in metrics if line.get("images_per_second")]
    if speeds:
        training.append(("Speed", f"{np.median(speeds):,.0f} images a second"))
    machine = config.machine
    processor: list[tuple[str, object]] = [("Processor", machine.processor), ("Cores", machine.cores)]
    if machine.memory_gib:
        processor.append(("Memory", f"{machine.memory_gib} GiB"))
    processor.append(("Device", machine.device))
    processor += list(config.versions.items())
    training.append(("Started", (config.created or "unknown").replace("T", " ").replace("+00:00", " UTC")))
    where = [(str(name), str(value)) for name, value in processor if value not in (None, "")]
    return [("Data", data), ("Network", network), ("Training", training), ("Machine", where)]


def _recipe(material: Material) -> dict[str, list[dict[str, str]]]:
    """The fields of the recipe: those that differ from the default recipe, and the rest."""
    default = Recipe().to_dict()
    meanings = {entry.name: entry.metadata["help"] for entry in fields(Recipe)}
    changed: list[dict[str, str]] = []
    same: list[dict[str, str]] = []
    for name, value in material.config.recipe_values.items():
        line = {
            "name": name,
            "value": _plain(value),
            "default": _plain(default.get(name, "")),
            "meaning": meanings.get(name, ""),
        }
        (same if name in default and value == default[name] else changed).append(line)
    return {"changed": changed, "same": same}


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _figures(material: Material) -> dict[str, Markup]:
    """The figures as SVG that takes its colours from the page."""
    labels = {
        "curves": "Loss and accuracy of training and validation images over the epochs",
        "confusion": "Confusion matrix: actual characters down, predicted ones across",
        "reliability": "Share of right answers by how sure the network is, before and after temperature scaling",
        "risk-coverage": "Share of wrong answers among the surest, by how many of them are given",
        "roc": "ROC curves of each character against the rest and their mean",
        "auc": "Area under the ROC curve of each character, by its number of training images",
    }
    figures = {name: Markup(svg(draw(False), labels[name])) for name, draw in number_figures(material).items()}
    if material.model is not None:
        figures["layers"] = Markup(svg(layers(material)(False), "The layers of the network"))
    return figures


def _metrics(material: Material) -> list[dict[str, str]]:
    rows = []
    for field, name, meaning in METRICS:
        estimate, as_share = getattr(material.evaluation, field), field in SHARES
        value = percent(estimate.value) if as_share else number(estimate.value)
        rows.append({"name": name, "value": value, "interval": interval(estimate, as_share), "meaning": meaning})
    return rows


def _frequencies(material: Material) -> list[dict[str, Any]]:
    """The accuracy by number of training images; none where all classes have about as many."""
    groups = material.evaluation.by_frequency
    if len(groups) < 2:
        return []
    return [
        {
            "title": group.title,
            "classes": f"{group.classes:,}",
            "images": f"{group.count:,}",
            "shares": [
                (percent(share.value), interval(share, True)) for share in (group.accuracy, group.balanced_accuracy)
            ],
        }
        for group in groups
    ]


def _certainty(material: Material) -> dict[str, Any]:
    """The tables of how far certainty can be trusted."""
    calibration = material.calibration
    states = [calibration.before, *([calibration.after] if calibration.after else [])]
    rows = []
    for field, name, as_share, meaning in RELIABILITY:
        estimates = [getattr(state, field) for state in states]
        cells = [
            (percent(each.value) if as_share else number(each.value), interval(each, as_share)) for each in estimates
        ]
        rows.append({"name": name, "cells": cells, "meaning": meaning})
    answering = [
        (
            f"Accuracy of the surest {coverage * 100:g}%",
            accuracy,
            f"when the least sure {100 - coverage * 100:g}% are passed on",
            True,
        )
        for coverage, accuracy in calibration.accuracy_at_coverage.items()
    ]
    answering += [
        (
            f"Answered at {accuracy * 100:g}% accuracy",
            coverage,
            f"the most that can be answered with {accuracy * 100:g}% of the answers right",
            True,
        )
        for accuracy, coverage in calibration.coverage_at_accuracy.items()
    ]
    answering += [
        ("Area, AURC", calibration.aurc, "mean of the curve: the share of wrong answers over every coverage", False),
        ("Area in excess", calibration.excess_aurc, "above the order that has every wrong answer last", False),
    ]
    return {
        "scaled": calibration.after is not None,
        "temperature": f"{calibration.temperature:.3f}",
        "too_sure": calibration.temperature > 1,
        "helped": calibration.after is None or calibration.after.ece.value < calibration.before.ece.value,
        "fitted_on": calibration.fitted_on,
        "rows": rows,
        "answering": [
            {
                "name": name,
                "value": percent(each.value) if as_share else number(each.value, 5),
                "interval": interval(each, as_share, 2 if as_share else 5),
                "meaning": meaning,
            }
            for name, each, meaning, as_share in answering
        ],
    }


def _outliers(material: Material, pictures: "_Pictures") -> dict[str, Any]:
    """The table of how well other things are told from known characters, with samples of them."""
    if material.outliers is None:
        return {"rows": [], "known": "", "measures": [], "kept": ""}
    measures = [name for name in MEASURES if any(name in each.auroc for each in material.detections)]
    rows = []
    for kind, (detection, shown) in enumerate(zip(material.detections, material.outliers.foreign, strict=True)):
        cells = []
        for measure in measures:
            area, mistaken = detection.auroc[measure], detection.mistaken[measure]
            cells.append(
                {
                    "area": percent(area.value, 1),
                    "interval": interval(area, True, 1),
                    "mistaken": percent(mistaken.value, 1),
                }
            )
        rows.append(
            {
                "description": detection.description,
                "count": f"{detection.count:,}",
                "cells": cells,
                "samples": pictures.foreign(kind, shown.samples),
            }
        )
    return {
        "rows": rows,
        "known": material.outliers.known.description,
        "measures": [MEASURE_TITLES[name] for name in measures],
        "kept": percent(KEPT, 0),
    }


def _class_tables(material: Material) -> list[dict[str, Any]]:
    """One table of all classes; or, where there are many, one of the worst and one of the best."""
    scored = material.evaluation.per_class
    if not material.many_classes:
        return [_class_table(material, "", range(len(scored)))]
    tested = [label for label, scores in enumerate(scored) if scores.support]
    best = sorted(tested, key=lambda label: (-_or_zero(scored[label].recall.low), -_or_zero(scored[label].f1.value)))
    worst = material.evaluation.worst_classes(SHOWN_CLASSES)
    return [
        _class_table(material, f"The {len(worst)} that are surely read worst", worst),
        _class_table(material, f"The {len(worst)} that are surely read best", best[:SHOWN_CLASSES]),
    ]


def _or_zero(value: float) -> float:
    return 0.0 if isnan(value) else value


def _class_table(material: Material, title: str, labels: Iterable[int]) -> dict[str, Any]:
    """Rows for some classes; the bars of their recall begin at the whole ten percent below the lowest of them."""
    chosen = [(material.evaluation.per_class[label], int(material.train_counts[label])) for label in labels]
    lowest = min((scores.recall.low for scores, _ in chosen if not isnan(scores.recall.low)), default=0.0)
    start = min(floor(lowest * 10) / 10, 0.9)
    return {
        "title": title,
        "scale": percent(start, 0),
        "rows": [_class_row(scores, trained, start) for scores, trained in chosen],
    }


def _class_row(scores: ClassScores, trained: int, start: float) -> dict[str, Any]:
    """What the table shows and what it sorts by."""
    shares = [(estimate.value, percent(estimate.value, 1)) for estimate in (scores.precision, scores.recall, scores.f1)]
    numbers = [
        (trained, f"{trained:,}"),
        (scores.support, f"{scores.support:,}"),
        *shares,
        (scores.auc.value, number(scores.auc.value)),
    ]
    recall, bar = scores.recall, None
    if not isnan(recall.low):
        ends = {"low": recall.low, "value": recall.value, "high": recall.high}
        bar = {name: f"{(end - start) / (1 - start):.4f}" for name, end in ends.items()}
    return {
        "character": scores.character,
        # What is not defined is sorted below what is 0.
        "columns": [{"sort": -1 if isnan(value) else value, "text": text} for value, text in numbers],
        "bar": bar,
        "interval": interval(recall, as_share=True, digits=1),
    }


def code_points(character: str) -> str:
    """`お` as `U+304A`; empty for what is no single character."""
    return f"U+{ord(character):04X}" if len(character) == 1 else ""


def _pairs(material: Material, pictures: _Pictures) -> list[dict[str, Any]]:
    """The most confused pairs, with images of the one taken for the other beside real ones of the other."""
    labels, predicted = material.predictions.labels, material.predictions.predicted
    label_of = {character: label for label, character in enumerate(material.classes)}
    pairs = []
    for pair in most_confused(material.evaluation.confusion, material.classes, SHOWN_PAIRS[material.many_classes]):
        true, taken_for = label_of[pair.true], label_of[pair.predicted]
        mistaken = np.flatnonzero((labels == true) & (predicted == taken_for))
        real = np.flatnonzero(labels == taken_for)
        pairs.append(
            {
                "actual": pair.true,
                "predicted": pair.predicted,
                "count": pair.count,
                "share": percent(pair.share, 1),
                "support": material.evaluation.per_class[true].support,
                "mistaken": pictures.of(_surest(material, mistaken, PAIR_EXAMPLES)),
                "real": pictures.of(real[:PAIR_EXAMPLES].tolist()),
            }
        )
    return pairs


def _surest(material: Material, numbers: NDArray[np.int64], count: int) -> list[int]:
    return numbers[np.argsort(-material.certainty[numbers], kind="stable")][:count].tolist()


def _first(material: Material, pictures: _Pictures) -> list[dict[str, Any]]:
    return pictures.of(range(min(FIRST, len(material.predictions))))


def _mistakes(material: Material, pictures: _Pictures) -> list[dict[str, Any]]:
    return pictures.of(material.surest_mistakes[:SHOWN_MISTAKES].tolist())


def _examples(material: Material, pictures: _Pictures) -> list[dict[str, Any]]:
    """Of each class, or of the worst where there are many, some images named right and some named wrong."""
    if material.images is None:
        return []
    every = range(len(material.classes))
    chosen = material.evaluation.worst_classes(SHOWN_CLASSES) if material.many_classes else every
    examples = []
    for label in chosen:
        own = np.flatnonzero(material.predictions.labels == label)
        wrong = own[material.wrong[own]]
        scores = material.evaluation.per_class[label]
        examples.append(
            {
                "character": material.classes[label],
                "recall": percent(scores.recall.value, 1),
                "support": scores.support,
                "wrong_count": len(wrong),
                "right": pictures.of(own[~material.wrong[own]][:EXAMPLES].tolist()),
                "wrong": pictures.of(_surest(material, wrong, EXAMPLES)),
            }
        )
    return examples


def _layers(material: Material) -> dict[str, Any]:
    if material.model is None:
        return {"rows": [], "missing": material.missing_model}
    from kuzushiji.models.inspection import list_layers

    rows = [
        {
            "name": layer.name,
            "kind": layer.kind,
            "shape": " × ".join(f"{length:,}" for length in layer.output_shape),
            "parameters": f"{layer.parameters:,}" if layer.parameters else "",
            "macs": f"{layer.macs:,}" if layer.macs else "",
        }
        for layer in list_layers(material.model, material.image_size)
    ]
    return {"rows": rows, "missing": ""}
