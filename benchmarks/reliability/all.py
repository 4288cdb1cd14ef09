"""Runs the trials and writes their counts into docs/reliability.md.

    python benchmarks/reliability/all.py [--quick] [TRIAL ...]

With `--quick` it runs few of each and writes nothing; with names of scripts those alone, and the other lines of the
table
stay as they are.  Exits with 1 if anything was wrong.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"
HEAD = "| trial | tried | clean | wrong | wrong before | script |\n|---|--:|--:|--:|--:|---|\n"


@dataclass(frozen=True)
class Trial:
    """A script.

    Attributes:
        script: its name.
        whole: what it is called with.
        quick: what it is called with where it has to be quick; None where it can't be.
        before: what was wrong before anything was mended, of how many.
    """

    script: str
    whole: tuple[str, ...]
    quick: tuple[str, ...] | None
    before: str


TRIALS = (
    Trial("power_cut", ("50",), None, "37 of 49"),
    Trial("removal", (), (), "–"),
    Trial("mutations", ("20000", "60481"), ("400", "1"), "280 of 13,782"),
    Trial("bounds", (), ("wide", "arrays", "run", "device", "pipe"), "–"),
    Trial("damaged_runs", ("60",), ("4",), "–"),
    Trial("two_at_once", ("3",), None, "2 of 4"),
    Trial("terminated", ("4", "60481"), None, "2 of 160"),
    Trial("full_disk", (), None, "4 of 15"),
    Trial("names", (), None, "–"),
)


def main() -> int:
    """Prints what the scripts print."""
    names = [name for name in sys.argv[1:] if name != "--quick"]
    quick, bad = "--quick" in sys.argv[1:], False
    for trial in TRIALS:
        arguments = trial.quick if quick else trial.whole
        if arguments is None or (names and trial.script not in names):
            continue
        command = [sys.executable, str(HERE / f"{trial.script}.py"), *arguments]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        print(done.stdout, end="", flush=True)
        bad = bad or done.returncode != 0
        if not quick and done.stdout:
            write(trial, done.stdout.splitlines()[-1])
    return int(bad)


def write(trial: Trial, counts: str) -> None:
    """Puts a line into the table, in the place of the one that the same script wrote before."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    rows, blank, after = rest.partition("\n\n")
    place = f"`{trial.script}.py`"
    line = f"| {counts} | {trial.before} | {place} |"
    kept = {row.split("|")[-2].strip(): row for row in rows.splitlines()} | {place: line}
    order = [f"`{each.script}.py`" for each in TRIALS]
    rows = "\n".join(kept[each] for each in order if each in kept)
    PAGE.write_text(before + HEAD + rows + blank + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
