"""A detector from beginning to end: pages, layouts and characters in, run folder out."""

import hashlib
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.characters import folds, parse_fold
from kuzushiji.data.pages.cutting import clip
from kuzushiji.data.pages.files import identity
from kuzushiji.data.pages.regions import RegionedPage, read_regions
from kuzushiji.data.pages.rows import book_of
from kuzushiji.data.pages.sources import page_images
from kuzushiji.data.pages.tables import BoxedPage, list_layouts, list_pages, read_page
from kuzushiji.data.source import parse
from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material, paper_of
from kuzushiji.errors import RunError, UsageError
from kuzushiji.files import remove_file
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.ink import CHARACTER, scaled
from kuzushiji.imaging.read import read_gray
from kuzushiji.inference.device import choose_device
from kuzushiji.inference.restored import restore_detector, standardize
from kuzushiji.inference.weights import load_detector, save_detector
from kuzushiji.machine import describe_machine
from kuzushiji.models.detector import ROLES, Detector
from kuzushiji.records import as_plain
from kuzushiji.runs.detector import DetectorConfig, DetectorRun, exported_start
from kuzushiji.runs.run import claim_folder, new_run_path
from kuzushiji.training.checkpoint import save_checkpoint
from kuzushiji.training.held import check_unfinished, held, shared_run
from kuzushiji.training.loop import fit
from kuzushiji.training.session import TrainingProgress
from kuzushiji.training.tasks.detect import BoxedImage, Detection
from kuzushiji.training.world import World, in_turn, joined, own_device
from kuzushiji.version import __version__

LEAST_CHANNELS_LAST = 32
"""A narrower network keeps its channels first: of the others, PyTorch 2.13 corrupts the memory on a CPU."""

PAPER_SIDE = 1024
"""Pixels of the longer side of a page of which only the paper is wanted."""

GLYPH_SIDE = 64
"""Pixels a side of the characters that are cut from the pages to draw with."""


STANDARDIZED_BY = 16
"""Crops that the normalisations of an exported detector are measured on."""

BESIDE = 0.7
"""The page beside begins no nearer to the outermost columns, in usual widths of characters."""


@dataclass(frozen=True)
class DetectorWatch:
    """Functions that are told how the training of a detector goes.

    Attributes:
        started: gets the run, and how many pages it trains on and is measured on.
        progress: called a few times a second.
        epoch: gets the metrics of each epoch.
    """

    started: Callable[[DetectorRun, int, int], None] = lambda run, train, held_out: None
    progress: Callable[[TrainingProgress], None] = lambda progress: None
    epoch: Callable[[dict[str, Any]], None] = lambda metrics: None


@dataclass(frozen=True)
class _Read:
    """What a detector is trained on and measured on, in memory."""

    material: Material
    pages: Sequence[BoxedImage]
    validation: Sequence[BoxedImage]
    books: tuple[str, ...] = field(default=())
    books_held_out: tuple[str, ...] = field(default=())


def train_detector(
    config: DetectorConfig,
    *,
    run: str | Path | None = None,
    device: str = "auto",
    watch: DetectorWatch = DetectorWatch(),
) -> DetectorRun:
    """Trains a detector and writes its run folder.

    Real pages, their paper and characters, and pages drawn from the layouts of others train it; of a fold of books that
    is held out, nothing does, its layouts included.

    Args:
        config: what from and how; what was found on the way is filled in.
        run: name or path of the run folder; a name is made if None.
        device: `auto`, `cpu`, `cuda` or `mps`.
        watch: functions that are told how it goes.

    Raises:
        UsageError: a value is wrong, or the run exists already.
        DataError: the data is missing or damaged, or has too few books for the folds.
        RunError: the training diverged.
        Interrupted: Ctrl-C; `resume_detector` goes on.
    """
    path = new_run_path(run, "detector", "+".join(Path(each).name for each in config.pages))
    chosen = own_device(choose_device(device))
    with joined(chosen) as world:
        read = in_turn(world, lambda: _read(config))
        described = replace(
            config,
            books=read.books,
            books_held_out=read.books_held_out,
            fingerprint=_fingerprint(config),
            parameters=sum(each.numel() for each in _fresh(config).parameters()),
            versions={
                "kuzushiji": __version__,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
            machine=describe_machine(str(chosen), world.size),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )

        def make() -> DetectorRun:
            return DetectorRun(claim_folder(path, "detector.json", as_plain(described), is_named=run is not None))

        return _to_the_end(shared_run(world, make), read, chosen, watch, world)


def resume_detector(run: DetectorRun, *, device: str = "auto", watch: DetectorWatch = DetectorWatch()) -> DetectorRun:
    """Takes up a training that was interrupted or killed, and ends as it would have ended.

    Raises:
        RunError: the run is finished, is being trained by another process, or its data has changed since.
    """
    check_unfinished(run)
    if _fingerprint(run.config) != run.config.fingerprint:
        raise RunError(f"the pages that {run.name} was trained on have changed since; train again from the start")
    chosen = own_device(choose_device(device))
    with joined(chosen) as world:
        return _to_the_end(run, in_turn(world, lambda: _read(run.config)), chosen, watch, world)


def _to_the_end(run: DetectorRun, read: _Read, device: torch.device, watch: DetectorWatch, world: World) -> DetectorRun:
    config = run.config

    def epoch_done(metrics: dict[str, Any]) -> None:
        run.write_metrics([*run.metrics[: metrics["epoch"] - 1], metrics])
        watch.epoch(metrics)

    told: dict[str, Any] = {
        "save_state": lambda state: save_checkpoint(run.checkpoint_file, state),
        "on_progress": watch.progress,
        "on_epoch": epoch_done,
    }
    with held(run, world, "train detector") as state, torch.random.fork_rng():
        task = Detection(
            read.material,
            read.pages,
            read.validation,
            config.recipe,
            device,
            crops=config.crops,
            side=config.side,
            drawn=config.drawn,
            world=world,
        )
        if world.rank == 0:
            watch.started(run, len(read.pages), len(read.validation))
        network = _fresh(config).to(device)
        if state is None and exported_start(config):
            standardize(network, task.batch(network, torch.arange(STANDARDIZED_BY), 0).images)
        network, _ = fit(network, task, world=world, state=state, **({} if world.rank else told))
        if world.rank == 0:
            save_detector(run.weights_file, network, config)
            remove_file(run.checkpoint_file)
        world.gather(None)  # the run is whole for all of them
    return run


def _fresh(config: DetectorConfig) -> torch.nn.Module:
    """The network as the training begins with it."""
    if file := exported_start(config):
        network, described = restore_detector(file)
        if described.roles != ROLES:
            raise UsageError(f"{file} finds {', '.join(described.roles)}; a training goes on with {', '.join(ROLES)}")
    elif config.start:
        network, _ = load_detector(DetectorRun(Path(config.start)).weights_file)
    else:
        torch.manual_seed(config.recipe.seed)
        network = Detector(config.width, config.depth)
    if config.width < LEAST_CHANNELS_LAST:
        return network
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


# What it learns from


def _read(config: DetectorConfig) -> _Read:
    """Reads the pages, and puts together what others are drawn from.

    Raises:
        DataError, UsageError: as `train_detector`.
    """
    pages = [page for folder in config.pages for page in list_pages(Path(folder)).pages if page.image and len(page)]
    if not pages:
        raise UsageError(f"{', '.join(config.pages)} holds no page with an image and boxes")
    held_out = _held_out(config.held_out, (page.book for page in pages))
    train = [_boxed(page) for page in pages if page.book not in held_out]
    regions = read_regions(Path(config.regions)) if config.regions else []
    layouts = [page for page in list_layouts(Path(config.layouts)) if page.book not in held_out]
    texts = [page.characters for page in pages if page.book not in held_out]
    glyphs = [parse(name).load("train") for name in config.glyphs]
    if train:
        glyphs.append(_glyphs(train, texts))
    papers = [
        *(_paper(page) for page in train),
        *(_paper(_between_lines(page), page.text) for page in regions if len(page.text)),
        *(paper for folder in config.papers for paper in _papers(folder, held_out)),
    ]
    if not papers or not layouts:
        raise UsageError("nothing is left to draw pages from: every page and every layout is held out")
    return _Read(
        Material(
            [Layout(page.characters, page.boxes.astype(np.float32)) for page in layouts],
            Glyphs(glyphs),
            papers,
            [picture for page in regions for picture in page.cut_outs()],
        ),
        [*train, *(_between_lines(page) for page in regions if len(page.text))],
        [_boxed(page) for page in pages if page.book in held_out],
        tuple(sorted({page.book for page in pages} - held_out)),
        tuple(sorted(held_out)),
    )


def _held_out(which: str, books: Iterable[str]) -> set[str]:
    """The books of a fold such as `1of3`, or all of them; none where nothing is said."""
    if which in ("", "all"):
        return set(books) if which else set()
    asked = parse_fold(which)
    if asked is None:
        raise UsageError(f"{which!r} is no fold; expected such as 1of3, or all")
    number, count = asked
    return {book for book, its in folds(books, count).items() if its == number}


def _boxed(page: BoxedPage) -> BoxedImage:
    gray = np.asarray(Image.fromarray(read_page(page)).convert("L"))
    boxes = page.boxes.astype(np.float32)
    return BoxedImage(gray, boxes, page_ends(boxes, gray.shape))


def page_ends(boxes: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The ends of an image of a page, left and right of its columns: what is written there belongs to the page beside
    it, and nobody boxed it.

    Args:
        boxes: float32 (n, 4) of the page's characters, one at least.
        shape: height and width of the image.

    Returns:
        float32 (2, 4), left, top, width and height of each; of no width where there is no room.
    """
    height, width = shape
    room = BESIDE * float(np.median(boxes[:, 2]))
    left, right = max(0.0, boxes[:, 0].min() - room), min(float(width), (boxes[:, 0] + boxes[:, 2]).max() + room)
    return np.array([[0, 0, left, height], [right, 0, width - right, height]], np.float32)


def _between_lines(page: RegionedPage) -> BoxedImage:
    """A page on which it is known where no character stands."""
    size = float(np.median(page.text[:, 2:].min(1)))
    return BoxedImage(page.image, np.empty((0, 4), np.float32), page.text, size)


def _paper(page: BoxedImage, boxes: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
    """The paper of a page at the size at which a detector sees it; boxes of what stands on it if not its own."""
    scale = np.float32(CHARACTER / page.usual_size)
    found = page.boxes if boxes is None else boxes
    return paper_of(np.asarray(scaled(Image.fromarray(page.image), float(scale))), found * scale)


def _papers(folder: str, held_out: set[str]) -> Iterator[NDArray[np.uint8]]:
    """The paper of pages of which nothing else is known, each made as large as a usual page."""
    for page in page_images(folder):
        if page.failure or book_of(page.name) in held_out:
            continue
        gray = Image.fromarray(read_gray(page.content))
        gray.thumbnail((PAPER_SIDE, PAPER_SIDE))
        yield paper_of(np.asarray(gray), np.empty((0, 4), np.float32))


def _glyphs(pages: Sequence[BoxedImage], texts: Sequence[Sequence[str]]) -> CharacterImages:
    """The characters of the pages themselves."""
    classes = tuple(sorted({character for text in texts for character in text}))
    number_of = {character: number for number, character in enumerate(classes)}
    images, labels = [], []
    for page, text in zip(pages, texts, strict=True):
        boxes, _ = clip(page.boxes.astype(np.int32), page.image.shape)
        there = boxes[:, 2:].min(axis=1) > 0
        images.append(cut(page.image, boxes[there], (GLYPH_SIDE, GLYPH_SIDE)))
        labels += [number_of[character] for character, inside in zip(text, there.tolist(), strict=True) if inside]
    return CharacterImages(np.concatenate(images), np.array(labels, np.int64), classes, name="pages", split="train")


def _fingerprint(config: DetectorConfig) -> str:
    """Changes when a file changes that the detector is trained on."""
    read = [*config.pages, config.layouts, *config.papers, *([config.regions] if config.regions else [])]
    return hashlib.sha256("\n".join(identity(Path(each)) for each in read).encode()).hexdigest()
