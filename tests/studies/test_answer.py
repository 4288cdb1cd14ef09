import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kuzushiji.errors import RunError
from kuzushiji.records import as_plain
from kuzushiji.report.document import Section
from kuzushiji.report.study import results_table, study_document
from kuzushiji.report.study_figures import study_figures
from kuzushiji.report.writing import write_answer
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.studies.answer import factor_values
from kuzushiji.studies.conclusion import conclude, listing
from kuzushiji.studies.gather import gather_answer
from kuzushiji.studies.load import load_study, parse_study
from kuzushiji.studies.plan import Training, study_folder
from kuzushiji.studies.runner import Outcome
from kuzushiji.studies.stored import stored_values, to_json
from tests.plots.synthetic import KMNIST, make_images, make_run

STUDY = """
title = "Which learning rate?"
question = "How fast should it learn?"
source = "a source"
note = "A note with | and <b>."
factor = "lr"
baseline = "rate 0.1"
show = ["auc", "scatter", "roc", "examples", "layers", "order"]
pairs = [["rate 0.1", "rate 0.001"]]

[shared]
model = "lenet5"

[[trials]]
label = "rate 0.1"
lr = 0.1
theirs = { test_accuracy = 0.91 }

[[trials]]
label = "rate 0.01"
lr = 0.01
theirs = { test_accuracy = 0.80 }

[[trials]]
label = "rate 0.001"
lr = 0.001
theirs = { test_accuracy = 0.50 }

[[trials]]
label = "rate 10"
lr = 10.0

[[trials]]
label = "two together"
ensemble = ["rate 0.1", "rate 0.01"]

[[contrasts]]
name = "ten times the rate"
pairs = [["rate 0.1", "rate 0.01"], ["rate 0.01", "rate 0.001"]]

[published]
source = "its README"
data = "k49"
"""


def outcomes_of(study, folder: Path, accuracies: dict[str, list[float]]) -> list[Outcome]:
    """Finished runs of so large accuracies, one a seed; trials that are not named have diverged."""
    images = make_images(KMNIST, 400)
    outcomes = []
    for trial in study.trials:
        if trial.ensemble:
            continue
        for seed, accuracy in enumerate(accuracies.get(trial.label, [0.0])):
            path = folder / f"{trial.label}-{seed}"
            training = Training(
                trial.label, seed, str(path), trial.model, {}, "lenet5", {}, "kmnist6k", None, None, "cpu"
            )
            if trial.label in accuracies:
                recipe = named_recipe("lenet5").change(seed=seed, epochs=4)
                make_run(path, images, accuracy=accuracy, epochs=4, recipe=as_plain(recipe))
            outcomes.append(Outcome(training, "" if trial.label in accuracies else "the loss became nan: it diverged."))
    return outcomes


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = parse_study(STUDY, "rates", "rates.toml")
    accuracies = {"rate 0.1": [0.95], "rate 0.01": [0.80], "rate 0.001": [0.40]}
    return gather_answer(study, "kmnist6k", folder, outcomes_of(study, folder, accuracies))


def test_trials_are_ranked_by_their_test_accuracy(answer):
    assert [result.label for result in answer.ranked][-2:] == ["rate 0.01", "rate 0.001"]
    assert answer.reference.label == "rate 0.1"
    for result in answer.measured:
        if result.runs:
            predictions = result.runs[0].predictions()
            assert result.accuracy == pytest.approx((predictions.predicted == predictions.labels).mean())


def test_an_ensemble_is_the_mean_of_its_members(answer):
    (together,) = [result for result in answer.results if result.trial.ensemble]
    members = [result.runs[0].predictions() for result in answer.results[:2]]
    mean = sum(member.probabilities for member in members) / 2
    assert together.accuracy == pytest.approx((mean.argmax(axis=1) == members[0].labels).mean())
    assert together.parameters == sum(result.parameters for result in answer.results[:2])


def test_what_diverged_is_part_of_the_answer(answer):
    (failed,) = [result for result in answer.results if not result.measured]
    assert failed.label == "rate 10"
    assert failed.failures == ("seed 0: the loss became nan: it diverged.",)
    assert any("There is no result of rate 10" in sentence for sentence in conclude(answer))
    assert results_table(answer).rows[-1][:2] == ("rate 10", "–")


def test_comparisons_go_both_ways(answer):
    forth, back = answer.comparison("rate 0.1", "rate 0.01"), answer.comparison("rate 0.01", "rate 0.1")
    assert forth.accuracy.value == -back.accuracy.value > 0
    assert len(answer.comparisons) == 6
    with pytest.raises(KeyError):
        answer.comparison("rate 0.1", "rate 10")


def test_an_effect_is_the_mean_of_its_pairs(answer):
    (effect,) = answer.effects
    assert [pair.first for pair in effect.pairs] == ["rate 0.1", "rate 0.01"]
    assert effect.together.accuracy.value == pytest.approx(np.mean([pair.accuracy.value for pair in effect.pairs]))
    assert effect.together.differs()


def test_the_order_is_compared_with_the_published_one(answer):
    assert (answer.ordered_by, answer.order.value, answer.order.count) == ("test_accuracy", pytest.approx(1), 3)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a"], "a"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b, with c", "d"], "a; b, with c; and d"),
    ],
)
def test_names_one_after_another(names, text):
    assert listing(names) == text


def test_the_conclusion_says_what_the_numbers_say(answer):
    text = " ".join(conclude(answer))
    assert "Of 4 trials" in text
    assert f"{100 * answer.best.accuracy:.2f}%" in text
    assert "Against rate 0.1" in text
    assert re.search(r"behind: .*rate 0\.01 by .* and rate 0\.001 by ", text)
    assert "rises with the learning rate, from" in text
    assert "ten times the rate +" in text
    assert "p < 0.001" in text
    assert "much the same order (Spearman's rank correlation 1.00" in text
    assert "Each was trained once" in text
    assert "nan" not in text.replace("became nan", "")


def test_the_factor_is_in_order(answer):
    ((_, line),) = factor_values(answer).items()
    assert [value for value, _ in line] == [0.001, 0.01, 0.1]


@pytest.mark.parametrize(
    ("rates", "best", "others"),
    [
        ((0.4, 0.9, 0.7), "0.01", ["0.001", "0.1"]),
        ((0.9, 0.4, 0.7), "0.001", ["0.1"]),
        ((0.7, 0.4, 0.9), "0.1", ["0.001"]),
    ],
)
def test_the_best_of_a_factor_is_set_against_the_ends_that_it_is_not(tmp_path, rates, best, others):
    text = 'question = "q"\nfactor = "lr"\n[shared]\nmodel = "lenet5"\n[grid]\nlabel = "{lr}"\nlr = [0.001, 0.01, 0.1]'
    study = parse_study(text, "factor", "factor.toml")
    accuracies = dict(zip(("0.001", "0.01", "0.1"), ([rate] for rate in rates), strict=True))
    found = gather_answer(study, "kmnist6k", tmp_path, outcomes_of(study, tmp_path, accuracies))
    (sentence,) = [each for each in conclude(found) if "is highest" in each]
    accuracy = {result.label: result.accuracy for result in found.results}
    against = [f"{accuracy[each]:.2%} at {each}" for each in others]
    assert f"at a learning rate of {best}, {found.best.accuracy:.2%}, against {' and '.join(against)}." in sentence


def test_seconds_stand_beside_the_factor_where_they_are_asked_for(answer):
    timed = replace(answer, study=replace(answer.study, show=("seconds",)))
    assert [len(study_figures(each)["factor"].draw(False).axes) for each in (answer, timed)] == [1, 2]


def test_every_figure_can_be_drawn_for_light_and_for_dark_pages(answer):
    figures = study_figures(answer)
    assert [name for name in figures if name.startswith("layers-")] == ["layers-rate 0.1"]
    expected = {"accuracies", "curves", "factor", "differences", "effects", "order", "rare-auc", "class-auc"}
    assert set(figures) >= expected | {"scatter", "roc", "layers-rate 0.1"}
    # The images are not those that are said to have been predicted, and so are not shown.
    assert "right" not in figures
    for name, figure in figures.items():
        for dark in (False, True):
            assert figure.draw(dark).get_size_inches()[0] > 2, name


@pytest.fixture(scope="module")
def written(answer, tmp_path_factory):
    folder, docs = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("docs")
    answer = replace(answer, study=replace(answer.study, show=("layers", "order")))
    conclusion = conclude(answer)
    document = study_document(answer, conclusion, "kuzushiji study rates.toml --data kmnist6k")
    write_answer(answer, conclusion, document, folder, docs)
    return folder, docs


def test_the_page_needs_nothing_beside_it(written):
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "A note with | and &lt;b&gt;." in page
    assert page.count("<svg") == 7
    assert "kuzushiji study rates.toml --data kmnist6k" in page
    assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page)))


@pytest.mark.parametrize(("place", "name"), [(0, "answer.md"), (1, "rates.md")])
def test_every_picture_of_the_markdown_is_there(written, place, name):
    path = written[place] / name
    text = path.read_text(encoding="utf-8")
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert len(pictures) == 7
    assert all((path.parent / picture).stat().st_size > 1000 for picture in pictures)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in rows[:7]}) == 1


def test_images_of_the_data_are_in_the_answer_but_not_in_the_docs(answer, tmp_path):
    document = study_document(answer, ("So it is.",), "kuzushiji study rates.toml")
    images = replace(document.lead[-1], name="right", label="Images that were named right")
    section = Section("examples", "Right and wrong", (images,), "Images", shows_data=True)
    document = replace(document, sections=(section,))
    write_answer(answer, ("So it is.",), document, tmp_path / "answer", tmp_path / "docs")
    assert "right.svg" in (tmp_path / "answer" / "answer.md").read_text(encoding="utf-8")
    assert "Right and wrong" in (tmp_path / "answer" / "report.html").read_text(encoding="utf-8")
    assert "Right and wrong" not in (tmp_path / "docs" / "rates.md").read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "docs" / "rates").iterdir()] == ["accuracies.svg"]


def test_the_json_holds_the_numbers(written, answer):
    read = json.loads((written[0] / "answer.json").read_text(encoding="utf-8"))
    assert read["best"] == answer.best.label
    assert read["trials"][0]["mean"]["test_accuracy"] == pytest.approx(answer.results[0].accuracy)
    assert read["trials"][3]["failures"]
    assert len(read["comparisons"]) == 6
    assert read["order"]["value"] == pytest.approx(1)


def test_several_seeds_are_averaged(tmp_path):
    text = 'question = "q"\nfactor = "lr"\nbaseline = "b"\n[shared]\nmodel = "lenet5"\n'
    text += '[[trials]]\nlabel = "a"\nlr = 0.1\n[[trials]]\nlabel = "b"\nlr = 0.2\n[[trials]]\nensemble = ["a", "b"]'
    study = parse_study(text, "seeds", "seeds.toml")
    outcomes = outcomes_of(study, tmp_path, {"a": [0.9, 0.8], "b": [0.5, 0.7]})
    found = gather_answer(study, "kmnist6k", tmp_path, outcomes)
    first = found.results[0]
    assert first.accuracy == pytest.approx(np.mean(first.values("test_accuracy")))
    assert first.deviation("test_accuracy") == pytest.approx(np.std(first.values("test_accuracy"), ddof=1))
    assert len(found.results[2].evaluations) == 2
    conclusion = conclude(found)
    assert "on average over 2 seeds (95% t interval" in conclusion[0]
    assert not any("trained once" in sentence for sentence in conclusion)
    assert found.comparison("a", "b").seeds == (2, 2)
    document = study_document(found, conclusion, "kuzushiji study seeds.toml")
    assert any("±" in cell for row in document.sections[0].blocks[0].rows for cell in row)


def test_one_trial_alone_has_nothing_to_be_compared_with(tmp_path):
    study = parse_study('question = "q"\n[[trials]]\nlabel = "a"\nmodel = "lenet5"', "one", "one.toml")
    found = gather_answer(study, "kmnist6k", tmp_path, outcomes_of(study, tmp_path, {"a": [0.9]}))
    conclusion = conclude(found)
    assert "nothing to compare it with" in conclusion[0]
    document = study_document(found, conclusion, "kuzushiji study one.toml")
    assert "differences" not in {section.id for section in document.sections}


def test_nothing_that_came_to_its_end_is_an_error(tmp_path):
    study = parse_study('question = "q"\n[[trials]]\nlabel = "a"\nmodel = "lenet5"', "none", "none.toml")
    with pytest.raises(RunError, match="a: seed 0: the loss became nan"):
        gather_answer(study, "kmnist6k", tmp_path, outcomes_of(study, tmp_path, {}))


def test_the_benchmark_table_says_why_a_column_is_empty(tmp_path):
    study = load_study("benchmark-table").only(["4-Nearest*", "Tuned*"])
    found = gather_answer(
        study, "kmnist6k", tmp_path, outcomes_of(study, tmp_path, {"4-Nearest Neighbour Baseline": [0.8]})
    )
    section = study_document(found, conclude(found), "kuzushiji study").sections[0]
    table, text = section.blocks[0], " ".join(block.text for block in section.blocks[1:])
    ours = f"{found.best.accuracy:.2%}"
    assert table.columns[0].title == "model"
    assert table.rows[0] == ("4-Nearest Neighbour Baseline", "97.14%", "–", "92.10%", ours, "83.65%", "–")
    assert table.rows[1][3:5] == ("92.82%", "–")
    assert "MNIST: it is no kuzushiji" in text
    assert "Kuzushiji-MNIST: ours are on" in text
    assert "Kuzushiji-49: its images are not on this machine" in text

    # When the study has been run on the other data too, its figures stand in the table.
    other = study_folder(study, "k49")
    other.mkdir(parents=True)
    trials = [{"label": "4-Nearest Neighbour Baseline", "mean": {"test_accuracy": 0.7, "balanced_accuracy": 0.61}}]
    (other / "answer.json").write_text(json.dumps({"trials": trials}), encoding="utf-8")
    section = study_document(found, conclude(found), "kuzushiji study").sections[0]
    assert section.blocks[0].rows[0][-1] == "61.00%"
    (other / "answer.json").write_text('{"trials": [', encoding="utf-8")
    assert stored_values(study, "k49") == {}


CURVE = """
question = "What would more images give?"
factor = "limit"
extrapolate = [1000, 60000]
[shared]
model = "lenet5"
"""


def test_a_learning_curve_leads_on(tmp_path):
    sizes = {50: 0.6, 100: 0.7, 200: 0.79, 400: 0.85, 800: 0.89}
    text = CURVE + "".join(f'[[trials]]\nlabel = "{size} images"\nlimit = {size}\n' for size in sizes)
    study = parse_study(text, "curve", "curve.toml")
    outcomes = outcomes_of(study, tmp_path, {f"{size} images": [value] for size, value in sizes.items()})
    for outcome, size in zip(outcomes, sizes, strict=True):
        path = outcome.run.path / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["dataset"]["splits"]["train"]["count"] = size
        path.write_text(json.dumps(config), encoding="utf-8")
    answer = gather_answer(study, "kmnist6k", tmp_path, outcomes)
    (curve,) = answer.learning_curves.values()
    assert curve.images.tolist() == list(sizes)
    assert curve.errors[0] == pytest.approx(1 - answer.measured[0].accuracy)
    expected = curve.expected(60_000)
    assert 0 < expected.low < expected.value < curve.errors[-1]
    assert "learning-curve" in study_figures(answer)
    assert f"60,000 images would give an accuracy of {1 - expected.value:.2%}" in " ".join(conclude(answer))
    (section,) = [each for each in study_document(answer, conclude(answer), "x").sections if each.menu == "Curve"]
    (table,) = [block for block in section.blocks if hasattr(block, "rows")]
    assert [row[0] for row in table.rows] == ["1,000", "60,000"]
    assert any(
        "A curve through all points but the last expects" in getattr(block, "text", "") for block in section.blocks
    )
    (kept,) = to_json(answer, [])["learning_curves"]
    assert kept["expected"][1] == {"images": 60_000, "error": as_plain(expected)}


def test_the_note_says_what_was_done(answer):
    assert answer.told("{seeds}, {epochs} epochs") == "one seed, 4 epochs"


def test_what_other_seeds_could_turn_is_no_difference(tmp_path):
    text = 'question = "q"\n[shared]\nmodel = "lenet5"\n[[trials]]\nlabel = "a"\nlr = 0.1\n[[trials]]\nlabel = "b"\n'
    text += 'lr = 0.2\n[[contrasts]]\nname = "a instead of b"\npairs = [["a", "b"]]'
    study = parse_study(text, "seeds", "seeds.toml")
    outcomes = outcomes_of(study, tmp_path, {"a": [0.95, 0.55], "b": [0.5, 0.6]})
    found = gather_answer(study, "kmnist6k", tmp_path, outcomes)
    compared = found.comparison("a", "b")
    assert compared.p_adjusted < 0.05
    assert not compared.differs()
    told = " ".join(conclude(found))
    assert "It can't be told from b" in told
    assert "but other seeds could turn it" in told
    assert "No difference shows for a instead of b" in told
    assert "over seeds −" in told
