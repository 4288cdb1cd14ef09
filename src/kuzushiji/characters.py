"""Characters as Unicode and the history of the script have them: code points, kana and their parent kanji."""

import re
import unicodedata

from kuzushiji.errors import UsageError

KMNIST = tuple("おきすつなはまやれを")
"""The classes of Kuzushiji-MNIST, in its order."""

K49 = tuple("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわゐゑをんゝ")
"""The classes of Kuzushiji-49, in its order; the last is the iteration mark."""

PARENT = dict(
    zip(
        K49[:-1],
        "安以宇衣於加幾久計己左之寸世曽太知川天止奈仁奴祢乃波比不部保末美武女毛也由与良利留礼呂和為恵遠无",
        strict=True,
    )
)
"""The parent kanji (jibo) of each of today's kana: the kanji whose cursive form the kana is."""

_HENTAIGANA_PARENTS = {
    "あ": "安愛阿悪",
    "い": "以伊意移",
    "う": "宇宇憂有雲",
    "え": "盈縁衣衣要",
    "お": "於於隠",
    "か": "佳加可可嘉我歟賀閑香駕家",
    "き": "喜幾幾支木祈貴起",
    "く": "久久九供倶具求",
    "け": "介介希気計遣",
    "こ": "古故許期",
    "さ": "乍佐佐左差散斜沙",
    "し": "之之事四志新",
    "す": "受寿数数春春須須",
    "せ": "世世世勢声",
    "そ": "所所曽曽楚蘇処",
    "た": "堂多多当",
    "ち": "千地智知知致遅",
    "つ": "川川津都徒",
    "て": "亭低伝天天天帝弖転",
    "と": "土度東登登砥等",
    "な": "南名奈奈奈菜那那難",
    "に": "丹二仁児尓尓耳而",
    "ぬ": "努奴怒",
    "ね": "年年年根熱祢子",
    "の": "乃濃能能農",
    "は": "八半婆波盤盤破者者葉頗",
    "ひ": "悲日比避非飛飛",
    "ふ": "不婦布",
    "へ": "倍弊弊遍辺辺部",
    "ほ": "保保報奉宝本本豊",
    "ま": "万末末満満萬麻",
    "み": "三微美美美見身",
    "む": "武無牟舞",
    "め": "免面馬",
    "も": "母毛毛毛茂裳",
    "や": "也也屋耶耶夜",
    "ゆ": "游由由遊",
    "よ": "代余与与与餘",
    "ら": "羅良良良",
    "り": "利利李梨理里離",
    "る": "流留留留累類",
    "れ": "礼礼連麗",
    "ろ": "呂呂婁楼路露",
    "わ": "倭和和王王",
    "ゐ": "井井居為遺",
    "ゑ": "恵衛衛衛",
    "を": "乎乎尾緒越遠遠",
    "ん": "无无",
}
"""Parent kanji of the hentaigana U+1B002 to U+1B11E, in their order, in the kanji's forms of today."""

COMMON_PARENTS = {
    "あ": "安阿",
    "い": "以",
    "う": "宇",
    "え": "江衣",
    "お": "於",
    "か": "可加",
    "き": "幾起支",
    "く": "久具",
    "け": "計遣介希",
    "こ": "己古",
    "さ": "左佐",
    "し": "之志",
    "す": "春須寸",
    "せ": "世勢",
    "そ": "曽楚所",
    "た": "多堂太",
    "ち": "知千",
    "つ": "川徒津",
    "て": "天帝弖",
    "と": "止登",
    "な": "奈那",
    "に": "尓仁丹耳",
    "ぬ": "奴",
    "ね": "祢年",
    "の": "乃能",
    "は": "八者波盤",
    "ひ": "比飛",
    "ふ": "不婦布",
    "へ": "部遍",
    "ほ": "保本",
    "ま": "末満万",
    "み": "美三見",
    "む": "武無",
    "め": "女免",
    "も": "毛茂",
    "や": "也屋",
    "ゆ": "由遊",
    "よ": "与",
    "ら": "良羅",
    "り": "利里",
    "る": "留流累類",
    "れ": "礼連",
    "ろ": "呂路",
    "わ": "和王",
    "ゐ": "為井",
    "ゑ": "恵衛",
    "を": "遠越乎",
    "ん": "无",
}
"""Parents whose forms are frequent in the printed books of the Edo period, the most frequent first."""


def codepoint(character: str) -> str:
    """The code point of a character as file and folder names have it.

    Raises:
        UsageError: not a single character.

    Example:
        >>> codepoint("お")
        'U+304A'
    """
    if len(character) != 1:
        raise UsageError(f"{character!r} is {len(character)} characters; expected one")
    return f"U+{ord(character):04X}"


def from_codepoint(text: str) -> str:
    """The character that a code point such as `U+304A` stands for.

    Raises:
        UsageError: not a code point.

    Example:
        >>> from_codepoint("U+304A")
        'お'
    """
    match = re.fullmatch(r"[Uu]\+([0-9A-Fa-f]{4,6})", text.strip())
    number = int(match[1], 16) if match else -1
    if not 0 <= number <= 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise UsageError(f"{text!r} is no code point; expected one such as U+304A")
    return chr(number)


def hentaigana(kana: str) -> tuple[tuple[str, str], ...]:
    """The hentaigana of a kana, each with its parent kanji, in the order of Unicode; empty if it has none.

    Example:
        >>> [parent for _, parent in hentaigana("つ")]
        ['川', '川', '津', '都', '徒']
    """
    parents = _HENTAIGANA_PARENTS.get(kana, "")
    return tuple(zip(_LETTERS.get(kana, ()), parents, strict=True))


def parents(kana: str) -> tuple[str, ...]:
    """The parent kanji of a kana: the common ones by their frequency, then the rare ones; empty if it has none.

    Example:
        >>> parents("れ")
        ('礼', '連', '麗')
    """
    known = COMMON_PARENTS.get(kana, "") + PARENT.get(kana, "") + _HENTAIGANA_PARENTS.get(kana, "")
    return tuple(dict.fromkeys(known))


def kana_of(kanji: str) -> str | None:
    """The kana that a kanji is the parent of; of several, the one that it is a common parent of.

    None if it is the parent of no kana, or of several to the same degree.

    Example:
        >>> kana_of("春"), kana_of("越"), kana_of("龍")
        ('す', 'を', None)
    """
    degrees = (
        [kana for kana, common in COMMON_PARENTS.items() if kanji in common],
        [kana for kana, parent in PARENT.items() if kanji == parent],
        [kana for kana, rare in _HENTAIGANA_PARENTS.items() if kanji in rare],
    )
    for kana in degrees:
        if kana:
            return kana[0] if len(kana) == 1 else None
    return None


def _letters() -> dict[str, tuple[str, ...]]:
    """The hentaigana U+1B002 to U+1B11E under the kana that their names begin with (`HENTAIGANA LETTER TU-TO`: つ)."""
    found: dict[str, list[str]] = {}
    for letter in map(chr, range(0x1B002, 0x1B11F)):
        reading = unicodedata.name(letter).removeprefix("HENTAIGANA LETTER ").split("-")[0]
        found.setdefault(unicodedata.lookup(f"HIRAGANA LETTER {reading}"), []).append(letter)
    return {kana: tuple(letters) for kana, letters in found.items()}


_LETTERS = _letters()
