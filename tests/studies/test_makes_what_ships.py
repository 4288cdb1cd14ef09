"""The studies that make the networks that ship train as their cards say, up to where a card turns to other tools."""

import re
import shlex
from pathlib import Path

import pytest

from kuzushiji.models import MODELS
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.shipped import WEIGHTS
from kuzushiji.studies.load import load_study
from kuzushiji.studies.plan import Common, Training, plan_trainings

Settings = dict[str, object]


def of_command(command: str) -> Settings:
    """What a command of a card says, by its options."""
    _, _, model, *words = shlex.split(command)
    given: Settings = {"model": model, "option": set()}
    for option, value in zip(words[::2], words[1::2], strict=True):
        if option == "--option":
            given["option"].add(value)  # type: ignore[attr-defined]
        elif option != "--run":
            given[option.removeprefix("--")] = value
    recipe = given.setdefault("recipe", MODELS[model].recipe)
    given["data"] = str(given["data"]).replace("brush-kanji", "brush:kanji")  # as the set was called then
    return given | changed(str(recipe), {key.replace("-", "_"): value for key, value in given.items()})


def changed(recipe: str, settings: Settings) -> Settings:
    """The settings of a recipe as numbers."""
    known = vars(named_recipe(recipe))
    return {
        key.replace("_", "-"): type(known[key])(value) if known[key] is not None else float(str(value))
        for key, value in settings.items()
        if key in known
    }


def of_training(training: Training, labels: dict[str, str], image_size: int | None) -> Settings:
    given: Settings = {
        "model": training.model,
        "option": {f"{name}={value}" for name, value in training.options.items()},
        "data": training.data,
        "recipe": training.recipe_name,
        **changed(training.recipe_name, {key: value for key, value in training.changes.items() if key != "seed"}),
    }
    if training.start:
        given["from"] = labels[training.start]
    return given | ({"image-size": str(image_size)} if image_size else {})


@pytest.mark.parametrize("name", ["kana", "kanji", "kmnist"])
def test_a_study_trains_as_the_card_says(name: str, tmp_path: Path) -> None:
    card = (WEIGHTS / f"{name}.md").read_text(encoding="utf-8")
    commands = re.findall("```\n(kuzushiji train .+?\n)(?:python|```)", card, re.DOTALL)[0].splitlines()
    study = load_study(f"make-{name}")
    planned = plan_trainings(study, 1, Common(tmp_path, study.data, None, study.image_size, None, None, "cpu"))
    labels = {each.path: each.label for each in planned}
    assert [of_training(each, labels, study.image_size) for each in planned] == [of_command(each) for each in commands]
