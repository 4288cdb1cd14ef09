"""Corrections of a page: what a person says of one of its characters, and how it is taken back.

A page is edited as its JSON.  A character's `Spot` says all of it: what it is, on which line, and where in the reading
order; a correction is its spot before and after, None where there was no such character, and so can be undone.  Another
reading order is a correction of no character, `ORDER`; its spots name all characters one after the other.
"""

import json
import unicodedata
from dataclasses import dataclass
from typing import Any

from kuzushiji.document.formats import json as page_json
from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.page import Page
from kuzushiji.errors import DataError

Spot = dict[str, Any]
"""`{"line": number of the line or None, "place": on it, "rank": in reading order, "character": as the JSON has it}`; of
`ORDER` `{"order": [ids of all characters]}`."""

ORDER = "-"
"""What a correction of the reading order has where others have the id of a character, which none has."""

LONGEST = 8
"""Letters that one character may take: with marks and selectors, no word."""


@dataclass(frozen=True)
class Correction:
    """One character, before and after."""

    character: str
    before: Spot | None
    after: Spot | None

    @property
    def undone(self) -> "Correction":
        """What takes it back."""
        return Correction(self.character, self.after, self.before)


def edited(page: Page, change: dict[str, Any]) -> Correction:
    """What a change makes of a character of a page.

    Args:
        page: the page, which stays as it is.
        change: `{"id": ..., "text": ...}` names a character, `{"id": ..., "box": [left, top, width, height]}` moves
            it, `{"id": ..., "delete": true}` takes it away, `{"after": id or null, "text": ..., "box": ...}` adds one
            behind another, which may have `"candidates": [[text, probability], ...]` in place of its text;
            `{"order": [ids]}` names all characters in reading order.

    Raises:
        DataError: it is none of these, or there is no such character.
    """
    plain = _plain(page)
    if "order" in change:
        return _ordered(plain, change["order"])
    if "id" not in change:
        return _added(plain, change, page.image.size)
    id = str(change["id"])
    before = _spot(plain, id)
    if change.get("delete"):
        return Correction(id, before, None)
    if not {"text", "box"} & set(change):
        raise DataError('a change has none of "text", "box" and "delete"')
    character = {name: value for name, value in before["character"].items() if name != "changed"}
    if "text" in change:
        text = _checked_text(change["text"])
        others = [pair for pair in character["candidates"] if pair[0] != text]
        character["candidates"] = [[text, 1.0], *([name, 0.0] for name, _ in others)]
    if "box" in change:
        character["polygon"] = checked_polygon(change["box"], page.image.size)
    return Correction(id, before, before | {"character": character})


def applied(page: Page, corrections: list[Correction]) -> Page:
    """The page with corrections, which a person has seen now.

    Raises:
        DataError: one does not fit the page.
    """
    plain = _plain(page)
    for each in corrections:
        if each.character == ORDER:
            plain["order"] = _numbers(plain, (each.after or {})["order"])
            continue
        if each.before is not None:
            _take(plain, each.character)
        if each.after is not None:
            _put(plain, each.after)
    plain["status"] = "corrected"
    try:
        return page_json.read(json.dumps(plain).encode())
    except DataError as error:
        raise DataError(f"the corrected page {error}") from None


def _plain(page: Page) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(page_json.write(page))
    return plain


def _lists(plain: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The characters of each line, and then those on none; counted through they have the numbers of the order."""
    return [*(line["characters"] for line in plain["lines"]), plain["others"]]


def _spot(plain: dict[str, Any], id: str) -> Spot:
    number = 0
    for line, characters in enumerate(_lists(plain)):
        for place, character in enumerate(characters):
            if character["id"] == id:
                on = line if line < len(plain["lines"]) else None
                return {"line": on, "place": place, "rank": plain["order"].index(number), "character": character}
            number += 1
    raise DataError(f"the page has no character {id!r}")


def _number(plain: dict[str, Any], spot: Spot) -> int:
    before = _lists(plain)[: len(plain["lines"]) if spot["line"] is None else spot["line"]]
    return sum(map(len, before)) + int(spot["place"])


def _take(plain: dict[str, Any], id: str) -> None:
    spot = _spot(plain, id)
    number = _number(plain, spot)
    del _lists(plain)[-1 if spot["line"] is None else spot["line"]][spot["place"]]
    plain["order"] = [each - (each > number) for each in plain["order"] if each != number]


def _put(plain: dict[str, Any], spot: Spot) -> None:
    lists = _lists(plain)
    if spot["line"] is not None and spot["line"] >= len(plain["lines"]):
        raise DataError("the line of a character is no longer there")
    characters = lists[-1 if spot["line"] is None else spot["line"]]
    spot = spot | {"place": min(spot["place"], len(characters))}
    number = _number(plain, spot)
    characters.insert(spot["place"], spot["character"])
    plain["order"] = [each + (each >= number) for each in plain["order"]]
    plain["order"].insert(spot["rank"], number)


def _added(plain: dict[str, Any], change: dict[str, Any], size: tuple[int, int] | None) -> Correction:
    polygon = checked_polygon(change.get("box"), size)
    if "text" in change or not change.get("candidates"):
        candidates = [[_checked_text(change.get("text")), 1.0]]
    else:
        candidates = [[_checked_text(text), float(probable)] for text, probable in change["candidates"]]
    taken = {each["id"] for characters in _lists(plain) for each in characters}
    id = next(name for number in range(len(taken) + 1) if (name := f"a{number}") not in taken)
    character = {"id": id, "polygon": polygon, "found": 1.0, "candidates": candidates}
    if change.get("after") is None:
        after: Spot = {"line": None, "place": len(plain["others"]) - 1, "rank": len(taken) - 1}
    else:
        after = _spot(plain, str(change["after"]))
    place, rank = after["place"] + 1, after["rank"] + 1
    return Correction(id, None, {"line": after["line"], "place": place, "rank": rank, "character": character})


def _ordered(plain: dict[str, Any], ids: Any) -> Correction:
    listed = [each["id"] for characters in _lists(plain) for each in characters]
    if not isinstance(ids, list) or sorted(map(str, ids)) != sorted(listed):
        raise DataError(f"an order names {len(ids) if isinstance(ids, list) else 0} characters; the page has others")
    return Correction(ORDER, {"order": [listed[number] for number in plain["order"]]}, {"order": ids})


def _numbers(plain: dict[str, Any], ids: list[str]) -> list[int]:
    listed = [each["id"] for characters in _lists(plain) for each in characters]
    number = {id: number for number, id in enumerate(listed)}
    return [number[id] for id in ids]


def _checked_text(text: Any) -> str:
    if not isinstance(text, str) or not 1 <= len(text.strip()) <= LONGEST:
        raise DataError(f"a character is {text!r}; expected one to {LONGEST} letters")
    if any(unicodedata.category(each) in ("Cc", "Cs", "Cn", "Zl", "Zp") for each in text):
        raise DataError(f"a character is {text!r}, which holds what no one can see")
    return unicodedata.normalize("NFC", text.strip())


def checked_polygon(box: Any, size: tuple[int, int] | None) -> list[list[float]]:
    """The corners of what a box has of a page of some width and height.

    Raises:
        DataError: it is none, or has less than a pixel of it.
    """
    numbers = isinstance(box, list) and len(box) == 4 and all(type(each) in (int, float) for each in box)
    if not numbers or not all(abs(each) < 1e6 for each in box) or min(box[2:]) <= 0:
        raise DataError(f"a box is {box!r}; expected left, top, width and height in pixels of the page")
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    if size is not None:
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    if min(right - left, bottom - top) < 1:
        raise DataError(f"a box is {box!r}, of which the page of {size} pixels has nothing")
    polygon: list[list[float]] = polygons_of([[left, top, right - left, bottom - top]])[0].tolist()
    return polygon
