"""A network whose steps `torch.compile` puts together before the first."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn

from kuzushiji.errors import RunError

_COMPILERS = ("torch._dynamo", "torch._inductor")
"""Where the errors come from that a compilation ends with; they have no public kind."""


def compiled(network: nn.Module) -> nn.Module:
    """What is called in place of a network; the first call compiles, and each with images of another size.

    The weights are those of the network itself, which stays as it is: what saves, averages or measures it is not
    concerned.  Hooks that are set later go unseen.
    """
    return cast(nn.Module, torch.compile(network))


@contextmanager
def compilation_told() -> Iterator[None]:
    """Within it, a compilation that fails is a `RunError` that says so in a line."""
    try:
        yield
    except RuntimeError as error:
        if not type(error).__module__.startswith(_COMPILERS):
            raise
        said = " ".join(str(error).strip().partition("\n\n")[0].split())  # advice follows
        raise RunError(f"the network can't be compiled here ({said}); train it without --compile") from error
