import ctypes
import subprocess
import sys

import pytest

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
