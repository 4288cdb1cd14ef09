import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuzushiji.characters import (
    COMMON_PARENTS,
    K49,
    KMNIST,
    NEW_FORM,
    PARENT,
    codepoint,
    from_codepoint,
    hentaigana,
    kana_of,
    new_forms,
    parents,
    resolved,
    unvoiced,
)
from kuzushiji.data.catalogue.sets import dataset
from kuzushiji.errors import UsageError


@given(st.characters(exclude_categories=("Cs",)))
def test_a_code_point_names_its_character(character):
    assert from_codepoint(codepoint(character)) == character


def test_code_points_are_written_as_in_the_class_maps():
    assert codepoint("お") == "U+304A"
    assert codepoint("\U0001b001") == "U+1B001"
    assert from_codepoint(" u+304a\n") == "お"


@pytest.mark.parametrize("text", ["", "U+", "304A", "U+30", "U+110000", "U+30G0", "U+ 304A", "U+1234567", "U+D800"])
def test_what_is_no_code_point_is_told(text):
    with pytest.raises(UsageError, match="code point"):
        from_codepoint(text)


@pytest.mark.parametrize("text", ["", "おき"])
def test_a_code_point_has_one_character(text):
    with pytest.raises(UsageError, match="expected one"):
        codepoint(text)


@pytest.mark.parametrize(("name", "classes"), [("kmnist", KMNIST), ("k49", K49)])
def test_classes_are_those_of_the_catalogue(name, classes):
    assert tuple(dataset(name).characters) == classes


@pytest.mark.parametrize(("name", "classes"), [("kmnist", KMNIST), ("k49", K49)])
def test_classes_are_those_of_the_published_class_map(real_data, name, classes):
    rows = (real_data / name / f"{name}_classmap.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split(",")[1:] for row in rows] == [[codepoint(kana), kana] for kana in classes]


@pytest.mark.parametrize("kana", PARENT)
def test_every_kana_has_parents_and_hentaigana(kana):
    known = parents(kana)
    assert PARENT[kana] in known
    assert known[: len(COMMON_PARENTS[kana])] == tuple(COMMON_PARENTS[kana])
    assert len(set(known)) == len(known)
    assert all(unicodedata.name(parent).startswith("CJK UNIFIED IDEOGRAPH") for parent in known)
    assert hentaigana(kana)
    assert {parent for _, parent in hentaigana(kana)} <= set(known)


def test_hentaigana_are_all_those_of_unicode_once_each_under_their_reading():
    letters = [letter for kana in PARENT for letter, _ in hentaigana(kana)]
    assert sorted(letters) == [chr(code) for code in range(0x1B002, 0x1B11F)]
    for kana in PARENT:
        reading = unicodedata.name(kana).removeprefix("HIRAGANA LETTER ")
        assert all(unicodedata.name(letter).split()[2].split("-")[0] == reading for letter, _ in hentaigana(kana))


def test_parents_from_the_standard_tables():
    assert {"寸", "須", "春", "数", "寿"} <= set(parents("す"))
    assert {"川", "徒", "津", "都"} <= set(parents("つ"))
    assert [parent for _, parent in hentaigana("れ")] == ["礼", "礼", "連", "麗"]
    assert parents("ゝ") == hentaigana("ゝ") == parents("A") == ()


def test_a_kanji_stands_for_the_kana_that_it_is_the_parent_of():
    assert {kanji: kana_of(kanji) for kanji in "春須越以龍一"} == {
        "春": "す",
        "須": "す",
        "越": "を",
        "以": "い",
        "龍": None,
        "一": None,
    }
    for kana, parent in PARENT.items():
        assert kana_of(parent) in (kana, None)
    for kana in K49[:-1]:
        assert kana in {kana_of(parent) for parent in parents(kana)}


def test_a_kanji_that_may_be_either_stands_for_none():
    either = [kanji for kana in K49 for kanji in parents(kana) if kana_of(kanji) is None]
    for kanji in either:
        assert sum(kanji in parents(kana) for kana in K49) > 1


def test_kanji_have_their_forms_of_today():
    assert new_forms("戀の國の櫻、佛の聲") == "恋の国の桜、仏の声"
    assert not set(NEW_FORM) & set(NEW_FORM.values())  # one step is enough


def test_voicing_marks_go_and_nothing_else():
    assert unvoiced("がぎぱぴヴァゞヾ漢字ー〲。a") == "かきはひウァゝヽ漢字ー〲。a"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("たゞ人々の", "ただ人人の"),
        ("こゝろ", "こころ"),
        ("いろ〱に", "いろいろに"),
        ("さま〲", "さまざま"),
        ("さま〴〵いろ〳〵", "さまざまいろいろ"),
        ("バヽ", "バハ"),
        ("ゝあ〱", "ゝあ〱"),
        ("", ""),
    ],
)
def test_iteration_marks_are_resolved(written, read):
    assert resolved(written) == (read if written != "ゝあ〱" else "ゝあゝあ")
