"""A training from beginning to end: data, network and recipe in, run folder out."""

import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kuzushiji.data.beside import with_all_else
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import Source, parse
from kuzushiji.errors import UsageError
from kuzushiji.files import remove_file
from kuzushiji.inference.device import device_for
from kuzushiji.inference.outputs import as_input, as_tensor
from kuzushiji.inference.predict import keep_said, predict_run
from kuzushiji.inference.restored import standardize
from kuzushiji.inference.weights import build_network, save_network
from kuzushiji.machine import describe_machine
from kuzushiji.models import MODELS, PRESETS, resolve
from kuzushiji.models.initialization import initialize, whiten_first_layer
from kuzushiji.runs.command import command_of
from kuzushiji.runs.config import (
    DataConfig,
    ImageChoice,
    ModelConfig,
    RunConfig,
    SplitConfig,
    StartConfig,
    TeacherConfig,
)
from kuzushiji.runs.recipe import Recipe, check_for_fitting, named_recipe
from kuzushiji.runs.run import Run, create_run, new_run_path
from kuzushiji.runs.splits import Splits, check_same, read_splits, splits_of
from kuzushiji.torchrun import place
from kuzushiji.training.augment import resized
from kuzushiji.training.checkpoint import save_checkpoint
from kuzushiji.training.distillation import Teacher, describe_teacher, load_teacher
from kuzushiji.training.held import check_unfinished, held, shared_run
from kuzushiji.training.loop import fit, fit_once
from kuzushiji.training.session import TrainingProgress
from kuzushiji.training.start import describe_start, model_of, start_from
from kuzushiji.training.tasks.classify import Classification
from kuzushiji.training.world import World, in_turn, joined, own_device
from kuzushiji.version import __version__

WHITENED_BY = 500
"""Images whose patches the first layer is whitened by, at least."""

STANDARDIZED_BY = 256
"""Images that the normalisations of an exported network are measured on."""


@dataclass(frozen=True)
class TrainingWatch:
    """Functions that are told how a training goes.

    Attributes:
        started: gets the run and its splits before the first step.
        progress: called a few times a second.
        epoch: gets the metrics of each epoch.
        reading: gets how many images of how many have been read, while a dataset is decoded the first time.
    """

    started: Callable[[Run, Splits], None] = lambda run, splits: None
    progress: Callable[[TrainingProgress], None] = lambda progress: None
    epoch: Callable[[dict[str, Any]], None] = lambda metrics: None
    reading: Callable[[int, int], None] | None = None


def train(
    model: str,
    data: str | Path | Source | CharacterImages,
    *,
    recipe: str | Recipe | None = None,
    test: CharacterImages | None = None,
    run: str | Path | None = None,
    device: str = "auto",
    limit: int | None = None,
    image_size: int | None = None,
    cover: float | None = None,
    rare_below: int | None = None,
    predict_test: bool = True,
    model_options: Mapping[str, Any] | None = None,
    from_run: str | Path | None = None,
    weights: str | Path | None = None,
    keep_classes: bool | None = None,
    unfrozen: int | None = None,
    teacher: str | Path | None = None,
    watch: TrainingWatch | None = None,
    **changes: Any,
) -> Run:
    """Trains a network, writes its run folder and, once at the end, predicts the test images.

    Args:
        model: name of a network (`kuzushiji models` lists them), of a network with a recipe such as `nn_1_sgd`, or one
            of `PRESETS`, such as `page`.
        data: anything that `kuzushiji.load` takes, or training images at hand.
        recipe: a recipe or the name of one; the network's own if None.
        test: test images, where `data` is images.
        run: name or path of the run folder; a name is made if None.
        device: `auto`, `cpu`, `cuda` or `mps`.
        limit: train on so many images at most.
        image_size: bring the images to so many pixels a side; if None to those of the network that it starts from, and
            else kept as they are.
        cover: keep the fewest classes that make up so large a share of the training images, such as 0.9, and take all
            others together as the class "rare".
        rare_below: take the classes with fewer training images than this together as the class "rare".
        predict_test: whether the test images are read and, at the end, predicted; a search must not.
        model_options: what the network lets one choose, such as `{"width": 32}`; the rest is as in the network that it
            starts from.
        from_run: start with the weights of this finished run, of the network that ships under this name, or of this
            exported file, the head with those of the classes that it knew too; the network must be the same.
        weights: start with the weights of this file, or with those learnt on ImageNet if it is `imagenet`.
        keep_classes: whether what it starts from goes on knowing all its classes, also those that have no images here;
            what it says of the images before is then kept too, as the predictions `before-validation` and
            `before-test`.  A preset does, anything else does not, if None.
        unfrozen: of the layers that start with given weights, train only so many of the last; all of them if None.
        teacher: a finished run, or a file of predictions of the training images, to learn from besides the labels.
        watch: functions that are told how it goes.
        changes: fields of the recipe to change, such as `lr=0.01`.

    Returns:
        The finished run.

    Raises:
        UsageError: a name or a value is wrong; nothing has been read or written.
        DataError: the data is missing or damaged.
        RunError: the training diverged.
        Interrupted: Ctrl-C; `resume` goes on.

    Example:
        >>> run = train("lenet5", "brush:kmnist", epochs=2)             # doctest: +SKIP
        >>> run.predictions().logits.shape                              # doctest: +SKIP
        (2000, 10)
    """
    watch = watch or TrainingWatch()
    called, preset = model, PRESETS.get(model)
    starts = from_run is not None or weights is not None
    if preset:
        model = preset.model
        recipe = recipe or (preset.further if starts else preset.recipe)
    model, recipe_name, recipe = _chosen(model, recipe, changes)
    choice = ImageChoice(limit, image_size, cover, rare_below)
    chosen_device = own_device(device_for(model, device))
    start, taught_by = describe_start(model, from_run, weights, unfrozen), describe_teacher(teacher)
    _check_origins(model, recipe, start, taught_by)
    options = dict(model_options or {})
    known: tuple[str, ...] = ()
    if start and (origin := model_of(start)):
        before, known = origin
        if model != before.name:
            raise UsageError(
                f"the weights of {start.name} do not fit: they are those of a {before.name}, and {model} is another "
                "network"
            )
        options, choice = _as_before(before, options, choice)
    elif preset:
        options, choice = {**preset.options, **options}, replace(choice, image_size=image_size or preset.image_size)
    if keep_classes or (keep_classes is None and preset and known):
        start, keep_classes = _keeping(start, known, choice), True
    data = data if isinstance(data, CharacterImages) else parse(data)
    if preset and starts and isinstance(data, Source):
        data = with_all_else(data, preset.beside)
    path = new_run_path(run, called if preset else model, data.label if isinstance(data, Source) else data.name)
    with joined(chosen_device) as world:
        splits = in_turn(
            world, lambda: read_splits(data, recipe, choice, test=test, with_test=predict_test, reading=watch.reading)
        )
        if keep_classes:
            splits = splits.with_classes(tuple(dict.fromkeys((*known, *splits.train.classes))))
        config = RunConfig(
            model=ModelConfig(model, options, splits.train.image_size),
            start=start,
            teacher=taught_by,
            data=DataConfig(
                name=splits.train.name,
                # What finds it again from any folder, where its name does not.
                path=data.address if isinstance(data, Source) and data.address != data.name else None,
                choice=choice,
                rare=splits.rare,
                splits={name: SplitConfig(len(split), split.fingerprint()) for name, split in splits.named().items()},
                source=splits.train.source,
                notes=tuple(dict.fromkeys(note for split in splits.named().values() for note in split.notes)),
            ),
            classes=splits.train.classes,
            train_counts=tuple(splits.train.class_counts().tolist()),
            recipe_name=recipe_name,
            recipe=recipe,
            versions=_versions(),
            machine=describe_machine(_called(chosen_device), world.size),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        with torch.random.fork_rng(devices=_cuda_devices(chosen_device)):
            config = _tried(config, splits, chosen_device)
            config = replace(config, command=command_of(config))
            created = shared_run(world, lambda: create_run(path, config, is_named=run is not None))
            return _train_to_the_end(created, splits, chosen_device, watch, world)


def resume(
    run: Run,
    *,
    data: CharacterImages | None = None,
    test: CharacterImages | None = None,
    device: str = "auto",
    watch: TrainingWatch | None = None,
) -> Run:
    """Takes up a training that was interrupted or killed, and ends as it would have ended.

    Args:
        run: the unfinished run.
        data, test: the images, where `train` was given images.
        device, watch: as in `train`.

    Raises:
        RunError: the run is finished, is being trained by another process, or its data has changed since.
    """
    watch = watch or TrainingWatch()
    check_unfinished(run)
    config = run.config
    chosen_device = own_device(device_for(config.model.name, device))
    with_test = "test" in config.data.splits
    with joined(chosen_device) as world:
        splits = in_turn(
            world, lambda: splits_of(config, data=data, test=test, with_test=with_test, reading=watch.reading)
        )
        for name, split in splits.named().items():
            check_same(config, name, split)
        with torch.random.fork_rng(devices=_cuda_devices(chosen_device)):
            return _train_to_the_end(run, splits, chosen_device, watch, world)


def _train_to_the_end(run: Run, splits: Splits, device: torch.device, watch: TrainingWatch, world: World) -> Run:
    with held(run, world) as state:
        network = _network(run.config, splits.train, read=state is None).to(device)
        if world.rank == 0:
            watch.started(run, splits)
            if state is None and run.config.start and run.config.start.keeps_classes:
                for name, split in splits.named().items():
                    if name != "train":
                        keep_said(run, network.eval(), split, f"before-{name}", str(device))
        network = _trained(run, network, splits, state, device, watch, world)
        if world.rank == 0:
            save_network(run.weights_file, network, run.config)
            for name, split in splits.named().items():
                if name != "train":
                    predict_run(run, split, name, device=str(device))
            remove_file(run.checkpoint_file)
        world.gather(None)  # the run is whole for all of them
    return run


def _trained(
    run: Run,
    network: torch.nn.Module,
    splits: Splits,
    state: dict[str, Any] | None,
    device: torch.device,
    watch: TrainingWatch,
    world: World,
) -> torch.nn.Module:
    """The network, trained; what is known of it on the way is written down by the first process."""

    def epoch_done(metrics: dict[str, Any]) -> None:
        run.write_metrics([*run.metrics[: metrics["epoch"] - 1], metrics])
        watch.epoch(metrics)

    if state and state.get("epochs") and world.rank == 0:
        run.write_metrics(state["epochs"])  # the last line may be missing, if it was killed between
    teacher = _teacher(run.config, splits.train, device)
    task = Classification(splits.train, splits.validation, run.config.recipe, device, teacher)
    if MODELS[run.config.model.name].fitted:
        network = fit_once(network, task, on_epoch=epoch_done)
        save_checkpoint(run.checkpoint_file, {})  # not finished until the test images are predicted
        return network
    told: dict[str, Any] = {
        "save_state": lambda state: save_checkpoint(run.checkpoint_file, state),
        "on_progress": watch.progress,
        "on_epoch": epoch_done,
    }
    network, _ = fit(network, task, world=world, state=state, **({} if world.rank else told))
    return network


def _chosen(model: str, recipe: str | Recipe | None, changes: dict[str, Any]) -> tuple[str, str, Recipe]:
    """The names of the network and of its recipe, and the recipe."""
    model, recipe_name = resolve(model)
    if isinstance(recipe, Recipe):
        recipe_name, recipe = "own", recipe.change(**changes)
    else:
        recipe_name = recipe or recipe_name
        recipe = named_recipe(recipe_name).change(**changes)
    if MODELS[model].fitted:
        check_for_fitting(model, recipe, changes)
    return model, recipe_name, recipe


def _check_origins(model: str, recipe: Recipe, start: StartConfig | None, teacher: TeacherConfig | None) -> None:
    """Refuses weights to start from, or a teacher, where the training can't use them."""
    fitted = MODELS[model].fitted
    if fitted and place().size > 1:
        raise UsageError(f"{model} is fitted by one process; start it without torchrun")
    if fitted and start:
        raise UsageError(f"{model} is fitted to the training images; it has no weights to start from")
    if teacher and (fitted or recipe.manifold_mixup):
        what = f"{model}, which is fitted," if fitted else "manifold mixup, which a teacher can't follow,"
        raise UsageError(f"{what} goes without a teacher")


def _keeping(start: StartConfig | None, known: tuple[str, ...], choice: ImageChoice) -> StartConfig:
    """The same start, whose classes stay."""
    if start is None or not known:
        raise UsageError(
            "the classes are kept of what a training starts from, and this starts from none that tells its"
        )
    if choice.cover is not None or choice.rare_below is not None:
        raise UsageError("where all classes are kept none is rare; leave out cover and rare_below")
    return replace(start, keeps_classes=True)


def _as_before(origin: ModelConfig, options: dict[str, Any], choice: ImageChoice) -> tuple[dict[str, Any], ImageChoice]:
    """Options and choice of images, where nothing is said those of the network that a training starts from."""
    usual = MODELS[origin.name].options
    kept = {name: value for name, value in origin.options.items() if usual.get(name) != value}
    height, width = origin.image_size
    if choice.image_size is None and height == width:
        choice = replace(choice, image_size=height)
    return kept | options, choice


def _tried(config: RunConfig, splits: Splits, device: torch.device) -> RunConfig:
    """The configuration with what the network itself tells; what does not fit shows before anything is written."""
    network = _fresh_network(config, splits.train)
    parameters = sum(each.numel() for each in network.parameters() if each.requires_grad)
    start = config.start
    if start:
        known = start_from(network, start, config.model.image_size, config.classes)
        start = replace(start, known_classes=known or None)
    _teacher(config, splits.train, device)
    _check_sizes(network, config.model.image_size, config.recipe)
    return replace(config, model=replace(config.model, parameters=parameters), start=start)


def _teacher(config: RunConfig, train: CharacterImages, device: torch.device) -> Teacher | None:
    return load_teacher(config.teacher, train, device, config.recipe.precision) if config.teacher else None


def _network(config: RunConfig, train: CharacterImages, read: bool) -> torch.nn.Module:
    """The network as the training begins with it; `read` as in `start_from`."""
    network = _fresh_network(config, train)
    if config.start:
        start_from(network, config.start, config.model.image_size, config.classes, read=read)
        if read and config.start.kind == "exported":
            standardize(network, _some(train, STANDARDIZED_BY))
    return network


def _fresh_network(config: RunConfig, train: CharacterImages) -> torch.nn.Module:
    torch.manual_seed(config.recipe.seed)
    return initialized(build_network(config), config.recipe, train)


def initialized(network: torch.nn.Module, recipe: Recipe, train: CharacterImages) -> torch.nn.Module:
    """A new network with the weights that the recipe begins with, in the memory layout that is fast."""
    if not any(map(_is_spoilt, network.modules())):
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.initialization == "keras":
        initialize(network, "keras")
    elif recipe.initialization == "whitening":
        whiten_first_layer(network, _some(train, WHITENED_BY))
    return network


def _is_spoilt(layer: torch.nn.Module) -> bool:
    """Whether channels that lie last may spoil the memory.

    For the gradients of strided 1 x 1 convolutions of fewer than 8 channels PyTorch 2.13 writes beside its own, on
    processors with AVX2 and without AVX-512.
    """
    return (
        isinstance(layer, torch.nn.Conv2d)
        and layer.kernel_size == (1, 1)
        and max(map(int, layer.stride)) > 1
        and layer.in_channels < 8
    )


def _some(train: CharacterImages, count: int) -> torch.Tensor:
    """At least so many of the images, where there are, from all of them, as a network takes them."""
    return as_input(as_tensor(train.images[:: max(1, len(train) // count)]), torch.device("cpu"))


def _check_sizes(network: torch.nn.Module, image_size: tuple[int, int], recipe: Recipe) -> None:
    """Refuses images that grow where the network takes one size alone."""
    if recipe.start_size == 1:
        return
    smallest = resized(torch.zeros(1, 1, *image_size), recipe.start_size)
    try:
        with torch.inference_mode():
            network.eval()(smallest)
    except RuntimeError:
        raise UsageError(
            f"a start_size of {recipe.start_size:g} begins with images of {_size(list(smallest.shape[-2:]))} pixels, "
            "which this network does not take; it needs a larger one, or a network that takes images of any size"
        ) from None


def _versions() -> dict[str, str]:
    return {
        "kuzushiji": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _called(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def _cuda_devices(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []


def _size(size: tuple[int, int] | list[int]) -> str:
    return f"{size[0]} x {size[1]}"
