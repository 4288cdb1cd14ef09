"""`kuzushiji read`, as a suspicious user types it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.data.pages import web
from kuzushiji.data.pages.stored import load_pages
from kuzushiji.document.page import Page
from kuzushiji.evaluation.pages import evaluate_pages
from kuzushiji.reading.pretrained import pretrained
from kuzushiji.shipped import DETECTOR
from tests.imageserver import library
from tests.reading.detector_file import write_detector, write_page

pytestmark = pytest.mark.skipif(not pretrained(), reason="no network ships")


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("detector") / "detector.onnx")


@pytest.fixture
def page(tmp_path):
    return write_page(tmp_path / "page.png")


@pytest.fixture
def run(capsys, detector):
    def typed(*arguments, code=0):
        """What the command wrote to stdout and to stderr."""
        options = ("--detector", detector, "--model", "kmnist", "--threads", 1)
        assert main(["read", *map(str, (*arguments, *options))]) == code
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return captured.out, " ".join(captured.err.split())

    return typed


def test_text_of_one_page(run, page):
    out, err = run(page, "--unsure", "best")
    assert [len(line) for line in out.splitlines()] == [4, 4, 4]
    assert err == ""
    out, _ = run(page, "--unsure", "geta", "--unsure-below", 1)
    assert out == "〓〓〓〓\n" * 3
    out, _ = run(page, "--unsure-below", 1)
    assert [line[1::2] for line in out.splitlines()] == ["？？？？"] * 3


def test_a_page_without_a_character_is_told(run, tmp_path):
    Image.new("L", (300, 300), 230).save(tmp_path / "blank.png")
    assert run(tmp_path / "blank.png")[1] == "blank: no character was found"
    assert "blank: no character was found" in run(tmp_path / "blank.png", "--output", tmp_path / "out")[1]


def test_the_page_as_json_and_in_other_formats(run, page, tmp_path):
    found = json.loads(run(page, "--json")[0])
    assert [len(line["characters"]) for line in found["lines"]] == [4, 4, 4]
    (tmp_path / "page.xml").write_text(run(page, "--format", "alto")[0])
    assert Page.load(tmp_path / "page.xml").text == found["text"]


def test_without_the_language_model(run, page):
    def steps(*options):
        return [step["model"] for step in json.loads(run(page, "--json", *options)[0])["steps"]]

    assert "language" in steps()
    assert "language" not in steps("--no-language")


def test_an_image_from_stdin(run, page, monkeypatch):
    expected, _ = run(page)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(page.read_bytes())))
    assert run("-")[0] == expected
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert "stdin is empty" in run("-", code=1)[1]


def test_pages_of_a_pdf(run, page, tmp_path, monkeypatch):
    path, folder = tmp_path / "book.pdf", tmp_path / "read"
    image = Image.open(page)
    image.save(path, save_all=True, append_images=[image, image])
    expected, _ = run(path, "--pages", 2, "--unsure", "best")
    assert [len(line) for line in expected.splitlines()] == [4, 4, 4]
    _, err = run(path, "--pages", "2-3", "--output", folder, "--format", "pdf,txt")
    assert "2 pages read" in err
    names = [f"book-000{number}.{ending}" for number in (2, 3) for ending in ("json", "pdf", "txt")]
    assert sorted(each.name for each in folder.glob("book*")) == names
    assert "3 pages read" not in run(path, "--output", folder, "--format", "txt", "--resume")[1]
    again = run(folder / "book-0002.pdf", "--unsure", "best")[0]  # whose text is not seen
    assert again == expected
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    assert run("-", "--pages", "1", "--unsure", "best")[0] == expected
    path.write_bytes(b"%PDF-1.4 and no more")
    assert f"Left out: {path} is a damaged PDF" in run(path, "--output", folder, code=1)[1]


def test_pages_of_a_manifest(run, page, tmp_path, monkeypatch):
    monkeypatch.setenv("KUZUSHIJI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(web, "PAUSE_SECONDS", 0)
    file = io.BytesIO()
    Image.open(page).convert("L").save(file, "JPEG", quality=95)
    (tmp_path / "page.jpg").write_bytes(file.getvalue())
    expected, _ = run(tmp_path / "page.jpg")
    with library() as books:
        url = books.add_book("/iiif/77/manifest.json", 2, a=b"none", b=file.getvalue(), c=file.getvalue())
        folder = ("--output", tmp_path / "read", "--format", "txt,pdf", "--resume")
        assert run(url, "--pages", 2)[0] == expected
        assert "2 pages read" in run(url, "--pages", "2-3", *folder)[1]
        assert {each.stem for each in (tmp_path / "read").glob("77*")} == {"77-0002", "77-0003"}
        asked = len(books.asked)
        assert "0 pages read, 2 done before" in run(url, "--pages", "2-3", *folder)[1]
        assert len(books.asked) == asked
        assert "Left out: 77-0001.jpg is not a PNG" in run(url, *folder, code=1)[1]
    assert (
        f"Left out: http://127.0.0.1:{books.port}/x: the host cannot be reached"
        in run(f"http://127.0.0.1:{books.port}/x", code=1)[1]
    )


def test_several_pages_on_stdout_have_their_names(run, page, tmp_path):
    out, err = run(page, write_page(tmp_path / "b.png"))
    assert [line for line in out.splitlines() if line.startswith("=")] == ["==> page <==", "==> b <=="]
    assert "2 pages read, in" in err


def test_many_pages_into_a_folder(run, page, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    arguments = (page, tmp_path / "bad.png", "--output", tmp_path / "read", "--format", "txt,pagexml", "--resume")
    out, err = run(*arguments, code=1)
    assert out == ""
    assert "Left out: bad.png is not a PNG" in err
    assert "1 page read, 1 left out, in" in err
    assert {path.name for path in (tmp_path / "read").glob("p*")} == {"page.txt", "page.json", "page.xml"}
    _, err = run(*arguments, code=1)
    assert "0 pages read, 1 done before, 1 left out" in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name an image"),
        (("page.png", "--outptu", "x"), "there is no option --outptu"),
        (("page.png", "--top", "0"), "--top is 0"),
        (("page.png", "--threads", "0"), "--threads is 0"),
        (("page.png", "--format", "txt,json"), "need a folder"),
        (("page.png", "--resume"), "need a folder"),
        (("page.png", "--format", "pdf"), "need a folder"),
        (("page.png", "--draw"), "need a folder"),
        (("page.png", "--output", "x", "--format", "docx"), "no format of pages 'docx'"),
        (("page.png", "--unsure-below", "90"), "from 0 to 1"),
        (("page.png", "--model", "kanjo"), "did you mean kanji"),
        (("page.png", "--pages", "7-3"), "pages are '7-3'"),
        (("page.png", "--fetch"), "for --reader ndl"),
        (("page.png", "--ndl", "x"), "for --reader ndl"),
        (("page.png", "--reader", "ndl"), "--detector and --model are for --reader ours"),
    ],
)
def test_wrong_usage(arguments, told, detector, capsys):
    assert main(["read", *arguments, "--detector", str(detector)]) == 2
    captured = capsys.readouterr()
    assert told in " ".join(captured.err.split())
    assert captured.out == ""


def test_detectors_that_are_none(page, tmp_path, capsys, monkeypatch):
    assert main(["read", str(page), "--detector", str(tmp_path / "d.onnx")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert main(["read", str(page), "--detector", str(pretrained()["kmnist"])]) == 1
    assert "expected 'kuzushiji detector 1'" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setattr("kuzushiji.reading.pretrained.DETECTOR", tmp_path / "detector.onnx")
    assert main(["read", str(page)]) == 2
    assert "no detector ships" in capsys.readouterr().err


def test_ctrl_c_leaves_whole_pages_and_resume_goes_on(run, detector, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(60):
        write_page(scans / f"{number}.png")
    command = [sys.executable, "-m", "kuzushiji", "read", str(scans), "--output", str(tmp_path / "read")]
    command += ["--detector", str(detector), "--model", "kmnist", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"COLUMNS": "200"})
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("read/*.json")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume goes on" in told
    done = len(list(tmp_path.glob("read/*.json")))
    assert 0 < done < 60
    assert len(list(tmp_path.glob("read/*.txt"))) == done
    assert not list(tmp_path.glob("read/.*.part"))
    _, err = run(scans, "--output", tmp_path / "read", "--resume")
    assert f"{60 - done} pages read, {done} done before" in err


def test_a_request_to_terminate_does_not_wait_for_a_page_that_is_slow_to_come(run, page, tmp_path, monkeypatch):
    def slow(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(20)
        pytest.fail("it waits for the page")
        yield

    monkeypatch.setattr("kuzushiji.reading.folder.images_of", slow)
    assert "--resume goes on" in run(page, "--output", tmp_path / "read", code=130)[1]
    assert "Interrupted." in run(page, code=130)[1]


def test_two_processes_write_into_one_folder(detector, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for number in range(8):
        write_page(scans / f"{number}.png", columns=1 + number % 3)
    command = [sys.executable, "-m", "kuzushiji", "read", str(scans), "--output", str(tmp_path / "read"), "--resume"]
    command += ["--detector", str(detector), "--model", "kmnist", "--threads", "1"]
    both = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(timeout=200) for process in both] == [0, 0]
    for number in range(8):
        page = Page.load(tmp_path / "read" / f"{number}.json")
        assert len(page) == 4 * (1 + number % 3)
        assert len((tmp_path / "read" / f"{number}.txt").read_text().split()) == 1 + number % 3
    assert not list(tmp_path.glob("read/.*.part"))


def test_modern_text_stands_beside(run, page, tmp_path):
    before, after = run(page, "--modern")[0].split("\n\n")
    assert len(before.splitlines()) == len(after.splitlines()) == 3
    run(page, "--modern", "--output", tmp_path / "read")
    assert (tmp_path / "read" / "page.modern.txt").read_text() == after


def test_drawings_do_not_lie_among_the_pages(run, page):
    _, err = run(page.parent, "--draw", "--output", page.parent, code=2)
    assert "name another folder" in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_is_told_of(page, detector):
    command = f"{sys.executable} -m kuzushiji read {page} --detector {detector} --model kmnist > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no space is left" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not DETECTOR.exists(), reason="no detector ships")
def test_real_pages_are_read_by_what_ships(real_data, tmp_path, capsys):
    images = sorted((real_data / "pages" / "labelled" / "train_images").iterdir())[:2]
    assert main(["read", *map(str, images), "--output", str(tmp_path / "read"), "--format", "json,alto", "--draw"]) == 0
    assert "2 pages read" in capsys.readouterr().err
    truth = {
        name: page for name, page in load_pages(real_data / "pages" / "labelled").items() if name in _stems(images)
    }
    figures = evaluate_pages(truth, load_pages(tmp_path / "read")).figures
    assert figures["detection_f1"].value > 0.8
    assert figures["neighbours"].value > 0.8
    assert main(["read", str(images[0])]) == 0
    assert len(capsys.readouterr().out) > 50


def _stems(paths):
    return {path.stem for path in paths}


def test_needs_neither_torch_nor_matplotlib(page, detector):
    code = (
        "import sys; from kuzushiji.cli import main; main(sys.argv[1:]); "
        "print(*{'torch', 'matplotlib', 'scipy', 'sklearn'} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "read", str(page), "--detector", str(detector), "--model", "kmnist"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout
    assert done.stderr.strip() == ""


# The other reader


@pytest.fixture
def ndl(tmp_path):
    from tests.reading import test_ndl  # which skips where onnx is missing

    pixels = np.full((128, 120, 3), 255, np.uint8)
    test_ndl.column(pixels, 80, [test_ndl.GREEN, test_ndl.BLUE, test_ndl.GRAY, test_ndl.RED])
    Image.fromarray(pixels).save(tmp_path / "page.png")
    return test_ndl.write_all(tmp_path / "ndl", [[40, 10, 45, 50, 0.9]])


def test_ndl_reads_into_the_same_files(ndl, tmp_path, capsys):
    arguments = ["read", str(tmp_path / "page.png"), "--reader", "ndl", "--ndl", str(ndl), "--unsure", "best"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == "をお花\n"
    arguments += ["--output", str(tmp_path / "read"), "--format", "txt,alto", "--resume"]
    assert main(arguments) == 0
    assert (tmp_path / "read" / "page.txt").read_text(encoding="utf-8") == "をお花\n"
    written = (tmp_path / "read" / "page.json").stat().st_mtime_ns
    assert main(arguments) == 0
    assert (tmp_path / "read" / "page.json").stat().st_mtime_ns == written  # it was done before, by the same files


def test_ndl_is_fetched_or_told_how_to_get(ndl, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KUZUSHIJI_NDL", str(tmp_path / "none"))
    assert main(["read", str(tmp_path / "page.png"), "--reader", "ndl"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "none has no rtmdet-s-1280x1280.onnx" in told
    assert "kuzushiji read --reader ndl --fetch" in told
    monkeypatch.setenv("KUZUSHIJI_NDL", str(ndl))
    assert main(["read", "--reader", "ndl", "--fetch"]) == 0  # all is there already
    assert "National Diet Library, Japan" in " ".join(capsys.readouterr().err.split())
