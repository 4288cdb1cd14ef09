from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kuzushiji.errors import DataError, Interrupted, UsageError
from kuzushiji.imaging.cut import to_square
from kuzushiji.inference.predict import predict_run
from kuzushiji.runs.run import find_run
from kuzushiji.training.distillation import describe_teacher, divergence, load_teacher
from kuzushiji.training.experiment import TrainingWatch, resume, train

QUICK = {"epochs": 2, "validation_fraction": 0.25}


def test_divergence_is_that_of_the_paper():
    torch.manual_seed(0)
    pupil, teacher = torch.randn(2, 5, 3)
    expected = 0.0
    for own, taught in zip(pupil / 4, teacher / 4, strict=True):
        p, q = taught.softmax(0), own.softmax(0)
        expected += float((p * (p / q).log()).sum()) / 5
    assert divergence(pupil, teacher, 4.0).item() == pytest.approx(16 * expected, rel=1e-5)
    assert divergence(pupil, pupil, 2.0).item() == pytest.approx(0, abs=1e-6)
    soft = F.cross_entropy(pupil, teacher.softmax(1)) - F.cross_entropy(teacher, teacher.softmax(1))
    assert divergence(pupil, teacher, 1.0).item() == pytest.approx(soft.item(), rel=1e-5)


@pytest.fixture
def taught(bars):
    """A trained run and its predictions of all training images."""
    run = train("nn_1", bars, run="teacher", **QUICK)
    predict_run(run, bars, "train")
    return run


@pytest.mark.parametrize("kind", ["run", "predictions"])
def test_a_run_or_its_predictions_teach(bars, taught, kind):
    source = taught.name if kind == "run" else taught.predictions_file("train")
    run = train("nn_2", bars, run="pupil", teacher=source, distillation=0.9, **QUICK)
    assert run.config.teacher.kind == kind
    assert f"--teacher {source}" in run.config.command
    assert "--distillation 0.9" in run.config.command
    alone = train("nn_2", bars, run="alone", **QUICK)
    assert run.metrics[-1]["train_loss"] != alone.metrics[-1]["train_loss"]


def test_both_kinds_say_the_same(bars, taught):
    images = torch.from_numpy(bars.images[:9, None]).float() / 255
    numbers = torch.arange(9)
    answers = [
        load_teacher(describe_teacher(source), bars, torch.device("cpu"), "float32")(images, numbers)
        for source in (taught.name, taught.predictions_file("train"))
    ]
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", [6, 40])
def test_a_teacher_sees_images_of_another_size_as_it_would_have_loaded_them(bars, side):
    loaded = replace(bars, images=np.stack([to_square(image, side) for image in bars.images]))
    seen = train("nn_1", loaded, run="teacher", **QUICK)
    teacher = load_teacher(describe_teacher(seen.name), bars, torch.device("cpu"), "float32")
    answers = [teacher(torch.from_numpy(data.images[:9, None]).float() / 255, None) for data in (bars, loaded)]
    torch.testing.assert_close(*answers, atol=0.05, rtol=0.02)
    run = train("nn_2", bars, run="pupil", teacher=seen.name, **QUICK)
    assert run.config.model.image_size == bars.image_size


def test_an_interrupted_pupil_goes_on_with_its_teacher(bars, taught):
    unbroken = train("nn_2", bars, run="unbroken", teacher=taught.name, **QUICK)

    def stop(metrics):
        raise Interrupted("here")

    with pytest.raises(Interrupted):
        train("nn_2", bars, run="broken", teacher=taught.name, watch=TrainingWatch(epoch=stop), **QUICK)
    broken = resume(find_run("broken"), data=bars)
    assert broken.metrics[-1]["train_loss"] == unbroken.metrics[-1]["train_loss"]


def test_teachers_that_do_not_fit_are_told(bars, taught, tmp_path):
    with pytest.raises(UsageError, match="other classes"):
        train("nn_2", replace(bars, classes=tuple("かきくけ")), run="pupil", teacher=taught.name, **QUICK)
    with pytest.raises(UsageError, match="validation images of"):
        train("nn_2", bars, run="pupil", teacher=taught.predictions_file("validation"), **QUICK)
    with pytest.raises(UsageError, match="is no file"):
        train("nn_2", bars, run="pupil", teacher=tmp_path / "nothing.npz", **QUICK)
    with pytest.raises(UsageError, match="manifold mixup"):
        train("preact_resnet18", bars, run="pupil", teacher=taught.name, manifold_mixup=1.0, **QUICK)
    with pytest.raises(UsageError, match="which is fitted"):
        train("knn", bars, run="pupil", teacher=taught.name)
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a whole predictions file"):
        train("nn_2", bars, run="pupil", teacher=broken, **QUICK)
    assert not (taught.path.parent / "pupil").exists()
