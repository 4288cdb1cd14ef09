"""Asking the data: samples and forms, balance, maps in two dimensions, and health.

Each part is a function from images to numbers, of use by itself; `explore` does all of them:

    >>> from kuzushiji.explore.exploration import explore
    >>> found = explore("kmnist", only=["balance", "health"])           # doctest: +SKIP
    >>> found.health.blanks                                             # doctest: +SKIP

`kuzushiji explore` makes a page of it.
"""
