"""The Unicode side of characters: code points, kana, and the kanji that they were written as."""

import re
import sys
import unicodedata

from kuzushiji.errors import UsageError

KANA = "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをん"
"""The 48 hiragana in the order of the syllabary, as Kuzushiji-49 has them before its iteration mark ゝ."""

_PARENTS = (
    "安愛阿悪 以伊意移 宇有雲 衣江要盈 於 加可閑賀我 幾起支木 久具九倶 計介気希遣 己古故許 左佐散沙 之志新四 寸須春数寿"
    " 世勢声 曽楚所蘇 太多堂当 知千地遅 川徒津都 天帝弖亭 止登東度 奈那名難南 仁尓耳二丹 奴怒努 祢年子根 乃能濃農野 "
    "波者盤八半 比飛悲日非 不婦布 部遍辺倍 保本報穂 末満万麻真 美見三身 武無舞 女免面 毛裳母茂 也屋夜 由遊 与余代 "
    "良羅等 利里理梨 留流類累 礼連麗 呂路露楼 和王倭 為井遺 恵衛 遠越乎 无"
)

PARENT_KANJI: dict[str, tuple[str, ...]] = {
    kana: tuple(parents) for kana, parents in zip(KANA, _PARENTS.split(" "), strict=True)
}
"""Kana -> the kanji (jibo) whose cursive forms were used for it, its modern form's own parent first.

The common ones of printed and written books of the Edo period; Unicode's hentaigana have more.
"""

_READINGS = (
    "A I U E O KA KI KU KE KO SA SI SU SE SO TA TI TU TE TO NA NI NU NE NO "
    "HA HI HU HE HO MA MI MU ME MO YA YU YO RA RI RU RE RO WA WI WE WO N"
)
_KANA_OF_READING = dict(zip(_READINGS.split(" "), KANA, strict=True))


def codepoint(character: str) -> str:
    """The code point of a character, as the data sets write it.

    Raises:
        UsageError: it is not one character.

    Example:
        >>> codepoint("お")
        'U+304A'
    """
    if len(character) != 1:
        raise UsageError(f"{character!r} is {len(character)} characters; expected one")
    return f"U+{ord(character):04X}"


def from_codepoint(text: str) -> str:
    """The character of a code point.

    Raises:
        UsageError: it is not written as U+ and four to six hexadecimal digits, or there is no such character.

    Example:
        >>> from_codepoint("U+304A")
        'お'
    """
    if not re.fullmatch(r"U\+[0-9A-F]{4,6}", text, re.IGNORECASE) or int(text[2:], 16) > sys.maxunicode:
        raise UsageError(f"{text!r} is no code point; expected U+ and four to six hexadecimal digits, such as U+304A")
    return chr(int(text[2:], 16))


def hentaigana(kana: str) -> str:
    """The characters that Unicode has for the variant forms of a kana, each the cursive of one parent kanji.

    A form that was read in several ways belongs to each of those kana.

    Example:
        >>> [unicodedata.name(form) for form in hentaigana("わ")][0]
        'HENTAIGANA LETTER WA-1'
    """
    return "".join(form for form in map(chr, range(0x1B002, 0x1B11F)) if kana in _readings_of(form))


def _readings_of(form: str) -> list[str]:
    """The kana that a hentaigana stands for: `KA-KE` is か and け, `A-2` is あ."""
    words = unicodedata.name(form).removeprefix("HENTAIGANA LETTER ").split("-")
    return [_KANA_OF_READING[word] for word in words if word in _KANA_OF_READING]
