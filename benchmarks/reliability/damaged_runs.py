"""Whether one damaged run hides others from `kuzushiji runs` and `kuzushiji results`.

    python benchmarks/reliability/damaged_runs.py [TIMES]

Trains two small runs, and again and again damages a file of one of them: emptied, cut off, overwritten at a random
place, or a key taken out of a line.  Wrong is whatever ends the two commands, or leaves the other run out.
"""

import contextlib
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path

from counted import tell

from kuzushiji.cli import main as kuzushiji

FILES = ("config.json", "metrics.jsonl", "predictions.npz", "evaluation.json")


def called(*arguments: str) -> tuple[int, str]:
    """The exit code and the standard output of a command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        return kuzushiji(list(arguments)), out.getvalue()


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content of a file after something has happened to it."""
    match chance.randrange(4):
        case 0:
            return b""
        case 1:
            return content[: chance.randrange(len(content))]
        case 2:
            place = chance.randrange(len(content))
            return content[:place] + chance.randbytes(8) + content[place + 8 :]
    with contextlib.suppress(ValueError):
        record = json.loads(content)
        record.pop(chance.choice(sorted(record)))
        return json.dumps(record).encode() + b"\n"
    return b"\0" * len(content)


def main() -> int:
    """Prints a line for each run that was hidden; exits with 1 if one was."""
    times, wrong = int(sys.argv[1]) if sys.argv[1:] else 60, 0
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["KUZUSHIJI_HOME"] = scratch
        for name in ("sound", "hurt"):
            what = ("--data", "brush:kmnist", "--limit", "200", "--epochs", "1", "--no-report")
            assert called("train", "nn_1", *what, "--run", name)[0] == 0
        folder = Path(scratch, "runs", "hurt")
        whole = {name: (folder / name).read_bytes() for name in FILES}
        for seed in range(times):
            chance = random.Random(seed)
            for name, content in whole.items():
                (folder / name).write_bytes(content)
            name = chance.choice(FILES)
            (folder / name).write_bytes(damaged(whole[name], chance))
            try:
                codes, listed = zip(called("runs", "--json"), called("results"), strict=True)
                hidden = codes != (0, 0) or '"sound"' not in listed[0] or "nn_1" not in listed[1]
            except Exception as error:
                codes, hidden = repr(error), True
            if hidden:
                wrong += 1
                print(f"seed {seed}, {name}: {codes}")
    return tell("one damaged run beside a sound one", times, wrong)


if __name__ == "__main__":
    sys.exit(main())
