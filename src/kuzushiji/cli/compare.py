"""`kuzushiji compare`."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.errors import DataError, UsageError

if TYPE_CHECKING:
    from kuzushiji.evaluation.compare import Comparison
    from kuzushiji.runs.predictions import Predictions
    from kuzushiji.runs.run import Run


def compare(
    *runs: str,
    seeds: bool = False,
    ensemble: bool = False,
    against: str | None = None,
    on: str = "test",
    images: bool = False,
    json: bool = False,
) -> None:
    """Compare runs on the same test images, pair by pair: by how much one is better, and whether it could be chance.

    Differences come with a 95 % interval, bootstrapped over the images, and with McNemar's exact test, corrected by
    Holm for all pairs together.

    Parameters
    ----------
    runs
        Names (or their beginnings) or paths of two runs or more.
    seeds
        Take runs that differ in nothing but the seed together, and compare their means.
    ensemble
        Measure all runs together too: the mean of their probabilities.
    against
        Compare with this run alone, not every run with every other.
    on
        The predictions to compare: test, validation, or NAME-SPLIT of other data that the runs were evaluated on.
    images
        List the images too that one of two named right and the other wrong, with what each said.
    json
        Print the comparisons as JSON.
    """
    from kuzushiji.evaluation import compare as comparing
    from kuzushiji.evaluation.ensemble import ensemble as averaged
    from kuzushiji.runs.run import find_run

    if images and seeds:
        raise UsageError("images can be listed of single runs; leave out --images or --seeds")
    found = [find_run(name) for name in (*runs, *([against] if against is not None else []))]
    found = list({run.path.resolve(): run for run in found}.values())
    if len(found) < 2:
        raise UsageError("name two runs or more to compare; `kuzushiji runs` lists them")
    predictions = [finished_predictions(run, on) for run in found]
    groups = _by_trial(found, predictions) if seeds else _by_run(found, predictions)
    if ensemble:
        groups["ensemble"] = [averaged(predictions)]
    if len(groups) < 2:
        raise UsageError("these runs differ in nothing but the seed; without --seeds they are compared one by one")
    groups = dict(sorted(groups.items(), key=lambda entry: -mean(map(_accuracy, entry[1]))))
    pairs = None
    if against is not None:
        wanted = predictions[[run.path.resolve() for run in found].index(find_run(against).path.resolve())]
        target = next(name for name, group in groups.items() if any(each is wanted for each in group))
        pairs = [(name, target) for name in groups if name != target]
    compared = comparing.compare(groups, pairs)
    accuracies = {name: [_accuracy(each) for each in group] for name, group in groups.items()}
    listed = [_divided(groups[each.first][0], groups[each.second][0]) for each in compared] if images else []
    if json:
        written = [each.to_dict() for each in compared]
        for comparison, rows in zip(written, listed, strict=False):
            comparison["divided"] = rows
        print_json({"accuracies": accuracies, "images": compared[0].images, "comparisons": written})
        return
    _print(accuracies, compared)
    for each, rows in zip(compared, listed, strict=False):
        _print_divided(each, rows)


def finished_predictions(run: Run, key: str) -> Predictions:
    """The predictions of a finished run.

    Raises:
        RunError: it is not finished.
        DataError: it has no such predictions, or the file is damaged; the message names the run.
    """
    run.check_finished()
    try:
        return run.predictions(key)
    except DataError as error:
        raise DataError(f"{run.name}: {error}") from None


def _by_run(runs: list[Run], predictions: list[Predictions]) -> dict[str, list[Predictions]]:
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.path) for run in runs]
    return {name: [each] for name, each in zip(names, predictions, strict=True)}


def _by_trial(runs: list[Run], predictions: list[Predictions]) -> dict[str, list[Predictions]]:
    """Runs that differ in nothing but the seed together, by the name of the first and their number."""
    from kuzushiji.evaluation.runs import same_but_for_the_seed

    number = {run.path: place for place, run in enumerate(runs)}
    groups = {}
    for together in same_but_for_the_seed(runs):
        name = together[0].name if len(together) == 1 else f"{together[0].name} and {len(together) - 1} more"
        groups[name] = [predictions[number[run.path]] for run in together]
    return groups


def _accuracy(predictions: Predictions) -> float:
    return float((predictions.predicted == predictions.labels).mean())


def _divided(first: Predictions, second: Predictions) -> list[dict[str, Any]]:
    """The images that one of the two named right and the other wrong, those of the first alone first."""
    from kuzushiji.evaluation.compare import divided

    classes = first.classes
    return [
        {
            "image": int(first.ids[row]),
            "actual": classes[first.labels[row]],
            "first": classes[first.predicted[row]],
            "second": classes[second.predicted[row]],
        }
        for rows in divided(first, second)
        for row in rows.tolist()
    ]


def _print_divided(comparison: Comparison, rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    results.print(f"{len(rows):,} images on which {comparison.first} and {comparison.second} divide", soft_wrap=True)
    names = "image", "actual", "first", "second"
    cells = [(f"{row['image']:,}", *(Text(row[name]) for name in names[1:])) for row in rows]
    print_table(["image", "it is", "first says", "second says"], cells, right=(0,))


def _print(accuracies: dict[str, list[float]], compared: list[Comparison]) -> None:
    rows: list[Any] = []
    for name, values in accuracies.items():
        spread = f"± {stdev(values):.2%}, {len(values)} seeds" if len(values) > 1 else ""
        rows.append((name, f"{mean(values):.2%}", spread))
    print_table(["", "accuracy", ""], rows, right=(1,))
    rows = []
    for each in compared:
        accuracy = each.accuracy
        rows.append(
            (
                each.first,
                each.second,
                f"{100 * accuracy.value:+.2f}",
                f"{100 * accuracy.low:.2f} – {100 * accuracy.high:.2f}",
                f"{each.only_first:,} : {each.only_second:,}" if each.only_first is not None else "",
                f"{each.p_adjusted:.2g}",
            )
        )
    print_table(["first", "second", "points", "95% interval", "alone right", "p"], rows, right=(2, 3, 4, 5))
    notes.print(
        f"points of accuracy, first minus second, on the same {compared[0].images:,} images; p by McNemar's exact test "
        f"(over several seeds, a sign-flip test of their means), corrected for {len(compared)} pairs",
        soft_wrap=True,
    )
