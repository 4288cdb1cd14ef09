"""Seconds that an evaluation takes, beside scikit-learn's for the same metrics of the same predictions.

    python benchmarks/evaluation_speed.py [--sets kmnist k49 kkanji] [--repeats 3]

Both measure loss, accuracy, balanced accuracy, top-5, precision, recall and F1 (classes and mean), the confusion
matrix and the one-vs-rest AUC of every class with its two means, from logits, and are checked to agree.  They take
turns; a line gives the median of each and their ratio.  A second line gives our time with the intervals of 1,000
bootstrap replicates and our peak memory, and what scikit-learn would take to measure every replicate: 1,000 times the
median of its one, which is a reckoning, not a measurement.  The predictions are made up, in the size and the imbalance
of each test set.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np

from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.runs.predictions import Predictions

SETS = {"kmnist": (10_000, 10, 0.0), "k49": (38_547, 49, 0.5), "kkanji": (12_700, 3_832, 1.0)}
"""Images, classes, and the exponent with which classes become rarer."""
REPLICATES = 1000


def made_up(count: int, classes: int, rarity: float) -> Predictions:
    """Predictions of a network that is right nine times out of ten or so."""
    generator = np.random.default_rng(0)
    frequencies = np.arange(1, classes + 1) ** -rarity
    labels = generator.choice(classes, count, p=frequencies / frequencies.sum())
    logits = 2 * generator.standard_normal((count, classes), dtype=np.float32)
    logits[np.arange(count), labels] += 3 + 1.7 * np.log10(classes)
    return Predictions(logits, labels, np.arange(count), tuple(map(str, range(classes))))


def with_scikit_learn(predictions: Predictions) -> dict[str, float]:
    """The same metrics as `evaluate`, the way scikit-learn's documentation has them."""
    from sklearn import metrics as reference  # here, to keep it out of our peak memory

    labels, every = predictions.labels, np.arange(len(predictions.classes))
    probabilities, predicted = predictions.probabilities, predictions.predicted
    reference.confusion_matrix(labels, predicted, labels=every)
    reference.precision_recall_fscore_support(labels, predicted, labels=every, average=None)
    present = np.flatnonzero(np.bincount(labels, minlength=len(every)))
    areas = reference.roc_auc_score(labels[:, None] == present, probabilities[:, present], average=None)
    precision, recall, f1, _ = reference.precision_recall_fscore_support(labels, predicted, average="macro")
    return {
        "loss": reference.log_loss(labels, probabilities, labels=every),
        "accuracy": reference.accuracy_score(labels, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "top5_accuracy": reference.top_k_accuracy_score(labels, predictions.logits, k=5, labels=every),
        "macro_precision": precision,
        "macro_recall": recall,
        "macro_f1": f1,
        "auc_macro": areas.mean(),
        "auc_weighted": np.average(areas, weights=np.bincount(labels)[present]),
    }


def check(ours: Evaluation, theirs: dict[str, float]) -> None:
    """Stops unless both found the same."""
    for name, value in theirs.items():
        if abs(getattr(ours, name).value - value) > 1e-9:
            sys.exit(f"{name}: {getattr(ours, name).value} here, {value} by scikit-learn")


def measure(name: str, repeats: int, alone: dict[str, float]) -> None:
    """Prints the two lines of one set."""
    made = made_up(*SETS[name])
    ours, theirs = [], []

    def fresh() -> Predictions:  # without the probabilities and predictions that the last one has worked out
        return Predictions(made.logits, made.labels, made.ids, made.classes)

    for _ in range(repeats if made.logits.size < 10**7 else 1):
        start = time.perf_counter()
        found = evaluate(fresh(), replicates=0)
        middle = time.perf_counter()
        expected = with_scikit_learn(fresh())
        theirs.append(time.perf_counter() - middle)
        ours.append(middle - start)
        check(found, expected)
    one, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"{name:7} {len(made):,} images, {len(made.classes):,} classes: {one:.3f} s, "
        f"scikit-learn {other:.3f} s, {other / one:.1f} times as long"
    )
    print(
        f"        with {REPLICATES:,} replicates: {alone['seconds']:.2f} s, peak {alone['peak'] / 1e9:.2f} GB; "
        f"scikit-learn, each measured: about {REPLICATES * other:,.0f} s",
        flush=True,
    )


def with_intervals(name: str) -> None:
    """Prints seconds and peak memory of one evaluation with intervals, in a process of its own."""
    predictions = made_up(*SETS[name])
    start = time.perf_counter()
    evaluate(predictions, replicates=REPLICATES)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"seconds": seconds, "peak": peak}))


def main() -> None:
    """Measures each set that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--intervals-of", choices=SETS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.intervals_of:
        with_intervals(asked.intervals_of)
        return
    warnings.simplefilter("ignore")  # scikit-learn warns of classes that were never predicted
    print(f"{os.cpu_count()} processors")
    # Those in processes of their own come first: a process starts with the peak memory of the one that starts it.
    command = [sys.executable, __file__, "--intervals-of"]
    alone = {
        name: json.loads(subprocess.run([*command, name], check=True, stdout=subprocess.PIPE, text=True).stdout)
        for name in asked.sets
    }
    for name in asked.sets:
        measure(name, asked.repeats, alone[name])


if __name__ == "__main__":
    main()
