"""`kuzushiji report`."""

from pathlib import Path

from kuzushiji.cli.console import drawing, notes, results


def report(run: str, /, *, output: Path | None = None, figures: Path | None = None) -> None:
    """Write the report of a run as one HTML file, and print where it is.

    Parameters
    ----------
    run
        Name or path of the run.
    output
        The HTML file to write; report.html in the run folder if not given.
    figures
        A folder to write every figure into as well: an SVG that follows the reader's light or dark, a PNG for either.
    """
    from kuzushiji.errors import UsageError
    from kuzushiji.runs.run import find_run

    found = find_run(run)
    if output is not None and output.is_dir():
        raise UsageError(f"{output} is a folder; name the HTML file, such as {output / 'report.html'}")
    if figures is not None and figures.exists() and not figures.is_dir():
        raise UsageError(f"{figures} is a file; name a folder for the figures")
    from kuzushiji.report import write_figures, write_report

    with drawing() as tell:
        written = write_report(found, path=output, tell=tell)
        count = 0 if figures is None else len(write_figures(found, figures, tell=tell))
    if figures is not None:
        notes.print(f"{count} figures written to {figures}", markup=False, soft_wrap=True)
    results.print(str(written), markup=False, soft_wrap=True)
