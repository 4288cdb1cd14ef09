"""How well networks read the kana of real pages, told that they are kana and where each stands.

    python benchmarks/page_kana.py pages/books pages/labelled --models kana
    python benchmarks/page_kana.py pages/books pages/labelled --models not1.onnx not2.onnx not3.onnx --without 200010454

The answer is the likeliest of the classes of Kuzushiji-49; a mark of voicing counts for nothing.  Of several networks
each reads the pages of one fold, as `tools/measure_reading.py` deals the books: those that it did not learn from.
A network is one that ships, an exported file, or the weights of a run.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.characters import K49, kind, unvoiced
from kuzushiji.data.pages.characters import folds
from kuzushiji.data.pages.cutting import clip
from kuzushiji.data.pages.tables import BoxedPage, list_pages
from kuzushiji.evaluation.bootstrap import wilson_interval
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.read import read_gray
from kuzushiji.reading.recognizer import Recognizer

Answers = Callable[[NDArray[np.uint8], NDArray[np.int32]], list[str]]
"""A page and boxes on it -> the kana in each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="+", type=Path, help="folders of pages whose characters are boxed")
    parser.add_argument("--models", nargs="+", required=True, help="one for all pages, or one for each fold")
    parser.add_argument("--without", nargs="*", default=[], help="books that a network learnt from, and are left out")
    options = parser.parse_args()
    pages = [page for folder in options.pages for page in list_pages(folder).pages if page.image and len(page)]
    fold = folds((page.book for page in pages), len(options.models))
    answers = [answers_of(model) for model in options.models]
    by_book: dict[str, list[bool]] = {}
    for page in pages:
        if page.book not in options.without:
            by_book.setdefault(page.book, []).extend(right_on(page, answers[fold[page.book] - 1]))
    print("| book | kana | right, % | 95 % interval |\n|---|---:|---:|---:|")
    every = [each for right in by_book.values() for each in right]
    for book, right in [*sorted(by_book.items()), ("all", every)]:
        if right:
            low, high = (100 * end for end in wilson_interval(sum(right), len(right)))
            print(f"| {book} | {len(right):,} | {100 * np.mean(right):.1f} | {low:.1f} to {high:.1f} |")


def answers_of(model: str) -> Answers:
    """What a network answers."""
    if model.endswith(".safetensors"):
        from kuzushiji.inference.weights import load_network

        network, config = load_network(Path(model))
        classes, size = config.classes, config.model.image_size
    else:
        recognizer = Recognizer(model)
        classes, size = recognizer.classes, recognizer.description.image_size
    kana = [number for number, each in enumerate(classes) if each in K49]

    def logits(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if not model.endswith(".safetensors"):
            return recognizer.logits(images)
        import torch

        with torch.no_grad():
            return network(torch.from_numpy(images)[:, None].float() / 255).numpy()

    return lambda gray, boxes: [classes[kana[at]] for at in logits(cut(gray, boxes, size))[:, kana].argmax(axis=1)]


def right_on(page: BoxedPage, answers: Answers) -> list[bool]:
    """Of each kana of a page, whether the answer is right."""
    assert page.image is not None
    gray = read_gray(page.image.path)
    plain = [unvoiced(character) for character in page.characters]
    rows = [at for at, each in enumerate(plain) if each in K49 and kind(page.characters[at]) == "kana"]
    if not rows:
        return []
    found = answers(gray, clip(page.boxes, gray.shape)[0][rows])
    return [one == plain[row] for one, row in zip(found, rows, strict=True)]


if __name__ == "__main__":
    main()
