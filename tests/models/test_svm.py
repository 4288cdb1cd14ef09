"""The support vector machine decides as scikit-learn's, on characters of the embedded set."""

import numpy as np
import pytest
import torch
from sklearn.svm import SVC

import kuzushiji
from kuzushiji.errors import UsageError
from kuzushiji.models import create_model


@pytest.fixture(scope="module")
def characters():
    data = kuzushiji.load("brush:kmnist:220", "train")
    order = np.random.default_rng(0).permutation(len(data))
    return data.select(order[:150]), data.select(order[150:])


def fitted(data, **options):
    torch.manual_seed(0)
    model = create_model("svm", classes=10, image_size=28, **options)
    chosen = model.fit(torch.from_numpy(data.images), torch.from_numpy(data.labels))
    return model.eval(), chosen


def as_input(data):
    return torch.from_numpy(data.images)[:, None].double() / 255


def flat(data):
    return data.images.reshape(len(data), -1) / 255


@pytest.mark.parametrize("labels", [range(10), (1, 4, 8)], ids=["all", "some"])
def test_it_decides_as_scikit_learn(characters, labels):
    train, test = (each.select(np.isin(each.labels, labels)) for each in characters)
    model, chosen = fitted(train, C=3.0, gamma=0.02)
    assert chosen == {"C": 3.0, "gamma": 0.02}
    theirs = SVC(C=3.0, gamma=0.02, break_ties=True).fit(flat(train), train.labels)
    logits = model(as_input(test)).numpy()
    np.testing.assert_allclose(logits[:, list(labels)], theirs.decision_function(flat(test)), atol=1e-9)
    assert logits.argmax(1).tolist() == theirs.predict(flat(test)).tolist()
    unseen = sorted(set(range(10)) - set(labels))
    assert (logits[:, unseen] == -1).all()


def test_of_two_classes_the_margin_decides(characters):
    train, test = (each.select(np.isin(each.labels, (2, 5))) for each in characters)
    model, _ = fitted(train, C=1.0, gamma=0.01)
    theirs = SVC(C=1.0, gamma=0.01).fit(flat(train), train.labels)
    logits = model(as_input(test)).numpy()
    assert logits.argmax(1).tolist() == theirs.predict(flat(test)).tolist()
    margin = theirs.decision_function(flat(test))
    confidence = margin / (3 * (np.abs(margin) + 1))
    np.testing.assert_allclose(logits[:, 5], (margin > 0) + confidence, atol=1e-9)
    np.testing.assert_allclose(logits[:, 2], (margin <= 0) - confidence, atol=1e-9)


def test_c_and_gamma_are_chosen_on_a_sample(characters):
    train, _ = characters
    _, chosen = fitted(train, tuning=90)
    assert chosen["C"] in (1, 3, 10, 30)
    scale = 1 / flat(train).var() / 784
    assert 0.4 * scale < chosen["gamma"] < 5 * scale
    assert fitted(train, tuning=90)[1] == chosen
    assert fitted(train, tuning=90, C=2.5)[1]["C"] == 2.5


def test_it_is_kept_whole(characters):
    train, test = characters
    model, _ = fitted(train, C=3.0, gamma=0.02)
    other = create_model("svm", classes=10, image_size=28)
    assert (other(as_input(test)) == -1).all()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(as_input(test)), model(as_input(test)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"C": -1.0}, "0 (chosen) or more"),
        ({"gamma": -1}, "0 (chosen) or more"),
        ({"tuning": 2}, "3 images or more"),
        ({}, "at least 2 classes, found 1"),
    ],
)
def test_what_can_not_be_is_refused(options, message):
    import re

    with pytest.raises(UsageError, match=re.escape(message)):
        create_model("svm", classes=3, image_size=9, **options).fit(
            torch.zeros(5, 9, 9, dtype=torch.uint8), torch.zeros(5, dtype=torch.int64)
        )
