"""Evaluations as tables."""

import io
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from kuzushiji.cli.tables import print_evaluation, print_mistakes
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.runs.predictions import Predictions


def evaluation_of(count: int, classes: tuple[str, ...], **options: object) -> Evaluation:
    generator = np.random.default_rng(0)
    labels = generator.integers(len(classes), size=count)
    logits = 2 * generator.standard_normal((count, len(classes)), dtype=np.float32)
    logits[np.arange(count), labels] += 3
    return evaluate(Predictions(logits, labels, np.arange(count), classes), **options)


def printed(evaluation: Evaluation) -> list[str]:
    """The lines as a pipe gets them: 80 columns, no colours."""
    stream = io.StringIO()
    print_evaluation(evaluation, Console(file=stream, width=80, highlight=False))
    return stream.getvalue().splitlines()


def test_every_number_is_there_and_every_line_fits() -> None:
    found = evaluation_of(3000, tuple("おきすつなはまやれを"))
    lines = printed(found)
    text = "\n".join(lines)
    assert lines[0] == "3,000 images of 10 classes"
    assert "…" not in text
    assert max(map(cell_len, lines)) <= 80
    assert f"{100 * found.accuracy.value:.2f}%" in text
    assert f"{100 * found.accuracy.low:.2f} – {100 * found.accuracy.high:.2f}" in text
    assert f"{found.auc_macro.value:.5f}" in text
    assert f"{found.loss.value:.4f}" in text


def test_wide_characters_line_up() -> None:
    lines = printed(evaluation_of(3000, ("お", "a", "きし", "b", "す", "c")))
    table = lines[next(number for number, line in enumerate(lines) if "Recognized least" in line) + 2 :]
    ends = {cell_len(line[: line.rindex("0.")]) for line in table[2:7]}  # where the column AUC stands
    assert len(ends) == 1
    assert len({cell_len(line.split()[0]) for line in table[2:7]}) > 1  # both wide and narrow characters among them


def test_worst_class_names_what_it_was_taken_for() -> None:
    labels = np.repeat([0, 1, 2], 50)
    predicted = labels.copy()
    predicted[60:80] = 2
    predicted[80:85] = 0
    found = evaluate(
        Predictions(np.eye(3, dtype=np.float32)[predicted], labels, np.arange(150), ("す", "つ", "は")), replicates=10
    )
    worst = next(line for line in printed(found) if line.lstrip().startswith("つ"))
    assert "50.0%" in worst
    assert worst.rstrip().endswith("は 20×")


def test_names_in_brackets_are_no_markup() -> None:
    assert any("[red]" in line for line in printed(evaluation_of(40, ("[red]", "[/]", "c"))))


@pytest.mark.parametrize("count", [1, 2])
def test_what_is_not_defined_is_a_dash(count: int) -> None:
    lines = printed(evaluation_of(count, ("す", "つ", "は"), replicates=0))
    assert lines[0].startswith({1: "1 image of 1 of 3", 2: "2 images of"}[count])
    assert not any("nan" in line for line in lines)
    assert any(line.split()[-1:] == ["–"] for line in lines if "accuracy" in line)


def test_confidence_and_source_of_frequencies_are_named() -> None:
    found = evaluation_of(100, ("す", "つ", "は"), confidence=0.9, train_counts=[5, 6, 7], replicates=20)
    text = "\n".join(printed(found))
    assert "90% interval" in text
    assert "weighted by 1 / train images" in text


def test_rare_and_frequent_classes_have_lines_where_there_are_both() -> None:
    both = "\n".join(printed(evaluation_of(100, ("す", "つ", "は"), train_counts=[5, 60, 7], replicates=20)))
    assert "By the number of training images of the class" in both
    assert re.search(r"^ *1 to 9 +2 +\d+ +[\d.]+% ", both, re.M)
    assert re.search(r"^ *10 to 99 +1 +\d+ ", both, re.M)
    alike = printed(evaluation_of(100, ("す", "つ", "は"), train_counts=[5, 6, 7], replicates=20))
    assert not any("training images of the class" in line for line in alike)


def test_mistakes_name_everything_that_each_class_was_taken_for() -> None:
    labels = np.array([0] * 50 + [1] * 40 + [2] * 10)
    predicted = labels.copy()
    predicted[:7], predicted[7:9], predicted[50] = 1, 2, 0
    logits = np.eye(3, dtype=np.float32)[predicted]
    found = evaluate(Predictions(logits, labels, np.arange(100), ("す", "[b]つ", "rare")), replicates=0)
    stream = io.StringIO()
    print_mistakes(found, Console(file=stream, width=80, highlight=False))
    lines = [line.split() for line in stream.getvalue().splitlines() if line.strip()]
    assert " ".join(lines[0]) == "10 of 100 images were taken for another character"
    assert lines[3] == ["す", "50", "9", "18.0%", "[b]つ", "7×", "rare", "2×"]
    assert lines[4] == ["[b]つ", "40", "1", "2.5%", "す", "1×"]
    assert " ".join(lines[-1]) == "1 character was always recognized"


def test_hundreds_of_mistaken_classes_fit_the_terminal() -> None:
    stream = io.StringIO()
    print_mistakes(evaluation_of(5000, tuple(map(chr, range(0x4E00, 0x4E00 + 300)))), Console(file=stream, width=80))
    lines = stream.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert len(lines) > 300
