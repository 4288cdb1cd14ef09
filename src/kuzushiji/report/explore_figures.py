"""The figures of an exploration."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from kuzushiji.explore.balance import Balance
from kuzushiji.explore.exploration import Exploration
from kuzushiji.explore.features import Components, shrunk
from kuzushiji.explore.health import Health
from kuzushiji.explore.projection import METHODS, Projection
from kuzushiji.explore.samples import ClassForms
from kuzushiji.numbers import duration, percent
from kuzushiji.plots.balance import balance_figure, coverage_figure
from kuzushiji.plots.characters import character_sheet
from kuzushiji.plots.files import Draw
from kuzushiji.plots.forms import EXAMPLES, FormsRow, forms_figure
from kuzushiji.plots.maps import components_figure, map_figure, map_measures_figure, variance_figure
from kuzushiji.plots.shift import shift_figure
from kuzushiji.plots.style import drawable
from kuzushiji.report.document import Figure, Figures, Strong

SHOWN_COMPONENTS = 24
SHOWN_SUSPECTS = 40
SHOWN_GROUPS = 24


def exploration_figures(found: Exploration) -> dict[str, Draw]:
    """Name -> what draws it, in the order of the page; what was not looked at is left out."""
    figures: dict[str, Draw] = {}
    split = found.main_split
    if found.samples is not None:
        random, classes = found.samples.random, found.samples.classes
        captions = [drawable(split.classes[label]) for label in split.labels[random]]
        figures["random-samples"] = lambda dark: character_sheet(
            np.array(split.images[random]), captions, columns=15, dark=dark
        )
        if classes:
            rows = [_forms_row(each, split.images) for each in classes]
            figures["forms"] = partial(forms_figure, rows)
    figures |= {name: figure.draw for name, figure in plain_figures(found).items()}
    if found.projection is not None and found.projection.components is not None:
        figures["components"] = _components(found.projection, found.projection.components)
    return figures | _health_sheets(found.health)


def plain_figures(found: Exploration) -> Figures:
    """Those that a page shows as they are, not as images of its own."""
    figures: list[Figure] = []
    if found.balance is not None:
        figures += _balance(found.balance)
    if found.projection is not None:
        figures += _maps(found, found.projection)
    if found.health is not None and found.health.shift is not None:
        shift = found.health.shift
        names, scores = (shift.first, shift.second), (shift.first_scores, shift.second_scores)
        label = "How much like the test images the images of train and test look to a classifier"
        figures.append(Figure("shift", label, partial(shift_figure, names, scores)))
    return {figure.name: figure for figure in figures}


def typical(form: NDArray[np.int64], count: int = EXAMPLES) -> NDArray[np.int64]:
    """Images of a form to show: some from the most typical to those of its half that is nearest to its middle."""
    nearer = form[: max(len(form) // 2, count)]
    return nearer[np.unique(np.linspace(0, len(nearer) - 1, min(count, len(nearer))).astype(int))]


def _balance(balance: Balance) -> list[Figure]:
    present = balance.order[: balance.present]
    counts = partial(balance_figure, balance.counts, present, balance.classes)
    coverage = partial(coverage_figure, balance.coverage[: balance.present], balance.kept, balance.cover)
    return [
        Figure("balance", "Images of each character, the most frequent first", counts),
        Figure("coverage", "Share of the images that the most frequent characters make up", coverage),
    ]


def _maps(found: Exploration, projection: Projection) -> list[Figure]:
    figures: list[Figure] = []
    split, maps = found.mapped_split, projection.maps
    if len(maps) > 1:
        titles = [METHODS[each.method].title for each in maps]
        measures = [each.trustworthiness for each in maps], [each.accuracy for each in maps]
        draw = partial(map_measures_figure, titles, *measures, projection.accuracy)
        figures.append(Figure("map-measures", "Trustworthiness and accuracy of each map", draw))
    images = (255 * shrunk(split.images[projection.numbers])).astype(np.uint8)
    for each in maps:
        method = METHODS[each.method]
        trust, accuracy = percent(each.trustworthiness, 1), percent(each.accuracy, 1)
        measured = f"Trustworthiness {trust}, accuracy {accuracy}, {duration(each.seconds)}. {each.note}".rstrip()
        draw = partial(map_figure, each.positions, projection.labels, split.classes, images)
        caption = Strong(method.title), f": {method.summary}. {measured}"
        figures.append(Figure(f"map-{each.method}", f"Map of the images by {method.title}", draw, caption=caption))
    if projection.components is not None:
        label = "Share of the variance that the first principal components hold"
        explained = projection.components.explained
        figures.append(Figure("variance", label, lambda dark: variance_figure(explained, dark=dark)))
    return figures


def _components(projection: Projection, components: Components) -> Draw:
    shown = components.axes[:SHOWN_COMPONENTS].reshape(-1, *projection.components_size)
    shares = components.explained[: len(shown)]
    captions = [f"{number}  {percent(share, 1)}" for number, share in enumerate(shares.tolist(), start=1)]
    return lambda dark: components_figure(shown, captions, dark=dark)


def _health_sheets(health: Health | None) -> dict[str, Draw]:
    if health is None:
        return {}
    figures: dict[str, Draw] = {}
    pool, suspects = health.pool, health.suspects
    if len(suspects.places):
        places = suspects.places[:SHOWN_SUSPECTS]
        captions = [
            f"{drawable(pool.classes[label])} → {drawable(pool.classes[suggested])}"
            for label, suggested in zip(pool.labels[places], suspects.suggested, strict=False)
        ]
        figures["doubtful-labels"] = lambda dark: character_sheet(pool.images(places), captions, dark=dark)
    for name, groups in (("duplicates", health.exact), ("near-duplicates", health.near)):
        if groups:
            figures[name] = _groups_sheet(health, [group.numbers for group in groups[:SHOWN_GROUPS]])
    return figures


def _groups_sheet(health: Health, groups: Sequence[tuple[int, ...]]) -> Draw:
    """The first two images of each group side by side, with character and split."""
    numbers = np.array([number for group in groups for number in group[:2]])
    told = [health.pool.describe(number) for number in numbers.tolist()]
    captions = [f"{drawable(each['character'])} {each['split']}" for each in told]
    return lambda dark: character_sheet(health.pool.images(numbers), captions, columns=12, dark=dark)


def _forms_row(each: ClassForms, images: NDArray[np.uint8]) -> FormsRow:
    return FormsRow(
        drawable(each.character),
        f"{each.count:,}",
        each.mean,
        each.spread,
        [(share, np.array(images[typical(form)])) for form, share in zip(each.forms, each.shares, strict=True)],
    )
