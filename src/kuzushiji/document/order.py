"""In which order the characters of a page are read, and which of them make a line.

Columns go from the right to the left, each from its top to its bottom.  Ruled lines divide a page into fields, as in
tables, beside pictures and under notes above the frame; each field is read for itself.  Within one, characters that
stand one below the other make strands.  Strands that follow each other down the page, or stand so close that they
share a column, make a column; where two run side by side within one they are a note in two narrow lines.  Small
characters beside a strand are ruby, which is read after its word, or what was put in where the strand has a gap.
A strip of the page beside that the scan shows is read last.

All widths below are counted in the usual width of the characters around.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kuzushiji.document.geometry import Boxes, centres_of
from kuzushiji.document.neighbour import on_another_page
from kuzushiji.document.page import Direction, Page, Role, with_lines
from kuzushiji.errors import DataError
from kuzushiji.imaging.rules import Rules

MOST_CHARACTERS = 10_000
"""Of a page; the densest that was labelled has under a thousand."""

_COVERED = 0.85
"""A ruled line divides a field if it reaches over so much of it."""
_INSIDE = 0.25
"""It runs through a box if it is so far inside, as a share of the box; a line that does so is a stroke."""
_HEADNOTE = 0.8
"""Characters above a frame are notes if they are narrower than so much of those in it."""
_AROUND = 9
"""The usual width of characters is taken from so many of them."""
_ASIDE = 0.4
"""The next character of a strand is at most so far to the side."""
_FAR = 3.0
"""And at most so far below."""
_GAP, _USUAL_GAPS = 0.35, 2.0
"""A strand ends where the gap is longer than this and so many of its usual gaps together."""
_SAME = 0.35
"""Strands that overlap in height and are no further apart run through each other: they are one."""
_BESIDE = 0.8
"""Strands that overlap in height and are no further apart share a column."""
_NEAR = 2.5
"""A strand so little below another is in its column if their ends share `_SHARED` of the narrower one's width ..."""
_SHARED = 0.25
_BELOW = 0.5
"""... and a strand further below if it is no further to the side."""
_OVERLAP = 0.3
"""Strands overlap in height if they have so much of the shorter one's height in common."""
_RUBY, _RUBY_SIZE = 0.62, 0.6
"""Characters are ruby, or put in, if they are so much smaller than those beside them, and than the usual width."""
_RUBY_DISTANCE, _RUBY_GAP = 1.2, 0.5
"""They are no further to the side of these, and no further below or above them."""
_FILLED = 0.7
"""Where less of the height beside small characters is filled, they are no ruby but stand between others."""
_SLACK = 0.4
"""Strands of a column are not side by side if they overlap in height by less."""
_NOTE = 0.85
"""What runs side by side within a column is a note if it is narrower than so much of the column."""


def arrange(page: Page, rules: Rules | None = None, ruby: NDArray[np.bool_] | None = None) -> Page:
    """The same page with its characters put into lines and in reading order, whatever these were before.

    Args:
        page: a page.
        rules: ruled lines on its image; with none, whatever stands below each other is one column.
        ruby: (n,), which characters are known to be ruby; of the others, those that look like it are taken for ruby
            too.

    Raises:
        DataError: the page has more characters than any has, and would take minutes.
    """
    if len(page.characters) > MOST_CHARACTERS:
        many = f"{page.image.name} has {len(page.characters):,} characters"
        raise DataError(f"{many}; the most that are put in order are {MOST_CHARACTERS:,}: are these several pages?")
    boxes, rules = _upright(page.characters.boxes, rules, page.direction)
    apart = np.zeros(len(boxes), np.bool_) if ruby is None else ruby
    beside = np.zeros(len(boxes), np.bool_)
    if page.direction == "vertical-rl" and page.image.size:
        beside = on_another_page(boxes, ~apart, page.image.size[0], rules)
    main = np.flatnonzero(~apart & ~beside)
    lines: list[_Line] = []
    order: list[int] = []
    for part in _fields(boxes[main], rules):
        field = main[part]
        found, read = _columns(boxes[field])
        above = _is_headnote(boxes[main], part)
        lines += [("note" if above and role == "main" else role, field[members].tolist()) for role, members in found]
        order += field[read].tolist()
    for strand in _ruby_strands(boxes, np.flatnonzero(apart & ~beside)):
        lines.append(("ruby", strand))
        place = _after_word(strand, boxes, order, apart)
        order[place:place] = strand
    if beside.any():
        strip = np.flatnonzero(beside)
        columns, read = _columns(boxes[strip])
        lines += [("neighbour", strip[members].tolist()) for _, members in columns]
        order += strip[read].tolist()
    return with_lines(page, lines, order)


def _upright(boxes: Boxes, rules: Rules | None, direction: Direction) -> tuple[Boxes, Rules]:
    """Boxes and rules turned so that rows become columns, the first of them at the right."""
    rules = rules or Rules(np.zeros((0, 3)), np.zeros((0, 3)))
    if direction == "vertical-rl":
        return boxes, rules
    left, top, width, height = boxes.T
    start = left if direction == "horizontal-lr" else -left - width
    return np.stack([-top - height, start, height, width], axis=1), Rules(
        *(
            np.stack([sign * each[:, 0], *np.sort(other * each[:, 1:].T, axis=0)], axis=1)
            for each, sign, other in (
                (rules.vertical, 1 if direction == "horizontal-lr" else -1, -1),
                (rules.horizontal, -1, 1 if direction == "horizontal-lr" else -1),
            )
        )
    )


# Fields


def _fields(boxes: Boxes, rules: Rules) -> list[NDArray[np.int64]]:
    """The numbers of the characters in each field, the fields in reading order."""

    def divide(field: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        for axis, lines in ((0, rules.vertical), (1, rules.horizontal)):
            cuts = _cuts(boxes[field], lines, axis)
            parts = np.searchsorted(cuts, centres_of(boxes[field])[:, axis])
            numbers = np.unique(parts)
            if len(numbers) > 1:
                ordered = numbers[::-1] if axis == 0 else numbers
                return [each for number in ordered for each in divide(field[parts == number])]
        return [field]

    return divide(np.arange(len(boxes))) if len(boxes) else []


def _cuts(boxes: Boxes, lines: NDArray[np.float64], axis: int) -> list[float]:
    """Where lines divide boxes along an axis: those that reach over all of them and run through none."""
    centres = centres_of(boxes)
    if len(boxes) < 2:
        return []
    first, last = centres[:, 1 - axis].min(), centres[:, 1 - axis].max()
    between = (lines[:, 0] > centres[:, axis].min()) & (lines[:, 0] < centres[:, axis].max())
    lines = lines[between & (lines[:, 2] > first) & (lines[:, 1] < last)]
    inner = boxes[:, [axis]] + boxes[:, [2 + axis]] * [_INSIDE, 1 - _INSIDE]
    same = 0.2 * np.median(boxes[:, 2])
    cuts = []
    for place in np.unique(lines[:, 0]).tolist():
        parts = lines[np.abs(lines[:, 0] - place) < same, 1:].clip(first, last)
        covered, end = 0.0, first
        for start, stop in parts[np.argsort(parts[:, 0])].tolist():
            covered += max(0.0, stop - max(start, end))
            end = max(end, stop)
        if covered >= _COVERED * (last - first) and not ((inner[:, 0] < place) & (place < inner[:, 1])).any():
            cuts.append(place)
    return cuts


def _is_headnote(boxes: Boxes, field: NDArray[np.int64]) -> bool:
    """Whether a field holds the smaller part of a page, stands above all else, and has smaller characters."""
    others = np.setdiff1d(np.arange(len(boxes)), field)
    return bool(
        len(field) < len(others)
        and centres_of(boxes[field])[:, 1].max() < boxes[others, 1].min()
        and np.median(boxes[field, 2]) < _HEADNOTE * np.median(boxes[others, 2])
    )


# Strands

_Strand = list[int]
"""Numbers of characters, from the top to the bottom."""
_Line = tuple[Role, list[int]]


def _strands(boxes: Boxes, usual: NDArray[np.float64]) -> list[_Strand]:
    """Characters that stand one below the other; each is in one strand."""
    strands = _linked(boxes, usual)
    facts = _Facts.of(strands, boxes, usual)
    same = (facts.share > 0) & (np.abs(facts.aside) < _SAME * np.minimum(facts.usual, facts.usual[:, None]))
    heights = centres_of(boxes)[:, 1]
    strands = [
        sorted((each for number in group for each in strands[number]), key=lambda each: heights[each])
        for group in _groups(same, range(len(strands)))
    ]
    return _interrupted(strands, boxes, usual)


def _linked(boxes: Boxes, usual: NDArray[np.float64]) -> list[_Strand]:
    """Each character with the nearest below it of which it is the nearest above, but for long gaps."""
    top, height = boxes[:, 1], boxes[:, 3]
    x, y = centres_of(boxes).T
    aside, down = np.abs(x - x[:, None]), y - y[:, None]
    gap = top - (top + height)[:, None]
    scale = np.minimum(usual, usual[:, None])
    below = (down > 0) | ((down == 0) & (np.arange(len(x)) > np.arange(len(x))[:, None]))
    fits = below & (aside <= _ASIDE * scale) & (gap < _FAR * scale)
    distance = np.where(fits, down + aside, np.inf)
    nearest, back = distance.argmin(axis=1), distance.argmin(axis=0)
    follower = {
        number: after
        for number, after in enumerate(nearest.tolist())
        if np.isfinite(distance[number, after]) and back[after] == number
    }
    strands = []
    for strand in _chains(follower, len(boxes)):
        gaps = gap[strand[:-1], strand[1:]]
        most = _GAP * scale[strand[:-1], strand[1:]] + _USUAL_GAPS * max(0, np.median(gaps) if len(gaps) else 0)
        strands += [each.tolist() for each in np.split(strand, np.flatnonzero(gaps > most) + 1)]
    return strands


def _chains(follower: dict[int, int], count: int) -> list[_Strand]:
    chains = []
    for first in sorted(set(range(count)) - set(follower.values())):
        chain = [first]
        while chain[-1] in follower:
            chain.append(follower[chain[-1]])
        chains.append(chain)
    return chains


def _interrupted(strands: list[_Strand], boxes: Boxes, usual: NDArray[np.float64]) -> list[_Strand]:
    """Strands cut where another of the same size runs beside a part of them, within their column."""
    facts = _Facts.of(strands, boxes, usual)
    heights, widths = centres_of(boxes)[:, 1], boxes[:, 2]
    close = (facts.share > _OVERLAP) & (np.abs(facts.aside) < _BESIDE * facts.scale)
    np.fill_diagonal(close, False)
    cuts: list[set[int]] = [set() for _ in strands]
    for other, number in zip(*np.nonzero(close), strict=True):
        strand = np.array(strands[number])
        beside = np.flatnonzero((heights[strand] >= facts.top[other]) & (heights[strand] <= facts.bottom[other]))
        if len(beside) and facts.width[other] >= _RUBY * np.percentile(widths[strand[beside]], 75):
            cuts[number] |= {int(beside[0]), int(beside[-1]) + 1} - {0, len(strand)}
    return [
        part.tolist()
        for strand, at in zip(strands, cuts, strict=True)
        for part in np.split(np.array(strand), sorted(at))
    ]


@dataclass(frozen=True)
class _Facts:
    """What is to be known of m strands; each array is (m,) or (m, m).

    Attributes:
        top, bottom: where they begin and end.
        x: the middle of each.
        width: of its characters, but for a few wide ones.
        size: the longer side of its characters, but for a few large ones; that of し is its height.
        usual: width of the characters around it.
        scale: the greater usual width of two.
        share: how much of the height of the shorter of two they have in common; negative if none.
        aside: how far the second of two is to the left of the first, at the height that they have in common.
        gap: from the end of the upper of two to the beginning of the lower.
        step: how far these two are to the side of each other.
    """

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    x: NDArray[np.float64]
    width: NDArray[np.float64]
    size: NDArray[np.float64]
    usual: NDArray[np.float64]
    scale: NDArray[np.float64]
    share: NDArray[np.float64]
    aside: NDArray[np.float64]
    gap: NDArray[np.float64]
    step: NDArray[np.float64]

    @classmethod
    def of(cls, strands: Sequence[_Strand], boxes: Boxes, usual: NDArray[np.float64]) -> "_Facts":
        x, y = centres_of(boxes).T
        first, last = ([strand[end] for strand in strands] for end in (0, -1))
        top = np.array([boxes[strand, 1].min() for strand in strands])
        bottom = np.array([(boxes[strand, 1] + boxes[strand, 3]).max() for strand in strands])
        own = np.array([np.median(usual[strand]) for strand in strands])
        upper, lower = np.maximum(top, top[:, None]), np.minimum(bottom, bottom[:, None])
        height = np.maximum(1, np.minimum(bottom - top, (bottom - top)[:, None]))
        middle = (upper + lower) / 2
        # Strands may be slanted: each is taken for a straight line from its first to its last character.
        length = np.where(y[last] > y[first], y[last] - y[first], 1)[:, None]
        at = x[first][:, None] + ((middle - y[first][:, None]) / length).clip(0, 1) * (x[last] - x[first])[:, None]
        is_above = y[first][:, None] < y[first]
        return cls(
            top=top,
            bottom=bottom,
            x=np.array([x[strand].mean() for strand in strands]),
            width=np.array([np.percentile(boxes[strand, 2], 75) for strand in strands]),
            size=np.array([np.percentile(boxes[strand, 2:].max(axis=1), 75) for strand in strands]),
            usual=own,
            scale=np.maximum(own, own[:, None]),
            share=(lower - upper) / height,
            aside=at - at.T,
            gap=np.where(is_above, top - bottom[:, None], top[:, None] - bottom),
            step=np.where(is_above, x[last][:, None] - x[first], x[first][:, None] - x[last]),
        )


def _groups(related: NDArray[np.bool_], numbers: Sequence[int]) -> list[list[int]]:
    """Numbers that hang together."""
    left, groups = dict.fromkeys(numbers), []
    while left:
        group = [next(iter(left))]
        del left[group[0]]
        for number in group:
            joined = [other for other in left if related[number, other]]
            group += joined
            for other in joined:
                del left[other]
        groups.append(sorted(group))
    return groups


# Columns


def _columns(boxes: Boxes) -> tuple[list[_Line], list[int]]:
    """The lines of a field, and its characters in reading order."""
    centres = centres_of(boxes)
    near = np.argsort(np.abs(centres[:, None] - centres).sum(axis=2), axis=1)[:, :_AROUND]
    usual = np.percentile(boxes[near, 2], 75, axis=1)
    strands = _strands(boxes, usual)
    facts = _Facts.of(strands, boxes, usual)
    hosts = _small(strands, facts, boxes)
    large = [number for number in range(len(strands)) if number not in hosts]
    overlap = (facts.width + facts.width[:, None]) / 2 - np.abs(facts.step)
    below = np.where(
        facts.gap < _NEAR * facts.scale,
        overlap > _SHARED * np.minimum(facts.width, facts.width[:, None]),
        np.abs(facts.step) < _BELOW * facts.scale,
    )
    together = np.where(facts.share > _OVERLAP, np.abs(facts.aside) < _BESIDE * facts.scale, below)
    sizes = np.array([len(strand) for strand in strands])
    columns = _groups(together, large)
    columns.sort(key=lambda column: -float(np.average(facts.x[column], weights=sizes[column])))

    lines: list[_Line] = []
    order: list[int] = []
    for column in columns:
        found, read = _column(column, strands, facts, boxes)
        lines += found
        order += read
    put_in: set[int] = set()
    for number in sorted(hosts, key=lambda each: facts.top[each]):
        role, place = _place(strands[number], strands[hosts[number]], order, boxes)
        while place < len(order) and order[place] in put_in:
            place += 1
        order[place:place] = strands[number]
        put_in.update(strands[number])
        lines.append((role, strands[number]))
    return lines, order


def _column(column: list[int], strands: list[_Strand], facts: _Facts, boxes: Boxes) -> tuple[list[_Line], list[int]]:
    """The lines of a column, and its characters in reading order."""
    heights = centres_of(boxes)[:, 1]
    bands: list[list[int]] = []  # strands side by side
    reach = -np.inf
    for number in sorted(column, key=lambda each: facts.top[each]):
        if facts.top[number] > reach - _SLACK * facts.usual[number]:
            bands.append([])
        bands[-1].append(number)
        reach = max(reach, facts.bottom[number])
    alone = [facts.width[band[0]] for band in bands if len(band) == 1]
    lines: list[_Line] = []
    main: list[int] = []
    order: list[int] = []
    for band in bands:
        if len(band) == 1 or all(len(strands[number]) == 1 for number in band):
            members = sorted((each for number in band for each in strands[number]), key=lambda each: heights[each])
            main += members
            order += members
            continue
        for number in sorted(band, key=lambda each: -facts.x[each]):
            role: Role = "note" if alone and facts.width[number] < _NOTE * max(alone) else "main"
            lines.append((role, strands[number]))
            order += strands[number]
    return ([("main", main), *lines] if main else lines), order


def _small(strands: list[_Strand], facts: _Facts, boxes: Boxes) -> dict[int, int]:
    """The strands of small characters, each with the strand that they stand beside."""
    sizes = np.array([len(strand) for strand in strands])
    aside = np.abs(facts.aside) / facts.scale
    ends = (aside > _BELOW) & (facts.gap < _RUBY_GAP * facts.scale)
    close = ((facts.share > _OVERLAP) | ends) & (aside < _RUBY_DISTANCE)
    close &= (sizes >= sizes[:, None]) & (facts.size[:, None] < _RUBY_SIZE * facts.scale)
    np.fill_diagonal(close, False)
    hosts: dict[int, int] = {}
    for number, host in zip(*(each.tolist() for each in np.nonzero(close)), strict=True):
        top, bottom = boxes[strands[host], 1], boxes[strands[host], 1] + boxes[strands[host], 3]
        slack = _RUBY_GAP * facts.scale[number, host]
        beside = np.array(strands[host])[(bottom > facts.top[number] - slack) & (top < facts.bottom[number] + slack)]
        if len(beside) and facts.size[number] < _RUBY * np.percentile(boxes[beside, 2:].max(axis=1), 75):
            other = hosts.get(number)
            if other is None or abs(facts.aside[number, host]) < abs(facts.aside[number, other]):
                hosts[number] = host
    return {number: host for number, host in hosts.items() if host not in hosts}


def _place(strand: _Strand, host: _Strand, order: list[int], boxes: Boxes) -> tuple[Role, int]:
    """What small characters beside others are, and where in the order they are read."""
    top, bottom = boxes[strand, 1].min(), (boxes[strand, 1] + boxes[strand, 3]).max()
    tops, heights = boxes[host, 1], boxes[host, 3]
    filled = (np.minimum(bottom, tops + heights) - np.maximum(top, tops)).clip(0).sum()
    is_ruby = filled >= _FILLED * (bottom - top)
    before = np.flatnonzero(tops + 0.4 * heights <= bottom if is_ruby else tops + 0.5 * heights <= top)
    place = order.index(host[before[-1]]) + 1 if len(before) else order.index(host[0])
    return "ruby" if is_ruby else "note", place


# Ruby that is known as such


def _ruby_strands(boxes: Boxes, ruby: NDArray[np.int64]) -> list[_Strand]:
    """The words of ruby, from the top of the page to its bottom."""
    if not len(ruby):
        return []
    own = boxes[ruby]
    strands = _strands(own, np.full(len(own), np.percentile(own[:, 2], 75)))
    return sorted((ruby[strand].tolist() for strand in strands), key=lambda strand: boxes[strand[0], 1])


def _after_word(strand: _Strand, boxes: Boxes, order: list[int], apart: NDArray[np.bool_]) -> int:
    """Where in the order ruby is read: after the last character beside it, and after ruby that is there already."""
    main = np.array([number for number in order if not apart[number]], np.int64)
    if not len(main):
        return len(order)
    left, top = boxes[strand, :2].min(axis=0)
    bottom = (boxes[strand, 1] + boxes[strand, 3]).max()
    x, y = centres_of(boxes[main]).T
    width, height = boxes[main, 2:].T
    beside = (y - height / 2 < bottom) & (y + height / 2 > top) & (x < left + width / 2)
    aside = np.where(beside, np.abs(left - x - width / 2) / width, np.inf)
    if aside.min() > _RUBY_DISTANCE:  # nothing stands at its left: it belongs to what is nearest
        word = main[np.hypot(x - left, y - bottom).argmin()]
    else:
        column = np.flatnonzero(aside <= aside.min() + _BELOW)
        word = main[column[(y - 0.1 * height)[column].argmax()]]
    place = order.index(int(word)) + 1
    while place < len(order) and apart[order[place]]:
        place += 1
    return place
