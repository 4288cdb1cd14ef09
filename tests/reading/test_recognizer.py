import io
import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import kuzushiji
from kuzushiji.errors import DataError, UsageError
from kuzushiji.exported import FORMAT, Description
from kuzushiji.reading.pretrained import PREFERRED, find_network, pretrained
from kuzushiji.reading.recognizer import Recognition, Recognizer, _best
from kuzushiji.shipped import WEIGHTS
from tests.reading.writing import page_of_writing


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer("kmnist")


@pytest.fixture(scope="module")
def image():
    """A kana of the embedded brush set, dark ink on bright paper, 84 x 84."""
    glyph = kuzushiji.load("brush:kmnist:2", "train").images[3]
    return 255 - np.asarray(Image.fromarray(glyph).resize((84, 84), Image.Resampling.BICUBIC))


def saved(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def best(recognitions):
    return [(each[0].character, each[0].probability) for each in recognitions]


def test_candidates_are_sorted_and_know_their_code_point_and_parent(recognizer, image):
    (found,) = recognizer(image)
    assert isinstance(found, Recognition)
    assert len(found) == 5
    probabilities = [each.probability for each in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 1e-6
    first = found[0]
    assert first.codepoint == f"U+{ord(first.character):04X}"
    assert first.parent == kuzushiji.characters.PARENT[first.character]
    assert found.unsure == (first.probability < recognizer.unsure_below or found.doubt != "")
    assert json.loads(json.dumps(found.to_dict()))["candidates"][0]["character"] == first.character


@pytest.mark.parametrize("format", ["TIFF", "GIF", "WebP", "PNG"])
def test_a_file_of_several_images_is_not_read_as_its_first(recognizer, image, format):
    one = Image.fromarray(image)
    content = saved(one, format, save_all=True, append_images=[Image.fromarray(image.T)])
    with pytest.raises(DataError, match=r"mine holds 2 images, expected one; `kuzushiji\.recognize` reads each"):
        recognizer([("mine", content)])
    found = kuzushiji.recognize([("mine", content)], "kmnist")
    assert [each.number for each in found] == [1, 2]
    assert len(recognizer(saved(one, format))) == 1


def test_all_classes_together_are_certain(recognizer, image):
    (found,) = recognizer([image], top=99)
    assert len(found) == len(recognizer.classes) == 10
    assert sum(each.probability for each in found) == pytest.approx(1, abs=1e-5)


def test_every_kind_of_source_gives_the_same(recognizer, image, tmp_path):
    gray = Image.fromarray(image)
    Image.fromarray(image).save(tmp_path / "one.png")
    cutout = Image.merge("LA", (Image.new("L", gray.size, 0), Image.fromarray(255 - image)))
    white_ink = Image.merge("LA", (Image.new("L", gray.size, 255), Image.fromarray(255 - image)))
    sideways = gray.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    palette = gray.convert("P")
    palette.info["transparency"] = 255  # what is paper
    deep = Image.fromarray(image.astype(np.uint16) * 257)
    sources = {
        "str": str(tmp_path / "one.png"),
        "path": tmp_path / "one.png",
        "bytes": (tmp_path / "one.png").read_bytes(),
        "file": io.BytesIO((tmp_path / "one.png").read_bytes()),
        "bytearray": bytearray((tmp_path / "one.png").read_bytes()),
        "pillow": gray,
        "rgb": gray.convert("RGB"),
        "rgba": gray.convert("RGBA"),
        "one bit": gray.point(lambda tone: 255 * (tone > 127)).convert("1"),
        "cmyk": saved(gray.convert("RGB").convert("CMYK"), "TIFF"),
        "cut out": saved(cutout, "PNG"),
        "white ink": saved(white_ink, "PNG"),
        "palette": saved(palette, "PNG", transparency=255),
        "turned": saved(sideways, "JPEG", exif=exif, quality=95),
        "16 bits": deep,
        "16 bits tiff": saved(deep, "TIFF"),
        "gray array": image,
        "inverted": 255 - image,
        "colour array": np.stack([image] * 3, axis=2),
        "with opacity": np.stack([image] * 3 + [np.full_like(image, 255)], axis=2),
        "shares": image / 255,
        "float32": image.astype(np.float32),
        "uint16": image.astype(np.uint16) * 257,
        "int64": image.astype(np.int64),
        "bool": image > 127,
        "sliced": np.asfortranarray(image)[::1, ::1],
        "one channel": image[..., None],
        "mask": (image > 127).astype(np.uint8),
    }
    expected = recognizer.prepare(image).astype(int)
    # One bit, transparency and the compression of JPEG change a tone here and there.
    differences = {name: np.abs(recognizer.prepare(source) - expected).mean() for name, source in sources.items()}
    assert {name: difference for name, difference in differences.items() if difference > 16} == {}
    exact = {
        "str",
        "path",
        "bytes",
        "file",
        "bytearray",
        "pillow",
        "rgb",
        "one channel",
        "cut out",
        "16 bits",
        "inverted",
        "shares",
        "uint16",
        "int64",
    }
    assert {name for name in exact if differences[name]} == set()


def test_many_are_named_in_their_order_whatever_the_batch(recognizer):
    images = kuzushiji.load("brush:kmnist:15", "train").images
    together = recognizer(images)
    assert len(together) == len(images) == 150
    alone = [recognizer(each)[0] for each in images[::30]]
    assert [each[0].character for each in together[::30]] == [each[0].character for each in alone]
    np.testing.assert_allclose(
        [each[0].probability for each in together[::30]], [each[0].probability for each in alone], atol=1e-4
    )
    assert recognizer([]) == []
    assert recognizer(iter([images[0]])) == [together[0]]


def test_a_blank_image_has_no_candidates_and_leaves_the_others_in_place(recognizer, image):
    blank = np.full((50, 40), 233, np.uint8)
    first, second, third = recognizer([blank, image, np.zeros((1, 1), np.uint8)])
    assert first.blank
    assert first.unsure
    assert list(first) == []
    assert third.blank
    assert best([second]) == best(recognizer(image))


def test_images_as_the_data_sets_have_them_need_no_preparing(recognizer):
    images = kuzushiji.load("brush:kmnist:3", "train").images
    probabilities = recognizer.probabilities(images)
    assert probabilities.shape == (30, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    named = [each[0].character for each in recognizer.recognize_prepared(images)]
    assert named == [recognizer.classes[label] for label in probabilities.argmax(axis=1)]
    with pytest.raises(UsageError, match=r"takes uint8 \(N, 28, 28\), found uint8 \(30, 27, 28\)"):
        recognizer.probabilities(images[:, 1:])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.png", "missing.png can't be read: No such file"),
        (b"", "image 0 is empty"),
        (
            b"hello, this is a text",
            "is not a PNG, JPEG, JPEG 2000, WebP, TIFF, BMP, GIF or AVIF image: it begins with b'hello",
        ),
        (saved(Image.radial_gradient("L"), "PNG")[:900], "image 0 is a damaged image"),
        (saved(Image.new("1", (12000, 12000)), "PNG"), "has 12000x12000 pixels; the most"),
        (page_of_writing(), r"image 0 shows \d+ separate marks, as a page of writing does"),
        (np.array([[-1, 3]]), "values from -1 to 3"),
        (None, "image 0 is NoneType; expected a path"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:12],
)
def test_what_cannot_be_read_is_named(recognizer, source, message):
    with pytest.raises(DataError, match=message):
        recognizer([source])


def test_one_image_need_not_be_in_a_list(recognizer, image):
    content = saved(Image.fromarray(image), "PNG")
    for one in (content, bytearray(content), io.BytesIO(content), Image.fromarray(image), image, image[..., None]):
        assert best(recognizer(one)) == best(recognizer([image]))
    assert best(recognizer(image[None])) == best(recognizer([image]))
    for none in (None, 7, np.zeros(7, np.uint8)):
        with pytest.raises(DataError, match="image 0 is"):
            recognizer(none)


def test_a_folder_is_no_image(recognizer, tmp_path):
    with pytest.raises(DataError, match="can't be read: Is a directory"):
        recognizer(tmp_path)


def test_top_must_be_at_least_one(recognizer, image):
    with pytest.raises(UsageError, match="top is 0"):
        recognizer(image, top=0)


def test_what_ships_is_plain_onnx_with_a_card_and_fits_in_the_wheel():
    files = pretrained()
    assert "kmnist" in files
    assert set(files) <= set(PREFERRED)
    assert sum(path.stat().st_size for path in files.values()) < 12e6
    for path in files.values():
        onnx.checker.check_model(onnx.load(path), full_check=True)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        described = Description.from_metadata(session.get_modelmeta().custom_metadata_map)
        for batch in (1, 3):
            logits, embedding = session.run(None, {"images": np.zeros((batch, 1, *described.image_size), np.float32)})
            assert logits.shape == (batch, len(described.classes))
            assert len(embedding) == batch
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        assert all(f"> {credit}" in card for credit in described.attribution.split("; and "))
        assert described.licence in card
        assert described.command in card
        assert b"/site-packages/" not in path.read_bytes()


def test_without_a_name_the_first_that_ships_is_used():
    assert find_network(None) == next(iter(pretrained().values()))
    assert Recognizer().path.parent == WEIGHTS


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("kmnits", UsageError, "there is no pretrained network 'kmnits'; did you mean kmnist"),
        ("missing.onnx", DataError, "missing.onnx does not exist; `kuzushiji export RUN --output missing.onnx`"),
        ("no/such/place", DataError, "does not exist"),
        ("", UsageError, "no pretrained network ''"),
    ],
)
def test_a_wrong_name_says_what_would_be_right(name, kind, message):
    with pytest.raises(kind, match=message):
        Recognizer(name)


def test_files_that_are_no_network_of_ours_are_told_from_each_other(tmp_path):
    whole = pretrained()["kmnist"].read_bytes()
    model = onnx.load_from_string(whole)
    texts = {each.key: each.value for each in model.metadata_props if each.key != "sha256"}

    def with_texts(**changes):
        onnx.helper.set_model_props(model, texts | changes)
        return model.SerializeToString()

    bare = onnx.load_from_string(whole)
    del bare.metadata_props[:]
    for content, message in {
        whole[: len(whole) // 2]: "is no ONNX file, or not a whole one",
        b"": "is no ONNX file, or not a whole one",
        b"a text": "is no ONNX file, or not a whole one",
        bare.SerializeToString(): "was not written by `kuzushiji export`: it does not name its format",
        with_texts(format="kuzushiji character network 99"): f"expected '{FORMAT}'",
        with_texts(temperature="0"): "describes itself in a way that makes no sense",
        with_texts(classes="7"): "describes itself in a way that makes no sense",
        with_texts(image_size="[28]"): "describes itself in a way that makes no sense",
        with_texts(classes='["お", "き"]'): "contradicts its own description",
        with_texts(image_size="[28, 29]"): "contradicts its own description",
    }.items():
        (tmp_path / "network.onnx").write_bytes(content)
        with pytest.raises(DataError, match=r"network\.onnx") as raised:
            Recognizer(tmp_path / "network.onnx")
        assert message in str(raised.value)


def test_a_description_survives_its_texts():
    described = Recognizer("kmnist").description
    assert Description.from_metadata(described.to_metadata()) == described
    assert described.classes == kuzushiji.characters.KMNIST


def test_reading_needs_neither_pytorch_nor_matplotlib_nor_scikit_learn(tmp_path):
    Image.radial_gradient("L").save(tmp_path / "one.png")
    code = (
        "import sys, kuzushiji; kuzushiji.Recognizer('kmnist')(sys.argv[1]);"
        "from kuzushiji.cli import main; assert main(['recognize', sys.argv[1]]) == 0;"
        "assert main(['models', '--pretrained']) == 0;"
        "unwanted = {'torch', 'matplotlib', 'sklearn', 'scipy', 'onnx', 'safetensors', 'requests'} & set(sys.modules);"
        "assert not unwanted, unwanted"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "one.png")], check=True, capture_output=True)


def test_help_does_not_wait_for_onnx_runtime():
    code = (
        "import sys; from kuzushiji.cli import main; assert main(['--help']) == 0;"
        "assert main(['recognize', '--help']) == 0; assert not {'onnxruntime', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_real_characters_are_named_as_well_from_paper_as_from_the_data_set(recognizer, real_data):
    with np.load(real_data / "kmnist6k" / "kmnist-test-imgs.npz") as file:
        images = file["arr_0"][:150]
    with np.load(real_data / "kmnist6k" / "kmnist-test-labels.npz") as file:
        actual = [recognizer.classes[label] for label in file["arr_0"][:150]]
    random = np.random.default_rng(0)

    def on_paper(image):
        ink = np.pad(np.asarray(Image.fromarray(image).resize((112, 112))), 60)[..., None] / 255
        paper = np.array([222.0, 200, 160]) + random.normal(0, 5, (*ink.shape[:2], 1))
        return ((1 - ink) * paper + ink * [50, 40, 35]).clip(0, 255).astype(np.uint8)

    def right(found):
        return np.mean([not each.blank and each[0].character == is_ for each, is_ in zip(found, actual, strict=True)])

    plain = right(recognizer.recognize_prepared(images))
    assert plain > 0.85
    assert right(recognizer(images)) > plain - 0.02
    assert right(recognizer([on_paper(image) for image in images])) > plain - 0.03


def test_the_best_are_those_of_sorting_all():
    shares = np.random.default_rng(0).random((9, 400), np.float32)
    for top in (1, 12, 400, 500):
        np.testing.assert_array_equal(_best(shares, top), np.argsort(-shares, axis=1)[:, :top])
    np.testing.assert_array_equal(_best(np.zeros((2, 3), np.float32), 3), [[0, 1, 2]] * 2)
