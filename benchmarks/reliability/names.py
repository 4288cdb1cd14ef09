"""Whether names of strangers are text everywhere: of files, folders, runs, classes, pages, networks, studies.

    python benchmarks/reliability/names.py [NAME]

Gives each verb names that are markup of the terminal's library, HTML or mathematics, or that have characters by which
a terminal is told what to do.  Wrong is any exception, such a character in what is printed, a name that is printed
without its markup, and a page that is written in which a name is HTML.  Half of the times a terminal is there.
"""

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from counted import tell
from drawn import draw_page
from PIL import Image

from kuzushiji.cli import main as kuzushiji
from kuzushiji.data.source import load

WORD = "QZX"
"""What stands in each name, so that it is found again."""
NAMES = (
    f"[bold]{WORD}[/bold]",
    f"[/]{WORD}",
    f"[red]{WORD}",
    f"[link=https://evil.example]{WORD}[/link]",
    f"[[{WORD}]]",
    f"\\[{WORD}",
    f"\x1b[38;5;77m{WORD}",
    f"\x1b]0;{WORD}\x07",
    f"a\u202e{WORD}",
    f"\x9b7m{WORD}",
    f"a\n\r{WORD}\t",
    f"<b>{WORD}</b><script>1</script>",
    f"$\\frac{{{WORD}$",
    f"${WORD}^^{{",
    f"{{0}}%s%(x)d{WORD}",
    f":smile:{WORD}",
    f"](javascript:1) ![{WORD}](x)",
    f"{WORD}\udcff",
)
TERMINAL = re.compile("\x1b\\[38;5;77m|\x1b\\]|[\x07\x9b\u202e\r]")
LOST = (f"(?<![-/\\]])(?<!\\]\\\\){WORD}", f"(?<![-/\\[]){WORD}")

STUDY = """
title = {name}
question = {name}
[shared]
model = "nn_1"
epochs = 1
[[trials]]
label = {name}
[[trials]]
lr = 0.1
label = {other}
"""
VERBS_OF_A_NAME = (
    *("train", "models", "data info", "data get", "data verify", "data path", "data pages", "explore", "evaluate"),
    *("report", "explain", "export", "recognize", "read", "runs", "runs info", "runs path", "runs remove --yes"),
    *("results", "study", "sweep", "hub pull", "hub push a", "shelf import", "serve --model", "site new --runtime"),
    *("compare a", "ensemble a", "train nn_1 --data brush:kmnist --option", "train nn_1 --data", "train --resume"),
    *(
        "train nn_1 --data brush:kmnist --device",
        "train nn_1 --data brush:kmnist --recipe",
        "data convert brush:kmnist:1",
        "explore brush:kmnist --only",
        "read x.png --format",
        "sweep nn_1 --search",
        "",
    ),
    *("recognize x.png --model", "evaluate a --data", "explain a --layer", "explain a --class", "evaluate --pages a"),
)


class Trial:
    """Calls verbs, and finds what is wrong with what they print and write."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.tried = self.wrong = 0

    def call(self, name: str, words: str, *arguments: str | Path) -> None:
        """Calls a verb, whose `words` are the project's, with arguments that may be anything."""
        self.tried += 1
        os.environ.pop("FORCE_COLOR", None)
        if self.tried % 2:
            os.environ["FORCE_COLOR"] = "1"
        told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
        try:
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                kuzushiji([*words.split(), *map(str, arguments)])
            why = ""
        except BaseException:
            why = traceback.format_exc().strip()[-600:]
        told.flush()
        why = why or self.found(name, told.buffer.getvalue().decode())  # type: ignore[attr-defined]
        if why:
            self.wrong += 1
            print(f"{words} {name!a}: {why}", flush=True)

    def found(self, name: str, text: str) -> str:
        """What is wrong with what was printed; empty if nothing is."""
        if character := TERMINAL.search(text):
            return f"{character[0]!a} is printed: {text[max(0, character.start() - 100) :][:200]!a}"
        whole = re.sub(r"[\s│]", "", text)  # where a terminal breaks lines
        for start, lost in zip(("]", "["), LOST, strict=True):
            if f"{start}{WORD}" in name and (place := re.search(lost, whole)):
                return f"printed without what is before it: {whole[max(0, place.start() - 100) :][:200]!a}"
        return ""

    def pages(self, name: str, folder: Path) -> None:
        """Looks whether names are text in all pages of a folder."""
        self.tried += 1
        for path in folder.rglob("*"):
            if path.suffix in (".html", ".md", ".svg", ".xml") and path.is_file():
                text = path.read_text(encoding="utf-8", errors="surrogateescape")
                if path.suffix == ".md":
                    text = re.sub(r"(?s)(`+)[^`].*?[^`]\1(?!`)", "", text)  # code, in which all is as it is
                if f"<b>{WORD}" in text or "<script>1" in text or (path.suffix == ".md" and "](javascript" in text):
                    self.wrong += 1
                    print(f"{path.name} {name!a}: it is HTML in it", flush=True)


def as_file(name: str) -> str:
    """A name that a file may have."""
    return name.replace("/", "∕")


def quoted(name: str) -> str:
    """A name in TOML."""
    return '"' + "".join(f"\\U{ord(c):08x}" if not 0xD800 <= ord(c) < 0xE000 else "?" for c in name) + '"'


def characters(folder: Path, *names: str, count: int = 12) -> Path:
    """Class folders of these names."""
    images = load("brush:kmnist:20", "train").images
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for each in range(count):
            Image.fromarray(255 - images[20 * number + each]).save(folder / name / f"{each}.png")
    return folder


def try_name(trial: Trial, name: str, made: Path) -> None:
    """Tries a name in all places."""
    file, home = as_file(name), trial.home
    for words in VERBS_OF_A_NAME:
        trial.call(name, words, name)
    # a run
    run = home / "runs" / file
    shutil.copytree(home / "runs" / "a", run)
    for words in ("runs", "results", f"results --output {made}/results.json", "runs --json"):
        trial.call(name, words)
    for words in ("runs info", "runs path", "evaluate", "report", "compare a", "ensemble a", "train --resume"):
        trial.call(name, words, run)
    trial.call(name, f"explain --draw {made}/explained.svg", run)
    trial.call(name, "export", run)
    trial.call(name, f"recognize {home}/x.png --model", run / "model.onnx")
    trial.pages(name, run)
    trial.call(name, "runs remove --yes", run)
    # classes, and a folder of data
    data = characters(made / file, file, file + "2", "お")
    for words in ("", "--json", f"--output {made}/explored"):
        trial.call(name, f"explore {words} --only samples --only balance --data", data)
    trial.call(name, "train lenet5 --epochs 1 --run c --data", data)
    for words in ("evaluate c", "evaluate c --mistakes", "report c", "compare a c", "export c", "runs info c"):
        trial.call(name, words)
    trial.call(name, f"explain c --draw {made}/c.svg --class", file)
    trial.call(name, f"recognize {home}/x.png --model {home}/runs/c/model.onnx")
    trial.call(name, f"read {home}/page.png --model {home}/runs/c/model.onnx")
    trial.call(name, f"read {home}/page.png --draw --format txt,json,pagexml,alto,tei,iiif --output {made}/c --model "
               f"{home}/runs/c/model.onnx")  # fmt: skip
    trial.call(name, f"results --output {made}/results.json")
    trial.call(name, "data convert", data, made / "converted")
    trial.pages(name, home / "runs" / "c")
    trial.pages(name, made)
    trial.call(name, "runs remove c --yes")
    # files
    pages = made / f"p{file}"
    pages.mkdir()
    shutil.copy(home / "page.png", pages / f"{file}.png")
    (pages / f"{file}2.png").write_bytes(b"no image")
    for words in ("recognize", "read", f"read --format json,txt,alto --draw --output {made}/read"):
        trial.call(name, words, pages)
    trial.call(name, "read", pages / f"{file}2.png")
    trial.call(name, f"evaluate --pages {made}/read", made / "read")
    trial.call(name, f"serve --host 0.0.0.0 --folder {made}/shelf", *sorted(pages.iterdir()))
    (pages / f"{file}2.png").unlink()
    trial.call(name, f"serve --host 0.0.0.0 --folder {made}/shelf", *sorted(pages.iterdir()))
    trial.call(name, f"shelf list --folder {made}/shelf")
    trial.call(name, f"shelf export --folder {made}/shelf", made / f"{file}.zip")
    trial.call(name, f"shelf import --folder {made}/shelf2", made / f"{file}.zip")
    # a study and a sweep
    study = made / "mine.toml"
    study.write_text(STUDY.format(name=quoted(name), other=quoted(name + "2")), encoding="utf-8")
    trial.call(name, f"study {study} --data brush:kmnist:20 --output {made}/answer --docs {made}/docs")
    trial.call(name, "sweep nn_1 --data brush:kmnist:20 --search lr=0.01..0.1 --epochs 1 --trials 1 --name", file)
    trial.pages(name, made)


def names(kind: str) -> Iterator[str]:
    """Those to try."""
    yield from (name for name in NAMES if kind in ascii(name))


def main() -> int:
    """Prints a line for whatever was wrong; exits with 1 if anything was."""
    kind = sys.argv[1] if sys.argv[1:] else ""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch, "home")
        os.environ |= {"KUZUSHIJI_HOME": str(home), "HF_HUB_OFFLINE": "1", "HTTP_PROXY": "http://127.0.0.1:9",
                       "HTTPS_PROXY": "http://127.0.0.1:9"}  # fmt: skip
        trial = Trial(home)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            kuzushiji(["train", "nn_1", "--data", "brush:kmnist:20", "--epochs", "1", "--run", "a"])
        ink = load("brush:kmnist:20", "train").images
        Image.fromarray(255 - ink[0]).save(home / "x.png")
        draw_page(ink[:60:20])[0].save(home / "page.png")
        os.chdir(scratch)
        for number, name in enumerate(names(kind)):
            (home.parent / f"made{number}").mkdir()
            before = trial.tried, trial.wrong
            try_name(trial, name, home.parent / f"made{number}")
            print(f"{name!a}: {trial.tried - before[0]} tried, {trial.wrong - before[1]} wrong", flush=True)
    return tell("names that are markup or that tell a terminal what to do", trial.tried, trial.wrong)


if __name__ == "__main__":
    sys.exit(main())
