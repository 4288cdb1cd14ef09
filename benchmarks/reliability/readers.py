"""Whatever `kuzushiji` reads: valid files of each kind, small ones, and what reads them."""

import contextlib
import csv
import io
import itertools
import os
import shutil
import tarfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from kuzushiji.cli import main as kuzushiji
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.cache import find_cached
from kuzushiji.data.files.class_map import read_class_map
from kuzushiji.data.files.image_files import ImageFiles, write_class_folders
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.regions import read_regions
from kuzushiji.data.pages.sources import page_images
from kuzushiji.data.pages.stored import load_pages
from kuzushiji.data.source import load, parse
from kuzushiji.document.formats import content_of
from kuzushiji.document.page import Page
from kuzushiji.errors import Interrupted
from kuzushiji.evaluation.runs import damage, stored_calibration, stored_evaluation, stored_outliers
from kuzushiji.imaging.read import read_color, read_gray
from kuzushiji.inference.weights import load_network
from kuzushiji.reading.finder import Detector
from kuzushiji.reading.ngrams import Level, Ngrams
from kuzushiji.reading.recognizer import Recognizer
from kuzushiji.runs.familiarities import Familiarities, Shown
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, find_run
from kuzushiji.shipped import DETECTOR
from kuzushiji.studies.load import load_study
from kuzushiji.studies.stored import stored_values
from kuzushiji.sweep.settings import Sweep, read_file
from kuzushiji.sweep.storage import open_sweep
from kuzushiji.training.checkpoint import load_checkpoint
from kuzushiji.training.experiment import TrainingWatch, resume, train
from kuzushiji.training.start import read_weights

CLASSES = ("お", "き", "す", "U+304B_U+309A")

STUDY = """
title = "Which width?"
question = "Does width matter?"
[shared]
model = "nn_1"
epochs = 2
[[trials]]
label = "narrow"
lr = 0.1
[[trials]]
recipe = "default"
limit = 100
[grid]
label = "lr {lr}, {batch_size}"
lr = [0.1, 0.01]
batch_size = [8, 16]
"""

SWEEP = """
data = "kmnist"
trials = 3
sampler = "tpe"
[shared]
model = "nn_1"
epochs = 2
[search]
lr = "0.001..0.1 log"
optimizer = ["sgd", "adamw"]
"""

VOC = """<annotation><filename>p.png</filename><size><width>60</width><height>80</height></size>
<object><name>2_handwritten</name><bndbox><xmin>3</xmin><ymin>4</ymin><xmax>30</xmax><ymax>70</ymax></bndbox></object>
<object><name>4_illustration</name><bndbox><xmin>33</xmin><ymin>4</ymin><xmax>50</xmax><ymax>70</ymax></bndbox></object>
</annotation>"""


@dataclass(frozen=True)
class Reader:
    """What reads some files.

    Attributes:
        name: what is read.
        files: valid ones, of which one is damaged at a time.
        read: reads them.
        share: how often it is tried, beside the others.
    """

    name: str
    files: tuple[Path, ...]
    read: Callable[[], Any]
    share: float = 1.0


def readers(folder: Path) -> list[Reader]:
    """Makes valid files in an empty folder, which becomes the home of `kuzushiji`, and says what reads them."""
    os.environ["KUZUSHIJI_HOME"] = str(folder / "home")
    torch.set_num_threads(1)
    made = (_arrays, _images, _class_folders, _names, _pages, _formats, _run, _unfinished, _exported, _texts, _sweep)
    from readers_since import readers_since  # which knows `Reader` from here

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return [each for make in (*made, readers_since) for each in make(folder)]


def _characters(count: int = 24, side: int = 12) -> CharacterImages:
    pixels = np.random.default_rng(count).integers(0, 256, (count, side, side), dtype=np.uint8)
    return CharacterImages(pixels, np.arange(count) % len(CLASSES), CLASSES, split="train")


def _arrays(folder: Path) -> Iterator[Reader]:
    for form in ("npz", "idx"):
        place = folder / form
        write_arrays(place, _characters(), prefix="k", form=form)
        yield Reader(f"{form} arrays", tuple(place.iterdir()), lambda place=place: load(place))
    plain = folder / "plain"
    plain.mkdir()
    for kind, array in (("images-idx3", _characters().images), ("labels-idx1", np.arange(24, dtype=np.uint8) % 4)):
        head = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4) for size in array.shape)
        (plain / f"train-{kind}-ubyte").write_bytes(head + array.tobytes())
    yield Reader("plain idx arrays", tuple(plain.iterdir()), lambda: load(plain))
    table = folder / "npz" / "k_classmap.csv"
    yield Reader("class maps", (table,), lambda: read_class_map(table), 0.5)


def _images(folder: Path) -> Iterator[Reader]:
    gray = Image.fromarray(np.kron(_characters(1).images[0], np.ones((4, 4), np.uint8)))
    for suffix in ("png", "jpg", "jp2", "webp", "tiff", "bmp", "gif", "avif"):
        path = folder / f"image.{suffix}"
        image = gray.convert("P" if suffix == "gif" else "RGB")
        many = {"save_all": True, "append_images": [image.rotate(90)]} if suffix in ("tiff", "gif", "webp") else {}
        image.save(path, **many)

        def read(path: Path = path) -> None:
            read_gray(path)
            read_color(path)
            for page in page_images(path):
                page.failure or read_gray(page.content)

        yield Reader(f"images: {suffix}", (path,), read)


def _class_folders(folder: Path) -> Iterator[Reader]:
    place, tar = folder / "folders", folder / "characters.tar"
    write_class_folders(place, _characters(8))
    with tarfile.open(tar, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(place, "kkanji2")
    yield Reader("class folders", tuple(sorted(place.rglob("*.png"))), lambda: load(place), 0.3)
    yield Reader("tars", (tar,), lambda: load(tar), 2)
    sound = Path(shutil.copy(tar, folder / "sound.tar"))
    cached = ImageFiles(sound).decoded()

    def read() -> Any:
        found = find_cached(sound, "None", ImageFiles(sound).identity)
        return found and (found.of("train"), found.images.sum())

    yield Reader("cached images", tuple(sorted(cached.folder.iterdir())), read, 2)


def _names(folder: Path) -> Iterator[Reader]:
    """Names that are typed, or that folders have, as the content of a file."""
    file, place = folder / "name", folder / "named"
    file.write_text("brush:kmnist:300+folders/train:1of3", encoding="utf-8")
    picture = (folder / "image.png").read_bytes()

    def name() -> str:
        return os.fsdecode(file.read_bytes())[:2000]

    def as_folder() -> None:
        shutil.rmtree(place, ignore_errors=True)
        inside = place / name().replace("/", "")[:60].replace("\0", "")
        with contextlib.suppress(OSError, ValueError):
            inside.mkdir(parents=True)
            (inside / "1.png").write_bytes(picture)
        load(place)

    yield Reader("names of data", (file,), lambda: parse(name()).splits)
    yield Reader("names of runs", (file,), lambda: find_run(name()), 0.5)
    yield Reader("names of networks", (file,), lambda: Recognizer(name()), 0.5)
    yield Reader("names of class folders", (file,), as_folder, 0.5)


def _pages(folder: Path) -> Iterator[Reader]:
    place = folder / "book"
    (place / "images").mkdir(parents=True)
    rows = []
    for number in range(3):
        sheet = Image.fromarray(np.random.default_rng(number).integers(0, 256, (80, 60), dtype=np.uint8))
        sheet.save(place / "images" / f"b{number}_1.jpg")
        rows.append((f"b{number}_1", "U+304A 3 4 20 21 U+3059 30 4 20 21 U+304A 30 40 20 21"))
    with open(place / "train.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("image_id", "labels"), *rows])
    yield Reader("tables of boxes: Kaggle's", tuple(sorted(place.rglob("*.*"))), lambda: load(place))
    packed = Path(shutil.make_archive(str(folder / "book"), "zip", place))
    yield Reader("zips of pages", (packed,), lambda: (load(packed), list(page_images(packed))))
    coded = folder / "codh" / "1234"
    shutil.copytree(place / "images", coded / "images")
    with open(coded / "1234_coordinate.csv", "w", newline="", encoding="utf-8") as file:
        head = ("Unicode", "Image", "X", "Y", "Block ID", "Char ID", "Width", "Height")
        boxes = [
            ("U+304A", f"b{number}_1", 3, 4 + 20 * n, "B0001", f"C{n:04}", 20, 19)
            for number in range(3)
            for n in (0, 1)
        ]
        csv.writer(file).writerows([head, *boxes])
    yield Reader("tables of boxes: CODH's", (coded / "1234_coordinate.csv",), lambda: load(coded.parent))
    regions = folder / "regions"
    regions.mkdir()
    Image.new("L", (60, 80)).save(regions / "p.png")
    (regions / "p.xml").write_text(VOC)
    yield Reader("regions", tuple(regions.iterdir()), lambda: [each.cut_outs() for each in read_regions(regions)])


def _formats(folder: Path) -> Iterator[Reader]:
    page = next(iter(load_pages(folder / "book").values()))
    for name, suffix in (("json", "json"), ("pagexml", "xml"), ("alto", "alto.xml"), ("iiif", "iiif.json")):
        path = folder / f"page.{suffix}"
        path.write_bytes(content_of(page, name))

        def read(path: Path = path) -> None:
            page = Page.load(path)
            for format in ("json", "pagexml", "txt"):
                content_of(page, format)

        yield Reader(f"pages: {name}", (path,), read, 2)


def _run(folder: Path) -> Iterator[Reader]:
    run = train("nn_1", parse(folder / "npz"), test=None, run=folder / "home" / "runs" / "done", epochs=2, device="cpu")
    classes, count = run.config.classes, 20
    chance = np.random.default_rng(0)
    for split in ("test", "validation"):
        Predictions(
            chance.normal(size=(count, len(classes))).astype(np.float32),
            np.arange(count) % len(classes),
            np.arange(count),
            classes,
            split=split,
            config_fingerprint=run.fingerprint,
        ).save(run.predictions_file(split))
    shown = Shown("known", "known", chance.normal(size=(9, 3)), np.zeros((2, 12, 12), np.uint8))
    Familiarities(shown, (Shown("latin", "Latin", chance.normal(size=(9, 3)), shown.samples),), run.fingerprint).save(
        run.path / "outliers.npz"
    )
    stored_evaluation(run)
    stored_calibration(run)

    def read() -> Any:
        fresh = Run(run.path)
        _ = fresh.metrics, fresh.seconds, fresh.fingerprint, fresh.config.recipe_changes
        return stored_evaluation(fresh), stored_calibration(fresh), stored_outliers(fresh)

    def named(*names: str) -> tuple[Path, ...]:
        return tuple(run.path / name for name in names)

    yield Reader("run: configuration", named("config.json"), read, 2)
    yield Reader("run: metrics", named("metrics.jsonl"), read)
    yield Reader("run: predictions", named("predictions.npz", "predictions-validation.npz"), read, 2)
    yield Reader("run: evaluation", named("evaluation.json", "calibration.json"), read, 2)
    yield Reader("run: outliers", named("outliers.npz"), read)
    texts = named("config.json", "metrics.jsonl", "evaluation.json", "predictions.npz")
    yield Reader("run: damage told", texts, lambda: damage(Run(run.path)))
    yield Reader("run: listed", texts, lambda: (_called("runs"), _called("runs", "done"), _called("results")), 0.3)
    yield Reader("run: weights", named("model.safetensors"), lambda: load_network(run.weights_file), 2)
    yield Reader("weights to start from", named("model.safetensors"), lambda: read_weights(run.weights_file))


def _unfinished(folder: Path) -> Iterator[Reader]:
    place = folder / "home" / "runs" / "cut"

    def stop(*_: Any) -> None:
        raise Interrupted("stopped")

    with contextlib.suppress(Interrupted):
        train("nn_1", parse(folder / "npz"), run=place, epochs=3, device="cpu", watch=TrainingWatch(epoch=stop))
    if not (place / "last.ckpt").exists():
        with contextlib.suppress(Interrupted):
            resume(Run(place), device="cpu", watch=TrainingWatch(epoch=_after(1)))
    whole = {name: (place / name).read_bytes() for name in ("metrics.jsonl", "last.ckpt")}

    def read() -> None:
        with contextlib.suppress(Interrupted):
            resume(Run(place), device="cpu", watch=TrainingWatch(epoch=stop))

    def again() -> None:
        """As it was, whatever a resumption before has written."""
        (place / "model.safetensors").unlink(missing_ok=True)
        for name, content in whole.items():
            (place / name).write_bytes(content)
        read()

    yield Reader("run: resumed", (place / "config.json",), again, 1)
    yield Reader("run: checkpoint", (place / "last.ckpt",), read, 1)
    yield Reader("checkpoints", (place / "last.ckpt",), lambda: load_checkpoint(place / "last.ckpt"))


def _after(count: int) -> Callable[[Any], None]:
    calls = itertools.count(1)

    def stop(_: Any) -> None:
        if next(calls) > count:
            raise Interrupted("stopped")

    return stop


def _exported(folder: Path) -> Iterator[Reader]:
    network, finder = folder / "network.onnx", folder / "detector.onnx"
    assert kuzushiji(["export", "done", "--output", str(network)]) == 0
    shutil.copy(DETECTOR, finder)
    picture = folder / "image.png"
    maps = np.zeros((1, 1, 64, 64), np.float32)
    yield Reader("networks", (network,), lambda: Recognizer(network, threads=1)(picture), 2)
    yield Reader("detectors", (finder,), lambda: Detector(finder, threads=1)(maps), 0.1)
    model = Ngrams(
        ("", "あ", "い"),
        (
            Level(np.arange(3), np.array([9, 5, 5], np.uint8), np.array([1, 1, 1], np.uint8)),
            Level(np.array([4, 8]), np.array([2, 3], np.uint8), np.array([0, 0], np.uint8)),
        ),
    )
    language = folder / "language.npz"
    model.save(language)
    yield Reader("language models", (language,), lambda: Ngrams.load(language).log_probability("あいあ"))


def _texts(folder: Path) -> Iterator[Reader]:
    study, search, answer = folder / "mine.toml", folder / "search.toml", folder / "answer.json"
    for path, text in ((study, STUDY), (search, SWEEP)):
        tomllib.loads(text)
        path.write_text(text)
    answer.write_text('{"trials": [{"label": "narrow", "mean": {"test_accuracy": 0.5, "seconds": 3}}]}')
    loaded = load_study(study)
    yield Reader("studies", (study,), lambda: load_study(study), 2)
    yield Reader("answers of studies", (answer,), lambda: stored_values(loaded, "", folder), 0.5)

    def searched() -> None:
        said = read_file(search)
        kept = {key: value for key, value in said.items() if key not in ("name", "trials", "timeout", "jobs")}
        if {"model", "data", "search"} <= set(kept):
            _called("sweep", "--help")

    yield Reader("sweeps' files", (search,), searched)


def _sweep(folder: Path) -> Iterator[Reader]:
    settings = Sweep("nn_1", str(folder / "npz"), {"lr": "0.1,0.01"}, sampler="grid")
    opened = open_sweep("mine", settings)
    file = opened.folder / "journal.log"

    def read() -> None:
        open_sweep("mine").trials()

    yield Reader("journals of sweeps", (file,), read)


def _called(*arguments: str) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return kuzushiji(list(arguments))
