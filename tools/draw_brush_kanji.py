"""Draws the characters of a data set as brush fonts write them: training images for those that hardly any book has.

Needs the brush fonts (`brush_fonts.py` says where they are).  They draw 3,795 of the 3,832 characters of
Kuzushiji-Kanji, from regular script to the most cursive.

    python tools/draw_brush_kanji.py brush-kanji        # 17,237 images in brush-kanji/train/U+XXXX/FONT.png
    python tools/draw_brush_kanji.py brush-kana --kana  # kana with and without voicing, katakana, marks of iteration
    kuzushiji train resnet --data kkanji+brush-kanji    # trains on both, validates and tests on Kuzushiji-Kanji alone
"""

import argparse
import sys
from pathlib import Path

from brush_fonts import BRUSH, FOLDER, draw, open_font

import kuzushiji
from kuzushiji.files import folder_written_whole

KANA = "".join(map(chr, [*range(0x3042, 0x3094), *range(0x30A2, 0x30F4)])) + "ゝゞヽヾ々〻〱○"
KANA = KANA.translate(dict.fromkeys(map(ord, "ぃぅぇぉゃゅょゎィゥェォャュョヮっッ")))
"""What `--kana` draws; kana that are written smaller today were not then."""
DRAWN = 192  # pixels that a character is drawn at, before it is made small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("destination", type=Path, help="a folder that is not there yet")
    parser.add_argument("--data", default="kkanji", help="the data set whose characters are drawn")
    parser.add_argument("--kana", action="store_true", help="draw kana and marks of iteration instead")
    parser.add_argument("--side", type=int, default=64, help="pixels of a side")
    parser.add_argument("--fonts", type=Path, default=FOLDER, help="where the fonts are")
    arguments = parser.parse_args()
    if arguments.destination.exists():
        sys.exit(f"{arguments.destination} exists; name a folder that is not there yet")
    fonts = {name: open_font(arguments.fonts / file, DRAWN) for name, file in BRUSH.items()}
    characters = tuple(KANA) if arguments.kana else kuzushiji.load(arguments.data, "train").classes
    images = 0
    with folder_written_whole(arguments.destination) as beside:
        for name, (font, known) in fonts.items():
            drawn = 0
            for character in characters:
                image = draw(font, character, arguments.side, arguments.side) if character in known else None
                if image is None:
                    continue
                folder = beside / "train" / f"U+{ord(character):04X}"
                folder.mkdir(parents=True, exist_ok=True)
                image.save(folder / f"{name}.png")
                drawn += 1
            print(f"{name}: {drawn:,} of {len(characters):,} characters", flush=True)
            images += drawn
    print(f"{images:,} images in {arguments.destination}")


if __name__ == "__main__":
    main()
