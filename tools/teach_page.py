"""Teaches a network that names kana, or all that stands on pages, what networks for kana know of hands it never saw.

    python tools/teach_page.py base/model.safetensors taught.safetensors --teachers teachers --steps 1600 \
        --set kkanji=26 --set brush:kanji=5 --set kmnist6k=14 --set material=30 --set material-lines=8
    python tools/teach_page.py kanji taught.safetensors --teachers teachers --steps 2400 --lr 0.01 --kept 0 ...
    kuzushiji train resnet --weights taught.safetensors --data kkanji+...+labelled --recut 0.06 ...
    python tools/teach_page.py kana taught.safetensors --teachers teachers --steps 4000 --lr 0.01 --kept 0 --reuse 4 ...

The teachers tell the 49 classes of Kuzushiji-49 apart, and know its 232,365 training images.  Of whatever image they
are shown, kanji among them, the network learns to divide the probability of kana as they do (voiced kana count
as what they are without the mark).  Much of what they are shown is two kana mixed, or one on top of the
other: where images of a hand are missing, what the teachers say between other hands is the nearest thing to it.
The network itself sees each image as a detector's box would cut it out of a column, the teachers see it whole.

Sources:
    Hinton et al., Distilling the knowledge in a neural network, arXiv:1503.02531.
    Beyer et al., Knowledge distillation: a good teacher is patient and consistent, arXiv:2106.05237.
    Wortsman et al., Robust fine-tuning of zero-shot models, arXiv:2109.01903: the mean of the weights before and after.
"""

import argparse
import sys
from collections import deque
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from page_material import teachers_in
from torch import Tensor, nn
from torch.nn import functional as F

import kuzushiji
from kuzushiji.characters import K49, kind, unvoiced
from kuzushiji.files import file_hash
from kuzushiji.inference.device import autocast, choose_dtype
from kuzushiji.inference.restored import restore_network, standardize
from kuzushiji.inference.weights import build_network, load_network, save_network
from kuzushiji.runs.config import DataConfig, ModelConfig, RunConfig, StartConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.shipped import shipped
from kuzushiji.training.augment import augment
from kuzushiji.training.loop import training_mode
from kuzushiji.training.optimizers import Average, create_optimizer, learning_rate
from kuzushiji.training.recut import recut

RECIPE = Recipe(
    epochs=1,
    batch_size=256,
    optimizer="muon",
    lr=0.006,
    weight_decay=0.02,
    warmup=0.1,
    schedule="one_cycle",
    ema=0.995,
    label_smoothing=0.05,
    translate=0.08,
    rotate=6.0,
    scale=0.15,
    shear=0.15,
    elastic=0.025,
    thickness=0.03,
    recut=0.06,
)
MIXED, RECUT = 0.34, 0.6
"""Shares of a batch: images that are two kana, and those that are cut out anew."""
TEMPERATURE = 2.0
SEEN = 500
"""Images by which a network out of an exported file measures what it normalises."""
TEACHERS = ((5, 1.3), (4, 1.0), (0, 0.8))
"""Which of the teachers, and how much each counts: as right as all six together, in half the time."""
TOLD_EVERY, SAVED_EVERY = 50, 250
"""Steps after which it says how it goes, and after which what there is by then is written."""
KEPT_BATCHES = 128
"""With `--reuse`, a batch is one of so many that the teachers were asked about last, cut out anew."""
SIDE = 28
"""Pixels a side of what the teachers see."""

Teach = Callable[[Tensor], Tensor]
"""Images (B, 1, 28, 28) -> logits (B, 49)."""


@dataclass(frozen=True, eq=False)
class Set:
    """Images of a set that the network may know, and which of them are kana."""

    share: float
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    known: NDArray[np.int64]
    kana: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "start", help="the network to teach: RUN/model.safetensors, an exported file, or one that ships"
    )
    parser.add_argument("output", type=Path, help="where its weights go")
    parser.add_argument("--set", dest="sets", action="append", required=True, metavar="DATA=SHARE")
    parser.add_argument(
        "--teachers", type=Path, required=True, help="a folder with teachers.py, whose `load` gives them"
    )
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--lr", type=float, default=RECIPE.lr)
    parser.add_argument("--rotate", type=float, default=RECIPE.rotate, help="degrees, as of `kuzushiji train`")
    parser.add_argument("--elastic", type=float, default=RECIPE.elastic, help="as of `kuzushiji train`")
    parser.add_argument(
        "--others", type=float, default=0.1, help="how much counts what teachers say of what is no kana"
    )
    parser.add_argument("--kept", type=float, default=0.5, help="share of the weights that it began with, in the mean")
    parser.add_argument(
        "--reuse", type=int, default=1, help="how many steps there are for each batch that the teachers are asked about"
    )
    parser.add_argument("--also", default="", help="characters that it shall know besides those that it knows")
    options = parser.parse_args()

    known, config = network_of(options.start)
    classes = tuple(dict.fromkeys((*config.classes, *options.also)))
    recipe = RECIPE.change(lr=options.lr, rotate=options.rotate, elastic=options.elastic)
    config = replace(config, classes=classes, recipe=recipe)
    torch.manual_seed(config.recipe.seed)
    size = config.model.image_size
    sets = [_set(*each.rsplit("=", 1), classes, size[0]) for each in options.sets]
    if config.start is not None and config.start.kind == "exported":
        some, _ = _some(
            sets, np.array([each.share for each in sets]), SEEN, np.random.default_rng(0), lambda each: each.known
        )
        standardize(known, torch.from_numpy(some)[:, None].float() / 255)
    begun = _grown(known, build_network(config))
    network = deepcopy(begun).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    cpu = torch.device("cpu")
    dtype = choose_dtype(config.recipe.precision, cpu)
    teach = _teachers(options.teachers, cpu, dtype)
    columns = kana_columns(classes)

    random = np.random.default_rng(config.recipe.seed)
    optimizer, average = create_optimizer(network, config.recipe), Average(network, config.recipe)
    is_kana = torch.tensor([kind(each) == "kana" for each in classes])
    sums = np.zeros(3)
    asked: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=KEPT_BATCHES)
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.recipe, step, options.steps)
        if step % options.reuse == 0:
            images, labels = drawn(sets, config.recipe, random)
            asked.append((images, labels, teach(F.interpolate(images, (SIDE, SIDE), mode="area"))))
        images, labels, taught = asked[random.integers(len(asked))] if options.reuse > 1 else asked[-1]
        images = images.clone()
        anew = torch.rand(len(images)) < RECUT
        images[anew] = recut(images, config.recipe.recut)[anew]
        training_mode(network)
        with autocast(cpu, dtype):
            logits = network(images.contiguous(memory_format=torch.channels_last))
        logits = logits.float()
        plain = len(labels)
        labelled = F.cross_entropy(logits[:plain], labels, label_smoothing=config.recipe.label_smoothing)
        counts = torch.ones(len(images))
        counts[:plain] = torch.where(is_kana[labels], 1.0, options.others)
        from_teachers = (divergence(within(logits, columns), taught) * counts).mean()
        optimizer.zero_grad()
        (labelled + from_teachers).backward()
        optimizer.step()
        average.update(step, options.steps)
        sums += [labelled.item(), from_teachers.item(), (logits[:plain].argmax(1) == labels).float().mean().item()]
        if (step + 1) % TOLD_EVERY == 0:
            told = "step {}: loss of labels {:.3f}, of the teachers {:.3f}; {:.1%} right"
            print(told.format(step + 1, *(sums / TOLD_EVERY)), file=sys.stderr, flush=True)
            sums[:] = 0
        if (step + 1) % SAVED_EVERY == 0:
            save_network(options.output, mean_of(deepcopy(begun), average.kept, options.kept), config)
    save_network(options.output, mean_of(begun, average.kept, options.kept), config)


def network_of(start: str) -> tuple[nn.Module, RunConfig]:
    """The network to teach, and the configuration of its run; of one out of an exported file, what the file tells."""
    path = shipped(start) or Path(start)
    if path.suffix != ".onnx":
        return load_network(path)
    network, about = restore_network(path)
    model = ModelConfig(about.network, about.options, about.image_size)
    begun = StartConfig("exported", start, str(path), file_hash(path), "")
    return network, RunConfig(
        model=model, start=begun, data=DataConfig(about.dataset), classes=about.classes, recipe=RECIPE
    )


def mean_of(begun: nn.Module, taught: nn.Module, kept: float) -> nn.Module:
    """The network half-way between two: it forgets less of what it knew, and is better at both."""
    weights = taught.state_dict()
    for name, values in begun.state_dict().items():
        if values.is_floating_point():
            weights[name] = torch.lerp(weights[name].contiguous(), values, kept)
    begun.load_state_dict(weights)
    return begun.eval()


def drawn(sets: Sequence[Set], recipe: Recipe, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch: images with their labels, and after them such as are two kana each, which have none."""
    mixed = round(MIXED * recipe.batch_size)
    shares = np.array([each.share for each in sets])
    images, labels = _some(sets, shares, recipe.batch_size - mixed, random, lambda each: each.known)
    of_kana = shares * [len(each.kana) > len(each.known) / 2 for each in sets]
    pairs, _ = _some(sets, of_kana, 2 * mixed, random, lambda each: each.kana)
    changes = {
        name: getattr(recipe, name) for name in ("translate", "rotate", "scale", "shear", "elastic", "thickness")
    }
    images = augment(torch.from_numpy(np.concatenate([images, pairs]))[:, None].float() / 255, **changes)
    plain, one, other = images.split([len(labels), mixed, mixed])
    share = torch.rand(mixed, 1, 1, 1) / 2
    blended, covered = one.lerp(other, share), torch.maximum(one, 1.2 * share * other).clamp(max=1)
    two = torch.where(torch.arange(mixed)[:, None, None, None] < mixed // 2, blended, covered)
    return torch.cat([plain, two]), torch.from_numpy(labels)


def kana_columns(classes: Sequence[str]) -> Tensor:
    """(C,): which class of Kuzushiji-49 each class is written like, -1 for none."""
    place = {character: number for number, character in enumerate(K49)}
    return torch.tensor([place.get(each, place.get(unvoiced(each), -1)) for each in classes])


def within(logits: Tensor, columns: Tensor) -> Tensor:
    """Logits (B, 49) of the classes of Kuzushiji-49 that those of a network (B, C) amount to."""
    inside = columns >= 0
    some = logits[:, inside]
    highest = some.amax(1, keepdim=True).detach()
    sums = torch.zeros(len(logits), len(K49)).index_add_(1, columns[inside], (some - highest).exp())
    return sums.clamp(min=1e-12).log() + highest


def divergence(logits: Tensor, taught: Tensor) -> Tensor:
    """(B,): how far each answer is from the teachers', times the temperature's square."""
    pupil, teacher = (F.log_softmax(each / TEMPERATURE, 1) for each in (logits, taught))
    return TEMPERATURE**2 * F.kl_div(pupil, teacher, log_target=True, reduction="none").sum(1)


def _grown(known: nn.Module, network: nn.Module) -> nn.Module:
    """The network with the weights of one that knew the first of its classes; the others begin as unlikely ones."""
    weights = network.state_dict()
    for name, values in known.state_dict().items():
        new = weights[name]
        if new.shape != values.shape:
            new[: len(values)] = values
            new[len(values) :] = values.min() - 3 if values.ndim == 1 else values.mean(0)
        else:
            weights[name] = values
    network.load_state_dict(weights)
    return network


def _set(name: str, share: str, classes: Sequence[str], side: int) -> Set:
    data = kuzushiji.load(name, "train", image_size=side)
    place = {character: number for number, character in enumerate(classes)}
    labels = np.array([place.get(each, -1) for each in data.classes])[data.labels]
    is_kana = np.array([kind(each) == "kana" for each in data.classes])[data.labels]
    known = labels >= 0
    return Set(float(share), np.asarray(data.images), labels, np.flatnonzero(known), np.flatnonzero(known & is_kana))


def _some(
    sets: Sequence[Set],
    shares: NDArray[np.float64],
    count: int,
    random: np.random.Generator,
    of: Callable[[Set], NDArray[np.int64]],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    chosen = [sets[number] for number in random.choice(len(sets), count, p=shares / shares.sum())]
    places = [random.choice(of(each)) for each in chosen]
    pairs = list(zip(chosen, places, strict=True))
    return np.stack([each.images[at] for each, at in pairs]), np.array([each.labels[at] for each, at in pairs])


def _teachers(folder: Path, cpu: torch.device, dtype: torch.dtype) -> Teach:
    teachers = teachers_in(folder).load()

    @torch.no_grad()
    def teach(images: Tensor) -> Tensor:
        with autocast(cpu, dtype):
            answers = [(weight, teachers[number](images).float()) for number, weight in TEACHERS]
        probabilities = sum(weight * logits.softmax(1) for weight, logits in answers)
        return (probabilities / sum(weight for _, weight in TEACHERS)).clamp(min=1e-6).log()

    return teach


if __name__ == "__main__":
    main()
