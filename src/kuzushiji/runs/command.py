"""The command that trains a network as a run was trained."""

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kuzushiji.models import MODELS
from kuzushiji.repository import PREFIX
from kuzushiji.runs.config import RunConfig
from kuzushiji.runs.recipe import RECIPES


def command_of(config: RunConfig, published: bool = False) -> str:
    """The command that makes a run like the one with this configuration, however it was made itself.

    Args:
        published: say the names of folders alone, and not where they lie on this machine.
    """
    model, recipe_name = config.model, config.recipe_name
    address = config.data.address
    data = config.data.name if published and not address.startswith(PREFIX) else address
    words = ["kuzushiji", "train", model.name, "--data", data]
    if recipe_name != MODELS[model.name].recipe:
        words += ["--recipe", recipe_name if recipe_name in RECIPES else "default"]
    for option, value in model.options.items():
        words += ["--option", f"{option}={value}"]
    return shlex.join(words + settings_of(config, published))


def settings_of(config: RunConfig, published: bool = False, without: Collection[str] = ()) -> list[str]:
    """The words of the command that say in what a training differs from that of its network, data and recipe alone.

    Args:
        published: as in `command_of`.
        without: fields of the recipe to leave out.
    """
    words: list[str] = []

    def add(setting: str, value: Any) -> None:
        flag = setting.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.extend([f"--{flag}", f"{value}"])

    def path(name: str) -> str:
        return Path(name).name if published and not name.startswith(PREFIX) else name

    for field, value in config.recipe_changes.items():
        if field not in without:
            add(field, value)
    for setting, value in vars(config.data.choice).items():
        if value is not None:
            add(setting, value)
    if start := config.start:
        add("weights" if start.kind == "weights" else "from", path(start.name))
        if start.keeps_classes:
            add("keep_classes", True)
        if start.unfrozen is not None:
            add("unfrozen", start.unfrozen)
    if config.teacher:
        add("teacher", path(config.teacher.name))
    return words
