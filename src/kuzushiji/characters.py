"""Characters as Unicode and the history of the script have them: code points, kana and their parent kanji."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

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


_OLD_AND_NEW = """
萬万 與与 兩両 竝並 乘乗 亂乱 龜亀 豫予 爭争 亙亘 亞亜 佛仏 假仮 會会 傳伝 體体 餘余
倂併 價価 儉倹 僞偽 兒児 黨党 內内 圓円 寫写 處処 劍剣 劑剤 剩剰 勵励 勞労 效効 勸勧
勳勲 區区 醫医 單単 卽即 嚴厳 參参 雙双 收収 敍叙 臺台 號号 吳呉 吿告 營営 囑嘱 囘回
團団 圍囲 圖図 國国 圈圏 壓圧 墮堕 壘塁 鹽塩 增増 壞壊 壤壌 壯壮 聲声 壹壱 賣売 變変
奧奥 奬奨 娛娯 孃嬢 學学 寶宝 實実 寬寛 寢寝 對対 壽寿 專専 將将 尙尚 堯尭 盡尽 屆届
屬属 嶽岳 峽峡 巖巌 巢巣 卷巻 帶帯 歸帰 廳庁 廣広 廢廃 迺廼 辨弁 貳弐 彌弥 彈弾 當当
彥彦 徑径 從従 德徳 徵徴 應応 戀恋 恆恒 惠恵 悅悦 惱悩 惡悪 慘惨 愼慎 懷懐 戰戦 戲戯
戶戸 戾戻 拂払 拔抜 擇択 擔担 拜拝 據拠 擴拡 擧挙 挾挟 插挿 搜捜 揭掲 搖揺 攝摂 擊撃
敎教 數数 齊斉 齋斎 斷断 舊旧 晝昼 晉晋 晚晩 曉暁 曆暦 條条 來来 樞枢 榮栄 櫻桜 棧桟
檜桧 檢検 樓楼 樂楽 槪概 樣様 槇槙 權権 橫横 缺欠 歐欧 歡歓 步歩 齒歯 歲歳 歷歴 殘残
毆殴 殼殻 每毎 氣気 沒没 澤沢 淨浄 淺浅 濱浜 淚涙 凉涼 淸清 渴渇 濟済 涉渉 澁渋 溪渓
溫温 灣湾 濕湿 滿満 瀧滝 滯滞 潛潜 瀨瀬 燈灯 爐炉 點点 爲為 燒焼 犧犠 狀状 獨独 狹狭
獵猟 獻献 獸獣 甁瓶 產産 畫画 疊畳 癡痴 發発 盜盗 縣県 眞真 硏研 碎砕 禮礼 禱祷 祿禄
禪禅 祕秘 稱称 稅税 稻稲 穗穂 穩穏 穰穣 竊窃 龍竜 粹粋 肅粛 絲糸 經経 繪絵 絕絶 繼継
續続 總総 綠緑 緖緒 緣縁 繩縄 縱縦 纖繊 罐缶 飜翻 聰聡 聽聴 膽胆 脫脱 腦脳 臟臓 舍舎
舖舗 艷艶 藝芸 莖茎 莊荘 藏蔵 薰薫 藥薬 虛虚 蟲虫 蠶蚕 螢蛍 蠻蛮 蠟蝋 蠅蝿 衞衛 裝装
霸覇 覺覚 覽覧 觀観 觸触 譯訳 證証 譽誉 說説 讀読 謠謡 讓譲 讚讃 豐豊 贊賛 踐践 轉転
輕軽 辭辞 邊辺 遞逓 遲遅 遙遥 郞郎 鄕郷 醉酔 釀醸 釋釈 鐵鉄 鑛鉱 錢銭 銳鋭 鑄鋳 鍊錬
錄録 鎭鎮 關関 閱閲 鬭闘 鬪闘 陷陥 險険 隨随 隱隠 鄰隣 隸隷 雜雑 靈霊 靑青 靜静 賴頼
顏顔 顯顕 顚顛 飮飲 驛駅 驅駆 騷騒 驗験 髓髄 髮髪 鷗鴎 鷄鶏 麥麦 黃黄 黑黒 默黙 齡齢
"""
"""Kanji with an old form and the one of today: those of the reform of 1949 and of the lists of common kanji since then,
and what books of the Edo period have besides."""

NEW_FORM = {pair[0]: pair[1] for pair in _OLD_AND_NEW.split()}
"""The form of today of each kanji that has another."""


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


def from_codepoints(text: str) -> str | None:
    """The character that one or several code points stand for, as file names and tables have them; None if none.

    Several are one character of several parts, or one that UTF-16 writes as two.

    Example:
        >>> [from_codepoints(text) for text in ("u+304a", "0x304A", "U+304B_U+309A", "U+D842_U+DFB7", "304A")]
        ['お', 'お', 'か゚', '𠮷', None]
    """
    parts = re.split(r"[_\s-]+(?=[Uu0\\])|(?<=[0-9A-Fa-f])(?=[Uu]\+)", unicodedata.normalize("NFKC", text).strip())
    found = [re.fullmatch(r"(?:[Uu]\+?|0x|\\u)([0-9A-Fa-f]{4,6})", part) for part in parts]
    points = [int(match[1], 16) if match else -1 for match in found]
    if not all(0 <= point <= 0x10FFFF for point in points):
        return None
    try:
        return "".join(map(chr, points)).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:  # half of a pair
        return None


def composed(text: str) -> str:
    """The same text with marks and letters put together (NFC), as not every file system keeps them.

    Compatibility ideographs such as U+FA19, which that would turn into other characters, stay as they are.

    Example:
        >>> composed("か\u3099") == "が", composed("\ufa19") == "\ufa19"
        (True, True)
    """
    return "".join(
        part if _is_compatibility(part) else unicodedata.normalize("NFC", part)
        for part in re.split("([\uf900-\ufaff\U0002f800-\U0002fa1f])", text)
    )


def _is_compatibility(text: str) -> bool:
    return len(text) == 1 and ("\uf900" <= text <= "\ufaff" or "\U0002f800" <= text <= "\U0002fa1f")


def is_ideograph(character: str) -> bool:
    """Whether it is a kanji, or of a place that Unicode keeps for kanji which the Python at hand may not know yet.

    Example:
        >>> is_ideograph("龍"), is_ideograph("\U0003347f"), is_ideograph("お")
        (True, True, False)
    """
    if len(character) != 1:
        return False
    point = ord(character)
    in_plane = 0x20000 <= point < 0x40000 and point & 0xFFFF < 0xFFFE
    return in_plane or 0x3400 <= point <= 0x4DBF or 0x4E00 <= point <= 0x9FFF or 0xF900 <= point <= 0xFAFF


def is_character(character: str) -> bool:
    """Whether it is something that a book can have: no space, control or lone mark, and no sign for what is unreadable.

    Example:
        >>> [is_character(each) for each in ("お", "か゚", "\u3000", "\u3099", "〓", "\u200b")]
        [True, True, False, False, False, False]
    """
    first = character[:1]
    if first in "〓□■▯\ufffd":
        return False
    if unicodedata.category(first) == "Cn":
        return is_ideograph(first)
    # Spaces and controls, marks without a letter, surrogates and what is private or but shapes its neighbours.
    return unicodedata.category(first) not in ("Zs", "Zl", "Zp", "Mn", "Me", "Cc", "Cf", "Cs", "Co")


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


def kind(character: str) -> Literal["kana", "kanji", "mark"]:
    """What kind of character it is; iteration marks, digits and what is no single character are marks.

    Example:
        >>> kind("ガ"), kind("𛀁"), kind("龍"), kind("ゞ")
        ('kana', 'kana', 'kanji', 'mark')
    """
    if len(character) != 1:
        return "mark"
    name = unicodedata.name(character, "")
    if name.startswith("CJK") or is_ideograph(character):
        return "kanji"
    is_kana = name.startswith(("HIRAGANA LETTER", "KATAKANA LETTER", "HENTAIGANA LETTER"))
    return "kana" if is_kana else "mark"


def new_forms(text: str) -> str:
    """The same text with the kanji's forms of today.

    Example:
        >>> new_forms("戀の國")
        '恋の国'
    """
    return text.translate(_TO_NEW)


def unvoiced(text: str) -> str:
    """The same text without voicing marks, which old manuscripts leave out.

    Example:
        >>> unvoiced("ばゞがパン")
        'はゝかハン'
    """
    return "".join(unicodedata.normalize("NFD", each)[0] if _is_kana(each) else each for each in text)


def resolved(text: str) -> str:
    """The same text with what iteration marks stand for.

    々 and 〻 stand for the character before them, ゝ and ヽ for the same without voicing mark, ゞ and ヾ for the same
    with one, 〱 and 〳〵 for the two before, 〲 and 〴〵 for these with the first voiced.

    Example:
        >>> resolved("たゞ人々のいろ〱")
        'ただ人人のいろいろ'
    """
    return "".join(resolved_each(text))


def resolved_each(characters: Iterable[str]) -> list[str]:
    """What each of many characters stands for that follow each other, as `resolved` has it.

    Example:
        >>> resolved_each("いろ〱ゝ")
        ['い', 'ろ', 'いろ', 'ろ']
    """
    found: list[str] = []
    before = ""
    for each in characters:
        if each == "〵" and found and found[-1] in ("〳", "〴"):
            each = "〱" if found[-1] == "〳" else "〲"
            found[-1], before = "", before[:-1]
        found.append(_stands_for(each, before))
        before += found[-1]
    return found


def _stands_for(mark: str, before: str) -> str:
    """What a character stands for after others: itself if it is no iteration mark, or there is nothing to repeat."""
    if mark in ("〱", "〲") and len(before) > 1:
        first = unicodedata.normalize("NFC", unvoiced(before[-2]) + "\u3099") if mark == "〲" else before[-2]
        return first[0] + before[-1]
    if mark in tuple("ゝヽゞヾ々〻") and before:
        again = before[-1] if mark in "々〻" else unvoiced(before[-1])
        return unicodedata.normalize("NFC", again + "\u3099")[0] if mark in "ゞヾ" else again
    return mark


def _is_kana(character: str) -> bool:
    return "\u3041" <= character <= "\u30ff"


def _letters() -> dict[str, tuple[str, ...]]:
    """The hentaigana U+1B002 to U+1B11E under the kana that their names begin with (`HENTAIGANA LETTER TU-TO`: つ)."""
    found: dict[str, list[str]] = {}
    for letter in map(chr, range(0x1B002, 0x1B11F)):
        reading = unicodedata.name(letter).removeprefix("HENTAIGANA LETTER ").split("-")[0]
        found.setdefault(unicodedata.lookup(f"HIRAGANA LETTER {reading}"), []).append(letter)
    return {kana: tuple(letters) for kana, letters in found.items()}


_LETTERS = _letters()
_TO_NEW = str.maketrans(NEW_FORM)
