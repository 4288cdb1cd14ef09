import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from kuzushiji.errors import DataError, UsageError
from kuzushiji.records import as_plain, from_plain, read_json, write_json


@dataclass(frozen=True)
class Step:
    lr: float
    name: Literal["sgd", "adam"] = "sgd"
    nesterov: bool = False

    def __post_init__(self) -> None:
        if self.lr < 0:
            raise UsageError(f"lr is {self.lr}; it must be at least 0")


@dataclass(frozen=True)
class Plan:
    title: str
    steps: tuple[Step, ...] = ()
    size: tuple[int, int] = (28, 28)
    seed: int | None = None
    theirs: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    first: Step | None = None
    images: int = field(default=0, metadata={"key": "count"})
    known: int | None = field(default=None, metadata={"omit": True})


@dataclass(frozen=True, eq=False)
class Counts:
    confusion: NDArray[np.int64]
    loss: NDArray[np.float64]


@dataclass(frozen=True)
class Sweep:
    name: str = ""
    rates: Mapping[str, tuple[float, ...]] = field(default_factory=dict, metadata={"gathers": ("lr", "momentum")})


PLAN = Plan("a", (Step(1.0), Step(0.5, "adam")), (28, 30), theirs={"accuracy": 0.9}, first=Step(2.0), images=3)


def test_what_is_written_is_read_again() -> None:
    written = as_plain(PLAN)

    assert written == json.loads(json.dumps(written)), "there are plain values alone"
    assert written["count"] == 3
    assert "known" not in written
    assert written["size"] == [28, 30]
    assert written["first"] == {"lr": 2.0, "name": "sgd", "nesterov": False}
    assert from_plain(written, Plan) == PLAN
    assert as_plain(Plan("a", known=4))["known"] == 4


def test_entries_that_are_gathered_stand_beside_the_others() -> None:
    plain = {"lr": [0.1, 1], "name": "a"}

    assert from_plain(plain, Sweep) == Sweep("a", {"lr": (0.1, 1.0)})
    assert as_plain(from_plain(plain, Sweep)) == plain
    for wrong, message in (
        ({"lr": 0.1}, "^lr is 0.1; expected a list"),
        ({"lr": [0.1, "b"]}, r"^lr\[1\] is 'b'; expected a number"),
        ({"rl": 0.1}, "no key 'rl'; did you mean lr"),
        ({"rates": {"lr": 0.1}}, "no key 'rates'"),
    ):
        with pytest.raises(DataError, match=message):
            from_plain(wrong, Sweep)


def test_missing_fields_have_their_defaults() -> None:
    assert from_plain({"title": "a", "steps": [{"lr": 1}]}, Plan) == Plan("a", (Step(1.0),))


def test_a_whole_number_is_read_as_a_float() -> None:
    lr = from_plain({"lr": 1}, Step).lr

    assert lr == 1
    assert type(lr) is float


def test_nan_is_null_in_the_file() -> None:
    written = as_plain(Plan("a", theirs={"loss": nan}))

    assert written["theirs"] == {"loss": None}
    assert isnan(from_plain(written, Plan).theirs["loss"])


def test_numbers_of_numpy_and_arrays_are_written_as_lists_and_numbers() -> None:
    counts = Counts(np.array([[1, 2], [3, 4]]), np.array([0.5, nan]))
    options = {"width": np.int64(3), "rates": (np.float32(0.5), 1)}

    written = as_plain({"counts": counts, "options": options})

    assert written == {
        "counts": {"confusion": [[1, 2], [3, 4]], "loss": [0.5, None]},
        "options": {"width": 3, "rates": [0.5, 1]},
    }
    read = from_plain(written["counts"], Counts)
    np.testing.assert_array_equal(read.confusion, counts.confusion)
    assert read.confusion.dtype == np.int64
    np.testing.assert_array_equal(read.loss, counts.loss)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "title is missing"),
        ([], r"it is \[\]; expected a table"),
        ({"title": 3}, "title is 3; expected a text"),
        ({"title": "a", "seed": "3"}, "seed is '3'; expected a whole number"),
        ({"title": "a", "seed": True}, "seed is True; expected a whole number"),
        ({"title": "a", "count": 1.0}, "count is 1.0; expected a whole number"),
        ({"title": "a", "size": [28]}, r"size is \[28\]; expected a list of 2"),
        ({"title": "a", "size": "28"}, "size is '28'; expected a list"),
        ({"title": "a", "theirs": [1]}, r"theirs is \[1\]; expected a table"),
        ({"title": "a", "theirs": {"accuracy": "high"}}, "theirs.accuracy is 'high'; expected a number"),
        ({"title": "a", "steps": [{"lr": 1}, {}]}, r"steps\[1\].lr is missing"),
        ({"title": "a", "steps": [{"lr": "1"}]}, r"steps\[0\].lr is '1'; expected a number"),
        ({"title": "a", "steps": [{"lr": -1}]}, r"steps\[0\]: lr is -1.0; it must be at least 0"),
        ({"title": "a", "first": {"lr": 1, "name": "sgb"}}, "first.name is 'sgb'; expected sgd or adam"),
        ({"title": "a", "first": {"lr": 1, "nesterov": 1}}, "first.nesterov is 1; expected true or false"),
        ({"title": "a", "stepps": []}, "there is no key 'stepps'; did you mean steps?"),
        ({"title": "a", "images": 3}, "there is no key 'images'"),
        (
            {"title": "a", "first": {"lr": 1, "nesterow": 1}},
            "first: there is no key 'nesterow'; did you mean nesterov?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(values: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        from_plain(values, Plan)
    with pytest.raises(UsageError, match=f"^mine.toml: {message}"):
        from_plain(values, Plan, where="mine.toml", error=UsageError)


def test_an_array_of_texts_is_no_array_of_numbers() -> None:
    with pytest.raises(DataError, match=r"^confusion is \[\['a'\]\]; expected numbers"):
        from_plain({"confusion": [["a"]], "loss": []}, Counts)


def test_keys_of_a_later_version_can_be_passed_over() -> None:
    assert from_plain({"title": "a", "later": 1, "steps": [{"lr": 1, "later": 2}]}, Plan, tolerant=True) == Plan(
        "a", (Step(1.0),)
    )
    with pytest.raises(DataError, match="title is missing"):
        from_plain({"later": 1}, Plan, tolerant=True)


def test_files(tmp_path) -> None:
    path = tmp_path / "plan.json"
    write_json(path, PLAN)
    assert read_json(path, Plan) == PLAN

    path.write_text('{"title": 3}')
    with pytest.raises(UsageError, match=r"plan.json: title is 3"):
        read_json(path, Plan, error=UsageError)
    path.write_text("{")
    with pytest.raises(DataError, match=r"plan.json can't be read"):
        read_json(path, Plan)
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none.json", Plan)


def test_numbers_as_keys_are_texts_in_the_file() -> None:
    @dataclass(frozen=True)
    class Shares:
        at: Mapping[float, Step]

    written = as_plain(Shares({0.95: Step(1.0), 1.0: Step(2.0)}))
    assert list(written["at"]) == ["0.95", "1"]
    assert from_plain(written, Shares) == Shares({0.95: Step(1.0), 1.0: Step(2.0)})
    with pytest.raises(DataError, match=r"^at is \['most'\]; expected numbers"):
        from_plain({"at": {"most": {"lr": 1}}}, Shares)
