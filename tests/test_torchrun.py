import pytest

from kuzushiji.cli import main
from kuzushiji.errors import UsageError
from kuzushiji.torchrun import Place, check_verb, place


@pytest.fixture
def started(monkeypatch):
    def start(rank: int, local: int) -> None:
        told = {"TORCHELASTIC_RUN_ID": "a", "RANK": str(rank), "WORLD_SIZE": "4", "LOCAL_RANK": str(local)}
        for name, value in told.items():
            monkeypatch.setenv(name, value)

    return start


def test_the_place_of_a_process(started, monkeypatch):
    assert place() == Place(0, 1, 0)
    started(3, 1)
    assert place() == Place(3, 4, 1)
    assert not place().leads
    started(2, 0)
    assert place().leads
    monkeypatch.delenv("TORCHELASTIC_RUN_ID")  # others set WORLD_SIZE too
    assert place() == Place()


def test_torchrun_starts_trainings_alone(started):
    check_verb(["read"])
    started(0, 0)
    check_verb(["train", "resnet"])
    with pytest.raises(UsageError, match="`kuzushiji read` without it"):
        check_verb(["read", "page.jpg"])


def test_what_is_alike_for_all_is_told_once_a_machine(started, capsys):
    started(2, 0)
    assert main(["read", "page.jpg"]) == 2
    assert "torchrun starts processes that train together" in capsys.readouterr().err
    started(3, 1)
    assert main(["read", "page.jpg"]) == 2
    assert main(["train", "resnet", "--nothing", "2"]) == 2
    assert capsys.readouterr().err == ""


def test_what_is_fitted_is_fitted_by_one_process(started, capsys):
    started(0, 0)
    assert main(["train", "knn", "--data", "brush:kmnist:10"]) == 2
    assert "knn is fitted by one process" in " ".join(capsys.readouterr().err.split())
