"""The command that trains a network as a run was trained."""

import shlex
from pathlib import Path
from typing import Any

from kuzushiji.models import MODELS
from kuzushiji.training.recipe import RECIPES, changes_of


def command_of(config: dict[str, Any], published: bool = False) -> str:
    """The command that makes a run like the one with this configuration, however it was made itself.

    Args:
        published: say the names of folders alone, and not where they lie on this machine.
    """
    model, dataset, recipe_name = config["model"], config["dataset"], config["recipe_name"]
    data = dataset["name"] if published else dataset["path"] or dataset["name"]
    words = ["kuzushiji", "train", model["name"], "--data", data]
    if recipe_name != MODELS[model["name"]].recipe:
        words += ["--recipe", recipe_name if recipe_name in RECIPES else "default"]
    for field, value in changes_of(config).items():
        flag = field.replace("_", "-")
        words += [f"--{flag}" if value else f"--no-{flag}"] if isinstance(value, bool) else [f"--{flag}", f"{value}"]
    for option, value in model["options"].items():
        words += ["--option", f"{option}={value}"]
    if start := config.get("start"):
        name = Path(start["name"]).name if published else start["name"]
        words += ["--from" if start["kind"] == "run" else "--weights", name]
        words += [] if start["unfrozen"] is None else ["--unfrozen", str(start["unfrozen"])]
    if teacher := config.get("teacher"):
        words += ["--teacher", Path(teacher["name"]).name if published else teacher["name"]]
    for setting in ("limit", "image_size", "cover", "rare_below"):
        if dataset.get(setting) is not None:
            words += [f"--{setting.replace('_', '-')}", str(dataset[setting])]
    return shlex.join(words)
