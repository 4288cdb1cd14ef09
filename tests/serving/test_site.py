"""The site that reads in the browser alone says what `read` says."""

import hashlib
import json
import os
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from shutil import copytree, which

import numpy as np
import pytest
from PIL import Image

from kuzushiji.cli import main
from kuzushiji.document.geometry import polygons_of
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Page
from kuzushiji.errors import DataError, DownloadError, UsageError
from kuzushiji.imaging.cut import cut
from kuzushiji.imaging.ink import ink_for_detector
from kuzushiji.imaging.rules import find_rules
from kuzushiji.reading.detector import decode
from kuzushiji.reading.reader import Reader
from kuzushiji.serving import site
from tests.conftest import PROJECT
from tests.fileserver import listening, serving

SCAN = PROJECT / "docs" / "pictures" / "pages" / "算法少女" / "3508165_8.jpg"


class Files(SimpleHTTPRequestHandler):
    """A host of static files, as any."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def do_GET(self):
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def visit(browser):
    """Opens a file of a folder; nothing may go wrong in it, and nothing be asked of another host."""
    wrong, opened, servers = [], [], []

    def visit(folder, name=""):
        servers.append(listening(partial(Files, directory=str(folder))))
        address = f"http://127.0.0.1:{servers[-1].__enter__()}/"
        page = browser.new_page(locale="en-GB", viewport={"width": 1200, "height": 900})
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((address, "blob:", "data:")) else wrong.append(asked.url),
        )
        page.set_default_timeout(200_000)
        page.goto(address + name)
        opened.append(page)
        return page

    yield visit
    for page in opened:
        page.close()
    for server in servers:
        server.__exit__(None, None, None)
    assert wrong == []


@pytest.fixture
def runtime():
    """The folder dist of the npm package."""
    configured = os.environ.get("KUZUSHIJI_ONNXRUNTIME_WEB")
    folder = Path(configured) if configured else PROJECT / "node_modules" / "onnxruntime-web" / "dist"
    if not folder.is_dir():
        pytest.skip(f"no ONNX Runtime for browsers: {folder} does not exist (npm install onnxruntime-web brings it)")
    return folder


@pytest.fixture
def called(tmp_path):
    """Runs JavaScript that may import the modules and has the names that it is given; gives what it returns."""
    node = which("node")
    if node is None:
        pytest.skip("Debian's package nodejs is missing")
    copytree(site.MODULES, tmp_path / "modules")
    (tmp_path / "modules" / "package.json").write_text('{"type": "module"}')
    script = tmp_path / "modules" / "script.js"

    def called(code, **given):
        script.write_text(f"""
            import {{ readFileSync }} from "fs";
            const {{ {", ".join(given)} }} = JSON.parse(readFileSync(0));
            const run = async () => {{ {code} }};
            console.log(JSON.stringify(await run()));""")
        done = subprocess.run([node, script], input=json.dumps(given), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return called


def as_page(pixels):
    return {"width": pixels.shape[1], "height": pixels.shape[0], "data": pixels.ravel().tolist()}


def gray(width, height, left=700, top=500):
    if not SCAN.exists():
        pytest.skip(f"no scan: {SCAN} is missing, as in an sdist")
    with Image.open(SCAN) as image:
        return np.asarray(image.convert("L").crop((left, top, left + width, top + height)))


def test_ink_is_that_of_python(called):
    pixels, scales = gray(420, 333), [0.23, 0.6, 1.4]
    code = """
        const { inkForDetector } = await import("./ink.js");
        page.data = Uint8Array.from(page.data);
        return scales.map(each => [...inkForDetector(page, each).data]);"""
    for scale, ink in zip(scales, called(code, page=as_page(pixels), scales=scales), strict=True):
        assert ink == ink_for_detector(Image.fromarray(pixels), scale).ravel().tolist()


def test_characters_are_cut_out_as_in_python(called):
    pixels = gray(420, 333)
    boxes = [[10, 20, 30, 44], [100, 50, 70, 20], [0, 0, 420, 333], [200, 100, 3, 90], [350, 300, 70, 33]]
    code = """
        const { cut } = await import("./ink.js");
        page.data = Uint8Array.from(page.data);
        return cut(page, boxes, [64, 48]).map(each => [...each]);"""
    expected = cut(pixels, np.array(boxes, np.int32), (64, 48)).reshape(len(boxes), -1)
    assert called(code, page=as_page(pixels), boxes=boxes) == expected.tolist()


def test_maps_become_the_same_boxes_as_in_python(called):
    random = np.random.default_rng(2)
    heat, maps = random.random((2, 30, 41), np.float32), random.normal(0, 1, (4, 30, 41)).astype(np.float32)
    found = decode(heat, maps, least=0.8)
    code = """
        const { decode } = await import("./finding.js");
        return decode(Float32Array.from(heat), Float32Array.from(maps), 30, 41, 0.8);"""
    said = called(code, heat=heat.ravel().tolist(), maps=maps.ravel().tolist())
    assert [each["role"] for each in said] == found.roles.tolist()
    np.testing.assert_allclose([each["box"] for each in said], found.boxes, rtol=1e-5, atol=1e-4)


def test_lines_and_order_are_those_of_python(called):
    pixels = gray(1100, 700, 200, 300)
    rules = find_rules(pixels)
    code = """
        const { findRules } = await import("./rules.js");
        page.data = Uint8Array.from(page.data);
        return findRules(page);"""
    found = called(code, page=as_page(pixels))
    assert found == found_rules(rules)
    assert found["vertical"]

    random = np.random.default_rng(3)
    cases, pages = [], []
    for _ in range(30):
        count = int(random.integers(1, 90))
        x, y = random.integers(0, 9, count) * 110 + random.normal(0, 12, count), random.integers(0, 640, count)
        sides = np.where(random.random(count) < 0.3, 14, 40)
        boxes = np.stack([x, y, sides + random.integers(0, 9, count), sides], axis=1).round().clip(0)
        ruby = random.random(count) < 0.1
        characters = Characters(polygons_of(boxes), [["す"]] * count, ids=[f"c{each}" for each in range(count)])
        pages.append(arrange(Page(ImageRef("a.png", size=(1100, 700)), characters), rules, ruby))
        cases.append([boxes.tolist(), ruby.tolist()])
    code = """
        const { arrange } = await import("./order.js");
        return cases.map(([boxes, ruby]) => arrange(boxes, ruby, 1100, rules));"""
    for page, said in zip(pages, called(code, cases=cases, rules=found_rules(rules)), strict=True):
        numbers = np.array([int(each[1:]) for each in page.characters.ids])
        assert said["order"] == numbers[page.order].tolist()
        expected = [{"role": line.role, "members": numbers[line.characters].tolist()} for line in page.lines]
        assert said["lines"] == expected


def found_rules(rules):
    return {"horizontal": rules.horizontal.tolist(), "vertical": rules.vertical.tolist()}


def test_a_page_is_read_as_by_read(visit, runtime, tmp_path, capsys):
    scan = tmp_path / "page.png"
    Image.fromarray(gray(330, 420, 800, 300)).save(scan)
    folder = tmp_path / "public"
    assert main(["site", str(folder), str(scan), "--runtime", str(runtime)]) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    truth = Reader(threads=1)(scan)
    assert len(truth) > 5

    page = visit(folder)
    page.click("#samples button")
    page.wait_for_selector("#page:not([hidden])")
    assert f"{len(truth)} characters" in page.inner_text("#said")
    with page.expect_download() as got:
        page.click("#json")
    said = json.loads(got.value.path().read_bytes())
    assert said["text"] == truth.text
    assert [each["box"] for each in said["characters"]] == truth.characters.boxes[truth.order].tolist()
    for one, other in zip(said["characters"], truth, strict=True):
        assert [each["text"] for each in one["candidates"]] == [each.character for each in other.candidates]
        expected = [each.probability for each in other.candidates]
        assert [each["probability"] for each in one["candidates"]] == pytest.approx(expected, abs=1e-4)
    page.click("#text button >> nth=2")
    assert page.inner_text("#candidates b >> nth=0") == truth[2].text
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#candidates b >> nth=0") == truth[3].text
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    assert axe.run(page).response["violations"] == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") == 390


def test_what_is_no_image_is_said(visit, runtime, tmp_path):
    site.write_site(tmp_path / "public", runtime)
    page = visit(tmp_path / "public")
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no image"})
    page.get_by_text("It could not be read").wait_for()


def test_the_runtime_is_fetched_once_and_compared(monkeypatch, tmp_path):
    content = {"a.mjs": b"one", "b.wasm": b"two"}
    monkeypatch.setattr(
        site, "RUNTIME_FILES", {name: hashlib.sha256(each).hexdigest() for name, each in content.items()}
    )
    with serving({"onnxruntime-web@1.30.0": b"", **content}) as server:
        monkeypatch.setattr(site, "address", lambda mirror, name: server.url("good", name))
        folder = site.fetch_runtime()
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
        asked = len(server.requests)
        assert site.fetch_runtime() == folder
        assert len(server.requests) == asked
        (folder / "a.mjs").write_bytes(b"ruined")
        monkeypatch.setattr(site, "address", lambda mirror, name: server.url("wrong", name))
        with pytest.raises(DownloadError, match=r"npm pack onnxruntime-web@1\.30\.0"):
            site.fetch_runtime()


def test_what_cannot_be_written_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="exists; name a new folder"):
        site.write_site(tmp_path, tmp_path)
    with pytest.raises(DataError, match=r"ort\.wasm\.min\.mjs does not exist"):
        site.write_site(tmp_path / "new", tmp_path)
    (tmp_path / "ort.wasm.min.mjs").write_bytes(b"another")
    with pytest.raises(DataError, match="is not that of onnxruntime-web"):
        site.write_site(tmp_path / "new", tmp_path)
    monkeypatch.setattr(site, "RUNTIME_FILES", {})
    (tmp_path / "page.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"page\.png is not a"):
        site.write_site(tmp_path / "new", tmp_path, [tmp_path / "page.png"])
    with pytest.raises(UsageError, match="same name"):
        site.write_site(tmp_path / "new", tmp_path, [tmp_path / "page.png"] * 2)
    assert not (tmp_path / "new").exists()
