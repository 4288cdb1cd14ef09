"""The answer where no network is named beside those of the networks that it is made of, on kanji and on ten kana.

    python benchmarks/one_answer.py                  # on images by which nothing was chosen
    python benchmarks/one_answer.py --choosing       # other ways of mixing, on those by which it was chosen

An even choice of test images, each on paper as `plain` of disguises.py: every second is for choosing (but for those
that disguises.py measures), the others are measured.  `kanji` and `kmnist` are told by whoever names them that it is a
kanji, or one of ten kana, which the one answer has to find out: kanji that it takes for the kana which was written with
them are counted apart, for the two look alike.
"""

import argparse
import itertools
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from disguises import COUNT, answers, even, logits_of, prepared, test_images
from kuzushiji.characters import parents
from kuzushiji.evaluation.bootstrap import wilson_interval
from kuzushiji.reading.combined import MIXING
from kuzushiji.reading.pretrained import ALL

SETS = {"kkanji": ("kanji", 6000), "kmnist6k": ("kmnist", 2000)}
"""Of each data set the network that knows its kind, and how many images."""
_AT_ONCE = 100

Logits = Mapping[str, NDArray[np.float32]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choosing", action="store_true", help="try other ways of mixing, on the images for choosing")
    parser.add_argument("--share", type=float, default=1.0, help="of the images, so many")
    arguments = parser.parse_args()
    for data, (single, count) in SETS.items():
        numbers = chosen(data, round(arguments.share * count), arguments.choosing)
        (try_mixings if arguments.choosing else compare)(data, single, numbers)


def chosen(data: str, count: int, for_choosing: bool) -> NDArray[np.int64]:
    """The numbers of the images by which is chosen, or of those that are measured."""
    whole = len(test_images(data))
    numbers = even(whole, count)
    return np.setdiff1d(numbers[::2], even(whole, COUNT)) if for_choosing else numbers[1::2]


def asked(data: str, numbers: NDArray[np.int64]) -> Iterator[tuple[list[str], Logits]]:
    """What is on some images, and the logits of each network; some at once, and none of what is left out."""
    test = test_images(data)
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        inked, logits = logits_of(ALL, list(prepared(test.images, "plain", some)))
        yield [test.classes[label] for label in test.labels[some[inked]]], logits


def compare(data: str, single: str, numbers: NDArray[np.int64]) -> None:
    """Prints how many are right by the one answer, and by each of the networks alone."""
    rows: dict[str, list[tuple[bool, bool, float]]] = {"all": [], "page": [], single: []}
    lost, alike = 0, 0
    for actual, logits in asked(data, numbers):
        said = {name: answers(name, logits, [""] * len(actual)) for name in rows}
        for name, found in said.items():
            rows[name] += [
                (each[0].character == one, not each.unsure, each[0].probability)
                for each, one in zip(found, actual, strict=True)
            ]
        for one, mixed, alone in zip(actual, said["all"], said[single], strict=True):
            if alone[0].character == one != mixed[0].character:
                lost += 1
                alike += is_parent(mixed[0].character, one) or is_parent(one, mixed[0].character)
    print(f"\n{len(numbers):,} test images of {data}\n")
    print("| network | right, % | 95 % interval | sure, % | wrong of these, % | certain on average, % |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, row in rows.items():
        right, sure, certain = (np.array(column) for column in zip(*row, strict=True))
        low, high = (100 * end for end in wilson_interval(right.sum(), len(numbers)))
        print(
            f"| {name} | {100 * right.sum() / len(numbers):.2f} | {low:.2f} to {high:.2f} | {100 * sure.mean():.1f} "
            f"| {100 * (~right[sure]).mean():.2f} | {100 * certain.mean():.2f} |"
        )
    print(f"\nOf {lost} that `{single}` names rightly and `all` does not, {alike} are a kana and a parent kanji of it.")


def is_parent(kanji: str, kana: str) -> bool:
    return kanji in parents(kana)


def try_mixings(data: str, single: str, numbers: NDArray[np.int64]) -> None:
    """Prints how many are right, and how surely, by several ways of mixing."""
    known = list(asked(data, numbers))
    count = sum(len(actual) for actual, _ in known)
    print(f"\n{count:,} test images of {data}: weight of kana, likelier by kanji and by kmnist; right, certain (%)")
    for weight, kanji, kmnist in itertools.product((0.0, 0.3, 0.5, 0.7), (0.5, 1.0), (1.0, 2.0, 3.0)):
        MIXING["kana"] = MIXING["kana"]._replace(weight=weight)
        MIXING["kanji"] = MIXING["kanji"]._replace(likelier=kanji)
        MIXING["kmnist"] = MIXING["kmnist"]._replace(likelier=kmnist)
        said = [
            (each, one)
            for actual, logits in known
            for each, one in zip(answers("all", logits, [""] * len(actual)), actual, strict=True)
        ]
        right, certain = zip(*((each[0].character == one, each[0].probability) for each, one in said), strict=True)
        print(
            f"{weight:4.1f}{kanji:4.1f}{kmnist:4.1f}{100 * np.mean(right):8.2f}{100 * np.mean(certain):8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
