"""A home in which verbs are tried, with runs, pages, a shelf and data that they can be given."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from drawn import KUZUSHIJI, draw_page

CHARACTERS = "--data brush:kmnist:100"
SEARCH = f"sweep nn_1 {CHARACTERS} --search lr=0.01..0.1 --epochs 2 --trials 3"
STUDY = """
title = "Which rate?"
question = "Does the rate matter?"
[shared]
model = "nn_1"
epochs = 2
[grid]
label = "lr {lr}"
lr = [0.1, 0.01, 0.001]
"""
_PART = re.compile(r"\..+\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.part", re.DOTALL)
"""A file half written; what arrived of a download is called otherwise, and stays."""


class Home:
    """The runs a, b and c; `pages`, `book` (labelled), `folders` (of classes), `shelf`, `shelf.zip`, `mine.toml`.

    Args:
        path: an empty folder.
        web: the proxy by which everything that is not on this machine is asked for.
        hub: the address of the hub.
    """

    def __init__(self, path: Path, web: str, hub: str) -> None:
        self.path = path
        self._environment = {
            **os.environ,
            **{"KUZUSHIJI_HOME": str(path), "TMPDIR": str(path / "tmp"), "OMP_NUM_THREADS": "1"},
            **{"HTTP_PROXY": web, "HTTPS_PROXY": web, "NO_PROXY": "127.0.0.1"},
            **{"HF_ENDPOINT": hub, "HF_TOKEN": "hf_right", "HF_HUB_DISABLE_XET": "1"},
        }
        for name in ("tmp", "made", "pages", "book/images"):
            (path / name).mkdir(parents=True)
        (path / "mine.toml").write_text(STUDY)
        self._draw_pages()
        self._fill_shelf()
        for name, network in (("a", "nn_1"), ("b", "nn_1"), ("c", "lenet5")):
            self.do(f"train {network} {{data}} --epochs 1 --no-report --run {name}")
        self.do("data convert brush:kmnist:10 {home}/folders --format folder")

    def filled(self, text: str, number: int = 0) -> str:
        """A text with what stands for parts of it: `{home}`, `{n}`, a number, `{data}` and `{search}`."""
        return text.format(home=self.path, n=number, data=CHARACTERS, search=SEARCH)

    def start(self, words: str, number: int = 0) -> "subprocess.Popen[str]":
        """Begins a command, whose stderr is kept."""
        return subprocess.Popen(
            [*KUZUSHIJI, *self.filled(words, number).split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._environment,
            cwd=self.path / "tmp",
            text=True,
        )

    def do(self, words: str, number: int = 0) -> None:
        """Does a command that must end well."""
        process = self.start(words, number)
        said, _ = ended(process, 300)
        if process.returncode:
            raise RuntimeError(f"{words}: {said}")

    def left(self) -> list[str]:
        """What is half written, and what lies among temporary files and is not PyTorch's or ONNX Runtime's."""
        parts = [each.name for each in self.path.rglob("*.part") if _PART.fullmatch(each.name)]
        temporary = (each.name for each in (self.path / "tmp").iterdir())
        return parts or [name for name in temporary if not name.startswith(("torchinductor", ".ses"))]

    def clear(self) -> None:
        """Removes what was made."""
        shutil.rmtree(self.path / "made")
        (self.path / "made").mkdir()

    def _draw_pages(self) -> None:
        from kuzushiji.data.source import load

        ink, rows = load("brush:kmnist:3", "train").images, ["image_id,labels"]
        for number in range(3):
            sheet, boxes = draw_page(ink[8 * number : 8 * number + 8])
            sheet.save(self.path / "pages" / f"{number}.png")
            sheet.save(self.path / "book" / "images" / f"b{number}_1.jpg")
            rows.append(f"b{number}_1,{' '.join('U+304A {} {} {} {}'.format(*box) for box in boxes)}")
        (self.path / "book" / "train.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")

    def _fill_shelf(self) -> None:
        from kuzushiji.serving.archive import write
        from kuzushiji.serving.shelf import Shelf

        shelf = Shelf(self.path / "shelf")
        for page in sorted((self.path / "pages").iterdir()):
            shelf.add(page.name, page.read_bytes(), "book")
        write(shelf, self.path / "shelf.zip")
        shelf.close()


def ended(process: "subprocess.Popen[str]", seconds: float) -> tuple[str, str]:
    """What a process said on stderr, and whether it did not end."""
    try:
        return process.communicate(timeout=seconds)[1], ""
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[1], "it did not end"
