"""The program `kuzushiji`, from its first line to its last one."""

import atexit
import os
import sys
from contextlib import suppress

from kuzushiji.interruption import end_at_once_with, terminate_as_interrupted


def main() -> int:
    """Runs the command line, and returns its exit code, with which the process is to end.

    Ctrl-C and a request to terminate are heeded from here on, not only when all that the command line needs has been
    imported, and until the process is gone.
    """
    terminate_as_interrupted()
    codes: list[int] = []
    atexit.register(_leave, codes)  # called last, for it is the first
    try:
        from kuzushiji.cli import main as command_line

        codes.append(command_line())
    except KeyboardInterrupt:  # before the command line began, or a second one while it told of the first
        print("Interrupted.", file=sys.stderr)
        codes.append(130)
    end_at_once_with(codes[0])
    return codes[0]


def _leave(codes: list[int]) -> None:
    """Ends the process with its exit code.

    Python would first take itself down, without any handler of signals, and then end itself by a signal if an
    interruption had come while it executed a text, as dataclasses do, though it was handled.
    """
    if codes:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(codes[0])


if __name__ == "__main__":
    sys.exit(main())
