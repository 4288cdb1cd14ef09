"""How much memory loading data of the size of Kuzushiji-49 takes, as a multiple of the arrays.

    python benchmarks/memory_k49.py

Writes 232,365 made-up images with their labels as npz and as IDX, gzipped and plain, into a temporary folder, loads
each in a process of its own and prints that process's peak resident memory, all of Python and NumPy included.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

COUNT, SIDE, CLASSES = 232_365, 28, 49

WRITE = f"""
import sys
from pathlib import Path
import numpy as np
from kuzushiji.characters import K49
from kuzushiji.data.files.array_folder import write_arrays
from kuzushiji.data.files.arrays import write_idx
from kuzushiji.data.images import CharacterImages
folder = Path(sys.argv[1])
strokes = np.random.default_rng(0).integers(0, 256, (2000, {SIDE}, {SIDE}), dtype=np.uint8)
strokes[:, :, :20] = 0  # mostly paper, so that it packs about as well as the real images
images = np.resize(strokes, ({COUNT}, {SIDE}, {SIDE}))
labels = np.arange({COUNT}, dtype=np.int64) % {CLASSES}
data = CharacterImages(images, labels, K49, split="train")
write_arrays(folder / "npz", data, prefix="k49")
write_arrays(folder / "idx.gz", data, prefix="k49", form="idx")
(folder / "idx").mkdir()
write_idx(folder / "idx" / "train-images-idx3-ubyte", images)
write_idx(folder / "idx" / "train-labels-idx1-ubyte", labels.astype(np.uint8))
"""

LOAD = """
import json, resource, sys, time
from kuzushiji.data.source import load
start = time.perf_counter()
data = load(sys.argv[1]) if sys.argv[1:] else None
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
arrays = data.images.nbytes + data.labels.nbytes + data.ids.nbytes if data else 0
print(json.dumps({"peak": peak, "arrays": arrays, "seconds": seconds}))
"""


def run(code: str, *arguments: object) -> str:
    """Runs Python code in a new process, whose peak memory is then its own alone."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    """Prints a line a format; exits with 1 if one takes twice the size of the arrays or more."""
    worst = 0.0
    empty = json.loads(run(LOAD))["peak"]
    print(f"Python and NumPy alone: {empty / 1e6:.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        run(WRITE, folder)
        for form in ("npz", "idx.gz", "idx"):
            found = json.loads(run(LOAD, Path(folder) / form))
            ratio = found["peak"] / found["arrays"]
            worst = max(worst, ratio)
            print(
                f"{form:7} arrays {found['arrays'] / 1e6:.0f} MB  peak {found['peak'] / 1e6:.0f} MB  "
                f"ratio {ratio:.2f}  {found['seconds']:.2f} s"
            )
    if worst >= 2:
        sys.exit(f"the peak is {worst:.2f} times the arrays; expected less than 2")


if __name__ == "__main__":
    main()
