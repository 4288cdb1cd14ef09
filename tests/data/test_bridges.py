"""`CharacterImages` handed to other libraries, and back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kuzushiji import extras
from kuzushiji.data.images import CharacterImages
from kuzushiji.data.source import load
from kuzushiji.errors import KuzushijiError


@pytest.fixture
def bars(bars_folder: Path) -> CharacterImages:
    return load(bars_folder, "test")


def test_a_dataset_of_pytorch_has_the_same_images_and_labels(bars: CharacterImages) -> None:
    dataset = bars.to_torch()
    loader = torch.utils.data.DataLoader(dataset, batch_size=32)
    images, labels = map(torch.cat, zip(*loader, strict=True))
    assert images.shape == (80, 1, 12, 12)
    assert images.dtype == torch.float32
    assert ((images[:, 0] * 255).round().numpy() == bars.images).all()
    assert (labels.numpy() == bars.labels).all()
    every, targets = dataset.tensors()
    assert torch.equal(every, images)
    assert torch.equal(targets, dataset.targets)


def test_a_dataset_of_pytorch_is_used_as_those_of_torchvision(bars: CharacterImages) -> None:
    dataset = bars.to_torch(transform=lambda image: (image.mode, image.size), target_transform=lambda label: -label)
    assert len(dataset) == 80
    assert dataset[3] == (("L", (12, 12)), -3)
    assert [dataset.classes[dataset.class_to_idx[name]] for name in bars.classes] == list(bars.classes)
    with pytest.raises(IndexError):
        dataset[80]


def test_images_mapped_into_memory_are_left_there(bars: CharacterImages, tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", bars.images)
    mapped = CharacterImages(np.load(tmp_path / "images.npy", mmap_mode="r"), bars.labels, bars.classes)
    dataset = mapped.to_torch()
    assert dataset.images.images.base is not None
    assert torch.equal(dataset[7][0], bars.to_torch()[7][0])


def test_a_data_set_of_hugging_face_has_the_same_images_and_labels(bars: CharacterImages, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    dataset = bars.to_huggingface()
    assert dataset.split == "test"
    dataset.to_parquet(tmp_path / "test.parquet")
    again = datasets.Dataset.from_parquet(str(tmp_path / "test.parquet"), cache_dir=str(tmp_path / "cache"))
    assert isinstance(again.features["image"], datasets.Image)
    read = CharacterImages(
        np.stack([np.asarray(image) for image in again["image"]]),
        np.array(again["label"]),
        tuple(again.features["label"].names),
        ids=np.array(again["id"]),
    )
    assert read.fingerprint() == bars.fingerprint()
    assert (read.ids == bars.ids).all()


def test_what_lacks_datasets_says_how_to_install_it(bars: CharacterImages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda package: None)
    with pytest.raises(KuzushijiError, match=r"needs datasets; install it with: pip install 'kuzushiji\[datasets\]'"):
        bars.to_huggingface()


def test_keras_trains_on_what_load_gives() -> None:
    keras = pytest.importorskip("keras", reason="keras is not installed")
    data = load("brush:kmnist", limit=200)
    model = keras.Sequential(
        [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data.images, data.labels, epochs=5, verbose=0).history
    assert history["accuracy"][-1] > 0.3
