"""A network as an estimator of scikit-learn."""

import pickle
import signal
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

from kuzushiji.errors import UsageError
from kuzushiji.training.estimator import KuzushijiClassifier
from tests.bars import bar_images

SKIPPED = {
    "check_array_api_input": "takes NumPy's arrays alone",
    "check_classifier_data_not_an_array": "pandas may be missing",
}
"""Of scikit-learn's checks those that skip themselves, and why."""


@pytest.fixture(scope="module")
def bars() -> tuple[np.ndarray, np.ndarray]:
    images, labels = bar_images(160)
    return images, np.array(list("おきすつ"))[labels]


def small(**options: Any) -> KuzushijiClassifier:
    return KuzushijiClassifier(**({"model": "nn_1", "epochs": 4, "lr": 0.01, "batch_size": 16} | options))


def test_scikit_learn_finds_nothing_wrong() -> None:
    results = check_estimator(small(epochs=12, lr=0.03, batch_size=32), on_fail=None, on_skip=None)
    failed = {each["check_name"]: each["exception"] for each in results if each["status"] == "failed"}
    assert failed == {}
    assert {each["check_name"] for each in results if each["status"] == "skipped"} <= set(SKIPPED)
    assert sum(each["status"] == "passed" for each in results) > 40


def test_images_and_their_rows_are_learnt_alike(bars: tuple[np.ndarray, np.ndarray]) -> None:
    images, names = bars
    whole = small().fit(images[:120], names[:120])
    rows = small().fit(images[:120].reshape(120, -1), names[:120])
    assert whole.classes_.tolist() == ["お", "き", "す", "つ"]
    assert whole.image_size_ == rows.image_size_ == (12, 12)
    assert whole.score(images[120:], names[120:]) == 1
    probabilities = whole.predict_proba(images[120:])
    assert probabilities.shape == (40, 4)
    assert (probabilities == rows.predict_proba(images[120:].reshape(40, -1))).all()
    assert len(whole.history_) == 4
    assert (pickle.loads(pickle.dumps(whole)).predict_proba(images[120:]) == probabilities).all()


def test_shares_are_brought_to_pixels(bars: tuple[np.ndarray, np.ndarray]) -> None:
    images, names = bars
    images = images.copy()
    images[0, 0, :2] = 0, 255  # so that the range is that of pixels
    pixels, shares = small().fit(images, names), small().fit(images / 255, names)
    assert (pixels.predict_proba(images) == shares.predict_proba(images / 255)).all()


def test_in_pipelines_searches_and_cross_validation(bars: tuple[np.ndarray, np.ndarray]) -> None:
    images, names = bars
    pipeline = make_pipeline(FunctionTransformer(lambda images: 255 - images), small())
    assert cross_val_score(pipeline, images, names, cv=2).mean() > 0.9
    search = GridSearchCV(small(epochs=2), {"lr": [1e-9, 0.01], "changes": [{"optimizer": "adam"}]}, cv=2)
    search.fit(images, names)
    assert search.best_params_["lr"] == 0.01
    assert search.best_estimator_.predict(images[:4]).tolist() == list("おきすつ")


def test_classical_models_and_networks_with_options(bars: tuple[np.ndarray, np.ndarray]) -> None:
    images, names = bars
    assert KuzushijiClassifier("knn").fit(images[:120], names[:120]).score(images[120:], names[120:]) == 1
    network = KuzushijiClassifier("lenet5", epochs=1).fit(images, names).network_
    assert network.head.out_features == 4


@pytest.mark.parametrize(
    ("options", "shape", "error", "found"),
    [
        ({"model": "lenet"}, (8, 144), UsageError, "there is no model 'lenet'; did you mean lenet5"),
        ({"changes": {"rotat": 1}}, (8, 144), UsageError, "there is no recipe field 'rotat'"),
        ({"image_size": (10, 10)}, (8, 144), UsageError, "10 x 10 has 100 pixels, but X has 144"),
        ({"model": "lenet5"}, (8, 10), UsageError, "12"),
        ({}, (8, 3, 12, 12), ValueError, r"X has the shape \(8, 3, 12, 12\); expected images"),
        ({"device": "tpu"}, (8, 144), UsageError, "the device 'tpu' is not on this machine"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], shape: tuple[int, ...], error: type, found: str) -> None:
    with pytest.raises(error, match=found):
        small(**options).fit(np.zeros(shape, np.uint8), np.arange(8) % 2)


def test_other_images_than_those_learnt(bars: tuple[np.ndarray, np.ndarray]) -> None:
    fitted = small(epochs=1).fit(*bars)
    with pytest.raises(ValueError, match=r"images of the shape \(12, 9\); expected \(12, 12\), as in fit"):
        fitted.predict(np.zeros((2, 12, 9), np.uint8))


def test_ctrl_c_ends_a_search_too(bars: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "kuzushiji.training.estimator.Classification.validate",
        lambda task, network: signal.raise_signal(signal.SIGINT) or {"validation_accuracy": None},
    )
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(small(epochs=50), {"lr": [0.01]}, cv=2).fit(*bars)
