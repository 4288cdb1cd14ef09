"""Runs the benchmarks and writes what they print into docs/benchmarks.md.

    python benchmarks/write_page.py             # all of them
    python benchmarks/write_page.py read_kkanji # only these; the rest of the page stays as it is

Each section holds one command, the machine, and the output as it was printed.
"""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

from kuzushiji.machine import describe_machine

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEADING = (
    "# Benchmarks\n\nWritten by `python benchmarks/write_page.py`: each section is a command and what it printed. "
    "Speeds depend on the machine and on what else it does; the ratios were measured side by side in one run.\n"
)
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
    "From brush glyphs to real characters": "benchmarks/brush_to_real.py",
    "From brush glyphs and real kanji to real kana": "benchmarks/brush_to_real.py --parents --from kkanji-28",
}


def main(wanted: list[str]) -> None:
    sections = read_sections()
    for title, command in COMMANDS.items():
        if wanted and not any(word in command or word in title for word in wanted):
            continue
        print(f"python {command}", flush=True)
        done = subprocess.run(
            [sys.executable, *command.split()], cwd=PAGE.parents[1], stdout=subprocess.PIPE, text=True, check=True
        )
        print(done.stdout, flush=True)
        where = describe_machine()
        sections[title] = f"`python {command}` on {where}, {date.today()}:\n\n```\n{done.stdout.rstrip()}\n```\n"
        # The page is written after each, so that a later one that fails loses nothing.
        PAGE.write_text(
            "\n".join([HEADING, *(f"## {title}\n\n{sections[title]}" for title in COMMANDS if title in sections)])
        )


def read_sections() -> dict[str, str]:
    """Title -> text of the sections that the page has already."""
    if not PAGE.exists():
        return {}
    parts = re.split(r"^## (.+)\n\n", PAGE.read_text(), flags=re.MULTILINE)
    return {title: text.rstrip() + "\n" for title, text in zip(parts[1::2], parts[2::2], strict=True)}


if __name__ == "__main__":
    main(sys.argv[1:])
