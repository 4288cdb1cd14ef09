"""Whether `kuzushiji runs remove` deletes anything that the program did not write.

    python benchmarks/reliability/removal.py

Makes folders of a stranger, each with a file `config.json` of some kind beside a thesis, and runs with something of the
user's in them; asks for the removal of each, by its path, and looks for what was there.
"""

import contextlib
import io
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path

from counted import tell

from kuzushiji.cli import main as kuzushiji
from kuzushiji.runs.config import DataConfig, ModelConfig, RunConfig
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import create_run

STRANGE = (
    b"",
    b"{}",
    b"[]",
    b"null",
    b"\xff\xfe",
    b'{"model": "bert", "data": "mine"}',
    b'{"model": {}, "recipe": {}}',
)
KEPT = ("thesis.txt", "model.py", "report.tex", "predictions.csv", ".git/HEAD", "runs/best/model.safetensors")
RUN = RunConfig(model=ModelConfig("nn_1"), data=DataConfig("mine"), recipe=Recipe(), classes=("お",))


def main() -> int:
    """Prints a line for each loss; exits with 1 if there is one."""
    tried = lost = 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KUZUSHIJI_HOME"] = f"{scratch}/home"
        for number, (config, kept) in enumerate(itertools.product((*STRANGE, None), KEPT)):
            folder = Path(scratch, str(number))
            if config is None:
                create_run(folder, RUN)
            else:
                folder.mkdir()
                (folder / "config.json").write_bytes(config)
            (folder / kept).parent.mkdir(parents=True, exist_ok=True)
            (folder / kept).write_text("years of work")
            before = {path for path in folder.rglob("*") if config is not None or path.name != "config.json"}
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                kuzushiji(["runs", "remove", str(folder), "--yes"])
            tried += 1
            if missing := [path.name for path in before if not path.exists()]:
                lost += 1
                print(f"{json.dumps(repr(config))}: {', '.join(missing)} deleted")
    return tell("removal of folders with something of the user's", tried, lost)


if __name__ == "__main__":
    sys.exit(main())
