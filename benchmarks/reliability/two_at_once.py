"""Whether what is begun at the same moment gets in each other's way.

    python benchmarks/reliability/two_at_once.py [ROUNDS] [SEED]

Each round begins four trainings without a name at once, all of which must end in runs of their own; four resumptions
of one run that was cut off, of which one alone may train it; the same command three times, for every verb that writes;
and the removal of a run that is being trained, at a moment drawn by the seed.  Wrong is what ends neither well nor
with one line, what none of them has done well, a file that is half written or is not as one of them alone writes it,
and a run that is neither there nor gone.
"""

import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import closing
from pathlib import Path

from counted import tell
from home import Home, ended

sys.path.append(str(Path(__file__).parents[2]))
from tests.hubserver import Hub, hub_server

MOST_SECONDS = 300
EACH = 3
"""Times that the same command is begun."""
MOST_LINES = 2
"""That one says which another was faster than: a note, and the error."""
WHOLE = ((1, 0, 0), (2, 0, 0), (0, 0, 2))
"""Exit codes of a removal, a training and an evaluation after them: it was refused, came too early or after the end."""

VERBS = {
    "data convert brush:kmnist:300 {home}/made/it": "made/it",
    "data convert brush:kmnist:300 {home}/made/it --format folder": "made/it",
    "data convert {home}/book {home}/made/it --format coco": "made/it",
    "data pages {home}/book --draw {home}/made/it.png": "made/it.png",
    "explore brush:kmnist:100 --only samples --output {home}/made/it": "made/it",
    "evaluate a": "runs/a/evaluation.json",
    "report a --output {home}/made/it.html": "made/it.html",
    "explain c --draw {home}/made/it.png": "made/it.png",
    "export a --output {home}/made/it.onnx": "made/it.*",
    "hub pull me/a": "runs/me--a-*",
    "read {home}/pages --output {home}/made/it --format txt,pagexml --draw": "made/it",
    "shelf export {home}/made/it.zip --folder {home}/shelf": "made/it.zip",
    "shelf import {home}/shelf.zip --folder {home}/made/it": "made/it",
    "results a b --output {home}/made/it.json": "made/it*",
    "study {home}/mine.toml {data} --output {home}/made/it": "made/it",
    "{search} --name it": "sweeps/it",
}
"""What is begun several times, and what it makes, below the home."""


def main() -> int:
    """Prints a line for each kind of a round, and one for what was wrong; exits with 1 if anything was."""
    rounds, seed = (*sys.argv[1:], *("3", "1")[len(sys.argv) - 1 :])
    chance, wrong, tried = random.Random(seed), 0, 0
    with tempfile.TemporaryDirectory() as scratch, hub_server() as hub:
        home = Home(Path(scratch), hub.url, hub.url)
        _fill(hub, home)
        alone = {words: (_made_alone(home, words), _made_alone(home, words)) for words in VERBS}
        for number in range(int(rounds)):
            found = [
                *_trainings(home, number),
                *_removal(home, number, chance),
                *(f"{words}: {why}" for words in VERBS for why in _same(home, words, *alone[words])),
            ]
            print("\n".join(found or [f"round {number}: nothing was wrong"]), flush=True)
            wrong += len(found)
            tried += 8 + 2 + EACH * len(VERBS)
    return tell("trainings, resumptions and other verbs begun at the same moment", tried, wrong)


def _fill(hub: Hub, home: Home) -> None:
    """Puts a run onto the hub."""
    run = home.path / "runs" / "a"
    hub.add("me/a", {path.name: path.read_bytes() for path in run.iterdir() if path.suffix not in (".lock", "")})


def _trainings(home: Home, number: int) -> list[str]:
    """Four without a name, then four resumptions of one that was killed; what was wrong."""
    runs, train = home.path / "runs", "train nn_1 --data brush:kmnist:200 --no-report"
    before = set(runs.iterdir())
    codes = [code for code, _ in _all_ended([home.start(f"{train} --epochs 2") for _ in range(4)])]
    made = len(set(runs.iterdir()) - before)
    found = [f"four trainings: exit codes {codes}, {made} runs"] * (4 - min(codes.count(0), made))

    cut_off = home.start(f"{train} --epochs 60 --run cut-{number}")
    metrics = runs / f"cut-{number}" / "metrics.jsonl"
    while not metrics.exists():
        time.sleep(0.02)
    cut_off.send_signal(signal.SIGKILL)
    cut_off.communicate()
    again = [home.start(f"train --resume cut-{number} --no-report") for _ in range(4)]
    codes = sorted(code for code, _ in _all_ended(again))
    epochs = len(metrics.read_text().splitlines())
    if epochs != 60 or codes != [0, 1, 1, 1]:
        found += [f"four resumptions: exit codes {codes}, {epochs} epochs"] * 4
    return found


def _removal(home: Home, number: int, chance: random.Random) -> list[str]:
    """A run is removed while it is trained; what was wrong."""
    name, after = f"gone-{number}", chance.uniform(0.5, 5)
    train = home.start(f"train nn_1 {{data}} --epochs 40 --no-report --run {name}")
    time.sleep(after)
    (removed, said), (trained, told) = _all_ended([home.start(f"runs remove {name} --yes"), train])
    ((code, _),) = _all_ended([home.start(f"evaluate {name}")])
    is_half = code and (home.path / "runs" / name).exists()
    if (removed, trained, code) in WHOLE and not is_half and "Traceback" not in said + told:
        return []
    return [f"removed after {after:.1f} s: {removed}, {trained}, {code}: {said[-300:]}{told[-300:]}"]


def _same(home: Home, words: str, alone: dict[str, bytes], again: dict[str, bytes]) -> list[str]:
    """A command several times at once; what was wrong with each, and with what they made."""
    ends = _all_ended([home.start(words) for _ in range(EACH)])
    found = [
        f"exit code {code}: {said.strip()[-300:]}"
        for code, said in ends
        if code not in (0, 1, 2) or "Traceback" in said or (code and len(said.strip().splitlines()) > MOST_LINES)
    ]
    if all(code for code, _ in ends):
        found.append(f"none was done: {ends[0][1].strip()[-300:]}")
    made = _taken(home, words)
    if made.keys() != alone.keys():
        found.append(f"files {sorted(made)}, and not {sorted(alone)}")
    other = [name for name in made if alone.get(name) == again.get(name) != made[name]]
    if other or (other := home.left()):
        found.append(f"not as alone: {', '.join(other)}")
    return found


def _made_alone(home: Home, words: str) -> dict[str, bytes]:
    home.do(words)
    return _taken(home, words)


def _taken(home: Home, words: str) -> dict[str, bytes]:
    """The files that a command has made, by their names, numbers left out; they are gone then."""
    made: dict[str, bytes] = {}
    for path in home.path.glob(VERBS[words]):
        files = [path] if path.is_file() else [file for file in sorted(path.rglob("*")) if file.is_file()]
        made |= {re.sub(r"[0-9]+", "0", str(file.relative_to(home.path))): _content(file) for file in files}
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return made


def _content(file: Path) -> bytes:
    """The bytes of a file; the lines of a database in any order; of zips and pages what is in them but times."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file) as archive:
            return b"".join(name.encode() + archive.read(name) for name in archive.namelist())
    if file.suffix in (".md", ".html"):
        return re.sub(rb"[0-9][0-9.,]*", b"0", file.read_bytes())
    if file.suffix != ".sqlite":
        return file.read_bytes()
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(sorted(database.iterdump())).encode()


def _all_ended(processes: "list[subprocess.Popen[str]]") -> list[tuple[int, str]]:
    """The exit code of each process and what it said; one that does not end is killed."""
    return [(process.returncode, said) for process in processes for said in [ended(process, MOST_SECONDS)[0]]]


if __name__ == "__main__":
    sys.exit(main())
