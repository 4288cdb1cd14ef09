"""`kuzushiji train`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from kuzushiji.cli.console import drawing, notes, print_json, results
from kuzushiji.cli.options import NO_CHANGES, RecipeChanges, given, parsed_option
from kuzushiji.cli.watch import console_watch
from kuzushiji.errors import UsageError
from kuzushiji.extras import check_extras
from kuzushiji.models import PRESETS, resolve
from kuzushiji.runs.config import ALL_IMAGES, ImageChoice
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run, find_run
from kuzushiji.torchrun import place

if TYPE_CHECKING:
    from kuzushiji.training.tracking import Tracking

train = App(name="train", help="Train a network on a dataset into a run folder, evaluate it and write its report.")
train.command(
    "kuzushiji.cli.train_detector:train_detector",
    name="detector",
    help="Train a detector of characters on pages, real ones and drawn ones, into a run folder.",
)


@train.default
def train_network(
    model: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    data: str | None = None,
    recipe: str | None = None,
    run: str | None = None,
    resume: str | None = None,
    option: tuple[str, ...] = (),
    from_: Annotated[str | None, Parameter(name="--from")] = None,
    weights: str | None = None,
    keep_classes: bool | None = None,
    unfrozen: int | None = None,
    teacher: str | None = None,
    device: str = "auto",
    track: Literal["tensorboard", "trackio", "mlflow", "wandb"] | None = None,
    report: bool = True,
    json: bool = False,
    images: Annotated[ImageChoice, Parameter(name="*")] = ALL_IMAGES,
    changes: Annotated[RecipeChanges, Parameter(name="*")] = NO_CHANGES,
) -> None:
    """Train a network on a dataset into a run folder, evaluate it and write its report.

    Example: kuzushiji train lenet5 --data kmnist --epochs 10 --lr 0.01

    Parameters
    ----------
    model
        A network, or a network with a recipe such as nn_1_sgd; `kuzushiji models` lists them.  page is a training: the
        network, recipe and size of images of the page that ships.
    data
        A catalogued name, a folder (of class folders, of pages, or with npz, IDX or parquet files), kkanji.tar,
        brush:NAME, shelf:BOOK (what was corrected in the reading room), or hf:OWNER/NAME of the Hugging Face hub;
        recognition:book divides pages so that no book is in two splits; kkanji:k49 has parent kanji as their kana; a
        plus puts several together, and "shelf:BOOK beside kkanji" has a few to learn and all else to remember.
    recipe
        The name of a recipe to start from.
    run
        Name or path of the run folder; made of network, data and time if not given.
    resume
        Take up the run of this name or path where it was interrupted or killed.
    option
        An option of the network as NAME=VALUE; may be given several times.
    from_
        Start with the weights of this finished run; of a network that ships, by its name; or of a file that export
        wrote.  The head has those of the classes that it knew too; the network must be the same, its options and the
        size of its images are where nothing else is said.
    weights
        Start with the weights of this .safetensors, .pth or .onnx file; or imagenet, for xception, which fetches them.
    keep_classes
        Whether all classes of what it starts from stay, also those that have no images here, and what it says before is
        measured too; page does so, anything else does not, unless it is said.
    unfrozen
        Of the layers that start with given weights, train only so many of the last: 0 for the new layers alone.
    teacher
        A finished run whose answers the network is to learn besides the labels; or a predictions file of the training
        images, such as `kuzushiji ensemble` writes.
    device
        auto, cpu, cuda or mps.
    track
        Where to send recipe, curves, figures and report as well (docs/tracking.md); with --resume, say it again.
    report
        Write report.html at the end.
    json
        Print the run and its metrics as JSON.
    """
    if resume is not None:
        said = (model, data, recipe, run, option, from_, weights, keep_classes, unfrozen, teacher)
        if any(value not in (None, ()) for value in said) or images != ALL_IMAGES or changes != NO_CHANGES:
            raise UsageError("--resume goes on as the run began; it takes no network, data, recipe or changes")
    elif model is None or data is None:
        raise UsageError("say which network to train on which data, such as: kuzushiji train resnet --data kmnist")
    changed = given(changes)
    if model is not None:
        # Whatever is wrong with names and values shows here, before PyTorch is imported and data is read.
        usual = PRESETS[model].recipe if model in PRESETS else resolve(model)[1]
        named_recipe(recipe or usual).change(**changed)
    with tracked(track) as tracking:
        if resume is not None:
            done = _resumed(resume, device, report, tracking)
        else:
            done = train_with_bar(
                str(model),
                str(data),
                tracking=tracking,
                recipe=recipe,
                run=run,
                device=device,
                **given(images),
                from_run=from_,
                weights=weights,
                keep_classes=keep_classes,
                unfrozen=unfrozen,
                teacher=teacher,
                model_options=dict(map(parsed_option, option)),
                **changed,
            )
        finish(done, report=report, json=json, tracking=tracking)


def tracked(name: str | None) -> "Tracking":
    """What is told of a training besides; refuses a tracker that is not installed."""
    check_extras("train")
    from kuzushiji.training.tracking import Tracking

    return Tracking(name)


def train_with_bar(model: str, data: str, *, tracking: "Tracking | None" = None, **settings: Any) -> Run:
    check_extras("train")
    from kuzushiji.training import experiment

    with console_watch() as watch:
        return experiment.train(model, data, watch=tracking.watch(watch) if tracking else watch, **settings)


def _resumed(name: str, device: str, report: bool, tracking: "Tracking") -> Run:
    from kuzushiji.training import experiment

    run = find_run(name)
    last = run.report_file if report else run.evaluation_file
    if run.finished and run.predictions_file().exists() and not last.exists():
        notes.print(f"{run.name} is trained; what it lacks is written")
        return run

    with console_watch() as watch:
        return experiment.resume(run, device=device, watch=tracking.watch(watch))


def finish(run: Run, *, report: bool, json: bool, tracking: "Tracking | None" = None) -> None:
    """Evaluates a finished run, writes its report, gives both to the tracker and prints them."""
    if place().rank:
        return  # the first of several processes does it
    from kuzushiji.cli.tables import print_evaluation, print_learnt
    from kuzushiji.evaluation.learnt import learnt
    from kuzushiji.evaluation.runs import stored_evaluation

    changed = learnt(run)
    evaluation = stored_evaluation(run) if run.predictions_file().exists() else None
    if evaluation is None:
        notes.print("this data has no test split; measure the run on other data with `kuzushiji evaluate`")
    if report and evaluation is not None:
        from kuzushiji.report import write_report

        with drawing() as tell:
            write_report(run, tell=tell)
    if tracking is not None and tracking.is_open:
        from kuzushiji.report.tracked import attach_results

        with drawing() as tell:
            attach_results(tracking, run, figures=report, tell=tell)
    if json:
        print_json(
            {
                "run": run.name,
                "path": str(run.path),
                "seconds": run.seconds,
                "epochs": run.metrics,
                "evaluation": evaluation.to_dict() if evaluation else None,
                "learnt": [vars(each) for each in changed],
            }
        )
        return
    if evaluation is not None:
        print_evaluation(evaluation, results)
    if changed:
        print_learnt(changed)
    results.print(f"run     {run.path}", soft_wrap=True)
    if report and evaluation is not None:
        results.print(f"report  {run.report_file}", soft_wrap=True)
