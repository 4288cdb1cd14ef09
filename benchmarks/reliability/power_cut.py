"""Whether a power cut during or after a training loses it.

    sudo python benchmarks/reliability/power_cut.py [IMAGES]

Trains on a file system of its own (ext4 in a file, which root mounts), copies the disk as it is at that moment, again
and again, and mounts each copy as after a power cut.  Half of the copies at most are made while it trains, the others
in the 40 seconds after its end, in which a system that was not asked to would not yet have written everything.  A copy
is wrong if a file in the run folder is damaged, if there is neither a whole checkpoint nor whole weights though an
epoch was told, or if the training has ended and the run is not finished.  Needs mkfs.ext4 and mount.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from counted import tell

from kuzushiji.errors import KuzushijiError
from kuzushiji.inference.weights import load_network
from kuzushiji.runs.run import Run
from kuzushiji.training.checkpoint import load_checkpoint

AFTER = 40
"""Seconds."""

TRAIN = """
import sys
import numpy as np
from kuzushiji.data.images import CharacterImages
from kuzushiji.training.experiment import TrainingWatch, train
images = np.random.default_rng(0).integers(0, 256, (640, 28, 28), dtype=np.uint8)
data = CharacterImages(images, np.arange(640) % 10, tuple("おきすつなはまやれを"), split="train")
watch = TrainingWatch(epoch=lambda metrics: print(metrics["epoch"], flush=True))
train("lenet5", data, test=data, run=sys.argv[1] + "/run", epochs=40, device="cpu", watch=watch)
print("ended", flush=True)
"""


@contextmanager
def mounted(disk: Path, place: Path) -> Iterator[None]:
    """Mounts a file as a disk; the file system replays its journal as after a power cut."""
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", disk, place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def wrong(run: Run, told: list[str]) -> str:
    """What is wrong with a run folder after a power cut; empty if nothing is."""
    try:
        if run.path.exists() and run.config_file.exists():
            _ = run.config, run.metrics
        elif told:
            return "the run is gone"
        if run.checkpoint_file.exists():
            load_checkpoint(run.checkpoint_file)
        if run.weights_file.exists():
            load_network(run.weights_file)
        if run.finished:
            run.predictions()
    except (KuzushijiError, OSError, ValueError) as error:
        return str(error)
    if told and not (run.checkpoint_file.exists() or run.weights_file.exists()):
        return "neither checkpoint nor weights"
    return "the run is not finished" if "ended" in told and not run.finished else ""


def main() -> int:
    """Prints a line for each damaged image; exits with 1 if there is one."""
    images = int(sys.argv[1]) if sys.argv[1:] else 120
    damaged = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        disk, copy, output = folder / "disk", folder / "copy", folder / "told"
        with open(disk, "wb") as file:
            file.truncate(64 << 20)
        subprocess.run(["mkfs.ext4", "-q", disk], check=True)
        with mounted(disk, folder / "home"), open(output, "w") as told:
            training = subprocess.Popen([sys.executable, "-c", TRAIN, str(folder / "home")], stdout=told)
            during, ended = 0, 0.0
            for number in range(images):
                if during == images // 2 and not ended and training.wait(timeout=300) != 0:
                    raise SystemExit("the training failed")
                if training.poll() is None:
                    during += 1
                else:
                    ended = ended or time.monotonic()
                    time.sleep(max(0, ended + AFTER * (number - during) / (images - during) - time.monotonic()))
                said = output.read_text().split()
                subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
                with mounted(copy, folder / "after"):
                    if why := wrong(Run(folder / "after" / "run"), said):
                        print(f"image {number}, {len(said)} lines told: {why}")
                        damaged += 1
                time.sleep(0.1)
            if training.wait(timeout=300) != 0:
                raise SystemExit("the training failed")
            print(f"{during} images while it trained, {images - during} in the {AFTER} s after its end")
    return tell("power cut during and after a training", images, damaged)


if __name__ == "__main__":
    sys.exit(main())
