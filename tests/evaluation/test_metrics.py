"""Every metric against scikit-learn's, on real-looking, tied, missing and degenerate predictions."""

import json
import subprocess
import sys
import warnings
from math import isnan, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn import metrics as reference

from kuzushiji.errors import DataError, UsageError
from kuzushiji.evaluation.bootstrap import wilson_interval
from kuzushiji.evaluation.confusions import TakenFor, most_confused
from kuzushiji.evaluation.metrics import Evaluation, evaluate
from kuzushiji.records import as_plain
from kuzushiji.runs.predictions import Predictions

AVERAGES = (
    "loss",
    "accuracy",
    "balanced_accuracy",
    "top5_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "auc_macro",
    "auc_weighted",
    "auc_inverse_frequency",
)
CLOSE = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}


def predictions_of(logits: NDArray, labels: NDArray) -> Predictions:
    return Predictions(
        logits.astype(np.float32),
        labels.astype(np.int64),
        np.arange(len(labels)),
        tuple(chr(0x3042 + number) for number in range(logits.shape[1])),
        dataset="kmnist",
    )


def noisy(count: int, classes: int, signal: float = 3.0, seed: int = 0) -> Predictions:
    """Predictions as a network of some skill makes them, of unequally frequent classes."""
    generator = np.random.default_rng(seed)
    frequencies = 1 / np.arange(1, classes + 1)
    labels = generator.choice(classes, count, p=frequencies / frequencies.sum())
    logits = 2 * generator.standard_normal((count, classes))
    logits[np.arange(count), labels] += signal
    return predictions_of(logits, labels)


def area(predictions: Predictions, label: int) -> float:
    positive = predictions.labels == label
    if positive.all() or not positive.any():
        return nan
    return reference.roc_auc_score(positive, predictions.probabilities[:, label])


def assert_agrees(predictions: Predictions) -> None:
    """Compares everything that has a value with scikit-learn."""
    labels, predicted, classes = predictions.labels, predictions.predicted, len(predictions.classes)
    support = np.bincount(labels, minlength=classes)
    found = evaluate(predictions, replicates=0)
    areas = np.array([area(predictions, label) for label in range(classes)])
    defined = ~np.isnan(areas)

    def mean_area(weights: NDArray) -> float:
        return np.average(areas[defined], weights=weights[defined]) if defined.any() else nan

    with warnings.catch_warnings():  # scikit-learn warns of each 0/0, of a single class and of classes without images
        warnings.simplefilter("ignore")
        confusion = reference.confusion_matrix(labels, predicted, labels=range(classes))
        macro = reference.precision_recall_fscore_support(labels, predicted, average="macro")
        each = reference.precision_recall_fscore_support(
            labels, predicted, labels=range(classes), average=None, zero_division=np.nan
        )
        expected = {
            "accuracy": reference.accuracy_score(labels, predicted),
            "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
            "macro_precision": macro[0],
            "macro_recall": macro[1],
            "macro_f1": macro[2],
            "auc_macro": mean_area(np.ones(classes)),
            "auc_weighted": mean_area(support),
            "auc_inverse_frequency": mean_area(1 / np.maximum(support, 1)),
        }
        if classes > 1:
            expected["loss"] = reference.log_loss(labels, predictions.probabilities, labels=range(classes))
        if classes > 2:  # of two classes scikit-learn wants the scores of one
            expected["top5_accuracy"] = reference.top_k_accuracy_score(
                labels, predictions.logits, k=5, labels=range(classes)
            )
    for name, value in expected.items():
        assert getattr(found, name).value == pytest.approx(value, **CLOSE), name
    np.testing.assert_array_equal(found.confusion, confusion)
    for name, column in zip(("precision", "recall", "f1"), each, strict=False):
        values = [getattr(scores, name).value for scores in found.per_class]
        np.testing.assert_allclose(values, column, atol=1e-9, err_msg=name)
    np.testing.assert_allclose([scores.auc.value for scores in found.per_class], areas, atol=1e-9)
    assert [scores.support for scores in found.per_class] == support.tolist()
    assert [scores.predicted for scores in found.per_class] == np.bincount(predicted, minlength=classes).tolist()
    assert found.count == len(labels)
    assert found.present == len(set(labels.tolist()))


@pytest.mark.parametrize(("count", "classes", "signal"), [(3000, 10, 3), (4000, 49, 4), (500, 300, 6), (200, 2, 1)])
def test_agrees_with_scikit_learn(count: int, classes: int, signal: float) -> None:
    assert_agrees(noisy(count, classes, signal))


def test_averaged_auc_agrees_with_scikit_learn_where_every_class_has_images() -> None:
    predictions = noisy(3000, 10)
    found = evaluate(predictions, replicates=0)
    for average, ours in (("macro", found.auc_macro), ("weighted", found.auc_weighted)):
        theirs = reference.roc_auc_score(
            predictions.labels, predictions.probabilities, multi_class="ovr", average=average
        )
        assert ours.value == pytest.approx(theirs, abs=1e-9)


@st.composite
def tied_predictions(draw: st.DrawFn) -> Predictions:
    """A few images with logits on a grid of quarters: ties within an image, between images, missing classes."""
    count, classes = draw(st.integers(1, 30)), draw(st.integers(1, 9))
    quarters = draw(hnp.arrays(np.int64, (count, classes), elements=st.integers(-6, 6)))
    labels = draw(hnp.arrays(np.int64, (count,), elements=st.integers(0, classes - 1)))
    return predictions_of(quarters / 4, labels)


@settings(max_examples=250, deadline=None)
@given(tied_predictions())
def test_agrees_with_scikit_learn_on_ties_and_missing_classes(predictions: Predictions) -> None:
    assert_agrees(predictions)


@settings(max_examples=60, deadline=None)
@given(tied_predictions(), st.integers(0, 20))
def test_intervals_enclose_their_value_and_survive_json(predictions: Predictions, replicates: int) -> None:
    found = evaluate(predictions, replicates=replicates)
    written = json.dumps(found.to_dict(), allow_nan=False)
    read = Evaluation.from_dict(json.loads(written))
    assert read.to_dict() == found.to_dict()
    assert read.classes == predictions.classes
    np.testing.assert_array_equal(read.confusion, found.confusion)
    assert read.confusion.dtype == np.int64
    for estimate in (getattr(read, name) for name in AVERAGES):
        assert isnan(estimate.low) or 0 <= estimate.low <= estimate.high
    for scores in read.per_class:
        for estimate in (scores.precision, scores.recall, scores.f1):
            assert isnan(estimate.value) or estimate.low <= estimate.value <= estimate.high


def test_a_tie_for_the_top_five_goes_to_the_higher_index() -> None:
    labels = np.array([0, 1, 6, 2])
    predictions = predictions_of(np.zeros((4, 7)), labels)
    expected = reference.top_k_accuracy_score(labels, predictions.logits, k=5, labels=range(7))
    assert evaluate(predictions, replicates=0).top5_accuracy.value == expected == 0.5
    assert evaluate(predictions, replicates=0).accuracy.value == 0.25  # the greatest logit is the first, as argmax says


def test_loss_is_not_clipped() -> None:
    predictions = predictions_of(np.array([[0.0, 1000.0], [3.0, 0.0]]), np.array([0, 0]))
    expected = (1000 + np.log1p(np.exp(-3))) / 2
    assert evaluate(predictions, replicates=0).loss.value == pytest.approx(expected, rel=1e-12)


def test_one_class_alone_has_no_auc() -> None:
    found = evaluate(predictions_of(np.eye(3)[[0, 0, 1]], np.array([0, 0, 0])), replicates=50)
    assert found.accuracy.value == found.balanced_accuracy.value == pytest.approx(2 / 3)
    assert isnan(found.auc_macro.value)
    assert isnan(found.auc_macro.low)
    assert found.present == 1
    written = found.to_dict()
    assert written["auc_macro"] == {"value": None, "low": None, "high": None}
    assert written["per_class"][1]["recall"]["value"] is None  # no images
    assert written["per_class"][2]["precision"]["value"] is None  # never predicted
    assert written["per_class"][1]["precision"]["value"] == 0  # predicted, wrongly


def test_one_image_has_no_interval() -> None:
    found = evaluate(predictions_of(np.array([[0.0, 2.0, 1.0]]), np.array([1])))
    assert found.accuracy.value == 1
    assert isnan(found.accuracy.low)
    assert isnan(found.loss.high)
    assert found.replicates == 0
    assert isnan(found.auc_weighted.value)
    assert found.per_class[1].recall.low == pytest.approx(0.2065, abs=1e-4)  # Wilson's 1 of 1


def test_inverse_frequency_weighs_by_training_images() -> None:
    predictions = noisy(2000, 6)
    counts = np.array([6000, 3000, 0, 400, 5000, 1])
    areas = np.array([area(predictions, label) for label in range(6)])
    trained = counts > 0
    expected = np.average(areas[trained], weights=1 / counts[trained])
    found = evaluate(predictions, train_counts=counts, replicates=0)
    assert found.auc_inverse_frequency.value == pytest.approx(expected, abs=1e-12)
    assert found.inverse_frequency_of == "train"
    assert evaluate(predictions, train_counts=counts.tolist(), replicates=0).to_dict() == found.to_dict()
    assert evaluate(predictions, replicates=0).inverse_frequency_of == "evaluated"


def test_rare_classes_are_told_apart_from_frequent_ones() -> None:
    predictions = noisy(2000, 8)
    counts = np.array([0, 1, 9, 10, 99, 100, 1000, 7000])
    found = evaluate(predictions, train_counts=counts, replicates=50).by_frequency
    assert [group.title for group in found] == ["0", "1 to 9", "10 to 99", "100 to 999", "1,000 or more"]
    right = predictions.predicted == predictions.labels
    for group, classes in zip(found, ([0], [1, 2], [3, 4], [5], [6, 7]), strict=True):
        of_group = np.isin(predictions.labels, classes)
        assert (group.classes, group.count) == (len(classes), of_group.sum())
        assert group.accuracy.value == pytest.approx(right[of_group].mean())
        recalls = reference.recall_score(predictions.labels, predictions.predicted, labels=classes, average=None)
        assert group.balanced_accuracy.value == pytest.approx(recalls.mean())
        for share in (group.accuracy, group.balanced_accuracy):
            assert 0 <= share.low < share.value < share.high <= 1
    assert sum(group.count for group in found) == 2000
    assert evaluate(predictions, replicates=0).by_frequency == ()


def test_groups_without_test_images_are_left_out() -> None:
    predictions = predictions_of(np.eye(3)[[0, 2, 2]], np.array([0, 2, 0]))
    (group,) = evaluate(predictions, train_counts=[20, 0, 30]).by_frequency
    assert (group.title, group.classes, group.count) == ("10 to 99", 2, 3)


@pytest.mark.parametrize("counts", [[1, 2], [1.0, 2.0, 3.0], [1, -2, 3], [[1, 2, 3]]])
def test_training_counts_that_do_not_fit_are_refused(counts: list) -> None:
    with pytest.raises(DataError, match="3 whole numbers"):
        evaluate(noisy(50, 3), train_counts=counts)


def test_no_predictions_are_refused() -> None:
    with pytest.raises(DataError, match=r"kmnist \(test\) hold no images"):
        evaluate(predictions_of(np.zeros((0, 10)), np.zeros(0)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(bad: float) -> None:
    logits = np.zeros((5, 3))
    logits[3, 1] = bad
    with pytest.raises(DataError, match=r"not finite for 1 of 5 images.*image 3.*lower learning rate"):
        evaluate(predictions_of(logits, np.zeros(5)))


@pytest.mark.parametrize("label", [-1, 3])
def test_labels_outside_the_classes_are_refused(label: int) -> None:
    with pytest.raises(DataError, match="expected whole numbers from 0 to 2"):
        evaluate(predictions_of(np.zeros((2, 3)), np.array([0, label])))


def test_labels_that_are_not_whole_are_refused() -> None:
    predictions = Predictions(np.zeros((2, 3), np.float32), np.array([0.0, 1.5]), np.arange(2), ("あ", "い", "う"))
    with pytest.raises(DataError, match="float64"):
        evaluate(predictions)


@pytest.mark.parametrize("option", [{"confidence": 0}, {"confidence": 1}, {"confidence": 95}, {"replicates": -1}])
def test_options_out_of_range_are_refused(option: dict) -> None:
    with pytest.raises(UsageError):
        evaluate(noisy(20, 3), **option)


@pytest.mark.parametrize("kind", [np.uint8, np.int32])
def test_narrow_labels_do_not_overflow(kind: type) -> None:
    wide = noisy(400, 40)
    narrow = Predictions(wide.logits, wide.labels.astype(kind), wide.ids, wide.classes, dataset="kmnist")
    assert evaluate(narrow, replicates=0).to_dict() == evaluate(wide, replicates=0).to_dict()


def test_the_same_seed_gives_the_same_intervals() -> None:
    predictions = noisy(300, 5)
    once, again, other = (evaluate(predictions, replicates=100, seed=seed).to_dict() for seed in (1, 1, 2))
    assert once == again
    assert once["macro_f1"]["low"] != other["macro_f1"]["low"]


def test_higher_confidence_gives_wider_intervals() -> None:
    predictions = noisy(300, 5)
    narrow, wide = evaluate(predictions, confidence=0.8), evaluate(predictions, confidence=0.99)
    for name in AVERAGES:
        if name != "top5_accuracy":
            assert getattr(wide, name).low < getattr(narrow, name).low, name
            assert getattr(narrow, name).high < getattr(wide, name).high, name
    assert wide.per_class[0].recall.low < narrow.per_class[0].recall.low


def test_accuracy_interval_is_the_binomial_one() -> None:
    """Of an accuracy the bootstrap gives what is known in closed form."""
    predictions = noisy(4000, 10)
    found = evaluate(predictions, replicates=4000).accuracy
    deviation = np.sqrt(found.value * (1 - found.value) / 4000)
    assert found.low == pytest.approx(found.value - 1.96 * deviation, abs=0.15 * deviation)
    assert found.high == pytest.approx(found.value + 1.96 * deviation, abs=0.15 * deviation)


def test_intervals_are_those_of_measuring_every_resample_afresh() -> None:
    """The fast replicates against drawing images and evaluating them anew, scikit-learn's ranks included."""
    predictions = noisy(400, 6, signal=2)
    found = evaluate(predictions, replicates=1000)
    generator = np.random.default_rng(5)
    afresh: dict[str, list[float]] = {name: [] for name in AVERAGES if name != "auc_inverse_frequency"}
    for _ in range(1000):
        chosen = generator.integers(400, size=400)
        sample = evaluate(predictions_of(predictions.logits[chosen], predictions.labels[chosen]), replicates=0)
        for name, values in afresh.items():
            values.append(getattr(sample, name).value)
    for name, values in afresh.items():
        found_width = getattr(found, name).high - getattr(found, name).low
        low, high = np.quantile(values, [0.025, 0.975])
        assert found_width == pytest.approx(high - low, rel=0.15), name


def test_intervals_enclose_the_value_where_most_classes_are_rare() -> None:
    found = evaluate(noisy(600, 400, signal=5), replicates=300)
    for name in AVERAGES:
        estimate = getattr(found, name)
        assert estimate.low <= estimate.value <= estimate.high, name


def test_most_confused_pairs() -> None:
    confusion = np.array([[90, 7, 3], [0, 50, 7], [1, 0, 9]])
    pairs = most_confused(confusion, ("あ", "い", "う"), 3)
    assert [(pair.true, pair.predicted, pair.count) for pair in pairs] == [
        ("あ", "い", 7),
        ("い", "う", 7),
        ("あ", "う", 3),
    ]
    assert pairs[1].share == 7 / 57
    assert len(most_confused(confusion, ("あ", "い", "う"))) == 4
    assert most_confused(np.eye(3, dtype=np.int64), ("あ", "い", "う")) == []


def test_worst_classes_are_those_surely_bad() -> None:
    """One missed image of a rare class is no evidence beside a hundred missed ones."""
    labels = np.concatenate([np.zeros(200), np.ones(1), np.full(200, 2)]).astype(int)
    predicted = labels.copy()
    predicted[:100] = 2
    predicted[200] = 0
    found = evaluate(predictions_of(np.eye(4)[predicted], labels), replicates=0)
    assert found.worst_classes(2) == [0, 1]
    assert len(found.worst_classes(10)) == 3  # the fourth has no images


def test_class_intervals_are_wilsons() -> None:
    found = evaluate(noisy(500, 4), replicates=0)
    scores, hits = found.per_class[2], found.confusion[2, 2]
    low, high = wilson_interval(hits, scores.predicted)
    assert (scores.precision.low, scores.precision.high) == (low, high)
    assert found.per_class[2].f1.low < found.per_class[2].f1.value < found.per_class[2].f1.high


def test_the_area_of_a_class_with_one_image_has_no_interval() -> None:
    labels = np.repeat([0, 1, 2], [40, 1, 2])
    logits = np.random.default_rng(0).standard_normal((43, 3))
    alone, pair = evaluate(predictions_of(logits, labels), replicates=200).per_class[1:]
    assert not isnan(alone.auc.value)
    assert isnan(alone.auc.low)
    assert isnan(alone.auc.high)
    assert pair.auc.low < pair.auc.high


@pytest.mark.parametrize("written", [{}, {"accuracy": 1}, {"per_class": None}])
def test_something_else_is_not_read_as_an_evaluation(written: dict) -> None:
    with pytest.raises(DataError, match=r"^dataset is missing"):
        Evaluation.from_dict(written)


@pytest.mark.parametrize("spoil", ["confusion", "per_class", "accuracy", "count"])
def test_a_spoiled_evaluation_is_refused(spoil: str) -> None:
    written = evaluate(noisy(30, 3), replicates=0).to_dict()
    written[spoil] = [[0, 9, 1]] if spoil == "confusion" else "x"
    with pytest.raises(DataError, match=f"^{spoil} is "):
        Evaluation.from_dict(written)


def test_large_evaluations_are_written_small() -> None:
    """The JSON of thousands of classes holds the cells of the confusion matrix that are not 0, not millions."""
    found = evaluate(noisy(300, 2000), replicates=0)
    assert len(found.to_dict()["confusion"]) <= 300
    assert sum(count for _, _, count in found.to_dict()["confusion"]) == 300


def test_real_labels_keep_their_imbalance(real_data: Path) -> None:
    """Kuzushiji-49's real class counts, train and test, weigh the averages as its labels say."""
    with np.load(real_data / "k49" / "k49-test-labels.npz") as file:
        labels = file["arr_0"].astype(np.int64)
    with np.load(real_data / "k49" / "k49-train-labels.npz") as file:
        train_counts = np.bincount(file["arr_0"], minlength=49)
    generator = np.random.default_rng(0)
    logits = generator.standard_normal((len(labels), 49))
    logits[np.arange(len(labels)), labels] += 2
    predictions = predictions_of(logits, labels)
    found = evaluate(predictions, train_counts=train_counts, replicates=20)
    areas = [area(predictions, label) for label in range(49)]
    assert found.count == 38_547
    assert found.auc_inverse_frequency.value == pytest.approx(np.average(areas, weights=1 / train_counts), abs=1e-9)
    assert found.auc_weighted.value == pytest.approx(np.average(areas, weights=np.bincount(labels)), abs=1e-9)


def test_evaluation_needs_neither_pytorch_nor_scikit_learn() -> None:
    code = (
        "import sys, kuzushiji.evaluation.metrics, kuzushiji.cli.tables\n"
        "print([name for name in ('torch', 'sklearn', 'scipy', 'matplotlib') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_mistakes_are_listed_class_by_class() -> None:
    """す is taken for つ twice and once for は, which has no images; つ is always right; を is never right."""
    labels = np.array([0] * 5 + [1] * 4 + [3] * 3)
    predicted = np.array([1, 0, 2, 0, 1] + [1] * 4 + [0, 0, 0])
    logits = np.eye(4, dtype=np.float32)[predicted]
    found = evaluate(Predictions(logits, labels, np.arange(12), tuple("すつはを")), replicates=0)
    listed = found.mistakes()
    assert [(each.character, each.support, each.wrong) for each in listed] == [("を", 3, 3), ("す", 5, 3), ("つ", 4, 0)]
    assert listed[0].taken_for == (TakenFor("す", 3),)
    assert listed[1].taken_for == (TakenFor("つ", 2), TakenFor("は", 1))
    assert listed[2].taken_for == ()
    assert as_plain(listed[1]) == {
        "character": "す",
        "support": 5,
        "wrong": 3,
        "taken_for": [{"character": "つ", "count": 2}, {"character": "は", "count": 1}],
    }
    assert found.confusion.trace() == 6, "counting them changes nothing"


def test_few_images_and_none_right_have_intervals_that_are_not_empty() -> None:
    labels = np.zeros(45, dtype=np.int64)
    logits = np.tile(np.float32([0, 1, 0]), (45, 1))
    measured = evaluate(Predictions(logits, labels, np.arange(45), ("あ", "い", "う"), "few"))
    assert (measured.accuracy.value, measured.accuracy.low) == (0, 0)
    assert measured.accuracy.high == pytest.approx(binomtest(0, 45).proportion_ci(method="wilson").high)
    for name in ("accuracy", "balanced_accuracy", "macro_recall"):
        assert getattr(measured, name).high > 0.05
    right = evaluate(Predictions(logits[:7], labels[:7] + 1, np.arange(7), ("あ", "い", "う"), "few"))
    for name in ("accuracy", "balanced_accuracy", "top5_accuracy"):
        assert getattr(right, name).low < 0.7


def test_what_always_saying_the_most_frequent_gives_stands_beside_it() -> None:
    labels = np.array([0] * 10 + [1] * 80 + [2] * 10)
    predictions = Predictions(np.eye(3, dtype=np.float32)[labels], labels, np.arange(100), ("あ", "い", "う"), "some")
    blind = evaluate(predictions)
    assert (blind.baseline, blind.baseline_class) == (0.8, "い")
    trained = evaluate(predictions, train_counts=[1000, 10, 10])
    assert (trained.baseline, trained.baseline_class) == (0.1, "あ"), "what is most frequent is learnt in training"
    assert Evaluation.from_dict(blind.to_dict()).baseline == 0.8
