"""The mean of two detectors' weights, as a run of its own that `kuzushiji export` takes.

    kuzushiji train detector ... --from all --run hands
    python tools/mean_detector.py all hands mean

One has learnt on from the other.  Half-way between, it finds what either finds, and takes less for a character that is
none (Wortsman et al., Robust fine-tuning of zero-shot models, arXiv:2109.01903).
"""

import argparse
import shutil
import sys

from torch import Tensor

from kuzushiji.inference.weights import load_detector, save_detector
from kuzushiji.runs.detector import DetectorRun
from kuzushiji.runs.run import existing_path, new_run_path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("begun", help="the run that the other began from")
    parser.add_argument("ended", help="the other, whose settings the new run has")
    parser.add_argument("run", help="name or path of the new run")
    options = parser.parse_args()
    begun, ended = (DetectorRun(existing_path(each)) for each in (options.begun, options.ended))
    one, other = (load_detector(each.weights_file)[0] for each in (begun, ended))
    ours, theirs = one.state_dict(), other.state_dict()
    if {name: values.shape for name, values in ours.items()} != {name: values.shape for name, values in theirs.items()}:
        sys.exit(f"{begun.name} and {ended.name} are of different sizes; one must have begun from the other")
    other.load_state_dict({name: mean(ours[name], values) for name, values in theirs.items()})
    made = DetectorRun(new_run_path(options.run, "detector", ""))
    shutil.copytree(ended.path, made.path)
    save_detector(made.weights_file, other, ended.config)
    print(made.path)


def mean(one: Tensor, other: Tensor) -> Tensor:
    """Half of each; of what are no weights but counts, the other."""
    return (one + other) / 2 if other.is_floating_point() else other


if __name__ == "__main__":
    main()
