"""Which convolutions this machine is fast at, and what networks made of them cost: what `resnet` was designed by.

    python benchmarks/convolution_speed.py

First convolutions of 3 x 3 (one depthwise), forward and backward over a batch in channels_last: milliseconds and
operations a second in bfloat16 and in float32.  Then whole networks: multiplications an image, and images a second
through forward, backward and the recipe's optimizer.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.models import create_model
from kuzushiji.models.inspection import count_macs, count_parameters
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.optimizers import create_optimizer

SHAPES = ((16, 28), (32, 28), (64, 28), (32, 14), (64, 14), (128, 14), (64, 7), (128, 7), (256, 7))
"""Channels, and side of the maps in pixels."""

NETWORKS = (
    ("resnet", {}),
    ("resnet", {"stem": 32}),
    ("resnet", {"width": 24, "depth": 2}),
    ("preact_resnet20", {}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    print(f"batches of {arguments.batch}, {torch.get_num_threads()} threads\n")
    print("convolution             bfloat16               float32")
    for channels, side in SHAPES:
        tell_convolution(channels, side, 1, arguments.batch, arguments.rounds)
    tell_convolution(64, 14, 64, arguments.batch, arguments.rounds)
    print("\nnetwork                                parameters  multiplications  images a second")
    for name, options in NETWORKS:
        tell_network(name, options, arguments.batch, arguments.rounds)


def tell_convolution(channels: int, side: int, groups: int, batch: int, rounds: int) -> None:
    """Prints a line for convolutions that keep channels and side."""
    kind = "depthwise" if groups > 1 else ""
    cells = []
    for dtype in (torch.bfloat16, torch.float32):
        layer = nn.Conv2d(channels, channels, 3, padding=1, bias=False, groups=groups)
        layer.to(memory_format=torch.channels_last)
        images = torch.randn(batch, channels, side, side, dtype=dtype).to(memory_format=torch.channels_last)
        images.requires_grad_()

        def step(layer: nn.Module = layer, images: torch.Tensor = images, dtype: torch.dtype = dtype) -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                maps = layer(images)
            maps.backward(torch.ones_like(maps))

        seconds = median_seconds(step, rounds)
        operations = 3 * 2 * batch * side**2 * channels**2 // groups * 9  # forward, and backward to images and weights
        cells.append(f"{1e3 * seconds:6.2f} ms {operations / seconds / 1e9:5.0f} GFLOPS")
    print(f"{channels:4d} at {side:2d} x {side:2d} {kind:9s}  {'  '.join(cells)}", flush=True)


def tell_network(name: str, options: dict[str, int], batch: int, rounds: int) -> None:
    """Prints a line for a network in training."""
    network = create_model(name, classes=10, image_size=28, **options).to(memory_format=torch.channels_last)
    optimizer = create_optimizer(network, Recipe())
    images, labels = torch.rand(batch, 1, 28, 28), torch.randint(10, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(network(images).float(), labels)
        loss.backward()
        optimizer.step()

    seconds = median_seconds(step, rounds)
    called = " ".join([name, *(f"{option}={value}" for option, value in options.items())])
    macs = count_macs(network, 28)
    print(f"{called:38s} {count_parameters(network):10,d} {macs / 1e6:13.1f} M {batch / seconds:16,.0f}", flush=True)


def median_seconds(step: Callable[[], None], rounds: int) -> float:
    """Of a step, after three that do not count."""
    taken = []
    for number in range(rounds + 3):
        started = time.perf_counter()
        step()
        if number >= 3:
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
