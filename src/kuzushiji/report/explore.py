"""An exploration as one HTML file and as figures."""

import json
from pathlib import Path

from kuzushiji.explore.exploration import Exploration
from kuzushiji.files import write_text
from kuzushiji.plots.files import save_all
from kuzushiji.report.explore_content import explore_content
from kuzushiji.report.explore_figures import exploration_figures
from kuzushiji.report.page import render


def write_exploration(found: Exploration, folder: Path, *, figures: bool = True) -> list[Path]:
    """Writes `explore.html`, which needs nothing beside it, `explore.json` and the figures.

    Args:
        found: what was found.
        folder: where they go; it is made if it is not there.
        figures: whether to write each figure into `figures/` too, as `save_all` does.

    Returns:
        The files, the page first.

    Raises:
        KuzushijiError: a file could not be written.
    """
    written = [folder / "explore.html", folder / "explore.json"]
    write_text(written[0], render(explore_content(found), "explore.html", ["explore.css"]))
    write_text(written[1], json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n")
    if figures:
        written += save_all(exploration_figures(found), folder / "figures")
    return written
