"""A font with Japanese characters on this machine."""

import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from kuzushiji.errors import DataError, KuzushijiError

_FOLDERS = {
    "darwin": ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts"),
    "win32": ("C:/Windows/Fonts", "~/AppData/Local/Microsoft/Windows/Fonts"),
}
_ELSEWHERE = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_FILES = (
    *("ipaexg.ttf", "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansJP-Regular.otf", "ipag.ttf"),
    *("fonts-japanese-gothic.ttf", "TakaoGothic.ttf", "TakaoPGothic.ttf", "VL-Gothic-Regular.ttf"),
    *("ヒラギノ角ゴシック W3.ttc", "YuGothR.ttc", "YuGothM.ttc", "meiryo.ttc", "msgothic.ttc"),
)
"""What Linux, macOS and Windows have, the better ones first."""


def carried_font() -> Path | None:
    """IPAex Gothic as matplotlib-fontja carries it; None where that is not installed.

    The package is found but not imported, for importing it changes matplotlib's global settings.
    """
    package = find_spec("matplotlib_fontja")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "fonts" / "ipaexg.ttf"


@cache
def japanese_font() -> Path:
    """The file of a font: what KUZUSHIJI_FONT names, the one that matplotlib-fontja carries, or the system's.

    Raises:
        DataError: KUZUSHIJI_FONT names no file.
        KuzushijiError: there is none.
    """
    if named := os.environ.get("KUZUSHIJI_FONT"):
        if not Path(named).is_file():
            raise DataError(f"KUZUSHIJI_FONT is {named}, which is no file; expected a font with Japanese characters")
        return Path(named)
    if carried := carried_font():
        return carried
    found: dict[str, Path] = {}
    for folder in _FOLDERS.get(sys.platform, _ELSEWHERE):
        for root, _, files in os.walk(Path(folder).expanduser()):
            for file in files:
                found.setdefault(file, Path(root) / file)
    for file in _FILES:
        if file in found:
            return found[file]
    raise KuzushijiError(
        "there is no font with Japanese characters; install one, such as fonts-ipaexfont or Noto Sans CJK, or let "
        "KUZUSHIJI_FONT name its file"
    )
