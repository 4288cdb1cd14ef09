import json
from dataclasses import fields

import pytest

from kuzushiji.errors import UsageError
from kuzushiji.records import as_plain, from_plain
from kuzushiji.runs.recipe import RECIPES, Recipe, named_recipe


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("epochs", 0, "at least 1"),
        ("epochs", 2.5, "type int"),
        ("epochs", True, "type int"),
        ("lr", -0.1, "at least 0"),
        ("lr", float("nan"), "at least 0"),
        ("lr", float("inf"), "at least 0"),
        ("momentum", 1.5, "from 0 to 1"),
        ("nesterov", 1, "type bool"),
        ("optimizer", "lion", "sgd or adam or adamw or adadelta"),
        ("validation_fraction", 1.0, "from 0 to 0.9"),
        ("seed", -1, "from 0"),
    ],
)
def test_refuses_wrong_values(field, value, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**{field: value})


def test_names_the_nearest_field():
    with pytest.raises(UsageError, match="label_smoothing"):
        Recipe().change(label_smothing=0.1)


def test_whole_numbers_serve_as_floats():
    assert Recipe(lr=1).lr == 1.0
    assert isinstance(Recipe(lr=1).lr, float)


@pytest.mark.parametrize("name", RECIPES)
def test_named_recipes_survive_json(name):
    recipe = named_recipe(name)
    assert from_plain(json.loads(json.dumps(as_plain(recipe))), Recipe) == recipe


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(UsageError, match="keras_adam"):
        named_recipe("keras_adm")


def test_every_field_says_what_it_means():
    assert all(len(field.metadata["help"]) > 10 for field in fields(Recipe))


def test_the_twelve_networks_recipe_is_theirs():
    recipe = named_recipe("keras_sgd")
    assert (recipe.epochs, recipe.batch_size, recipe.lr, recipe.momentum) == (10, 64, 0.01, 0.0)
    assert (recipe.validation, recipe.validation_fraction, recipe.initialization) == ("last", 0.3, "keras")
