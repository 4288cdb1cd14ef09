"""Runs the benchmarks, keeps what they print in docs/benchmarks.json and draws docs/benchmarks.md from it.

    python benchmarks/write_page.py             # all of them
    python benchmarks/write_page.py read_kkanji # only these; of the others what they printed before is kept

Each section holds one command, the machine, and the output as it was printed.
"""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from kuzushiji.files import write_text
from kuzushiji.machine import describe_machine
from kuzushiji.records import read_json, write_json
from kuzushiji.report.document import Code, Commands, Document, Paragraph, Section
from kuzushiji.report.markdown import as_markdown

FILE = Path(__file__).parents[1] / "docs" / "benchmarks.json"
COMMANDS = {
    "Training speed beside Keras 3 on TensorFlow": "benchmarks/training_speed.py --data kmnist6k",
    "Accuracy beside Keras after the same epochs": "benchmarks/training_speed.py --data kmnist6k --accuracy --seeds 3",
    "Time to what AlexNet comes to": "benchmarks/time_to_accuracy.py --data kmnist6k --accuracy 0.915 --seeds 3",
    "Convolutions and networks": "benchmarks/convolution_speed.py",
    "Reading Kuzushiji-Kanji": "benchmarks/read_kkanji.py",
    "Cutting the characters out of pages": "benchmarks/pages.py",
    "Memory to load data of the size of Kuzushiji-49": "benchmarks/memory_k49.py",
    "Evaluation beside scikit-learn": "benchmarks/evaluation_speed.py --sets kmnist k49",
    "Recognizing beside PyTorch and Keras": "benchmarks/recognition_speed.py --run 6k-small-0 kana kkanji-deep",
    "How soon it starts": "benchmarks/startup.py",
    "From brush glyphs to real characters": "benchmarks/brush_to_real.py",
    "From brush glyphs and real kanji to real kana": "benchmarks/brush_to_real.py --parents --from kkanji-28",
}


@dataclass(frozen=True)
class Printed:
    """What a benchmark printed.

    Attributes:
        command: what was run.
        machine: where.
        day: when, in ISO 8601.
        output: line by line.
    """

    command: str
    machine: str
    day: str
    output: tuple[str, ...]


@dataclass(frozen=True)
class Benchmarks:
    """Title -> what each benchmark printed last."""

    printed: Mapping[str, Printed] = field(default_factory=dict)


def main(wanted: list[str]) -> None:
    printed = dict(read_json(FILE, Benchmarks).printed) if FILE.exists() else {}
    for title, command in COMMANDS.items():
        if wanted and not any(word in command or word in title for word in wanted):
            continue
        print(f"python {command}", flush=True)
        done = subprocess.run(
            [sys.executable, *command.split()], cwd=FILE.parents[1], stdout=subprocess.PIPE, text=True, check=True
        )
        print(done.stdout, flush=True)
        output = tuple(done.stdout.rstrip().splitlines())
        printed[title] = Printed(f"python {command}", str(describe_machine()), f"{date.today()}", output)
        # All is written after each, so that a later one that fails loses nothing.
        printed = {each: printed[each] for each in COMMANDS if each in printed}
        write_json(FILE, Benchmarks(printed), indent=1)
        write_text(FILE.with_suffix(".md"), as_markdown(document_of(printed)))


def document_of(printed: Mapping[str, Printed]) -> Document:
    lead = (
        "Written by ",
        Code("python benchmarks/write_page.py"),
        ": each section is a command and what it printed. Speeds depend on the machine and on what else it does; the "
        "ratios were measured side by side in one run.",
    )
    sections = (
        Section(
            title,
            title,
            (Paragraph((Code(each.command), f" on {each.machine}, {each.day}:")), Commands(each.output)),
        )
        for title, each in printed.items()
    )
    return Document("Benchmarks", (Paragraph(lead),), tuple(sections))


if __name__ == "__main__":
    main(sys.argv[1:])
