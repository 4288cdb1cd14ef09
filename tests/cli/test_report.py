"""`kuzushiji report`."""

import subprocess
import sys
from functools import partial

import pytest

from kuzushiji.cli import main
from kuzushiji.home import runs_folder
from kuzushiji.plots.curves import learning_curves
from tests.plots.synthetic import KMNIST, make_images, make_run


@pytest.fixture
def run():
    """A finished run of this name in the runs folder."""
    return make_run(runs_folder() / "my-run", make_images(KMNIST, 60))


def test_writes_the_report_and_prints_where_it_is(run, capsys):
    assert main(["report", "my-run"]) == 0
    assert capsys.readouterr().out == f"{run.report_file}\n"
    assert run.report_file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_writes_where_it_is_told_and_the_figures_too(run, tmp_path, capsys, monkeypatch):
    # One figure stands for all of them, which would take a while.
    curves = partial(learning_curves, run.metrics, None)
    monkeypatch.setattr("kuzushiji.report.run.run_figures", lambda material: {"curves": curves})
    output, figures = tmp_path / "deep" / "er.html", tmp_path / "figures"
    assert main(["report", str(run.path), "--output", str(output), "--figures", str(figures)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{output}\n"
    assert "figures" in captured.err
    assert output.stat().st_size > 10_000
    assert not run.report_file.exists()
    assert sorted(path.name for path in figures.iterdir()) == [
        "curves-dark.png",
        "curves-light.png",
        "curves.svg",
    ]


def test_an_unfinished_run_says_how_to_go_on(run, capsys):
    run.weights_file.unlink()
    assert main(["report", "my-run"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "my-run is not finished" in captured.err
    assert "kuzushiji train --resume my-run" in captured.err


def test_a_run_without_predictions_says_what_writes_them(run, capsys):
    run.predictions_file().unlink()
    assert main(["report", "my-run"]) == 1
    assert "kuzushiji evaluate" in capsys.readouterr().err


def test_an_unknown_run_names_the_nearest(run, capsys):
    assert main(["report", "my-rum"]) == 2
    assert "my-run" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--output", "--figures"])
def test_a_folder_for_a_file_or_a_file_for_a_folder_is_refused(run, option, tmp_path, capsys):
    place = tmp_path / "place"
    if option == "--output":
        place.mkdir()
    else:
        place.write_text("mine")
    assert main(["report", "my-run", option, str(place)]) == 2
    assert str(place) in capsys.readouterr().err.replace("\n", "")
    assert not run.report_file.exists()
    assert place.is_dir() or place.read_text() == "mine"


def test_its_help_needs_no_heavy_imports():
    code = (
        "import sys; from kuzushiji.cli import main; main(['report', '--help']); "
        "sys.exit(bool({'torch', 'matplotlib', 'sklearn', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--figures" in done.stdout
