"""Below which probability and which logit the networks that ship are unsure: the least at which few are sure and wrong.

    python benchmarks/caution.py                       # every network, 150 images of each data set
    python benchmarks/caution.py --models kmnist --limit 0

`kmnist` is asked images that its training set apart for validation, which is shown by their fingerprint on its card.
Of what the other networks set apart no list is left, so that they are asked test images: others than those that
`benchmarks/disguises.py` measures, for whoever chooses by images must not measure by them.  Each image comes in every
disguise of one character; that there are several is told by how they stand, and by no probability.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

import kuzushiji
from disguises import DISGUISES, MEASURED, SEVERAL, answers, even, logits_of, prepared, spread, unmeasured
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.splits import validation_split
from kuzushiji.reading.pretrained import ALL

ONE = [name for name in DISGUISES if name not in SEVERAL]
MOST = 0.01
"""The share of the images that may be sure and wrong in a disguise."""
PROBABILITIES = np.round(np.arange(0.5, 0.995, 0.01), 2)
LOGITS = (float("-inf"), 1.0, 2.0, 3.0)
NONE = LOGITS[:1]

_APART = "b90630770c3117f8"
"""How the fingerprint of the 313 images begins that the training of `kmnist` set apart."""

Answers = dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Of each disguise the probability of each answer, 0 where there is a doubt, the highest logit, infinite of `all`, and
whether the answer is right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", help="of those in MEASURED of disguises.py")
    parser.add_argument("--limit", type=int, default=150, help="images of each data set at most; 0 for all")
    parser.add_argument("--most", type=float, default=MOST, help="share of the images that may be sure and wrong")
    parser.add_argument("--only", nargs="+", default=ONE, help="names of disguises")
    arguments = parser.parse_args()
    wanted = [model for model in dict(MEASURED) if model in (arguments.models or [model])]
    asked: dict[str, list[Answers]] = {model: [] for model in wanted}
    for models, data in _together(wanted):
        images = images_of(models, data, arguments.limit)
        print(f"{', '.join(models)}: {len(images):,} {images.split} images of {data}", flush=True)
        for model in models:
            asked[model].append({})
        for name in arguments.only:
            for model, found in _answers(models, images, name):
                asked[model][-1][name] = found
    for model in wanted:
        tell(model, asked[model], arguments.most)


def _together(wanted: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """Networks that are asked the same images, and of which data set these are."""
    for data in ("kmnist6k", "kkanji"):
        models = [model for model, its in MEASURED if its == data and model in wanted]
        apart = [model for model in models if model == "kmnist"]
        for some in (apart, [model for model in models if model not in apart]):
            if some:
                yield some, data


def images_of(models: Sequence[str], data: str, limit: int) -> CharacterImages:
    """What some networks are asked: images that have no part in their training, nor in what is published of them."""
    if models == ["kmnist"]:
        _, apart = validation_split(kuzushiji.load(data, "train"), fraction=0.05)
        if not apart.fingerprint().startswith(_APART):
            raise SystemExit(f"these are not the images that kmnist set apart: {apart.fingerprint()[:16]}")
        return apart.select(even(len(apart), limit))
    test = kuzushiji.load(data, "test")
    return test.select(unmeasured(len(test), limit))


def _answers(
    models: Sequence[str], images: CharacterImages, name: str
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """What each network says of the images in a disguise."""
    scans = list(prepared(np.asarray(images.images), name))
    actual = [images.classes[label] for label in images.labels]
    inked, logits = logits_of(sorted({*models} - {"all"} | ({*ALL} if "all" in models else set())), scans)
    doubts = ["" if scan is None else scan.doubt for scan in scans]
    for model in models:
        said = spread(len(scans), inked, answers(model, logits, [""] * len(inked)))
        probability = [
            each[0].probability if each and not doubt else 0 for each, doubt in zip(said, doubts, strict=True)
        ]
        highest = np.full(len(scans), np.inf)
        if model != "all":
            highest[inked] = logits[model].max(axis=1)
        right = [bool(each) and each[0].character == one for each, one in zip(said, actual, strict=True)]
        yield model, (np.array(probability), highest, np.array(right))


def least_probability(rows: Sequence[tuple[np.ndarray, np.ndarray]], most: float = MOST) -> tuple[float, float]:
    """The least of the probabilities from which on few answers are sure and wrong, and their greatest share.

    Args:
        rows: of each disguise the probability of each answer, and whether it is right.

    Returns:
        1 and the share at the highest that was tried, if there is none.
    """
    for least in PROBABILITIES.tolist():
        worst = max(float(((probability >= least) & ~right).mean()) for probability, right in rows)
        if worst <= most:
            return least, worst
    return 1.0, worst


def tell(model: str, asked: list[Answers], most: float) -> None:
    """Prints, for each least logit, the least probability that keeps the sure and wrong few, and what it costs."""
    for least_logit in NONE if model == "all" else LOGITS:
        of_sets = [
            {
                name: (np.where(highest < least_logit, 0, probability), right)
                for name, (probability, highest, right) in of_set.items()
            }
            for of_set in asked
        ]
        rows = [found for of_set in of_sets for found in of_set.values()]
        least, worst = least_probability(rows, most)
        plain = [(of_set["plain"][0] >= least).mean() for of_set in of_sets if "plain" in of_set]
        sure = 100 * np.mean(plain or [np.nan])
        print(
            f"{model}, logit from {least_logit:g}: {least:.2f}; of {len(rows[0][0])} images at most {100 * worst:.2f} "
            f"% are sure and wrong in a disguise, {sure:.1f} % of plain ones are answered surely"
        )


if __name__ == "__main__":
    main()
