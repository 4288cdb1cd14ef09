"""Runs the notebooks of the site and keeps in them what their cells printed and drew.

`python tools/run_tutorials.py` runs all, `python tools/run_tutorials.py first-network own-study` these, each from an
empty home and in an empty folder, and tells how long each took: by the clock, and of the processor. A cell that fails
stops it.
"""

import os
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

PROJECT = Path(__file__).resolve().parents[1]
TUTORIALS = PROJECT / "docs" / "tutorials"
LONGEST = 900
"""Seconds that a cell may take on a machine that is busy with other things."""


def run(notebook: Path) -> nbformat.NotebookNode:
    """The notebook as it is after its cells have run.

    Raises:
        CellExecutionError: one of them failed.
    """
    nodes = nbformat.read(notebook, as_version=4)
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


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(path.stem for path in TUTORIALS.glob("*.ipynb")):
        clock, processor = time.monotonic(), processor_seconds()
        nbformat.write(run(TUTORIALS / f"{name}.ipynb"), TUTORIALS / f"{name}.ipynb")
        clock, processor = time.monotonic() - clock, processor_seconds() - processor
        print(f"{name:<22}{clock:5.0f} s, {processor:4.0f} s of the processor", flush=True)
