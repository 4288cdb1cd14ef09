"""Makes the language model that ships, `reading/weights/language.npz`, and its card, from texts.

    python tools/train_language.py TEXT,TEXT=SHARE ... --without PAGES ... --layouts layouts/pages.csv.gz

A text is a file (.txt or .txt.gz) with a column a line; a blank line parts pages.  `--without` names folders of
labelled pages: every page of their books is left out, which `--layouts` (pages, their characters and their boxes)
tells from the texts by its characters, and so is every column anywhere that has `RUN` characters in a row with
one of these pages in common.  What is left is counted for each text by itself (interpolated Kneser-Ney with three
discounts, Chen and Goodman 1999); the texts' models are mixed by their shares and pruned.

The same texts give the same bytes.
"""

import argparse
import csv
import gzip
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.order import arrange
from kuzushiji.files import write_text
from kuzushiji.reading.ngrams import STEP, Level, Ngrams, common_form
from kuzushiji.shipped import WEIGHTS

RUN = 8
"""A column that has so many characters in a row with a page in common is taken for a part of it."""
ALPHABET = 5000
"""So many characters are taken to exist; those that no text has share what is left."""
GAIN = 1e-6
"""A string of three or more characters is kept where it adds so much to the logarithm of the texts' probability."""
MARKS = str.maketrans("", "", "、。，．・：；　 「」『』（）()〔〕[]｢｣！？!?\t\r")
"""What editors put into texts, and no old book has."""
DOUBTFUL = "□■〓▲"
"""What editors put where they could not read; nothing is read across."""

Keys = NDArray[np.int64]


# Texts


def as_written(text: str) -> str:
    """A text as books have it: without what editors added, the long iteration mark one character."""
    return text.replace("〳〵", "〱").replace("〴〵", "〲").translate(MARKS)


def folded(text: str) -> str:
    """A text in common forms, to be compared and counted."""
    return "".join(map(common_form, as_written(text)))


def read_text(path: Path) -> str:
    """A text, packed or not."""
    return (gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")).read()


def of_books(text: str, books: set[str], layouts: Path) -> list[str]:
    """The pages of a text that are pages of books: those with the same characters as one of these in the layouts."""
    csv.field_size_limit(10**9)
    with gzip.open(layouts, "rt", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    mine = [labels.split()[::5] for name, labels in rows if name.replace("-", "_").split("_")[0] in books]
    bags = {tuple(sorted(chr(int(point[2:], 16)) for point in page)) for page in mine}
    return [page for page in text.split("\n\n") if tuple(sorted(page.replace("\n", ""))) in bags]


class Overlap:
    """Knows what columns share with texts that must not be learnt from."""

    def __init__(self, texts: Iterable[str]) -> None:
        pages = [folded(text).replace("\n", "") for text in texts]
        self.all = "\n".join(pages)
        self.runs = {page[start : start + RUN] for page in pages for start in range(len(page) - RUN + 1)}

    def __contains__(self, column: str) -> bool:
        if len(column) < RUN:
            return column in self.all
        return any(column[start : start + RUN] in self.runs for start in range(len(column) - RUN + 1))


def sequences(text: str, overlap: Overlap) -> Iterator[str]:
    """What stands one after the other in a text, in common forms: a page, or what of it may be learnt from."""
    sequence = ""
    for line in [*text.split("\n"), ""]:
        column = folded(line)
        if column and column not in overlap:
            sequence += column
        elif sequence:
            for mark in DOUBTFUL:
                sequence = sequence.replace(mark, "\n")
            yield from filter(None, sequence.split("\n"))
            sequence = ""


# Counts


class Counted:
    """An interpolated model of one text: for each length the strings, sorted, and what they give."""

    def __init__(self, texts: Sequence[str], characters: Sequence[str], order: int) -> None:
        self.base = len(characters)
        known = {each: number for number, each in enumerate(characters)}
        # Number 0 stands for the beginning of a sequence here: each has as many before it as a string may be long.
        numbers = [np.array([0] * order + [known[each] for each in text], np.int64) for text in texts]
        stream = np.concatenate(numbers)
        self.keys: list[Keys] = []
        self.probabilities: list[NDArray[np.float64]] = []
        self.backoffs: list[NDArray[np.float64]] = []
        self.counts: list[NDArray[np.int64]] = []
        raw = [self._strings(stream, length, begun=False) for length in range(1, order + 1)]
        for length in range(1, order + 1):
            keys, counts = raw[length - 1]
            weights = counts if length == order else self._before(stream, length, keys)
            self._add(keys, counts, weights)

    def _strings(self, stream: Keys, length: int, *, begun: bool) -> tuple[Keys, NDArray[np.int64]]:
        """Strings of a length and how often each is there; with `begun`, their first may be the beginning."""
        windows = np.lib.stride_tricks.sliding_window_view(stream, length)
        inner = windows[:, 1:] if begun else windows
        windows = windows[(inner > 0).all(axis=1)]
        return np.unique(windows @ self.base ** np.arange(length - 1, -1, -1), return_counts=True)

    def _before(self, stream: Keys, length: int, keys: Keys) -> NDArray[np.int64]:
        """After how many different characters, the beginning among them, each string of a length stands."""
        longer, _ = self._strings(stream, length + 1, begun=True)
        ends, counts = np.unique(longer % self.base**length, return_counts=True)
        return counts[np.searchsorted(ends, keys)]

    def _add(self, keys: Keys, counts: NDArray[np.int64], weights: NDArray[np.int64]) -> None:
        """Probabilities of strings one longer than those so far, and the backoffs of their contexts."""
        length = len(self.keys) + 1
        n = [max(1, int((weights == times).sum())) for times in range(1, 5)]
        share = n[0] / (n[0] + 2 * n[1])
        discounts = np.array([0, *(times - (times + 1) * share * n[times] / n[times - 1] for times in (1, 2, 3))])
        off = np.maximum(discounts, [0, 0.1, 0.1, 0.1])[weights.clip(max=3)]
        contexts = keys // self.base
        _, of = np.unique(contexts, return_inverse=True)
        sums = np.bincount(of, weights)
        left = np.bincount(of, off) / sums
        if length == 1:
            lower = np.full(len(keys), 1 / ALPHABET)
        else:
            backoffs = np.ones(len(self.keys[-1]))
            backoffs[np.searchsorted(self.keys[-1], np.unique(contexts))] = left
            self.backoffs.append(backoffs)
            lower = self.probabilities[-1][np.searchsorted(self.keys[-1], keys % self.base ** (length - 1))]
        self.keys.append(keys)
        self.counts.append(counts)
        self.probabilities.append((weights - off) / sums[of] + left[of] * lower)
        self.unknown = left[0] / ALPHABET if length == 1 else self.unknown


def _looked_up(keys: Keys, values: NDArray[np.float64], wanted: Keys, missing: NDArray[np.float64] | float) -> NDArray:
    places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], missing)


def mixed(models: Sequence[Counted], shares: Sequence[float], characters: Sequence[str]) -> list[tuple]:
    """For each length: strings of any model, their probabilities by all of them together, and how much each counts."""
    base, order = models[0].base, len(models[0].keys)
    mixture: list[tuple] = []
    before: list[NDArray[np.float64]] = []
    for length in range(1, order + 1):
        keys = np.unique(np.concatenate([model.keys[length - 1] for model in models]))
        if length == 1:
            keys = np.arange(base)
        now, counts = [], np.zeros(len(keys))
        for number, (model, share) in enumerate(zip(models, shares, strict=True)):
            if length == 1:
                missing: NDArray[np.float64] | float = model.unknown
            else:
                backoff = _looked_up(model.keys[length - 2], model.backoffs[length - 2], keys // base, 1.0)
                missing = backoff * before[number][np.searchsorted(mixture[-1][0], keys % base ** (length - 1))]
            now.append(_looked_up(model.keys[length - 1], model.probabilities[length - 1], keys, missing))
            total = model.counts[0].sum()
            counts += share * _looked_up(model.keys[length - 1], model.counts[length - 1] / total, keys, 0.0)
        before = now
        mixture.append((keys, np.tensordot(np.array(shares), np.array(now), 1), counts))
    return mixture


def pruned(mixture: list[tuple], characters: Sequence[str], gain: float = GAIN) -> Ngrams:
    """A backoff model of those strings that make a difference."""
    base = len(characters)
    probabilities = [each[1] for each in mixture]
    kept = [np.ones(len(mixture[0][0]), bool)]
    for length in range(2, len(mixture) + 1):
        keys, probability, counts = mixture[length - 1]
        shorter = probabilities[length - 2][np.searchsorted(mixture[length - 2][0], keys % base ** (length - 1))]
        kept.append(counts * np.abs(np.log(probability / shorter)) >= gain)
    for length in range(len(mixture), 1, -1):  # what is kept needs all that it begins and ends with
        keys = mixture[length - 1][0][kept[length - 1]]
        for part in (keys // base, keys % base ** (length - 1)):
            kept[length - 2][np.searchsorted(mixture[length - 2][0], part)] = True
    strings = [each[0][mask] for each, mask in zip(mixture, kept, strict=True)]
    values = [each[mask] for each, mask in zip(probabilities, kept, strict=True)]
    levels = []
    for length, (keys, value) in enumerate(zip(strings, values, strict=True), 1):
        backoffs = np.ones(len(keys))
        if length < len(strings):
            longer, following = strings[length], values[length]
            of = np.searchsorted(keys, longer // base)
            again = value[np.searchsorted(keys, longer % base**length)]
            left = 1 - np.bincount(of, following, len(keys))
            backoffs = left.clip(1e-4) / (1 - np.bincount(of, again, len(keys))).clip(1e-4)
        parents = np.zeros(len(keys), np.int64) if length == 1 else np.searchsorted(strings[length - 2], keys // base)
        levels.append(Level(parents * base + keys % base, _steps(value), _steps(backoffs)))
    return Ngrams(tuple(characters), tuple(levels))


def _steps(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(-np.log(values) / STEP).clip(0, 255).astype(np.uint8)


def estimate(texts: Sequence[Sequence[str]], shares: Sequence[float], order: int = 4, gain: float = GAIN) -> Ngrams:
    """The model of several texts.

    Args:
        texts: for each text its sequences, in common forms.
        shares: how much each counts, together 1.
        order: the length of the longest strings.
        gain: see `GAIN`.
    """
    characters = ["", *sorted({each for text in texts for sequence in text for each in sequence})]
    models = [Counted(text, characters, order) for text in texts]
    return pruned(mixed(models, shares, characters), characters, gain)


# The verb


def learnt(paths: Sequence[Path], apart: bool, overlap: Overlap) -> list[str]:
    """What may be learnt from files of texts; with `apart`, each of their columns stands for itself."""
    found: list[str] = []
    for path in paths:
        text = read_text(path)
        found += sequences(text.replace("\n", "\n\n") if apart else text, overlap)
    return found


def perplexity(ngrams: Ngrams, texts: Iterable[str]) -> float:
    """Among how many characters it wavers at each of the texts, as if all of them were equally probable."""
    written = [as_written(text).replace("\n", "") for text in texts]
    return float(np.exp(-sum(map(ngrams.log_probability, written)) / sum(map(len, written))))


def card(ngrams: Ngrams, rows: Sequence[tuple[str, float, int]], pages: int, books: int, result: float) -> str:
    """What the file is, as Markdown."""
    table = "\n".join(f"| {name} | {share:g} | {count:,} |" for name, share, count in rows)
    strings = ", ".join(f"{len(level.keys):,}" for level in ngrams.levels)
    return f"""# language

Which character follows which in old Japanese: a backoff model of strings of 1 to {ngrams.order} characters \
({strings} of them), kanji in the forms of today and kana without voicing marks. `kuzushiji.Reader` weighs with it \
what a network takes a character for; it never adds a character that the network did not name.

| texts | share | characters learnt from |
|---|---:|---:|
{table}

`codh_pages` and `codh_columns` are transcriptions of the Kuzushiji Dataset (created by NIJL and others, processed by \
CODH, doi:10.20676/00000340), CC BY-SA 4.0; `edo_prints` are transcriptions by the volunteers of みんなで翻刻, \
CC BY-SA 4.0; `genji` is 校異源氏物語 (CC0); `waka` are four imperial anthologies. The file is CC BY-SA 4.0.

## How good it is

Perplexity {result:.1f} on {pages} labelled pages of {books} books. Every page of these books that the texts name was \
left out, and so was every column that has {RUN} characters in a row with such a page in common. `codh_columns` \
does not say which book a column is from: other pages of these books may be in it where the texts do not name them. \
The same file is behind every published figure of reading with it.

## What it is not good for

- It knows what is frequent in printed books of the Edo period and in classical tales and verse. Names, numbers and \
rare words are improbable to it however clear they are on the image; so it counts less than the image, and what the \
network is sure of is not changed.
- It can't tell whether a kana has its voicing mark, or a kanji its old form: the image alone says that.

## Made by

```
python tools/train_language.py {" ".join(sys.argv[1:])}
```
"""


def main() -> None:
    """Reads the texts, counts, writes the model and its card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="+", help="FILE[,FILE...]=SHARE: texts that are counted together")
    parser.add_argument("--apart", nargs="*", default=[], help="names of those whose columns do not follow each other")
    parser.add_argument("--without", nargs="+", type=Path, required=True, help="folders of labelled pages")
    parser.add_argument("--but", nargs="*", type=Path, default=[], help="texts whose columns are left out")
    parser.add_argument("--layouts", type=Path, required=True)
    parser.add_argument("--order", type=int, default=4)
    parser.add_argument("--output", type=Path, default=WEIGHTS / "language.npz")
    options = parser.parse_args()

    pages = [page for folder in options.without for page in list_pages(folder).pages]
    books = {page.book for page in pages}
    arranged = [arrange(page.truth) for page in pages]
    held_out = ["".join(page.characters.best[page.order].tolist()) for page in arranged]
    groups = [
        ([Path(name) for name in each.split("=")[0].split(",")], float(each.split("=")[1])) for each in options.texts
    ]
    named = [
        page for paths, _ in groups for path in paths for page in of_books(read_text(path), books, options.layouts)
    ]
    overlap = Overlap([*held_out, *named, *map(read_text, options.but)])
    texts = [
        [each for path in paths for each in learnt([path], path.name in options.apart, overlap)] for paths, _ in groups
    ]
    ngrams = estimate(texts, [share for _, share in groups], options.order)
    ngrams.save(options.output)
    rows = [
        (", ".join(path.name.split(".")[0] for path in paths), share, sum(map(len, text)))
        for (paths, share), text in zip(groups, texts, strict=True)
    ]
    result = perplexity(Ngrams.load(options.output), held_out)
    write_text(options.output.with_suffix(".md"), card(ngrams, rows, len(pages), len(books), result))
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB, perplexity {result:.1f}")


if __name__ == "__main__":
    main()
