"""Whether damaged or hostile files of any kind end in data or in one line.

    python benchmarks/reliability/mutations.py [TIMES] [SEED] [KIND]

Makes valid files of every kind that is read, damages one again and again (`damage.py`), and lets a process of its own
read it, with 20 seconds of the processor and 2 GB of memory more than it had at first.  Clean is a file that is read,
or refused with a `KuzushijiError`, which the command line prints as one line; wrong is any other exception, a crash and
a hang.
"""

import multiprocessing
import os
import random
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from counted import tell
from damage import damaged
from readers import Reader, readers

from kuzushiji.errors import KuzushijiError

SECONDS = 20
MORE_BYTES = 2 << 30
OUTCOMES = ("data", "one line", "wrong")


def read_all(reader: Reader, numbers: range, seed: str, told: Connection) -> None:
    """Damages and reads the files, and tells of each number what came of it: `data`, `one line`, or the exception."""
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MORE_BYTES,) * 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # where C libraries complain
    warnings.simplefilter("ignore")
    whole = {path: path.read_bytes() for path in reader.files}
    if numbers[0] == 0 and "names" not in reader.name:
        reader.read()  # which must do, or what follows would tell nothing
    for number in numbers:
        told.send(number)
        chance = random.Random(f"{seed} {reader.name} {number}")
        path = chance.choice(sorted(whole))
        for each, content in whole.items():
            each.write_bytes(content if each != path else damaged(content, chance))
        try:
            reader.read()
            told.send("data")
        except KuzushijiError:
            told.send("one line")
        except BaseException as error:
            told.send("".join(traceback.format_exception(error)[-3:]))
    for path, content in whole.items():
        path.write_bytes(content)
    told.send(None)


def trial(reader: Reader, times: int, seed: str) -> Counter[str]:
    """What came of so many damaged files of one kind; prints what was wrong."""
    found: Counter[str] = Counter()
    start, context = 0, multiprocessing.get_context("fork")
    whole = {path: path.read_bytes() for path in reader.files}
    while start < times:
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=read_all, args=(reader, range(start, times), seed, theirs), daemon=True)
        child.start()
        theirs.close()
        number, outcome = start, "hang"
        try:
            while _answers(ours, child.pid or 0):
                outcome = ours.recv()
                if isinstance(outcome, int):
                    number, outcome = outcome, "hang"
                elif outcome is None:
                    break
                else:
                    _count(found, reader, number, outcome)
        except EOFError:
            outcome = "crash"
        child.kill()
        child.join()
        if outcome is None:
            break
        _count(found, reader, number, outcome if outcome != "crash" else f"crash, exit code {child.exitcode}")
        start = number + 1
        for path, content in whole.items():
            path.write_bytes(content)
    return found


def _answers(told: Connection, process: int) -> bool:
    """Waits for the next word of a process; False if it hangs, by its own clock, for there may be others at work."""
    used, waited = _used(process), 0
    while not told.poll(SECONDS):
        waited += SECONDS
        if _used(process) - used >= SECONDS or waited >= 20 * SECONDS:
            return False
    return True


def _used(process: int) -> float:
    """The seconds of the processor that a process has used; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _count(found: Counter[str], reader: Reader, number: int, outcome: str) -> None:
    if outcome not in ("data", "one line"):
        print(f"{reader.name}, number {number}: {outcome}", flush=True)
        outcome = "wrong"
    found[outcome] += 1


def main() -> int:
    """Prints what was wrong, a line for each kind of file, and the sum; exits with 1 if anything was wrong."""
    times, seed, kind = (*sys.argv[1:], *("2000", "1", "")[len(sys.argv) - 1 :])
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        every = [each for each in readers(Path(scratch)) if kind in each.name]
        shares = sum(each.share for each in every)
        for each in every:
            found = trial(each, max(1, round(int(times) * each.share / shares)), seed)
            print(
                f"{each.name}: {found['data']} data, {found['one line']} one line, {found['wrong']} wrong", flush=True
            )
            total += found
    return tell("damaged and hostile files", total.total(), total["wrong"])


if __name__ == "__main__":
    sys.exit(main())
