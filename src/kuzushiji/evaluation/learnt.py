"""What a network that was trained on has learnt and forgotten: both figures before anyone switches to it."""

from dataclasses import dataclass

from kuzushiji.evaluation.significance import sign_flip_test
from kuzushiji.runs.run import Run


@dataclass(frozen=True)
class Learnt:
    """How many images of a split were named right before a training and after it.

    Attributes:
        split: `validation`, which is of what it was trained on: this hand; or `test`, which is of all others.
        count: images.
        before, after: how many of them were right.
        p_value: how often chance alone would change so much or more (McNemar's exact test).
    """

    split: str
    count: int
    before: int
    after: int
    p_value: float


def learnt(run: Run) -> tuple[Learnt, ...]:
    """What the training of a run changed, of each split that was predicted before it; nothing where none was.

    Raises:
        DataError: predictions are damaged.
    """
    found = []
    for split in ("validation", "test"):
        if not (run.predictions_file(f"before-{split}").exists() and run.predictions_file(split).exists()):
            continue
        before, after = run.predictions(f"before-{split}"), run.predictions(split)
        was, is_right = before.predicted == before.labels, after.predicted == after.labels
        changed = is_right.astype(int) - was.astype(int)
        found.append(Learnt(split, len(after), int(was.sum()), int(is_right.sum()), sign_flip_test(changed)))
    return tuple(found)
