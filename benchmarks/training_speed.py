"""Training speed, and accuracy after the same epochs, against the same networks in Keras 3 on TensorFlow.

    python benchmarks/training_speed.py                         # images a second, alternating, and their ratio
    python benchmarks/training_speed.py --accuracy --seeds 3    # test accuracy of both after the same epochs

Both frameworks run in processes of their own, which live through the whole run and take turns: one trains for an
epoch while the other waits.  The first epoch of each is not counted.  Keras comes with `pip install kuzushiji[keras]`;
where it lies in another environment, --keras-python or KERAS_PYTHON names its interpreter.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

MODELS = ("keras_cnn", "alexnet", "lenet5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="brush:kmnist", help="anything that `kuzushiji train` takes")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--rounds", type=int, default=7, help="epochs that are timed in each framework")
    parser.add_argument("--accuracy", action="store_true", help="compare test accuracy instead of speed")
    parser.add_argument("--epochs", type=int, help="epochs of --accuracy; those of the network's recipe if not given")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of --accuracy")
    parser.add_argument("--limit", type=int, default=6_000, help="training images at most")
    parser.add_argument(
        "--keras-python", default=os.environ.get("KERAS_PYTHON", sys.executable), help="interpreter that has Keras"
    )
    parser.add_argument("--child", choices=("keras", "torch"), help=argparse.SUPPRESS)
    parser.add_argument("--arrays", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        serve({"keras": KerasTrainer, "torch": TorchTrainer}[arguments.child](arguments.arrays))
        return

    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        save_arrays(arguments.data, arguments.limit, arrays)
        children = {
            "keras": Child(arguments.keras_python, "keras", arrays),
            "torch": Child(sys.executable, "torch", arrays),
        }
        try:
            for model in arguments.models:
                if arguments.accuracy:
                    compare_accuracy(children, model, arguments.epochs, arguments.seeds)
                else:
                    compare_speed(children, model, arguments.rounds)
        finally:
            for child in children.values():
                child.close()


def save_arrays(data: str, limit: int, path: Path) -> None:
    """Writes at most so many training images, and the test images, for both processes to read."""
    import kuzushiji

    train, test = (kuzushiji.load(data, split) for split in ("train", "test"))
    train = train.select(slice(limit)) if len(train) > limit else train
    np.savez(
        path, images=train.images, labels=train.labels, test_images=test.images, test_labels=test.labels,
        classes=len(train.classes),
    )  # fmt: skip
    print(f"{data}: {len(train):,} training images, {len(train.classes)} classes, {os.cpu_count()} cores", flush=True)


def compare_speed(children: dict[str, "Child"], model: str, rounds: int) -> None:
    """Prints images a second of both, and the median ratio of neighbouring rounds."""
    settings = settings_of(model, epochs=1)
    for child in children.values():
        child.ask({"build": model, "seed": 0, **settings})
        child.ask({"epoch": True})
    speeds: dict[str, list[float]] = {name: [] for name in children}
    for _ in range(rounds):
        for name, child in children.items():
            speeds[name].append(child.ask({"epoch": True})["images_per_second"])
    ratios = [torch / keras for torch, keras in zip(speeds["torch"], speeds["keras"], strict=True)]
    print(
        f"{model:10} batch {settings['batch_size']}  keras {statistics.median(speeds['keras']):8,.0f} images/s"
        f"  kuzushiji {statistics.median(speeds['torch']):8,.0f} images/s"
        f"  ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} over {rounds} rounds)",
        flush=True,
    )


def compare_accuracy(children: dict[str, "Child"], model: str, epochs: int | None, seeds: int) -> None:
    """Prints mean and standard deviation of the test accuracy of both over the seeds."""
    settings = settings_of(model, epochs)
    found: dict[str, list[float]] = {name: [] for name in children}
    for seed in range(seeds):
        for name, child in children.items():
            child.ask({"build": model, "seed": seed, **settings})
            for _ in range(settings["epochs"]):
                child.ask({"epoch": True})
            found[name].append(child.ask({"test": True})["accuracy"])
    shown = {
        name: f"{100 * statistics.mean(values):.2f} ± {100 * statistics.stdev(values) if seeds > 1 else 0:.2f} %"
        for name, values in found.items()
    }
    print(
        f"{model:10} {settings['epochs']} epochs, {seeds} seeds: "
        f"test accuracy keras {shown['keras']}  kuzushiji {shown['torch']}",
        flush=True,
    )


def settings_of(model: str, epochs: int | None) -> dict[str, Any]:
    """What both frameworks are told of the network's recipe."""
    from kuzushiji.models import resolve
    from kuzushiji.runs.recipe import named_recipe

    recipe = named_recipe(resolve(model)[1])
    return {
        "optimizer": recipe.optimizer,
        "lr": recipe.lr,
        "batch_size": recipe.batch_size,
        "epochs": epochs or recipe.epochs,
    }


class Child:
    """A process that trains in one framework, asked and answering in lines of JSON."""

    def __init__(self, python: str, framework: str, arrays: Path) -> None:
        command = [python, __file__, "--child", framework, "--arrays", str(arrays)]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        self.framework = framework
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Waits for the answer, which ends what was asked for."""
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(question), file=self.process.stdin, flush=True)
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise SystemExit(f"the {self.framework} process ended; is {self.framework} installed there?")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def serve(trainer: "KerasTrainer | TorchTrainer") -> None:
    """Answers the parent's questions until it goes away."""
    for line in sys.stdin:
        question = json.loads(line)
        if "build" in question:
            trainer.build(**question)
            answer: dict[str, Any] = {}
        elif "epoch" in question:
            started = time.perf_counter()
            trainer.epoch()
            seconds = time.perf_counter() - started
            answer = {"seconds": seconds, "images_per_second": trainer.count / seconds}
        elif "recipe" in question:
            assert isinstance(trainer, TorchTrainer)
            answer = {"seconds": trainer.train_by(**question)}
        else:
            answer = {"accuracy": trainer.test()}
        print(json.dumps(answer), flush=True)


class TorchTrainer:
    """Trains through `kuzushiji.training.loop.fit`, an epoch a call."""

    def __init__(self, arrays: Path) -> None:
        import torch

        from kuzushiji.data.images import CharacterImages

        with np.load(arrays) as loaded:
            classes = tuple(str(number) for number in range(int(loaded["classes"])))
            self.images = CharacterImages(loaded["images"], loaded["labels"], classes)
            self.tested = CharacterImages(loaded["test_images"], loaded["test_labels"], classes)
        self.count = len(self.images)
        self.device = torch.device("cpu")

    def create(self, model: str, seed: int, initialization: Any) -> None:
        """Makes the network that is trained next."""
        import torch

        from kuzushiji.models import create_model
        from kuzushiji.models.initialization import initialize

        torch.manual_seed(seed)
        self.network = create_model(model, classes=len(self.images.classes), image_size=self.images.image_size)
        initialize(self.network, initialization)
        self.network.to(memory_format=torch.channels_last)

    def build(self, build: str, seed: int, epochs: int, **settings: Any) -> None:
        from kuzushiji.models import resolve
        from kuzushiji.runs.recipe import named_recipe

        self.create(build, seed, "keras")
        self.recipe = named_recipe(resolve(build)[1]).change(epochs=epochs, seed=seed, keep="last")
        self.state: dict[str, Any] | None = None
        self.done = 0

    def epoch(self) -> None:
        from kuzushiji.training.loop import fit
        from kuzushiji.training.tasks.classify import Classification

        def keep(state: dict[str, Any]) -> None:
            self.state = state

        self.done += 1
        recipe = self.recipe.change(epochs=max(self.done, 1))  # the schedule is constant, so that epochs can be added
        task = Classification(self.images, None, recipe, self.device)
        self.network, _ = fit(self.network, task, state=self.state, save_state=keep)

    def train_by(self, recipe: str, model: str, seed: int) -> float:
        """Trains a network from its beginning to its end as `kuzushiji train` does; the seconds that it took."""
        from kuzushiji.runs.recipe import named_recipe
        from kuzushiji.training.loop import fit
        from kuzushiji.training.tasks.classify import Classification

        started = time.perf_counter()
        chosen = named_recipe(recipe).change(seed=seed)
        self.create(model, seed, chosen.initialization)
        self.network, _ = fit(self.network, Classification(self.images, None, chosen, self.device))
        return time.perf_counter() - started

    def test(self) -> float:
        import torch

        from kuzushiji.inference.outputs import outputs

        correct = [
            (logits.argmax(1) == labels).sum().item()
            for logits, labels in outputs(self.network, self.tested, self.device, torch.float32)
        ]
        return sum(correct) / len(self.tested)


class KerasTrainer:
    """Trains the same networks as Keras does: `compile`, `fit`, `evaluate`, with images as float32 in memory."""

    def __init__(self, arrays: Path) -> None:
        import keras

        self.keras = keras
        with np.load(arrays) as loaded:
            self.classes = int(loaded["classes"])
            self.images, self.test_images = (
                loaded[name].astype("float32")[..., None] / 255 for name in ("images", "test_images")
            )
            self.labels, self.test_labels = loaded["labels"], loaded["test_labels"]
        self.count = len(self.labels)

    def build(self, build: str, seed: int, optimizer: str, lr: float, batch_size: int, epochs: int) -> None:
        keras = self.keras
        keras.utils.set_random_seed(seed)
        layers = {"keras_cnn": self.keras_cnn, "alexnet": self.alexnet, "lenet5": self.lenet5}[build]()
        self.model = keras.Sequential([keras.layers.Input(self.images.shape[1:]), *layers])
        self.batch_size = batch_size
        chosen = {"adam": keras.optimizers.Adam, "adadelta": keras.optimizers.Adadelta}[optimizer](lr)
        self.model.compile(chosen, "sparse_categorical_crossentropy", metrics=["accuracy"])

    def epoch(self) -> None:
        self.model.fit(self.images, self.labels, batch_size=self.batch_size, epochs=1, verbose=0)

    def test(self) -> float:
        return self.model.evaluate(self.test_images, self.test_labels, batch_size=512, verbose=0)[1]

    def keras_cnn(self) -> list:
        layers = self.keras.layers
        return [
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(self.classes, activation="softmax"),
        ]

    def alexnet(self) -> list:
        layers = self.keras.layers
        convolution = {"padding": "same", "activation": "relu"}
        return [
            layers.Conv2D(64, 3, **convolution),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 3, **convolution),
            layers.MaxPooling2D(2),
            layers.Conv2D(256, 3, **convolution),
            layers.Conv2D(256, 3, **convolution),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(512, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(self.classes, activation="softmax"),
        ]

    def lenet5(self) -> list:
        layers = self.keras.layers
        return [
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(self.classes, activation="softmax"),
        ]


if __name__ == "__main__":
    main()
