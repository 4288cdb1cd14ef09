"""Scripts in tools/ and benchmarks/ as modules."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

PROJECT = Path(__file__).parents[2]
TOOLS = PROJECT / "tools"


def load_tool(name: str, folder: Path = TOOLS) -> ModuleType:
    """A script, which finds those beside it as it does when it is run."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))
