import signal
import threading

import numpy as np
import pytest
import torch

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import Interrupted, RunError
from kuzushiji.inference.outputs import as_tensor
from kuzushiji.models import create_model
from kuzushiji.runs.recipe import Recipe
from kuzushiji.training import session
from kuzushiji.training.session import best_epoch, steps_per_epoch, stopped_early
from kuzushiji.training.tasks.classify import Classification, share_of_size
from tests.training.fitting import fit

RECIPE = Recipe(epochs=3, batch_size=32, lr=0.05, weight_decay=0.0, rotate=0.0, scale=0.0, shear=0.0)


def network(model: str = "nn_1", **options):
    torch.manual_seed(0)
    return create_model(model, classes=4, image_size=12, **options)


def weights(trained) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trained.state_dict().items()}


def same(first, second) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_learns(bars):
    trained, epochs = fit(network(), bars, bars, RECIPE.change(epochs=8))
    assert [line["epoch"] for line in epochs] == list(range(1, 9))
    assert epochs[-1]["validation_accuracy"] > 0.95
    assert epochs[-1]["train_loss"] < epochs[0]["train_loss"]
    assert epochs[-1]["images_per_second"] > 0
    assert not trained.training


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "adadelta", "muon"])
@pytest.mark.parametrize("loss", ["cross_entropy", "mean_squared_error"])
def test_each_optimizer_with_each_loss_lowers_the_loss(bars, optimizer, loss):
    recipe = RECIPE.change(
        optimizer=optimizer, loss=loss, lr={"sgd": 0.3, "adadelta": 1.0}.get(optimizer, 0.01), epochs=6
    )
    _, epochs = fit(network(), bars, None, recipe)
    assert epochs[-1]["train_loss"] < 0.9 * epochs[0]["train_loss"]
    assert epochs[-1]["validation_accuracy"] is None


def test_the_seed_decides_everything(bars):
    first, again, other = (weights(fit(network(), bars, None, RECIPE.change(seed=seed))[0]) for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


class Cut(Exception):
    pass


@pytest.mark.parametrize("after", [2, 5, 8, 11, 20])
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "lr": 0.01},
        {"optimizer": "adadelta", "ema": 0.9, "elastic": 0.05, "cutout": 0.3},
        {"keep": "best", "precision": "bfloat16", "schedule": "cosine"},
        {"optimizer": "muon", "lr": 0.01, "swa": 0.5, "sam": 0.05, "balance": 0.5, "logit_adjustment": 1.0},
    ],
    ids=["adam", "ema", "best", "muon"],
)
def test_resumed_training_ends_with_the_same_bits(bars, monkeypatch, changes, after):
    """The state is saved at every step; the training is cut off after so many, and taken up again."""
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", -1.0)
    recipe = RECIPE.change(**changes)
    build = lambda: network("keras_cnn")  # noqa: E731  # it has dropout, so that random numbers matter
    unbroken, unbroken_epochs = fit(build(), bars, bars, recipe)

    states = []

    def save(state):
        states.append(torch.load(_bytes(state), weights_only=True))
        if len(states) == after:
            raise Cut

    with pytest.raises(Cut):
        fit(build(), bars, bars, recipe, save_state=save)
    resumed, resumed_epochs = fit(build(), bars, bars, recipe, state=states[-1])
    assert same(weights(unbroken), weights(resumed))
    timing = {"seconds", "images_per_second"}
    for line, other in zip(unbroken_epochs, resumed_epochs, strict=True):
        assert {k: v for k, v in line.items() if k not in timing} == {k: v for k, v in other.items() if k not in timing}


@pytest.mark.parametrize("wrong", [{"step": 0.5}, {"step": None}, {"epoch": 1.0}, {"step": -1}, {"step": 10**6}])
def test_a_state_that_stands_between_steps_is_told(bars, monkeypatch, wrong):
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", -1.0)
    states = []

    def save(state):
        states.append(state)
        raise Cut

    with pytest.raises(Cut):
        fit(network("nn_1"), bars, bars, RECIPE, save_state=save)
    with pytest.raises(RunError, match="the checkpoint is not of this training, or damaged"):
        fit(network("nn_1"), bars, bars, RECIPE, state=states[0] | wrong)


def _bytes(state):
    import io

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


def test_keeps_the_best_epoch(bars, monkeypatch):
    accuracies = iter([0.5, 0.9, 0.7])
    seen = []

    def validate(task, kept):
        seen.append(weights(kept))
        return {"validation_accuracy": next(accuracies), "validation_loss": 1.0}

    monkeypatch.setattr(Classification, "validate", validate)
    best, epochs = fit(network(), bars, bars, RECIPE.change(keep="best"))
    assert best_epoch(epochs) == 2
    assert same(weights(best), seen[1])
    assert not same(weights(best), seen[2])


def test_stops_early(bars, monkeypatch):
    monkeypatch.setattr(Classification, "validate", lambda *_: {"validation_accuracy": 0.5, "validation_loss": 1.0})
    _, epochs = fit(network(), bars, bars, RECIPE.change(epochs=50, patience=3))
    assert len(epochs) == 4
    assert stopped_early(epochs, 3)
    assert not stopped_early(epochs, 4)


def test_a_loss_that_is_not_finite_stops_and_says_what_to_try(bars):
    with pytest.raises(RunError, match=r"epoch 1.*--lr"):
        fit(network(), bars, None, RECIPE.change(lr=1e30, momentum=0.99))


def test_nothing_that_is_not_finite_is_ever_saved(bars, monkeypatch):
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", -1.0)
    saved = []
    with pytest.raises(RunError):
        fit(
            network(),
            bars,
            None,
            RECIPE.change(lr=1e30),
            save_state=lambda s: saved.append(s["tally"]["sums"].clone()),
        )
    assert all(sums.isfinite().all() for sums in saved)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_training_with_its_state_saved(bars, number):
    states, steps = [], []

    def progress(now):
        if now.epoch == 2 and not steps:
            steps.append(now)
            signal.raise_signal(number)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted):
        fit(network(), bars, None, RECIPE, save_state=states.append, on_progress=progress)
    assert signal.getsignal(number) is before
    resumed, epochs = fit(network(), bars, None, RECIPE, state=states[-1])
    assert len(epochs) == 3
    assert same(weights(resumed), weights(fit(network(), bars, None, RECIPE)[0]))


def test_trains_outside_the_main_thread(bars):
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(fit(network(), bars, None, RECIPE.change(epochs=1))))
    thread.start()
    thread.join()
    assert len(outcome) == 1


@pytest.mark.parametrize(
    ("images", "batch", "steps"), [(100, 32, 4), (96, 32, 3), (97, 32, 3), (98, 32, 4), (2, 64, 1), (1, 64, 1)]
)
def test_a_last_batch_of_one_image_is_left_out(images, batch, steps):
    assert steps_per_epoch(images, batch) == steps


def test_batch_normalisation_survives_an_odd_count(bars):
    fit(network("resnet", width=4), bars.select(slice(0, 65)), None, RECIPE.change(epochs=1))


def test_trains_on_a_memory_map_without_a_warning(bars, tmp_path):
    np.save(tmp_path / "images.npy", bars.images)
    mapped = CharacterImages(np.load(tmp_path / "images.npy", mmap_mode="r"), bars.labels, bars.classes)
    assert not mapped.images.flags.writeable
    assert as_tensor(mapped.images).data_ptr() == mapped.images.ctypes.data
    from_map, _ = fit(network(), mapped, None, RECIPE)
    from_memory, _ = fit(network(), bars, None, RECIPE)
    assert same(weights(from_map), weights(from_memory))


def test_balance_draws_rare_classes_more_often():
    labels = np.repeat(np.arange(4), (400, 40, 4, 0))
    images = CharacterImages(np.zeros((444, 2, 2), np.uint8), labels, tuple("おきすつ"))

    def drawn(balance):
        order = Classification(images, None, Recipe(balance=balance), torch.device("cpu")).order(0)
        assert len(order) == 444
        return np.bincount(labels[order], minlength=4)

    assert drawn(0.0).tolist() == [400, 40, 4, 0]
    assert drawn(1.0)[:3] == pytest.approx([148, 148, 148], abs=40)
    assert drawn(0.5)[:3] == pytest.approx([324, 102, 32], abs=40)


def test_logit_adjustment_helps_the_rare_class(bars):
    """Where the images say nothing, the share of a class in training no longer decides."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), (180, 20))
    noise = CharacterImages(random.integers(0, 255, (200, 4, 4), dtype=np.uint8), labels, ("お", "き"))
    recipe = RECIPE.change(epochs=30, lr=0.1, translate=0.0, weight_decay=0.05)

    def lean(**changes):
        """How much the logits of the rare class lie below those of the common one."""
        torch.manual_seed(0)
        model = create_model("nn_1", classes=2, image_size=4)
        trained, _ = fit(model, noise, None, recipe.change(**changes))
        fresh = torch.rand(500, 1, 4, 4)
        with torch.inference_mode():
            return (trained(fresh) @ torch.tensor([1.0, -1.0])).mean().item()

    plain, adjusted = lean(), lean(logit_adjustment=1.0)
    assert plain > 1.5
    assert abs(adjusted) < plain / 2


def test_images_grow_to_their_size(bars):
    sizes = []
    resnet = network("resnet", width=4)
    resnet.register_forward_pre_hook(lambda module, inputs: sizes.append(inputs[0].shape[-1]))
    fit(resnet, bars, None, RECIPE.change(epochs=6, batch_size=240, start_size=0.5))
    assert sizes == [6, 8, 9, 10, 12, 12]
    assert share_of_size(Recipe(), 0) == 1


def test_weights_are_averaged_over_the_end_of_the_training(bars, monkeypatch):
    averages = []

    def validate(task, kept):
        averages.append(weights(kept))
        return {"validation_loss": None, "validation_accuracy": None}

    monkeypatch.setattr(Classification, "validate", validate)
    model = network()
    trained, _ = fit(model, bars, bars, RECIPE.change(epochs=4, batch_size=240, swa=0.5))
    after = [each["head.weight"] for each in averages]
    assert not torch.equal(after[0], after[1]), "not yet averaged, the network itself is measured"
    torch.testing.assert_close(trained.head.weight, after[3])
    assert trained is not model
    torch.testing.assert_close(2 * after[3] - after[2], model.head.weight, msg="the mean of the last two steps")


def test_a_teacher_is_followed(bars):
    """The labels are all the same; what is learnt comes from the teacher, who names the right class."""
    labels = torch.from_numpy(bars.labels)
    blind = CharacterImages(bars.images, np.zeros_like(bars.labels), bars.classes)
    teacher = lambda images, numbers: torch.nn.functional.one_hot(labels[numbers], 4) * 12.0  # noqa: E731
    recipe = RECIPE.change(epochs=8, distillation=1.0)
    _, epochs = fit(network(), blind, bars, recipe, teacher=teacher)
    assert epochs[-1]["validation_accuracy"] > 0.95
    _, epochs = fit(network(), blind, bars, recipe.change(distillation=0.0), teacher=teacher)
    assert epochs[-1]["validation_accuracy"] < 0.5


def test_a_teacher_sees_what_the_pupil_sees(bars):
    seen = []
    model = network()
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    taught = []

    def teacher(images, numbers):
        taught.append(images.clone())
        return torch.zeros(len(images), 4)

    fit(model, bars, None, RECIPE.change(epochs=1, mixup=1.0), teacher=teacher)
    assert len(taught) == len(seen) == 8
    # The pupil's own hook comes before that which mixes.
    assert not torch.equal(taught[0], seen[0])
    assert taught[0].shape == seen[0].shape
