"""`kuzushiji recognize` and `kuzushiji models --pretrained`, as a suspicious user types them."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageOps

from kuzushiji.cli import main
from kuzushiji.data.source import load
from kuzushiji.reading import pretrained
from kuzushiji.reading.recognizer import Recognizer
from tests.reading.writing import page_of_writing


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Seven kana of the embedded set, dark on paper, in folders and formats."""
    folder = tmp_path_factory.mktemp("scans")
    (folder / "b" / "deep").mkdir(parents=True)
    glyphs = load("brush:kmnist:1", "train").images
    names = ("a.png", "c.JPG", "b/1.tiff", "b/2.webp", "b/3.jp2", "b/deep/x.bmp", "z.png")
    for name, glyph in zip(names, glyphs, strict=False):
        Image.fromarray(255 - glyph).resize((60, 60)).convert("RGB").save(folder / name)
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    return folder


def run(capsys, *arguments, code=0):
    """What the command wrote to stdout and to stderr."""
    assert main(["recognize", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out, " ".join(captured.err.split())


KANA = ("--model", "kmnist")


def files(text):
    return [each["file"] for each in json.loads(text)]


def test_folders_are_walked_in_order(capsys, scans):
    out, err = run(capsys, scans, "--json", *KANA)
    found = [Path(name).relative_to(scans).as_posix() for name in files(out)]
    assert found == ["a.png", "b/1.tiff", "b/2.webp", "b/3.jp2", "b/deep/x.bmp", "c.JPG", "z.png"]
    assert err == f"{scans}: 1 file is no image and not read (.txt)"
    out, _ = run(capsys, scans / "z.png", scans / "b", "--json", *KANA)
    assert [Path(name).name for name in files(out)] == ["z.png", "1.tiff", "2.webp", "3.jp2", "x.bmp"]


def test_the_table_has_a_line_an_image(capsys, scans):
    out, _ = run(capsys, scans / "a.png", "--top", 3, *KANA)
    (answer,) = json.loads(run(capsys, scans / "a.png", "--top", 3, "--json", *KANA)[0])
    assert len(answer["candidates"]) == 3
    first, *others = answer["candidates"]
    shown = " ".join(out.split())
    assert first["character"] in shown
    assert first["codepoint"] in shown
    assert first["parent"] in shown
    assert f"{100 * first['probability']:.1f}" in shown
    assert all(each["character"] in shown for each in others)


def test_what_is_unsure_is_said(capsys, scans, tmp_path, monkeypatch):
    image = tmp_path / "with room.png"
    ImageOps.expand(Image.open(scans / "a.png").convert("L"), 10, 255).save(image)
    monkeypatch.setattr(Recognizer, "unsure_below", 1.1)
    out, err = run(capsys, image, *KANA)
    assert "unsure" in out
    assert "1 answer is less than 110.0% sure: look at the next candidates too" in err
    monkeypatch.setattr(Recognizer, "unsure_below", 0.0)
    out, err = run(capsys, image, *KANA)
    assert " unsure" not in out + err


def test_what_is_no_single_whole_character_is_unsure(capsys, scans, tmp_path):
    glyphs = [np.asarray(Image.open(scans / name).convert("L")) for name in ("a.png", "z.png")]
    gap = np.full((6, 60), 255, np.uint8)
    Image.fromarray(np.pad(np.vstack([glyphs[0], gap, glyphs[1]]), 12, constant_values=255)).save(tmp_path / "two.png")
    cut = np.vstack([np.pad(glyphs[0], ((12, 6), (12, 12)), constant_values=255), np.full((25, 84), 255, np.uint8)])
    cut[-25:, 12:-12] = glyphs[1][:25]
    Image.fromarray(cut).save(tmp_path / "cut.png")
    for model in (KANA, ()):
        out, err = run(capsys, tmp_path / "two.png", tmp_path / "cut.png", *model, "--json")
        answers = {Path(each["file"]).name: each for each in json.loads(out)}
        assert all(each["unsure"] for each in answers.values())
        assert answers["two.png"]["doubt"] == "several characters"
        assert answers["cut.png"]["doubt"] == "a part of another character at the edge"
        _, err = run(capsys, tmp_path / "two.png", *model)
        assert "1 answer is unsure: several characters" in err


def test_several_networks_answer_one_after_the_other(capsys, scans, tmp_path):
    other = tmp_path / "other.onnx"
    other.write_bytes(pretrained.pretrained()["kmnist"].read_bytes())
    models = ["--model", "kmnist", "--model", other]
    answers = json.loads(run(capsys, scans, *models, "--json")[0])
    assert [each["model"] for each in answers] == ["kmnist", str(other)] * 7
    assert all(one["file"] == two["file"] for one, two in zip(answers[::2], answers[1::2], strict=True))
    assert all(one["candidates"] == two["candidates"] for one, two in zip(answers[::2], answers[1::2], strict=True))
    out, _ = run(capsys, scans / "a.png", *models)
    assert "network" in out
    assert out.count("a.png") == 1, "the file is named once"
    (tmp_path / "empty.png").write_bytes(b"")
    _, err = run(capsys, tmp_path / "empty.png", *models, code=1)
    assert err.count("Left out") == 1


def test_without_a_name_what_knows_kana_and_kanji_answers(capsys, scans):
    answers = json.loads(run(capsys, scans / "a.png", "--json")[0])
    assert [each["model"] for each in answers] == ["page+kanji+kana+kmnist"]
    from kuzushiji.reading.combined import Combined

    assert set("かき山") <= set(Combined().classes)


def test_bad_files_are_named_and_left_out(capsys, scans, tmp_path):
    whole = (scans / "a.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("this is a text")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("1", (12000, 12000)).save(tmp_path / "huge.png")
    Image.new("L", (20, 20)).save(tmp_path / "icon.ico")
    (tmp_path / "nothing").mkdir()
    Image.fromarray(255 - page_of_writing()).save(tmp_path / "page.png")
    Image.new("RGB", (30, 40), "white").save(tmp_path / "blank.png")
    Image.new("RGB", (1, 1), "black").save(tmp_path / "dot.png")
    Image.open(scans / "a.png").convert("CMYK").save(tmp_path / "cmyk.jpg")
    bad = ["cut.png", "text.png", "empty.png", "huge.png", "icon.ico", "page.png", "nothing", "missing.png"]
    good = ["blank.png", "dot.png", "cmyk.jpg"]
    out, err = run(capsys, *(tmp_path / name for name in bad + good), "--json", code=1)
    answers = {Path(each["file"]).name: each for each in json.loads(out)}
    assert list(answers) == good
    assert answers["blank.png"]["blank"]
    assert answers["dot.png"]["blank"]
    assert answers["cmyk.jpg"]["candidates"]
    for name in bad:
        assert f"Left out: {tmp_path / name}" in err
    assert "8 images were left out" in err
    assert "blank" in run(capsys, tmp_path / "blank.png")[0]


def test_what_is_an_image_is_told_by_its_content_and_what_cannot_be_read_is_named(capsys, scans, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    whole = Image.open(scans / "a.png").convert("L")
    whole.save(folder / "saved.jfif", "JPEG")
    whole.save(folder / "scan", "PNG")
    whole.save(folder / "scan.avif")
    (folder / "photo.heic").write_bytes(b"\0\0\0\x24ftypheic" + bytes(40))
    (folder / "book.pdf").write_bytes(b"%PDF-1.7\n")
    (folder / "a.csv").write_text("1")
    (folder / "b.csv").write_text("2")
    out, err = run(capsys, folder, "--json", *KANA, code=1)
    assert [Path(name).name for name in files(out)] == ["saved.jfif", "scan", "scan.avif"]
    assert f"Left out: {folder}/photo.heic is of a kind that is not read, HEIC" in err
    assert f"Left out: {folder}/book.pdf is of a kind that is not read, PDF" in err
    assert f"{folder}: 2 files are no image and not read (.csv)" in err


def test_links_to_folders_are_followed_and_circles_end(capsys, scans, tmp_path):
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "there").symlink_to(scans / "b", target_is_directory=True)
    (folder / "back").symlink_to(folder, target_is_directory=True)
    names = [Path(name).relative_to(folder).as_posix() for name in files(run(capsys, folder, "--json", *KANA)[0])]
    assert names == ["there/1.tiff", "there/2.webp", "there/3.jp2", "there/deep/x.bmp"]


def test_each_image_in_a_file_is_read(capsys, scans, tmp_path):
    one, two = (Image.open(scans / name).convert("L") for name in ("a.png", "z.png"))
    for suffix in ("tif", "gif"):
        one.save(tmp_path / f"both.{suffix}", save_all=True, append_images=[two])
        answers = json.loads(run(capsys, tmp_path / f"both.{suffix}", "--json", *KANA)[0])
        assert [each["image"] for each in answers] == [1, 2]
        assert answers[0]["candidates"] != answers[1]["candidates"]
    table, _ = run(capsys, tmp_path / "both.tif", *KANA)
    assert "both.tif, 1" in table
    assert "both.tif, 2" in table
    content = (tmp_path / "both.tif").read_bytes()
    (tmp_path / "both.tif").write_bytes(content[:-1500])
    out, err = run(capsys, tmp_path / "both.tif", "--json", *KANA, code=1)
    assert [each["image"] for each in json.loads(out)] == [1]
    assert "both.tif, image 2, is damaged" in err


def test_an_unreadable_file_is_left_out(capsys, scans, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "secret.png").write_bytes((scans / "a.png").read_bytes())
    (tmp_path / "secret.png").chmod(0)
    _, err = run(capsys, tmp_path / "secret.png", code=1)
    assert "secret.png can't be read: Permission denied" in err


def test_an_image_can_come_from_stdin(capsys, scans, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO((scans / "a.png").read_bytes())))
    (piped,) = json.loads(run(capsys, "-", "--json", *KANA)[0])
    (named,) = json.loads(run(capsys, scans / "a.png", "--json", *KANA)[0])
    assert piped == named | {"file": "-"}
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert "Left out: - is empty" in run(capsys, "-", code=1)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name an image, a folder of images, or - for an image from stdin"),
        (["a.png", "--top", "0"], 2, "--top is 0; it must be at least 1"),
        (["a.png", "--tpo", "3"], 2, "there is no option --tpo, nor a file of that name"),
        (["a.png", "--top", "many"], 2, "--top"),
        (["a.png", "--model", "kmnits"], 2, "did you mean kmnist"),
        (["a.png", "--model", "gone.onnx"], 1, "gone.onnx does not exist"),
        (["a.png", "--model", "a.png"], 1, "is no ONNX file, or not a whole one"),
    ],
)
def test_wrong_usage_is_told(capsys, scans, monkeypatch, arguments, code, message):
    monkeypatch.chdir(scans)
    out, err = run(capsys, *arguments, code=code)
    assert out == ""
    assert message in err


def test_a_file_whose_name_begins_with_a_hyphen_is_a_file(capsys, scans, tmp_path, monkeypatch):
    (tmp_path / "-odd.png").write_bytes((scans / "a.png").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert files(run(capsys, "-odd.png", "--json", *KANA)[0]) == ["-odd.png"]


def test_the_networks_that_ship_are_listed(capsys):
    assert main(["models", "--pretrained", "--json"]) == 0
    told = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert told["kmnist"]["classes"] == 10
    assert told["kmnist"]["accuracy"]["low"] < told["kmnist"]["accuracy"]["value"] < told["kmnist"]["accuracy"]["high"]
    assert told["kmnist"]["licence"] == "CC BY-SA 4.0"
    assert Path(told["kmnist"]["card"]).is_file()
    assert main(["models", "--pretrained"]) == 0
    captured = capsys.readouterr()
    assert "kmnist" in captured.out
    assert "doi:10.20676/00000341" in captured.err
    assert main(["models", "resnet", "--pretrained"]) == 2
    assert "neither a name nor --draw" in capsys.readouterr().err


def test_without_any_network_it_says_so(capsys, scans, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "WEIGHTS", tmp_path)
    assert "no network ships with this package" in run(capsys, scans / "a.png", code=2)[1]
    assert main(["models", "--pretrained"]) == 0


def test_two_at_once_do_not_disturb_each_other(scans):
    command = [sys.executable, "-m", "kuzushiji", "recognize", str(scans), "--json", *KANA]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [each.communicate()[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert told[0] == told[1]
    assert len(json.loads(told[0])) == 7
