"""Asking the data: samples and forms, balance, maps in two dimensions, and health.

Each part is a function from images to numbers, of use by itself; `explore` does all of them:

    >>> from kuzushiji.explore import explore
    >>> found = explore("kmnist", only=["balance", "health"])           # doctest: +SKIP
    >>> found.health.blanks                                             # doctest: +SKIP

`kuzushiji explore` makes a page of it.
"""

from kuzushiji.explore.exploration import PARTS, Exploration, explore

__all__ = ["PARTS", "Exploration", "explore"]
