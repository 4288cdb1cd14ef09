"""How long Kuzushiji-Kanji takes to read the first time, and afterwards from the cache.

    python benchmarks/read_kkanji.py [KKANJI_TAR]

Each reading is a process of its own with an empty or a filled cache in a temporary folder.  "Loaded" is what
`load` takes for all three splits; "touched" adds that every pixel is looked at once.  Processor time is that of all
processes together: on a busy machine it tells more than the clock.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from kuzushiji.data.catalogue import sets as catalog

READ = """
import json, sys, time
from kuzushiji.data.source import load
source = sys.argv[1]
start = time.perf_counter()
splits = [load(source, split) for split in ("train", "validation", "test")]
loaded = time.perf_counter()
total = sum(int(split.images.sum(dtype="uint64")) for split in splits)
touched = time.perf_counter()
counts = [len(split) for split in splits]
print(json.dumps({"loaded": loaded - start, "touched": touched - start, "counts": counts, "sum": total}))
"""


def read(source: Path, home: str) -> dict:
    """Loads all splits in a new process."""
    found = subprocess.run(
        [sys.executable, "-c", READ, str(source)],
        env={"KUZUSHIJI_HOME": home, "PYTHONPATH": ":".join(sys.path)},
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(found.stdout)


def main() -> None:
    """Reads three times and prints the times and their ratio."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else catalog.folder("kkanji") / "kkanji.tar"
    if not source.exists():
        sys.exit(f"{source} does not exist; name kkanji.tar, or fetch it with `kuzushiji data get kkanji`")
    with tempfile.TemporaryDirectory() as home:
        first = read(source, home)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        later = [read(source, home) for _ in range(3)]
    cached = min(later, key=lambda found: found["loaded"])
    assert first["sum"] == cached["sum"], "the cache gives other pixels than the first reading"
    count = sum(first["counts"])
    print(f"{count:,} images: {', '.join(f'{part:,}' for part in first['counts'])} (train, validation, test)")
    speed = count / first["loaded"]
    print(f"first   {first['loaded']:8.2f} s loaded  {first['touched']:8.2f} s touched  {speed:,.0f} images/s")
    print(f"        {used.ru_utime + used.ru_stime:8.2f} s of processor time")
    print(f"cached  {cached['loaded']:8.3f} s loaded  {cached['touched']:8.2f} s touched  (best of {len(later)})")
    loaded, touched = (first[what] / cached[what] for what in ("loaded", "touched"))
    print(f"ratio   {loaded:8.0f}   loaded  {touched:8.0f}   touched")


if __name__ == "__main__":
    main()
