"""The page of results: a table each for accuracy, certainty and outliers."""

import json
import re
import shutil

import numpy as np
import pytest

from kuzushiji.errors import DataError
from kuzushiji.evaluation.calibration import calibrate
from kuzushiji.evaluation.outliers import detect_outliers
from kuzushiji.evaluation.runs import outliers_file
from kuzushiji.report.results import CERTAINTY, FREQUENCY, OUTLIERS, results_page
from kuzushiji.report.results_page import write_page
from kuzushiji.runs.familiarities import Familiarities, Shown
from kuzushiji.runs.recipe import named_recipe
from kuzushiji.runs.run import Run
from tests.plots.synthetic import KMNIST, make_images, make_run

COUNT = 150


@pytest.fixture
def runs(tmp_path):
    """Two seeds of one training."""
    images = make_images(KMNIST, COUNT)
    recipes = [named_recipe("lenet5").change(epochs=5, seed=seed).to_dict() for seed in (0, 1)]
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


def rows_below(page, heading):
    """The rows of the table that follows a paragraph, without its head."""
    after = page.split(heading)[1].strip().splitlines()
    table = [line for line in after[: after.index("")] if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_certainty_of_one_run_has_its_interval(runs):
    (row,) = rows_below(results_page(runs[:1]), CERTAINTY)
    found = calibrate(runs[0].predictions(), runs[0].predictions("validation"))
    assert row[:3] == ["`lenet5`", "lenet5 --epochs 5", f"{found.temperature:.2f}"]
    ece = found.before.ece
    assert row[3] == f"{100 * ece.value:.2f} ({100 * ece.low:.2f} to {100 * ece.high:.2f})"
    assert row[4].startswith(f"{100 * found.after.ece.value:.2f} (")


def test_a_row_names_what_the_images_and_the_weights_began_as(tmp_path):
    images = make_images(KMNIST, COUNT)
    run = make_run(tmp_path / "run", images, accuracy=0.9)
    config = json.loads((run.path / "config.json").read_text())
    config["dataset"] |= {"limit": 100, "image_size": 28}
    config["start"] = {
        "kind": "run",
        "name": "/somewhere/older",
        "path": "",
        "sha256": "",
        "part": "body.",
        "unfrozen": 2,
    }
    config["teacher"] = {"kind": "run", "name": "/somewhere/large", "path": "", "sha256": ""}
    (run.path / "config.json").write_text(json.dumps(config))
    page = results_page([Run(run.path)])
    settings = " --limit 100 --image-size 28 --from older --unfrozen 2 --teacher large"
    assert f"{settings} |" in page
    assert f"{settings}\n" in page, "the command has other settings than the row"


def test_rare_classes_have_a_table_where_there_are_any(tmp_path):
    run = make_run(tmp_path / "run", make_images(KMNIST, COUNT), accuracy=0.9)
    config = json.loads((run.path / "config.json").read_text())
    for counts, groups in (([50] * 10, None), ([5] * 4 + [50] * 6, ["1 to 9", "10 to 99"])):
        (run.path / "config.json").write_text(json.dumps(config | {"train_counts": counts}))
        (run.path / "evaluation.json").unlink(missing_ok=True)
        page = results_page([Run(run.path)])
        assert (FREQUENCY in page) == bool(groups)
    assert "| network | recipe | 1 to 9 | 10 to 99 |" in page
    (row,) = rows_below(page, FREQUENCY)
    assert all(re.fullmatch(r"[\d.]+ \([\d.]+ to [\d.]+\)", cell) for cell in row[2:])


def test_certainty_of_several_seeds_has_their_spread_and_no_temperature_is_a_dash(runs):
    (row,) = rows_below(results_page(runs), CERTAINTY)
    assert "±" in row[3]
    assert "±" in row[4]
    runs[1].predictions_file("validation").unlink()
    (row,) = rows_below(results_page(runs), CERTAINTY)
    assert (row[2], row[4]) == ("–", "–")
    assert "±" in row[3]


def test_outliers_are_listed_where_all_seeds_were_shown_them(runs):
    assert OUTLIERS not in results_page(runs)
    familiarities(runs[0]).save(outliers_file(runs[0]))
    assert OUTLIERS not in results_page(runs)
    rows = rows_below(results_page(runs[:1]), OUTLIERS)
    (detection,) = detect_outliers(familiarities(runs[0]))
    assert [row[2] for row in rows] == ["probability", "energy", "distance"]
    assert rows[1][3].startswith(f"{100 * detection.auroc['energy'].value:.2f} (")
    familiarities(runs[1]).save(outliers_file(runs[1]))
    assert "±" in rows_below(results_page(runs), OUTLIERS)[0][3]
    outliers_file(runs[0]).write_bytes(b"")
    assert OUTLIERS not in results_page(runs)


def accuracies(page):
    """The rows of the first table."""
    return rows_below(page, re.search("Trained on .*", page)[0])


def changed_run(run, folder, **changes):
    """A copy of a run as if it had been made otherwise."""
    shutil.copytree(run.path, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    (folder / "evaluation.json").unlink(missing_ok=True)
    return Run(folder)


def test_a_page_is_read_back_as_it_was_written(runs):
    familiarities(runs[0]).save(outliers_file(runs[0]))
    page = results_page(runs[:1])
    assert OUTLIERS in page
    assert write_page("Results", [], page) == page


def test_rows_are_added_to_a_page_best_first_and_the_rest_of_it_stays(runs, tmp_path):
    config = runs[1].config
    worse = changed_run(runs[1], tmp_path / "worse", recipe=config.recipe_values | {"epochs": 6})
    rest = "## Of another program\n\nIts text.\n"
    page = results_page([worse]) + "\n" + rest
    added = results_page(runs[:1], earlier=page)
    assert [row[1] for row in accuracies(added)] == ["lenet5 --epochs 5", "lenet5 --epochs 6"]
    assert len(rows_below(added, CERTAINTY)) == 2
    for each in (runs[0], worse):
        assert accuracies(results_page([each]))[0] in accuracies(added)
    assert added.endswith("\n\n" + rest)
    commands = added.split("```")[1]
    assert "--epochs 5\n" in commands
    assert "--epochs 6 --seed 1" in commands


def test_a_row_of_the_same_name_is_replaced(runs):
    both = results_page(runs, earlier=results_page(runs[:1]))
    (row,) = accuracies(both)
    assert "±" in row[6]


def test_rows_of_one_name_that_no_run_replaces_are_all_kept(runs, tmp_path):
    # Runs that began as two networks of the same name, in two folders, read alike.
    page = results_page(runs[:1])
    row = next(line for line in page.splitlines() if line.startswith("| `lenet5`"))
    twice = page.replace(row, f"{row}\n{row}", 1)
    other = changed_run(runs[0], tmp_path / "other", recipe=runs[0].config.recipe_values | {"epochs": 6})
    assert len(accuracies(results_page([other], earlier=twice))) == 3
    assert len(accuracies(results_page(runs[:1], earlier=twice))) == 1


def test_groups_of_classes_of_two_pages_stand_in_their_order(runs, tmp_path):
    few, many = (
        changed_run(runs[0], tmp_path / name, train_counts=counts, recipe_name=name)
        for name, counts in (("few", [5] * 4 + [50] * 6), ("many", [50] * 5 + [500] * 5))
    )
    page = results_page([many], earlier=results_page([few]))
    assert "| network | recipe | 1 to 9 | 10 to 99 | 100 to 999 |" in page
    assert [row[2] == "–" for row in rows_below(page, FREQUENCY)] in ([True, False], [False, True])


def test_results_on_other_images_and_damaged_pages_are_refused(runs):
    page = results_page(runs[:1])
    with pytest.raises(DataError, match=r"of 149 test images of 10 .* those of these runs of 150 test images"):
        results_page(runs[:1], earlier=page.replace("150 test images", "149 test images"))
    first, *_, accuracy = accuracies(page)[0][:7]
    for old, new in (
        (f"| {first} |", f"| {first} | more |"),
        ("accuracy % |", "luck |"),
        (f"| {accuracy} |", "| – |"),
        ("```", ""),
        ("\n\n|", "\n|"),
        (page[page.index("\nMade by:") :], ""),
    ):
        assert old in page
        with pytest.raises(DataError, match="section on kmnist6k is not as `kuzushiji results` writes it"):
            results_page(runs[:1], earlier=page.replace(old, new))
