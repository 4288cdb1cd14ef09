"""How fast characters are cut out of pages, and how much memory that takes.

    python benchmarks/pages.py [FOLDER] [--pages 200]

FOLDER holds a few real pages in Kaggle's layout (`train.csv`, `train_images/`); if not given it is that of the dataset
`recognition`.  They are repeated under other names until there are as many pages as asked for, each with as many boxes
as the mean page of Kuzushiji Recognition has, and loaded with an empty cache by a process of its own.  `--pages 3881`
is that set at its full size; from fewer pages its time is extrapolated.  What the copies cannot show is the time to
read 3,881 different files from a disk.  Processor time is that of all processes together: on a busy machine it tells
more than the clock.

Memory is that of all processes together, sampled ten times a second, without what the system caches of files (Linux).
"""

import argparse
import csv
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from PIL import Image

from kuzushiji.data.catalogue import sets as catalog

CHARACTERS = 683_464
"""In the training pages of Kuzushiji Recognition."""

LOAD = """
import json, sys, time
from kuzushiji.data.source import parse
start = time.perf_counter()
source = parse(sys.argv[1])
train = source.load()
seconds = time.perf_counter() - start
start = time.perf_counter()
parts = [source.load(split) for split in source.splits]
again = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "again": again, "counts": [len(part) for part in parts]}))
"""


def repeat_pages(folder: Path, count: int, into: Path) -> tuple[int, float]:
    """Writes `count` pages by repeating those in `folder`; returns how many boxes there are, and pixels a page."""
    with open(folder / "train.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    pages = catalog.dataset("recognition").count
    (into / "train_images").mkdir(parents=True)
    boxes, pixels = 0, 0
    with open(into / "train.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image_id", "labels"])
        for number, row in enumerate(islice(cycle(rows), count)):
            name, image = f"{row['image_id']}_{number:05}", folder / "train_images" / f"{row['image_id']}.jpg"
            wanted = CHARACTERS * (number + 1) // pages - CHARACTERS * number // pages
            table.writerow([name, " ".join(islice(cycle(re.findall(r"U\+\S+(?: \d+){4}", row["labels"])), wanted))])
            (into / "train_images" / f"{name}.jpg").symlink_to(image.resolve())
            boxes += wanted
            with Image.open(image) as opened:
                pixels += opened.width * opened.height
    return boxes, pixels / count


def run_and_watch(command: list[str], home: str) -> tuple[dict, int]:
    """Runs a command; returns what it printed, and the most bytes that it and its processes held at a time."""
    environment = {**os.environ, "KUZUSHIJI_HOME": home, "PYTHONPATH": os.pathsep.join(sys.path)}
    peak = 0
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(own_bytes, [process.pid, *children(process.pid)])))
            time.sleep(0.1)
        assert process.stdout is not None
        if process.returncode:
            sys.exit(f"loading failed with code {process.returncode}")
        return json.loads(process.stdout.read()), peak


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def own_bytes(pid: int) -> int:
    """Memory that a process has for itself, without pages of mapped files."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:")), 0)


def main() -> None:
    """Prints pages and characters a second, peak memory, and what that makes for the whole set."""
    parser = argparse.ArgumentParser(description="Cut characters out of repeated pages.")
    parser.add_argument("folder", type=Path, nargs="?", default=catalog.folder("recognition"), help="with train.csv")
    parser.add_argument("--pages", type=int, default=200, help="how many pages to make of those")
    options = parser.parse_args()
    if not (options.folder / "train.csv").exists():
        sys.exit(f"{options.folder} has no train.csv; name a folder of pages in Kaggle's layout")
    whole = catalog.dataset("recognition").count
    with tempfile.TemporaryDirectory() as temporary:
        boxes, pixels = repeat_pages(options.folder, options.pages, Path(temporary, "pages"))
        command = [sys.executable, "-c", LOAD, str(Path(temporary, "pages"))]
        first, peak = run_and_watch(command, f"{temporary}/home")
    assert sum(first["counts"]) == boxes
    rate = options.pages / first["seconds"]
    split = ", ".join(f"{count:,}" for count in first["counts"])
    print(f"{options.pages:,} pages of {pixels / 1e6:.1f} million pixels, {boxes:,} characters at 80 x 80 ({split})")
    print(f"cut     {first['seconds']:8.1f} s   {rate:.1f} pages/s   {boxes / first['seconds']:,.0f} characters/s")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = used.ru_utime + used.ru_stime
    print(f"        {busy:8.1f} s   of processor time, {1000 * busy / options.pages:.0f} ms a page")
    print(f"again   {first['again']:8.3f} s   all three splits, from the cache")
    disk = boxes * 80 * 80
    print(f"peak    {peak / 1e6:8.0f} MB  all processes together; {disk / 1e6:,.0f} MB of characters on disk")
    if options.pages != whole:
        print(
            f"{whole:,} pages of this size would take {whole / rate / 60:.0f} minutes, "
            f"and {CHARACTERS * 80 * 80 / 1e9:.1f} GB of disk"
        )


if __name__ == "__main__":
    main()
