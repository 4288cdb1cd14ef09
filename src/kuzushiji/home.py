"""Where data, caches and runs live.

Everything lies under one folder: the environment variable `KUZUSHIJI_HOME` if it is set, else the
user's data folder as the operating system has it.
"""

import os
from pathlib import Path

import platformdirs

from kuzushiji.files import expanded


def home() -> Path:
    """The folder that holds all that kuzushiji keeps.  It need not exist yet."""
    configured = os.environ.get("KUZUSHIJI_HOME")
    return expanded(configured) if configured else Path(platformdirs.user_data_dir("kuzushiji", False))


def data_folder() -> Path:
    """Where datasets are placed, a folder each."""
    return home() / "data"


def cache_folder() -> Path:
    """Where decoded datasets are kept; anything in it can be deleted and is made again."""
    return home() / "cache"


def runs_folder() -> Path:
    """Where a run goes unless it is given a path."""
    return home() / "runs"
