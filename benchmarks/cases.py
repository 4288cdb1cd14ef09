"""What becomes of inputs that gave people trouble with software like this: a folder for each case, as its README tells.

    python benchmarks/cases.py CASES                      # all: right, clear error or wrong, each with what it was
    python benchmarks/cases.py CASES --only 16 47         # some

`right` is the value that should come out; `clear error` is what was refused, or said on stderr, in words that name what
is wrong; all else is `wrong`.  The exit code is 1 if anything is.  Each case works on a copy in a temporary folder,
with an empty home.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from kuzushiji.data.files.names import is_litter
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.characters import Pages, cached_characters, report_of
from kuzushiji.data.pages.problems import PageReport
from kuzushiji.data.source import parse
from kuzushiji.errors import DataError
from kuzushiji.plots.confusion import confusion_figure

THREE = ("お", "き", "す")
"""The classes of most cases with class folders."""
BOXES = 391
"""How many characters the four pages have that most cases with pages are made of."""


@dataclass(frozen=True)
class Verdict:
    """What a case came to, and what was seen."""

    word: str
    seen: str


def right(seen: object) -> Verdict:
    """The right value."""
    return Verdict("right", str(seen))


def clear(seen: object) -> Verdict:
    """It was refused, or said, so that one knows what to do."""
    return Verdict("clear error", str(seen))


def wrong(seen: object) -> Verdict:
    """Anything else."""
    return Verdict("wrong", str(seen))


def judged(is_right: bool, seen: object, said: str = "", words: str = "") -> Verdict:
    """Right if it is; clear if what was said has the words, a regular expression; else wrong."""
    if is_right:
        return right(seen)
    return clear(said.strip()) if words and re.search(words, said, re.IGNORECASE) else wrong(f"{seen}; said: {said}")


# How the program is asked


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    code: int
    out: str
    err: str

    @property
    def is_clear(self) -> bool:
        """Whether it failed in one line and by no traceback."""
        lines = [line for line in self.err.splitlines() if line.startswith("Error")]
        return self.code in (1, 2) and len(lines) == 1 and "Traceback" not in self.err


def ask(place: Path, command: str, **environment: str) -> Answer:
    """Runs `kuzushiji` with arguments, as a shell has them, in the folder of a case."""
    done = subprocess.run(
        f"{sys.executable} -m kuzushiji {command}",
        shell=True, cwd=place, capture_output=True, env=os.environ | environment, timeout=600,
    )  # fmt: skip
    return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def recognized(place: Path, what: str = "in", more: str = "--top 1") -> tuple[dict[str, list[str]], Answer]:
    """The best character of each image by the name of its file, ? if it is unsure and _ if blank."""
    answer = ask(place, f"recognize {what} --model kmnist {more} --json")
    found: dict[str, list[str]] = {}
    for each in json.loads(answer.out or "[]"):
        best = "_" if each["blank"] else each["candidates"][0]["character"] + "?" * each["unsure"]
        found.setdefault(Path(each["file"]).name, []).append(best)
    return found, answer


def loaded(place: Path, name: str = "in") -> tuple[dict[str, CharacterImages], str]:
    """Every split of what lies there, and what was said of it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        source = parse(place / name)
        splits = {split: source.load(split, image_size=None) for split in source.splits}
    return splits, "\n".join(str(warning.message) for warning in told)


def pages_of(path: Path) -> tuple[PageReport, CharacterImages]:
    """What is said of pages, and all their characters."""
    found = cached_characters(Pages(path))
    return report_of(found), CharacterImages(found.images, found.labels, found.classes, ids=found.ids)


def kinds(report: PageReport) -> dict[str, int]:
    """How many boxes each kind of trouble bears on."""
    return {problem.kind: problem.boxes for problem in report.problems}


# What many cases are judged by


def scans(most_wrong: int, least_right: int) -> Callable[[Path], Verdict]:
    """Characters that are in the name of their file: few may be sure and wrong."""

    def judge(place: Path) -> Verdict:
        found, _ = recognized(place)
        answers = [(name[0], best) for name, (best,) in found.items()]
        good = sum(best[0] == character for character, best in answers)
        sure = sum(best not in ("_", character) and not best.endswith("?") for character, best in answers)
        blank = sum(best == "_" for _, best in answers)
        seen = f"{len(answers)} images: right {good}, sure and wrong {sure}, blank {blank}"
        if sure > most_wrong or blank or len(answers) != 20:
            return wrong(seen)
        return right(seen) if good >= least_right else clear(f"{seen}, the others unsure")

    return judge


def all_are(character: str, count: int) -> Callable[[Path], Verdict]:
    """So many files, each of which shows the same character; that one is unsure of it is no error."""

    def judge(place: Path) -> Verdict:
        found, answer = recognized(place)
        best = [each for every in found.values() for each in every]
        if answer.code or len(found) != count or not {*best} <= {character, f"{character}?"}:
            return wrong(f"{found}; said: {answer.err}")
        return right(found) if {*best} == {character} else clear(f"{found}, unsure")

    return judge


def class_folders(
    classes: tuple[str, ...], count: int, names: tuple[str, ...] = ("in",), words: str = ""
) -> Callable[[Path], Verdict]:
    """Folders, or archives of them, that hold so many images of these classes."""

    def judge(place: Path) -> Verdict:
        refused = []
        for name in names:
            try:
                splits, more = loaded(place, name)
            except DataError as error:
                refused.append(str(error))
                if not re.search(words or "never", refused[-1], re.IGNORECASE):
                    return wrong(refused[-1])
                continue
            found = {split.classes for split in splits.values()}, sum(map(len, splits.values()))
            if found != ({classes}, count):
                return wrong(f"{name}: {found}; {more}")
        return clear("\n".join(refused)) if refused else right(f"{count} images of {' '.join(classes)}")

    return judge


def pages(source: str = "in", words: str = "") -> Callable[[Path], Verdict]:
    """All the characters of the pages are cut."""

    def judge(place: Path) -> Verdict:
        try:
            report, _ = pages_of(place / source)
        except DataError as error:
            return judged(False, "", str(error), words)
        return judged(report.characters == report.boxes > 60 and not report.problems, report, str(report), words)

    return judge


# The cases


def mask(place: Path) -> Verdict:
    said = script(place)
    try:
        brightest = {int(split.images.max()) for split in loaded(place, "npz")[0].values()}
    except DataError as error:
        brightest = {str(error)}  # type: ignore[arg-type]
    return judged(said.count("す") == 4 and brightest == {255}, (said, brightest))


def script(place: Path) -> str:
    """What the script of a case prints."""
    done = subprocess.run([sys.executable, "run.py"], cwd=place, capture_output=True, text=True, timeout=600)
    return done.stdout + done.stderr


def odd_files(place: Path) -> Verdict:
    found, answer = recognized(place)
    files = {path.name for path in (place / "in").iterdir()}
    read = {name for name, best in found.items() if best[0].startswith("す")}
    silent = {name for name in files - read if name not in answer.err and Path(name).suffix not in answer.err}
    return judged(len(read) >= 3 and not silent and answer.code == (read != files), (read, silent, answer))


def nas(place: Path) -> Verdict:
    verdict = class_folders(THREE, 36)(place)
    verdict = class_folders(THREE, 9, ("in2",))(place) if verdict.word == "right" else verdict
    found, _ = recognized(place)
    is_read = any("THUMB" in name for name in found)
    return wrong(f"recognize reads thumbnails: {sorted(found)}") if is_read else verdict


def polarity(place: Path) -> Verdict:
    try:
        splits, said = loaded(place)
    except DataError as error:
        return judged(False, "", str(error), "dark|bright|polarity")
    images = np.concatenate([split.images for split in splits.values()])
    edges = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    inverted = int((edges.mean(axis=1) > 128).sum())
    return judged(inverted == 0, f"{inverted} of {len(images)} inverted", said, "dark|bright|polarity")


def cp932(place: Path) -> Verdict:
    codes = []
    for encoding in ("cp932", "ascii"):
        for more in ("", "--json"):
            answer = ask(place, f"recognize in --top 10 {more} > out.txt", PYTHONIOENCODING=encoding)
            text = (place / "out.txt").read_bytes().decode(encoding)
            codes.append(answer.code or ("Traceback" in answer.err) or text.count(".png") < 12)
    return judged(not any(codes), codes)


def second_folder(place: Path) -> Verdict:
    shutil.copytree(place / "in", place / "alone", ignore=shutil.ignore_patterns("annotated"))
    try:
        (report, found), (_, wanted) = pages_of(place / "in"), pages_of(place / "alone")
    except DataError as error:
        return judged(False, "", str(error), "annotated.*train_images|train_images.*annotated")
    same = np.array_equal(found.images, wanted.images)
    return judged(same and len(found) == BOXES, f"same pixels: {same}", str(report.problems), "annotated")


def corners(place: Path) -> Verdict:
    answers = [ask(place, "data pages in"), ask(place, "train lenet5 --data in --image-size 28 --epochs 1")]
    said = "\n".join(answer.err for answer in answers)
    words = all(re.search("right|corner|x2", answer.err) for answer in answers)
    return clear(said) if words and all(answer.is_clear for answer in answers) else wrong(said)


def doubles(place: Path) -> Verdict:
    report, _ = pages_of(place / "in")
    told = {kind: boxes for kind, boxes in kinds(report).items() if boxes == BOXES}
    return judged(report.boxes == 2 * BOXES and report.characters == BOXES and bool(told), report)


def no_characters(place: Path) -> Verdict:
    report, images = pages_of(place / "in")
    taken = {"\u3000", "〓", "\u3099", "\u200b"} & set(images.classes)
    return judged(not taken and 0 < report.left_out == sum(kinds(report).values()), (taken, kinds(report)))


def combined(place: Path) -> Verdict:
    report, images = pages_of(place / "in")
    return judged("か゚" in images.classes and not report.problems, (images.classes[:5], kinds(report)))


def split_names(place: Path) -> Verdict:
    said = []
    for name in ("in", "in2"):
        try:
            splits, _ = loaded(place, name)
        except DataError as error:
            said.append(str(error))
            continue
        found = {split: (data.classes, len(data)) for split, data in splits.items()}
        if found != {"train": (THREE, 12), "test": (THREE, 6)}:
            return wrong(found)
    return right("train and test") if not said else judged(False, "", "\n".join(said), "train, validation and test")


def file_objects(place: Path) -> Verdict:
    said = script(place)
    named = all(re.search(rf"^{kind} .*(す|expected)", said, re.MULTILINE) for kind in ("open file", "bytearray"))
    none = re.search("^None (Usage|Data)Error .*expected", said, re.MULTILINE)
    return judged(said.count("す") >= 2 and named and bool(none) and "damaged" not in said, said)


def figure_labels(place: Path) -> Verdict:
    classes = tuple(sorted(path.name for path in (place / "in").iterdir()))
    figure = confusion_figure(np.eye(len(classes), dtype=np.int64) * 9, loaded(place)[0]["train"].classes)
    overlapping = overlaps(figure)
    return judged(not overlapping, f"{len(overlapping)} labels overlap: {overlapping}")


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """The labels of neighbouring ticks that lie over each other."""
    figure.canvas.draw()
    found = []
    for axes in figure.axes[:1]:
        for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
            boxes = [(tick.get_text(), tick.get_window_extent(), tick.get_rotation()) for tick in ticks]
            # Of turned labels the boxes overlap and the words do not.
            found += [(a, b) for (a, one, turned), (b, other, _) in pairwise(boxes)
                      if a and b and one.overlaps(other) and turned % 90 == 0]  # fmt: skip
    return found


def said_of_data(count: int, words: str) -> Callable[[Path], Verdict]:
    """So many images are loaded, and something is said."""

    def judge(place: Path) -> Verdict:
        splits, said = loaded(place)
        number = sum(map(len, splits.values()))
        return judged(number == count and bool(re.search(words, said)), f"{number} images; said: {said}")

    return judge


def several_images(place: Path) -> Verdict:
    found, answer = recognized(place)
    each = {name: len(best) for name, best in found.items()}
    return judged({*each.values()} == {2} and len(each) == 2, each, answer.err, r"1 of [2-9]")


def full_disk(place: Path) -> Verdict:
    answer = ask(place, "recognize in --model kmnist > /dev/full")
    return clear(answer.err.strip()) if answer.is_clear else wrong(answer)


def bad_images(place: Path) -> Verdict:
    found, answer = recognized(place)
    silent = [path.name for path in (place / "in").iterdir() if path.name not in answer.err]
    return clear(answer.err.splitlines()[-1]) if not found and not silent and answer.is_clear else wrong(answer)


def litter(place: Path) -> Verdict:
    files = sum(not is_litter(path.name) for name in THREE for path in (place / "in" / name).iterdir())
    return class_folders(THREE, files)(place)


def odd_rows(place: Path) -> Verdict:
    report, _ = pages_of(place / "in")
    found = kinds(report)
    return judged((report.characters, found) == (BOXES, {"malformed_entry": 1, "listed_twice": 67}), (report, found))


def markup(place: Path) -> Verdict:
    answer = ask(place, "explore 'in|<b>' --only samples balance --output page --no-figures")
    page = (place / "page" / "explore.html").read_text(encoding="utf-8") if answer.code == 0 else "<i>&amp;"
    raw = [text for text in ("<i>&amp;<", "in|<b>", '"q\'s"') if text in page]
    return judged(not raw and "&lt;i&gt;" in page, raw or answer)


def half_model(place: Path) -> Verdict:
    answer = ask(place, "recognize in/00_ref.png --model in/trunc.onnx")
    return clear(answer.err.strip()) if answer.is_clear and "trunc.onnx" in answer.err else wrong(answer)


CASES: dict[str, Callable[[Path], Verdict]] = {
    "01": scans(1, 16), "03": scans(1, 14), "04": scans(1, 14), "06": all_are("す", 3), "08": mask,
    "10": all_are("す", 2), "12": all_are("す", 2), "13": all_are("す", 1), "14": odd_files, "16": nas,
    "17": class_folders(THREE, 18, words="Shift JIS|cp932|not in UTF-8"), "19": class_folders(("お",), 18),
    "20": polarity, "21": polarity, "23": cp932, "24": second_folder, "26": pages(),
    "27": pages(words="UTF-8"), "28": pages("in.zip"), "31": corners, "32": doubles, "33": no_characters,
    "35": combined, "36": pages(), "37": pages(), "39": split_names, "41": file_objects, "43": figure_labels,
    "44": said_of_data(30, "つ"), "45": said_of_data(800, "no image of the class 0"), "46": several_images,
    "47": class_folders(THREE, 12, ("in.zip", "in.tar.gz"), words="unpack"),
    "48": pages(words="69,|pixels.*page p1|limit"), "49": scans(1, 14), "51": full_disk, "60": scans(2, 16),
    "62": scans(2, 16), "64": all_are("す", 5), "66": bad_images, "67": litter,
    "69": class_folders(("神", "\ufa19"), 18), "71": odd_rows, "72": pages("in.zip"), "73": markup, "74": half_model,
    "75": class_folders((), 0, words="599 images.*600|600 labels|599"),
}  # fmt: skip
"""How each case is judged."""


def copied(case: Path, folder: Path) -> Path:
    """A copy of a case, its tar unpacked."""
    place = folder / case.name
    shutil.copytree(case, place)
    if (place / "in.tar").exists():
        with tarfile.open(place / "in.tar") as archive:
            archive.extractall(place, filter="data")
    return place


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path, help="the folder of the cases")
    parser.add_argument("--only", nargs="+", default=[], help="the numbers of some cases, such as 16 47")
    arguments = parser.parse_args()
    cases = sorted(path for path in arguments.cases.iterdir() if path.is_dir())
    cases = [case for case in cases if not arguments.only or case.name.split("-")[0] in arguments.only]
    good = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KUZUSHIJI_HOME"] = f"{folder}/home"
        for case in cases:
            started = time.perf_counter()
            try:
                verdict = CASES[case.name.split("-")[0]](copied(case, Path(folder)))
            except Exception as error:  # a traceback is what a case can be about
                verdict = wrong(f"{type(error).__name__}: {error}")
            good += verdict.word != "wrong"
            seen = " ".join(verdict.seen.split()).encode(errors="backslashreplace").decode()
            print(f"{verdict.word:12} {case.name:38} {time.perf_counter() - started:4.0f} s  {seen[:300]}", flush=True)
    print(f"{good} of {len(cases)} right or clear")
    return good < len(cases)


if __name__ == "__main__":
    sys.exit(main())
