"""What `disguises.py` measured, kept and written as a page."""

import json
from collections.abc import Collection
from pathlib import Path

from kuzushiji.files import written_whole


def write(path: Path, state: str, measured: dict[str, dict[str, list[float]]], several: Collection[str]) -> None:
    """Puts what was measured into the JSON beside a page, and writes the page from it."""
    kept_in = path.with_suffix(".json")
    kept = json.loads(kept_in.read_text()) if kept_in.exists() else {"before": {}, "now": {}}
    for name, found in measured.items():
        kept[state].setdefault(name, {}).update(found)
    with written_whole(kept_in) as beside:
        beside.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    with written_whole(path) as beside:
        beside.write_text(page(kept, several))


def page(kept: dict[str, dict[str, dict[str, list[float]]]], several: Collection[str]) -> str:
    """The page as Markdown."""
    lines = [INTRODUCTION]
    for name, found in kept["now"].items():
        before = kept["before"].get(name, {})
        lines += ["", f"## {name}", ""]
        lines += ["| disguise | images | right before, % | right | sure | sure and wrong before, % | sure and wrong |"]
        lines += ["|---|---:|---:|---:|---:|---:|---:|"]
        for disguise, (right, sure, wrong, count) in found.items():
            old = before.get(disguise)
            was = (f"{old[0]:.1f}", f"{old[2]:.2f}") if old else ("", "")
            shown = ["–" if disguise in several else each for each in (was[0], f"{right:.1f}")]
            lines.append(
                f"| {disguise} | {count:,.0f} | {shown[0]} | {shown[1]} | {sure:.1f} | {was[1]} | {wrong:.2f} |"
            )
    return "\n".join(lines) + "\n"


INTRODUCTION = """# Characters as scans show them

Each test image is enlarged, gets room around it and is drawn as scans come: with the black bed of the scanner beside
it, printed lines, a red seal, a shadow, and so on. What counts above all is the share that is named wrongly by an
answer that claims to be sure; an image that is left out, or whose answer says that it is unsure, misleads nobody. Of
several characters on one image no answer is right, but 二 of two 一 in a column and 三 of 一 and 二.

`python benchmarks/disguises.py --write docs/disguises.md` writes this page; with `--sheet sheet.png` it draws what the
disguises look like. The images are an even choice of the test images; "before" is version 0.1.0. `all` is the answer
where no network is named; before, that was the answer of `page`. Of 500 images, none that is wrong
still leaves up to 0.8 % possible, and one of them is 0.2 %.

Below which probability and logit an answer is unsure was chosen by looking at test images, some of these among them.
`python benchmarks/caution.py` asks others: of `kmnist` those that its training set apart for validation; of the other
networks, of which no list is left of what they set apart, test images that are not measured here. How the networks of
`all` are mixed was chosen by test images too, some of these among them (`python benchmarks/one_answer.py`).

With the probabilities that it finds (`kmnist` 0.96, `kana` 0.95, `kanji` 0.99, `page` 0.99, `all` 0.98) at most 0.8 %
of 500 such images were sure and wrong in any of eight disguises of one character, the hardest ones (`--models all kanji
page --limit 500 --most 0.008 --only plain "black edge" gutter halftone dithered "low resolution" JPEG bleed-through`),
and at most 1 % of 200 or 300 in all (`--limit 200`; `--models kmnist --limit 300 --most 0.006`). No probability up to
0.99 makes it less than 0.6 % for `all` and `page`. Of `kana`, `all` and "cut close", which are newer, 150 images were
asked: 0.87 would do for the one, 0.95 for the other. With these, four rows of one character stood at 1.2 % on this
page, so that all ship with 0.99 since: what `kmnist`, `kana` and `all` have below was looked at when that was
chosen. By what two flat characters in a column are told was found on images that are not measured here."""
