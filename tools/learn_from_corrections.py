"""How much a network learns of a book from corrections: right before and after so many, here and elsewhere.

Of each book the first characters, in reading order, are corrected on a shelf as a person would, and the network is
trained on what `shelf:BOOK` gives, beside images of all that it knows, lest it forget them.  Then it names the rest of
the book, which it never saw, and the characters of all other books.

    python tools/learn_from_corrections.py --pages pages/labelled pages/books --books 200022050 200014740 100241706
        --from base --data kkanji+kmnist6k --output docs/learning.json

The network must have seen none of the pages.  Writes the figures and, beside them, a page with a picture.
"""

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from kuzushiji.data.images import CharacterImages
from kuzushiji.data.pages.files import FileReader
from kuzushiji.data.pages.tables import BoxedPage, list_pages
from kuzushiji.data.source import load
from kuzushiji.document.page import ImageRef, truth
from kuzushiji.files import write_text
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.read import read_gray, read_pixels
from kuzushiji.inference.weights import load_network
from kuzushiji.plots.files import save
from kuzushiji.plots.style import new_figure, themed
from kuzushiji.runs.run import Run, find_run
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf
from kuzushiji.training.experiment import train

RECIPE = {
    "epochs": 1, "batch_size": 256, "warmup": 0.1, "weight_decay": 0.02, "translate": 0.08, "scale": 0.15,
    "shear": 0.15, "rotate": 6.0, "elastic": 0.02, "thickness": 0.03, "ema": 0.9, "validation_fraction": 0.02,
}  # fmt: skip


def main() -> None:
    """Measures, and writes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=Path, nargs="+", required=True, help="folders of labelled pages")
    parser.add_argument("--books", nargs="+", required=True, help="which books are corrected")
    parser.add_argument("--from", dest="start", required=True, help="the run of the network")
    parser.add_argument("--data", required=True, help="images of all that it knows")
    parser.add_argument("--limit", type=int, default=6000, help="how many of them")
    parser.add_argument("--share", type=float, default=0.25, help="how many as many images of corrections")
    parser.add_argument("--lr", type=float, default=0.005)
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    start = find_run(arguments.start)
    side = start.config.model.image_size[0]
    books = _books(arguments.pages, side)
    general = load(arguments.data, "train", limit=arguments.limit, image_size=side)
    rows = []
    for book in arguments.books:
        pages, images, names = books[book]
        most = max(arguments.counts)
        others = [books[each] for each in books if each != book]
        elsewhere = np.concatenate([each[1] for each in others]), [name for each in others for name in each[2]]
        for count in (0, *arguments.counts):
            run = start if count == 0 else _learnt(start, general, pages, book, count, arguments)
            here, there = _right(run, images[most:], names[most:]), _right(run, *elsewhere)
            rows.append({"book": book, "corrections": count, "here": here, "elsewhere": there})
            print(book, count, f"{here[0]} of {here[1]} here, {there[0]} of {there[1]} elsewhere", flush=True)
            write_text(arguments.output, json.dumps(rows, indent=1) + "\n")
    _write(rows, arguments.output)


def _books(folders: list[Path], side: int) -> dict[str, tuple[list[BoxedPage], np.ndarray, list[str]]]:
    """Of each book its pages, and the images and names of its characters."""
    found: dict[str, tuple[list[BoxedPage], list[np.ndarray], list[str]]] = {}
    with FileReader() as reader:
        pages = [page for folder in folders for page in list_pages(folder).pages if page.image and len(page.boxes)]
        for page in sorted(pages, key=lambda page: page.name):
            gray = read_gray(reader.content(page.image))
            listed = found.setdefault(page.book, ([], [], []))
            listed[0].append(page)
            listed[1].append(cut(gray, page.boxes, (side, side)))
            listed[2].extend(page.characters)
    return {book: (pages, np.concatenate(images), names) for book, (pages, images, names) in found.items()}


def _learnt(
    start: Run, general: CharacterImages, pages: list[BoxedPage], book: str, count: int, arguments: argparse.Namespace
) -> Run:
    """The network after so many characters of a book were corrected."""
    home = Path(tempfile.mkdtemp())
    before = os.environ.get("KUZUSHIJI_HOME")
    os.environ["KUZUSHIJI_HOME"] = str(home)
    try:
        _correct(Shelf(home / "shelf"), pages, book, count)
        corrected = load(f"shelf:{book}", "train", image_size=general.image_size[0])
        assert len(corrected) == count
        times = max(1, round(arguments.share * len(general) / count))
        data = _together(general, corrected, times)
        options = start.config.model.options
        run = home / "run"
        return train(
            start.config.model.name, data, run=run, from_run=start.path, model_options=options, predict_test=False,
            **RECIPE | {"lr": arguments.lr},
        )  # fmt: skip
    finally:
        shutil.rmtree(home / "shelf", ignore_errors=True)
        os.environ.pop("KUZUSHIJI_HOME")
        if before is not None:
            os.environ["KUZUSHIJI_HOME"] = before


def _correct(shelf: Shelf, pages: list[BoxedPage], book: str, count: int) -> None:
    """Puts pages on the shelf that have the first characters of a book, each named by a person."""
    with FileReader() as reader:
        for page in pages:
            some = min(count, len(page.boxes))
            if not some:
                break
            count -= some
            content = reader.content(page.image)
            read = truth(ImageRef(page.name), page.characters[:some], page.boxes[:some])
            id = shelf.add(page.name, content, book)
            shelf.claim()
            shelf.finish(id, replace(read, status="read"), looks_of(read_pixels(content)))
            shelf.correct(id, 1, [{"id": each.id, "text": each.text} for each in read][:200], "measured")
    shelf.close()


def _together(general: CharacterImages, corrected: CharacterImages, times: int) -> CharacterImages:
    classes = tuple(dict.fromkeys((*general.classes, *corrected.classes)))
    labels = np.array([classes.index(name) for name in corrected.classes], np.int64)[corrected.labels]
    return CharacterImages(
        np.concatenate([general.images, *[corrected.images] * times]),
        np.concatenate([general.labels, *[labels] * times]),
        classes,
        name=f"{general.name}+{corrected.name}",
        split="train",
    )


def _right(run: Run, images: np.ndarray, names: list[str]) -> tuple[int, int]:
    """How many characters a network names right, and how many there are."""
    network, config = load_network(run.weights_file)
    network.eval()
    found: list[str] = []
    with torch.inference_mode():
        for start in range(0, len(images), 256):
            batch = torch.from_numpy(images[start : start + 256, None].astype(np.float32) / 255)
            found += [config.classes[number] for number in network(batch).argmax(1).tolist()]
    return sum(one == other for one, other in zip(found, names, strict=True)), len(names)


def _write(rows: list[dict], output: Path) -> None:
    counts = sorted({row["corrections"] for row in rows})

    def total(count: int, where: str) -> tuple[int, int, float]:
        right = sum(row[where][0] for row in rows if row["corrections"] == count)
        all = sum(row[where][1] for row in rows if row["corrections"] == count)
        return right, all, right / all

    def draw(dark: bool) -> object:
        with themed(dark) as theme:
            figure = new_figure(6.4, 3.4)
            axes = figure.subplots()
            for where, label, color in (("here", "the rest of the book", 0), ("elsewhere", "other books", 1)):
                shares = [100 * total(count, where)[2] for count in counts]
                axes.plot(counts, shares, "o-", color=theme.series[color], label=label)
                for count, share in zip(counts, shares, strict=True):
                    axes.annotate(f"{share:.1f}", (count, share), (0, 6), textcoords="offset points", ha="center")
            axes.set(xlabel="characters corrected", ylabel="named right, %", xticks=counts)
            axes.margins(y=0.2)
            axes.legend(frameon=False)
            return figure

    save(draw(False), output.with_suffix(".svg"))  # type: ignore[arg-type]
    lines = [
        "| book | corrected | the rest of the book, right | % | other books, right | % |",
        "|---|---:|---:|---:|---:|---:|",
        *(_row(row["book"], row["corrections"], row["here"], row["elsewhere"]) for row in rows),
        *(_row("together", count, total(count, "here")[:2], total(count, "elsewhere")[:2]) for count in counts),
    ]
    write_text(output.with_suffix(".table.md"), "\n".join(lines) + "\n")


def _row(book: str, count: int, *figures: tuple[int, int]) -> str:
    cells = [f"{right:,} of {all:,} | {100 * right / all:.1f}" for right, all in figures]
    return f"| {book} | {count} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
