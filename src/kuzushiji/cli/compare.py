"""`kuzushiji compare`."""

from statistics import mean, stdev

from rich.text import Text

from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.errors import UsageError
from kuzushiji.evaluation import several
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.evaluation.several import Compared, DividedImage
from kuzushiji.records import as_plain


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
    if images and seeds:
        raise UsageError("images can be listed of single runs; leave out --images or --seeds")
    found = several.compare(*runs, seeds=seeds, together=ensemble, against=against, on=on)
    listed = [found.divided(each) for each in found.comparisons] if images else []
    if json:
        written = as_plain(found.comparisons)
        for comparison, rows in zip(written, listed, strict=False):
            comparison["divided"] = rows
        print_json({"accuracies": found.accuracies, "images": found.comparisons[0].images, "comparisons": written})
        return
    _print(found)
    for each, rows in zip(found.comparisons, listed, strict=False):
        _print_divided(each, rows)


def _print_divided(comparison: Comparison, rows: list[DividedImage]) -> None:
    results.print(f"{len(rows):,} images on which {comparison.first} and {comparison.second} divide", soft_wrap=True)
    cells = [(f"{row.image:,}", Text(row.actual), Text(row.first), Text(row.second)) for row in rows]
    print_table(["image", "it is", "first says", "second says"], cells, right=(0,))


def _print(found: Compared) -> None:
    rows = []
    for name, values in found.accuracies.items():
        spread = f"± {stdev(values):.2%}, {len(values)} seeds" if len(values) > 1 else ""
        rows.append((name, f"{mean(values):.2%}", spread))
    print_table(["", "accuracy", ""], rows, right=(1,))
    print_table(
        ["first", "second", "points", "95% interval", "alone right", "p"],
        [(each.first, each.second, *difference(each)) for each in found.comparisons],
        right=(2, 3, 4, 5),
    )
    compared = found.comparisons
    notes.print(
        f"points of accuracy, first minus second, on the same {compared[0].images:,} images; p by McNemar's exact test "
        f"(over several seeds, a sign-flip test of their means){corrected_for(len(compared))}",
        soft_wrap=True,
    )


def corrected_for(pairs: int) -> str:
    """What was done to p-values for there being so many; nothing for one."""
    return f", corrected for {pairs} pairs" if pairs > 1 else ""


def difference(compared: Comparison) -> tuple[str, str, str, str]:
    """The difference in accuracy in points, its interval, how many images each alone named right, p."""
    points = compared.accuracy
    return (
        f"{100 * points.value:+.2f}",
        f"{100 * points.low:.2f} – {100 * points.high:.2f}",
        f"{compared.only_first:,} : {compared.only_second:,}" if compared.only_first is not None else "",
        f"{compared.p_adjusted:.2g}",
    )
