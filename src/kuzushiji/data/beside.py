"""What stands beside corrections of a book, lest a network forget what it knows."""

import warnings
from collections.abc import Sequence

from kuzushiji.data.catalogue.sets import dataset, folder
from kuzushiji.data.shelved import Shelved
from kuzushiji.data.source import Source, parse
from kuzushiji.errors import DataWarning

SHIPS = "brush:k49:200"
"""What is at hand everywhere: brush glyphs of kana, which are embedded."""


def with_all_else(data: Source, names: Sequence[str]) -> Source:
    """Corrections alone with what is at hand of the named datasets beside them; any other data as it is.

    Where none is, embedded brush glyphs stand there, and a `DataWarning` says what may be forgotten.
    """
    if not isinstance(data.origin, Shelved):
        return data
    there = [name for name in names if _is_at_hand(name)]
    if not there:
        warnings.warn(
            f"nothing of {' and '.join(names)} is at hand to stand beside the corrections, but brush glyphs of kana: "
            f"other characters may be forgotten. `kuzushiji data get {names[0]}` fetches it",
            DataWarning,
            stacklevel=2,
        )
    return parse(f"{data.address} beside {'+'.join(there or [SHIPS])}")


def _is_at_hand(name: str) -> bool:
    places = [folder(each) for each in (name, dataset(name).subset_of) if each]
    return any(place.is_dir() and any(place.iterdir()) for place in places)
