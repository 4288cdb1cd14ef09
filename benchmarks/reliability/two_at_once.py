"""Whether trainings that are begun at the same moment get in each other's way.

    python benchmarks/reliability/two_at_once.py [ROUNDS]

Each round begins four trainings without a name at once, all of which must end in runs of their own, and then four
resumptions of one run that was cut off, of which one alone may train it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from counted import tell

KUZUSHIJI = (sys.executable, "-m", "kuzushiji")
WHAT = ("--data", "brush:kmnist", "--limit", "200", "--no-report")


def main() -> int:
    """Prints a line for each process that failed; exits with 1 if one did."""
    rounds, wrong = int(sys.argv[1]) if sys.argv[1:] else 3, 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KUZUSHIJI_HOME"] = scratch
        runs = Path(scratch, "runs")
        for number in range(rounds):
            before = len(list(runs.iterdir())) if runs.exists() else 0
            train = (*KUZUSHIJI, "train", "nn_1", *WHAT)
            codes = [each.wait() for each in [_quiet(*train, "--epochs", "2") for _ in range(4)]]
            made = len(list(runs.iterdir())) - before
            print(f"round {number}: exit codes {codes}, {made} runs")
            wrong += 4 - min(codes.count(0), made)

            cut_off = _quiet(*train, "--epochs", "60", "--run", f"cut-{number}")
            metrics = runs / f"cut-{number}" / "metrics.jsonl"
            while not metrics.exists():
                time.sleep(0.02)
            cut_off.send_signal(signal.SIGKILL)
            cut_off.wait()
            resume = (*KUZUSHIJI, "train", "--resume", f"cut-{number}", "--no-report")
            codes = [each.wait() for each in [_quiet(*resume) for _ in range(4)]]
            epochs = len(metrics.read_text().splitlines())
            print(f"round {number}: exit codes of resumptions {codes}, {epochs} epochs")
            wrong += 4 if epochs != 60 or sorted(codes) != [0, 1, 1, 1] else 0
    return tell("trainings begun, and resumed, at the same moment", 8 * rounds, wrong)


def _quiet(*command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
