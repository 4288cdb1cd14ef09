"""What the processes of a cluster do in tests; imports little, for each of them imports it."""

import os
import signal
import time

from kuzushiji.errors import DataError, Interrupted
from kuzushiji.interruption import interruptible


def read_or_die(folder, choice, steps, wanted, image):
    """Reads pages; the first process that has the second one is killed, and each that has the fourth."""
    from kuzushiji.reading.choice import read_as

    if image.name == "p3" or (image.name == "p1" and not (folder / "killed").exists()):
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return read_as(choice, steps, wanted, image)


def fall(number):
    return 1 / number


def count(report, number):
    report(number)
    report(os.environ["OMP_NUM_THREADS"])
    return number**2


def kill_at_first(report, folder):
    if (folder / "killed").exists():
        report("began again")
    else:
        (folder / "killed").touch()
        os.kill(os.getppid(), signal.SIGKILL)  # what Ray started, which takes this with it
        time.sleep(60)
    return "done"


def wait(report, folder):
    """Works until it is interrupted, and leaves a note when it was."""
    with interruptible() as stop:
        report(os.getpid())
        while not stop.wait(0.01):
            pass
        (folder / "interrupted").touch()
    raise Interrupted("it was interrupted")


def fail(report):
    raise DataError("it is broken")


def wait_long():
    time.sleep(60)
