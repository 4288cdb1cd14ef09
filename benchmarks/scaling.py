"""Training in several processes: two of one thread measured beside one, and what GPUs would give computed.

    python benchmarks/scaling.py              # both
    python benchmarks/scaling.py --rounds 0   # the computation alone

Measured is the training itself, without data that must be read: images a second of the best epoch, and seconds of
processor time for an image over all processes, which other work on the machine disturbs less.  The configurations take
turns.

The computation takes from the networks what one step multiplies, how many operations it starts and how many bytes it
sums over the processes, and the measured time in which a processor draws a crop for the detector, while its GPU waits;
of the devices it takes what the options say, which was not measured.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

WHAT = ("resnet", "detector")
IMAGES = 4
"""Of which a step's operations are counted; they are as many for more."""

DRAWN = 5
"""How often so many crops are drawn; the quickest counts."""

CONFIGURATIONS = ((1, "synchronized"), (2, "synchronized"), (2, "per_rank"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each configuration; 0 for none")
    parser.add_argument("--epochs", type=int, default=2, help="epochs of each training")
    parser.add_argument("--teraflops", type=float, default=60.0, help="what a GPU does of a network's convolutions")
    parser.add_argument("--start", type=float, default=6.0, help="microseconds to start an operation on a GPU")
    parser.add_argument("--within", type=float, default=200.0, help="GB/s between the GPUs of a machine")
    parser.add_argument("--between", type=float, default=25.0, help="GB/s between machines, for each of them")
    parser.add_argument("--latency", type=float, nargs=2, default=(20.0, 50.0), help="microseconds of a sum: both")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, statistics, epochs = arguments.child
        print(json.dumps(trained(what, statistics, int(epochs))), flush=True)
        return
    if arguments.rounds:
        for what in WHAT:
            compare(what, arguments.rounds, arguments.epochs)
    for what, batches in (("resnet", (128, 8192)), ("shake_shake", (128, 1024)), ("detector", (8, 64))):
        compute(what, batches, arguments)


def task_and_network(what: str, statistics: str, epochs: int, world: Any, batch: int | None = None) -> tuple[Any, Any]:
    """What is trained: characters of the brush, or pages drawn with them."""
    from kuzushiji.data.synthetic.brush import make
    from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material
    from kuzushiji.models import create_model
    from kuzushiji.models.detector import Detector
    from kuzushiji.runs.detector import RECIPE
    from kuzushiji.runs.recipe import Recipe
    from kuzushiji.training.tasks.classify import Classification
    from kuzushiji.training.tasks.detect import Detection

    device = torch.device("cpu")
    torch.manual_seed(0)
    images = make("kmnist", "train", samples_per_class=100)
    changes = {"epochs": epochs, "batch_statistics": statistics}
    if what != "detector":
        recipe = Recipe(batch_size=batch or 128, **changes)
        network = create_model(what, classes=10, image_size=28).to(memory_format=torch.channels_last)
        return Classification(images, None, recipe, device), network
    columns = [[900 - 150 * column, 200 + 130 * row, 100, 110] for column in range(5) for row in range(10)]
    layout = Layout("".join(images.classes) * 5, np.array(columns, np.float32))
    material = Material([layout], Glyphs([images]), [np.full((300, 200), 230, np.uint8)])
    recipe = RECIPE.change(batch_size=batch or 8, **changes)
    network = Detector(32, 2).to(memory_format=torch.channels_last)
    return Detection(material, [], [], recipe, device, crops=32, world=world), network


def trained(what: str, statistics: str, epochs: int) -> dict[str, float]:
    """Images a second and seconds of processor time of a training in which this process takes part."""
    from kuzushiji.training.loop import fit
    from kuzushiji.training.world import joined

    torch.set_num_threads(1)
    with joined(torch.device("cpu")) as world:
        task, network = task_and_network(what, statistics, epochs + 1, world)
        lines: list[tuple[float, float]] = []
        fit(
            network,
            task,
            world=world,
            on_epoch=lambda line: lines.append((line["images_per_second"], time.process_time())),
        )
        used = (lines[-1][1] - lines[0][1]) / epochs / task.images  # the first epoch is not counted
        return {"speed": max(speed for speed, _ in lines[1:]), "used": sum(world.gather(used))}


def run(what: str, processes: int, statistics: str, epochs: int) -> dict[str, float]:
    """What so many processes of one thread found, as the first of them tells it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    world = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = []
    for rank in range(processes):
        own = {"TORCHELASTIC_RUN_ID": "scaling", "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, "--child", what, statistics, str(epochs)]
        started.append(subprocess.Popen(command, env=os.environ | world | own, stdout=subprocess.PIPE, text=True))
    told = [process.communicate()[0] for process in started]
    return json.loads(told[0])


def compare(what: str, rounds: int, epochs: int) -> None:
    """Prints what the configurations reach, and the ratios to one process."""
    found: dict[Any, list[dict[str, float]]] = {each: [] for each in CONFIGURATIONS}
    for _ in range(rounds):
        for each in CONFIGURATIONS:
            found[each].append(run(what, each[0], each[1], epochs))
    speeds = {each: max(one["speed"] for one in ones) for each, ones in found.items()}
    used = {each: min(one["used"] for one in ones) for each, ones in found.items()}
    alone = CONFIGURATIONS[0]
    load = os.getloadavg()[0]
    print(f"{what}: {os.cpu_count()} cores, best of {rounds} rounds of {epochs} epochs; {load:.0f} jobs on the machine")
    for each in CONFIGURATIONS:
        processes, statistics = each
        print(
            f"  {processes} process{'es' if processes > 1 else '  '} {statistics if processes > 1 else '':12}"
            f" {speeds[each]:8,.1f} images/s, {speeds[each] / speeds[alone]:.2f} times"
            f"  {1000 * used[each]:8.2f} ms of processor an image, {used[each] / used[alone]:.2f} times",
            flush=True,
        )


class Counting(TorchDispatchMode):
    """Counts the operations that are started; views start none."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += not function.is_view
        return function(*args, **(kwargs or {}))


def compute(what: str, batches: tuple[int, ...], arguments: argparse.Namespace) -> None:
    """Prints what several GPUs would give, from what a step of the network is and what a GPU is said to do."""
    from kuzushiji.models.inspection import count_macs
    from kuzushiji.training.optimizers import create_optimizer
    from kuzushiji.training.world import Alone

    task, network = task_and_network(what, "synchronized", 1, Alone())
    taken = []
    for _ in range(1 if what != "detector" else DRAWN):
        began = time.process_time()
        batch = task.batch(network, torch.arange(IMAGES), 0)
        taken.append(time.process_time() - began)
    drawn = min(taken) / IMAGES if what == "detector" else 0.0  # the first loads what draws
    size = tuple(batch.images.shape[-2:])
    optimizer = create_optimizer(network, task.recipe)
    task.loss(network.train(), batch)[0].backward()
    with Counting() as counting:
        if not drawn:
            task.batch(network, torch.arange(IMAGES), 0)
        task.loss(network, batch)[0].backward()
        optimizer.step()
    gradients = 4 * sum(each.numel() for each in network.parameters())
    norms = [each.num_features for each in network.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
    flops = 3 * 2 * count_macs(network.eval(), size)  # forwards once, backwards twice
    crop = f", {1000 * drawn:.0f} ms to draw a crop" if drawn else ""
    print(
        f"{what}, a step: {flops / 1e9:.2f} GFLOP an image, {counting.count:,} operations, {gradients / 1e6:.1f} MB of "
        f"gradients, {2 * len(norms)} sums of batch statistics{crop}\n"
        f"  a GPU is taken to do {arguments.teraflops:g} TFLOP/s and to start an operation in {arguments.start:g} us; "
        f"{arguments.within:g} GB/s and {arguments.latency[0]:g} us for a sum within a machine, "
        f"{arguments.between:g} GB/s and {arguments.latency[1]:g} us between two; nothing overlaps"
    )
    for images in batches:
        told = []
        alone = 0.0
        for count, machines in ((1, 1), (8, 1), (16, 2)):
            seconds = max(flops * images / count / arguments.teraflops / 1e12, counting.count * arguments.start / 1e6)
            seconds += drawn * images / count
            if count > 1:
                speed, latency = (arguments.within, arguments.between)[machines > 1], arguments.latency[machines > 1]
                statistics = sum(4 * count * (2 * each + 1) for each in norms) * 2
                moved = 2 * (count - 1) / count * (gradients + statistics)
                seconds += moved / speed / 1e9 + (2 * len(norms) + 2) * latency / 1e6
            alone = alone or seconds
            told.append(f"{count:>2} GPUs {images / seconds:>9,.0f} images/s ({alone / seconds:.1f} times)")
        print(f"  batch {images:>5}: {', '.join(told)}", flush=True)


if __name__ == "__main__":
    main()
