"""`kuzushiji evaluate`."""

from kuzushiji.cli.console import notes, print_json, results


def evaluate(
    run: str, /, *, data: str | None = None, device: str = "auto", mistakes: bool = False, json: bool = False
) -> None:
    """Measure a run on its test set, or on other data.

    Every figure comes with a 95 % bootstrap interval over the images.

    Parameters
    ----------
    run
        Name or path of the run.
    data
        Other data to measure on: its test split, or all of it where it has none.
    device
        Where the network runs if it must: auto, cpu, cuda or mps.
    mistakes
        Instead of the measures, list each character with what it was taken for and how often.
    json
        Print all metrics, or all mistakes, as JSON.
    """
    from kuzushiji.cli.tables import print_evaluation, print_mistakes
    from kuzushiji.data import datasets
    from kuzushiji.errors import RunError, UsageError
    from kuzushiji.evaluation.runs import evaluate_run, stored_evaluation
    from kuzushiji.training.runs import find_run

    found = find_run(run)
    if not found.finished:
        raise RunError(f"{found.name} is not finished; go on with: kuzushiji train --resume {found.name}")
    if data is None:
        dataset = found.config["dataset"]
        source, key = dataset["path"] or dataset["name"], "test"
    else:
        source, key = data, ""
    if data is not None or not found.predictions_file().exists():
        from kuzushiji.training.experiment import predict_run

        names = datasets.splits(source)
        if data is None and "test" not in names:
            raise UsageError(f"{source} has no test split; name other data with --data")
        split = "test" if "test" in names else names[-1]
        height, width = found.config["model"]["image_size"]
        images = datasets.load(source, split, image_size=height if height == width else None)
        key = key or f"{images.name}-{images.split}"
        predictions = predict_run(found, images, key, device)
        if len(predictions) < len(images):
            notes.print(f"{len(images) - len(predictions):,} images show characters that the network does not know")
    evaluation = stored_evaluation(found) if key == "test" else evaluate_run(found, key)
    if json and mistakes:
        print_json({"run": found.name, "data": key, "mistakes": [each.to_dict() for each in evaluation.mistakes()]})
    elif json:
        print_json({"run": found.name, "data": key, "evaluation": evaluation.to_dict()})
    elif mistakes:
        results.print(f"{found.name} on {data or source}", soft_wrap=True)
        print_mistakes(evaluation, results)
    else:
        results.print(f"{found.name} on {data or source}", soft_wrap=True)
        print_evaluation(evaluation, results)
