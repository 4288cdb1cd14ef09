"""The notebooks: each says what one will be able to do, and the quickest run from a fresh home."""

import json
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.tools.loading import load_tool

TUTORIALS = sorted((PROJECT / "docs" / "tutorials").glob("*.ipynb"))
QUICKEST = ("first-network", "read-a-book")
"""`make tutorials` runs all."""


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_opens_with_what_one_will_be_able_to_do(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    title, _, opening = "".join(cells[0]["source"]).partition("\n\n")
    assert title.startswith("# ")
    assert opening.startswith("After this page you can ")
    assert "".join(cells[-1]["source"]).count("## Your turn") == 1


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_nothing_of_the_machine_that_it_ran_on_is_kept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert all(word not in text for word in ("/tmp/", "/home/", "/root/", '"stderr"', '"error"'))


@pytest.mark.parametrize("name", QUICKEST)
def test_it_runs(name: str) -> None:
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason="what runs notebooks is not there: pip install '.[docs]'")
    nodes = load_tool("run_tutorials").run(PROJECT / "docs" / "tutorials" / f"{name}.ipynb")
    assert all(cell.outputs for cell in nodes.cells if cell.cell_type == "code" and "print(" in cell.source)
