"""Makes the gallery of the site: small reports of every kind, of drawn data, and a picture of each.

`python tools/make_gallery.py` writes `docs/gallery/NAME.html` and `docs/pictures/gallery/NAME.jpg`, by the commands
that `docs/gallery.md` names; some minutes on two cores. It needs Debian's chromium for the pictures.
"""

import os
import shlex
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).resolve().parents[1] / "docs"

REPORTS = {
    "run": ("train lenet5 --data brush:kmnist --epochs 2 --run first", "home/runs/first/report.html"),
    "study": (
        "study lenet-or-alexnet --data brush:kmnist --limit 3000 --epochs 4 --output answered",
        "answered/report.html",
    ),
    "explore": (
        "explore brush:kmnist --limit 400 --methods pca tsne --no-figures --output explored",
        "explored/explore.html",
    ),
    "sweep": (
        'sweep lenet5 --data brush:kmnist --limit 1000 --epochs 6 --trials 8 --search "lr=0.003..0.3 log" --name swept',
        "home/sweeps/swept/report.html",
    ),
}
"""Name -> what follows `kuzushiji`, and the page that it leaves."""

SHOWN = (1100, 760)
"""Pixels of the page that a picture shows."""


def make(name: str, folder: Path) -> None:
    """Writes a report into the gallery, with its picture."""
    arguments, page = REPORTS[name]
    environment = os.environ | {"KUZUSHIJI_HOME": str(folder / "home")}
    subprocess.run(
        [sys.executable, "-m", "kuzushiji", *shlex.split(arguments)], cwd=folder, env=environment, check=True
    )
    target = DOCS / "gallery" / f"{name}.html"
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(folder / page, target)
    picture = DOCS / "pictures" / "gallery" / f"{name}.jpg"
    picture.parent.mkdir(exist_ok=True)
    photograph(target).save(picture, quality=80)


def photograph(page: Path) -> Image.Image:
    """The top of a page as a browser shows it, smaller."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": SHOWN[0], "height": SHOWN[1]})
        opened.goto(page.as_uri(), timeout=0)
        taken = opened.screenshot(timeout=0)
        browser.close()
    return Image.open(BytesIO(taken)).convert("RGB").resize((SHOWN[0] * 2 // 3, SHOWN[1] * 2 // 3), Image.LANCZOS)


if __name__ == "__main__":
    for name in sys.argv[1:] or REPORTS:
        with TemporaryDirectory(prefix="kuzushiji-gallery-") as folder:
            make(name, Path(folder))
