"""The room in a browser, with the keyboard alone."""

import re
import threading
import time

import pytest
import uvicorn

from kuzushiji.imaging.read import read_pixels
from kuzushiji.serving.accounts import Accounts
from kuzushiji.serving.app import Room, create
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, columns_of, page_of, picture, with_page

PATIENCE = 60_000
"""Milliseconds: others may use the machine too."""


@pytest.fixture
def expect():
    expect = pytest.importorskip("playwright.sync_api", reason="playwright is missing").expect
    expect.set_options(timeout=PATIENCE)
    return expect


@pytest.fixture
def address(tmp_path):
    server = uvicorn.Server(uvicorn.Config(create(Room(tmp_path, processes=0)), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    server.force_exit = True  # a browser that watches a page is not waited for
    thread.join()


@pytest.fixture
def shelf(tmp_path):
    opened = Shelf(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def visit(browser, address):
    """Opens a page of the room; nothing may go wrong in it."""
    wrong: list[str] = []
    opened = []

    def visit(where="", width=390, **more):
        page = browser.new_page(locale="en-GB", viewport={"width": width, "height": 844}, **more)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.set_default_timeout(PATIENCE)
        page.goto(address + where)
        opened.append(page)
        return page

    visit.wrong = wrong
    yield visit
    for page in opened:
        page.close()
    assert wrong == []


def test_a_page_is_uploaded_read_corrected_by_keyboard_and_downloaded(visit, expect, shelf):
    page = visit()
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture()})
    page.wait_for_selector(".queued")
    row = shelf.claim()
    shelf.finish(row["id"], page_of(), looks_of(read_pixels(picture())))
    page.focus(".read a")
    page.keyboard.press("Enter")
    page.wait_for_selector(".columns button[aria-current]")
    page.keyboard.press("2")  # the second candidate, す in place of 戀; the next character is chosen
    text, focus = page.locator(".columns"), page.locator(":focus")
    expect(text).to_have_text(re.compile("^す"))
    expect(focus).to_have_text("の")
    page.keyboard.press("Enter")
    page.keyboard.type("乃")
    page.keyboard.press("Enter")
    expect(text).to_have_text(re.compile("^す乃"))
    page.keyboard.press("n")  # the last one is not sure
    expect(focus).to_have_text("り")
    page.keyboard.press("Delete")
    expect(text).not_to_contain_text("り")
    page.keyboard.press("Control+z")
    expect(text).to_contain_text("り")
    page.keyboard.press("Control+y")
    expect(text).not_to_contain_text("り")
    page.keyboard.press("Control+z")
    expect(text).to_contain_text("り")
    shown = page.text_content(".columns")
    page.click(".downloads summary")
    with page.expect_download() as download:
        page.click(".downloads a >> nth=0")
    assert shown == "す乃" + TEXT[2:]
    assert download.value.path().read_text(encoding="utf-8") == f"{shown}\n"
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_boxes_are_split_joined_moved_and_drawn(visit, expect, shelf):
    id = with_page(shelf)
    page = visit(f"#/page/{id}", width=1280)
    letters = page.locator(".columns button")
    expect(letters).to_have_count(7)
    page.keyboard.press("s")
    expect(letters).to_have_count(8)  # the network is opened, which names both
    halves = shelf.page(id)[0].characters.boxes[:2]
    assert halves[:, 3].tolist() == [22.5, 22.5]
    page.keyboard.press("j")
    expect(letters).to_have_count(7)
    assert shelf.page(id)[0].characters.boxes[0].tolist() == [40, 20, 40, 45]
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#said")).to_have_text("The box is moved")
    assert shelf.page(id)[0].characters.boxes[0].tolist() == [41, 20, 40, 46]
    scan = page.locator(".scan").bounding_box()
    page.locator(".acts button", has_text="Draw a box").click()
    x, y = scan["x"] + scan["width"] / 2, scan["y"] + scan["height"] / 2
    page.mouse.move(x - 20, y - 30)
    page.mouse.down()
    page.mouse.move(x + 20, y + 30, steps=4)
    page.mouse.up()
    expect(letters).to_have_count(8)
    assert shelf.history(id)[-1]["before"] is None


def test_columns_are_moved_by_key_and_by_dragging(visit, expect, shelf):
    id = with_page(shelf, columns_of("あい", "うえ", "おか"))
    page = visit(f"#/page/{id}", width=1280)
    text = page.locator(".columns")
    expect(page.locator("[aria-current]")).to_have_text("あ")
    page.keyboard.press("<")  # later
    expect(text).to_have_text("うえあいおか")
    expect(page.locator("[aria-current]")).to_have_text("あ")
    page.keyboard.press("<")
    expect(text).to_have_text("うえおかあい")
    page.keyboard.press(">")
    expect(text).to_have_text("うえあいおか")
    page.drag_and_drop("#l-2", "#l-0")
    expect(text).to_have_text("おかうえあい")
    assert "".join(each.text for each in shelf.page(id)[0]) == "おかうえあい"
    for before in ("うえあいおか", "うえおかあい", "うえあいおか", "あいうえおか"):
        page.keyboard.press("Control+z")
        expect(text).to_have_text(before)
    assert "".join(each.text for each in shelf.page(id)[0]) == "あいうえおか"


def test_a_character_is_drawn_and_named(visit, expect):
    page = visit("#/draw", width=1280)
    pad = page.locator(".pad").bounding_box()
    page.mouse.move(pad["x"] + 160, pad["y"] + 40)
    page.mouse.down()
    page.mouse.move(pad["x"] + 150, pad["y"] + 260, steps=8)
    page.mouse.up()
    expect(page.locator(".choice li")).to_have_count(5)


def test_what_is_found_is_shown_on_the_scan(visit, expect, shelf):
    id = with_page(shelf)
    page = visit()
    page.fill("#search input", "恋のうだ")
    page.press("#search input", "Enter")
    expect(page.locator("mark")).to_have_text("戀のうた")
    page.click(".found a")
    expect(page.locator("[aria-current]")).to_have_text("戀")
    assert id in page.url


@pytest.fixture
def people(shelf):
    Accounts(shelf.engine).add("Ono", "a long password", "corrector")


def test_who_logs_in_corrects_by_name(people, visit, expect, shelf):
    id = with_page(shelf)
    page = visit(f"#/page/{id}", width=1280)
    page.fill("#key [name=name]", "Ono")
    page.fill("#key [name=password]", "a long password")
    page.keyboard.press("Enter")
    page.wait_for_selector("[aria-current]")
    expect(page.locator("#out")).to_contain_text("Ono")
    page.keyboard.press("2")
    expect(page.locator(".columns")).to_have_text(re.compile("^す"))
    assert shelf.history(id)[0]["who"] == "Ono"
    page.click("#out")
    expect(page.locator("#key")).to_be_visible()
    visit.wrong[:] = [each for each in visit.wrong if "401" not in each]


def test_the_later_of_two_people_is_told(visit, expect, shelf):
    id = with_page(shelf)
    one, other = visit(f"#/page/{id}"), visit(f"#/page/{id}")
    for page in (one, other):
        page.wait_for_selector("[aria-current]")
    one.keyboard.press("2")
    expect(one.locator(".columns")).to_have_text(re.compile("^す"))
    other.keyboard.press("ArrowDown")
    other.keyboard.press("2")
    expect(other.locator("#said")).to_contain_text("Somebody else")
    expect(other.locator(".columns")).to_have_text("す" + TEXT[1:])
    visit.wrong[:] = [each for each in visit.wrong if "412" not in each]


def test_nobody_is_kept_out(visit, shelf):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing").Axe()
    id = with_page(shelf)
    views = [("", "light", ".read"), (f"#/page/{id}", "light", "[aria-current]"), (f"#/page/{id}", "dark", "b")]
    for where, theme, sign in views:
        page = visit(where, width=1280, color_scheme=theme)
        page.wait_for_selector(sign)
        found = axe.run(page)
        assert found.violations_count == 0, found.generate_report()
