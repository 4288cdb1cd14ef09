"""Where and in which arithmetic a network runs."""

import ctypes
import sys
from functools import cache

import torch

from kuzushiji.errors import UsageError
from kuzushiji.models import MODELS

PRIVATE_NAMES = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""What `torch.cpu` calls its functions that tell of bfloat16, where it has no `get_capabilities`."""


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; `auto` takes the first that is there of cuda, mps and cpu.

    Raises:
        UsageError: no such device on this machine.
    """
    available = ["cpu"]
    if torch.backends.mps.is_available():
        available.insert(0, "mps")
    if torch.cuda.is_available():
        available.insert(0, "cuda")
    if name == "auto":
        return torch.device(available[0])
    if name.split(":")[0] not in available:
        raise UsageError(f"the device {name!r} is not on this machine; there is {' and '.join(available)}")
    return torch.device(name)


def device_for(model: str, name: str) -> torch.device:
    """The device called `name`; the CPU where it has no float64, in which classical models compute."""
    device = choose_device(name)
    return torch.device("cpu") if MODELS[model].fitted and device.type == "mps" else device


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """What convolutions and matrix products compute in: `float32`, `bfloat16`, or for `auto` whichever is fast.

    A CPU counts as fast at bfloat16 where it has instructions for it (AVX-512 BF16 or AMX).
    """
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        features = torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else ""
        fast = features == "AVX512" and has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def has_bfloat16() -> bool:
    """Whether the processor has instructions for bfloat16, as far as PyTorch tells; older ones tell it privately."""
    if tell := getattr(torch.cpu, "get_capabilities", None):
        return any(tell().get(name) for name in ("avx512_bf16", "amx_bf16"))
    return any(getattr(torch.cpu, name, bool)() for name in PRIVATE_NAMES)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """A context in which matrix products and convolutions run in `dtype`."""
    return torch.autocast(device.type, dtype, enabled=dtype != torch.float32)


@cache
def keep_freed_memory() -> None:
    """Lets the process keep the memory that tensors free, for the tensors of the next step.

    glibc hands large blocks back to the system at once and is given them again as pages that must be zeroed, some
    10,000 a step: a third of the time of a small network's training on a CPU.  Other C libraries don't; there it does
    nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        trim_threshold, mmap_threshold, bytes_kept = -1, -3, 1 << 30
        mallopt(mmap_threshold, bytes_kept)
        mallopt(trim_threshold, bytes_kept)
