"""Whose data a page is made of."""

from collections.abc import Sequence

from kuzushiji.data.catalogue.sets import Dataset
from kuzushiji.report.document import Link, Text


def credit(sources: Sequence[Dataset], shows_images: bool = False) -> list[Text]:
    """Lines for the end of a page: the makers and the licence of each dataset, and whether its images are shown."""
    lines: list[Text] = [
        (
            f"Data: {source.attribution}, licensed under ",
            Link(source.licence, source.licence_url),
            "; ",
            Link(source.title, source.homepage),
            ".",
        )
        for source in sources
    ]
    if sources and shows_images:
        lines.append(f"The images of characters on this page are taken from {'it' if len(sources) == 1 else 'them'}.")
    return lines
