"""Seconds of training until a test accuracy is reached: AlexNet in Keras 3 on TensorFlow, and a quick recipe here.

    python benchmarks/time_to_accuracy.py --accuracy 0.915 --seeds 3

Both train on the same images, in processes of their own that take turns.  AlexNet is tested after each epoch, outside
the time that is taken, and stops as soon as it has got there; after --epochs at the latest.  The quick recipe has a
fixed end, where it is tested once.  Keras comes with `pip install kuzushiji[keras]`; where it lies in another
environment, --keras-python or KERAS_PYTHON names its interpreter.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from training_speed import Child, save_arrays, settings_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="brush:kmnist", help="anything that `kuzushiji train` takes")
    parser.add_argument("--limit", type=int, default=6_000, help="training images at most")
    parser.add_argument("--accuracy", type=float, default=0.915, help="the share of the test images to name right")
    parser.add_argument("--model", default="resnet", help="the network that is trained here")
    parser.add_argument("--recipe", default="quick", help="the recipe that it is trained by")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of AlexNet at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--keras-python", default=os.environ.get("KERAS_PYTHON", sys.executable), help="interpreter that has Keras"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "arrays.npz"
        save_arrays(arguments.data, arguments.limit, arrays)
        children = Child(arguments.keras_python, "keras", arrays), Child(sys.executable, "torch", arrays)
        try:
            compare(*children, arguments)
        finally:
            for child in children:
                child.close()


def compare(keras: Child, torch: Child, arguments: argparse.Namespace) -> None:
    """Prints a line for each seed, then the median ratio of the seconds."""
    ratios = []
    for seed in range(arguments.seeds):
        keras.ask({"build": "alexnet", "seed": seed, **settings_of("alexnet", arguments.epochs)})
        theirs, reached, epochs = 0.0, 0.0, 0
        while reached < arguments.accuracy and epochs < arguments.epochs:
            theirs += keras.ask({"epoch": True})["seconds"]
            reached = keras.ask({"test": True})["accuracy"]
            epochs += 1
        ours = torch.ask({"recipe": arguments.recipe, "model": arguments.model, "seed": seed})["seconds"]
        accuracy = torch.ask({"test": True})["accuracy"]
        short = "" if reached >= arguments.accuracy else ", not there yet"
        print(
            f"seed {seed}: keras alexnet {theirs:6.1f} s, {epochs} epochs, {100 * reached:.2f} %{short}  "
            f"kuzushiji {arguments.model} {ours:5.1f} s, {100 * accuracy:.2f} %",
            flush=True,
        )
        if accuracy >= arguments.accuracy:
            ratios.append(theirs / ours)
    wanted = f"{100 * arguments.accuracy:.1f} %"
    print(f"{wanted} reached here with {len(ratios)} of {arguments.seeds} seeds")
    if ratios:
        print(f"ratio {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")


if __name__ == "__main__":
    main()
