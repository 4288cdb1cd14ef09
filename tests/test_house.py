"""The house stands as it is drawn: data flows one way, from room to room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import kuzushiji

SOURCE = Path(kuzushiji.__file__).parent

ROOMS = (
    ("imaging",),
    ("document",),
    ("data",),
    ("models",),
    ("runs",),
    ("inference",),
    ("training",),
    ("evaluation",),
    ("explore",),
    ("export",),
    ("reading",),
    ("studies",),
    ("sweep",),
    ("plots",),
    ("report",),
    ("serving",),
    ("hub",),
    ("cli", "__main__"),
)
"""A room imports from itself, from those before it, and from the single files of the package, which come first."""

FORBIDDEN = {
    ("evaluation", "models"): "metrics are computed from predictions, never from a network",
    ("evaluation", "training"): "metrics are computed from predictions, never from a network",
    ("explore", "training"): "a dataset is looked at, nothing is trained",
    ("reading", "models"): "reading needs no PyTorch",
    ("reading", "training"): "reading needs no PyTorch",
    ("serving", "models"): "serving needs no PyTorch",
    ("serving", "training"): "serving needs no PyTorch",
}
"""Arrows that go down and are not drawn all the same."""

FLOOR = {name: number for number, names in enumerate(ROOMS, start=1) for name in names}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}


def room(module: str) -> str:
    """The folder that a module is in; `base` for the single files of the package."""
    _, *parts = module.split(".")
    return parts[0] if parts and parts[0] in FLOOR else "base"


def imports(module: str) -> Iterator[tuple[int, str]]:
    """Line and module of each import of ours, also within functions; those for types alone are none."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    for_types = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}:{node.lineno} imports relatively"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES or node.module in MODULES:
                    yield node.lineno, inner if inner in MODULES else str(node.module)


def test_every_folder_is_a_room() -> None:
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= set(FLOOR)


@pytest.mark.parametrize("module", [module for module in MODULES if module != "kuzushiji"])
def test_no_import_goes_up(module: str) -> None:
    own = room(module)
    for line, imported in imports(module):
        theirs = room(imported)
        assert FLOOR.get(theirs, 0) <= FLOOR.get(own, 0), f"{module}:{line} imports {imported}, from a lower room"
        assert (own, theirs) not in FORBIDDEN, f"{module}:{line} imports {imported}: {FORBIDDEN[own, theirs]}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {imported for _, imported in imports(module) if imported != module}
        for module in MODULES
        if module != "kuzushiji"  # which names what others define, and imports it when it is first used
    }
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


TRAINING_ALONE = ("torch", "matplotlib", "sklearn", "scipy")
"""What is installed with `kuzushiji[train]`, and nobody who reads needs."""

BLOCKED = """
import importlib, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"{{name}} is not there", name=name)

sys.meta_path.insert(0, Blocker())
for name in {modules}:
    importlib.import_module(name)
"""
"""Imports modules where some others cannot be imported."""


def test_who_reads_needs_nothing_of_who_trains() -> None:
    readers = ("imaging", "document", "reading", "serving")
    scripts = "kuzushiji.serving.migrations.env"  # which alembic runs, and nobody imports
    rooms = [module for module in MODULES if room(module) in readers and module != scripts]
    code = BLOCKED.format(blocked=TRAINING_ALONE, modules=rooms)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    refused = subprocess.run([sys.executable, "-c", f"{code}\nimport torch"], capture_output=True, text=True)
    assert "torch is not there" in refused.stderr
