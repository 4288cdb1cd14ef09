"""What somebody else writes with kuzushiji; `make check` has `mypy --strict` read it, and nothing runs it."""

from pathlib import Path
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import kuzushiji


def train() -> kuzushiji.Run:
    images = assert_type(kuzushiji.load("kmnist", "train"), kuzushiji.CharacterImages)
    assert_type(images.images, NDArray[np.uint8])
    assert_type(images.labels, NDArray[np.int64])
    run = assert_type(kuzushiji.train("resnet", "kmnist", epochs=3, seed=1), kuzushiji.Run)
    assert_type(kuzushiji.resume(run), kuzushiji.Run)
    return run


def measure(run: kuzushiji.Run, other: str) -> dict[str, float]:
    predictions = assert_type(kuzushiji.predict(run, "k49"), kuzushiji.Predictions)
    measured = kuzushiji.evaluate(predictions)
    accuracy = assert_type(measured.accuracy.value, float)
    temperature = assert_type(kuzushiji.calibrate(run).temperature, float)
    assert_type(kuzushiji.ensemble([run, other]), kuzushiji.Predictions)
    chance = assert_type(kuzushiji.compare(run, other).comparisons[0].p_adjusted, float)
    return {"accuracy": accuracy, "temperature": temperature, "chance": chance}


def read(folder: Path) -> list[str]:
    reader = kuzushiji.Reader()
    texts = [page.text for page in reader.read_many(sorted(folder.glob("*.jpg")))]
    page = assert_type(reader("page.jpg"), kuzushiji.Page)
    page.save(folder / "page.xml")
    try:
        page = kuzushiji.Page.load(folder / "page.xml")
    except kuzushiji.KuzushijiError as error:
        texts.append(str(error))
    assert_type(page[0].candidates[0].probability, float)
    return [*assert_type(texts, list[str]), page.text]


def recognize(image: NDArray[np.uint8]) -> str:
    named = kuzushiji.Recognizer("kmnist")(["character.png", image])
    assert_type(named[0].unsure, bool)
    assert_type(named[0][0].probability, float)
    assert_type(kuzushiji.recognize("scans/", ["kana", "kanji"])[0].file, str)
    return assert_type(named[0][0].character, str)


def network() -> list[str]:
    model = kuzushiji.create_model("lenet5", classes=10, image_size=28)
    model.eval()
    return assert_type(kuzushiji.list_models("*res*"), list[str])
