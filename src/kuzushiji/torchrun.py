"""What torchrun tells a process that it starts; nothing else reads its variables."""

import os
from dataclasses import dataclass

from kuzushiji.errors import UsageError


@dataclass(frozen=True)
class Place:
    """The place of a process among those that do one work together.

    Attributes:
        rank: its number, from 0.
        size: how many there are.
        local: its number among those of the same machine, from 0.
    """

    rank: int = 0
    size: int = 1
    local: int = 0

    @property
    def leads(self) -> bool:
        """Whether it is the first of its machine, which says what all of them find alike."""
        return self.local == 0


def place() -> Place:
    """The place of this process; that of one alone where torchrun did not start it."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Place()
    return Place(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))


def check_verb(words: list[str]) -> None:
    """Refuses what several processes would do several times.

    Args:
        words: of the command line, without the program's name.

    Raises:
        UsageError: torchrun started the process, and it is to do something else than train.
    """
    if place().size > 1 and words[:1] != ["train"]:
        raise UsageError(
            f"torchrun starts processes that train together; start `kuzushiji {' '.join(words[:1])}` without it"
        )
