import numpy as np
import pytest

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import UsageError
from kuzushiji.explore.balance import measure_balance


def data(counts, split="train"):
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return CharacterImages(
        np.zeros((len(labels), 2, 2), np.uint8), labels, tuple("あいうえお"[: len(counts)]), split=split
    )


@pytest.fixture
def balance():
    # Sorted: え 50, い 30, あ 15, う 5; お has none.
    return measure_balance({"train": data([15, 30, 5, 50, 0]), "test": data([1, 2, 3, 4, 10], "test")}, cover=0.9)


def test_cut_off_is_as_counted_by_hand(balance):
    assert balance.order.tolist() == [3, 1, 0, 2, 4]
    assert balance.sorted_counts.tolist() == [50, 30, 15, 5, 0]
    assert balance.coverage.tolist() == pytest.approx([0.5, 0.8, 0.95, 1, 1])
    assert balance.kept == 3
    assert balance.merged == 1
    assert balance.merged_images == 5
    assert balance.rarest_kept == 15


@pytest.mark.parametrize(("cover", "kept"), [(0.3, 1), (0.5, 1), (0.51, 2), (0.8, 2), (0.95, 3), (0.951, 4), (1, 4)])
def test_the_fewest_classes_that_make_up_the_share_are_kept(cover, kept):
    assert measure_balance({"train": data([15, 30, 5, 50, 0])}, cover).kept == kept


def test_the_other_splits_are_measured_by_the_training_images(balance):
    assert balance.deciding == "train"
    assert balance.covered("test") == pytest.approx((4 + 2 + 1) / 20)
    assert balance.unseen("test") == 10
    assert balance.unseen("train") == 0


def test_classes_are_counted(balance):
    assert balance.present == 4
    assert balance.singles == 0
    assert balance.ratio == 10
    entropy = -sum(share * np.log(share) for share in (0.5, 0.3, 0.15, 0.05))
    assert balance.effective_classes == pytest.approx(np.exp(entropy))


def test_of_a_single_split_its_own_images_decide():
    balance = measure_balance({"all": data([1, 1, 1, 1], "all")})
    assert balance.deciding == "all"
    assert balance.effective_classes == pytest.approx(4)
    assert balance.singles == 4


def test_numbers_name_the_characters(balance):
    written = balance.to_dict()
    assert written["counts"]["train"] == {"え": 50, "い": 30, "あ": 15, "う": 5}
    assert written["kept_classes"] == 3


@pytest.mark.parametrize("cover", [0, -1, 1.01])
def test_a_share_out_of_range_is_refused(cover):
    with pytest.raises(UsageError, match="cover"):
        measure_balance({"train": data([1, 2])}, cover)
