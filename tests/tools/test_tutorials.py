"""The notebooks: each says what one will be able to do, and runs from a fresh home."""

import json
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.tools.loading import load_tool

TUTORIALS = sorted((PROJECT / "docs" / "tutorials").glob("*.ipynb"))


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


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_it_runs(path: Path) -> None:
    for package in ("nbclient", "ipykernel"):
        pytest.importorskip(package, reason="what runs notebooks is not there: pip install '.[docs]'")
    nodes = load_tool("run_tutorials").run(path, short=True)
    assert all(cell.outputs for cell in nodes.cells if cell.cell_type == "code" and "print(" in cell.source)


@pytest.mark.parametrize(
    ("source", "shorter"),
    [
        ("run = train(model, DATA, epochs=20, limit=5000)", "run = train(model, DATA, epochs=1, limit=600)"),
        ("EPOCHS = 3\nLIMIT = 200", "EPOCHS = 1\nLIMIT = 200"),
        ("points=300, trials=300", "points=100, trials=300"),
    ],
)
def test_what_it_trains_with_is_less_where_it_has_to_be_quick(source: str, shorter: str) -> None:
    assert load_tool("run_tutorials").shortened(source) == shorter
