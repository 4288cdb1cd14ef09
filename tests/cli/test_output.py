"""Where output goes: encodings that lack characters, disks that are full, pipes that nobody reads."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from kuzushiji.cli import main
from kuzushiji.cli.console import print_json, print_table, tell_of_data, work_bar

SHOW = (
    "from kuzushiji.cli.console import *; escape_what_cannot_be_written(); "
    "print_table(['character', 'taken for'], [('お', '〻 𛀁')]); print_json({'お': '〻𛀁'}); notes.print('𛀁')"
)


def run(*arguments: str, encoding: str = "utf-8", **options) -> subprocess.CompletedProcess:
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run([sys.executable, *arguments], env=surroundings, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize(("encoding", "kept"), [("cp932", "お"), ("ascii", r"\u304a"), ("utf-8", "お")])
def test_what_an_encoding_lacks_is_escaped(encoding, kept):
    done = run("-c", SHOW, encoding=encoding, stdout=subprocess.PIPE)
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 0, err
    table, plain = out[: out.index("{")], out[out.index("{") :]
    assert kept in table
    assert kept in plain
    assert json.loads(plain) == {"お": "〻𛀁"}
    if encoding != "utf-8":
        assert r"\u303b \U0001b001" in table
        assert r"\u303b\ud82c\udc01" in plain
        assert err.strip() == r"\U0001b001"


def test_what_is_no_unicode_is_escaped(capsys):
    print_json("\udc82\udca8")
    assert json.loads(capsys.readouterr().out) == "\udc82\udca8"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["data", "list"], ["data", "list", "--json"], ["--version"]])
def test_a_full_disk_is_one_line(arguments):
    with open("/dev/full", "wb") as full:
        done = run("-m", "kuzushiji", *arguments, stdout=full)
    assert done.returncode == 1
    assert done.stderr.decode() == "Error: no space is left where the output goes\n"


@pytest.mark.skipif(os.name == "nt", reason="a shell of another kind")
@pytest.mark.parametrize(("arguments", "code"), [("data list", 0), ("data lst", 2), ("data verify kmnist", 1)])
@pytest.mark.parametrize("notes", ["2>/dev/full", "2>&-", "2> >(exit)"])
def test_where_notes_cannot_be_written_the_work_is_done_and_the_code_is_the_same(tmp_path, arguments, code, notes):
    line = f"KUZUSHIJI_HOME={tmp_path} {sys.executable} -m kuzushiji {arguments} {notes}"
    done = subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, check=False)
    assert done.returncode == code
    assert ("kmnist" in done.stdout.decode()) == (code != 2)


def test_a_closed_stdin_is_empty():
    line = f"{sys.executable} -m kuzushiji recognize - --model kmnist <&-"
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (1, "Left out: - is empty\nError: 1 image was left out\n")


def test_a_closed_pipe_is_no_traceback():
    reading, writing = os.pipe()
    os.close(reading)
    done = run("-m", "kuzushiji", "data", "list", "--json", stdout=writing)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == b""


def test_a_folder_that_may_not_be_written_is_one_line(capsys, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied", "/there/report.html")

    monkeypatch.setattr("kuzushiji.cli.app", refused)
    assert main(["data", "list"]) == 1
    assert capsys.readouterr().err == "Error: Permission denied: /there/report.html\n"


def test_a_table_in_a_pipe_has_a_line_a_row(capsys):
    long = "a-very-long-name-of-a-run-" * 8
    print_table(["run", "data"], [(long, long)])
    (row,) = (line for line in capsys.readouterr().out.splitlines() if "very" in line)
    assert row.count(long) == 2


def test_names_are_no_emoji_and_no_markup(capsys):
    print_table(["recognition:book:"], [("[bold]a:book:[/bold]",)])
    printed = capsys.readouterr().out
    assert "recognition:book:" in printed
    assert "[bold]a:book:[/bold]" in printed


def test_the_words_of_a_bar_are_no_emoji_and_no_markup(capsys):
    bar = work_bar()
    bar.add_task("recognition:book: [bold]", note=":book:")
    bar.console.print(bar.get_renderable())
    printed = capsys.readouterr().err
    assert "recognition:book: [bold]" in printed
    assert "📖" not in printed


def test_without_what_a_method_needs_nothing_is_read(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "umap", None)
    assert main(["explore", "/no/such/data", "--methods", "umap"]) == 1
    assert "needs umap" in (said := capsys.readouterr().err)
    assert "pip install 'kuzushiji[umap]'" in said


def test_without_what_the_page_needs_nothing_is_read(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["explore", "/no/such/data"]) == 1
    assert "needs jinja2; install it with: pip install 'kuzushiji[train]'" in capsys.readouterr().err


def test_long_steps_are_told_where_there_is_no_terminal(monkeypatch, capsys, bars_folder, tmp_path):
    monkeypatch.setattr("kuzushiji.cli.explore.SILENT_SECONDS", 0)
    assert main(["explore", str(bars_folder), "--only", "health", "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err.splitlines()
    begun, done = (
        next(number for number, line in enumerate(told) if pattern in line)
        for pattern in ("nearest neighbours  ", "shift    ")
    )
    assert begun < done
    assert any(line.startswith("drawing ") for line in told)
    assert any(line.startswith("page and figures ") for line in told)


def test_a_warning_tells_a_terminal_nothing(monkeypatch):
    told = []
    with warnings.catch_warnings():
        monkeypatch.setattr(warnings, "showwarning", lambda message, *_, **__: told.append(str(message)))
        tell_of_data()
        warnings.simplefilter("always")
        warnings.warn("a\x1b[31m\u202eb", UserWarning, stacklevel=1)
        warnings.warn("plain", UserWarning, stacklevel=1)
    assert told == [r"a\x1b[31m\u202eb", "plain"]
