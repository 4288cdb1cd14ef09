"""Studies of which trials start from other trials, from runs or from files of weights."""

import json
from functools import partial

import pytest

from kuzushiji.files import file_hash
from kuzushiji.processes import Ended
from kuzushiji.report.document import Commands, Note, Paragraph, Table
from kuzushiji.report.study import study_document
from kuzushiji.studies.conclusion import conclude
from kuzushiji.studies.definition import Study
from kuzushiji.studies.gather import gather_answer
from kuzushiji.studies.load import parse_study
from kuzushiji.studies.plan import Training
from kuzushiji.studies.runner import StudyWatch, attempt, run_study
from kuzushiji.studies.stored import to_json
from kuzushiji.training.experiment import TrainingWatch
from tests.bars import write_bars

TEXT = """
question = "Does it help to have learnt before?"
image_size = 14
cover = 0.7
show = ["cut-off", "mistakes", "examples"]
baseline = "plain"
[shared]
model = "nn_1"
recipe = "keras_adam"
epochs = 1
validation_fraction = 0.25
[[trials]]
label = "taught"
start = "before"
unfrozen = 0
[[trials]]
label = "plain"
[[trials]]
label = "before"
pretraining = true
data = "DATA"
limit = 100
[[trials]]
label = "from a file"
weights = "nowhere.safetensors"
[[trials]]
label = "from photographs"
weights = "imagenet"
[[trials]]
label = "from nobody"
start = "nobody"
[[trials]]
label = "from nobody either"
start = "nobody"
"""


class Planned(Exception):
    """Raised when a study has been planned, so that nothing is trained."""


def study(text: str, data: object = "brush:kmnist") -> Study:
    return parse_study(text.replace("DATA", str(data)), "mine", "mine.toml")


def plan(text: str, folder, data, **settings) -> dict[str, Training]:
    """The trainings of a study by their labels, without training."""
    found: list[Training] = []

    def planned(trainings: list[Training], waiting: list[Training]) -> None:
        found.extend(trainings)
        raise Planned

    with pytest.raises(Planned):
        run_study(study(text, data), str(data), folder=folder, watch=StudyWatch(planned=planned), **settings)
    return {training.label: training for training in found}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The study above, its outcomes by label, and what was started in which order."""
    folder = tmp_path_factory.mktemp("starting")
    data = write_bars(folder / "bars")
    started: list[str] = []
    watch = StudyWatch(started=lambda training: started.append(training.label))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUZUSHIJI_HOME", str(folder / "home"))
        chosen = study(TEXT, data)
        outcomes = run_study(chosen, str(data), folder=folder / "out", watch=watch)
        answer = gather_answer(chosen, str(data), folder / "out", outcomes)
    return answer, {outcome.training.label: outcome for outcome in outcomes}, started


def test_a_trial_starts_from_another_which_is_trained_before_it(ran):
    _, outcomes, started = ran
    assert started[:2] == ["before", "taught"]
    before, taught = outcomes["before"].run, outcomes["taught"].run
    assert taught.config.start.sha256 == file_hash(before.weights_file)
    assert taught.config.start.unfrozen == 0
    assert f"--from {before.path}" in taught.config.command
    assert outcomes["plain"].run.config.start is None


def test_a_pretraining_is_neither_measured_nor_compared(ran):
    answer, outcomes, _ = ran
    before = outcomes["before"].run
    assert before.finished
    assert not before.predictions_file().exists()
    assert {result.label for result in answer.measured} == {"taught", "plain"}
    assert "before" not in {result.label for result in answer.results}
    assert [(each.first, each.second) for each in answer.comparisons] in ([("taught", "plain")], [("plain", "taught")])
    section = study_document(answer, conclude(answer), "kuzushiji study mine.toml").sections[-1]
    text = " ".join(block.text for block in section.blocks if isinstance(block, Paragraph | Note))
    assert "before was trained on" in text
    assert "neither measured nor compared" in text
    assert (
        "taught began with the weights of before and a head that knew 3 of the 4 classes, which alone was trained."
        in text
    )
    lines = [line for block in section.blocks if isinstance(block, Commands) for line in block.lines]
    (teaches,) = [line for line in lines if line.endswith(f" --run {before.name}")]
    (learns,) = [line for line in lines if f"--from {before.name} " in f"{line} "]
    assert teaches != learns
    assert str(answer.folder) not in " ".join(lines), "where the runs lie is nobody's matter"
    read = json.loads(json.dumps(to_json(answer, conclude(answer))))
    assert [each["label"] for each in read["pretrainings"]] == ["before"]
    assert "before" not in {each["label"] for each in read["trials"]}


def test_what_there_is_nothing_to_start_from_for_is_not_measured_and_the_answer_says_why(ran):
    answer, outcomes, _ = ran
    missing = {label for label, outcome in outcomes.items() if outcome.missing}
    assert missing == {"from a file", "from photographs", "from nobody", "from nobody either"}
    assert not any(outcomes[label].run.path.exists() for label in missing)
    text = " ".join(conclude(answer))
    assert "Not measured: from a file (nowhere.safetensors is no file" in text
    assert "Not measured: from photographs (no weights learnt on ImageNet are published for nn_1" in text
    assert (
        "Not measured: from nobody and from nobody either (there is neither a trial nor a run called 'nobody')." in text
    )


def test_rare_classes_are_merged_for_the_whole_study_but_not_for_pretrainings(ran):
    answer, outcomes, _ = ran
    config = outcomes["plain"].run.config
    assert (config.classes[-1], len(config.classes), config.model.image_size) == ("rare", 4, (14, 14))
    assert outcomes["before"].run.config.classes == ("0", "1", "2", "3")
    sections = {each.id: each for each in study_document(answer, conclude(answer), "kuzushiji study").sections}
    figure, text = sections["cut-off"].blocks
    assert figure.draw(True).get_size_inches()[0] > 2
    assert text.text.startswith("3 characters have a class of their own; the other 1, with 60 training images")
    assert "examples" in sections  # the images are still those that were predicted
    rows = [row for block in sections["mistakes"].blocks if isinstance(block, Table) for row in block.rows]
    wrong = sum(int(row[2]) for row in rows)
    assert wrong == round((1 - answer.best.accuracy) * 80) > 0


def test_a_pretraining_that_fails_holds_up_those_that_start_from_it_alone(bars_folder, tmp_path):
    text = TEXT.replace('data = "DATA"', 'data = "./nowhere"')
    chosen = study(text).only(["taught", "plain"])
    assert chosen.labels == ("taught", "plain", "before")
    outcomes = {each.training.label: each for each in run_study(chosen, str(bars_folder), folder=tmp_path / "out")}
    assert "nowhere does not exist" in outcomes["before"].failure
    assert outcomes["taught"].missing
    assert outcomes["taught"].failure.startswith("before, from which it starts, has no result (")
    assert outcomes["plain"].failure == ""


def test_the_name_of_a_run_changes_with_all_that_decides_its_outcome(bars_folder, tmp_path):
    planned = partial(plan, folder=tmp_path / "out", data=bars_folder)
    first = planned(TEXT)
    other_before = planned(TEXT.replace("limit = 100", "limit = 90"))
    unfrozen = planned(TEXT.replace("unfrozen = 0", "unfrozen = 1"))
    weights = tmp_path / "w.safetensors"
    weights.write_bytes(b"1")
    marks = [first["from a file"].mark]
    for content in (b"1", b"2"):
        weights.write_bytes(content)
        marks.append(planned(TEXT.replace("nowhere.safetensors", str(weights)))["from a file"].mark)
    assert len(set(marks)) == 3
    assert len({trainings["taught"].mark for trainings in (first, other_before, unfrozen)}) == 3
    assert first["taught"].mark != first["plain"].mark == other_before["plain"].mark
    renamed = planned(TEXT.replace('"before"', '"master"'))
    assert renamed["taught"].mark == first["taught"].mark
    assert planned(TEXT, cover=0.5)["plain"].mark != first["plain"].mark
    assert planned(TEXT, cover=0.5)["before"].mark == first["before"].mark
    shrunk = planned(TEXT, limit=120, image_size=12)
    assert (shrunk["before"].limit, shrunk["plain"].limit, shrunk["plain"].image_size) == (100, 120, 12)


def test_a_pretraining_is_trained_once_for_all_seeds(bars_folder, tmp_path):
    trainings: list[Training] = []

    def planned(every: list[Training], waiting: list[Training]) -> None:
        trainings.extend(every)
        raise Planned

    chosen = study(TEXT, bars_folder).only(["taught"])
    with pytest.raises(Planned):
        run_study(chosen, str(bars_folder), folder=tmp_path, seeds=2, watch=StudyWatch(planned=planned))
    assert [(training.label, training.seed) for training in trainings] == [("before", 0), ("taught", 0), ("taught", 1)]
    assert {training.start for training in trainings[1:]} == {trainings[0].path}


def test_side_by_side_a_trial_waits_for_the_one_that_it_starts_from(bars_folder, tmp_path):
    seen: dict[str, list[str]] = {}

    class Here(dict):
        """Trains when it is asked what comes next, in this process, what began last first."""

        def __init__(self, what, jobs):
            super().__init__()

        def __enter__(self):
            return self

        def __exit__(self, *error):
            assert not self

        def start(self, name, function, training):
            self[name] = training
            seen[training.label] = [each.label for each in self.values()]

        def next(self, timeout):
            name, training = self.popitem()
            return name, Ended(result=attempt(training, TrainingWatch()))

    outcomes = run_study(study(TEXT, bars_folder), str(bars_folder), folder=tmp_path / "out", jobs=3, pool=Here)
    assert seen["plain"] == ["before", "plain"]
    assert "before" not in seen["taught"]
    assert {outcome.training.label for outcome in outcomes if not outcome.failure} == {"before", "taught", "plain"}
    assert all(outcome.missing for outcome in outcomes if outcome.failure)
