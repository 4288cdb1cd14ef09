"""Networks that are compiled learn what they would have learnt."""

from functools import partial

import pytest
import torch

from kuzushiji.errors import RunError, UsageError
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training import compilation
from tests.training.fitting import fit
from tests.training.together import network

PLAIN = Recipe(epochs=2, batch_size=64, lr=0.02, translate=0.0, rotate=0.0, scale=0.0, shear=0.0, precision="float32")
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")  # of what torch.compile imports


def trained(bars, recipe: Recipe):
    kept, epochs = fit(network(), bars, bars, recipe)
    return kept.state_dict(), epochs


def put_together(monkeypatch: pytest.MonkeyPatch, backend: object) -> None:
    torch.compiler.reset()
    monkeypatch.setattr(compilation.torch, "compile", partial(torch.compile, backend=backend))


@pytest.mark.parametrize("changes", [{}, {"sam": 0.05, "ema": 0.9}], ids=str)
def test_the_weights_are_those_of_a_network_that_is_not(bars, monkeypatch, changes):
    put_together(monkeypatch, "eager")
    recipe = PLAIN.change(**changes)
    weights, epochs = trained(bars, recipe)
    compiled, as_compiled = trained(bars, recipe.change(compile=True))
    assert compiled.keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-3, atol=1e-4)
    assert as_compiled[-1]["validation_accuracy"] == epochs[-1]["validation_accuracy"]


def test_what_a_step_does_is_compiled(bars, monkeypatch):
    graphs = []

    def noting(graph, inputs):
        graphs.append(graph)
        return graph

    put_together(monkeypatch, noting)
    trained(bars, PLAIN)
    assert not graphs
    trained(bars, PLAIN.change(compile=True))
    assert graphs


def test_a_compilation_that_fails_is_told(bars, monkeypatch):
    def failing(graph, inputs):
        raise OSError("no compiler is there")

    put_together(monkeypatch, failing)
    with pytest.raises(RunError, match=r"no compiler is there.*without --compile"):
        trained(bars, PLAIN.change(compile=True))


@pytest.mark.parametrize("field", ["mixup", "manifold_mixup"])
def test_what_changes_from_step_to_step_is_refused(field):
    with pytest.raises(UsageError, match="compile excludes mixup"):
        Recipe(compile=True, **{field: 0.2})
