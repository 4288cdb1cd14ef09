"""Builds the wheel and the sdist, installs them for each Python, and does with them what a user does first.

    python tools/try_versions.py python3.11 python3.12 python3.13            # the plain package, from either file
    python tools/try_versions.py python3.12 --extras                         # and with each extra
    python tools/try_versions.py python3.12 --extras train serve             # and with these
    python tools/try_versions.py python3.12 --extras train --constraint constraints.txt
    python tools/try_versions.py python3.12 --extras --only --uv uv          # the extras alone, installed by uv

Each trial has an environment of its own in a temporary folder, and a KUZUSHIJI_HOME of its own.  An interpreter that is
not there, or is too old, is said and skipped.  An extra for which no trial stands here is installed and its packages
are imported.  It needs `build`; pip is asked for the rest, or uv, which is quicker where many trials share packages.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from kuzushiji.extras import PACKAGES

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "docs" / "pictures" / "pages" / "算法少女" / "3508165_8.jpg"
OLDEST = (3, 11)

IMPORT = "python -W error -c 'import kuzushiji'"
READ = "kuzushiji read page.jpg --output read --format txt,pagexml,pdf"
PLAIN = (
    IMPORT,
    "kuzushiji --version",
    "kuzushiji --help",
    "kuzushiji data convert brush:kmnist:20 characters --format folder",
    "kuzushiji recognize characters/test --top 3",
    READ,
)
"""What the plain package does."""

TRAIN = "kuzushiji train lenet5 --data brush:kmnist --epochs 1 --run first"
ROOM = "from pathlib import Path; from kuzushiji.serving.app import *; create(Room(Path('shelf')))"
PAGES = ("kuzushiji read page.jpg --output pages", "python -c \"import shutil; shutil.copy('page.jpg', 'pages')\"")
COLUMNS = "import kuzushiji; print(kuzushiji.load('brush:kmnist:20', 'train').to_huggingface().features)"
FIT = (
    "import keras, kuzushiji; train = kuzushiji.load('brush:kmnist:20', 'train'); x = train.images[..., None] / 255; "
    "layers = [keras.layers.Conv2D(8, 3), keras.layers.Flatten(), keras.layers.Dense(10)]; "
    "model = keras.Sequential(layers); "
    "model.compile('adam', keras.losses.SparseCategoricalCrossentropy(from_logits=True)); model.fit(x, train.labels)"
)
TRIALS = {
    "train": (TRAIN, "kuzushiji evaluate first", "kuzushiji explore brush:kmnist --only balance"),
    "train,sweep": ("kuzushiji sweep lenet5 --data brush:kmnist --epochs 1 --search lr=0.01,0.1 --trials 2",),
    "train,umap": ("kuzushiji explore brush:kmnist:200 --methods umap --only projection",),
    "train,export": (TRAIN, "kuzushiji export first --output first.onnx"),
    "train,transfer": ("kuzushiji models xception",),
    "pdf": (READ, "kuzushiji read read/page.pdf"),
    "serve": (f'python -W error -c "{ROOM}"',),
    "train,track": (f"{TRAIN} --track tensorboard",),
    "parquet": (
        "kuzushiji data convert brush:kmnist:20 rows --format parquet",
        "kuzushiji data convert rows again --format npz",
    ),
    "datasets": (f'python -c "{COLUMNS}"',),
    "lmdb": (*PAGES, "kuzushiji data convert pages lines --format lmdb"),
    "yolo": (
        *PAGES,
        "kuzushiji data convert pages boxes --format yolo",
        "kuzushiji data convert boxes again --format kaggle",
    ),
    "keras": (f'python -c "{FIT}"',),
}
"""Extras -> what they are for; the last is the one that is tried, what stands before it is what it needs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreters", nargs="+", help="Pythons, by name or path")
    parser.add_argument("--extras", nargs="*", help="try these extras too; without a name, every one but dev")
    parser.add_argument("--only", action="store_true", help="try the extras alone, not the plain package")
    parser.add_argument("--constraint", type=Path, help="versions for pip")
    parser.add_argument("--uv", help="the program uv, to install with instead of pip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel, sdist = build(Path(folder) / "dist")
        wanted = () if arguments.extras is None else tuple(arguments.extras) or extras_of(wheel)
        plain = () if arguments.only else (Trial(sdist), Trial(wheel))
        trials = [*plain, *(Trial(wheel, extra) for extra in wanted)]
        failed = 0
        for interpreter in arguments.interpreters:
            if skipped := why_not(interpreter):
                print(f"{interpreter}: skipped, {skipped}", flush=True)
                continue
            for trial in trials:
                failure = trial.run(interpreter, arguments.constraint, arguments.uv)
                failed += bool(failure)
                print(f"{interpreter}: {trial}: {failure or 'works'}", flush=True)
    sys.exit(min(failed, 1))


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel, which is made from the sdist, and the sdist."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", folder, PROJECT], check=True, stdout=subprocess.DEVNULL)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    for path in (sdist, wheel):
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
    return wheel, sdist


def extras_of(wheel: Path) -> tuple[str, ...]:
    """What the wheel says that it can be installed with."""
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        told = HeaderParser().parsestr(archive.read(name).decode())
    return tuple(extra for extra in told.get_all("Provides-Extra", []) if extra != "dev")


def why_not(interpreter: str) -> str:
    """Why an interpreter cannot be tried; empty where it can."""
    try:
        asked = [interpreter, "-c", "import sys; print(*sys.version_info[:2])"]
        version = tuple(map(int, subprocess.check_output(asked, text=True).split()))
    except (OSError, subprocess.CalledProcessError) as error:
        return f"it does not run ({error})"
    return "" if version >= OLDEST else f"it is older than {'.'.join(map(str, OLDEST))}"


@dataclass(frozen=True)
class Trial:
    """One file, with an extra or without.

    Attributes:
        file: the wheel or the sdist.
        extra: its name; empty for the plain package.
    """

    file: Path
    extra: str = ""

    def __str__(self) -> str:
        return f"{self.file.name}[{self.extra}]" if self.extra else self.file.name

    @property
    def needs(self) -> str:
        """The extra with those that it is of use with."""
        return next((extras for extras in TRIALS if extras.split(",")[-1] == self.extra), self.extra)

    @property
    def commands(self) -> Sequence[str]:
        if not self.extra:
            return PLAIN
        imports = f"import kuzushiji, {', '.join(PACKAGES.get(self.extra, ()))}".rstrip(", ")
        return (IMPORT, *TRIALS.get(self.needs, (f"python -c '{imports}'",)))

    def run(self, interpreter: str, constraint: Path | None, uv: str | None = None) -> str:
        """Installs and tries; what went wrong, or nothing."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            environment = folder / "environment"
            binaries = environment / ("Scripts" if os.name == "nt" else "bin")
            variables = {"KUZUSHIJI_HOME": f"{folder / 'home'}", "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
            install = (
                [uv, "pip", "install", "--quiet", "--python", environment]
                if uv
                else [binaries / "python", "-m", "pip", "install", "--quiet"]
            )
            make = [interpreter, "-m", "venv", environment, *(["--without-pip"] if uv else [])]
            install += [f"{self.file}[{self.needs}]" if self.needs else self.file]
            install += ["--constraint", constraint.absolute()] if constraint else []
            shutil.copyfile(PAGE, folder / "page.jpg")
            tried = map(shlex.split, self.commands)
            for command in (make, install, *tried):
                done = subprocess.run(
                    list(map(str, command)),
                    cwd=folder,
                    env=without_python() | variables,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
                if done.returncode:
                    return f"FAILED at {' '.join(map(str, command))}\n{done.stderr.strip()}"
        return ""


def without_python() -> dict[str, str]:
    """The variables of this process but those that would lead another Python into this one's folders."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


if __name__ == "__main__":
    main()
