"""The report of a run: whole, self-contained, true to the numbers, and safe whatever things are called."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from kuzushiji.data.images import CharacterImages
from kuzushiji.errors import DataError, RunError
from kuzushiji.evaluation.runs import stored_evaluation
from kuzushiji.numbers import duration, short
from kuzushiji.plots.style import DARK, LIGHT, has_glyph
from kuzushiji.records import as_plain
from kuzushiji.report import html as written_html
from kuzushiji.report import write_figures, write_report
from kuzushiji.report.characters import COLUMNS, Sprites, font_subset
from kuzushiji.report.material import gather
from kuzushiji.runs.recipe import named_recipe
from tests.plots.synthetic import K49, KANJI, KMNIST, make_images, make_run

VOID = {"meta", "br", "img", "link", "hr", "input", "col", "source"}


class Page(HTMLParser):
    """Reads a page and fails where tags do not match.

    Attributes:
        tags: every opening tag with its attributes.
        text: what a reader sees.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1] == tag, f"</{tag}> closes <{self._open[-1]}>"
        self._open.pop()

    def handle_data(self, data):
        if not {"style", "script"} & set(self._open):
            self.text += " ".join(data.split()) + " "

    def count(self, tag, **attributes):
        """How many elements are such."""
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return sum(name == tag and wanted.items() <= found.items() for name, found in self.tags)


def read(path):
    html = path.read_text(encoding="utf-8")
    return html, Page(html)


@pytest.fixture(scope="module", params=["10 classes", "49 classes", "3832 classes"])
def written(request, tmp_path_factory):
    """A run, its test images and its report, at each number of classes."""
    folder = tmp_path_factory.mktemp("report")
    if request.param == "10 classes":
        images = make_images(KMNIST, 600)
    elif request.param == "49 classes":
        images = make_images(K49, 1500, name="k49")
    else:
        images = make_images(KANJI, 800, side=64, name="kkanji")
    run = make_run(folder / "a-run", images)
    write_report(run, images=images)
    return run, images


@pytest.fixture(scope="module")
def report(written):
    """The report's HTML and what is in it, read once for all tests."""
    return read(written[0].report_file)


@pytest.fixture
def undrawn(monkeypatch):
    """Figures are made, but none is drawn, for tests of what stands around them."""
    monkeypatch.setattr(written_html, "svg", lambda figure, label: f'<svg aria-label="{label}"></svg>')


def test_report_is_whole_and_needs_nothing_beside_it(report):
    html, page = report
    assert html.startswith("<!DOCTYPE html>")
    assert not page.count("link")
    assert not page.count("img")
    assert not page.count("iframe")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                outward = re.match(r"[a-z]+:|//", value)
                assert not outward or (tag == "a" and value.startswith("https://")), f"<{tag} {name}={value[:80]}>"
    assert set(re.findall(r"url\([\"']?([a-z]+:|#)", html)) <= {"data:", "#"}
    assert "@import" not in html
    assert "{{" not in html
    assert "Undefined" not in html


def test_report_is_small(written):
    run, _ = written
    assert run.report_file.stat().st_size < 3_000_000


def test_report_names_the_makers_of_the_data(report):
    _, page = report
    assert "created by CODH" in page.text
    assert page.count("a", href="https://creativecommons.org/licenses/by-sa/4.0/") == 1


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(report):
    _, page = report
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for name in ("href", "xlink:href"):
            target = attributes.get(name, "")
            if target.startswith("#"):
                assert target[1:] in ids


def test_report_tells_the_numbers_of_the_evaluation(written, report):
    run, images = written
    _, page = report
    evaluation = stored_evaluation(run)
    for estimate in (evaluation.accuracy, evaluation.balanced_accuracy, evaluation.top5_accuracy, evaluation.macro_f1):
        assert f"{estimate.value:.2%}" in page.text
        assert f"{estimate.low:.2%} to {estimate.high:.2%}" in page.text
    for estimate in (evaluation.auc_macro, evaluation.auc_weighted, evaluation.auc_inverse_frequency, evaluation.loss):
        assert f"{estimate.value:.4f}" in page.text
    right = int((run.predictions().predicted == images.labels).sum())
    assert f"Shown {len(images):,} images" in page.text
    assert f"named {right:,} of them right" in page.text


def test_report_tells_what_was_trained_on_what_and_how(written, report):
    run, images = written
    _, page = report
    for fact in (
        "lenet5",
        "44,426",
        f"{6 * len(images):,}",
        "batch_size",
        "initialization",
        "a processor",
        "12.5 s",  # five epochs of 2.5
        run.config.command,
        "c" * 64,
        "The weights of epoch 5 were kept.",
    ):
        assert fact in page.text, fact
    # What differs from the default recipe stands before the rest, which is folded away.
    assert page.text.index("label_smoothing") < page.text.index("fields, as in the default recipe")
    assert page.text.index("fields, as in the default recipe") < page.text.index("batch_size")


def test_every_class_is_listed_or_the_worst_and_the_best(written, report):
    _, images = written
    html, page = report
    rows = html.count('<span class="bar"')
    if len(images.classes) <= 64:
        assert rows == len(images.classes)
        assert all(f">{character}</span>" in html for character in images.classes)
        assert "Confusion matrix" in html
    else:
        assert rows == 100
        assert "The 50 that are surely read worst" in page.text
        assert "The 50 that are surely read best" in page.text
        assert "Confusion matrix" not in html
        assert "The 30 most frequent confusions" in page.text


def test_images_are_cells_of_one_sprite(written, report):
    _, images = written
    html, page = report
    cells = [attributes for tag, attributes in page.tags if tag == "i" and attributes["class"].startswith("ink")]
    assert len(cells) > 200
    (sprite,) = re.findall(r'--sprite:url\("data:image/png;base64,([^"]+)"\)', html)
    picture = Image.open(io.BytesIO(base64.b64decode(sprite)))
    ink = np.asarray(picture.convert("RGBA"))[..., 3].astype(int)
    side = images.image_size[0]
    assert ink.shape[1] == COLUMNS * side
    # The first of the first hundred images: its cell holds its pixels, to within a sixteenth.
    gallery = html[html.index('<div class="gallery">') :]
    x, y, label = re.search(r'style="--x:(\d+);--y:(\d+)" role="img" aria-label="image of (.)"', gallery).groups()
    assert label == images.classes[images.labels[0]]
    cell = ink[int(y) * side : (int(y) + 1) * side, int(x) * side : (int(x) + 1) * side]
    assert abs(cell - images.images[0].astype(int)).max() <= 9


def test_wrong_ones_of_the_first_hundred_are_marked_by_more_than_colour(written, report):
    run, images = written
    html, page = report
    wrong = int((run.predictions().predicted != images.labels)[:100].sum())
    gallery = html[html.index('<div class="gallery">') : html.index('id="mistakes"')]
    assert gallery.count('class="one wrong"') == wrong
    assert gallery.count("<b>×</b>") == wrong
    assert f"{wrong} of these 100 are wrong" in page.text


def test_page_follows_the_theme(report):
    html, page = report
    for theme in (LIGHT, DARK):
        for name, colour in theme.variables().items():
            assert f"{name}:{colour}" in html
    assert "prefers-color-scheme: dark" in html
    assert page.count("button", id="theme") == 1
    svgs = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert 'aria-label="The layers of the network"' in "".join(svgs)
    for text in svgs:
        styles = " ".join(re.findall('style="([^"]*)"', text))
        shades = re.findall(r"(?:stroke|fill):(#[0-9a-f]{6})", styles)
        assert set(shades) <= {"#ffffff"}, "a colour that does not follow the theme, but for the light on the layers"


def test_report_carries_the_glyphs_that_it_shows(report):
    html, _ = report
    (font,) = re.findall(r"data:font/woff;base64,([^\"]+)", html)
    with TTFont(io.BytesIO(base64.b64decode(font))) as subset:
        glyphs = set(subset.getBestCmap())
    shown = set(re.findall(r'<span class="ch" lang="ja">(.)</span>', html))
    assert shown
    assert {ord(character) for character in shown if has_glyph(character)} <= glyphs


def test_report_is_the_same_each_time(tmp_path):
    images = make_images(KMNIST, 100)
    run = make_run(tmp_path / "run", images)
    write_report(run, images=images)
    again = write_report(run, images=images, path=tmp_path / "elsewhere" / "again.html")
    assert again == tmp_path / "elsewhere" / "again.html"
    assert again.read_bytes() == run.report_file.read_bytes()


# What may be missing or odd


def test_without_images_the_rest_stands(tmp_path, undrawn):
    run = make_run(tmp_path / "run", make_images(KMNIST, 200))
    html, page = read(write_report(run))  # in a home without any data
    assert "The test images could not be had" in page.text
    assert "kuzushiji data get kmnist" in page.text
    assert not page.count("i")
    assert "Confusion matrix" in html
    assert f"{stored_evaluation(run).accuracy.value:.2%}" in page.text
    assert "Right and wrong, by character" in page.text


def test_images_are_loaded_from_where_the_run_had_them(real_data, tmp_path, undrawn):
    from kuzushiji.data.source import load

    test = load(real_data / "kmnist6k", "test")
    images = test.select(slice(300))
    run = make_run(tmp_path / "run", images)
    config = json.loads((run.path / "config.json").read_text(encoding="utf-8"))
    config["dataset"] |= {"name": str(real_data / "kmnist6k"), "path": str(real_data / "kmnist6k")}
    (run.path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    _, page = read(write_report(run))
    assert page.count("i") > 200
    assert "CC BY-SA 4.0" in page.text


def test_images_are_found_by_their_ids(tmp_path):
    images = make_images(KMNIST, 50)
    run = make_run(tmp_path / "run", images.select(np.array([30, 3, 12])))
    order = np.random.default_rng(0).permutation(50)
    material = gather(run, images.select(order))
    np.testing.assert_array_equal(material.images_of(np.arange(3)), images.images[[30, 3, 12]])


@pytest.mark.parametrize("lie", ["labels", "classes", "ids", "none"])
def test_other_images_than_those_predicted_are_not_shown(tmp_path, lie):
    images = make_images(KMNIST, 50)
    run = make_run(tmp_path / "run", images)
    others = {
        "labels": replace(images, labels=(images.labels + 1) % 10),
        "classes": replace(images, classes=KMNIST[::-1]),
        "ids": replace(images, ids=images.ids + 1),
        "none": images.select(slice(0)),
    }
    material = gather(run, others[lie])
    assert material.images is None
    assert "are not those that the network was tested on" in material.missing_images


def test_nothing_that_things_are_called_gets_into_the_markup(tmp_path):
    evil = "<script>alert('x')&\""
    classes = ("<b>", "&", '"', "'", "$x_{1$", "</style><script>", "𤾣", "a long name that has no end in sight")
    images = make_images(classes, 400, name='"><img src=x onerror=alert(1)>')
    run = make_run(tmp_path / evil, images, command="</script><script>alert(2)</script>", recipe_name="<i onclick=a()>")
    html, page = read(write_report(run, images=images))
    assert page.count("script") == 1
    assert page.count("style") == 1 + page.count("svg"), "those of the figures and the page's own"
    assert not page.count("img")
    assert not [attributes for _, attributes in page.tags if any(name.startswith("on") for name in attributes)]
    assert evil in page.text
    assert "</script><script>alert(2)</script>" in page.text
    assert "U+24FA3" in page.text, "a character that our font lacks is named as well"
    assert html.count("</script>") == 1


def test_numbers_that_are_not_defined(tmp_path):
    images = make_images(KMNIST, 1)  # one image: no intervals; nine classes without any
    run = make_run(tmp_path / "run", images, epochs=2)
    lines = run.metrics
    lines[0] |= {"validation_loss": None, "validation_accuracy": None}
    lines[1] |= {"validation_loss": None, "validation_accuracy": None, "train_loss": float("nan")}
    (run.path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    _, page = read(write_report(run, images=images))
    assert "nan" not in re.findall(r"[a-z]+", page.text.lower())
    assert "no test images" in page.text
    assert "The first 1 test images" not in page.text


def test_a_run_without_epochs_training_counts_or_machine(tmp_path):
    images = make_images(KMNIST, 100)
    run = make_run(tmp_path / "run", images, epochs=1, machine={}, versions={}, command="")
    (run.path / "metrics.jsonl").unlink()
    _, page = read(write_report(run, images=images))
    assert "To repeat it" not in page.text
    assert "Loss and accuracy" not in page.text


@pytest.mark.parametrize(("accuracy", "said"), [(1.0, "every test image was named right"), (0.0, "none right")])
def test_all_right_and_all_wrong(tmp_path, accuracy, said):
    images = make_images(KMNIST, 100)
    run = make_run(tmp_path / "run", images, accuracy=accuracy)
    _, page = read(write_report(run, images=images))
    assert said in page.text
    assert f"{stored_evaluation(run).accuracy.value:.2%}" in page.text


def test_a_network_that_is_no_longer_known(tmp_path, undrawn):
    images = make_images(KMNIST, 100)
    model = {"name": "gone", "options": {}, "parameters": 5, "image_size": [28, 28]}
    run = make_run(tmp_path / "run", images, model=model)
    _, page = read(write_report(run, images=images))
    assert "The network can't be drawn: there is no model 'gone'" in page.text


def test_images_that_are_not_square(tmp_path, undrawn):
    square = make_images(KMNIST, 100, side=32)
    images = CharacterImages(square.images[:, :, :24].copy(), square.labels, KMNIST, "mine", "test")
    html, page = read(write_report(make_run(tmp_path / "run", images), images=images))
    assert f"--ratio:{32 / 24}" in html
    assert "32 × 24 pixels" in page.text


def test_data_of_codh_is_known_by_its_name_or_its_files(tmp_path, undrawn):
    named = make_run(tmp_path / "named", make_images(KMNIST, 20, name="k49"))
    assert [each.name for each in gather(named).sources] == ["k49"]
    mine = make_images(KMNIST, 20, name="a/folder/of/mine")
    by_files = make_run(tmp_path / "files", mine)
    assert [each.name for each in gather(by_files).sources] == ["kmnist"], "its files are named as those published"
    dataset = by_files.config.to_dict()["dataset"] | {"source": {"a.png": "d" * 64}}
    both = make_run(tmp_path / "both", make_images(KMNIST, 20, name="brush:k49+k49+kmnist6k"))
    _, page = read(write_report(both, images=make_images(KMNIST, 20, name="brush:k49+k49+kmnist6k")))
    assert "brush:k49 and Kuzushiji-49 and Kuzushiji-MNIST 6k" in page.text
    assert page.text.count("licensed under CC BY-SA 4.0") == 2
    own = make_run(tmp_path / "own", mine, dataset=dataset)
    assert gather(own).sources == []
    _, page = read(write_report(own, images=mine))
    assert "CODH" not in page.text
    assert "lenet5 on mine" in page.text


def test_kept_epoch_is_the_best_where_the_recipe_says_so(tmp_path):
    images = make_images(KMNIST, 50)
    recipe = as_plain(named_recipe("lenet5").change(keep="best"))
    run = make_run(tmp_path / "run", images, recipe=recipe)
    assert gather(run, images).kept_epoch == 5
    lines = run.metrics
    lines[1]["validation_accuracy"] = 0.999
    (run.path / "metrics.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    assert gather(run, images).kept_epoch == 2


def test_an_unfinished_run_has_no_report(tmp_path):
    run = make_run(tmp_path / "run", make_images(KMNIST, 20))
    run.weights_file.unlink()
    with pytest.raises(RunError, match=r"not finished.*--resume run"):
        write_report(run)
    assert not run.report_file.exists()


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_run_without_whole_predictions_has_no_report(tmp_path, damage):
    run = make_run(tmp_path / "run", make_images(KMNIST, 20))
    if damage == "missing":
        run.predictions_file().unlink()
    else:
        run.predictions_file().write_bytes(run.predictions_file().read_bytes()[:200])
    with pytest.raises(DataError, match=r"predictions\.npz"):
        write_report(run)
    assert not run.report_file.exists()


# Parts


def test_figures_are_written_for_light_and_dark_pages(tmp_path):
    images = make_images(KMNIST, 20)
    files = write_figures(make_run(tmp_path / "run", images), tmp_path / "figures", images=images)
    names = {path.name for path in files}
    for figure in ("curves", "confusion", "roc", "auc", "first-images", "surest-mistakes", "layers"):
        for ending in (".svg", "-light.png", "-dark.png"):
            assert f"{figure}{ending}" in names
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    for path in files:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                assert picture.convert("RGBA").getpixel((0, 0))[3] == (255 if "-dark" in path.name else 0), path.name
    curves = (tmp_path / "figures" / "curves.svg").read_text()
    assert LIGHT.series[0] in curves
    assert DARK.series[0] in curves


def test_sprites_give_each_image_one_cell_and_each_size_a_picture():
    generator = np.random.default_rng(0)
    images = [*generator.integers(0, 256, (COLUMNS + 5, 6, 4), dtype=np.uint8), np.full((3, 3), 255, dtype=np.uint8)]
    sprites = Sprites()
    cells = [sprites.cell(image) for image in images]
    assert len(set(cells)) == len(images)
    assert sprites.cell(images[3].copy()) == cells[3]
    opened = [Image.open(io.BytesIO(picture)).convert("RGBA") for picture in sprites.pictures()]
    assert [picture.size for picture in opened] == [(COLUMNS * 4, 12), (COLUMNS * 3, 3)]
    for (number, x, y), image in zip(cells, images, strict=True):
        ink = np.asarray(opened[number])[..., 3].astype(int)
        height, width = image.shape
        cell = ink[y * height : (y + 1) * height, x * width : (x + 1) * width]
        assert abs(cell - image.astype(int)).max() <= 9
    assert sprites.style_sheet().count("--sprite:url") == 2


def test_no_sprite_without_images():
    assert Sprites().style_sheet() == ""


def test_font_subset_holds_what_was_asked_for():
    with TTFont(io.BytesIO(font_subset("あ漢ゝ"))) as font:
        assert {ord(character) for character in "あ漢ゝ"} <= set(font.getBestCmap())
        assert len(font.getBestCmap()) < 10
    assert len(font_subset("")) > 100


def test_numbers_for_people():
    assert [short(count) for count in (7, 999, 44_426, 37_212_345, 2e9)] == [
        "7",
        "999",
        "44.4 thousand",
        "37.2 million",
        "2 billion",
    ]
    assert [duration(seconds) for seconds in (0.5, 12.5, 59.6, 75, 3725)] == [
        "0.5 s",
        "12.5 s",
        "1 min 0 s",
        "1 min 15 s",
        "1 h 2 min",
    ]
