"""Pages that nobody has written, with everything that a page can have."""

from typing import get_args

import numpy as np
from hypothesis import strategies as st

from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.page import Characters, ImageRef, Line, Page, Role, Step

SETTINGS = st.dictionaries(
    st.text("abc_", min_size=1, max_size=5),
    st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    max_size=3,
)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=8)
"""What XML can hold; a line end would come back as another one."""


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Any page that is one."""
    n, k = draw(st.integers(0, 12)), draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = generator.integers(0, k + 1, n)
    there = np.arange(k) < counts[:, None]
    letters = np.array(list("おを々〱ゝ龍𛀂𠮟か<&\"'"))
    polygons = polygons_of(generator.normal(500, 300, (n, 4))) + generator.normal(0, 3, (n, 4, 2)).astype(np.float32)
    lines, line, start = [], np.full(n, -1), 0
    for number in range(generator.integers(0, 5)):
        stop = int(generator.integers(start, n + 1))
        role = get_args(Role)[generator.integers(len(get_args(Role)))]
        polygon = generator.normal(500, 300, (generator.integers(3, 7), 2))
        lines.append(Line(f"l{number}", role, polygon, slice(start, stop)))
        line[start:stop], start = number, stop
    return Page(
        ImageRef(
            draw(NAMES), draw(st.none() | st.just("ab" * 32)), draw(st.none() | st.tuples(*[st.integers(1, 9999)] * 2))
        ),
        Characters(
            polygons,
            np.where(there, letters[generator.integers(len(letters), size=(n, k))], ""),
            np.where(there, generator.random((n, k)), 0),
            generator.random(n),
            line,
            changed=generator.random(n) < 0.3,
        ),
        tuple(lines),
        generator.permutation(n),
        ("vertical-rl", "horizontal-lr", "horizontal-rl")[generator.integers(3)],
        tuple(Step(draw(NAMES), draw(NAMES), draw(SETTINGS)) for _ in range(draw(st.integers(0, 2)))),
        ("read", "corrected")[generator.integers(2)],
    )
