"""Whether what a study names is there, and whether its networks can be made."""

from collections import Counter

from kuzushiji.data.splits import check_cut_off
from kuzushiji.errors import KuzushijiError, UsageError, unknown_name
from kuzushiji.models import MODELS
from kuzushiji.studies.definition import LIMIT, MEASURES, RECIPE_FIELDS, SHOWN, Study


def check_references(study: Study) -> None:
    """Whether all that is named within a study is there.

    Raises:
        UsageError: it is not; the message says what is missing and what was probably meant.
    """
    if not study.question:
        raise UsageError('it asks nothing; add question = "..."')
    label, count = Counter(study.labels).most_common(1)[0]
    if count > 1:
        raise UsageError(f"two trials are called {label!r}; give them labels that differ")
    named = [label for pair in study.pairs for label in pair]
    named += [label for contrast in study.contrasts for pair in contrast.pairs for label in pair]
    named += [study.baseline] if study.baseline else []
    named += [label for trial in study.trials for label in trial.ensemble]
    for label in named:
        if study.trial(label).pretraining:
            raise UsageError(f"{label!r} is a pre-training, which is not measured; name another trial")
    measures = (*MEASURES, *(column.key for column in study.columns))
    for trial in study.trials:
        for measure in trial.theirs:
            if measure not in measures:
                raise unknown_name(f"published measure of {trial.label!r}", measure, measures)
        for member in trial.ensemble:
            if study.trial(member).ensemble:
                raise UsageError(f"{trial.label!r} is an ensemble of {member!r}, which is an ensemble itself")
    _check_starts(study)
    for part in study.show:
        if part not in SHOWN:
            raise unknown_name("part of an answer", part, SHOWN)
    for factor in filter(None, (study.factor, study.series)):
        # Which options there are, only the network itself knows; see `check_networks`.
        if not factor.startswith("options.") and factor not in (*RECIPE_FIELDS, LIMIT):
            raise unknown_name("recipe field to be the factor", factor, (*RECIPE_FIELDS, LIMIT))
    if study.extrapolate and study.factor != LIMIT:
        raise UsageError('extrapolate asks what more images would give; it needs factor = "limit"')


def _check_starts(study: Study) -> None:
    """Whether trials can start from those that they name, and can be compared all the same."""
    check_cut_off(study.cover, study.rare_below)
    if all(trial.pretraining for trial in study.trials):
        raise UsageError("there are pre-trainings alone; add a trial that is measured")
    for trial in study.trials:
        if trial.limit is not None and not trial.pretraining and (study.cover or study.rare_below):
            raise UsageError(
                f"{trial.label!r} has a limit of its own, so that other classes would be rare; leave out the limit, or "
                "cover and rare_below"
            )
        way = [trial]
        while (label := way[-1].start) in study.labels:
            before = study.trial(label)
            if before.model != trial.model:
                what = f"which is {before.model}" if before.model else "which is an ensemble"
                raise UsageError(f"{way[-1].label!r} is {trial.model} and can't start from {label!r}, {what}")
            if before in way:
                raise UsageError(f"{trial.label!r} would start from itself, by way of {label!r}")
            way.append(before)


def check_networks(study: Study, classes: int, image_size: tuple[int, int]) -> None:
    """Makes each network without values, so that a wrong option shows before anything is trained.

    Raises:
        UsageError: a network can't be made so, or not for such images.
    """
    from kuzushiji.models.inspection import outline_model

    varied = [name.removeprefix("options.") for name in (study.factor, study.series) if name.startswith("options.")]
    for trial in study.trials:
        if trial.model:
            try:
                outline_model(trial.model, classes=classes, image_size=image_size, **trial.options)
                for option in varied:
                    if option not in MODELS[trial.model].options:
                        raise unknown_name(f"option of {trial.model}", option, MODELS[trial.model].options)
            except UsageError as error:
                raise UsageError(f"trial {trial.label!r} of {study.name}: {error}") from None
            except KuzushijiError:
                continue  # it needs what is not installed, so that it alone is not measured
