"""How fast characters are recognized, against the same network in PyTorch and in Keras 3 on TensorFlow.

    python benchmarks/recognition_speed.py --run RUN RUN             # finished runs; exported into temporary files
    KERAS_PYTHON=.../python python benchmarks/recognition_speed.py --run RUN

All take turns in one process each and compute the same images in batches of their own best size; the first round of
each is not counted.  Keras builds the same layers with other weights, for the default network, `resnet`, alone.  Then
what a user waits for is timed: normalizing images of 120 x 120 pixels, and `kuzushiji recognize` from a cold start.
"""

import argparse
import inspect
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCHES = {"onnxruntime": (16, 64, 256), "torch": (16, 64, 256), "keras": (64, 256)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="+", help="names or paths of finished runs")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are timed")
    parser.add_argument("--seconds", type=float, default=2, help="how long a round lasts, about")
    parser.add_argument("--keras-python", default=os.environ.get("KERAS_PYTHON"), help="interpreter that has Keras")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        serve_keras(json.loads(arguments.child))
        return
    if not arguments.run:
        parser.error("--run is needed; `kuzushiji runs` lists those that there are")
    for number, run in enumerate(arguments.run):
        print(end="\n" if number else "")
        time_run(run, arguments.rounds, arguments.seconds, arguments.keras_python)


def time_run(name: str, rounds: int, seconds: float, keras_python: str | None) -> None:
    """Exports a run and prints how fast it recognizes."""
    from kuzushiji.export.run import export_run
    from kuzushiji.runs.run import find_run

    run = find_run(name)
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "network.onnx"
        export_run(run, exported)
        config = run.config
        height, width = config.model.image_size
        print(f"{run.name}: {config.model.name}, {len(config.classes):,} classes, {height} x {width} pixels")
        contestants = {"onnxruntime": with_onnxruntime(exported), "torch": with_torch(run)}
        keras = None
        if keras_python and config.model.name == "resnet":
            keras = Keras(keras_python, config)
            contestants["keras"] = keras.predict
        try:
            compare(contestants, (height, width), rounds, seconds)
        finally:
            if keras:
                keras.close()
        time_normalizing(exported)
        time_cold_start(exported, Path(folder))


Predict = Callable[[int, int], float]
"""Predicts so many images in batches of such a size, and returns the seconds that it took."""


def compare(contestants: dict[str, Predict], size: tuple[int, int], rounds: int, seconds: float) -> None:
    """Prints images a second of each, and the median ratio of ours to the others in the same round."""
    best = {}
    for name, predict in contestants.items():
        predict(256, 64)
        speeds = {batch: 512 / predict(512, batch) for batch in BATCHES[name]}
        best[name] = max(speeds, key=lambda batch: speeds[batch])
    count = {
        name: 256 * max(1, round(seconds * 512 / predict(512, best[name]) / 256))
        for name, predict in contestants.items()
    }
    speeds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, predict in contestants.items():
            speeds[name].append(count[name] / predict(count[name], best[name]))
    for name, found in speeds.items():
        ratios = [ours / theirs for ours, theirs in zip(speeds["onnxruntime"], found, strict=True)]
        against = f"  ours is {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        print(
            f"{name:12} batch {best[name]:3}  {statistics.median(found):8,.0f} characters/s"
            f"{'' if name == 'onnxruntime' else against}",
            flush=True,
        )


def with_onnxruntime(path: Path) -> Predict:
    """Ours: probabilities from uint8 images."""
    from kuzushiji.reading.recognizer import Recognizer

    recognizer = Recognizer(path)

    def predict(count: int, batch: int) -> float:
        images = some_images(batch, recognizer.description.image_size)
        start = time.perf_counter()
        for _ in range(count // batch):
            recognizer.probabilities(images)
        return time.perf_counter() - start

    return predict


def with_torch(run: Any) -> Predict:
    """The same network in PyTorch, with channels last, as fast as it is there in float32."""
    import torch

    from kuzushiji.inference.weights import load_network

    network, config = load_network(run.weights_file)
    network = network.to(memory_format=torch.channels_last)

    def predict(count: int, batch: int) -> float:
        images = torch.from_numpy(some_images(batch, config.model.image_size))
        start = time.perf_counter()
        with torch.inference_mode():
            for _ in range(count // batch):
                network(images[:, None].float().div_(255)).softmax(1).numpy()
        return time.perf_counter() - start

    return predict


def some_images(count: int, size: tuple[int, int]) -> np.ndarray:
    """Images of the right size; what is on them does not matter to the time."""
    return np.random.default_rng(0).integers(0, 256, (count, *size), dtype=np.uint8)


class Keras:
    """A process that predicts with Keras."""

    def __init__(self, python: str, config: Any) -> None:
        from kuzushiji.models.resnet import resnet

        own = {name: option.default for name, option in inspect.signature(resnet).parameters.items()}
        told = {
            "classes": len(config.classes),
            "size": config.model.image_size,
            "options": {name: own[name] for name in ("width", "depth", "stem")} | dict(config.model.options),
        }
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        self.process = subprocess.Popen(
            [python, __file__, "--child", json.dumps(told)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def predict(self, count: int, batch: int) -> float:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{count} {batch}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def serve_keras(told: dict[str, Any]) -> None:
    """Runs in the interpreter that has Keras: answers each line `COUNT BATCH` with the seconds that it took."""
    import keras
    from keras import layers

    def block(x, channels, stride):
        y = layers.Conv2D(channels, 3, stride, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(channels, 3, padding="same", use_bias=False)(y))
        if stride != 1 or x.shape[-1] != channels:
            x = layers.BatchNormalization()(layers.Conv2D(channels, 1, stride, use_bias=False)(x))
        return layers.ReLU()(layers.Add()([x, y]))

    width, depth, stem = (told["options"][name] for name in ("width", "depth", "stem"))
    inputs = keras.Input((*told["size"], 1))
    x, side = inputs, max(told["size"])
    while True:
        stride = 2 if side > stem else 1
        x = layers.Conv2D(width, 3, stride, padding="same", use_bias=False)(x)
        x, side = layers.ReLU()(layers.BatchNormalization()(x)), -(-side // stride)
        if side <= stem:
            break
    for stage in range(3):
        for number in range(depth):
            x = block(x, width << stage, 2 if stage and not number else 1)
    x = layers.Dense(told["classes"], activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    for line in sys.stdin:
        count, batch = map(int, line.split())
        images = np.repeat(some_images(batch, tuple(told["size"])), -(-count // batch), axis=0)[..., None]
        start = time.perf_counter()
        model.predict(images.astype(np.float32) / 255, batch_size=batch, verbose=0)
        print(time.perf_counter() - start, flush=True)


def time_normalizing(exported: Path) -> None:
    """Prints how many images a second are brought to what the network takes, on one core."""
    from kuzushiji.reading.recognizer import Recognizer

    recognizer = Recognizer(exported)
    generator = np.random.default_rng(0)
    image = np.full((120, 120), 210, np.uint8)
    image[30:90, 40:80] = generator.integers(20, 60, (60, 40))
    start = time.perf_counter()
    for _ in range(2000):
        recognizer.prepare(image)
    print(f"normalizing            {2000 / (time.perf_counter() - start):8,.0f} characters/s on one core")


def time_cold_start(exported: Path, folder: Path) -> None:
    """Prints the seconds from typing `kuzushiji recognize` to its answer."""
    from PIL import Image

    image = np.full((60, 60), 255, np.uint8)
    image[10:50, 25:35] = 0
    Image.fromarray(image).save(folder / "one.png")
    command = [sys.executable, "-m", "kuzushiji", "recognize", str(folder / "one.png"), "--model", str(exported)]
    waited, used = [], []
    for _ in range(6):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        waited.append(time.perf_counter() - start)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    waited, used = waited[1:], used[1:]  # the first fills the disk's cache
    print(
        f"cold start             {statistics.median(waited):8.2f} s ({min(waited):.2f} to {max(waited):.2f}), of which "
        f"{statistics.median(used):.2f} s of processor time"
    )


if __name__ == "__main__":
    main()
