"""What stands on the disk after a power cut, a kill and a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kuzushiji import files
from kuzushiji.errors import KuzushijiError
from kuzushiji.files import folder_written_whole, make_folder, remove_file, write_text, written_whole


@pytest.fixture
def steps(monkeypatch):
    """What is done, in order: (`sync`, `rename` or `unlink`, name of the file or folder)."""
    done: list[tuple[str, str]] = []
    sync, unlink = files._sync, Path.unlink
    monkeypatch.setattr(files, "_sync", lambda path: (done.append(("sync", path.name)), sync(path)))
    for name in ("replace", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda a, b, real=real: (done.append(("rename", Path(b).name)), real(a, b)))

    def noted(path: Path, missing_ok: bool = False) -> None:
        if path.exists():
            done.append(("unlink", path.name))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", noted)
    return done


def test_the_bytes_are_synced_before_the_name_and_the_name_before_it_returns(tmp_path, steps):
    write_text(tmp_path / "a", "text")
    assert steps[0][0] == "sync"
    assert steps[0][1].startswith(".a.")
    assert steps[1:] == [("rename", "a"), ("sync", tmp_path.name)]


def test_all_of_a_folder_is_synced_before_its_name(tmp_path, steps):
    with folder_written_whole(tmp_path / "new" / "folder") as beside:
        (beside / "in").mkdir()
        (beside / "in" / "deep.txt").write_text("text")
    named = steps.index(("rename", "folder"))
    assert {("sync", "deep.txt"), ("sync", "in")} <= set(steps[:named])
    assert ("sync", tmp_path.name) in steps[:named]  # in which `new` was made
    assert steps[named + 1 :] == [("sync", "new")]


def test_a_removed_file_is_gone_from_the_disk(tmp_path, steps):
    write_text(tmp_path / "a", "text")
    steps.clear()
    remove_file(tmp_path / "a")
    remove_file(tmp_path / "a")
    assert steps == [("unlink", "a"), ("sync", tmp_path.name), ("sync", tmp_path.name)]


def test_many_files_are_synced_at_once(tmp_path, steps, monkeypatch):
    monkeypatch.setattr(files, "_MANY", 3)
    with folder_written_whole(tmp_path / "folder") as beside:
        for number in range(4):
            (beside / str(number)).touch()
    assert steps == [("rename", "folder"), ("sync", tmp_path.name)]


def test_a_disk_that_refuses_to_sync_loses_nothing(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "before")

    def refuse(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(KuzushijiError, match="nothing was lost"):
        write_text(tmp_path / "a", "after")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "before"}


def test_what_killed_processes_left_is_swept_and_what_others_write_is_not(tmp_path):
    code = (
        "import sys, os\nfrom pathlib import Path\nfrom kuzushiji.files import folder_written_whole, written_whole\n"
        "folder = Path(sys.argv[1])\n"
        "with written_whole(folder / 'file') as file, folder_written_whole(folder / 'all') as all:\n"
        "    file.write_text('part')\n    (all / 'one').touch()\n    os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / ".mine.part").touch()
    (tmp_path / ".mine.12345678.part").touch()
    files._sweep.cache_clear()
    with written_whole(tmp_path / "mine") as beside:
        beside.touch()
        files._sweep.cache_clear()
        write_text(tmp_path / "other", "")
        assert beside.exists()
    assert {path.name for path in tmp_path.iterdir()} == {".mine.part", ".mine.12345678.part", "mine", "other"}


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"directory|exists"):
        make_folder(tmp_path / "file" / "folder")


def test_what_is_no_unicode_is_escaped(tmp_path):
    write_text(tmp_path / "a", "お\udcff")
    assert (tmp_path / "a").read_text(encoding="utf-8") == r"お\udcff"
