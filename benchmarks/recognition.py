"""How well characters are recognized however their images come: inverted, enlarged, on stained paper, from real pages.

    python benchmarks/recognition.py                                            # kmnist, test images of kmnist6k
    python benchmarks/recognition.py --models kanji FILE.onnx --data kkanji --limit 2000
    python benchmarks/recognition.py --models kmnist kanji --pages FOLDER       # boxed characters of pages, by kind
    python benchmarks/recognition.py --pages FOLDER --write docs/results.json   # into that file and its page
    python benchmarks/recognition.py --facts kmnist6k kkanji                    # what images of the data sets look like

The first line of the first table is the network alone, on the images as they are in the data set; the others bring an
image to that form again with `kuzushiji.imaging.cut.cut_character`.  Intervals are 95 % (Wilson's).
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import kuzushiji
from kuzushiji import characters
from kuzushiji.data.pages.cutting import clip
from kuzushiji.data.pages.files import FileReader
from kuzushiji.data.pages.tables import list_pages
from kuzushiji.data.source import parse
from kuzushiji.evaluation.bootstrap import wilson_interval
from kuzushiji.imaging.read import read_gray
from kuzushiji.reading.recognizer import Recognition, Recognizer
from kuzushiji.report.document import Document
from kuzushiji.report.markdown import as_markdown
from kuzushiji.report.results import KindReading, Measured, PageReading, read_results, write_results
from kuzushiji.report.results_page import pages_section, write_page

PAPER, INK = np.array([222.0, 200.0, 160.0]), np.array([50.0, 40.0, 35.0])
Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["kmnist"], help="networks that ship, or exported files")
    parser.add_argument("--data", default="kmnist6k", help="anything that `kuzushiji.load` takes; its test split")
    parser.add_argument("--limit", type=int, default=10_000, help="images at most")
    parser.add_argument("--pages", help="measure on the boxed characters of these pages instead")
    parser.add_argument("--write", type=Path, help="a file of `kuzushiji results` to write what --pages finds into")
    parser.add_argument("--facts", nargs="+", help="tell what the training images of these data sets look like instead")
    arguments = parser.parse_args()
    if arguments.facts:
        for name in arguments.facts:
            tell_facts(name)
    elif arguments.pages:
        command = f"python benchmarks/recognition.py --models {' '.join(arguments.models)} --pages PAGES"
        found = [measure_pages(Recognizer(model), arguments.pages, command) for model in arguments.models]
        print(as_markdown(Document("Characters of pages", sections=(pages_section(found),))))
        if arguments.write:
            results = read_results(arguments.write).updated(pages=found)
            write_results(arguments.write, results)
            write_page(results, arguments.write)
    else:
        for model in arguments.models:
            measure_changes(Recognizer(model), arguments.data, arguments.limit)


# However the image comes


def tight(image: Pixels) -> Pixels:
    """Cut off where its ink ends."""
    rows, columns = (np.flatnonzero((image >= 128).any(axis=axis)) for axis in (1, 0))
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] if len(rows) else image


def loose(image: Pixels, share: float = 1.0) -> Pixels:
    """With more room around it than it takes itself, not the same on each side."""
    room = round(share * max(image.shape))
    return np.pad(image, ((room, room // 2), (room // 3, room)))


def enlarged(image: Pixels) -> Pixels:
    """Four times as large, with Lanczos."""
    height, width = image.shape
    return np.asarray(Image.fromarray(image).resize((4 * width, 4 * height), Image.Resampling.LANCZOS))


def on_paper(image: Pixels) -> Pixels:
    """Dark ink on coloured, grainy paper that is darker on one side; uint8 (H, W, 3)."""
    generator = np.random.default_rng(int(image.sum()))
    height, width = image.shape
    ink = image[..., None] / 255
    shade = np.linspace(-15, 15, width)[None, :, None] + generator.normal(0, 6, (height, width, 1))
    mixed = (1 - ink) * (PAPER + shade) + ink * INK + generator.normal(0, 3, (height, width, 1))
    return mixed.clip(0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda image: image,
    "inverted": lambda image: 255 - image,
    "enlarged x4": enlarged,
    "padded loosely": loose,
    "padded very loosely": lambda image: loose(image, 3),
    "cut off tightly": tight,
    "cut off tightly, inverted, x4": lambda image: 255 - enlarged(tight(image)),
    "on paper": on_paper,
    "on paper, x4": lambda image: on_paper(enlarged(image)),
    "on paper, padded loosely, x4": lambda image: on_paper(enlarged(loose(image))),
}


def measure_changes(recognizer: Recognizer, name: str, limit: int) -> None:
    """Prints the accuracy for each way in which the images can come."""
    data = kuzushiji.load(name, "test")
    chosen = np.unique(np.linspace(0, len(data) - 1, min(limit, len(data))).astype(int))
    images, labels = np.asarray(data.images[chosen]), data.labels[chosen]
    actual = [data.classes[label] for label in labels]
    print(f"{recognizer.path.name} on {len(images):,} test images of {name}\n")
    print("| image | right, % | 95 % interval | sure, % | right of these, % |\n|---|---:|---:|---:|---:|")
    print(line("the network alone", recognizer.recognize_prepared(list(images)), actual))
    for change, changed in CHANGES.items():
        print(line(change, recognizer([changed(image) for image in images]), actual), flush=True)


def line(name: str, found: list[Recognition], actual: list[str]) -> str:
    """A line of the table."""
    right = np.array([not each.blank and each[0].character == is_ for each, is_ in zip(found, actual, strict=True)])
    sure = np.array([not each.unsure for each in found])
    low, high = wilson_interval(right.sum(), len(right))
    of_sure = f"{100 * right[sure].mean():.2f}" if sure.any() else "–"
    return (
        f"| {name} | {100 * right.mean():.2f} | {100 * low:.2f} to {100 * high:.2f} | {100 * sure.mean():.1f} "
        f"| {of_sure} |"
    )


# Pages


def measure_pages(recognizer: Recognizer, source: str, command: str) -> PageReading:
    """How the boxed characters of pages are recognized, by kind."""
    crops: list[Pixels] = []
    actual: list[str] = []
    for gray, boxes, written in boxed_pages(source):
        crops += [gray[y : y + height, x : x + width] for x, y, width, height in boxes]
        actual += written
    found = recognizer(crops)
    known = set(recognizer.classes)
    kinds: dict[str, list[int]] = {}
    for number, character in enumerate(actual):
        kind = f"{kind_of(character)}{'' if character in known else ', not among its classes'}"
        kinds.setdefault(kind, []).append(number)
    everything = [*sorted(kinds.items()), ("all", list(range(len(actual))))]
    readings = tuple(
        kind_reading(kind, [found[number] for number in numbers], [actual[number] for number in numbers])
        for kind, numbers in everything
    )
    return PageReading(recognizer.path.stem, len(known), command, readings)


def kind_reading(kind: str, found: list[Recognition], actual: list[str]) -> KindReading:
    right = np.array([not each.blank and each[0].character == is_ for each, is_ in zip(found, actual, strict=True)])
    among = [any(each.character == is_ for each in some) for some, is_ in zip(found, actual, strict=True)]
    sure = np.array([not each.unsure for each in found])
    low, high = wilson_interval(right.sum(), len(right))
    return KindReading(
        kind,
        len(found),
        Measured(*(round(float(share), 6) for share in (right.mean(), low, high))),
        among_5=round(float(np.mean(among)), 6),
        sure=round(float(sure.mean()), 6),
        right_of_sure=round(float(right[sure].mean()), 6) if sure.any() else None,
    )


def boxed_pages(source: str) -> Iterator[tuple[Pixels, list[list[int]], str]]:
    """Of each page that has an image: the image, the boxes (x, y, width, height) within it, their characters."""
    with FileReader() as reader:
        for page in list_pages(parse(source).pages.path).pages:
            if page.image is not None:
                gray = read_gray(reader.content(page.image))
                yield gray, clip(page.boxes, gray.shape)[0].tolist(), page.characters


def kind_of(character: str) -> str:
    """What kind of character it is."""
    if character in characters.KMNIST:
        return "kana of Kuzushiji-MNIST"
    if character in characters.K49:
        return "other kana"
    return "kanji" if "\u3400" <= character <= "\u9fff" or character >= "\U00020000" else "other"


# What the data sets look like


def tell_facts(name: str) -> None:
    """Prints margins, proportions and tones of the training images of a data set."""
    data = kuzushiji.load(name, "train")
    chosen = np.unique(np.linspace(0, len(data) - 1, 6000).astype(int))
    images = np.asarray(data.images[chosen])
    ink = images >= 128
    images, ink = images[ink.any(axis=(1, 2))], ink[ink.any(axis=(1, 2))]
    side = images.shape[1]
    rows, columns = ink.any(axis=2), ink.any(axis=1)
    top, bottom = rows.argmax(axis=1), rows[:, ::-1].argmax(axis=1)
    left, right = columns.argmax(axis=1), columns[:, ::-1].argmax(axis=1)
    free = np.minimum(top + bottom, left + right) / side
    is_tall = left + right > top + bottom
    uneven = np.where(is_tall, np.abs(left - right), np.abs(top - bottom))
    outermost = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], axis=1)
    print(f"{name}: {len(images):,} training images of {side} x {side} pixels")
    print(f"  free along the longer side: half {np.median(free):.1%} at most, 95 % {np.quantile(free, 0.95):.1%}")
    print(f"  taller than wide: {is_tall.mean():.0%}; the margins along the shorter side differ by", end=" ")
    print(f"{np.median(uneven):.0f} pixels at most in half, {np.quantile(uneven, 0.95):.0f} in 95 %")
    print(f"  median of the outermost pixels above 127: {(np.median(outermost, axis=1) > 127).mean():.2%}")
    print(f"  median of all pixels above 127: {(np.median(images, axis=(1, 2)) > 127).mean():.2%}")
    print(f"  pixels that are 0: {(images == 0).mean():.1%}, 255: {(images == 255).mean():.1%}")
    print(f"  mean pixel {images.mean() / 255:.3f}; brightest below 255: {(images.max(axis=(1, 2)) < 255).mean():.1%}")
    shares = ink.mean(axis=(1, 2))
    print(f"  ink: mean {shares.mean():.1%}, 98 % between {np.quantile(shares, 0.01):.1%} and ", end="")
    print(f"{np.quantile(shares, 0.99):.1%}")


if __name__ == "__main__":
    main()
