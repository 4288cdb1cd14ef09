"""What the trials of versions ask for is what the command line takes, and the extras are those that there are."""

import shlex
import tomllib

import pytest

from kuzushiji.cli import app
from kuzushiji.explore.exploration import PARTS, check_parts
from kuzushiji.explore.projection import METHODS
from tests.conftest import PROJECT
from tests.tools.loading import load_tool

trials = load_tool("try_versions")
COMMANDS = sorted({each for commands in (trials.PLAIN, *trials.TRIALS.values()) for each in commands})


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.startswith("kuzushiji ")])
def test_a_command_is_one(command: str) -> None:
    _, *arguments = shlex.split(command)
    _, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert check_parts(bound.arguments.get("only") or PARTS)
    assert set(bound.arguments.get("methods") or ()) <= set(METHODS)


def test_each_trial_is_of_an_extra() -> None:
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {extra for extras in trials.TRIALS for extra in extras.split(",")} <= set(told)
