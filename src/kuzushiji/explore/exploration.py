"""`explore`: all parts, one after the other, each with the time that it took."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.data.splits import check_cut_off, subsample
from kuzushiji.errors import RunError, UsageError, unknown_name
from kuzushiji.explore.balance import Balance, measure_balance
from kuzushiji.explore.features import network_embedding, pixel_vectors
from kuzushiji.explore.health import Health, check_health
from kuzushiji.explore.pool import Pool
from kuzushiji.explore.projection import Projection, check_methods, check_needs, project
from kuzushiji.explore.samples import Samples, take_samples
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run, find_run

PARTS = ("samples", "balance", "projection", "health")

PIXELS = "pixels"
"""What forms and maps are made from, unless it is a run."""


@dataclass(frozen=True, eq=False)
class Exploration:
    """What was found out about a dataset; the parts that were not asked for are None.

    Attributes:
        name: of the dataset.
        splits: name -> images.
        on: `pixels`, or the name of the run whose embedding forms and maps are made from.
        seed: of all draws.
        limit: at most so many images of each split were taken; all if None.
        seconds: part -> how long it took.
    """

    name: str
    splits: dict[str, CharacterImages]
    on: str
    seed: int
    limit: int | None
    samples: Samples | None
    balance: Balance | None
    projection: Projection | None
    health: Health | None
    seconds: dict[str, float]

    @property
    def main_split(self) -> CharacterImages:
        """The split that samples are of: the training images where there are any."""
        return _main(self.splits)

    @property
    def mapped_split(self) -> CharacterImages:
        """The split that maps are of: as samples, but of a network's embedding the test images where there are any."""
        return self.main_split if self.projection is None else self.splits[self.projection.split]

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON has them."""
        split = self.main_split
        written: dict[str, Any] = {
            "data": self.name,
            "splits": {name: len(images) for name, images in self.splits.items()},
            "classes": len(split.classes),
            "image_size": list(split.image_size),
            "on": self.on,
            "seed": self.seed,
            "limit": self.limit,
            "seconds": {part: round(seconds, 2) for part, seconds in self.seconds.items()},
        }
        if self.samples is not None:
            written["samples"] = self.samples.to_dict(split)
        if self.balance is not None:
            written["balance"] = self.balance.to_dict()
        if self.projection is not None:
            written["projection"] = self.projection.to_dict(self.mapped_split)
        if self.health is not None:
            written["health"] = self.health.to_dict()
        return written


@dataclass(frozen=True)
class ExplorationWatch:
    """Functions that are told how an exploration goes.

    Attributes:
        progress: gets what is being done, and how much of how much; 0 of 0 where that is not known.
        done: gets what has been done, and the seconds that it took.
        reading: gets how many images of how many have been read, while a dataset is decoded the first time.
    """

    progress: Callable[[str, int, int], None] = lambda text, done, every: None
    done: Callable[[str, float], None] = lambda text, seconds: None
    reading: Callable[[int, int], None] | None = None


def explore(
    data: str | Path | Source | dict[str, CharacterImages],
    *,
    only: Sequence[str] | None = None,
    on: str = PIXELS,
    seed: int = 0,
    limit: int | None = None,
    methods: Sequence[str] | None = None,
    cover: float = 0.9,
    watch: ExplorationWatch | None = None,
) -> Exploration:
    """Finds out what there is to know about a dataset before a network is trained on it.

    Args:
        data: anything that `kuzushiji.load` takes, or split -> images.
        only: some of `PARTS`; all if None.
        on: `pixels`, or the name or path of a run: forms and maps are then made from its network's embedding, maps of
            test images, and labels are judged by what it said of images that it was not trained on.
        seed: of all draws.
        limit: take so many images of each split at most, each class in its proportion; no others are decoded, as
            `kuzushiji.load` has it.
        methods: of projection; all if None.
        cover: the share of the images that the classes above the cut-off make up.
        watch: functions that are told how it goes.

    Raises:
        UsageError: a name or a value is wrong; nothing has been read.
        KuzushijiError: a method was named that needs what is not installed; nothing has been read.
        DataError: the data is missing or damaged.
        RunError: the run is not finished.

    Example:
        >>> found = explore("kkanji", only=["balance"])                 # doctest: +SKIP
        >>> found.balance.kept                                          # doctest: +SKIP
    """
    parts = check_parts(PARTS if only is None else only)
    if methods is not None:
        methods = check_methods(methods)
        check_needs(methods)
    check_cut_off(cover, None)
    if seed < 0:
        raise UsageError(f"the seed is {seed}; expected 0 or more")
    watch = watch or ExplorationWatch()
    clock: dict[str, float] = {}
    run = None if on == PIXELS else _finished(on)

    with _timed("reading", clock, watch):
        splits = _read(data, limit, seed, watch)
        pool, split = Pool(splits), _main(splits)
    embed = None if run is None else network_embedding(run, pool.image_size)

    samples = balance = projection = health = None
    if "samples" in parts:
        with _timed("samples", clock, watch):
            tell = partial(watch.progress, "forms of the characters")
            samples = take_samples(split, embed=embed or pixel_vectors, seed=seed, tell=tell)
    if "balance" in parts:
        with _timed("balance", clock, watch):
            balance = measure_balance(splits, cover)
    if "projection" in parts:
        with _timed("projection", clock, watch):
            # A network parts the images that it was trained on better than others: maps of its embedding show others.
            mapped = split if run is None else splits.get("test", split)
            projection = project(mapped, methods, embed=embed, seed=seed, tell=partial(_tell_of_map, watch))
    if "health" in parts:
        with _timed("health", clock, watch):
            said, judge = (None, "") if run is None else (_predictions(run), f"the network of {run.name}")
            health = check_health(pool, predictions=said, judge=judge, seed=seed, tell=watch.progress, done=watch.done)
    return Exploration(
        split.name, splits, PIXELS if run is None else run.name, seed, limit,
        samples, balance, projection, health, clock,
    )  # fmt: skip


def _finished(name: str) -> Run:
    run = find_run(name)
    run.check_finished()
    return run


@contextmanager
def _timed(part: str, clock: dict[str, float], watch: ExplorationWatch) -> Iterator[None]:
    """Tells that a part begins and that it is done, and notes how long it took."""
    started = time.perf_counter()
    watch.progress(part, 0, 0)
    yield
    clock[part] = time.perf_counter() - started
    watch.done(part, clock[part])


def _tell_of_map(watch: ExplorationWatch, method: str, seconds: float | None) -> None:
    if seconds is None:
        watch.progress(f"map by {method}", 0, 0)
    else:
        watch.done(f"map by {method}", seconds)


def check_parts(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in the order of `PARTS`.

    Raises:
        UsageError: a part is not known; the message names the nearest.
    """
    for name in names:
        if name not in PARTS:
            raise unknown_name("part", name, PARTS)
    return tuple(part for part in PARTS if part in names)


def _read(
    data: str | Path | Source | dict[str, CharacterImages], limit: int | None, seed: int, watch: ExplorationWatch
) -> dict[str, CharacterImages]:
    if isinstance(data, dict):
        splits = data
    else:
        source = parse(data)
        splits = {name: source.load(name, limit=limit, seed=seed, progress=watch.reading) for name in source.splits}
    splits = {name: replace(images, split=name) for name, images in splits.items()}
    if limit is not None:
        splits = {name: subsample(images, limit, seed=seed) for name, images in splits.items()}
    return {name: images for name, images in splits.items() if len(images)}


def _main(splits: dict[str, CharacterImages]) -> CharacterImages:
    return splits.get("train", next(iter(splits.values())))


def _predictions(run: Run) -> dict[str, Predictions]:
    """What a run's network said of the images that it was not trained on."""
    found = {name: run.predictions(name) for name in ("validation", "test") if run.predictions_file(name).exists()}
    if not found:
        raise RunError(f"{run.name} has no predictions; `kuzushiji evaluate {run.name}` makes them")
    return found
