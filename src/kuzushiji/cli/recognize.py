"""`kuzushiji recognize`."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from kuzushiji.cli.console import count_bar, notes, print_json, results
from kuzushiji.errors import DataError, UsageError, whole_number

if TYPE_CHECKING:
    from kuzushiji.reading.many import RecognizedImages
    from kuzushiji.reading.recognizer import Recognition


def recognize(
    *images: Annotated[str, Parameter(allow_leading_hyphen=True)],
    model: tuple[str, ...] = (),
    top: int = 5,
    json: bool = False,
) -> None:
    """Name the character on each image.

    Any size, colour and polarity will do, cropped loosely or tightly: one character an image, upright.  What can't be
    read, or is a whole page, is named and left out, and the exit code is 1.  Of a file with several images (TIFF, GIF,
    WebP, PNG), each is read.

    Example: kuzushiji recognize character.png scans/ --top 3

    Parameters
    ----------
    images
        Image files, folders of them, or - for an image from stdin.
    model
        A network that ships (`kuzushiji models --pretrained` lists them), a file that `kuzushiji export` wrote, or
        hf:OWNER/NAME; of several, each answers.  If none is given, those that ship give one answer together, over
        kana and kanji.
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
    whole_number("--top", top)
    from kuzushiji.reading import many

    with count_bar() as bar:
        task = bar.add_task("recognizing", total=None)
        found = many.recognize(
            (("-", sys.stdin.buffer.read()) if name == "-" else name for name in images),
            model or None,
            top=top,
            tell=lambda done, every: bar.update(task, completed=done, total=every),
        )
    if json:
        print_json([answer.to_dict() for answer in found])
    elif found:
        _print_table(found)
        _print_unsure(found)
    for line in found.passed_over:
        notes.print(line, markup=False, soft_wrap=True)
    for failure in found.failures:
        notes.print("Left out:", style="bold red", end=" ")
        notes.print(failure, markup=False, soft_wrap=True)
    if failures := len(found.failures):
        what = "1 image was" if failures == 1 else f"{failures:,} images were"
        raise DataError(f"{what} left out")


def _print_table(found: "RecognizedImages") -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    several = len(found.recognizers) > 1
    table.add_column("file", overflow="fold", min_width=16)
    for column in (*(["network"] if several else []), "character", "%", "code", "parent"):
        table.add_column(column, justify="right" if column == "%" else "left", no_wrap=True)
    table.add_column("next", overflow="fold", min_width=16)
    before = None
    for answer in found:
        file = answer.file if answer.number is None else f"{answer.file}, {answer.number}"
        shown = "" if file == before else file
        table.add_row(*map(Text, (shown, *([answer.model] if several else []), *_row(answer.recognition))))
        before = file
    results.print(table)


def _row(recognition: "Recognition") -> tuple[str, ...]:
    if recognition.blank:
        return "blank", "", "", "", ""
    best, *others = recognition
    unsure = f"{best.character}  unsure" if recognition.unsure else best.character
    following = "  ".join(
        f"{each.character} {each.probability:.0%}" if each.probability >= 0.005 else each.character for each in others
    )
    return unsure, f"{100 * best.probability:.1f}", best.codepoint or "", best.parent or "", following


def _print_unsure(found: "RecognizedImages") -> None:
    for name, recognizer in found.recognizers.items():
        mine = [answer.recognition for answer in found if answer.model == name]
        of = f"Of {name}, " if len(found.recognizers) > 1 else ""
        doubts = Counter(each.doubt for each in mine if each.unsure and not each.blank)
        if unsure := doubts.pop("", 0):
            less = f"less than {recognizer.unsure_below:.1%} sure: look at the next candidates too"
            notes.print(f"{of}{_answers(unsure)} {less}")
        for doubt, count in doubts.items():
            notes.print(f"{of}{_answers(count)} unsure: {doubt}", markup=False)


def _answers(count: int) -> str:
    return "1 answer is" if count == 1 else f"{count:,} answers are"
