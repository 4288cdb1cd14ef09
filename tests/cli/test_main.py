import os
import signal
import subprocess
import sys
import time

import pytest

import kuzushiji
from kuzushiji.cli import app, main

VERBS = (
    *("data", "explore", "models", "train", "evaluate", "report", "compare", "explain"),
    *("runs", "results", "study", "sweep", "demo", "export", "recognize", "read", "serve", "shelf", "site"),
)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_its_help(verb, capsys):
    assert main([verb, "--help"]) == 0
    printed = capsys.readouterr()
    assert f"kuzushiji {verb}" in printed.out
    assert printed.err == ""


def test_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in VERBS)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == kuzushiji.__version__


@pytest.mark.parametrize(
    "arguments", [["trian"], ["train", "--nonsense"], ["data", "lst"], ["train", "--epochs", "[/bold]"]]
)
def test_unknown_words_are_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_a_typing_error_is_met_with_the_nearest_verb(capsys):
    main(["trian"])
    assert "train" in capsys.readouterr().err


def test_a_missing_extra_says_what_to_install(monkeypatch, capsys):
    def needs_torch(*_, **__):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(type(app), "__call__", needs_torch)
    assert main(["train"]) == 1
    assert "pip install 'kuzushiji[train]'" in capsys.readouterr().err

    def needs_onnx(*_, **__):
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

    monkeypatch.setattr(type(app), "__call__", needs_onnx)
    assert main(["export"]) == 1
    assert "pip install 'kuzushiji[export]'" in capsys.readouterr().err


def test_our_own_missing_module_is_not_hidden(monkeypatch):
    def broken(*_, **__):
        raise ModuleNotFoundError("No module named 'kuzushiji.nothing'", name="kuzushiji.nothing")

    monkeypatch.setattr(type(app), "__call__", broken)
    with pytest.raises(ModuleNotFoundError):
        main(["train"])


def test_a_reader_that_goes_away_is_no_error_to_see():
    done = subprocess.run(
        f"{sys.executable} -m kuzushiji data info kmnist | head -1", shell=True, capture_output=True, text=True
    )
    assert "kmnist" in done.stdout
    assert "Traceback" not in done.stderr


def test_importing_the_package_imports_nothing_heavy():
    script = "import sys, kuzushiji; print(sorted({'torch', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("name", kuzushiji.__all__)
def test_every_public_name_is_there(name):
    assert getattr(kuzushiji, name) is not None
    assert name in dir(kuzushiji)


def test_an_unknown_name_is_told():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kuzushiji.nonsense


def test_a_request_to_terminate_cleans_up_as_an_interruption_does(monkeypatch, capsys):
    cleaned = []

    def terminated(*arguments, **settings):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        finally:
            cleaned.append(True)

    monkeypatch.setattr("kuzushiji.cli.app", terminated)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["data"]) == 130
    assert cleaned
    assert "Interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
