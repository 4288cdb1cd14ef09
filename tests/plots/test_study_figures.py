"""What a study draws, where a number says more than the eye."""

import numpy as np

from kuzushiji.plots.comparisons import differences_figure


def test_differences_are_written_row_minus_column_and_nothing_has_no_sign():
    differences = np.array([[0, 0.0004, 0.12], [-0.0004, 0, 0.031], [-0.12, -0.031, 0]])
    chance = np.abs(differences) < 0.01
    (axes,) = differences_figure(["one", "two", "three"], differences, chance).axes
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written[1, 0] == written[0, 1] == "0.0"
    assert (written[2, 0], written[0, 2]) == ("12.0", "−12.0")
    assert len(written) == 6
