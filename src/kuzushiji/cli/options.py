"""Options that several verbs have: which images, changes of a recipe, options of a network, where trainings run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import Field, asdict, fields, make_dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from kuzushiji import exported
from kuzushiji.errors import UsageError
from kuzushiji.processes import Pool
from kuzushiji.runs.recipe import Recipe

RECIPE_GROUP = Group(
    "Recipe", sort_key=2, help="What is not given comes from --recipe, else from the recipe of the network."
)


def _flag(field: Field) -> tuple[str, Any, None]:
    """A field of the recipe as an optional one, which cyclopts makes a flag of."""
    kind: Any = field.type
    help = Parameter(help=field.metadata["help"], group=RECIPE_GROUP, show_default=False)
    return field.name, Annotated[kind | None, help], None


RecipeChanges: Any = make_dataclass("RecipeChanges", map(_flag, fields(Recipe)), frozen=True)
RecipeChanges.__doc__ = "The fields of a recipe, each None where it is not to change."
RecipeChanges.__module__ = __name__  # else it counts as one of the standard library and is not taken apart
NO_CHANGES = RecipeChanges()


def given(options: Any) -> dict[str, Any]:
    """What was said of a `RecipeChanges` or an `ImageChoice`, by name."""
    return {name: value for name, value in asdict(options).items() if value is not None}


def parsed_option(text: str) -> tuple[str, Any]:
    """`width=32` as ("width", 32).

    Raises:
        UsageError: it is no such thing.
    """
    try:
        return exported.parsed_option(text)
    except ValueError:
        raise UsageError(f"--option {text!r} is not NAME=VALUE, such as width=32") from None


@contextmanager
def pool_of(cluster: str | None, jobs: int | None) -> Iterator[tuple[Pool | None, int]]:
    """What has the processes of trainings, and how many there are at a time.

    Args:
        cluster: the address of a Ray; None for this machine, whose pool is None.
        jobs: how many were asked for; None for one, and on a cluster for one a GPU or a machine.
    """
    if cluster is None:
        yield None, 1 if jobs is None else jobs
        return
    from kuzushiji.cluster import Cluster

    with Cluster(cluster) as joined:
        yield joined.workers, joined.jobs if jobs is None else jobs
