"""What a training started from and learnt from, and the commands that make it."""

from contextlib import suppress
from pathlib import Path

from kuzushiji.errors import DataError, RunError
from kuzushiji.exported import Description, open_network
from kuzushiji.inference.weights import read_config
from kuzushiji.runs.command import command_of
from kuzushiji.runs.config import RunConfig


def commands_before(config: RunConfig) -> list[str]:
    """The commands that made what a training started from or learnt from, in their order, each into a run of its name.

    What is not there any more has none.
    """
    made = [
        f"{command_of(earlier, published=True)} --run {Path(called).name.removesuffix('.safetensors')}"
        for called, earlier in reversed(made_from(config))
    ]
    return list(dict.fromkeys(made))


def made_from(config: RunConfig) -> list[tuple[str, RunConfig]]:
    """Names and configurations of the runs that a training started from or learnt from, and those that these did."""
    found = []
    for origin in (config.start, config.teacher):
        if origin is not None and (before := _config_in(Path(origin.path))) is not None:
            found += [(origin.name, before), *made_from(before)]
    return found


def exported_before(config: RunConfig) -> list[Description]:
    """What the exported files say of themselves that a training, or what it started or learnt from, started from."""
    starts = [each.start for each in (config, *(before for _, before in made_from(config)))]
    found = []
    for start in starts:
        if start is not None and start.kind == "exported":
            with suppress(DataError):  # it is no longer there
                found.append(open_network(Path(start.path))[0])
    return found


def _config_in(path: Path) -> RunConfig | None:
    """The configuration of the run whose weights lie there; None if there is none any more."""
    try:
        return read_config(path)
    except RunError:
        return None
