"""`kuzushiji results`."""

from pathlib import Path

from kuzushiji.cli.console import notes
from kuzushiji.errors import DataError, UsageError


def results(*patterns: str, output: Path | None = None, add: bool = False, title: str = "Results") -> None:
    """Write a table of results from run folders, as Markdown.

    Runs that differ in nothing but the seed become one line.

    Parameters
    ----------
    patterns
        Only runs whose names match one of these, such as "cnn*".
    output
        The file to write; printed if not given.
    add
        Keep the rows that the file has already, of runs that may lie elsewhere by now; one of the same network and
        recipe is replaced.
    title
        The heading of the page.
    """
    from kuzushiji.files import write_text
    from kuzushiji.report.results import results_page
    from kuzushiji.runs.run import all_runs

    found = {run.path: run for pattern in patterns or ("*",) for run in all_runs(pattern)}
    done = [run for run in found.values() if run.finished and run.predictions_file().exists()]
    if not done:
        raise UsageError(f"no finished run matches {' '.join(patterns) or '*'}; `kuzushiji runs` lists them")
    if add and output is None:
        raise UsageError("--add keeps the rows of a file: name it with --output FILE")
    page = results_page(done, title, _earlier(output) if add and output is not None else "")
    if output is None:
        print(page, end="")
    else:
        write_text(output, page)
        notes.print(f"wrote {len(done)} runs to {output}", soft_wrap=True)


def _earlier(page: Path) -> str:
    if not page.exists():
        return ""
    try:
        return page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {page}, whose rows are to be kept: {error}") from error
