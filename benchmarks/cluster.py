"""How many pages a minute a cluster reads: two workers measured here, many machines computed from what one page costs.

    python benchmarks/cluster.py ../shared/data/pages/books/images --output docs/cluster-speed.md

A Ray of two cores is started on this machine alone.  The same pages are read by one process with two threads and by two
workers with one thread each; then by one thread, of which the processor's time is taken, and handed out to workers that
do nothing, which tells what handing out costs.
"""

import argparse
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kuzushiji.cluster import QUIET, Cluster, Spread
from kuzushiji.data.pages.sources import PageImage
from kuzushiji.imaging.read import read_gray
from kuzushiji.processes import Calls
from kuzushiji.reading.choice import ReaderChoice, read_as
from kuzushiji.reading.folder import Wanted, images_of, read_files, read_into
from kuzushiji.reading.readers import PageReader

WANTED = Wanted(("txt", "pagexml"))
SCANS = 2_000_000


@dataclass(frozen=True)
class Costs:
    """What a page costs; seconds are of the processor, but for those of `alone` and `spread`, which are of the clock.

    Attributes:
        alone: read by one process with two threads.
        spread: read by two workers with one thread each.
        two: read by two threads.
        read: read by one thread.
        decoded: of these, for decoding the image.
        given: for finding the image, sending it away and writing what comes back.
        sent, back: bytes of the image, and of the files that are made of it.
    """

    alone: float
    spread: float
    two: float
    read: float
    decoded: float
    given: float
    sent: float
    back: float


@dataclass(frozen=True)
class Place:
    """The cluster that is computed.

    Attributes:
        nodes, cores: how many machines, and cores of each.
        network, storage: bytes a second that reach and leave the machine that hands out, and that it reads of files.
    """

    nodes: int
    cores: int
    network: float
    storage: float

    def limits(self, costs: Costs) -> dict[str, float]:
        """Pages a minute that each part could do, if the others did not hold it up."""
        return {
            f"reading on {self.nodes * self.cores:,} cores": 60 * self.nodes * self.cores / costs.read,
            "handing out, one process": 60 / costs.given,
            f"network, {self.network / 1e6:,.0f} MB/s": 60 * self.network / (costs.sent + costs.back),
            f"storage, {self.storage / 1e6:,.0f} MB/s": 60 * self.storage / (costs.sent + costs.back),
        }


def nothing(files: dict[str, bytes], image: PageImage) -> dict[str, bytes]:
    """Instead of reading: gives back files of another page."""
    return files


def measure(cluster: Cluster, pages: Sequence[Path], rounds: int) -> Costs:
    """Reads the pages so many times each way; of the seconds of the clock the fewest count."""
    choice = ReaderChoice(threads=2)
    alone, single = choice.open(), choice.anywhere(1).open()

    def spread() -> Spread:
        return cluster.spread(read_as, choice.anywhere(1), single.steps, WANTED)

    seconds(pages, alone)  # what is done once alone
    seconds(list(pages) * 2, single, spread())
    clocks = [(seconds(pages, alone), seconds(pages, single, spread())) for _ in range(rounds)]
    clock_alone, clock_spread = map(min, zip(*clocks, strict=True))

    images = list(images_of(pages))
    two, _ = processor(lambda image: read_files(alone, WANTED, image), images)
    read, files = processor(lambda image: read_files(single, WANTED, image), images)
    decoded, _ = processor(lambda image: read_gray(image.content), images)
    typical = sorted(files, key=size)[len(files) // 2]
    many = list(pages) * 5
    begun = time.process_time()
    seconds(many, single, cluster.spread(nothing, typical))
    given = (time.process_time() - begun) / len(many)
    sent, back = (sum(sizes) / len(pages) for sizes in ([len(image.content) for image in images], map(size, files)))
    return Costs(clock_alone, clock_spread, two, read, decoded, given, sent, back)


def processor(function: Callable[[PageImage], Any], images: Sequence[PageImage]) -> tuple[float, list[Any]]:
    """Seconds of the processor that an image takes, and what the function gives for each."""
    begun = time.process_time()
    given = [function(image) for image in images]
    return (time.process_time() - begun) / len(images), given


def size(files: dict[str, bytes]) -> int:
    return sum(map(len, files.values()))


def seconds(pages: Sequence[Path], reader: PageReader, calls: Calls | None = None) -> float:
    """Of the clock, a page, from files to files."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        states = {each.state for each in read_into(folder, images_of(pages), reader, WANTED, calls=calls)}
        assert states == {"read"}
        return (time.perf_counter() - begun) / len(pages)


def report(costs: Costs, place: Place, pages: int, rounds: int, command: str) -> str:
    """The measured and the computed, as Markdown."""
    limits = place.limits(costs)
    slowest = min(limits, key=lambda name: limits[name])
    hours = SCANS / limits[slowest] / 60
    computed = "".join(
        f"| {name} | {value:,.0f} |\n" for name, value in sorted(limits.items(), key=lambda each: each[1])
    )
    return f"""# How many pages a cluster reads

{pages} pages on {platform.machine()} with {os.cpu_count()} cores, {rounds} rounds, of which the fastest counts; seconds
of the processor depend the least on what else the machine does.

## Measured

|  |  |
| --- | ---: |
| one process, two threads, pages a minute | {60 / costs.alone:,.0f} |
| two workers of one thread, pages a minute | {60 / costs.spread:,.0f} |
| the second to the first | {costs.alone / costs.spread:.2f} |
| a page on two threads, seconds of the processor | {costs.two:.2f} |
| a page on one thread, seconds of the processor | {costs.read:.2f} |
| of these decoding | {costs.decoded:.3f} |
| handing out a page, seconds of the processor | {costs.given:.4f} |
| bytes of an image | {costs.sent:,.0f} |
| bytes of its files | {costs.back:,.0f} |

## Computed: {place.nodes} machines of {place.cores} cores

| pages a minute, if nothing else held it up |  |
| --- | ---: |
{computed}
The first line is the bottleneck: {slowest}. Two million scans would take {hours:,.1f} hours.

## Made by

```
{command}
```
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of images of pages")
    parser.add_argument("--pages", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--network", type=float, default=1250, help="MB/s; 10 Gbit/s if not given")
    parser.add_argument("--storage", type=float, default=500, help="MB/s of what the images lie on")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    os.environ.update(QUIET, RAY_worker_niceness="0", PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
    from ray.cluster_utils import Cluster as LocalRay

    pages = sorted(path for path in arguments.folder.iterdir() if path.suffix in (".jpg", ".png"))[: arguments.pages]
    local = LocalRay(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        with Cluster(local.address) as cluster:
            costs = measure(cluster, pages, arguments.rounds)
    finally:
        local.shutdown()
    place = Place(arguments.nodes, arguments.cores, arguments.network * 1e6, arguments.storage * 1e6)
    text = report(
        costs,
        place,
        len(pages),
        arguments.rounds,
        f"python benchmarks/{shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])}",
    )
    print(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
