"""Runs the notebooks of the site and keeps in them what their cells printed and drew.

`python tools/run_tutorials.py` runs all, `python tools/run_tutorials.py first-network own-study` these, each from an
empty home and in an empty folder, and tells how long each took: by the clock, and of the processor. A cell that fails
stops it. With `--short` they train for an epoch on few images, and are left as they are: that they run is all it shows.
"""

import argparse
import os
import re
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

PROJECT = Path(__file__).resolve().parents[1]
TUTORIALS = PROJECT / "docs" / "tutorials"
LONGEST = 900
"""Seconds that a cell may take on a machine that is busy with other things."""
SHORT = {"epochs": 1, "limit": 600, "points": 100}
"""What numbers of these names in cells are at most, where it has to be quick."""
SHORT_DATA = ('DATA = "brush:kmnist"', 'DATA = "brush:kmnist:60"')


def shortened(source: str) -> str:
    """The source of a cell with fewer epochs, images and points."""

    def fewer(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{min(int(found[3]), SHORT[found[1].lower()])}"

    source = re.sub(rf"\b({'|'.join(SHORT)})(\s*=\s*)(\d+)", fewer, source, flags=re.IGNORECASE)
    return source.replace(*SHORT_DATA)


def run(notebook: Path, *, short: bool = False) -> nbformat.NotebookNode:
    """The notebook as it is after its cells have run, shortened if that is asked for.

    Raises:
        CellExecutionError: one of them failed.
    """
    nodes = nbformat.read(notebook, as_version=4)
    if short:
        for cell in (each for each in nodes.cells if each.cell_type == "code"):
            cell.source = shortened(cell.source)
    with TemporaryDirectory(prefix="kuzushiji-tutorial-") as home:
        beside = Path(home, "tutorials")  # as in the clone, where pictures are beside the tutorials
        beside.mkdir()
        Path(home, "pictures").symlink_to(TUTORIALS.parent / "pictures")
        client = NotebookClient(nodes, timeout=LONGEST, record_timing=False, coalesce_streams=True)
        client.execute(cwd=str(beside), env=os.environ | {"KUZUSHIJI_HOME": f"{home}/home"})
    for cell in nodes.cells:
        cell.metadata = {}
    nodes.metadata.language_info = {"name": "python"}
    return nodes


def processor_seconds() -> float:
    """What the kernels that have ended took of the processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    every = sorted(path.stem for path in TUTORIALS.glob("*.ipynb"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(every)}; all if none is given")
    parser.add_argument("--short", action="store_true", help="train little, and keep nothing of it")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in every]:
        parser.error(f"there is no notebook {', '.join(unknown)}; there are {', '.join(every)}")
    for name in options.names or every:
        notebook = TUTORIALS / f"{name}.ipynb"
        clock, processor = time.monotonic(), processor_seconds()
        nodes = run(notebook, short=options.short)
        if not options.short:
            nbformat.write(nodes, notebook)
        clock, processor = time.monotonic() - clock, processor_seconds() - processor
        print(f"{name:<22}{clock:5.0f} s, {processor:4.0f} s of the processor", flush=True)


if __name__ == "__main__":
    main()
