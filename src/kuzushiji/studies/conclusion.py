"""What a study comes to, in sentences that are computed from its numbers."""

from collections.abc import Sequence
from math import isnan

from kuzushiji.evaluation.bootstrap import Estimate
from kuzushiji.evaluation.compare import Comparison
from kuzushiji.numbers import p_value, percent, points, points_range
from kuzushiji.studies.answer import (
    Answer,
    Result,
    factor_title,
    factor_values,
    measure_title,
)


def conclude(answer: Answer) -> list[str]:
    """The sentences of the conclusion, in their order."""
    sentences = [_best(answer)]
    if len(answer.measured) > 1:
        has_baseline = answer.study.baseline == answer.reference.label
        sentences += _against_baseline(answer) if has_baseline else _others(answer)
    sentences += _factor(answer)
    sentences += _learning_curves(answer)
    sentences += _effects(answer)
    if answer.order is not None and not isnan(answer.order.value):
        sentences.append(
            f"Of the {answer.order.count} trials with a published {measure_title(answer.ordered_by)}, ours come in "
            f"{_agreement(answer.order.value)} order (Spearman's rank correlation {answer.order.value:.2f}, "
            f"{p_text(answer.order.p_value)})."
        )
    for result in answer.results:
        if result.failures:
            sentences.append(f"There is no result of {result.label}: {'; '.join(result.failures).rstrip('.')}.")
    sentences += not_measured(answer)
    if answer.seeds == 1 and len(answer.measured) > 1:
        sentences.append(
            "Each was trained once: the intervals and p-values hold for these trained networks and other test images. "
            "Whether one kind of them is better can't be told: another seed would move each accuracy too."
        )
    return sentences


def not_measured(answer: Answer) -> list[str]:
    """A sentence for each reason for which trials could not be trained at all: `Not measured: a and b (why).`"""
    labels: dict[str, list[str]] = {}
    for result in answer.results:
        if result.missing:
            labels.setdefault(result.missing.rstrip("."), []).append(result.label)
    return [f"Not measured: {listing(each)} ({reason})." for reason, each in labels.items()]


def difference(estimate: Estimate, signed: bool = True) -> str:
    """A difference of shares in percentage points with its interval, such as `+2.10 (1.52 to 2.71)`."""
    interval = points_range(estimate.low, estimate.high)
    return points(estimate.value, signed) + (f" ({interval})" if interval else "")


def p_text(value: float) -> str:
    """A p-value as it is read: `p = 0.031`, `p < 0.001`."""
    return f"p {'' if value < 0.001 else '= '}{p_value(value)}"


def accuracy_text(result: Result) -> str:
    """`90.48% (95% interval 89.90 to 91.05)`, or the mean and deviation of several seeds."""
    if len(result.evaluations) > 1:
        low, high = result.seed_interval()
        seeds = f"{len(result.evaluations)} seeds"
        return f"{percent(result.accuracy)} on average over {seeds} (95% t interval {points_range(low, high)})"
    accuracy = result.evaluations[0].accuracy
    return f"{percent(accuracy.value)} (95% interval {points_range(accuracy.low, accuracy.high)})"


def listing(names: Sequence[str]) -> str:
    """`a, b and c`; where a name has commas of its own, `a; b, with c; and d`."""
    if len(names) == 1:
        return names[0]
    if any(", " in name for name in names):
        return f"{'; '.join(names[:-1])}; and {names[-1]}"
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _best(answer: Answer) -> str:
    best, count = answer.best, answer.best.evaluations[0].count
    where = f"the {count:,} test images of {answer.data.title}"
    seen = best.evaluations[0]
    blind = ""
    if seen.baseline_class:
        blind = f" Always saying {seen.baseline_class} would be right {percent(seen.baseline)} of the time."
    if len(answer.measured) == 1:
        return f"{best.label} names {accuracy_text(best)} of {where} right; there is nothing to compare it with.{blind}"
    return f"Of {len(answer.measured)} trials, {best.label} names most of {where} right: {accuracy_text(best)}.{blind}"


def _others(answer: Answer) -> list[str]:
    best = answer.best
    against = [answer.comparison(best.label, other.label) for other in answer.ranked[1:]]
    equal = [each for each in against if not each.differs()]
    behind = [each for each in against if each.differs()]
    sentences = []
    if equal:
        names = listing([each.second for each in equal])
        sentences.append(f"It can't be told from {names} ({_distances(equal)}).")
        sentences += _cheapest(
            answer, [best, *(each for each in answer.ranked if each.label in {e.second for e in equal})]
        )
    if behind:
        nearest = behind[0]
        subject = "The next," if not equal else "Of those that are behind by more than chance, the nearest is"
        verb = " is" if not equal else ","
        comma = "," if not equal else ""
        sentences.append(
            f"{subject} {nearest.second}{comma}{verb} {difference(nearest.accuracy, signed=False)} points behind it "
            f"({p_text(nearest.p_adjusted)})"
            + (
                f", and the last, {behind[-1].second}, {100 * behind[-1].accuracy.value:.2f}."
                if len(behind) > 1
                else "."
            )
        )
    return sentences


def _distances(comparisons: Sequence[Comparison]) -> str:
    least = min(each.p_adjusted for each in comparisons)
    greatest = max(comparisons, key=lambda each: each.accuracy.value)
    text = f"{difference(greatest.accuracy, signed=False)} points"
    if least < 0.05:
        most = "at most " if len(comparisons) > 1 else ""
        return f"{most}{text} over these images, but other seeds could turn it"
    if len(comparisons) > 1:
        return f"at most {text}; p ≥ {p_value(least)}"
    return f"{text}; {p_text(least)}"


def _cheapest(answer: Answer, equals: Sequence[Result]) -> list[str]:
    """Of those that are as good as the best, the one with the fewest parameters, where that is another."""
    counted = [each for each in equals if each.parameters]
    if len(counted) < len(equals):
        return []
    least = min(counted, key=lambda each: each.parameters or 0)
    if least is answer.best or (least.parameters or 0) > 0.9 * (answer.best.parameters or 0):
        return []
    return [
        f"Among them {least.label} has the fewest parameters, {least.parameters:,} against {answer.best.parameters:,}."
    ]


def _against_baseline(answer: Answer) -> list[str]:
    base = answer.reference
    against = [answer.comparison(other.label, base.label) for other in answer.ranked if other is not base]
    better = [each for each in against if each.differs() and each.accuracy.value > 0]
    worse = [each for each in against if each.differs() and each.accuracy.value < 0]
    same = [each for each in against if not each.differs()]
    parts = []
    ahead, behind = ("better", "worse") if answer.seeds > 1 else ("ahead", "behind")
    if better:
        parts.append(
            f"{ahead}: {listing([f'{each.first} by {difference(each.accuracy, signed=False)}' for each in better])}"
        )
    if worse:
        fall = [(each.first, each.swapped().accuracy) for each in worse]
        parts.append(f"{behind}: {listing([f'{label} by {difference(loss, signed=False)}' for label, loss in fall])}")
    if same:
        parts.append(f"no difference that shows: {listing([each.first for each in same])}")
    return [f"Against {base.label} ({100 * base.accuracy:.2f}%), {'; '.join(parts)} (in points)."] if parts else []


def _factor(answer: Answer) -> list[str]:
    sentences = []
    for name, line in factor_values(answer).items():
        if len(line) < 3:
            continue
        factor = factor_title(answer.study.factor)
        at = f"At {name}, accuracy" if name else "Accuracy"
        values = [result.accuracy for _, result in line]
        top = values.index(max(values))
        first, last = line[0], line[-1]
        if top == len(line) - 1 and values == sorted(values):
            how = f"rises with the {factor}, from {_at(first)} to {_at(last)}"
        elif top == 0 and values == sorted(values, reverse=True):
            how = f"falls with the {factor}, from {_at(first)} to {_at(last)}"
        else:
            ends = " and ".join(_at(line[end]) for end in (0, len(line) - 1) if end != top)
            how = f"is highest at a {factor} of {line[top][0]:g}, {values[top]:.2%}, against {ends}"
        seconds = [result.mean("seconds_per_epoch") for _, result in line]
        cost = ""
        if "seconds" in answer.study.show and all(each > 0 for each in seconds) and max(seconds) > 1.5 * min(seconds):
            slow, fast = seconds.index(max(seconds)), seconds.index(min(seconds))
            cost = (
                f"; an epoch takes {seconds[slow]:.2g} s at {line[slow][0]:,g} and {seconds[fast]:.2g} s at "
                f"{line[fast][0]:g}"
            )
        sentences.append(f"{at} {how}{cost}.")
    return sentences


def _learning_curves(answer: Answer) -> list[str]:
    """What the largest number of images that is asked for would give."""
    sentences = []
    for name, curve in answer.learning_curves.items():
        images = max(answer.study.extrapolate)
        error = curve.expected(images)
        where = f"at {name}, " if name else ""
        sentences.append(
            f"Where this leads: {where}{images:,} images would give an accuracy of {1 - error.value:.2%} "
            f"(95% interval {1 - error.high:.2%} to {1 - error.low:.2%}), if the error goes on to fall as their number "
            f"to the power of −{curve.exponent:.2f}."
        )
    return sentences


def _at(point: tuple[float, Result]) -> str:
    return f"{point[1].accuracy:.2%} at {point[0]:,g}"


def _effects(answer: Answer) -> list[str]:
    """What each change does, the greatest first, in a sentence for those that show and one for those that don't."""
    effects = sorted(answer.effects, key=lambda effect: -abs(effect.together.accuracy.value))
    shown = [effect for effect in effects if effect.together.differs()]
    hidden = [effect for effect in effects if not effect.together.differs()]
    sentences = []
    if shown:
        changes = listing([f"{effect.name} {difference(effect.together.accuracy)}" for effect in shown])
        largest = max(effect.together.p_adjusted for effect in shown)
        bound = "p < 0.001" if largest < 0.001 else f"p ≤ {p_value(largest)}"
        each = "each with " if len(shown) > 1 else ""
        sentences.append(f"What changes do, in points: {changes}; {each}{bound}.")
    if hidden:
        changes = listing([f"{effect.name} ({_not_shown(effect.together)})" for effect in hidden])
        sentences.append(f"No difference shows for {changes}.")
    mixed = [
        effect.name for effect in shown if len({pair.accuracy.value > 0 for pair in effect.pairs if pair.differs()}) > 1
    ]
    if mixed:
        sentences.append(f"Of its pairs of trials, some gain and some lose by {listing(mixed)}.")
    return sentences


def _not_shown(comparison: Comparison) -> str:
    """A difference that does not count, with the interval over the seeds where it is these that speak against it."""
    over_seeds = points_range(*comparison.seed_interval()) if comparison.p_adjusted < 0.05 else ""
    return difference(comparison.accuracy) + (f" over these images; over seeds {over_seeds}" if over_seeds else "")


def _agreement(value: float) -> str:
    if value >= 0.8:
        return "much the same"
    if value >= 0.4:
        return "a similar"
    return "another" if value > -0.4 else "nearly the reverse"
