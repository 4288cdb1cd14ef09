import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from kuzushiji.runs.recipe import Recipe
from kuzushiji.training.muon import COEFFICIENTS, orthogonal
from kuzushiji.training.optimizers import Average, check_state, climbed, create_optimizer, learning_rate, loss_of


def keras_adadelta(weight, gradients, lr, rho=0.95, epsilon=1e-7):
    """The update as Keras 3 writes it, in NumPy."""
    gradient_average = delta_average = np.zeros_like(weight)
    for gradient in gradients:
        gradient_average = rho * gradient_average + (1 - rho) * gradient**2
        delta = -np.sqrt(delta_average + epsilon) * gradient / np.sqrt(gradient_average + epsilon)
        delta_average = rho * delta_average + (1 - rho) * delta**2
        weight = weight + lr * delta
    return weight


def keras_adam(weight, gradients, lr, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    first = second = np.zeros_like(weight)
    for step, gradient in enumerate(gradients, start=1):
        first = first + (gradient - first) * (1 - beta_1)
        second = second + (gradient**2 - second) * (1 - beta_2)
        rate = lr * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
        weight = weight - first * rate / (np.sqrt(second) + epsilon)
    return weight


def keras_sgd(weight, gradients, lr):
    return weight - lr * sum(gradients)


@pytest.mark.parametrize(
    ("name", "reference"), [("adadelta", keras_adadelta), ("adam", keras_adam), ("sgd", keras_sgd)]
)
def test_optimizers_step_as_keras_does(name, reference):
    random = np.random.default_rng(0)
    start, gradients = random.normal(size=(3, 4)), random.normal(size=(20, 3, 4))
    layer = nn.Linear(4, 3, bias=False).double()
    layer.weight.data = torch.from_numpy(start.copy())
    recipe = Recipe(optimizer=name, lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)
    optimizer = create_optimizer(layer, recipe)
    for gradient in gradients:
        layer.weight.grad = torch.from_numpy(gradient)
        optimizer.step()
    # PyTorch and Keras add Adam's epsilon at slightly different places, hence the tolerance.
    np.testing.assert_allclose(layer.weight.detach().numpy(), reference(start, gradients, lr=0.1), rtol=1e-4, atol=1e-5)


def test_weight_decay_spares_biases_and_normalisation():
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    decayed, spared = create_optimizer(network, Recipe(weight_decay=0.1)).param_groups
    assert [p.ndim for p in decayed["params"]] == [2]
    assert decayed["weight_decay"] == 0.1
    assert [p.ndim for p in spared["params"]] == [1, 1, 1]
    assert spared["weight_decay"] == 0


def test_frozen_parameters_are_left_alone():
    network = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    network[0].requires_grad_(False)
    optimizer = create_optimizer(network, Recipe())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_schedules(schedule):
    recipe = Recipe(schedule=schedule, lr=0.5, warmup=0.25)
    rates = [learning_rate(recipe, step, 100) for step in range(100)]
    assert max(rates) == pytest.approx(0.5)
    assert min(rates) > 0
    if schedule == "constant":
        assert set(rates) == {0.5}
    else:
        peak = rates.index(max(rates))
        assert peak == (0 if schedule == "cosine" else 25)
        assert rates[peak:] == sorted(rates[peak:], reverse=True)
        assert rates[-1] < 0.001


@pytest.mark.parametrize("warmup", [0.0, 1.0])
def test_one_cycle_at_its_limits(warmup):
    recipe = Recipe(schedule="one_cycle", warmup=warmup, lr=1.0)
    assert all(0 < learning_rate(recipe, step, 10) <= 1 for step in range(10))


def test_mean_squared_error_is_of_the_softmax():
    logits, labels = torch.randn(5, 3), torch.tensor([0, 2, 1, 1, 0])
    expected = ((logits.softmax(1) - F.one_hot(labels, 3)) ** 2).mean()
    recipe = Recipe(loss="mean_squared_error", label_smoothing=0.0)
    assert loss_of(recipe, logits, labels) == pytest.approx(expected.item())


def test_label_smoothing_of_both_losses_meets_the_smoothed_target():
    labels = torch.tensor([1])
    target = torch.tensor([[0.05, 0.9, 0.05]])
    at_target = loss_of(Recipe(loss="mean_squared_error", label_smoothing=0.15), target.log(), labels)
    assert at_target == pytest.approx(0, abs=1e-12)
    smooth = Recipe(label_smoothing=0.15)
    assert loss_of(smooth, target.log(), labels) < loss_of(smooth, torch.tensor([[0.0, 9.0, 0.0]]), labels)


def test_average_of_weights_follows_its_definition():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, Recipe(ema=0.5))
    expected = None
    for step, value in enumerate([1.0, 2.0, 4.0]):
        network.weight.data.fill_(value)
        average.update(step, 3)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = value if expected is None else decay * expected + (1 - decay) * value
    assert average.kept.weight.item() == pytest.approx(expected)


def test_average_takes_counters_as_they_are():
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    average = Average(network, Recipe(ema=0.9))
    for step in range(3):
        network(torch.randn(4, 2))
        average.update(step, 3)
    assert average.kept[1].num_batches_tracked.item() == 3
    assert average.kept[1].running_mean.isfinite().all()


def test_stochastic_weight_averaging_is_the_mean():
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, Recipe(swa=0.5))
    for step, value in enumerate([5.0, 7.0, 9.0, 1.0, 2.0, 6.0]):
        network.weight.data.fill_(value)
        assert (average.kept is network) == (step <= 3)
        average.update(step, 6)
    assert average.kept.weight.item() == pytest.approx(3.0)


def test_sharpness_aware_minimisation_looks_uphill_and_comes_back():
    torch.manual_seed(0)
    network, x = nn.Linear(3, 2), torch.randn(8, 3)
    loss = network(x).square().mean()
    loss.backward()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    gradients = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])
    with climbed(network, 0.1):
        way = torch.cat([(p - b).flatten() for p, b in zip(network.parameters(), before, strict=True)])
        assert way.norm().item() == pytest.approx(0.1, rel=1e-5)
        torch.testing.assert_close(way / 0.1, gradients / gradients.norm())
        assert network(x).square().mean() > loss
    for parameter, original in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter, original)


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (20, 20)])
def test_orthogonal_keeps_the_singular_vectors(shape):
    """Against a singular value decomposition in float64."""
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    core = u.T @ orthogonal(matrix).double() @ v.T
    values = core.diagonal()
    assert values.min() > 0.1
    assert values.max() < 1.3
    torch.testing.assert_close(core, torch.diag(values), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (20, 20)])
def test_orthogonal_is_the_iteration_as_its_author_writes_it(shape):
    torch.manual_seed(0)
    matrix = torch.randn(shape) * torch.logspace(0, -4, shape[1])
    a, b, c = COEFFICIENTS
    x = matrix.double() / matrix.double().norm()
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    assert (orthogonal(matrix) - x).norm() < 1e-3 * x.norm()


def test_muon_takes_the_hidden_layers_and_leaves_the_rest_to_adamw():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(4, 2))
    optimizer = create_optimizer(network, Recipe(optimizer="muon", lr=0.01, weight_decay=0.1))
    muon, adamw = optimizer.optimizers
    assert [p.shape for group in muon.param_groups for p in group["params"]] == [(4, 4, 3, 3)]
    assert (
        sum(p.numel() for group in adamw.param_groups for p in group["params"])
        == sum(p.numel() for p in network.parameters()) - network[1].weight.numel()
    )
    network[1].weight.grad = torch.randn(4, 4, 3, 3)
    before = network[1].weight.detach().clone()
    optimizer.step()
    moved = network[1].weight - before * (1 - 0.01 * 0.1)
    assert moved.norm().item() == pytest.approx(0.01 * 0.2 * 6 * 2, rel=0.3), "0.2 * sqrt(36) of four singular values"
    assert optimizer.param_groups[0]["lr"] == 0.01


def test_a_state_of_other_shapes_is_refused_before_a_step():
    weight = torch.nn.Parameter(torch.ones(64, 64))
    optimizer = torch.optim.Adam([weight], fused=True)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    check_state(optimizer)
    optimizer.state[weight]["exp_avg_sq"] = torch.ones(64)
    with pytest.raises(ValueError, match="has the shape"):
        check_state(optimizer)
