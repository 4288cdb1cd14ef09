"""Pages and figures of sweeps made by hand, the odd ones above all."""

import math
from html.parser import HTMLParser

import pytest

from kuzushiji.plots.files import svg
from kuzushiji.plots.style import DARK, LIGHT
from kuzushiji.report import sweep as pages
from kuzushiji.report.document import Table, Value
from kuzushiji.report.sweep import sweep_document, sweep_figures, write_figures, write_page
from kuzushiji.sweep.results import SweepResult, TrialRecord, conclusion
from kuzushiji.sweep.settings import Sweep

SEARCH = {"lr": "0.0001..1 log", "optimizer": "sgd,adamw", "batch_size": "16..64 step 16", "nesterov": "yes,no"}


def record(number: int, state: str = "finished", value: float | None = 0.5, **changes) -> TrialRecord:
    params = {
        "lr": 10 ** (-4 + number % 9 / 2),
        "optimizer": ("sgd", "adamw")[number % 2],
        "batch_size": 16 * (1 + number % 4),
        "nesterov": number % 3 == 0,
    }
    values = {} if value is None else {1: value / 2, 2: value}
    command = f"kuzushiji train nn_1 --data kmnist --lr {params['lr']}"
    whole = {"seconds": 2.0, "parameters": 1000, "command": command, "why": None, "kept": None, **changes}
    return TrialRecord(number, state, params, value, values, **whole)


def result_of(*trials: TrialRecord, importance: dict[str, float] | None = None, **changes) -> SweepResult:
    settings = Sweep("nn_1", "kmnist", SEARCH, **changes)
    sign = 1 if settings.objective == "accuracy" else -1
    best = max((each for each in trials if each.state == "finished"), key=lambda each: sign * each.score, default=None)
    interval = (best.value - 0.02, best.value + 0.02) if best and settings.objective == "accuracy" else None
    return SweepResult("mine", settings, 628, trials, best, interval, importance or {})


MANY = [
    record(number, value=0.9 - 0.02 * (number % 7), state="pruned" if number % 4 == 3 else "finished")
    for number in range(20)
]
RESULTS = {
    "many": result_of(*MANY, importance={"lr": 0.7, "optimizer": 0.2, "batch_size": 0.1, "nesterov": 0.0}),
    "one": result_of(record(0)),
    "all the same": result_of(*(record(number, value=0.1) for number in range(5))),
    "none finished": result_of(record(0, "pruned", 0.2), record(1, "diverged", None, why="the loss became nan")),
    "only running": result_of(record(0, "running", None, seconds=None, command=None, parameters=None)),
    "none": result_of(),
    "loss": result_of(*(record(number, value=2.0 + number) for number in range(4)), objective="loss"),
    "far apart": result_of(*(record(number, value=0.97 - 0.001 * number) for number in range(9)), record(9, value=0.1)),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_every_sweep_has_a_page(name, tmp_path):
    result = RESULTS[name]
    page = write_page(result, tmp_path).read_text(encoding="utf-8")
    HTMLParser().feed(page)
    assert "http-equiv" not in page
    assert ' src="http' not in page
    assert page.count("<svg") == len(sweep_figures(result))
    assert ("kuzushiji train" in page) == (result.best is not None)
    fields = 4 + len({"lr", "batch_size"})  # what has numbers: four of each trial, and these of what is searched
    assert page.count("data-sort") == len(result.trials) * fields


@pytest.mark.parametrize("name", sweep_figures(RESULTS["many"]))
def test_figures_for_dark_pages(name):
    dark = svg(sweep_figures(RESULTS["many"])[name].draw(True))
    assert DARK.series[0] in dark
    assert not any(colour in dark for colour in LIGHT.series)


def test_figures_as_files(tmp_path, monkeypatch):
    history = {"history": sweep_figures(RESULTS["one"])["history"]}
    monkeypatch.setattr(pages, "sweep_figures", lambda result: history)
    written = write_figures(RESULTS["one"], tmp_path)
    assert sorted(path.name for path in written) == [
        "history-dark.png",
        "history-light.png",
        "history.svg",
    ]
    assert all(path.stat().st_size > 2_000 for path in written)


@pytest.mark.parametrize("name", ["history", "slices", "curves"])
def test_what_lies_beyond_does_not_press_the_others_together(name):
    figure = sweep_figures(RESULTS["far apart"])[name].draw(False)
    low, high = figure.axes[0].get_ylim()
    assert low > 0.5
    assert high < 1.01


def test_text_of_the_user_is_escaped(tmp_path):
    trial = record(0, command="kuzushiji train nn_1 --data '<script>alert(1)</script>'", why="<b>")
    assert "<script>alert" not in write_page(result_of(trial), tmp_path).read_text()


def test_conclusions():
    assert conclusion(RESULTS["none"]) == "No trial was begun. There is no best one yet."
    assert conclusion(RESULTS["none finished"]).startswith(
        "Of 2 trials, 1 got cut short by the pruner median and 1 diverged or ran out of memory. There is no best"
    )
    assert conclusion(RESULTS["one"]).startswith("The only trial ran to the end. The best, number 0, has 50.00%")
    assert "at the lower end of what was searched (0.0001..1.0 log)" in conclusion(RESULTS["one"])
    many = conclusion(RESULTS["many"])
    assert "Of 20 trials, 15 ran to the end and 5 got cut short by the pruner median." in many
    assert "(95% interval over the 628 images: 88.0% to 92.0%)" in many
    assert "3 others lie within that interval" in many
    assert "lr: by itself it makes up 70% of what the fields explain, then optimizer 20% and batch_size 10%." in many
    assert "finished trials brought nothing better" in many
    loss = conclusion(RESULTS["loss"])
    assert "The best, number 0, has 2.0000 validation loss" in loss
    assert "interval" not in loss


def test_the_table_sorts_missing_values_last(tmp_path):
    result = result_of(record(0, "failed", 0.2), record(1, "diverged", None))
    (table,) = [
        block for block in sweep_document(result).blocks() if isinstance(block, Table) and block.label == "Trials"
    ]
    assert table.sortable
    reached = [row[1] for row in table.rows]
    assert reached[0] == Value("20.00%", 0.2)
    assert reached[1].text == "–"
    assert math.isnan(reached[1].value)
    page = write_page(result, tmp_path).read_text(encoding="utf-8")
    assert page.count('data-sort="-Infinity"') == 1
