"""What the card of an exported network tells: what it is, how good it is, and what is to be known of its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kuzushiji.data.catalogue import sets as catalog
from kuzushiji.evaluation.calibration import Calibration
from kuzushiji.evaluation.metrics import Evaluation
from kuzushiji.export.trust import Trust
from kuzushiji.exported import Description
from kuzushiji.runs.config import RunConfig

AND = "; and "
"""Between the words that the licences of several datasets ask for."""


@dataclass(frozen=True)
class Card:
    """All that a card tells; `kuzushiji.report.card` writes it.

    Attributes:
        title: what the file is called.
        bytes: its size.
        description: what the file says of itself.
        config: of the run.
        before: the commands that made what the training started from or learnt from, in their order.
        note: what its maker says of the data besides, in Markdown; empty for nothing.
        sources: the catalogued datasets whose images the network learnt from, directly or through what it started from.
        trust: temperature and threshold.
        evaluation, calibration: on the test images; None without them.
        elsewhere: on other data that it was evaluated on, by their name and split.
        tested: of the test images, the share on which it is not unsure, and the share of these that it names right.
        lost: accuracy on validation images that the precision costs; None where it was not reduced.
    """

    title: str
    bytes: int
    description: Description
    config: RunConfig
    before: Sequence[str]
    note: str
    sources: Sequence[catalog.Dataset]
    trust: Trust
    evaluation: Evaluation | None
    elsewhere: Mapping[tuple[str, str], Evaluation]
    calibration: Calibration | None
    tested: tuple[float, float] | None
    lost: float | None


def credited_in(attribution: str) -> list[catalog.Dataset]:
    """The catalogued datasets whose attribution stands in that of an exported file."""
    return [source for source in catalog.DATASETS.values() if source.attribution in attribution.split(AND)]
