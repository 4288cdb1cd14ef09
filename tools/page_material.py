"""Cuts characters out of pages of which little or nothing is labelled, as training images for a network of all kinds.

Three things name what stands in a box, the first that does so wins:

- a table of boxes of some of the characters, in the layout of CODH or Kaggle;
- the text of a page: the characters on it, in reading order, are aligned with its letters, and those are taken in
  which networks see the letter, or at least nothing against it between two such;
- networks for kana (`--teachers`), where they are sure and the network for kanji is not.

Each character is cut several times, with its box moved a little, as a detector's boxes are; kana that may be voiced are
cut with a mark drawn beside them too.

    python tools/page_material.py material --pages genji unlabelled --detector detector.onnx --partial partial.csv
        --teachers teachers --text genji/text.tsv --without labelled books
    kuzushiji train resnet --data kkanji+brush:kanji+kmnist6k+material ...
    python tools/page_material.py labelled --pages books/train_images --partial books/train.csv --copies 24

Writes `material/train/U+XXXX/PAGE-NUMBER-COPY.png`.  Of the pages named by `--without` nothing is taken, whatever
folder holds them.
"""

import argparse
import csv
import importlib.util
import sys
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from kuzushiji.characters import K49, kind, unvoiced
from kuzushiji.document.order import arrange
from kuzushiji.document.page import ImageRef, truth
from kuzushiji.files import folder_written_whole
from kuzushiji.imaging.cut import cut, in_the_middle
from kuzushiji.imaging.ink import CHARACTER
from kuzushiji.imaging.read import read_gray
from kuzushiji.imaging.rules import find_rules
from kuzushiji.reading.finding import Detect, find_at, find_characters
from kuzushiji.reading.recognizer import Recognizer

SIDE = 64
SURE, UNSURE_KANJI = 0.9, 0.9
"""Teachers name a character if they are so sure, and the network for kanji is less sure than that."""
FITS, FITS_IN_CONTEXT = 0.3, 0.03
"""A letter names a character that looks like it with such a probability; between two such ones, with the second."""
UNKNOWN = 1e-4
"""So probable is a letter that no network knows."""
GAP = 4.0
"""What it costs to leave out a character or a letter, in nats."""
MOVED = 0.07
"""By how much each edge of a box is moved at most, as a share of its longer side."""
VOICED_COPIES = 80
"""So many images of each voiced kana are drawn at most."""

Named = list[tuple[str, tuple[int, int, int, int]]]
"""Characters and their boxes: left, top, width, height."""
Teach = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True)
class Namers:
    """What names the characters of a page.

    Attributes:
        detect: finds them.
        teach: probabilities (N, 49) of K49's classes for images uint8 (N, 28, 28).
        kanji: names kanji.
    """

    detect: Detect
    teach: Teach
    kanji: Recognizer

    def found(self, gray: NDArray[np.uint8], least: float, exact: Named) -> NDArray[np.int32]:
        """Boxes of the characters of the main text, in no order; some that are known tell how large they are."""
        if exact:
            size = np.median([np.sqrt(width * height) for _, (_, _, width, height) in exact])
            found = find_at(Image.fromarray(gray), min(2.0, CHARACTER / float(size)), self.detect, least)
        else:
            found = find_characters(gray, self.detect, least)
        boxes = found.boxes[found.roles == 0]
        low, high = np.floor(boxes[:, :2]), np.ceil(boxes[:, :2] + boxes[:, 2:])
        high = np.minimum(high, gray.shape[::-1])
        return np.hstack([low, high - low]).astype(np.int32)

    def seen(self, gray: NDArray[np.uint8], boxes: NDArray[np.int32]) -> tuple[NDArray[np.float32], ...]:
        """Probabilities of kana (n, 49) and of kanji (n, classes) for each box."""
        return self.teach(cut(gray, boxes, (28, 28))), self.kanji.probabilities(cut(gray, boxes, self.kanji_size))

    @property
    def kanji_size(self) -> tuple[int, int]:
        return self.kanji.description.image_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    parser.add_argument("--pages", type=Path, nargs="+", required=True, help="folders of pages, JPEG")
    parser.add_argument("--detector", type=Path, help="an ONNX file that finds characters; else known boxes alone")
    parser.add_argument("--teachers", type=Path, help="a folder with teachers.py; needed with a detector")
    parser.add_argument("--partial", type=Path, nargs="*", default=[], help="tables with boxes of characters")
    parser.add_argument("--text", type=Path, help="a table with the text of pages: columns image_id and text")
    parser.add_argument("--without", type=Path, nargs="*", default=[], help="folders of pages to take nothing of")
    parser.add_argument("--copies", type=int, default=6, help="how often each character is cut")
    parser.add_argument("--only", choices=("kana", "kanji"), help="characters of this kind; kana without marks")
    parser.add_argument("--least", type=float, default=0.35, help="what the detector finds less probable is left out")
    arguments = parser.parse_args()
    if arguments.destination.exists():
        sys.exit(f"{arguments.destination} exists; name a folder that is not there yet")
    if arguments.detector and not arguments.teachers:
        parser.error("what a detector finds is to be named; --teachers says by what")
    held_out = {path.stem for folder in arguments.without for path in folder.rglob("*.jpg")}
    pages = [path for folder in arguments.pages for path in sorted(folder.glob("*.jpg")) if path.stem not in held_out]
    partial = {page: boxes for table in arguments.partial for page, boxes in read_boxes(table).items()}
    texts = read_texts(arguments.text) if arguments.text else {}
    namers = None
    if arguments.detector:
        namers = Namers(open_detector(arguments.detector), teaching(arguments.teachers), Recognizer("kanji"))
    random = np.random.default_rng(0)
    counts: dict[str, int] = {}
    with folder_written_whole(arguments.destination) as beside:
        writer = Writer(beside / "train", arguments.copies, random)
        for path in pages:
            gray = read_gray(path)
            exact = partial.get(path.stem, [])
            ways = {"table": exact}
            if namers:
                boxes = apart_from(namers.found(gray, arguments.least, exact), exact)
                ways |= named(gray, boxes, exact, texts.get(path.stem, ""), namers)
            ways = {way: of_kind(characters, arguments.only) for way, characters in ways.items()}
            for way, characters in ways.items():
                writer.write(gray, characters, f"{path.stem}-{way}")
                counts[way] = counts.get(way, 0) + len(characters)
            told = ", ".join(f"{len(characters):,} by {way}" for way, characters in ways.items())
            print(f"{path.stem}: {told}", flush=True)
        drawn = 0 if arguments.only else writer.write_voiced()
    print(f"{writer.written:,} images of {counts}, {drawn:,} with a mark drawn, in {arguments.destination}")


def of_kind(characters: Named, only: str | None) -> Named:
    """Of characters those of one kind, all if None; kana without their marks of voicing, as Kuzushiji-49 names them."""
    match only:
        case "kana":
            return [(unvoiced(name), box) for name, box in characters if unvoiced(name) in K49]
        case "kanji":
            return [(name, box) for name, box in characters if kind(name) == "kanji"]
    return characters


def read_boxes(path: Path) -> dict[str, Named]:
    """The boxes of a table, by page."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["image_id"], row["labels"].split()) for row in csv.DictReader(file)]
    return {
        page: [(chr(int(words[at][2:], 16)), tuple(map(int, words[at + 1 : at + 5]))) for at in range(0, len(words), 5)]  # type: ignore[misc]
        for page, words in rows
    }


def read_texts(path: Path) -> dict[str, str]:
    """The text of each page of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["image_id"]: row["text"] for row in csv.DictReader(file, delimiter="\t")}


def open_detector(path: Path) -> Detect:
    """The detector of an ONNX file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: tuple(session.run(["heat", "boxes"], {"images": images}))


def teachers_in(folder: Path) -> ModuleType:
    """teachers.py in a folder: its `load` gives the networks, its `teach` what they say together."""
    spec = importlib.util.spec_from_file_location("teachers", folder / "teachers.py")
    if spec is None or spec.loader is None or not (folder / "teachers.py").exists():
        sys.exit(f"{folder} has no teachers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def teaching(folder: Path) -> Teach:
    """`teach` of teachers.py in a folder."""
    return teachers_in(folder).teach  # type: ignore[no-any-return]


def apart_from(boxes: NDArray[np.int32], exact: Named) -> NDArray[np.int32]:
    """Of boxes that were found those that are not of a character whose box is known."""
    kept = np.ones(len(boxes), bool)
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    for _, (left, top, width, height) in exact:
        middle = np.array([left + width / 2, top + height / 2])
        kept &= ~((centres > (left, top)) & (centres < (left + width, top + height))).all(axis=1)
        kept &= ~((middle > boxes[:, :2]) & (middle < boxes[:, :2] + boxes[:, 2:])).all(axis=1)
    return boxes[kept]


def named(
    gray: NDArray[np.uint8], boxes: NDArray[np.int32], exact: Named, text: str, namers: Namers
) -> dict[str, Named]:
    """Of boxes that were found those named by the text of the page, and of the others those named by the networks."""
    kana, kanji = namers.seen(gray, boxes)
    by_text = aligned(text, seen_of(text, kana, kanji, namers.kanji.classes), boxes, exact, gray) if text else {}
    sure = (kana.max(axis=1) >= SURE) & (kanji.max(axis=1) < UNSURE_KANJI)
    by_teachers = {at: K49[kana[at].argmax()] for at in np.flatnonzero(sure).tolist() if at not in by_text}
    places = [tuple(box) for box in boxes.tolist()]
    ways = {"text": by_text, "teachers": by_teachers}
    return {way: [(name, places[at]) for at, name in names.items()] for way, names in ways.items()}  # type: ignore[misc]


def seen_of(
    text: str, kana: NDArray[np.float32], kanji: NDArray[np.float32], known: tuple[str, ...]
) -> NDArray[np.float32]:
    """How probable each letter of a text is in each box.

    Args:
        text: L letters.
        kana: probabilities of kana (n, 49) for n boxes.
        kanji: probabilities of kanji (n, classes).
        known: the classes of `kanji`.
    """
    columns = {name: kana[:, at] for at, name in enumerate(K49)} | {
        name: kanji[:, at] for at, name in enumerate(known) if name in text
    }
    unknown = np.full(len(kana), UNKNOWN, np.float32)
    return np.stack([columns.get(letter, unknown) for letter in text], axis=1)


def aligned(
    text: str, seen: NDArray[np.float32], boxes: NDArray[np.int32], exact: Named, gray: NDArray[np.uint8]
) -> dict[int, str]:
    """Which letter of a text each box shows, of those that show one for sure.

    Args:
        text: that of the page, perhaps with some letters of the pages beside it; without marks of voicing.
        seen: how probable each letter is in each box.
        boxes: (n, 4), in any order.
        exact: characters whose boxes are known; they hold the alignment in place.
        gray: the page.
    """
    known = np.array([[letter == plain(name) for letter in text] for name, _ in exact], bool).reshape(-1, len(text))
    seen = np.concatenate([seen, np.where(known, 0.99, UNKNOWN / 10).astype(np.float32)])
    places = np.concatenate([boxes, np.array([box for _, box in exact], np.int32).reshape(-1, 4)])
    order = reading_order(places, gray)
    seen = seen[order]
    partner = _best_path(-np.log(seen + UNKNOWN))
    fit = np.array([seen[at, other] if other >= 0 else 0 for at, other in enumerate(partner)])
    sure = fit >= FITS
    taken = sure & (_sure_around(sure) >= 2)
    for at in range(1, len(fit) - 1):
        in_turn = partner[at - 1] + 1 == partner[at] == partner[at + 1] - 1
        taken[at] |= in_turn and sure[at - 1] and sure[at + 1] and fit[at] >= FITS_IN_CONTEXT
    return {int(order[at]): text[partner[at]] for at in np.flatnonzero(taken) if order[at] < len(boxes)}


def reading_order(boxes: NDArray[np.int32], gray: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The numbers of boxes in the order in which they are read."""
    ids = [f"c{number}" for number in range(len(boxes))]
    page = truth(ImageRef("page", None, (gray.shape[1], gray.shape[0])), ["?"] * len(boxes), boxes, ids)
    return np.array([int(each[1:]) for each in arrange(page, find_rules(gray)).characters.ids], np.int64)


def plain(kana: str) -> str:
    """A kana without its mark of voicing."""
    return unicodedata.normalize("NFD", kana)[0]


def _sure_around(sure: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of the four nearest are sure, two on either side."""
    padded = np.pad(sure.astype(np.int64), 2)
    return sum(padded[at : at + len(sure)] for at in (0, 1, 3, 4))  # type: ignore[return-value]


def _best_path(costs: NDArray[np.float32]) -> NDArray[np.int64]:
    """The letter that each box is aligned with at the least cost, -1 for none; letters may be left out too."""
    boxes, letters = costs.shape
    total = np.zeros((boxes + 1, letters + 1))
    total[1:, 0] = GAP * np.arange(1, boxes + 1)
    total[0, 1:] = GAP * np.arange(1, letters + 1)
    letter = GAP * np.arange(letters + 1)
    for at in range(boxes):
        best = np.minimum(total[at, 1:] + GAP, total[at, :-1] + costs[at])
        # What is best when letters are left out: the running minimum of the costs less those of the gaps.
        row = np.concatenate([total[at + 1, :1], best])
        total[at + 1] = np.minimum.accumulate(row - letter) + letter
    partner = np.full(boxes, -1)
    at, other = boxes, letters
    while at and other:
        if np.isclose(total[at, other], total[at - 1, other - 1] + costs[at - 1, other - 1]):
            at, other = at - 1, other - 1
            partner[at] = other
        elif np.isclose(total[at, other], total[at - 1, other] + GAP):
            at -= 1
        else:
            other -= 1
    return partner


class Writer:
    """Writes characters as images into class folders.

    Args:
        folder: where they go.
        copies: how often each is cut.
        random: moves the boxes.
    """

    def __init__(self, folder: Path, copies: int, random: np.random.Generator) -> None:
        self.folder, self.copies, self.random = folder, copies, random
        self.written = 0
        self._kana: dict[str, list[NDArray[np.uint8]]] = {}

    def write(self, gray: NDArray[np.uint8], characters: Named, name: str) -> None:
        """Cuts characters out of a page, each several times; the first time as its box is."""
        if not characters:
            return
        exact = np.array([box for _, box in characters], np.float64)
        for copy in range(self.copies):
            images = cut(gray, moved(exact, gray.shape, self.random if copy else None), (SIDE, SIDE))
            for number, ((character, _), image) in enumerate(zip(characters, images, strict=True)):
                self._save(character, f"{name}-{number:03d}-{copy}", image)
                if copy == 0 and voiced_forms(character):
                    self._kana.setdefault(character, []).append(image)

    def write_voiced(self) -> int:
        """Draws marks beside kana that may be voiced; returns how many images that gave."""
        before = self.written
        for character, images in sorted(self._kana.items()):
            for form in voiced_forms(character):
                ring = unicodedata.normalize("NFD", form)[-1] == "\u309a"
                for number in range(min(VOICED_COPIES, 4 * len(images))):
                    image = images[self.random.integers(len(images))]
                    self._save(form, f"drawn-{number:03d}", with_mark(image, ring, self.random))
        return self.written - before

    def _save(self, character: str, name: str, image: NDArray[np.uint8]) -> None:
        folder = self.folder / f"U+{ord(character):04X}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{name}.png", compress_level=1)
        self.written += 1


def moved(boxes: NDArray[np.float64], shape: tuple[int, ...], random: np.random.Generator | None) -> NDArray[np.int32]:
    """Boxes within a page of such a shape, each edge moved at random."""
    low, high = boxes[:, :2].copy(), boxes[:, :2] + boxes[:, 2:]
    if random is not None:
        reach = MOVED * boxes[:, 2:].max(axis=1, keepdims=True)
        low -= random.uniform(-0.6, 1, low.shape) * reach  # a box that is too small loses strokes for good
        high += random.uniform(-0.6, 1, high.shape) * reach
    size = np.array(shape[1::-1])
    low = np.rint(low).clip(0, size - 1)
    high = np.maximum(np.rint(high).clip(0, size), low + 1)
    return np.hstack([low, high - low]).astype(np.int32)


def voiced_forms(kana: str) -> Iterable[str]:
    """The kana with a mark of voicing, and with that of p, as far as they are one character each."""
    forms = (unicodedata.normalize("NFC", kana + mark) for mark in "\u3099\u309a")
    return [form for form in forms if len(form) == 1 and "\u3041" <= form <= "\u309f" and form != "\u3094"]


def with_mark(image: NDArray[np.uint8], ring: bool, random: np.random.Generator) -> NDArray[np.uint8]:
    """A character, bright on black, with a mark of voicing drawn at its upper right."""
    side = len(image)
    canvas = Image.new("L", (2 * side, 2 * side))
    at = side // 2
    canvas.paste(Image.fromarray(image), (at, at))
    left, top, right, bottom = canvas.getbbox() or (at, at, at + side, at + side)
    longer = max(right - left, bottom - top)
    marks = Image.new("L", canvas.size)
    pen = ImageDraw.Draw(marks)
    x = right - random.uniform(-0.12, 0.12) * longer
    y = top + random.uniform(-0.08, 0.3) * (bottom - top)
    length, width = random.uniform(0.1, 0.2) * longer, max(2, round(random.uniform(0.045, 0.085) * longer))
    tone = int(random.uniform(170, 255))
    if ring:
        pen.ellipse((x, y, x + length, y + length), outline=tone, width=max(2, width // 2))
    else:
        slant = random.uniform(0.1, 1.1) * length
        for apart in (0.0, random.uniform(0.8, 1.4) * length):
            start = x + apart, y + random.uniform(-0.4, 0.1) * apart
            end = start[0] + slant, start[1] + length * random.uniform(0.7, 1.1)
            pen.line((*start, *end), fill=tone, width=width)
    marks = marks.filter(ImageFilter.GaussianBlur(0.8))
    both = Image.fromarray(np.maximum(np.asarray(canvas), np.asarray(marks)))
    return in_the_middle(both.crop(both.point([0] * 40 + [255] * 216).getbbox()), (side, side))


if __name__ == "__main__":
    main()
