from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.errors import UsageError
from kuzushiji.models import create_model
from kuzushiji.models.network import Network
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training import session
from kuzushiji.training.mixup import Mixture, draw_mixture, loss_and_correct, mixed, mixing_layers
from kuzushiji.training.optimizers import loss_of
from tests.training.fitting import fit

RECIPE = Recipe(epochs=2, batch_size=32, lr=0.05, weight_decay=0.0, rotate=0.0, scale=0.0, shear=0.0)


def network(model="keras_cnn", **options):
    torch.manual_seed(0)
    return create_model(model, classes=4, image_size=12, **options)


def linear():
    """A body without activations: what it gives for a mixture is the mixture of what it gives."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 8 * 8, 5))
    return Network(body, nn.Linear(5, 4))


def test_off_it_draws_nothing_and_changes_nothing():
    model = linear()
    before = torch.get_rng_state()
    assert draw_mixture(model, RECIPE, 8) is None
    assert torch.equal(torch.get_rng_state(), before)
    logits, labels = torch.randn(9, 4), torch.arange(9) % 4
    loss, correct = loss_and_correct(RECIPE, logits, labels)
    assert torch.equal(loss, loss_of(RECIPE, logits, labels))
    assert correct == (logits.argmax(1) == labels).sum()
    images = torch.rand(2, 1, 12, 12)
    with mixed(None):
        assert torch.equal(model(images), linear()(images))


def test_shares_come_from_the_beta_distribution_and_partners_from_the_batch():
    torch.manual_seed(0)
    model = linear()
    drawn = [draw_mixture(model, RECIPE.change(mixup=0.5), 5) for _ in range(2000)]
    shares = torch.tensor([mixture.share for mixture in drawn])
    assert abs(shares.mean() - 0.5) < 0.03
    assert abs(shares.var() - 1 / 8) < 0.01  # of Beta(a, a): 1 / (4 (2 a + 1))
    assert all(mixture.layer is model for mixture in drawn)
    assert all(sorted(mixture.partners.tolist()) == list(range(5)) for mixture in drawn[:50])


def test_manifold_mixup_takes_every_layer_that_has_weights_in_turn():
    torch.manual_seed(0)
    model = linear()
    convolutions = [model.body[0], model.body[1], model.body[3]]
    assert mixing_layers(model) == convolutions
    drawn = [draw_mixture(model, RECIPE.change(manifold_mixup=2.0), 5).layer for _ in range(60)]
    assert {convolutions.index(layer) for layer in drawn} == {0, 1, 2}
    assert len(mixing_layers(network("preact_resnet18", width=1))) == 4


def test_classical_models_have_no_layers_to_mix_before():
    with pytest.raises(UsageError, match="none that it could mix before"):
        draw_mixture(network("knn"), RECIPE.change(manifold_mixup=2.0), 5)


@pytest.mark.parametrize("place", [None, 0, 1, 3])
def test_what_goes_into_the_layer_is_mixed(place):
    model, images = linear(), torch.rand(3, 1, 12, 12)
    plain = model(images)
    mixture = Mixture(model if place is None else model.body[place], 0.7, torch.tensor([2, 0, 1]))
    with mixed(mixture):
        torch.testing.assert_close(model(images), 0.7 * plain + 0.3 * plain[[2, 0, 1]])
    assert torch.equal(model(images), plain)


def test_the_network_is_left_as_it_was_after_an_error():
    model = linear()
    with pytest.raises(RuntimeError), mixed(Mixture(model, 0.5, torch.tensor([0]))):
        model(torch.rand(1, 7))
    assert not model._forward_pre_hooks


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_that_against_the_mixed_labels(smoothing):
    torch.manual_seed(0)
    recipe = RECIPE.change(label_smoothing=smoothing)
    logits, labels, partners = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([1, 0, 5, 3, 2, 4])
    loss, correct = loss_and_correct(recipe, logits, labels, Mixture(nn.Identity(), 0.7, partners))
    target = 0.7 * F.one_hot(labels, 4) + 0.3 * F.one_hot(labels[partners], 4)
    torch.testing.assert_close(loss, F.cross_entropy(logits, target, label_smoothing=smoothing))
    torch.testing.assert_close(correct, target[range(6), logits.argmax(1)].sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_squared_error_has_the_gradient_of_that_against_the_mixed_labels(smoothing):
    torch.manual_seed(0)
    recipe = RECIPE.change(loss="mean_squared_error", label_smoothing=smoothing)
    logits, labels, partners = torch.randn(6, 4, requires_grad=True), torch.arange(6) % 4, torch.randperm(6)
    loss, _ = loss_and_correct(recipe, logits, labels, Mixture(nn.Identity(), 0.7, partners))
    target = 0.7 * F.one_hot(labels, 4) + 0.3 * F.one_hot(labels[partners], 4)
    against_mixed = F.mse_loss(logits.softmax(1), target * (1 - smoothing) + smoothing / 4)
    (ours,), (expected,) = (torch.autograd.grad(each, logits, retain_graph=True) for each in (loss, against_mixed))
    torch.testing.assert_close(ours, expected)


class Cut(Exception):
    pass


@pytest.mark.parametrize("changes", [{"mixup": 0.4}, {"manifold_mixup": 2.0, "ema": 0.9}], ids=["input", "manifold"])
def test_resumed_training_ends_with_the_same_bits(bars, monkeypatch, changes):
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", -1.0)
    recipe = RECIPE.change(**changes)
    small = bars.select(slice(0, 96))
    unbroken, epochs = fit(network(), small, None, recipe)
    assert 0 < epochs[-1]["train_accuracy"] < 1
    states = []

    def save(state):
        states.append(deepcopy(state))
        if len(states) == 2:
            raise Cut

    with pytest.raises(Cut):
        fit(network(), small, None, recipe, save_state=save)
    resumed, again = fit(network(), small, None, recipe, state=states[-1])
    for name, value in unbroken.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    assert [line["train_loss"] for line in epochs] == [line["train_loss"] for line in again]
    plain, _ = fit(network(), small, None, RECIPE)
    assert not torch.equal(plain.head.weight, unbroken.head.weight)


@pytest.mark.parametrize("model", ["lenet5", "nn_dense_batch_norm"])
def test_networks_of_other_kinds_train_with_it_too(bars, model):
    recipe = RECIPE.change(epochs=1, manifold_mixup=1.0)
    fit(network(model), bars.select(slice(0, 32)), None, recipe)


def test_only_one_of_the_two():
    with pytest.raises(UsageError, match="exclude one another"):
        RECIPE.change(mixup=1.0, manifold_mixup=1.0)
