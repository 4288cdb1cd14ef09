"""How long `import kuzushiji` and `kuzushiji --help` take, beside Python itself, and whether that is within bounds.

    python benchmarks/startup.py
    python benchmarks/startup.py --rounds 20

What counts is the processor time of a new process, the least of the rounds, in which all take turns: a busy machine
changes it little.  A bound is how many times as long as the bare `python -c pass` it may take.  It ends with 1 where
something is beyond its bound, or brings along a package that it must not.
"""

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

HEAVY = ("torch", "matplotlib", "sklearn", "scipy", "onnxruntime", "fastapi")
"""What nobody should wait for who did not ask for it."""


@dataclass(frozen=True)
class Start:
    """One thing that somebody starts.

    Attributes:
        name: as it is printed.
        arguments: of Python.
        bound: how many times as long as the bare Python it may take; None where that is no matter of ours.
    """

    name: str
    arguments: tuple[str, ...]
    bound: float | None = None


STARTS = (
    Start("python -c pass", ("-c", "pass")),
    Start("import cyclopts, rich.console", ("-c", "import cyclopts, rich.console")),
    Start("import kuzushiji", ("-c", "import kuzushiji"), 3),
    Start("kuzushiji --version", ("-m", "kuzushiji", "--version"), 25),
    Start("kuzushiji --help", ("-m", "kuzushiji", "--help"), 30),
    Start("kuzushiji train --help", ("-m", "kuzushiji", "train", "--help"), 50),
    Start("kuzushiji read --help", ("-m", "kuzushiji", "read", "--help"), 50),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help="how often each is started")
    arguments = parser.parse_args()
    least = dict.fromkeys(STARTS, float("inf"))
    for _ in range(arguments.rounds):
        for start in STARTS:
            least[start] = min(least[start], seconds(start.arguments))
    bare, failed = least[STARTS[0]], False
    for start, time in least.items():
        heavy = brought_along(start.arguments)
        beyond = start.bound is not None and (time > start.bound * bare or bool(heavy))
        failed |= beyond
        bound = f"bound {start.bound:4.0f}" if start.bound else ""
        facts = f"{1000 * time:6.0f} ms  ratio {time / bare:5.1f}  {bound:10}"
        print(f"{start.name:30} {facts}  {'BEYOND  ' if beyond else ''}{' '.join(heavy)}".rstrip())
    sys.exit(int(failed))


def seconds(arguments: Sequence[str]) -> float:
    """Processor time of a new Python, its own and the system's for it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def brought_along(arguments: Sequence[str]) -> list[str]:
    """Which heavy packages are imported."""
    asked = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(
        asked, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    return [package for package in HEAVY if package in imported]


if __name__ == "__main__":
    main()
