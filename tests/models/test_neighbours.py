"""Nearest neighbours answer as scikit-learn's, on characters of the embedded set."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

import kuzushiji
from kuzushiji.errors import UsageError
from kuzushiji.models import create_model, neighbours


@pytest.fixture(scope="module")
def characters():
    """300 training images with some of them twice under two names, and 120 test images, 20 of them of the training."""
    data = kuzushiji.load("brush:kmnist:420", "train")
    order = np.random.default_rng(0).permutation(len(data))
    train, test = data.select(order[:280]), data.select(order[280:380])
    images = np.concatenate([train.images, train.images[:20]])
    labels = np.concatenate([train.labels, (train.labels[:20] + 1 + np.arange(20) % 8) % 10])
    shown = np.concatenate([test.images, train.images[:20]])
    return images, labels, shown


def as_input(images):
    return torch.from_numpy(images)[:, None].float() / 255


def fitted(name, images, labels, **options):
    model = create_model(name, classes=10, image_size=28, **options)
    model.fit(torch.from_numpy(images), torch.from_numpy(labels))
    return model.eval()


def flat(images, dtype=np.float64):
    return images.reshape(len(images), -1).astype(dtype)


@pytest.mark.parametrize("weights", ["distance", "uniform"])
@pytest.mark.parametrize("count", [1, 2, 4, 9])
@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_knn_answers_as_scikit_learn(characters, weights, count, dtype):
    images, labels, shown = characters
    theirs = KNeighborsClassifier(count, weights=weights).fit(flat(images, dtype), labels)
    model = fitted("knn", images, labels, neighbors=count, weights=weights)
    logits = model(as_input(shown))
    distances, _ = KNeighborsClassifier(count + 1).fit(flat(images), labels).kneighbors(flat(shown))
    determined = distances[:, -2] < distances[:, -1]  # else it is open which of two equally near images counts
    assert determined.sum() > 80
    ours = logits.argmax(1).numpy()
    assert (ours == theirs.predict(flat(shown, dtype)))[determined].all()
    shares = theirs.predict_proba(flat(shown, dtype))
    expected = np.log((count * shares + 0.1) / (count + 1))
    np.testing.assert_allclose(logits.numpy()[determined], expected[determined], rtol=1e-5)


def test_equal_votes_go_to_the_first_class(characters):
    images, labels, shown = characters
    ours = fitted("knn", images, labels, weights="uniform")(as_input(shown))
    first, second = ours.topk(2).values.T
    tied = first == second
    assert tied.sum() > 10
    assert all(row.argmax() == (row == row.max()).nonzero()[0, 0] for row in ours[tied])


def test_identical_images_outvote_all_others(characters):
    images, labels, shown = characters
    probabilities = fitted("knn", images, labels)(as_input(shown[100:])).softmax(1)
    for row, (one, other) in zip(probabilities, zip(labels[:20], labels[280:], strict=True), strict=True):
        assert row[one].item() == pytest.approx((2 + 0.1) / 5)
        assert row[one] == row[other]


@pytest.mark.parametrize("weights", ["distance", "uniform"])
def test_pca_knn_answers_as_scikit_learn(characters, weights):
    images, labels, shown = characters
    images, labels, shown = images[:280], labels[:280], shown[:100]
    pca = PCA(60, random_state=0).fit(flat(images))
    theirs = KNeighborsClassifier(4, weights=weights).fit(pca.transform(flat(images)), labels)
    model = fitted("pca_knn", images, labels, weights=weights)
    assert model(as_input(shown)).argmax(1).tolist() == theirs.predict(pca.transform(flat(shown))).tolist()
    np.testing.assert_allclose(model.features(as_input(shown)), pca.transform(flat(shown)), atol=1e-8)


def test_the_outcome_does_not_depend_on_how_much_is_compared_at_a_time(characters, monkeypatch):
    images, labels, shown = characters
    model = fitted("knn", images[:280], labels[:280])
    whole = model(as_input(shown))
    monkeypatch.setattr(neighbours, "CHUNK", 3)
    assert torch.equal(model(as_input(shown)), whole)


def test_all_is_kept_in_the_file_and_nothing_of_the_images_at_hand(characters):
    images, labels, shown = (array.copy() for array in characters)
    model = fitted("knn", images, labels)
    expected = model(as_input(shown))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert state["head.vectors"].dtype == torch.uint8
    images[:], labels[:] = 0, 0
    assert torch.equal(model(as_input(shown)), expected)
    other = create_model("knn", classes=10, image_size=28)
    other.load_state_dict(state)
    assert torch.equal(other(as_input(shown)), expected)


@pytest.mark.parametrize("name", ["knn", "pca_knn"])
def test_what_has_seen_nothing_takes_all_classes_for_equally_likely(name):
    model = create_model(name, classes=7, image_size=9)
    torch.testing.assert_close(model(torch.rand(2, 1, 9, 9)).softmax(1), torch.full((2, 7), 1 / 7))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("knn", {"neighbors": 0}, "1 or more, found 0"),
        ("knn", {"weights": "distances"}, "no weighting 'distances'; did you mean distance"),
        ("knn", {"neighbors": 6}, "5 training images are fewer than the 6 neighbours"),
        ("pca_knn", {"components": 0}, "1 component or more, found 0"),
        ("pca_knn", {"components": 6, "neighbors": 2}, "5 training images give no 6 components"),
    ],
)
def test_what_can_not_be_is_refused(name, options, message):
    with pytest.raises(UsageError, match=message):
        create_model(name, classes=3, image_size=9, **options).fit(
            torch.zeros(5, 9, 9, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64)
        )
