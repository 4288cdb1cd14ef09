"""`kuzushiji results`."""

from pathlib import Path

from kuzushiji.cli.console import notes, printable
from kuzushiji.errors import DataError, UsageError
from kuzushiji.runs.run import all_runs

ENDINGS = (".json", ".md")


def results(*patterns: str, output: Path | None = None, add: bool = False, title: str = "Results") -> None:
    """Write what runs reached, as data and as a page.

    Runs that differ in nothing but the seed become one line.

    Example: kuzushiji results "cnn*" --output results.json --add

    Parameters
    ----------
    patterns
        Only runs whose names match one of these, such as "cnn*".
    output
        The file to write, NAME.json; the page is drawn from it, NAME.md, with pictures in NAME/.  The page alone is
        printed if not given.
    add
        Keep what the file has already, of runs that may lie elsewhere by now; what is of the same data, network and
        recipe is replaced.
    title
        The heading of the page.
    """
    from kuzushiji.evaluation.runs import damage
    from kuzushiji.report.markdown import as_markdown
    from kuzushiji.report.results import Results, measure_results, read_results, write_results
    from kuzushiji.report.results_page import results_document, write_page

    if add and output is None:
        raise UsageError("--add keeps the rows of a file: name it with --output FILE")
    if output is not None and output.suffix not in ENDINGS:
        raise UsageError(f"{output} has the ending {output.suffix!r}; results are written as .json, with their page")
    found = {run.path: run for pattern in patterns or ("*",) for run in all_runs(pattern)}
    done = [run for run in found.values() if run.finished and run.predictions_file().exists()]
    damaged = {run.path: why for run in done if (why := damage(run))}
    for path, why in damaged.items():
        notes.print(f"{path.name} is damaged and left out: {why}", markup=False, soft_wrap=True)
    done = [run for run in done if run.path not in damaged]
    if not done:
        raise UsageError(f"no finished run matches {' '.join(patterns) or '*'}; `kuzushiji runs` lists them")
    if output is None:
        print(printable(as_markdown(results_document(Results().updated(measure_results(done)), title))), end="")
        return
    file = output.with_suffix(".json")
    if add and not file.exists() and file.with_suffix(".md").exists():
        raise DataError(
            f"{file} is missing, from which {file.with_suffix('.md')} was drawn; leave --add out to replace it"
        )
    earlier = read_results(file) if add else Results()
    now = earlier.updated(measure_results(done))
    write_results(file, now)
    write_page(now, file, title)
    notes.print(f"wrote {len(done)} runs to {file}, and {file.with_suffix('.md')} from it", soft_wrap=True)
