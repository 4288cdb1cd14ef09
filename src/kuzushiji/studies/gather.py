"""From the runs of a study to its answer: each trial measured, and compared with the others."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kuzushiji.data.source import Source, parse
from kuzushiji.errors import KuzushijiError, RunError
from kuzushiji.evaluation.compare import (
    Comparison,
    Scores,
    compare_groups,
    score,
    together,
)
from kuzushiji.evaluation.ensemble import ensemble
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.evaluation.roc import RocCurve, macro_roc_curve, roc_curve_of
from kuzushiji.evaluation.runs import stored_evaluation
from kuzushiji.evaluation.significance import RankCorrelation, rank_correlation
from kuzushiji.inference.weights import outline_network
from kuzushiji.models.inspection import count_macs
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.run import Run
from kuzushiji.studies.answer import Answer, Effect, Pretraining, Result
from kuzushiji.studies.definition import Study, Trial
from kuzushiji.studies.runner import Outcome

CURVES_UP_TO = 64
"""Up to so many classes the ROC curve of each is kept."""


def gather_answer(study: Study, data: str | Path | Source, folder: Path, outcomes: Sequence[Outcome]) -> Answer:
    """Reads the runs of a study and compares them.

    Args:
        study: what was asked.
        data: what it was asked of.
        folder: where the run folders lie.
        outcomes: what `run_study` gave.

    Raises:
        RunError: no training came to its end; or they were measured on different images.
        DataError: predictions are missing or damaged.
    """
    by_label: dict[str, list[Outcome]] = {label: [] for label in study.labels}
    for outcome in outcomes:
        by_label[outcome.training.label].append(outcome)
    results = tuple(_result(trial, by_label) for trial in study.trials if not trial.pretraining)
    pretrainings = tuple(
        Pretraining(trial, outcome.run, outcome.failure)
        for trial in study.trials
        if trial.pretraining
        for outcome in by_label[trial.label]
    )
    measured = [result for result in results if result.measured]
    if not measured:
        reasons = "; ".join(f"{result.label}: {', '.join(result.failures) or result.missing}" for result in results)
        raise RunError(f"no training of {study.name} came to its end: {reasons}")
    scores = {result.label: result.scores for result in measured}
    comparisons: Sequence[Comparison] = compare_groups(scores) if len(measured) > 1 else ()
    order, ordered_by = _order(measured)
    effects = _effects(study, scores)
    return Answer(study, parse(data), folder, results, tuple(comparisons), effects, order, ordered_by, pretrainings)


def _result(trial: Trial, outcomes: Mapping[str, Sequence[Outcome]]) -> Result:
    """What came of a trial, of which an ensemble has the outcomes of its members."""
    of_members = [
        {outcome.training.seed: outcome.run for outcome in outcomes[label] if not outcome.failure}
        for label in trial.ensemble or (trial.label,)
    ]
    of_seeds = [[runs[seed] for runs in of_members] for seed in sorted(set.intersection(*map(set, of_members)))]
    measured = [_measured(runs) for runs in of_seeds]
    macro_roc, class_rocs = _rocs(_together(of_seeds[0])) if of_seeds else (None, ())
    failures, missing = _failures(trial, outcomes)
    of_each = [next(iter(runs.values())) for runs in of_members if runs]
    return Result(
        trial=trial,
        runs=() if trial.ensemble else tuple(run for (run,) in of_seeds),
        evaluations=tuple(evaluation for evaluation, _ in measured),
        scores=tuple(scores for _, scores in measured),
        macro_roc=macro_roc,
        class_rocs=class_rocs,
        failures=failures,
        parameters=_sum([run.config.model.parameters for run in of_each]),
        macs=_sum([_macs(run) for run in of_each]),
        missing=missing,
    )


def _failures(trial: Trial, outcomes: Mapping[str, Sequence[Outcome]]) -> tuple[tuple[str, ...], str]:
    """Why trainings have no result, one by one; and why they could not begin, which is the same for each seed."""
    failures, missing = [], ""
    for label in trial.ensemble or (trial.label,):
        for outcome in outcomes[label]:
            if outcome.missing:
                missing = outcome.failure
            elif outcome.failure:
                of_member = "" if label == trial.label else f"{label}, "
                failures.append(f"{of_member}seed {outcome.training.seed}: {outcome.failure}")
    return tuple(failures), missing


def _measured(runs: Sequence[Run]) -> tuple[Evaluation, Scores]:
    """One seed of a trial: a run, or the members of an ensemble."""
    predictions = _together(runs)
    if len(runs) == 1:
        return stored_evaluation(runs[0]), score(predictions)
    return evaluate(predictions, train_counts=np.array(runs[0].config.train_counts)), score(predictions)


def _together(runs: Sequence[Run]) -> Predictions:
    """What a run says of the test images, or several together."""
    return runs[0].predictions() if len(runs) == 1 else ensemble([run.predictions() for run in runs])


def _rocs(predictions: Predictions) -> tuple[RocCurve, tuple[RocCurve, ...]]:
    scores, labels = predictions.probabilities, predictions.labels
    each: tuple[RocCurve, ...] = ()
    if len(predictions.classes) <= CURVES_UP_TO:
        each = tuple(roc_curve_of(scores, labels, label) for label in np.unique(labels).tolist())
    return macro_roc_curve(scores, labels), each


def _macs(run: Run) -> int | None:
    """Multiplications for an image; None for what is no network, or none of this version."""
    try:
        network = outline_network(run.config)
        if not any(True for _ in network.parameters()):
            return None
        return count_macs(network, run.config.model.image_size)
    except KuzushijiError:
        return None


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number]
    return sum(known) if known and len(known) == len(numbers) else None


def _effects(study: Study, scores: Mapping[str, tuple[Scores, ...]]) -> tuple[Effect, ...]:
    """What each contrast comes to, over those of its pairs that were measured."""
    pairs_of = {
        contrast.name: [pair for pair in contrast.pairs if pair[0] in scores and pair[1] in scores]
        for contrast in study.contrasts
    }
    pairs_of = {name: pairs for name, pairs in pairs_of.items() if pairs}
    if not pairs_of:
        return ()
    groups: dict[str, list[Scores]] = {}
    asked = []
    for name, pairs in pairs_of.items():
        sides = f"{name}: with", f"{name}: without"
        for side, place in zip(sides, (0, 1), strict=True):
            groups[side] = [each for pair in pairs for each in scores[pair[place]]]
        asked.append(sides)
    wholes = compare_groups(groups, asked)
    singles = iter(compare_groups({**scores}, [pair for pairs in pairs_of.values() for pair in pairs]))
    effects = []
    for (name, pairs), whole in zip(pairs_of.items(), wholes, strict=True):
        each = tuple(next(singles) for _ in pairs)
        # Over seeds, not over the different networks of the pairs.
        spreads = [pair.over_seeds for pair in each if pair.over_seeds is not None]
        spread = None
        if len(spreads) == len(each):
            of_sum = together(spreads)
            spread = replace(of_sum, error=of_sum.error / len(each))
        effects.append(Effect(name, replace(whole, over_seeds=spread), each))
    return tuple(effects)


def _order(measured: Sequence[Result]) -> tuple[RankCorrelation | None, str]:
    """Our order by test accuracy against the published one, by the measure that was published of most trials."""
    published = {
        measure: [result for result in measured if measure in result.trial.theirs]
        for measure in ("test_accuracy", "validation_accuracy")
    }
    measure = max(published, key=lambda name: len(published[name]))
    known = published[measure]
    if not known:
        return None, ""
    if len(known) < 3:
        return None, measure
    ours = [result.accuracy for result in known]
    return rank_correlation(ours, [result.trial.theirs[measure] for result in known]), measure
