"""How well a network reads real kana that was trained on no real kana.

    python benchmarks/brush_to_real.py                  # trained on the embedded brush characters alone
    python benchmarks/brush_to_real.py --parents        # and on the real kanji that are parents of these kana
    python benchmarks/brush_to_real.py --parents --from RUN  # with the weights of a network of kanji to start from

Trains the default network on `brush:kmnist` and predicts the test images of a real set, once for each seed.  Nothing of
the real test set had a part in the glyphs, their shares or the recipe; those were chosen on real training images.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import kuzushiji
from kuzushiji.inference.predict import predict_run
from kuzushiji.runs.run import find_run

RECIPE = {
    "balance": 1.0,
    "rotate": 12.0,
    "shear": 0.25,
    "scale": 0.2,
    "translate": 0.08,
    "elastic": 0.03,
    "cutout": 0.35,
    "validation_fraction": 0.0,
}
"""Stronger augmentation than usual, since no brush font varies as much as the hands of a thousand books."""

STARTED = {"lr": 0.005, "unfrozen": 4}
"""Of a network that knows real hands the last block and the head alone learn: brush glyphs would spoil the rest."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="kmnist6k", help="the real set")
    parser.add_argument("--split", default="test", help="train is for tuning: the test images are for the end")
    parser.add_argument("--parents", action="store_true", help="train on real parent kanji too, from Kuzushiji-Kanji")
    parser.add_argument("--from", dest="start", metavar="RUN", help="a finished run to start from")
    parser.add_argument("--images", type=int, default=1500, help="brush images of each class")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    model, options, side, recipe = "resnet", {}, 28, RECIPE
    if arguments.start:
        recipe = RECIPE | STARTED
        made = find_run(arguments.start).config.model
        model, options, side = made.name, made.options, made.image_size[0]
    real = kuzushiji.load(arguments.data, arguments.split, image_size=side)
    name = f"brush:kmnist:{arguments.images}" + ("+kkanji:kmnist" if arguments.parents else "")
    learnt = kuzushiji.load(name, "train", image_size=side)
    print(
        f"trained on the {len(learnt):,} images of {name}, {arguments.epochs} epochs"
        f"{f', from {arguments.start}' if arguments.start else ''}; measured on the "
        f"{len(real):,} real {arguments.split} images of {arguments.data}"
    )
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            run = kuzushiji.train(
                model,
                learnt,
                run=Path(folder) / str(seed),
                model_options=options,
                from_run=arguments.start,
                epochs=arguments.epochs,
                seed=seed,
                **recipe,
            )
            evaluation = kuzushiji.evaluate(predict_run(run, real, "real"))
            found.append(evaluation.accuracy.value)
            accuracy = evaluation.accuracy
            print(
                f"seed {seed}: accuracy {accuracy.value:.2%} (95 % interval {accuracy.low:.2%} to {accuracy.high:.2%})",
                flush=True,
            )
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    print(f"mean of {len(found)} seeds: {statistics.mean(found):.2%}, standard deviation {deviation:.2%}")


if __name__ == "__main__":
    main()
