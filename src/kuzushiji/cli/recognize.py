"""`kuzushiji recognize`."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from kuzushiji.cli.console import count_bar, notes, print_json, results
from kuzushiji.errors import DataError, UsageError

if TYPE_CHECKING:
    from kuzushiji.reading.recognizer import Recognition, Recognizer

AT_ONCE = 512
"""So many images are in memory at a time."""


@dataclass(frozen=True)
class _Answer:
    file: str
    model: str
    recognition: "Recognition"

    def row(self) -> tuple[str, ...]:
        if self.recognition.blank:
            return "blank", "", "", "", ""
        best, *others = self.recognition
        unsure = f"{best.character}  unsure" if self.recognition.unsure else best.character
        following = "  ".join(
            f"{each.character} {each.probability:.0%}" if each.probability >= 0.005 else each.character
            for each in others
        )
        return unsure, f"{100 * best.probability:.1f}", best.codepoint or "", best.parent or "", following

    def to_dict(self) -> dict[str, Any]:
        return {"file": self.file, "model": self.model} | self.recognition.to_dict()


def recognize(
    *images: Annotated[str, Parameter(allow_leading_hyphen=True)],
    model: tuple[str, ...] = (),
    top: int = 5,
    json: bool = False,
) -> None:
    """Name the character on each image.

    Any size, colour and polarity will do, cropped loosely or tightly: one character an image, upright.  What can't be
    read, or is a whole page, is named and left out, and the exit code is 1.

    Example: kuzushiji recognize character.png scans/ --top 3

    Parameters
    ----------
    images
        Image files, folders of them, or - for an image from stdin.
    model
        A network that ships (`kuzushiji models --pretrained` lists them) or a file that `kuzushiji export` wrote; of
        several, each answers.  If none is given, one of kana and one of kanji do, for it takes a reader to tell which
        of them a character is.
    top
        How many candidates to give.
    json
        Print as JSON.
    """
    if not images:
        raise UsageError("name an image, a folder of images, or - for an image from stdin")
    for name in images:
        if name.startswith("-") and name != "-" and not Path(name).exists():
            raise UsageError(f"there is no option {name}, nor a file of that name")
    if top < 1:
        raise UsageError(f"--top is {top}; it must be at least 1")
    from kuzushiji.reading.pretrained import complementary
    from kuzushiji.reading.recognizer import Recognizer

    recognizers = {name: Recognizer(name) for name in model or complementary()}
    failures: list[str] = []
    sources = list(_sources(images, failures))
    answers: list[_Answer] = []
    with count_bar() as bar:
        task = bar.add_task("recognizing", total=len(sources))
        for start in range(0, len(sources), AT_ONCE):
            some = sources[start : start + AT_ONCE]
            answers += _recognized(recognizers, some, top, failures)
            bar.advance(task, len(some))

    if json:
        print_json([answer.to_dict() for answer in answers])
    elif answers:
        _print_table(answers)
        for name, recognizer in recognizers.items():
            mine = [answer.recognition for answer in answers if answer.model == name]
            if unsure := sum(each.unsure and not each.blank for each in mine):
                of = f"Of {name}, " if len(recognizers) > 1 else ""
                answers_are = "1 answer is" if unsure == 1 else f"{unsure:,} answers are"
                notes.print(
                    f"{of}{answers_are} less than {recognizer.unsure_below:.1%} sure: look at the next candidates too"
                )
    for failure in failures:
        notes.print("Left out:", style="bold red", end=" ")
        notes.print(failure, markup=False, soft_wrap=True)
    if failures:
        what = "1 image was" if len(failures) == 1 else f"{len(failures):,} images were"
        raise DataError(f"{what} left out")


def _print_table(answers: list[_Answer]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    several = len({answer.model for answer in answers}) > 1
    table.add_column("file", overflow="fold", min_width=16)
    for column in (*(["network"] if several else []), "character", "%", "code", "parent"):
        table.add_column(column, justify="right" if column == "%" else "left", no_wrap=True)
    table.add_column("next", overflow="fold", min_width=16)
    before = None
    for answer in answers:
        file = "" if answer.file == before else answer.file
        table.add_row(*map(Text, (file, *([answer.model] if several else []), *answer.row())))
        before = answer.file
    results.print(table)


def _sources(images: tuple[str, ...], failures: list[str]) -> Iterator[tuple[str, Path | bytes]]:
    """Each image by its name, folders walked in order of their names."""
    from kuzushiji.data.files.listing import SUFFIXES

    for name in images:
        if name == "-":
            yield "-", sys.stdin.buffer.read()
        elif Path(name).is_dir():
            found = [
                Path(folder) / file
                for folder, _, files in os.walk(name)
                for file in files
                if file.lower().endswith(SUFFIXES) and not file.startswith(".")
            ]
            if not found:
                failures.append(f"{name} is a folder without images ({', '.join(SUFFIXES)})")
            yield from ((str(path), path) for path in sorted(found))
        else:
            yield name, Path(name)


def _recognized(
    recognizers: "dict[str, Recognizer]", sources: list[tuple[str, Path | bytes]], top: int, failures: list[str]
) -> Iterator[_Answer]:
    """What each network says of each image, image by image."""
    from kuzushiji.reading.normalize import normalize
    from kuzushiji.reading.recognizer import read_character

    names = []
    prepared: dict[str, list[Any]] = {model: [] for model in recognizers}
    for name, source in sources:
        try:
            gray = read_character(source, name)
        except DataError as error:
            failures.append(str(error))
            continue
        names.append(name)
        for model, recognizer in recognizers.items():
            prepared[model].append(normalize(gray, recognizer.description.image_size))
    said = [recognizer.recognize_prepared(prepared[model], top=top) for model, recognizer in recognizers.items()]
    for name, *found in zip(names, *said, strict=True):
        yield from (_Answer(name, model, each) for model, each in zip(recognizers, found, strict=True))
