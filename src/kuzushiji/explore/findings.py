"""What an exploration found, in sentences."""

from kuzushiji.explore.balance import Balance
from kuzushiji.explore.exploration import Exploration
from kuzushiji.explore.health import Health
from kuzushiji.explore.projection import METHODS, NEIGHBOURS, Projection
from kuzushiji.explore.samples import Samples

SURE = 0.95
"""From this probability of another character on the judge is called certain."""


def findings(found: Exploration) -> dict[str, str]:
    """One or two sentences of each thing that was looked at, by its name on the page."""
    told: dict[str, str] = {}
    if found.samples is not None:
        told["forms"] = of_forms(found.samples)
    if found.balance is not None:
        told["balance"] = of_balance(found.balance)
        told["cut-off"] = of_cut_off(found.balance)
    if found.projection is not None:
        if found.projection.maps:
            told["maps"] = of_maps(found.projection)
        if found.projection.components is not None:
            told["components"] = of_components(found.projection)
    if found.health is not None:
        told["blanks"] = of_blanks(found.health)
        told["duplicates"] = of_duplicates(found.health)
        told["labels"] = of_labels(found.health)
        told["shift"] = of_shift(found.health)
    return told


def of_forms(samples: Samples) -> str:
    """How many characters have several forms, and which the most."""
    several = [each for each in samples.classes if len(each.forms) > 1]
    looked_at = _count(len(samples.classes), "character")
    if not several:
        return f"None of the {looked_at} looked at falls into forms that stand clearly apart."
    most = max(several, key=lambda each: (len(each.forms), each.silhouette))
    shares = _listed([f"{share:.0%}" for share in most.shares])
    have = "has" if len(several) == 1 else "have"
    who = f"All {looked_at}" if len(several) == len(samples.classes) else f"{len(several):,} of the {looked_at}"
    return (
        f"{who} looked at {have} several forms that stand apart; {most.character} has {len(most.forms)}, which "
        f"{shares} of its images take."
    )


def of_balance(balance: Balance) -> str:
    """The most and the least frequent character."""
    counts = balance.sorted_counts
    most, least = int(counts[0]), int(counts[balance.present - 1])
    if most == least:
        return f"Each of the {balance.present:,} characters has {_count(most, 'image')} in {balance.deciding}."
    frequent = balance.classes[balance.order[0]]
    text = (
        f"{frequent} is in {_count(most, 'image')} of {balance.deciding}, the rarest character in {least:,}: "
        f"{balance.ratio:,.{0 if balance.ratio >= 100 else 1}f} times as many."
    )
    if balance.singles:
        have = "character has" if balance.singles == 1 else "characters have"
        text += f" {balance.singles:,} {have} a single image."
    return text


def of_cut_off(balance: Balance) -> str:
    """How few characters make up most of the images, and what would be merged."""
    text = (
        f"{balance.kept:,} of {_count(balance.present, 'character')} make up {100 * balance.cover:.4g}% of the images "
        f"of {balance.deciding}"
    )
    if balance.merged < 2:
        return f"{text}: there is nothing to merge."
    return (
        f"{text}; merging the other {balance.merged:,} into one class would leave {balance.kept + 1:,} classes, of "
        f"which the merged one has {_count(balance.merged_images, 'image')}."
    )


def of_maps(projection: Projection) -> str:
    """Which map is the best by either measure."""
    faithful = max(projection.maps, key=lambda each: each.trustworthiness)
    telling = max(projection.maps, key=lambda each: each.accuracy)
    best = METHODS[faithful.method].title
    if len(projection.maps) == 1:
        return (
            f"{best} has a trustworthiness of {faithful.trustworthiness:.1%}; on its map the {NEIGHBOURS} nearest "
            f"neighbours of an image name {faithful.accuracy:.1%} of the characters right, "
            f"in all {projection.dimensions:,} dimensions {projection.accuracy:.1%}."
        )
    if telling is faithful:
        text = f"{best} makes the best map of {len(projection.maps)}: it keeps neighbours together best"
        text += f" (trustworthiness {faithful.trustworthiness:.1%}), and they name {telling.accuracy:.1%}"
    else:
        text = f"Of {len(projection.maps)} maps that of {best} keeps neighbours together best"
        text += f" (trustworthiness {faithful.trustworthiness:.1%}), but on that of"
        text += f" {METHODS[telling.method].title} they name {telling.accuracy:.1%}"
    return (
        f"{text} of the characters right; in all {projection.dimensions:,} dimensions it is {projection.accuracy:.1%}."
    )


def of_components(projection: Projection) -> str:
    """How much of the pixels is redundant."""
    components = projection.components
    assert components is not None
    return (
        f"{components.needed(0.5):,} of {len(components.mean):,} principal components hold half of the variance of the "
        f"pixels, {components.needed(0.9):,} hold 90%."
    )


def of_blanks(health: Health) -> str:
    """How many images hold nothing."""
    if not len(health.blanks):
        return f"None of the {len(health.pool):,} images is blank."
    is_ = "image is" if len(health.blanks) == 1 else "images are"
    classes = len(set(health.pool.labels[health.blanks].tolist()))
    return f"{len(health.blanks):,} {is_} blank, labelled as {_count(classes, 'character')}."


def of_duplicates(health: Health) -> str:
    """How many images are there more than once."""
    parts = []
    for groups, kind in ((health.exact, "equal to the pixel"), (health.near, "nearly equal")):
        if not groups:
            parts.append(f"no image is {kind} to another")
            continue
        images = sum(len(group.numbers) for group in groups)
        text = f"{images:,} images are {kind} to another, in {_count(len(groups), 'group')}"
        across, differing = sum(each.between_splits for each in groups), sum(each.labels_differ for each in groups)
        text += f", {across:,} of them across splits and {differing:,} with different labels"
        parts.append(text)
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def of_labels(health: Health) -> str:
    """How many labels are doubtful, and how far the judge can be trusted."""
    suspects = health.suspects
    if not suspects.judged:
        return "No label could be judged: each character has too few images."
    if not len(suspects.places):
        return f"None of {_count(suspects.judged, 'label')} is doubtful to {health.judge}."
    share = len(suspects.places) / suspects.judged
    is_ = "is" if len(suspects.places) == 1 else "are"
    return (
        f"{len(suspects.places):,} of {_count(suspects.judged, 'label')} ({share:.2%}) {is_} doubtful to "
        f"{health.judge}, {int((suspects.suggested_share >= SURE).sum()):,} of them with a certainty of {SURE:.0%} or "
        f"more. That judge names {suspects.agreement:.1%} of all as they are labelled and errs itself: the first of "
        "the list are the likeliest errors."
    )


def of_shift(health: Health) -> str:
    """Whether train and test differ."""
    shift = health.shift
    if shift is None:
        return "There are no two splits of enough images to be compared."
    auc = shift.auc
    measured = f"AUC {auc.value:.3f}, interval {auc.low:.3f} to {auc.high:.3f}"
    if auc.low <= 0.5:
        return f"{shift.first.capitalize()} and {shift.second} can't be told apart ({measured})."
    if auc.value < 0.6:
        return f"{shift.first.capitalize()} and {shift.second} can hardly be told apart ({measured})."
    how = "to some degree" if auc.value < 0.75 else "well"
    return (
        f"{shift.first.capitalize()} and {shift.second} can {how} be told apart ({measured}): they were not drawn "
        f"alike, so that what a network reaches on images held out of {shift.first} may overstate what it reaches on "
        f"{shift.second}."
    )


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
