"""One whole character, or more or less than one."""

import numpy as np
import pytest

from kuzushiji.imaging.groups import doubt_of

SEVERAL, CUT = "several characters", "a part of another character at the edge"


def ink(size, *boxes):
    """Ink in boxes (left, top, right, bottom)."""
    page = np.zeros(size, bool)
    for left, top, right, bottom in boxes:
        page[top:bottom, left:right] = True
    return page


def corner(left, top, right, bottom):
    """A flat character: a stroke above, another one down from it, as wide as high or wider."""
    return (left, top, right, top + 4), (left, top, left + 4, bottom), (left, bottom - 4, right, bottom)


@pytest.mark.parametrize(
    ("page", "doubt"),
    [
        (ink((100, 100)), ""),
        (ink((100, 100), (20, 20, 80, 80)), ""),
        (ink((200, 100), (20, 20, 80, 90), (20, 110, 80, 180)), SEVERAL),
        (ink((100, 200), (20, 20, 90, 80), (110, 20, 180, 80)), SEVERAL),
        (ink((120, 100), *corner(15, 15, 85, 50), *corner(15, 60, 85, 100)), SEVERAL),
        (ink((120, 100), *corner(15, 15, 85, 50), *corner(40, 60, 60, 100)), ""),  # one is a part of the other
        (ink((80, 100), (15, 15, 85, 22), (15, 50, 85, 58)), ""),  # 二
        (ink((100, 100), (15, 15, 85, 22), (20, 45, 80, 52), (12, 78, 88, 85)), ""),  # 三
        (ink((100, 100), (20, 20, 80, 70), (30, 90, 70, 100)), CUT),
    ],
    ids=["blank", "one", "column", "row", "flat ones", "with a narrow part", "two strokes", "three strokes", "cut"],
)
def test_what_speaks_against_one_whole_character(page, doubt):
    assert doubt_of(page) == doubt
