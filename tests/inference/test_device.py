import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kuzushiji.inference import device

COUNT = """
import resource, torch
from kuzushiji.inference.device import keep_freed_memory
{call}
for _ in range(20):
    torch.ones(10_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(call: str) -> int:
    program = [sys.executable, "-c", COUNT.format(call=call)]
    return int(subprocess.run(program, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(
    not (sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")),
    reason="only glibc hands memory back so eagerly",
)
def test_freed_memory_is_used_again():
    assert page_faults("keep_freed_memory()") + 100_000 < page_faults("")


PROCESSOR = Path("/proc/cpuinfo")


def test_this_version_of_torch_tells_of_bfloat16():
    names = ("get_capabilities", *device.PRIVATE_NAMES)
    assert any(hasattr(torch.cpu, name) for name in names), (
        f"torch {torch.__version__} has no torch.cpu.{' or '.join(names)}: `--precision auto` is float32 on each CPU"
    )


@pytest.mark.skipif(not PROCESSOR.exists(), reason="only Linux tells of the processor's instructions in a file")
def test_bfloat16_is_known_where_the_processor_has_it():
    words = PROCESSOR.read_text().split()
    assert device.has_bfloat16() == ("avx512_bf16" in words or "amx_bf16" in words), f"torch {torch.__version__}"


def test_a_torch_that_tells_privately_or_nothing(monkeypatch):
    for name in ("get_capabilities", *device.PRIVATE_NAMES):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert device.choose_dtype("auto", torch.device("cpu")) is torch.float32
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert device.has_bfloat16()
