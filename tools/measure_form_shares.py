"""Measures how often each form of a kana occurs in real training images, for the embedded data to draw it so often.

    python tools/measure_form_shares.py --data kmnist6k

Each form is drawn 60 times, and each real image counts for the form of its class whose drawing is most like it: by the
cosine of blurred pixels, which is crude, but needs only to tell forms apart that differ widely.  Training images only.
"""

import argparse
import json

import numpy as np

from kuzushiji.data import brush
from kuzushiji.data.datasets import load
from kuzushiji.files import write_text

DRAWINGS = 60
PRIOR = 3
"""Images that each form is given beforehand, so that none is left out."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="kmnist6k")
    data = load(parser.parse_args().data, "train")
    atlas, random = brush.atlas(), np.random.default_rng(0)
    shares: dict[str, dict[str, float]] = {}
    for label, kana in enumerate(data.classes):
        numbers, _ = atlas.glyphs_of[kana]
        drawn = np.repeat(numbers, DRAWINGS)
        drawings = features(brush.draw_glyphs(drawn, random, brush.Variation(neighbours=0)))
        nearest = drawn[(features(data.images[data.labels == label]) @ drawings.T).argmax(axis=1)]
        counts = np.array([(nearest == number).sum() + PRIOR for number in numbers])
        shares[kana] = {
            atlas.forms[number]: round(float(share), 4)
            for number, share in zip(numbers, counts / counts.sum(), strict=True)
        }
        common = sorted(shares[kana].items(), key=lambda item: -item[1])[:5]
        print(kana, "  ".join(f"{form} {share:.0%}" for form, share in common))
    write_text(brush.SHARES, json.dumps(shares, ensure_ascii=False, indent=1) + "\n")


def features(images: np.ndarray) -> np.ndarray:
    """(N, 196) unit vectors: the images blurred, halved and centred."""
    blur = brush._gaussian(brush.SIZE, 1.2)
    soft = np.matmul(np.matmul(blur, images.astype(np.float32)), blur.T)[:, ::2, ::2].reshape(len(images), -1)
    soft -= soft.mean(axis=1, keepdims=True)
    return soft / np.linalg.norm(soft, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
