import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuzushiji.characters import KANA, PARENT_KANJI, codepoint, from_codepoint, hentaigana
from kuzushiji.data.catalog import dataset
from kuzushiji.errors import UsageError


@given(st.characters(exclude_categories=("Cs",)))
def test_a_code_point_names_its_character(character):
    assert from_codepoint(codepoint(character)) == character


@pytest.mark.parametrize("text", ["", "U+", "304A", "U+30", "U+110000", "U+30G0", "U+ 304A", "U+1234567"])
def test_what_is_no_code_point_is_told(text):
    with pytest.raises(UsageError, match="code point"):
        from_codepoint(text)


def test_a_code_point_has_one_character():
    with pytest.raises(UsageError, match="expected one"):
        codepoint("おき")


def test_kana_are_those_of_kuzushiji_49():
    assert dataset("k49").characters[:-1] == KANA


@pytest.mark.parametrize("kana", KANA)
def test_every_kana_has_parents_and_variant_forms(kana):
    assert PARENT_KANJI[kana]
    assert all(unicodedata.name(parent).startswith("CJK UNIFIED IDEOGRAPH") for parent in PARENT_KANJI[kana])
    assert all(unicodedata.name(form).startswith("HENTAIGANA LETTER") for form in hentaigana(kana))
    assert hentaigana(kana)


def test_forms_with_several_readings_belong_to_each():
    shared = unicodedata.lookup("HENTAIGANA LETTER N-MU-MO-1")
    assert all(shared in hentaigana(kana) for kana in "んむも")
    assert shared not in hentaigana("な")
