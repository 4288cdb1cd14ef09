"""A search over the fields of a recipe and the options of a network, in trials that several processes can share.

    space.py     what is searched, and the words for it
    settings.py  a whole search, from a command or a TOML file, checked before anything runs
    storage.py   where the trials are kept; samplers and pruners
    trials.py    trials, one after the other, until there are enough
    workers.py   several processes on one machine
    results.py   what came of it: numbers and a conclusion
    page.py      the same as a page

The search itself is Optuna's (Akiba et al., KDD 2019, arXiv:1907.10902).
"""
