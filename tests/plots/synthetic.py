"""Run folders made by hand, for tests of what reads them."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from kuzushiji.data.images import CharacterImages
from kuzushiji.records import as_plain
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run

KMNIST = tuple("おきすつなはまやれを")
K49 = tuple("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをんゝ")
KANJI = tuple(map(chr, range(0x4E00, 0x4E00 + 3832)))


def make_images(
    classes: tuple[str, ...], count: int, side: int = 28, name: str = "kmnist6k", split: str = "test"
) -> CharacterImages:
    """Strokes at random, labels evenly over the classes."""
    generator = np.random.default_rng(1)
    images = np.zeros((count, side, side), dtype=np.uint8)
    for image in images:
        for _ in range(3):
            row, column = generator.integers(2, side - 4, 2)
            image[row : row + 2, 2:column] = 255
            image[2:row, column : column + 2] = 200
    labels = (np.arange(count) * 11 % len(classes)).astype(np.int64)
    return CharacterImages(images, labels, classes, name, split)


def make_run(path: Path, images: CharacterImages, *, accuracy: float = 0.9, epochs: int = 5, **changes: Any) -> Run:
    """A finished run whose network named about so large a share of the images right.

    Args:
        path: the run folder.
        changes: entries of `config.json` to change.
    """
    generator = np.random.default_rng(0)
    count, classes = len(images), len(images.classes)
    logits = generator.normal(size=(count, classes)).astype(np.float32)
    answers = images.labels.copy()
    wrong = generator.random(count) > accuracy
    # Neighbours are mistaken for one another more often than others.
    answers[wrong] = (answers[wrong] + generator.geometric(0.5, wrong.sum())) % classes
    logits[np.arange(count), answers] += 5 + generator.exponential(2, count).astype(np.float32)
    predictions = Predictions(logits, images.labels, images.ids, images.classes, images.name, images.split)
    config = {
        "model": {"name": "lenet5", "options": {}, "parameters": 44426, "image_size": list(images.image_size)},
        "dataset": {
            "name": images.name,
            "path": None,
            "limit": None,
            "splits": {
                "train": {"count": 6 * count, "fingerprint": "a" * 64},
                "validation": {"count": count, "fingerprint": "b" * 64},
                "test": {"count": count, "fingerprint": images.fingerprint()},
            },
            "source": {"kmnist-train-imgs.npz": "c" * 64},
        },
        "classes": list(images.classes),
        "train_counts": generator.integers(1, 2000, classes).tolist(),
        "recipe_name": "lenet5",
        "recipe": as_plain(named_recipe("lenet5").change(epochs=epochs)),
        "versions": {"kuzushiji": "0.1.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.2"},
        "command": f"kuzushiji train lenet5 --data {images.name} --epochs {epochs}",
        "machine": {"processor": "a processor", "cores": 2, "memory_gib": 7.8, "device": "cpu"},
        "created": "2025-04-01T12:00:00+00:00",
        **changes,
    }
    metrics = [
        {
            "epoch": epoch,
            "train_loss": 1.5 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 1.4 / epoch + 0.1,
            "validation_accuracy": 1 - 0.6 / epoch,
            "lr": 0.001,
            "seconds": 2.5,
            "images_per_second": 5000.0,
        }
        for epoch in range(1, epochs + 1)
    ]
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    (path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in metrics), encoding="utf-8")
    (path / "model.safetensors").write_bytes(b"")  # a report needs no weights, but that the run is finished
    predictions.save(path / "predictions.npz")
    return Run(path)
