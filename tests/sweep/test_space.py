import pytest

from kuzushiji.cli import main
from kuzushiji.errors import DataError, UsageError
from kuzushiji.runs.recipe import Recipe
from kuzushiji.sweep.settings import MOST_COMBINATIONS, Sweep, read_file
from kuzushiji.sweep.space import Choices, Range, dimension, parse_assignment


def read(text: str, model: str = "resnet") -> Choices | Range:
    return dimension(*parse_assignment(text), model, Recipe())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lr=0.001..0.1 log", Range("lr", 0.001, 0.1, log=True)),
        ("lr = 1e-3 .. 1e-1   log", Range("lr", 0.001, 0.1, log=True)),
        ("momentum=0.8..0.99", Range("momentum", 0.8, 0.99)),
        ("batch_size=32..256 step 32", Range("batch_size", 32, 256, 32)),
        ("batch_size=32..250 step 32", Range("batch_size", 32, 224, 32)),
        ("epochs=1..100 log", Range("epochs", 1, 100, log=True)),
        ("optimizer=sgd, adamw", Choices("optimizer", ("sgd", "adamw"))),
        ("nesterov=yes,false", Choices("nesterov", (True, False))),
        ("lr=1,0.1", Choices("lr", (1.0, 0.1))),
        ("option.width=16,32,64", Choices("option.width", (16, 32, 64))),
        ("option.dropout=0..0.5 step 0.1", Range("option.dropout", 0.0, 0.5, 0.1)),
    ],
)
def test_the_grammar(text, found):
    assert read(text) == found
    name, _ = parse_assignment(text)
    assert dimension(name, found.text, "resnet", Recipe()) == found, "what it writes, it reads"


def test_a_grid_of_steps_has_the_numbers_that_one_expects():
    assert read("momentum=0.1..1 step 0.1").grid() == (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert read("batch_size=32..128 step 32").grid() == (32, 64, 96, 128)
    assert read("epochs=3..5").grid() == (3, 4, 5)
    assert all(type(value) is int for value in read("epochs=3..5").grid())


def test_a_range_of_very_many_steps_is_not_spelled_out():
    many = read("lr=0..1 step 1e-8")
    assert (many.count(), many.high) == (10**8 + 1, 1.0)
    with pytest.raises(UsageError, match="the grid has 100,000,000 combinations"):
        Sweep("nn_1", "kmnist", {"batch_size": "1..100000000"}, sampler="grid")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr", "does not say what"),
        ("=1,2", "does not say what"),
        ("lr=", "does not say what"),
        ("learning_rate=0.1..1", "no recipe field 'learning_rate'"),
        ("optimiser=sgd,adam", "did you mean optimizer"),
        ("width=16,32", "write option.width"),
        ("option.widht=16,32", "did you mean width"),
        ("optimizer=sgd,adamm", "adamm"),
        ("optimizer=sgd..adam", "no range"),
        ("nesterov=yes,perhaps", "yes or no"),
        ("lr=0.1", "single value"),
        ("lr=0.1,0.10", "0.1 twice"),
        ("lr=0.1,fast", "expected a number"),
        ("lr=0.1,nan", "finite"),
        ("lr=0.1..inf", "finite"),
        ("lr=0.1,,1", "expected a number"),
        ("lr=-1..1", "lr is -1"),
        ("momentum=0.5..1.5", "from 0 to 1"),
        ("lr=0.1..0.1", "smaller"),
        ("lr=1..0.1", "smaller"),
        ("lr=0..1 log", "above 0"),
        ("lr=0.1..1 lg", "can't be read"),
        ("lr=0.1..1 log step 2", "can't be read"),
        ("lr=0.1..1..2", "expected a number"),
        ("batch_size=32..64 step 0", "above 0"),
        ("batch_size=32..64 step 33", "no more than 32"),
        ("batch_size=32..64 step 1.5", "whole number"),
        ("batch_size=32.5..64", "whole number"),
    ],
)
def test_what_can_not_be_searched_is_told(text, message):
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        read(text)


def test_a_network_without_options_says_so():
    with pytest.raises(UsageError, match="nn_1 has no options"):
        read("option.width=1,2", "nn_1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"search": {}}, "what to search"),
        ({"sampler": "tp"}, "did you mean tpe"),
        ({"pruner": "mean"}, "did you mean median"),
        ({"objective": "acuracy"}, "did you mean accuracy"),
        ({"model": "nn_9"}, "nn_1"),
        ({"recipe": "keras"}, "keras_"),
        ({"fixed": {"lr": 0.1}}, "searched and fixed"),
        ({"fixed": {"epochs": 0}}, "epochs is 0"),
        ({"fixed": {"epoch": 3}}, "did you mean epochs"),
        ({"search": {"seed": "0,1,2"}}, "same images"),
        ({"search": {"validation_fraction": "0.1,0.2"}}, "same images"),
        ({"search": {"label_smoothing": "0,0.1"}, "objective": "loss"}, "--objective"),
        ({"limit": 1}, "at least 2"),
        ({"cover": 2.0}, "at most 1"),
        ({"sampler": "grid"}, "can't hold every lr"),
        ({"model": "resnet", "search": {"option.width": "0,16"}}, "found 0"),
        ({"model": "resnet", "search": {"option.width": "16,32"}, "options": {"width": 16}}, "searched and fixed"),
        ({"model": "resnet", "options": {"depht": 2}}, "depht"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_told(changes, message):
    with pytest.raises(UsageError, match=message):
        Sweep(**{"model": "nn_1", "data": "kmnist", "search": {"lr": "0.1..1"}, **changes})


def test_a_grid_that_never_ends_is_refused():
    with pytest.raises(UsageError, match=f"more than {MOST_COMBINATIONS:,}"):
        Sweep("nn_1", "kmnist", {"batch_size": "1..100", "epochs": "1..100"}, sampler="grid")


TOML = """
data = "kmnist"
trials = 7
sampler = "random"
limit = 500

[shared]
model = "resnet"
recipe = "keras_sgd"
epochs = 3
options = { depth = 2 }

[search]
lr = "0.001..0.1 log"
optimizer = ["sgd", "adamw"]
nesterov = [true, false]
options = { width = [16, 32] }
"""


def test_a_file_says_the_same_as_the_command_line(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(TOML)
    found = read_file(path)
    assert found.pop("trials") == 7
    assert Sweep(**found) == Sweep(
        model="resnet",
        data="kmnist",
        search={"lr": "0.001..0.1 log", "optimizer": "sgd,adamw", "nesterov": "yes,no", "option.width": "16,32"},
        fixed={"epochs": 3},
        options={"depth": 2},
        recipe="keras_sgd",
        sampler="random",
        limit=500,
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, DataError, "does not exist"),
        ("data = ", DataError, "can't be read as TOML"),
        ("\udcff", DataError, "can't be read as TOML"),
        ("trails = 3", UsageError, "did you mean trials"),
        ("trials = '3'", UsageError, "trials is '3'"),
        ("limit = true", UsageError, "limit is True"),
        ("search = 3", UsageError, "search is 3; expected a table"),
        ("shared = 3", UsageError, "shared is 3; expected a table"),
        ("[shared]\nmodel = 3", UsageError, "shared.model is 3; expected a text"),
        ("[shared]\nepoch = 3", UsageError, "did you mean epochs"),
        ("[search]\noptions = 3", UsageError, "options is 3; expected a table"),
        ("[search]\nlr = 3", UsageError, "list of values"),
        ("[search]\nlr = [[1]]", UsageError, "list of values"),
    ],
)
def test_a_file_that_makes_no_sense_is_told(tmp_path, text, error, message):
    path = tmp_path / "mine.toml"
    if text is not None:
        path.write_text(text, errors="surrogateescape")
    with pytest.raises(error, match=message):
        read_file(path)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "say which network"),
        (["nn_1"], 2, "say which network"),
        (["nn_1", "--data", "kmnist"], 2, "say which network"),
        (["nn_1", "--data", "kmnist", "--search", "lr"], 2, "does not say what"),
        (["nn_1", "--data", "kmnist", "--search", "lr=1..2", "--search", "lr=2..3"], 2, "lr twice"),
        (["nn_1", "--data", "kmnist", "--search", "lr=1..2", "--lr", "1"], 2, "searched and fixed"),
        (["nn_1", "--data", "no/such/folder", "--search", "lr=1..2"], 1, "no/such/folder"),
        (["nn_1", "--data", "no-such-set", "--search", "lr=1..2"], 2, "no-such-set"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--validation-fraction", "0"], 2, "validation"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--trials", "0"], 2, "at least 1"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--timeout", "0"], 2, "above 0"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--jobs", "0"], 2, "from 1"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--name", "../up"], 2, "no name"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--storage", "here"], 2, "no address"),
        (["nn_1", "--data", "brush:kmnist", "--search", "lr=1..2", "--epocs", "1"], 2, "--epochs"),
        (["no.toml"], 1, "does not exist"),
        (["--resume", "nothing"], 2, "no sweep"),
        (["nn_1", "--resume", "nothing"], 2, "--resume"),
    ],
)
def test_wrong_usage_is_told_and_leaves_nothing(arguments, code, message, own_home, capsys):
    assert main(["sweep", *arguments]) == code
    captured = capsys.readouterr()
    assert message in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not (own_home / "sweeps").exists()


def test_choices_stand_as_far_apart_as_they_are():
    from kuzushiji.plots.sweep import places_of

    assert places_of((1, 2, 4)) == [0, 1, 3]
    assert places_of((0.001, 0.01, 1)) == pytest.approx([0, 1, 3])
    assert places_of(("sgd", "adam", "muon")) == places_of((True, 1, 5)) == [0, 1, 2]
