import pytest

from kuzushiji.data.catalogue.sets import DATASETS
from kuzushiji.errors import UsageError
from kuzushiji.studies.checks import check_networks
from kuzushiji.studies.load import load_study, parse_study, shipped_studies


def parse(text: str, question: str = 'question = "Which?"'):
    return parse_study(f"{question}\n{text}", "mine", "mine.toml")


@pytest.mark.parametrize("name", shipped_studies())
def test_every_study_that_ships_is_whole(name):
    study = load_study(name)
    check_networks(study, 49, (study.image_size or 28,) * 2)
    assert study.name == name
    assert study.question.endswith("?")
    assert study.source
    assert all(part.split(":")[0] in {*DATASETS, "brush"} for part in study.data.split("+"))
    published = {measure for trial in study.trials for measure in trial.theirs}
    assert bool(published) == bool(study.published.source)


@pytest.mark.parametrize(
    "name",
    [
        "lenet-or-alexnet",
        "twelve-networks",
        "losses",
        "learning-rates",
        "batch-sizes",
        "augmentation",
        "longer-training",
        "dropout",
        "attention",
        "benchmark-table",
        "transfer",
        "page-characters",
    ],
)
def test_the_studies_that_were_asked_for_ship(name):
    assert name in shipped_studies()


def test_residual_networks_cost_what_those_beside_them_cost():
    from kuzushiji.models import create_model
    from kuzushiji.models.inspection import count_macs

    study = load_study("twelve-networks")
    for residual, plain in (
        ("ResNet at the cost of CNN_1", "CNN_1_adam"),
        ("ResNet at the cost of CNN_2", "CNN_2_adam"),
    ):
        costs = [
            count_macs(create_model(trial.model, classes=10, image_size=28, **trial.options), 28)
            for trial in (study.trial(residual), study.trial(plain))
        ]
        assert costs[0] == pytest.approx(costs[1], rel=0.05)
        assert study.trial(residual).recipe == study.trial(plain).recipe


def test_learning_rates_and_batch_sizes_are_those_of_the_source():
    rates = {trial.recipe.lr for trial in load_study("learning-rates").trials if trial.theirs}
    assert rates == {0.1, 0.01, 0.001, 0.0001}
    sizes = load_study("batch-sizes")
    assert [trial.recipe.batch_size for trial in sizes.trials if trial.theirs] == [8, 16, 32, 64, 128]
    assert all(trial.recipe.epochs == 12 and trial.recipe.optimizer == "adadelta" for trial in sizes.trials)


def test_a_trial_goes_before_what_is_shared_and_that_before_the_recipe():
    study = parse(
        """
        [shared]
        model = "keras_cnn"
        recipe = "keras_adam"
        epochs = 3
        options = { dropout = 0.1, dense_dropout = 0.2 }
        [[trials]]
        label = "as shared"
        [[trials]]
        epochs = 5
        recipe = "keras_sgd"
        options = { dropout = 0.3 }
        """
    )
    shared, own = study.trials
    assert (shared.recipe.epochs, shared.recipe_name, shared.recipe.lr) == (3, "keras_adam", 0.001)
    assert shared.changes == {"epochs": 3}
    assert (own.recipe.epochs, own.recipe_name, own.recipe.optimizer) == (5, "keras_sgd", "sgd")
    assert own.options == {"dropout": 0.3, "dense_dropout": 0.2}
    assert own.label == "keras_sgd, epochs 5, dropout 0.3"


def test_a_network_comes_with_its_own_recipe():
    (trial,) = parse('[[trials]]\nmodel = "nn_1_sgd"').trials
    assert (trial.model, trial.recipe_name) == ("nn_1", "keras_sgd")


def test_a_grid_is_every_combination():
    study = parse(
        """
        factor = "lr"
        series = "options.dropout"
        [shared]
        model = "keras_cnn"
        [grid]
        label = "{lr} with {dropout}"
        lr = [0.1, 0.01]
        [grid.options]
        dropout = [0.0, 0.5]
        """
    )
    assert study.labels == ("0.1 with 0.0", "0.1 with 0.5", "0.01 with 0.0", "0.01 with 0.5")
    assert study.trials[2].value_of("lr") == 0.01
    assert study.trials[2].value_of("options.dropout") == 0.0
    assert study.trials[2].value_of("options.dense_dropout") == 0.5


def test_some_trials_may_be_taken():
    study = parse(
        """
        baseline = "b"
        pairs = [["a1", "b"], ["a1", "a2"]]
        [[trials]]
        label = "a1"
        model = "nn_1"
        [[trials]]
        label = "a2"
        model = "nn_2"
        [[trials]]
        label = "b"
        model = "lenet5"
        [[trials]]
        label = "a+b"
        ensemble = ["a1", "b"]
        [[contrasts]]
        name = "x"
        pairs = [["a1", "a2"], ["a1", "b"]]
        """
    )
    some = study.only(["a?"])
    assert some.labels == ("a1", "a2")
    assert (some.baseline, some.pairs, some.contrasts[0].pairs) == ("", (("a1", "a2"),), (("a1", "a2"),))
    assert study.only(["a*", "b"]).labels == study.labels
    assert study.only(["b"]).contrasts == ()
    with pytest.raises(UsageError, match="did you mean a2"):
        study.only(["a22"])
    with pytest.raises(UsageError, match="members"):
        study.only(["a+b"])


def test_epochs_of_networks_may_be_changed_and_those_of_classical_models_not():
    study = parse('[[trials]]\nmodel = "knn"\n[[trials]]\nmodel = "nn_1"').with_recipe(epochs=2)
    assert [trial.recipe.epochs for trial in study.trials] == [1, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no trial"),
        ("titel = 'x'\n[[trials]]\nmodel = 'nn_1'", "did you mean title"),
        ("[[trials]]\nmodle = 'nn_1'", r"trial 1: .*did you mean model"),
        ("[[trials]]\nlabel = 'x'\nmodel = 'nn_11'", r"trial 1 \('x'\): .*did you mean nn_1"),
        ("[[trials]]\nmodel = 'nn_1'\nrecipe = 'keras_adma'", "did you mean keras_adam"),
        ("[[trials]]\nmodel = 'nn_1'\nlearning_rate = 0.1", "no key 'learning_rate'"),
        ("[[trials]]\nmodel = 'nn_1'\nlr = -1.0", "lr is -1.0; it must be at least 0"),
        ("[[trials]]\nmodel = 'nn_1'\nlr = 'fast'", "expected a value of type float"),
        ("[[trials]]\nmodel = 3", "model is 3; expected a text"),
        ("[[trials]]\nlabel = 'x'", "names no model"),
        ("[[trials]]\nmodel = 'nn_1'\n[[trials]]\nmodel = 'nn_1'", "two trials are called 'nn_1'"),
        ("[[trials]]\nmodel = 'nn_1'\noptions = 3", "options is 3; expected a table"),
        ("[[trials]]\nmodel = 'knn'\nlr = 0.1", "knn is fitted in one pass"),
        ("trials = 3", r"\[\[trials\]\]"),
        ("baseline = 'nn_2'\n[[trials]]\nmodel = 'nn_1'", "no trial 'nn_2'"),
        ("pairs = [['nn_1', 'nn2']]\n[[trials]]\nmodel = 'nn_1'", "no trial 'nn2'"),
        ("pairs = ['nn_1']\n[[trials]]\nmodel = 'nn_1'", r"pairs\[0\] is 'nn_1'; expected a list"),
        ("pairs = [['nn_1']]\n[[trials]]\nmodel = 'nn_1'", "expected a list of 2"),
        ("show = ['layres']\n[[trials]]\nmodel = 'nn_1'", "did you mean layers"),
        ("show = 'layers'\n[[trials]]\nmodel = 'nn_1'", "expected a list"),
        ("seeds = 0\n[[trials]]\nmodel = 'nn_1'", "at least 1"),
        ("factor = 'batchsize'\n[[trials]]\nmodel = 'nn_1'", "did you mean batch_size"),
        ("[[trials]]\nmodel = 'nn_1'\ntheirs = { test_acuracy = 0.9 }", "did you mean test_accuracy"),
        ("[[trials]]\nmodel = 'nn_1'\ntheirs = { test_accuracy = 91.2 }", "shares from 0 to 1"),
        ("[[trials]]\nlabel = 'e'\nensemble = ['nn_1']", "no trial 'nn_1'"),
        ("[[trials]]\nlabel = 'e'\nensemble = ['f']\n[[trials]]\nlabel = 'f'\nensemble = ['e']", "an ensemble itself"),
        ("[[trials]]\nmodel = 'nn_1'\n[[trials]]\nensemble = ['nn_1']\nlr = 0.1", "has no lr of its own"),
        ("[grid]\nlr = 0.1\n[shared]\nmodel = 'nn_1'", r"\[grid\]: lr is 0.1; expected a list"),
        ("name = 'x'\n[[trials]]\nmodel = 'nn_1'", "no key 'name'"),
        ("[[trials]]\nmodel = 'nn_1'\nchanges = { lr = 0.1 }", "no key 'changes'"),
        ("[grid]\nlr = []\n[shared]\nmodel = 'nn_1'", "lr is an empty list"),
        ("grdi = 3\n[[trials]]\nmodel = 'nn_1'", "did you mean grid"),
        ("shared = 3\n[[trials]]\nmodel = 'nn_1'", r"\[shared\]: it is 3; expected a table"),
        ("[grid]\nlabel = 3\nlr = [0.1]\n[shared]\nmodel = 'nn_1'", r"\[grid\]: label is 3; expected a text"),
        ("[grid]\nlabel = '{lrr}'\nlr = [0.1]\n[shared]\nmodel = 'nn_1'", "did you mean lr"),
        ("[shared]\nmodle = 'nn_1'", "did you mean model"),
        ("[[contrasts]]\nname = 'x'\n[[trials]]\nmodel = 'nn_1'", r"contrasts\[0\].pairs is missing"),
        ("[[contrasts]]\nname = 'x'\npairs = []\n[[trials]]\nmodel = 'nn_1'", "needs pairs of trials"),
        ("cover = 1.5\n[[trials]]\nmodel = 'nn_1'", "above 0 and at most 1"),
        ("cover = '90%'\n[[trials]]\nmodel = 'nn_1'", "cover is '90%'; expected a number"),
        ("cover = 0.9\nrare_below = 3\n[[trials]]\nmodel = 'nn_1'", "give one of them"),
        ("cover = 0.9\n[[trials]]\nmodel = 'nn_1'\nlimit = 9", "a limit of its own"),
        ("image_size = 0\n[[trials]]\nmodel = 'nn_1'", "image_size is 0; expected a whole number"),
        ("[[trials]]\nmodel = 'nn_1'\npretraining = true", "a pre-training needs data of its own"),
        ("[[trials]]\nmodel = 'nn_1'\ndata = 'k49'", "what is measured has that of the study"),
        ("[[trials]]\nmodel = 'nn_1'\npretraining = 1", "expected true or false"),
        ("[[trials]]\nmodel = 'nn_1'\npretraining = true\ndata = 'k49'", "pre-trainings alone"),
        ("[[trials]]\nmodel = 'nn_1'\nunfrozen = 0", "unfrozen needs weights"),
        ("[[trials]]\nmodel = 'nn_1'\nstart = 'a'\nweights = 'b'", "give one of them"),
        ("[[trials]]\nmodel = 'knn'\nstart = 'a'", "no weights to start from"),
        ("[[trials]]\nlabel = 'a'\nmodel = 'nn_1'\nstart = 'a'", "would start from itself"),
        (
            "[shared]\nmodel = 'nn_1'\n[[trials]]\nlabel = 'a'\nstart = 'b'\n[[trials]]\nlabel = 'b'\nstart = 'a'",
            "would start from itself, by way of",
        ),
        (
            "[[trials]]\nlabel = 'a'\nmodel = 'nn_1'\nstart = 'b'\n[[trials]]\nlabel = 'b'\nmodel = 'nn_2'",
            "'a' is nn_1 and can't start from 'b', which is nn_2",
        ),
        (
            "baseline = 't'\n[[trials]]\nlabel = 't'\nmodel = 'nn_1'\npretraining = true\ndata = 'k49'",
            "'t' is a pre-training, which is not measured",
        ),
        (
            "[[columns]]\nkey = 'k'\nmeasure = 'loss'\n[[trials]]\nmodel = 'nn_1'",
            "expected accuracy or balanced_accuracy",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_what_would_be_right(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse(text)
    assert str(caught.value).startswith("mine.toml: ")


def test_a_grid_that_nobody_could_train_is_refused_before_it_is_spelled_out():
    axes = [f"{field} = {list(range(1, 101))}" for field in ("batch_size", "epochs", "patience", "seed")]
    text = "\n".join(["[shared]", "model = 'nn_1'", "[grid]", *axes[:3], "[grid.options]", "n" + axes[3]])
    with pytest.raises(UsageError, match=r"mine.toml: \[grid\] has 100,000,000 combinations, more than 10,000"):
        parse(text)


def test_the_name_that_a_pretraining_had_is_read_with_a_warning():
    text = """
        [[trials]]
        label = "kanji"
        model = "nn_1"
        KEY = true
        data = "kkanji"
        [[trials]]
        model = "nn_1"
        start = "kanji"
        """
    with pytest.warns(FutureWarning, match="mine.toml: `teacher` is called `pretraining` today; rename it"):
        study = parse(text.replace("KEY", "teacher"))
    assert study == parse(text.replace("KEY", "pretraining"))


def test_a_study_must_ask_something():
    with pytest.raises(UsageError, match="it asks nothing"):
        parse('[[trials]]\nmodel = "nn_1"', question="")


def test_text_that_is_no_toml_is_told_with_its_line():
    with pytest.raises(UsageError, match=r"no valid TOML.*line 3"):
        parse("trials = [\n!")


@pytest.mark.parametrize(
    ("options", "message"),
    [("{ widht = 3 }", "no option 'widht'"), ("{ width = 'a' }", "width of resnet is 'a'"), ("{ width = 0 }", "width")],
)
def test_wrong_options_show_when_the_network_is_made(options, message):
    study = parse(f'[[trials]]\nlabel = "x"\nmodel = "resnet"\noptions = {options}')
    with pytest.raises(UsageError, match=message) as caught:
        check_networks(study, 10, (28, 28))
    assert "trial 'x'" in str(caught.value)


def test_a_factor_must_be_an_option_of_every_network():
    study = parse("factor = 'options.depht'\n[[trials]]\nmodel = 'resnet'")
    with pytest.raises(UsageError, match="no option of resnet 'depht'; did you mean depth"):
        check_networks(study, 10, (28, 28))


def test_images_that_are_too_small_for_a_network_are_told():
    with pytest.raises(UsageError, match="at least 12 x 12"):
        check_networks(parse('[[trials]]\nmodel = "lenet5"'), 10, (8, 8))


def test_files(tmp_path):
    path = tmp_path / "mine.toml"
    with pytest.raises(UsageError, match="there is no file"):
        load_study(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="can't be read as text"):
        load_study(path)
    path.write_text('question = "Which?"\n[[trials]]\nmodel = "nn_1"', encoding="utf-8")
    assert load_study(path).name == "mine"
    with pytest.raises(UsageError, match=r"did you mean losses.*\.toml"):
        load_study("loses")


def test_a_note_has_names_for_what_was_done_and_other_names_are_refused():
    assert parse('note = "For {epochs} epochs."\n[[trials]]\nmodel = "nn_1"').note == "For {epochs} epochs."
    with pytest.raises(UsageError, match="no field of the recipe 'epoch'; did you mean epochs"):
        parse('note = "For {epoch} epochs."\n[[trials]]\nmodel = "nn_1"')


def test_what_a_study_varies_cannot_be_changed_for_all():
    with pytest.raises(UsageError, match="is the study of what epochs does"):
        load_study("longer-training").with_recipe(epochs=1)
