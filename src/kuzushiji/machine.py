"""What machine this is, for the record of a run or of a benchmark."""

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

from kuzushiji.processes import cores


@dataclass(frozen=True)
class Machine:
    """A machine, as far as it is known; in a few words as text: `AMD EPYC, 2 cores, cpu`.

    Attributes:
        processor: its name.
        cores: how many a process may use.
        memory_gib: how much memory it has.
        device: what a network was trained on.
        processes: how many trained it together, each on such a device, and perhaps on such a machine.
    """

    processor: str = ""
    cores: int | None = None
    memory_gib: float | None = None
    device: str = ""
    processes: int = field(default=1, metadata={"omit": True})

    def __str__(self) -> str:
        share = self.cores and f"{self.cores} core{'s' if self.cores > 1 else ''}"
        together = f"{self.processes} processes" if self.processes > 1 else ""
        return ", ".join(part for part in (self.processor, share, self.device, together) if part)


def describe_machine(device: str = "", processes: int = 1) -> Machine:
    """This machine, the device on which something is done, and how many processes do it."""
    return Machine(_processor(), cores(), _memory_gib(), device, processes)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
