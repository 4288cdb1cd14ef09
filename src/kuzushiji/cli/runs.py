"""`kuzushiji runs`."""

from typing import Any

from cyclopts import App

from kuzushiji.cli.console import notes, print_json, print_table, results
from kuzushiji.errors import UsageError
from kuzushiji.runs.run import Run, all_runs, find_run

runs = App(name="runs", help="List, describe and remove runs.")


def _summary(run: Run) -> dict[str, Any]:
    from kuzushiji.evaluation.runs import stored_evaluation

    config, metrics = run.config, run.metrics
    accuracy = None
    if run.finished and run.predictions_file().exists():
        accuracy = stored_evaluation(run).accuracy.value
    return {
        "name": run.name,
        "path": str(run.path),
        "model": config.model.name,
        "data": config.data.name,
        "recipe": config.recipe_name,
        "state": "finished" if run.finished else "unfinished",
        "epochs": len(metrics),
        "seconds": round(run.seconds, 1),
        "validation_accuracy": run.kept["validation_accuracy"] if run.kept else None,
        "test_accuracy": accuracy,
        "created": config.created,
    }


def _summary_or_damage(run: Run) -> dict[str, Any]:
    """What there is to say of a run; of one that can't be read, why."""
    from kuzushiji.evaluation.runs import damage

    if why := damage(run):
        return {"name": run.name, "path": str(run.path), "state": "damaged", "damage": why}
    return _summary(run)


@runs.command(name="list")
@runs.default
def list_runs(pattern: str = "*", /, *, json: bool = False) -> None:
    """List the runs, the newest last.

    Parameters
    ----------
    pattern
        Only names that match, such as "cnn*".
    json
        Print them as JSON.
    """
    summaries = [_summary_or_damage(run) for run in all_runs(pattern)]
    if json:
        print_json(summaries)
    elif not summaries:
        notes.print("no runs yet; make one with: kuzushiji train resnet --data brush:kmnist")
    else:
        print_table(
            ["run", "model", "data", "recipe", "epochs", "seconds", "test accuracy"],
            [
                (
                    each["name"],
                    each.get("model", ""),
                    each.get("data", ""),
                    each.get("recipe", ""),
                    each.get("epochs", ""),
                    f"{each['seconds']:,.0f}" if "seconds" in each else "",
                    f"{each['test_accuracy']:.2%}" if each.get("test_accuracy") is not None else each["state"],
                )
                for each in summaries
            ],
            right=(4, 5, 6),
        )
    for each in summaries:
        if "damage" in each:
            notes.print(f"{each['name']} is damaged: {each['damage']}", markup=False, soft_wrap=True)


@runs.command
def info(run: str, /, *, json: bool = False) -> None:
    """Describe a run: what was trained on what, how, and what came of it.

    Parameters
    ----------
    run
        Name (or its beginning) or path of the run.
    json
        Print its whole configuration and metrics as JSON.
    """
    from kuzushiji.runs.recipe import Recipe

    found = find_run(run)
    config = found.config
    if json:
        print_json({**_summary(found), "config": config.to_dict(), "metrics": found.metrics})
        return
    rows = list(_summary(found).items())
    rows += [(f"{name} images", f"{split.count:,}") for name, split in config.data.splits.items()]
    rows += [(key, value) for key, value in config.recipe_values.items() if value != getattr(Recipe(), key)]
    rows.append(("command", config.command))
    print_table(["", found.name], [(key, "" if value is None else value) for key, value in rows])


@runs.command
def path(run: str, /) -> None:
    """Print the path of a run folder.

    Parameters
    ----------
    run
        Name (or its beginning) or path of the run.
    """
    results.print(str(find_run(run).path), soft_wrap=True)


@runs.command
def remove(*names: str, yes: bool = False) -> None:
    """Remove runs; what else lies in their folders is left there.

    Parameters
    ----------
    names
        Names or paths of the runs.
    yes
        Do not ask first.
    """
    import sys

    if not names:
        raise UsageError("say which runs to remove; `kuzushiji runs` lists them")
    found = [find_run(name) for name in names]
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(
                f"this would remove {', '.join(str(run.path.resolve()) for run in found)}; add --yes to do it"
            )
        for run in found:
            notes.print(f"remove {run.path.resolve()}", markup=False, soft_wrap=True)
        notes.print("Remove? [y/N] ", end="")
        if input().strip().lower() not in ("y", "yes"):
            notes.print("nothing was removed")
            return
    for run in found:
        left = run.remove()
        results.print(f"removed {run.path}", markup=False, soft_wrap=True)
        if left:
            notes.print(f"left in {run.path}, for no run has it: {', '.join(left)}", markup=False, soft_wrap=True)
