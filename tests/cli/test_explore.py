"""`kuzushiji explore`."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.home import home
from kuzushiji.report.explore_figures import exploration_figures
from tests.explore.planted import make_splits, with_images
from tests.report.test_report import Page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Planted data as npz files: one blank image, and one that is in train and in test."""
    folder = tmp_path_factory.mktemp("data") / "planted"
    folder.mkdir()
    splits = make_splits(20, 10)
    blank = np.zeros((16, 16))
    splits["test"] = with_images(splits["test"], {0: blank, 1: splits["train"].images[4]})
    for name, data in splits.items():
        np.savez(folder / f"planted-{name}-imgs.npz", data.images)
        np.savez(folder / f"planted-{name}-labels.npz", data.labels.astype(np.uint8))
    rows = "\n".join(f"{n},U+{ord(c):04X},{c}" for n, c in enumerate(splits["train"].classes))
    (folder / "planted_classmap.csv").write_text(f"index,codepoint,char\n{rows}\n", encoding="utf-8")
    return folder


FIGURES = {
    "random-samples",
    "forms",
    "balance",
    "coverage",
    "map-measures",
    "map-pca",
    "map-svd",
    "variance",
    "components",
    "shift",
    "doubtful-labels",
    "duplicates",
}


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    """The page of everything and two of its figures, which stand for all of them."""
    output = tmp_path_factory.mktemp("output") / "deep"

    def two(found):
        figures = exploration_figures(found)
        assert set(figures) == FIGURES
        return {name: figures[name] for name in ("coverage", "variance")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kuzushiji.report.explore.exploration_figures", two)
        assert main(["explore", str(folder), "--methods", "pca", "svd", "--output", str(output)]) == 0
    return output


def test_the_page_is_one_file_that_needs_nothing_beside_it(written):
    html = (written / "explore.html").read_text(encoding="utf-8")
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not page.count("link")
    assert not page.count("img")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                outward = re.match(r"[a-z]+:|//", value)
                within = (tag == "a" and value.startswith("https://")) or (tag == "image" and value.startswith("data:"))
                assert not outward or within, f"<{tag} {name}={value[:80]}>"
    assert set(re.findall(r"url\([\"']?([a-z]+:|#)", html)) <= {"data:", "#"}
    assert "@import" not in html
    assert "prefers-color-scheme: dark" in html
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_the_page_tells_what_was_found(written):
    page = Page((written / "explore.html").read_text(encoding="utf-8"))
    numbers = json.loads((written / "explore.json").read_text(encoding="utf-8"))
    assert numbers["splits"] == {"train": 80, "test": 40}
    assert "1 image is blank, labelled as 1 character." in page.text
    assert "2 images are equal to the pixel to another, in 1 group, 1 of them across splits" in page.text
    for measured in numbers["projection"]["maps"].values():
        assert f"{measured['trustworthiness']:.1%}" in page.text
    assert "75 images at random" in page.text


def test_figures_are_light_and_dark(written):
    assert sorted(path.name for path in written.iterdir()) == ["explore.html", "explore.json", "figures"]
    assert sorted(path.name for path in (written / "figures").iterdir()) == [
        f"{name}{ending}" for name in ("coverage", "variance") for ending in ("-dark.png", "-light.png", ".svg")
    ]
    with Image.open(written / "figures" / "coverage-dark.png") as picture:
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 255, "bright ink on dark paper"


def test_json_is_json_and_writes_nothing(folder, capsys):
    assert main(["explore", str(folder), "--only", "health", "balance", "--json", "--cover", "0.5"]) == 0
    captured = capsys.readouterr()
    numbers = json.loads(captured.out)
    assert numbers["health"]["blank"]["count"] == 1
    assert numbers["balance"]["kept_classes"] == 2
    assert "projection" not in numbers
    assert "balance" in captured.err
    assert re.search(r"health +\d+\.\d s", captured.err)
    assert not (home() / "explore").exists()


def test_without_an_output_the_page_lies_in_the_home(folder, capsys):
    assert main(["explore", "--data", str(folder), "--only", "balance", "--no-figures"]) == 0
    printed = capsys.readouterr().out
    page = home() / "explore" / "planted" / "explore.html"
    assert f"page        {page}" in printed
    assert "4 of 4 characters make up 90%" in printed
    assert page.exists()
    assert not (page.parent / "figures").exists()
    assert "Health" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--methods", "pac"], "did you mean pca"),
        (["--only", "heatlh"], "did you mean health"),
        (["--limit", "0"], "limit"),
        (["--cover", "2"], "cover is 2"),
        (["--on", "nobody"], "no run"),
        (["--seed", "x"], "seed"),
    ],
)
def test_wrong_values_are_wrong_usage(arguments, hint, folder, capsys):
    assert main(["explore", str(folder), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert hint in captured.err.replace("\n", " ")
    assert not (home() / "explore").exists()


def test_unknown_data_names_the_nearest(capsys):
    assert main(["explore", "kmnits"]) == 2
    assert "kmnist" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_folder_is_left_alone(folder, tmp_path, capsys):
    place = tmp_path / "place"
    place.write_text("mine")
    assert main(["explore", str(folder), "--output", str(place)]) == 2
    assert "is a file" in capsys.readouterr().err
    assert place.read_text() == "mine"


def test_a_truncated_file_is_an_error_that_names_it(folder, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in folder.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    images = broken / "planted-train-imgs.npz"
    images.write_bytes(images.read_bytes()[:500])
    assert main(["explore", str(broken), "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "planted-train-imgs.npz" in captured.err.replace("\n", "")


def test_its_help_needs_no_heavy_imports():
    code = (
        "import sys; from kuzushiji.cli import main; main(['explore', '--help']); "
        "sys.exit(bool({'torch', 'matplotlib', 'sklearn', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--methods" in done.stdout
