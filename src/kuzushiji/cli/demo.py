"""`kuzushiji demo`."""

import time

from kuzushiji.cli.console import notes
from kuzushiji.errors import KuzushijiError
from kuzushiji.extras import check_extras

EPOCHS = 6
IMAGES = 6_000
PROBE_SECONDS = 3.0
"""How long the host of KMNIST has to answer before the embedded data is taken."""


def demo(*, data: str | None = None, offline: bool = False) -> None:
    """Do the main job once, in about a minute: data, training, evaluation, report.

    Takes Kuzushiji-MNIST where it is there or can be fetched at once, else the embedded brush characters, and
    trains the default network on 6,000 of its images.

    Parameters
    ----------
    data
        The data to take instead: anything that `kuzushiji train` takes.
    offline
        Do not try to fetch anything.
    """
    check_extras("train")
    from kuzushiji.cli.train import finish, train_with_bar

    started = time.perf_counter()
    notes.print("1  data", style="bold")
    chosen = data or _available(offline)
    notes.print("2  training", style="bold", end="  ")
    notes.print(f"the network `resnet` on up to {IMAGES:,} images of {chosen}, {EPOCHS} epochs")
    run = train_with_bar("resnet", chosen, limit=IMAGES, epochs=EPOCHS)
    notes.print("3  evaluation and report", style="bold")
    finish(run, report=True, json=False)
    notes.print(f"done in {time.perf_counter() - started:.0f} s; open the report in a browser. What to try next:")
    for command in (
        f"kuzushiji runs info {run.name}",
        "kuzushiji models",
        f"kuzushiji train lenet5 --data {chosen}",
        "kuzushiji data list",
    ):
        notes.print(f"  {command}", soft_wrap=True)


def _available(offline: bool) -> str:
    """The best data that can be had within seconds."""
    from kuzushiji.data.catalogue.sets import dataset
    from kuzushiji.data.catalogue.verify import state
    from kuzushiji.fetch import answers

    for name in ("kmnist", "kmnist6k"):
        if state(name) == "complete":
            notes.print(f"   {name} is here")
            return name
    if not offline and answers(dataset("kmnist").files("npz")[0].urls[0], PROBE_SECONDS):
        from kuzushiji.cli.data import get

        try:
            get("kmnist")
            return "kmnist"
        except KuzushijiError as error:
            notes.print(f"   {error}", markup=False, soft_wrap=True)
    else:
        notes.print(
            "   Kuzushiji-MNIST is not here and can't be fetched at once (`kuzushiji data get kmnist` says how)"
        )
    notes.print("   so it is brush:kmnist, embedded characters drawn from brush fonts in the shape of Kuzushiji-MNIST")
    return "brush:kmnist"
