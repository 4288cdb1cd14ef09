import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from kuzushiji.errors import DataError, RunError, UsageError
from kuzushiji.explore.exploration import ExplorationWatch, explore
from kuzushiji.explore.findings import findings
from kuzushiji.explore.pool import Pool
from kuzushiji.inference.weights import save_network
from kuzushiji.models import create_model
from tests.explore.planted import make_splits, with_images
from tests.plots.synthetic import KMNIST, make_images, make_run


@pytest.fixture(scope="module")
def found():
    splits = make_splits()
    splits["test"] = with_images(splits["test"], {3: np.zeros((16, 16)), 4: splits["train"].images[0]})
    return explore(splits, methods=["pca", "svd"], limit=100, seed=2)


def test_all_parts_are_looked_at(found):
    assert list(found.seconds) == ["reading", "samples", "balance", "projection", "health"]
    assert [len(images) for images in found.splits.values()] == [100, 60]
    assert found.main_split.split == "train"
    assert [each.method for each in found.projection.maps] == ["pca", "svd"]
    assert found.projection.split == "train"


def test_its_numbers_are_json(found):
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["data"] == "planted"
    assert written["seed"] == 2
    assert written["limit"] == 100
    assert written["health"]["blank"]["images"] == [found.health.pool.describe(103)]
    assert set(written["projection"]["maps"]) == {"pca", "svd"}
    assert len(written["samples"]["random"]) == 75


def test_findings_are_sentences_with_the_numbers(found):
    told = findings(found)
    assert list(told) == [
        "forms",
        "balance",
        "cut-off",
        "maps",
        "components",
        "blanks",
        "duplicates",
        "labels",
        "shift",
    ]
    for sentence in told.values():
        assert sentence.endswith(".")
        assert sentence[0].isupper() or sentence[0].isdigit()
        assert "nan" not in sentence
    assert told["blanks"] == "1 image is blank, labelled as 1 character."
    assert told["balance"] == "Each of the 4 characters has 25 images in train."
    assert told["cut-off"] == "4 of 4 characters make up 90% of the images of train: there is nothing to merge."


def test_only_what_is_asked_for_is_looked_at():
    found = explore(make_splits(), only=["balance"])
    assert list(found.seconds) == ["reading", "balance"]
    assert found.samples is found.projection is found.health is None
    assert set(findings(found)) == {"balance", "cut-off"}
    assert {"samples", "projection", "health"}.isdisjoint(found.to_dict())


def test_data_by_name_has_the_names_of_its_splits():
    found = explore("brush:kmnist:3", only=["balance"])
    assert found.name == "brush:kmnist:3"
    assert {name: images.split for name, images in found.splits.items()} == {"train": "train", "test": "test"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"only": ["helth"]}, "no part 'helth'; did you mean health"),
        ({"methods": ["umpa"]}, "no projection method 'umpa'; did you mean umap"),
        ({"cover": 1.5}, "cover is 1.5"),
        ({"seed": -1}, "seed is -1"),
        ({"limit": 0}, "limit is 0"),
        ({"on": "my-run"}, "no run 'my-run'"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_read(wrong, message):
    with pytest.raises(UsageError, match=message):
        explore(make_splits(2, 1), **wrong)


def test_no_images_are_an_error():
    empty = make_splits(2, 1)["train"]
    with pytest.raises(DataError, match="no image to explore"):
        explore({"train": empty.select(slice(0))})


def test_those_who_watch_are_told_of_every_part():
    done, doing = [], []
    watch = ExplorationWatch(lambda text, *_: doing.append(text), lambda text, seconds: done.append(text))
    explore(make_splits(), only=["samples", "projection"], methods=["pca"], watch=watch)
    assert done == ["reading", "samples", "map by pca", "projection"]
    assert doing[0] == "reading"
    assert "forms of the characters" in doing


def test_on_a_run_maps_are_of_the_embedding_and_its_network_judges(tmp_path):
    test = make_images(KMNIST, 60)
    train = replace(make_images(KMNIST, 80), split="train")
    run = make_run(tmp_path / "my-run", test)
    torch.manual_seed(0)
    save_network(run.weights_file, create_model("lenet5", classes=10, image_size=(28, 28)), run.config)
    found = explore(
        {"train": train, "test": test}, only=["projection", "health"], methods=["pca"], on=str(tmp_path / "my-run")
    )
    assert found.on == "my-run"
    assert found.projection.split == "test"
    assert np.array_equal(found.projection.labels, test.labels[found.projection.numbers])
    assert found.projection.dimensions == 84
    assert found.projection.components is None
    assert "components" not in findings(found)
    assert found.health.judge == "the network of my-run"
    assert found.health.suspects.judged == 60
    start, _ = Pool(found.splits).bounds["test"]
    predicted = run.predictions().predicted
    for place, suggested in zip(found.health.suspects.places, found.health.suspects.suggested, strict=True):
        assert predicted[place - start] == suggested


def test_an_unfinished_run_says_how_to_go_on(tmp_path):
    run = make_run(tmp_path / "my-run", make_images(KMNIST, 20))
    run.weights_file.unlink()
    with pytest.raises(RunError, match=r"resume .*my-run"):
        explore(make_splits(2, 1), on=str(run.path))
