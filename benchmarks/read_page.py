"""How long it takes to read a page, and with how much memory.

    python benchmarks/read_page.py                                     # a drawn page
    python benchmarks/read_page.py --page page.jpg
    python benchmarks/read_page.py --output docs/reading-speed.md

Timed are: from pixels to `Page` on two threads, with what each stage takes of it; `kuzushiji read PAGE` from its start
to its end, as a user waits for it; and the most memory that it holds, for this page and for it at 7,000 x 5,000 pixels.
The fastest of the rounds counts.  The time of the processor is that of all threads together: on an idle machine the
clock shows less, on a busy one it shows what others compute, and is left out.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

from kuzushiji.files import write_text
from kuzushiji.report.document import Column, Commands, Document, Paragraph, Section, Table
from kuzushiji.report.markdown import as_markdown

SIZE, LARGE = (2400, 3900), (7000, 5000)
"""Width and height of the page, and of the large one, which is laid on its side if it must."""
IDLE = 0.3
"""Of the last minute's load; more is a busy machine."""
BARS = {"seconds": 1.0, "cold_seconds": 2.0, "peak_mb_large": 700}
COLUMNS, IN_COLUMN = 10, 20
"""Of the drawn page."""
STAGES = {
    "finding": "kuzushiji.reading.reader.find_characters",
    "rules": "kuzushiji.reading.reader.find_rules",
    "cutting": "kuzushiji.reading.naming.cut",
    "naming": "kuzushiji.reading.recognizer.Recognizer.recognize_prepared",
    "naming what is unsure": "kuzushiji.reading.recognizer.Recognizer.recognize_together",
    "order": "kuzushiji.reading.reader.arrange",
    "language": "kuzushiji.reading.language.LanguageModel.read",
}
"""What is timed for itself, by what it is called in `Reader`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, help="an image; one is drawn if not given")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="a file for the figures, as Markdown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page, large = Path(folder, "page.jpg"), Path(folder, "large.jpg")
        image = Image.open(arguments.page) if arguments.page else drawn()
        image = image.convert("RGB")
        image.resize(SIZE, Image.Resampling.BICUBIC).save(page, quality=90)
        turned = image.rotate(90, expand=True) if image.height > image.width else image
        turned.resize(LARGE, Image.Resampling.BICUBIC).save(large, quality=90)
        found = {
            "page": arguments.page.name if arguments.page else "drawn",
            "threads": arguments.threads,
            "rounds": arguments.rounds,
            "idle": os.getloadavg()[0] < IDLE,
            "options": "--output docs/reading-speed.md" if arguments.page is None else "--page PAGE",
            **to_page(page, arguments.rounds, arguments.threads),
            **cold_start(page, arguments.rounds, arguments.threads),
            "peak_mb": peak(page, arguments.threads),
            "peak_mb_large": peak(large, arguments.threads),
        }
    text = as_markdown(document(found))
    print(text)
    if arguments.output:
        write_text(arguments.output, text)


def drawn() -> Image.Image:
    """A page of kana on stained paper, from what ships."""
    from kuzushiji.data.synthetic import brush
    from kuzushiji.data.synthetic.drawn_pages import Glyphs, Layout, Material, draw_page

    random = np.random.default_rng(1)
    kana = brush.make("k49", "train", samples_per_class=20)
    places = [(COLUMNS - column, row) for column in range(COLUMNS) for row in range(IN_COLUMN)]
    boxes = np.array([(1.6 * x, y, 0.9, 0.9) for x, y in places], np.float32)
    layout = Layout([str(each) for each in random.choice(kana.classes, len(places))], boxes)
    paper = random.normal(200, 6, (600, 400)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(draw_page(Material([layout], Glyphs([kana]), [paper]), random, size=100).image)


def to_page(path: Path, rounds: int, threads: int) -> dict[str, Any]:
    """Seconds from pixels to a `Page`, and what share each stage has of them."""
    from kuzushiji.imaging.read import read_gray
    from kuzushiji.reading.reader import Reader

    reader, gray = Reader(threads=threads), read_gray(path)
    page = reader(gray, path.name)  # the first time is not counted
    walls, processor, stages = [], [], Counter[str]()
    with timed(stages):
        for _ in range(rounds):
            before, begun = time.process_time(), time.perf_counter()
            reader(gray, path.name)
            walls.append(time.perf_counter() - begun)
            processor.append(time.process_time() - before)
    shares = {name: stages[name] / sum(walls) for name in STAGES}
    return {
        "characters": len(page),
        "seconds": min(walls),
        "processor_seconds": min(processor),
        "shares": shares | {"the rest": 1 - sum(shares.values())},
    }


@contextmanager
def timed(seconds: Counter[str]) -> Iterator[None]:
    """Counts the seconds that are spent in each stage."""

    def watched(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                seconds[name] += time.perf_counter() - begun

        return call

    patches = []
    for name, place in STAGES.items():
        patch = mock.patch(place)
        patch.new = watched(name, patch.get_original()[0])
        patches.append(patch)
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def cold_start(path: Path, rounds: int, threads: int) -> dict[str, float]:
    """Seconds of `kuzushiji read PAGE` in a process of its own, until it has ended."""
    seconds, processor = [], []
    for _ in range(rounds):
        begun, before = time.perf_counter(), os.times()
        subprocess.run(command(path, threads), check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
        after = os.times()
        processor.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return {"cold_seconds": min(seconds), "cold_processor_seconds": min(processor)}


def peak(path: Path, threads: int) -> float:
    """The most memory that `kuzushiji read PAGE` holds, in MB, measured by a child that does no more than start it."""
    measure = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    told = subprocess.run(
        [sys.executable, "-c", measure, *command(path, threads)], check=True, capture_output=True, text=True
    )
    return int(told.stdout) / (2**20 if sys.platform == "darwin" else 2**10)


def command(path: Path, threads: int) -> list[str]:
    return [sys.executable, "-m", "kuzushiji", "read", str(path), "--threads", str(threads)]


def document(found: dict[str, Any]) -> Document:
    """The figures beside the bars that they have to pass."""
    lead = (
        f"A page of {SIZE[0]:,} x {SIZE[1]:,} pixels ({found['page']}) on which {found['characters']} characters are "
        f"found, read on {found['threads']} threads of {platform.machine()} with {os.cpu_count()} cores. The fastest "
        f"of {found['rounds']} rounds. The time of the processor is that of all threads together; an idle machine "
        "needs no more by the clock."
    )
    if not found["idle"]:
        lead += " This one was busy with other work, so that what its clock showed says nothing and is left out."
    rows = (
        ("from decoded pixels to Page, s", "seconds", "processor_seconds", ".2f"),
        ("kuzushiji read PAGE, from its start to its end, s", "cold_seconds", "cold_processor_seconds", ".2f"),
    )
    times = tuple(
        (what, f"{BARS[clock]:g}", f"{found[of]:{form}}", f"{found[clock]:{form}}" if found["idle"] else "")
        for what, clock, of, form in rows
    )
    large = f"the same page at {LARGE[0]:,} x {LARGE[1]:,} pixels"
    memory = (
        ("this page", "", f"{found['peak_mb']:.0f}"),
        (large, f"{BARS['peak_mb_large']}", f"{found['peak_mb_large']:.0f}"),
    )
    stages = tuple((name, f"{100 * share:.0f}") for name, share in found["shares"].items())
    return Document(
        title="How fast a page is read",
        lead=(Paragraph(lead),),
        sections=(
            Section("time", "Time", (Table(_columns("to stay under", "processor", "clock"), times),)),
            Section("memory", "Memory at its peak", (Table(_columns("to stay under", "MB"), memory),)),
            Section("stages", "What takes the time", (Table(_columns("%"), stages),)),
            Section("made", "Made by", (Commands((f"python benchmarks/read_page.py {found['options']}".strip(),)),)),
        ),
    )


def _columns(*names: str) -> tuple[Column, ...]:
    return Column(""), *(Column(name, "number") for name in names)


if __name__ == "__main__":
    main()
