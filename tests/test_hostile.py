"""What was once made to harm, and must end in one line; `benchmarks/reliability/` has the trials with counts."""

import io
import os
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from kuzushiji.cli.console import print_json, printable, results
from kuzushiji.data.files.image_files import ImageFiles
from kuzushiji.data.files.listing import list_images
from kuzushiji.data.files.loose import loose_images
from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, KuzushijiError, RunError, UsageError
from kuzushiji.evaluation.runs import stored_evaluation
from kuzushiji.files import expanded
from kuzushiji.imaging.read import read_gray
from kuzushiji.inference.weights import build_network, load_network, save_network
from kuzushiji.models import create_model
from kuzushiji.records import parse_json, parse_toml
from kuzushiji.report.markdown import text_as_markdown
from kuzushiji.runs.config import DataConfig, ModelConfig, RunConfig
from kuzushiji.runs.predictions import Predictions
from kuzushiji.runs.recipe import Recipe
from kuzushiji.runs.run import create_run, find_run
from kuzushiji.training.checkpoint import load_checkpoint, save_checkpoint
from tests.data.tar import write_tar

CONFIG = RunConfig(
    model=ModelConfig("nn_1", image_size=(12, 12)), data=DataConfig("mine"), recipe=Recipe(), classes=("お", "き")
)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a": "\\ud800"}', '{"\\uD800": 1}', b"\xff", ""])
def test_json_that_nobody_could_use_is_none(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    assert parse_json('"\\ud83d\\ude00"') == "😀"


def test_toml_that_is_nested_too_deep_is_none():
    with pytest.raises(ValueError, match="too deep"):
        parse_toml("a = " + "[" * 20_000)


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
@pytest.mark.parametrize("size", [-512, -1, 2**62])
def test_a_tar_with_a_size_that_is_none_ends(tmp_path, kind, size):
    """CVE-2025-8194: tarfile goes back by a negative size, and never ends."""
    pixels = np.zeros((2, 8, 8), np.uint8)
    write_tar(tmp_path / "kk.tar", CharacterImages(pixels, np.array([0, 1]), ("お", "き"), split="train"))
    content = bytearray((tmp_path / "kk.tar").read_bytes())
    content[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)
    content[156:157] = kind
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    (tmp_path / "kk.tar").write_bytes(content)
    with pytest.raises(DataError, match=r"kk\.tar"):
        list_images(tmp_path / "kk.tar")


def test_pipes_and_devices_in_folders_are_passed_over(tmp_path):
    os.mkfifo(tmp_path / "1.png")
    (tmp_path / "2.png").symlink_to("/dev/zero")
    assert loose_images(tmp_path).images == ()
    (tmp_path / "U+304A").mkdir()
    os.mkfifo(tmp_path / "U+304A" / "1.png")
    with pytest.raises(DataError, match="is not an image"):
        list_images(tmp_path)


def test_a_device_that_is_named_as_an_image_ends(monkeypatch):
    monkeypatch.setattr("kuzushiji.imaging.read.MOST_BYTES", 1000)
    with pytest.raises(DataError, match="is no file"):
        read_gray("/dev/zero")


def test_names_that_nothing_has(tmp_path):
    assert str(expanded("~nosuchuser/x")) == "~nosuchuser/x"
    with pytest.raises(UsageError):
        find_run("~nosuchuser/run")
    with pytest.raises(UsageError):
        find_run("名" * 300)


def test_control_characters_are_not_printed(capsys):
    assert printable("a\x1b[2Jb\u202ec\nd\te") == "a\\x1b[2Jb\\u202ec\nd\te"
    results.print("\x1b[31m[bold]\x9b", soft_wrap=True)
    print_json({"name": "\x1b\x9b"})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x9b" not in out
    assert "[bold]" in out
    assert parse_json(out[out.index("{") :]) == {"name": "\x1b\x9b"}


def test_nothing_is_markup_in_markdown():
    written = text_as_markdown("<img src=x onerror=alert(1)> [a](javascript:b)")
    assert "\\<img" in written
    assert "](" not in written


@pytest.fixture
def run():
    run = create_run(find_run_folder(), CONFIG)
    run.write_metrics([{"epoch": 1, "seconds": 1.0, "validation_accuracy": None}])
    torch.manual_seed(0)
    save_network(run.weights_file, build_network(CONFIG), CONFIG)
    logits = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
    Predictions(logits, np.array([0, 1, 1, 1]), np.arange(4), CONFIG.classes).save(run.predictions_file())
    return run


def find_run_folder():
    from kuzushiji.home import runs_folder

    return runs_folder() / "mine"


def test_a_figure_that_was_written_into_the_evaluation_is_not_believed(run):
    assert stored_evaluation(run).accuracy.value == 0.75
    whole = run.evaluation_file.read_text(encoding="utf-8")
    run.evaluation_file.write_text(whole.replace('"value": 0.75', '"value": 0.99999'), encoding="utf-8")
    assert run.evaluation_file.read_text(encoding="utf-8") != whole
    assert stored_evaluation(run).accuracy.value == 0.75
    assert run.evaluation_file.read_text(encoding="utf-8") == whole


def test_a_flipped_bit_in_weights_and_checkpoint_is_noticed(run, tmp_path):
    load_network(run.weights_file)
    flipped(run.weights_file)
    with pytest.raises(RunError, match="checksum"):
        load_network(run.weights_file)
    save_checkpoint(run.checkpoint_file, {"epoch": 1, "values": torch.arange(99)})
    assert load_checkpoint(run.checkpoint_file)["values"].sum() == 99 * 49
    flipped(run.checkpoint_file)
    with pytest.raises(RunError, match="checksum"):
        load_checkpoint(run.checkpoint_file)


def test_a_checkpoint_without_checksum_is_read(tmp_path):
    buffer = io.BytesIO()
    torch.save({"format": 2, "epoch": 3}, buffer)
    (tmp_path / "last.ckpt").write_bytes(buffer.getvalue())
    assert load_checkpoint(tmp_path / "last.ckpt") == {"epoch": 3}
    torch.save({"format": 2, "epochs": 7}, tmp_path / "last.ckpt")
    with pytest.raises(RunError, match="its epochs are 7"):
        load_checkpoint(tmp_path / "last.ckpt")


def test_a_flipped_bit_in_decoded_images_is_made_good(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 8, 8), dtype=np.uint8)
    write_tar(tmp_path / "kk.tar", CharacterImages(pixels, np.arange(30) % 2, ("お", "き"), split="train"))
    first = ImageFiles(tmp_path / "kk.tar").decoded()
    before = first.images.copy()
    flipped(first.folder / "images.npy")
    assert (ImageFiles(tmp_path / "kk.tar").decoded().images == before).all()


def test_networks_that_no_memory_holds_are_not_made():
    with pytest.raises(UsageError, match="the most is"):
        create_model("resnet", classes=2, image_size=28, width=2**40)
    with pytest.raises(UsageError, match="at most"):
        create_model("nn_1", classes=2, image_size=2**20)


def test_a_lock_that_is_a_link_is_not_followed(run, tmp_path):
    (tmp_path / "thesis").write_text("years of work")
    (run.path / ".lock").symlink_to(tmp_path / "thesis")
    with pytest.raises((KuzushijiError, OSError)):
        run.remove()
    assert (tmp_path / "thesis").read_text() == "years of work"


def test_an_image_of_one_row_takes_no_square(tmp_path):
    from kuzushiji.imaging.cut import cut_character

    row = np.full((1, 60_000), 255, np.uint8)
    row[0, :30_000] = 0
    packed = io.BytesIO()
    Image.fromarray(row).save(packed, "PNG")
    found = cut_character(read_gray(packed.getvalue()), (64, 64))
    assert found is None or found.shape == (64, 64)
