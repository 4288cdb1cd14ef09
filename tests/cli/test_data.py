"""`kuzushiji data`, as it is typed."""

import hashlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.data.catalogue.sets import DATASETS, folder
from tests.data.exchange.made_up import write_pages
from tests.fileserver import FileServer, serving

BODY = bytes(range(256)) * 4000

TINY = """
import sys
from dataclasses import replace
from kuzushiji.cli import main
from kuzushiji.data.catalogue import sets as catalog
address, md5, *arguments = sys.argv[1:]
file = catalog.DataFile("tiny-imgs.npz", 1_024_000, md5, (address,))
catalog.DATASETS["tiny"] = replace(catalog.DATASETS["kmnist"], name="tiny", formats={"npz": (file,)}, class_map="")
sys.exit(main(["data", *arguments]))
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving({"tiny-imgs.npz": BODY}) as running:
        yield running


def tiny(server: FileServer, manner: str, *arguments: str) -> list[str]:
    """A command line with a dataset `tiny` of one file, on the server."""
    return [sys.executable, "-c", TINY, server.url(manner, "tiny-imgs.npz"), hashlib.md5(BODY).hexdigest(), *arguments]


# list, info, path


def test_list_names_every_dataset_and_its_state(capsys: pytest.CaptureFixture[str], real_data: Path) -> None:
    assert main(["data", "get", "kmnist6k", "--from", str(real_data / "kmnist6k")]) == 0
    assert main(["data", "get", "kmnist", "--from", str(real_data / "kmnist")]) == 1
    capsys.readouterr()
    assert main(["data", "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert set(DATASETS) < set(rows)
    assert rows["kmnist6k"].split()[-1] == "complete"
    assert rows["kmnist"].split()[-1] == "part"
    assert rows["k49"].split()[-1] == "absent"
    assert "140,424" in rows["kkanji"]
    assert "3,881 pages" in rows["recognition"]


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(DATASETS)
    assert {row["state"] for row in rows} == {"absent"}
    assert rows[0]["counts"] == {"train": 60_000, "test": 10_000}


@pytest.mark.parametrize("name", DATASETS)
def test_info_has_all_that_is_known(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "info", name]) == 0
    told = capsys.readouterr().out
    entry = DATASETS[name]
    for text in (
        entry.title,
        entry.description,
        entry.licence_url,
        entry.attribution,
        entry.citation,
        *entry.manual_steps,
    ):
        assert text in told
    for files in entry.formats.values():
        for file in files:
            assert file.name in told
            assert file.md5 is None or file.md5 in told
            assert all(url in told for url in file.urls)
    assert main(["data", "info", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["citation"] == entry.citation


def test_path(capsys: pytest.CaptureFixture[str], own_home: Path) -> None:
    assert main(["data", "path"]) == 0
    assert main(["data", "path", "k49"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(own_home / "data"), str(own_home / "data" / "k49")]
    assert main(["data", "path", "k49", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(own_home / "data" / "k49"), "exists": False}


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "kmnst"],
        ["get", "kmnst"],
        ["verify", "kmnst"],
        ["path", "kmnst"],
        ["get", "kmnist", "--format", "tar"],
        ["verify", "kmnist", "--format", "tar"],
        ["info"],
        ["fetch", "kmnist"],
        ["get", "kmnist", "--offlne"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_every_argument_has_a_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("list", "info", "get", "verify", "path"):
        assert main(["data", verb, "--help"]) == 0
        told = capsys.readouterr().out
        for option in re.findall(r"(?m)^│ (?:--)?[A-Za-z-]+.*", told):
            assert re.search(r"\w  +\S", option) or "--" in option, option
        assert "Print" in told


# get


def test_get_says_on_stdout_only_where_it_is(server: FileServer) -> None:
    done = subprocess.run(tiny(server, "good", "get", "tiny"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"tiny (npz) is there: {os.environ['KUZUSHIJI_HOME']}/data/tiny\n"
    assert "tiny-imgs.npz from 127.0.0.1" in done.stderr
    again = subprocess.run(tiny(server, "good", "get", "tiny", "--json"), capture_output=True, text=True, timeout=120)
    assert json.loads(again.stdout)["origins"] == {"tiny-imgs.npz": "already there"}
    assert len(server.requests) == 1


def test_get_that_fails_has_the_steps_by_hand_on_stderr(server: FileServer) -> None:
    done = subprocess.run(tiny(server, "busy", "get", "tiny"), capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "HTTP 503" in done.stderr
    assert "kuzushiji data get tiny --from FOLDER" in done.stderr
    assert "Traceback" not in done.stderr


def test_get_offline_lists_the_official_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "get", "k49", "--offline"]) == 1
    told = capsys.readouterr().err
    for file in DATASETS["k49"].files():
        if file.name != "k49_classmap.csv":  # the catalogue has it itself
            assert f"{file.name}  {file.size:,} bytes, md5 {file.md5}" in told
            assert f"    http://codh.rois.ac.jp/kmnist/dataset/k49/{file.name}\n" in told
    assert f"put them into {folder('k49')}" in told


def test_get_of_pages_says_where_to_log_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "get", "recognition"]) == 1
    assert "https://www.kaggle.com/c/kuzushiji-recognition" in capsys.readouterr().err


def test_get_without_a_name_and_without_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        assert main(["data", "get"]) == 2
    assert "kmnist, kmnist6k, k49, kkanji, recognition" in capsys.readouterr().err


class Terminal:
    """Runs a command on a terminal of its own, and types."""

    def __init__(self, command: list[str]) -> None:
        self.ours, theirs = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment)
        os.close(theirs)
        self.shown, self.seen = "", 0

    def wait_for(self, text: str) -> None:
        """Reads what is shown until `text` comes, after what was waited for before."""
        deadline = time.monotonic() + 120
        while (found := self.shown.find(text, self.seen)) < 0:
            assert time.monotonic() < deadline, self.shown
            assert self.read(), self.shown
        self.seen = found + len(text)

    def read(self) -> bool:
        if not select.select([self.ours], [], [], 120)[0]:
            return False
        try:
            chunk = os.read(self.ours, 4096)
        except OSError:  # the other end is closed
            return False
        self.shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", chunk.decode(errors="replace"))
        return bool(chunk)

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def interrupt(self) -> None:
        """Does what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def end(self) -> int:
        while self.read():
            pass
        os.close(self.ours)
        return self.process.wait(120)


def test_get_asks_which_set_and_which_format() -> None:
    terminal = Terminal([sys.executable, "-m", "kuzushiji", "data", "get", "--offline"])
    terminal.wait_for("1 to 5: ")
    assert re.search(r"1\) kmnist +Kuzushiji-MNIST +21 MB  absent", terminal.shown)
    assert re.search(r"4\) kkanji +Kuzushiji-Kanji +310 MB  absent", terminal.shown)
    terminal.type("9\n")
    terminal.wait_for("'9' is none of them")
    terminal.wait_for("1 to 5: ")
    terminal.type("1\n")
    terminal.wait_for("1 to 2: ")
    assert re.search(r"2\) idx +train-images-idx3-ubyte\.gz", terminal.shown)
    terminal.type("idx\n")
    assert terminal.end() == 1
    assert "--format idx --from FOLDER" in terminal.shown


def test_get_does_not_ask_for_a_format_where_there_is_one() -> None:
    terminal = Terminal([sys.executable, "-m", "kuzushiji", "data", "get", "--offline"])
    terminal.wait_for("1 to 5: ")
    terminal.type("k49\n")
    assert terminal.end() == 1
    assert "k49-train-imgs.npz  66,117,696 bytes" in terminal.shown


def test_get_can_be_left() -> None:
    for leave, code in ((Terminal.interrupt, 130), (lambda terminal: terminal.type("\x04"), 2)):
        terminal = Terminal([sys.executable, "-m", "kuzushiji", "data", "get"])
        terminal.wait_for("1 to 5: ")
        time.sleep(0.3)  # a signal between the question and the reading of the answer would wait for the answer
        leave(terminal)
        assert terminal.end() == code
        assert "Traceback" not in terminal.shown


def test_a_terminal_sees_how_far_it_is(server: FileServer) -> None:
    terminal = Terminal(tiny(server, "held", "get", "tiny"))
    terminal.wait_for("/1.0 MB")
    server.gate.set()
    assert terminal.end() == 0
    assert "1.0/1.0 MB" in terminal.shown


def test_ctrl_c_keeps_what_arrived(server: FileServer) -> None:
    terminal = Terminal(tiny(server, "held", "get", "tiny"))
    terminal.wait_for("/1.0 MB")
    terminal.interrupt()
    assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    part = Path(os.environ["KUZUSHIJI_HOME"]) / "data" / "tiny" / ".tiny-imgs.npz.part"
    assert 0 < part.stat().st_size < len(BODY)


# verify


def test_verify_tells_what_is_missing_and_what_is_wrong(real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "kmnist6k"]) == 1
    assert "absent" in capsys.readouterr().out
    assert main(["data", "get", "kmnist6k", "--from", str(real_data)]) == 0
    assert main(["data", "verify", "kmnist6k"]) == 0
    (folder("kmnist6k") / "kmnist-test-labels.npz").write_bytes(b"<html>404</html>")
    (folder("kmnist6k") / "kmnist-train-imgs.npz").unlink()
    capsys.readouterr()
    assert main(["data", "verify", "kmnist6k", "--json"]) == 1
    captured = capsys.readouterr()
    found = {report["name"]: report for report in json.loads(captured.out)}
    assert {name: report["status"] for name, report in found.items()} == {
        "kmnist-train-imgs.npz": "absent",
        "kmnist-train-labels.npz": "right",
        "kmnist-test-imgs.npz": "right",
        "kmnist-test-labels.npz": "wrong",
        "kmnist_classmap.csv": "right",
    }
    assert "web page" in found["kmnist-test-labels.npz"]["detail"]
    assert "2 of 5 files" in captured.err
    assert main(["data", "get", "kmnist6k", "--from", str(real_data)]) == 0
    assert main(["data", "verify", "kmnist6k"]) == 0


def test_verify_of_what_is_cut_out_of_another_looks_at_the_other(
    real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["data", "get", "kmnist", "--from", str(real_data / "kmnist")])
    capsys.readouterr()
    assert main(["data", "verify", "kmnist6k"]) == 1
    captured = capsys.readouterr()
    assert "cut out of kmnist" in captured.err
    assert "1 of 5 files of kmnist " in " ".join(captured.err.split())


# convert


def test_convert_tells_what_was_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "convert", "brush:kmnist:6", "new"]) == 0
    captured = capsys.readouterr()
    first, second = captured.out.splitlines()
    assert first == "brush:kmnist:6: train 60, test 10 images, 10 classes, 28 x 28 pixels"
    assert second == f"npz     {tmp_path / 'new'}"
    assert captured.err == ""
    assert main(["data", "convert", "new", "folders", "--format", "folder", "--image-size", "12", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.pop("classes") == list("おきすつなはまやれを")
    assert told == {
        "name": "new",
        "folder": str(tmp_path / "folders"),
        "format": "folder",
        "splits": {"train": 60, "test": 10},
        "holds": "characters",
        "image_size": [12, 12],
        "left_out": [],
        "notes": [],
    }
    assert len(list((tmp_path / "folders").rglob("*.png"))) == 70


def test_convert_tells_of_pages_and_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_pages(tmp_path / "own")
    assert main(["data", "convert", "own", "boxes", "--format", "coco"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "own: train 2, validation 1, test 1 pages, 7 different characters",
        f"coco    {tmp_path / 'boxes'}",
    ]
    assert captured.err == ""
    assert main(["data", "convert", "boxes", "columns", "--format", "doctr"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("boxes: train 4, validation 2, test 2 lines, 7 different characters\n")
    assert captured.err.startswith("columns stand upright")
    assert main(["data", "convert", "boxes", "new"]) == 2
    assert "convert them to kaggle first" in " ".join(capsys.readouterr().err.split())


def test_convert_names_the_classes_that_get_no_folder(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    np.savez("own/own-train-imgs.npz", np.zeros((2, 4, 4), np.uint8))
    np.savez("own/own-train-labels.npz", np.array([0, 2]))
    (tmp_path / "own" / "own_classmap.csv").write_text("index,char\n0,お\n1,[red]\n2,き\n", encoding="utf-8")
    assert main(["data", "convert", "own", "new", "--format", "folder"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("own: train 2 images, 2 classes, 4 x 4 pixels\n")
    assert captured.err == "1 class without an image, and so without a folder: [red]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kmnist"], "Wrong usage"),
        (["kmnst", "new"], "did you mean kmnist"),
        (["brush:kmnist", "new", "--format", "pnz"], "there is no format 'pnz'; did you mean npz"),
        (["brush:kmnist", "."], "is already there"),
    ],
)
def test_what_convert_cannot_do(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "convert", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_odd_about_data_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in" / "つ").mkdir(parents=True)
    (tmp_path / "in" / "お").mkdir()
    for number in range(30):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / "in" / "お" / f"{number}.png")
    assert main(["data", "convert", str(tmp_path / "in"), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err.count("has no image in つ: what has none is no class") == 1
