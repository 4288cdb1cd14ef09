"""The language model chooses among what a network saw, and nothing else; its file comes back or is refused."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kuzushiji.document.page import Candidate, Characters, ImageRef, Page, with_lines
from kuzushiji.errors import DataError, UsageError
from kuzushiji.reading.language import FLOOR, LanguageModel
from kuzushiji.reading.ngrams import Ngrams, common_form
from kuzushiji.shipped import WEIGHTS

sys.path.append(str(Path(__file__).parents[2] / "tools"))
from train_language import ALPHABET, estimate, sequences

TEXTS = ["いろはにほへとちりぬるを", "わかよたれそつねならむ", "こゝろのいろはにほへと", "山の国の春の花", "山の春"] * 4


@pytest.fixture(scope="module")
def ngrams() -> Ngrams:
    return estimate([["".join(map(common_form, text)) for text in TEXTS]], [1.0], order=3, gain=0)


def chosen(language: LanguageModel, candidates: list[str], probabilities: list[list[float]]) -> str:
    names = np.array([list(each) for each in candidates])
    return "".join(names[np.arange(len(names)), language.choose(names, probabilities)])


def test_what_stands_around_decides_between_like_characters(ngrams: Ngrams) -> None:
    language = LanguageModel(ngrams, weight=0.5)
    unsure = [[0.9, 0.1], [0.4, 0.6], [0.55, 0.45], [0.9, 0.1]]
    assert chosen(language, ["いら", "りろ", "ほは", "にこ"], unsure) == "いろはに"
    assert (
        chosen(LanguageModel(ngrams, weight=0), ["いら", "りろ", "ほは", "にこ"], unsure) == "いろほに"
    )  # each its best


def test_iteration_mark_follows_the_kana_that_it_repeats(ngrams: Ngrams) -> None:
    language = LanguageModel(ngrams, weight=0.5)
    assert chosen(language, ["こ春", "しゝ", "ろる"], [[0.99, 0.01], [0.5, 0.5], [0.6, 0.4]]) == "こゝろ"


def test_sure_characters_stay(ngrams: Ngrams) -> None:
    candidates = ["いら", "むろ", "はほ"]
    for share, text in ((0.9, "いろは"), (0.95, "いむは")):
        shares = [[0.99, 0.01], [share, 1 - share], [0.9, 0.1]]
        assert chosen(LanguageModel(ngrams, weight=1, sure=0.95), candidates, shares) == text


def test_forms_and_voicing_are_left_to_the_image(ngrams: Ngrams) -> None:
    language = LanguageModel(ngrams, weight=1)
    for candidates in ("國国", "国國", "ばは", "はば", "ゞゝ"):
        assert language.choose([["の", ""], list(candidates)], [[1, 0], [0.51, 0.49]]).tolist() == [0, 0]
    assert chosen(language, ["の囗", "囗國", "の囗"], [[0.99, 0.01], [0.6, 0.4], [0.99, 0.01]]) == "の國の"


def test_unknown_missing_and_no_characters(ngrams: Ngrams) -> None:
    language = LanguageModel(ngrams)
    assert language.choose([["", ""], ["𛀁", "龘"], ["い", ""]], [[0, 0], [0.6, 0.4], [0.9, 0]]).tolist() == [0, 0, 0]
    assert language.choose([["〳〵", "い"]], [[0.97, 0.03]]).tolist() == [0]
    assert language.choose(np.zeros((0, 5), "U1"), np.zeros((0, 5))).tolist() == []
    assert language.choose(np.zeros((3, 0), "U1"), np.zeros((3, 0))).tolist() == [0, 0, 0]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_reading_is_better(ngrams: Ngrams, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 5))
    candidates = data.draw(
        st.lists(st.lists(st.sampled_from("いろはにほ春囗"), min_size=3, max_size=3), min_size=n, max_size=n)
    )
    shares = np.random.default_rng(data.draw(st.integers(0, 99))).dirichlet(np.ones(3), n)
    names, shares = np.array(candidates), -np.sort(-shares, axis=1)
    language = LanguageModel(ngrams, weight=0.7, sure=1)

    def score(places: tuple[int, ...]) -> float:
        total, context = 0.0, ngrams.start()
        for row, place in enumerate(places):
            log, context = ngrams.after(context, ngrams.numbers([names[row, place]]))
            total += np.log(shares[row, place]) + 0.7 * max(float(log[0]), FLOOR)
        return total

    possible = [[place for place in range(3) if shares[row, place] >= 1e-3 * shares[row, 0]] for row in range(n)]
    best = max(map(score, itertools.product(*possible)))
    assert score(tuple(language.choose(names, shares).tolist())) == pytest.approx(best)


def test_probabilities_add_up(ngrams: Ngrams) -> None:
    count = len(ngrams.characters)
    for before in ("", "い", "いろ", "春", "囗", "ゑゑ"):
        context = ngrams.start()
        for number in ngrams.numbers(before):
            _, context = ngrams.after(context, np.array([number]))
        logs, _ = ngrams.after(np.repeat(context, count, axis=0), np.arange(count))
        shares = np.exp(logs)
        unknown = (ALPHABET - count) * shares[0]  # those that no text has, besides the one that is counted below
        assert shares.sum() + unknown == pytest.approx(1, abs=0.05), before
    assert ngrams.log_probability("いろはに") > ngrams.log_probability("にはろい")


def test_file_comes_back_and_is_the_same_again(ngrams: Ngrams, tmp_path: Path) -> None:
    ngrams.save(tmp_path / "a.npz")
    found = Ngrams.load(tmp_path / "a.npz")
    assert found.characters == ngrams.characters
    assert found.log_probability("いろはにほ囗") == ngrams.log_probability("いろはにほ囗")
    found.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_bad_files_and_settings_are_refused(ngrams: Ngrams, tmp_path: Path) -> None:
    path = tmp_path / "language.npz"
    with pytest.raises(DataError, match=r"language\.npz does not exist"):
        LanguageModel.load(path)
    ngrams.save(path)
    arrays = dict(np.load(path))
    for change in (
        {"format": "another"},
        {"costs_2": arrays["costs_2"][:-1]},
        {"last_2": arrays["last_2"][::-1]},
        {"last_1": arrays["last_1"] + 1},
        {"followers_2": arrays["followers_2"][:-1]},
        {"characters": "あ"},
    ):
        np.savez(path, **(arrays | change))
        with pytest.raises(DataError, match="is not a whole language model"):
            LanguageModel.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="is not a whole language model"):
        LanguageModel.load(path)
    with pytest.raises(UsageError, match="weight is 2; expected 0 to 1"):
        LanguageModel(ngrams, weight=2)
    with pytest.raises(UsageError, match=r"candidates are \(1, 2\), probabilities \(1, 1\)"):
        LanguageModel(ngrams).choose([["い", "ろ"]], [[1.0]])


def test_texts_are_taken_as_books_write_them() -> None:
    text = "御あそび、\n人〳〵の國\n\n読め□ぬ\n秘密の春の花の山の\n末"
    assert list(sequences(text, {"秘密の春の花の山の"})) == ["御あそひ人〱の国", "読め", "ぬ", "末"]  # type: ignore[arg-type]


def test_the_one_that_ships() -> None:
    if not (WEIGHTS / "language.npz").is_file():
        pytest.skip("no language model ships")
    assert (WEIGHTS / "language.npz").stat().st_size < 3e6
    language = LanguageModel.load(weight=0.5)
    assert chosen(language, ["けり", "礼れ", "はほ"], [[0.6, 0.4], [0.55, 0.45], [0.9, 0.1]]) == "けれは"
    text = language.ngrams.log_probability("いつれの御時にか")
    assert text > language.ngrams.log_probability("のいれつか御にて")


def test_pages_are_read_line_by_line_and_what_changed_is_marked(ngrams: Ngrams) -> None:
    names = [["い", "ら"], ["り", "ろ"], ["は", "ほ"], ["り", "囗"], ["り", "ろ"]]  # the last on no line
    columns = Characters(np.zeros((5, 4, 2)), names, [[0.9, 0.1], [0.6, 0.4], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    page = with_lines(Page(ImageRef("a.png"), columns), [("main", [0, 1]), ("ruby", [3]), ("main", [2])])
    read = LanguageModel(ngrams, weight=0.5).read(page)
    assert read.characters.best.tolist() == ["い", "ろ", "り", "は", "り"]
    assert read.characters.changed.tolist() == [False, True, False, False, False]
    assert read.characters[1].candidates == (Candidate("ろ", pytest.approx(0.4)), Candidate("り", pytest.approx(0.6)))
    assert (read.lines, read.order.tolist()) == (page.lines, page.order.tolist())
    assert LanguageModel(ngrams, weight=0).read(page) == page
