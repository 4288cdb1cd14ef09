"""What stands on the page of an exploration: plain values for the template, section by section."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from kuzushiji.characters import parents
from kuzushiji.data.source import published_in, title_of
from kuzushiji.explore.exploration import PIXELS, Exploration
from kuzushiji.explore.findings import findings
from kuzushiji.explore.health import Health
from kuzushiji.explore.mislabelled import FEWEST
from kuzushiji.explore.projection import METHODS, NEIGHBOURS, Projection
from kuzushiji.explore.samples import LOOKED_AT
from kuzushiji.plots.files import svg
from kuzushiji.plots.style import has_glyph
from kuzushiji.report.characters import Sprite
from kuzushiji.report.content import code_points, duration, percent
from kuzushiji.report.explore_figures import (
    SHOWN_COMPONENTS,
    SHOWN_GROUPS,
    SHOWN_SUSPECTS,
    plain_figures,
    typical,
)
from kuzushiji.version import __version__

OPENING = 12
SHOWN_BLANKS = 60
SHOWN_OF_A_GROUP = 6
SHOWN_OF_A_SIDE = 12

LABELS = {
    "balance": "Images of each character, the most frequent first",
    "coverage": "Share of the images that the most frequent characters make up",
    "variance": "Share of the variance that the first principal components hold",
    "map-measures": "Trustworthiness and accuracy of each map",
    "shift": "How much like the test images the images of train and test look to a classifier",
}
"""What the figures show, for those who can't see them."""


def explore_content(found: Exploration) -> dict[str, Any]:
    """Everything that the template needs, by the names that it uses."""
    pictures = _Pictures(found.main_split.image_size)
    return {
        "version": __version__,
        "has_glyph": has_glyph,
        "code_points": code_points,
        "title": title_of(found.name),
        "run": "explored",
        "name": found.name,
        "findings": findings(found),
        "opening": _opening(found, pictures),
        "splits": [(name, f"{len(images):,}") for name, images in found.splits.items()],
        "images": sum(map(len, found.splits.values())),
        "classes": len(found.main_split.classes),
        "image_size": found.main_split.image_size,
        "split": found.main_split.split,
        "seed": found.seed,
        "limit": found.limit,
        "on": "the pixels" if found.on == PIXELS else f"the embedding of the network of {found.on}",
        "on_pixels": found.on == PIXELS,
        "seconds": [(part, _time(seconds)) for part, seconds in found.seconds.items()],
        "samples": _samples(found, pictures),
        "looked_at": LOOKED_AT,
        "balance": _balance(found),
        "projection": _projection(found, found.projection, pictures),
        "health": _health(found.health, pictures),
        "figures": {
            name: Markup(svg(draw(False), LABELS.get(name, name.replace("-", " "))))
            for name, draw in plain_figures(found).items()
            if name != "components"  # drawn with cells of the sprite, which follow the theme
        },
        "published": published_in(found.name),
        "sprite": pictures.sprite,
        "image_ratio": found.main_split.image_size[0] / found.main_split.image_size[1],
    }


class _Pictures:
    """Puts images into the sprite of the page."""

    def __init__(self, image_size: tuple[int, int]) -> None:
        self.sprite = Sprite()
        self._image_size = image_size
        self._count = 0

    def of(self, image: NDArray[Any]) -> tuple[int, int]:
        """Column and row of an image with values of 0 to 255; smaller ones are enlarged to the size of the others."""
        height, width = self._image_size
        rows, columns = np.arange(height) * len(image) // height, np.arange(width) * image.shape[1] // width
        self._count += 1
        return self.sprite.cell(self._count, np.clip(image[rows][:, columns], 0, 255).astype(np.uint8))

    def each(self, images: NDArray[Any], actual: Iterable[str]) -> list[dict[str, Any]]:
        """Cells with what they are images of."""
        return [{"cell": self.of(image), "actual": text} for image, text in zip(images, actual, strict=True)]


def _opening(found: Exploration, pictures: _Pictures) -> list[dict[str, Any]]:
    """Some images at random, each of another class where there are so many."""
    split = found.main_split
    order = np.random.default_rng(found.seed).permutation(len(split))
    _, first = np.unique(split.labels[order], return_index=True)
    chosen = order[np.sort(first)[:OPENING]]
    return pictures.each(split.images[chosen], [split.classes[label] for label in split.labels[chosen]])


def _samples(found: Exploration, pictures: _Pictures) -> dict[str, Any] | None:
    samples, split = found.samples, found.main_split
    if samples is None:
        return None
    random = [split.classes[label] for label in split.labels[samples.random]]
    rows = []
    for each in samples.classes:
        forms = []
        for form, share in zip(each.forms, each.shares, strict=True):
            shown = typical(form)
            forms.append(
                {
                    "share": percent(share, 0),
                    "pictures": pictures.each(split.images[shown], [each.character] * len(shown)),
                }
            )
        rows.append(
            {
                "character": each.character,
                "count": f"{each.count:,}",
                "parents": " ".join(parents(each.character)[:6]) if len(each.character) == 1 else "",
                "mean": {"cell": pictures.of(each.mean), "actual": f"the mean {each.character}"},
                "spread": {"cell": pictures.of(2 * each.spread), "actual": f"the spread of {each.character}"},
                "forms": forms,
            }
        )
    return {
        "random": pictures.each(split.images[samples.random], random),
        "rows": rows,
        "all": len(rows) >= np.count_nonzero(split.class_counts()),
    }


def _balance(found: Exploration) -> dict[str, Any] | None:
    balance = found.balance
    if balance is None:
        return None
    facts = [
        ("Characters with images", f"{balance.present:,} of {len(balance.classes):,}"),
        ("As hard to guess as", f"{balance.effective_classes:,.1f} characters of equal frequency"),
        ("Images of the rarest kept", f"{balance.rarest_kept:,}"),
    ]
    for name in balance.counts:
        if name != balance.deciding:
            facts.append((f"Kept of {name}", percent(balance.covered(name), 1)))
            if balance.unseen(name):
                facts.append((f"Unseen in {name}", f"{balance.unseen(name):,} images of characters without any"))
    return {
        "facts": facts,
        "command": f"kuzushiji train resnet --data {found.name} --cover {balance.cover:g}"
        if balance.merged > 1
        else "",
        "many": len(balance.classes) > 64,
    }


def _projection(found: Exploration, projection: Projection | None, pictures: _Pictures) -> dict[str, Any] | None:
    if projection is None:
        return None
    classes = found.mapped_split.classes
    best_of = {
        measure: max((getattr(each, measure) for each in projection.maps), default=0)
        for measure in ("trustworthiness", "accuracy")
    }
    components = []
    if projection.components is not None:
        shown = projection.components.axes[:SHOWN_COMPONENTS].reshape(-1, *projection.components_size)
        for share, axis in zip(projection.components.explained, shown, strict=False):
            scaled = 255 * axis / max(float(np.abs(axis).max()), 1e-12)
            components.append(
                {
                    "more": {"cell": pictures.of(np.maximum(scaled, 0)), "actual": "a principal component"},
                    "less": {"cell": pictures.of(np.maximum(-scaled, 0)), "actual": ""},
                    "share": percent(float(share), 1),
                }
            )
    return {
        "maps": [
            {
                "name": each.method,
                "title": METHODS[each.method].title,
                "summary": METHODS[each.method].summary,
                "source": METHODS[each.method].source,
                "seconds": _time(each.seconds),
                "trustworthiness": percent(each.trustworthiness, 1),
                "accuracy": percent(each.accuracy, 1),
                "best": {name: getattr(each, name) == best for name, best in best_of.items()},
                "note": each.note,
            }
            for each in projection.maps
        ],
        "missing": list(projection.missing.values()),
        "split": projection.split,
        "points": len(projection.numbers),
        "classes": [classes[label] for label in projection.shown_classes],
        "all_classes": len(projection.shown_classes) == np.count_nonzero(found.mapped_split.class_counts()),
        "learned_from": projection.learned_from,
        "dimensions": projection.dimensions,
        "accuracy": percent(projection.accuracy, 1),
        "neighbours": NEIGHBOURS,
        "components": components,
        "component_count": projection.components.count if projection.components else 0,
        "shrunk": tuple(projection.components_size) not in ((0, 0), found.mapped_split.image_size),
    }


def _health(health: Health | None, pictures: _Pictures) -> dict[str, Any] | None:
    if health is None:
        return None
    pool, suspects = health.pool, health.suspects
    places = suspects.places[:SHOWN_SUSPECTS]
    doubtful = []
    for image, place, suggested, given, share in zip(
        pool.images(places),
        places.tolist(),
        suspects.suggested.tolist(),
        suspects.given_share.tolist(),
        suspects.suggested_share.tolist(),
        strict=False,
    ):
        where = pool.describe(place)
        doubtful.append(
            where
            | {
                "cell": pictures.of(image),
                "actual": where["character"],
                "suggested": pool.classes[suggested],
                "given_share": percent(given, 0),
                "suggested_share": percent(share, 0),
            }
        )
    blanks = [pool.describe(number) for number in health.blanks[:SHOWN_BLANKS].tolist()]
    return {
        "blanks": blanks,
        "more_blanks": len(health.blanks) - len(blanks),
        "groups": [
            {
                "title": title,
                "shown": [
                    {
                        "between": group.between_splits,
                        "differ": group.labels_differ,
                        "similarity": group.similarity,
                        "more": max(len(group.numbers) - SHOWN_OF_A_GROUP, 0),
                        "pictures": _group(health, group.numbers[:SHOWN_OF_A_GROUP], pictures),
                    }
                    # Those with different labels matter most, then those across splits.
                    for group in sorted(groups, key=lambda each: (not each.labels_differ, not each.between_splits))[
                        :SHOWN_GROUPS
                    ]
                ],
                "count": len(groups),
            }
            for title, groups in (("Equal to the pixel", health.exact), ("Nearly equal", health.near))
            if groups
        ],
        "compared": health.compared,
        "everything": health.compared + len(health.blanks) == len(pool),
        "doubtful": doubtful,
        "doubtful_count": len(suspects.places),
        "fewest": FEWEST,
        "shift": _shift(health, pictures),
        "seconds": [(step, _time(seconds)) for step, seconds in health.seconds.items()],
    }


def _group(health: Health, numbers: tuple[int, ...], pictures: _Pictures) -> list[dict[str, Any]]:
    told = [health.pool.describe(number) for number in numbers]
    images = health.pool.images(np.array(numbers))
    return [
        where | {"cell": pictures.of(image), "actual": where["character"]}
        for where, image in zip(told, images, strict=True)
    ]


def _shift(health: Health, pictures: _Pictures) -> dict[str, Any] | None:
    shift = health.shift
    if shift is None:
        return None
    sides = []
    for name, numbers in ((shift.first, shift.first_numbers), (shift.second, shift.second_numbers)):
        shown = numbers[:SHOWN_OF_A_SIDE]
        characters = [health.pool.classes[label] for label in health.pool.labels[shown]]
        sides.append({"name": name, "pictures": pictures.each(health.pool.images(shown), characters)})
    return {"sides": sides, "count": shift.count}


def _time(seconds: float) -> str:
    """`75.2` as `1 min 15 s`, and `0.0951` as `0.10 s`."""
    return duration(seconds) if seconds >= 1 else f"{seconds:.2f} s"
