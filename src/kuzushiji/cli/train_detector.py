"""`kuzushiji train detector`."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from kuzushiji.cli.console import print_json, results
from kuzushiji.cli.train import tracked
from kuzushiji.cli.watch import detector_watch
from kuzushiji.errors import UsageError
from kuzushiji.files import expanded
from kuzushiji.runs.detector import RECIPE, DetectorConfig, DetectorRun, started_from
from kuzushiji.runs.run import run_path
from kuzushiji.torchrun import place

if TYPE_CHECKING:
    from kuzushiji.training.tracking import Tracking

DEFAULTS = DetectorConfig((), "", ())


def train_detector(
    *,
    data: tuple[str, ...] = (),
    layouts: str | None = None,
    glyphs: tuple[str, ...] = (),
    regions: str | None = None,
    papers: tuple[str, ...] = (),
    held_out: str | None = None,
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    run: str | None = None,
    resume: str | None = None,
    width: int = DEFAULTS.width,
    depth: int = DEFAULTS.depth,
    crops: int = DEFAULTS.crops,
    side: int = DEFAULTS.side,
    drawn: float = DEFAULTS.drawn,
    epochs: int = RECIPE.epochs,
    batch_size: int = RECIPE.batch_size,
    lr: float = RECIPE.lr,
    ema: float = RECIPE.ema,
    batch_statistics: Literal["synchronized", "per_rank"] = RECIPE.batch_statistics,
    compile: bool = RECIPE.compile,
    seed: int = RECIPE.seed,
    device: str = "auto",
    track: Literal["tensorboard", "trackio", "mlflow", "wandb"] | None = None,
    json: bool = False,
) -> None:
    """Train a detector of characters on pages, real ones and drawn ones, into a run folder.

    Example: kuzushiji train detector --data pages --layouts pages/train.csv --glyphs kkanji --held-out 1of3

    Parameters
    ----------
    data
        Folder or zip of pages whose characters are boxed, as Kaggle or CODH has them; may be given several times.
    layouts
        Table of boxes as Kaggle's train.csv, packed with gzip or not, from which pages are drawn; it needs no images.
    glyphs
        Dataset whose characters drawn pages are made of, such as kkanji or brush:k49; may be given several times.
    regions
        Folder of pages whose lines and illustrations are boxed, as NDL's layout dataset has them: between the lines no
        character stands.
    papers
        Folder of pages of which only the paper is taken, to draw others on; may be given several times.
    held_out
        Fold of the books to leave out, such as 1of3: what is read on them is an honest figure.  all: learn from drawn
        pages alone, and leave the pages to trainings that start --from this one.
    from_
        Start with the weights of this finished run; of detector, the one that ships; or of a file that export wrote.
    run
        Name or path of the run folder; made of data and time if not given.
    resume
        Take up the run of this name or path where it was interrupted or killed.
    width
        Channels at a quarter of the page's size.
    depth
        Residual blocks in each stage.
    crops
        Crops of pages in an epoch.
    side
        Side of a crop in pixels, a multiple of 32; characters have about 26 of them.
    drawn
        Share of the crops that come from drawn pages.
    epochs
        How many epochs.
    batch_size
        Crops in one step.
    lr
        Highest learning rate of the cycle.
    ema
        Decay of the average of the weights, which is kept; 0 for none.
    batch_statistics
        Where several processes train: synchronized, of all of a batch; or per_rank, of each one's part.
    compile
        Let torch.compile put together what a step does: a long wait before the first, for quicker ones on GPUs.
    seed
        Seed of everything random.
    device
        auto, cpu, cuda or mps.
    track
        Where to send settings and curves as well (docs/tracking.md); with --resume, say it again.
    json
        Print the run and its metrics as JSON.
    """
    if resume is not None:
        if data or layouts or glyphs or regions or papers or held_out or from_ or run:
            raise UsageError("--resume goes on as the run began; it takes no data and no changes")
        unfinished = DetectorRun(run_path(resume, "", ""))
        done = _tracked(track, lambda tracking: _resumed(unfinished, device, tracking))
    else:
        if not data or layouts is None or not glyphs:
            raise UsageError(
                "say which pages, layouts and characters to learn from, such as: "
                "kuzushiji train detector --data pages --layouts pages/train.csv --glyphs kkanji"
            )
        config = DetectorConfig(
            pages=tuple(str(expanded(each).resolve()) for each in data),
            layouts=str(expanded(layouts).resolve()),
            glyphs=glyphs,
            regions=str(expanded(regions).resolve()) if regions else "",
            papers=tuple(str(expanded(each).resolve()) for each in papers),
            held_out=held_out or "",
            width=width,
            depth=depth,
            crops=crops,
            side=side,
            drawn=drawn,
            recipe=replace(
                RECIPE,
                epochs=epochs,
                batch_size=batch_size,
                lr=lr,
                ema=ema,
                batch_statistics=batch_statistics,
                compile=compile,
                seed=seed,
            ),
        )
        if from_:
            config = started_from(config, from_)
        done = _tracked(track, lambda tracking: _trained(config, run, device, tracking))
    if place().rank:
        return  # the first of several processes tells
    if json:
        print_json({"run": done.name, "path": str(done.path), "seconds": done.seconds, "epochs": done.metrics})
    else:
        results.print(f"run     {done.path}", soft_wrap=True)


def _tracked(tracker: str | None, trained: Callable[["Tracking"], DetectorRun]) -> DetectorRun:
    """What a training gives, of which a tracker is told."""
    with tracked(tracker) as tracking:
        done = trained(tracking)
        if tracking.is_open:
            from kuzushiji.report.tracked import attach_results

            attach_results(tracking, done)
        return done


def _trained(config: DetectorConfig, run: str | None, device: str, tracking: "Tracking") -> DetectorRun:
    from kuzushiji.training.detector import train_detector

    with detector_watch() as watch:
        return train_detector(config, run=run, device=device, watch=tracking.watch(watch))


def _resumed(run: DetectorRun, device: str, tracking: "Tracking") -> DetectorRun:
    from kuzushiji.training.detector import resume_detector

    with detector_watch() as watch:
        return resume_detector(run, device=device, watch=tracking.watch(watch))
