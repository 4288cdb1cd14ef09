"""`kuzushiji train`."""

from ast import literal_eval
from dataclasses import Field, asdict, dataclass, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from kuzushiji.cli.console import notes, print_json, results
from kuzushiji.cli.watch import console_watch
from kuzushiji.errors import UsageError
from kuzushiji.models import resolve
from kuzushiji.runs.recipe import Recipe, named_recipe
from kuzushiji.runs.run import Run, find_run

RECIPE_GROUP = Group(
    "Recipe", sort_key=2, help="What is not given comes from --recipe, else from the recipe of the network."
)


def _flag(field: Field) -> tuple[str, Any, None]:
    """A field of the recipe as an optional one, which cyclopts makes a flag of."""
    kind: Any = field.type
    help = Parameter(help=field.metadata["help"], group=RECIPE_GROUP, show_default=False)
    return field.name, Annotated[kind | None, help], None


RecipeChanges: Any = make_dataclass("RecipeChanges", map(_flag, fields(Recipe)), frozen=True)
RecipeChanges.__doc__ = "The fields of a recipe, each None where it is not to change."
RecipeChanges.__module__ = __name__  # else it counts as one of the standard library and is not taken apart
NO_CHANGES = RecipeChanges()


@dataclass(frozen=True)
class ImageChoice:
    """Which images of a dataset are trained on, in which size and as which classes.

    Attributes:
        limit: Train on so many images at most.
        image_size: Bring the images to so many pixels a side; needed where they have several sizes.
        cover: Keep the fewest characters that make up so large a share of the training images, such as 0.9, and take
            all others together as one class, "rare".
        rare_below: Take the characters with fewer training images than this together as one class, "rare".
    """

    limit: int | None = None
    image_size: int | None = None
    cover: float | None = None
    rare_below: int | None = None


ALL_IMAGES = ImageChoice()


def train(
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
    unfrozen: int | None = None,
    teacher: str | None = None,
    device: str = "auto",
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
        A network, or a network with a recipe such as nn_1_sgd; `kuzushiji models` lists them.
    data
        A catalogued name, a folder (of class folders, of pages, or with npz or IDX files), kkanji.tar, or brush:NAME;
        recognition:book divides pages so that no book is in two splits; kkanji:k49 has parent kanji as their kana; a
        plus puts several together.
    recipe
        The name of a recipe to start from.
    run
        Name or path of the run folder; made of network, data and time if not given.
    resume
        Take up the run of this name or path where it was interrupted or killed.
    option
        An option of the network as NAME=VALUE; may be given several times.
    from_
        Start with the weights of this finished run, the head with those of the classes that it knew too; the network
        must be the same.
    weights
        Start with the weights of this .safetensors or .pth file; or imagenet, for xception, which fetches them.
    unfrozen
        Of the layers that start with given weights, train only so many of the last: 0 for the new layers alone.
    teacher
        A finished run whose answers the network is to learn besides the labels; or a predictions file of the training
        images, such as `kuzushiji ensemble` writes.
    device
        auto, cpu, cuda or mps.
    report
        Write report.html at the end.
    json
        Print the run and its metrics as JSON.
    """
    if resume is not None:
        given = (model, data, recipe, run, option, from_, weights, unfrozen, teacher)
        if any(value not in (None, ()) for value in given) or images != ALL_IMAGES or changes != NO_CHANGES:
            raise UsageError("--resume goes on as the run began; it takes no network, data, recipe or changes")
        done = _resumed(resume, device)
    else:
        if model is None or data is None:
            raise UsageError("say which network to train on which data, such as: kuzushiji train resnet --data kmnist")
        changed = {name: value for name, value in asdict(changes).items() if value is not None}
        # Whatever is wrong with names and values shows here, before PyTorch is imported and data is read.
        named_recipe(recipe or resolve(model)[1]).change(**changed)
        done = train_with_bar(
            model,
            data,
            recipe=recipe,
            run=run,
            device=device,
            **asdict(images),
            from_run=from_,
            weights=weights,
            unfrozen=unfrozen,
            teacher=teacher,
            model_options=dict(map(parsed_option, option)),
            **changed,
        )
    finish(done, report=report, json=json)


def train_with_bar(model: str, data: str, **settings: Any) -> Run:
    from kuzushiji.training import experiment

    with console_watch() as watch:
        return experiment.train(model, data, watch=watch, **settings)


def _resumed(name: str, device: str) -> Run:
    from kuzushiji.training import experiment

    with console_watch() as watch:
        return experiment.resume(find_run(name), device=device, watch=watch)


def finish(run: Run, *, report: bool, json: bool) -> None:
    """Evaluates a finished run, writes its report and prints both."""
    from kuzushiji.cli.tables import print_evaluation
    from kuzushiji.evaluation.runs import stored_evaluation

    evaluation = stored_evaluation(run) if run.predictions_file().exists() else None
    if evaluation is None:
        notes.print("this data has no test split; measure the run on other data with `kuzushiji evaluate`")
    if report and evaluation is not None:
        from kuzushiji.report import write_report

        write_report(run)
    if json:
        print_json(
            {
                "run": run.name,
                "path": str(run.path),
                "seconds": run.seconds,
                "epochs": run.metrics,
                "evaluation": evaluation.to_dict() if evaluation else None,
            }
        )
        return
    if evaluation is not None:
        print_evaluation(evaluation, results)
    results.print(f"run     {run.path}", soft_wrap=True)
    if report and evaluation is not None:
        results.print(f"report  {run.report_file}", soft_wrap=True)


def parsed_option(text: str) -> tuple[str, Any]:
    """`width=32` as ("width", 32).

    Raises:
        UsageError: it is no such thing.
    """
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise UsageError(f"--option {text!r} is not NAME=VALUE, such as width=32")
    try:
        return name, literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
