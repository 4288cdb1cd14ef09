"""Results as data, and the page that is drawn from them."""

import json
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest

from kuzushiji.cli import app
from kuzushiji.data.source import parse
from kuzushiji.errors import DataError
from kuzushiji.evaluation.calibration import calibrate
from kuzushiji.evaluation.outliers import detect_outliers
from kuzushiji.evaluation.runs import outliers_file
from kuzushiji.records import as_plain
from kuzushiji.report.markdown import as_markdown, text_as_markdown
from kuzushiji.report.results import (
    KindReading,
    Measured,
    PageReading,
    Results,
    measure_results,
    read_results,
    write_results,
)
from kuzushiji.report.results_page import CERTAINTY, FREQUENCY, OUTLIERS, results_document, write_page
from kuzushiji.runs.familiarities import Familiarities, Shown
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run
from tests.conftest import PROJECT
from tests.plots.synthetic import KMNIST, make_images, make_run

COUNT = 150
WIDEST = 113


@pytest.fixture
def runs(tmp_path):
    """Two seeds of one training."""
    images = make_images(KMNIST, COUNT)
    recipes = [as_plain(named_recipe("lenet5").change(epochs=5, seed=seed)) for seed in (0, 1)]
    made = [
        make_run(tmp_path / f"run-{seed}", images, accuracy=0.9 - 0.1 * seed, recipe=recipe)
        for seed, recipe in enumerate(recipes)
    ]
    for run in made:
        run.predictions().save(run.predictions_file("validation"))
    return made


def familiarities(run):
    samples = np.zeros((1, 28, 28), np.uint8)
    generator = np.random.default_rng(0)
    known = Shown("known", "the test images", generator.normal(1, 1, (40, 3)), samples)
    noise = Shown("noise", "pixels at random", generator.normal(0, 1, (30, 3)), samples)
    return Familiarities(known, (noise,), run.fingerprint)


def changed_run(run, folder, **changes):
    """A copy of a run as if it had been made otherwise."""
    shutil.copytree(run.path, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    (folder / "evaluation.json").unlink(missing_ok=True)
    return Run(folder)


def rows_of(runs):
    (found,) = measure_results(runs)
    return found.rows


def added(earlier, runs):
    return Results().updated(measure_results(earlier)).updated(measure_results(runs))


def page_of(runs):
    return as_markdown(results_document(Results().updated(measure_results(runs))))


def rows_below(page, heading):
    """The rows of the table that follows a paragraph, without its head."""
    lines = page.split(heading)[1].strip().split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


# Data


def test_one_run_has_its_intervals(runs):
    (row,) = rows_of(runs[:1])
    found = calibrate(runs[0].predictions(), runs[0].predictions("validation"))
    assert (row.network, row.recipe, row.settings, row.seeds) == ("lenet5", "lenet5", "--epochs 5", 1)
    assert row.certainty.temperature == pytest.approx(found.temperature, abs=1e-6)
    ece = found.before.ece
    assert row.certainty.ece == Measured(round(ece.value, 6), round(ece.low, 6), round(ece.high, 6))
    assert row.certainty.scaled_ece.value == pytest.approx(found.after.ece.value, abs=1e-6)
    assert row.accuracy.value == round(runs[0].predictions().accuracy, 6)


def test_several_seeds_have_their_spread_and_there_may_be_no_temperature(runs):
    (row,) = rows_of(runs)
    accuracies = [run.predictions().accuracy for run in runs]
    assert row.accuracy == Measured(round(np.mean(accuracies), 6), deviation=round(np.std(accuracies, ddof=1), 6))
    assert row.certainty.scaled_ece.deviation is not None
    assert len(row.commands) == row.seeds == 2
    runs[1].predictions_file("validation").unlink()
    (row,) = rows_of(runs)
    assert (row.certainty.temperature, row.certainty.scaled_ece) == (None, None)
    assert row.certainty.ece.deviation is not None
    assert rows_below(page_of(runs), CERTAINTY)[0][2:5:2] == ["–", "–"]


def test_a_row_tells_what_the_images_and_the_weights_began_as(tmp_path):
    run = make_run(tmp_path / "run", make_images(KMNIST, COUNT), accuracy=0.9)
    config = json.loads((run.path / "config.json").read_text())
    config["dataset"] |= {"limit": 100, "image_size": 28}
    start = {"name": "/somewhere/older", "path": "", "sha256": "", "part": ""}
    config["start"] = {"kind": "run", "unfrozen": 2, **start}
    config["teacher"] = {"kind": "run", "name": "/somewhere/large", "path": "", "sha256": ""}
    (run.path / "config.json").write_text(json.dumps(config))
    (row,) = rows_of([Run(run.path)])
    settings = "--epochs 5 --limit 100 --image-size 28 --from older --unfrozen 2 --teacher large"
    assert row.settings == settings
    assert row.commands[0].endswith(f" {settings}"), "the command has other settings than the row"
    page = page_of([Run(run.path)])
    assert "| like lenet5, 100 images, 28 px, pre-trained, taught† |" in page
    assert f" {settings}`; it is not kept how `older` and `large` came about\n" in page


def test_outliers_are_there_where_all_seeds_were_shown_them(runs):
    def outliers(runs):
        (row,) = rows_of(runs)
        return row.outliers

    assert outliers(runs) == {}
    familiarities(runs[0]).save(outliers_file(runs[0]))
    assert outliers(runs) == {}
    (detection,) = detect_outliers(familiarities(runs[0]))
    found = outliers(runs[:1])
    assert list(found) == ["probability", "energy", "distance"]
    assert found["energy"]["noise"].value == pytest.approx(detection.auroc["energy"].value, abs=1e-6)
    assert [row[2] for row in rows_below(page_of(runs[:1]), text_as_markdown(OUTLIERS))] == list(found)
    familiarities(runs[1]).save(outliers_file(runs[1]))
    assert outliers(runs)["probability"]["noise"].deviation is not None
    outliers_file(runs[0]).write_bytes(b"")
    assert outliers(runs) == {}
    assert text_as_markdown(OUTLIERS) not in page_of(runs)


def test_what_is_written_is_read_back(runs, tmp_path):
    familiarities(runs[0]).save(outliers_file(runs[0]))
    kinds = (KindReading("all", 7, Measured(0.5, 0.2, 0.8), 0.9, 0.0, None),)
    results = added([], runs[:1]).updated(pages=[PageReading("kana", 49, "python it", kinds)])
    write_results(tmp_path / "results.json", results)
    assert read_results(tmp_path / "results.json") == results
    assert read_results(tmp_path / "none.json") == Results()


def test_rows_are_added_best_first_and_all_else_stays(runs, tmp_path):
    worse = changed_run(runs[1], tmp_path / "worse", recipe=as_plain(runs[1].config.recipe) | {"epochs": 6})
    reading = PageReading("kana", 49, "python it", ())
    both = added([worse], []).updated(pages=[reading]).updated(measure_results(runs[:1]))
    assert both.pages == (reading,)
    assert [row.settings for row in both.data[0].rows] == ["--epochs 5", "--epochs 6"]
    assert list(both.data[0].rows) == [*rows_of(runs[:1]), *rows_of([worse])]
    newer = replace(reading, classes=50)
    assert both.updated(pages=[newer]).pages == (newer,)


def test_a_row_of_the_same_training_is_replaced(runs):
    (row,) = added(runs[:1], runs).data[0].rows
    assert row.seeds == 2


def test_rows_of_one_training_that_no_run_replaces_are_all_kept(runs, tmp_path):
    # Runs that began as two networks of the same name, in two folders, read alike.
    once = added(runs[:1], [])
    twice = replace(once, data=(replace(once.data[0], rows=once.data[0].rows * 2),))
    other = changed_run(runs[0], tmp_path / "other", recipe=as_plain(runs[0].config.recipe) | {"epochs": 6})
    assert len(twice.updated(measure_results([other])).data[0].rows) == 3
    assert len(twice.updated(measure_results(runs[:1])).data[0].rows) == 1


def test_results_on_other_images_are_refused(runs):
    found = added(runs[:1], [])
    fewer = replace(found, data=(replace(found.data[0], test_images=149),))
    with pytest.raises(DataError, match=r"of 149 test images of 10 .* those of these runs of 150 test images"):
        fewer.updated(measure_results(runs[:1]))


def test_a_damaged_file_is_refused(runs, tmp_path):
    path = tmp_path / "results.json"
    write_results(path, added(runs[:1], []))
    text = path.read_text(encoding="utf-8")
    for old, new, told in (
        ('"accuracy"', '"luck"', r"data\[0\].rows\[0\].* 'luck'"),
        ('"seeds": 1', '"seeds": "one"', r"data\[0\].rows\[0\].seeds is 'one'; expected a whole number"),
        ('"version": 1', '"version": 2', "is of version 2; this version of kuzushiji reads 1"),
        (text[:200], "", "results.json can't be read"),
    ):
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(DataError, match=told):
            read_results(path)


# The page


def test_rare_classes_have_a_table_where_there_are_any(tmp_path):
    run = make_run(tmp_path / "run", make_images(KMNIST, COUNT), accuracy=0.9)
    even = changed_run(run, tmp_path / "even", train_counts=[50] * 10)
    assert FREQUENCY not in page_of([even])
    page = page_of([changed_run(run, tmp_path / "tail", train_counts=[5] * 4 + [50] * 6)])
    assert "| # | network | 1 to 9 | 10 to 99 |" in page
    assert len(rows_below(page, FREQUENCY)) == 1


def test_groups_of_classes_of_several_rows_stand_in_their_order(runs, tmp_path):
    few, many = (
        changed_run(runs[0], tmp_path / name, train_counts=counts, recipe_name=name)
        for name, counts in (("few", [5] * 4 + [50] * 6), ("many", [50] * 5 + [500] * 5))
    )
    page = as_markdown(results_document(added([few], [many])))
    assert "| # | network | 1 to 9 | 10 to 99 | 100 to 999 |" in page
    assert sorted(row[2] == "–" for row in rows_below(page, FREQUENCY)) == [False, True]


def test_the_best_and_what_no_smaller_one_surpasses_come_first_and_the_others_are_folded_away(runs, tmp_path):
    (row,) = rows_of(runs[:1])
    sizes = {0.95: 9e6, 0.94: 8e6, 0.93: 8e6, 0.92: 8e6, 0.91: 5e5, 0.9: 6e5}
    rows = [replace(row, accuracy=Measured(value), parameters=int(size)) for value, size in sizes.items()]
    found = added(runs[:1], [])
    results = replace(found, data=(replace(found.data[0], rows=tuple(rows)),))
    write_page(results, tmp_path / "page.json")
    shown, folded = (tmp_path / "page.md").read_text(encoding="utf-8").split("<details>")
    assert [row[0] for row in rows_below(shown, "cpu.")] == ["1", "2", "3", "5"]
    assert [row[0] for row in rows_below(folded, "</summary>")] == ["4", "6"]
    assert "![Accuracy on kmnist6k against" in shown
    assert (tmp_path / "page" / "kmnist6k.svg").read_text().startswith("<svg")
    assert "6: `kuzushiji train lenet5" in folded


def test_the_page_of_this_project_is_that_of_its_data_and_no_table_is_wide():
    page = (PROJECT / "docs" / "results.md").read_text(encoding="utf-8")
    results = read_results(PROJECT / "docs" / "results.json")
    assert page == as_markdown(results_document(results, file="results.json"), "results")
    assert max(len(line) for line in page.splitlines() if line.startswith("|")) <= WIDEST
    for figure in (PROJECT / "docs" / "results").iterdir():
        assert f"results/{figure.name}" in page


def test_a_row_tells_which_runs_its_commands_do_not_make(runs):
    row = measure_results(runs)[0].rows[0]
    begun = replace(
        row, commands=("kuzushiji train resnet --data a --run first", "kuzushiji train resnet --from first")
    )
    assert (row.lost, begun.lost) == ((), ())
    orphan = replace(
        row, commands=("kuzushiji train resnet --from first --teacher big", "kuzushiji train x --from first")
    )
    assert orphan.lost == ("first", "big")


def test_every_command_of_this_project_s_rows_is_one_that_is_taken_today_and_its_data_a_stranger_has():
    results = read_results(PROJECT / "docs" / "results.json")
    page = (PROJECT / "docs" / "results.md").read_text(encoding="utf-8")
    rows = [row for found in results.data for row in found.rows]
    for row in rows:
        for command in row.commands:
            program, *words = shlex.split(command)
            assert program == "kuzushiji"
            _, bound, *_ = app.parse_args(words, print_error=False, exit_on_error=False)
            assert parse(bound.arguments["data"]).address == bound.arguments["data"]
        marked = f"`{row.commands[-1]}`{'; it is not kept how `' if row.lost else chr(10)}"
        assert marked in page
    assert any(row.lost for row in rows)
    assert any("--from" in row.settings and not row.lost for row in rows)
