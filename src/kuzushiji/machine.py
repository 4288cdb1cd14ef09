"""What machine this is, for the record of a run or of a benchmark."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def describe_machine() -> dict[str, Any]:
    """Its `processor`, the number of `cores` that this process may use, and `memory_gib` (None if not known)."""
    return {"processor": _processor(), "cores": _cores(), "memory_gib": _memory_gib()}


def machine_text(machine: Mapping[str, Any]) -> str:
    """What `describe_machine` gave, and the `device` if it is there, in a few words: `AMD EPYC, 2 cores, cpu`."""
    cores = machine.get("cores")
    parts = [machine.get("processor"), cores and f"{cores} core{'s' if cores > 1 else ''}", machine.get("device")]
    return ", ".join(part for part in parts if part)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
