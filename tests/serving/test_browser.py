"""The room in a browser, with the keyboard alone."""

import re
import threading
import time
from shutil import which

import pytest
import uvicorn

from kuzushiji.serving.app import Room, create
from kuzushiji.serving.jobs import looks_of
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, page_of, picture


@pytest.fixture
def address(tmp_path):
    server = uvicorn.Server(uvicorn.Config(create(Room(tmp_path, processes=0)), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def test_a_page_is_uploaded_read_corrected_by_keyboard_and_downloaded(address, tmp_path):
    chromium = which("chromium")
    if chromium is None:
        pytest.skip("no browser: Debian's package chromium is missing")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    expect, shelf = api.expect, Shelf(tmp_path)
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB", viewport={"width": 390, "height": 844})
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        page.goto(address)
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture()})
        page.wait_for_selector(".queued")
        row = shelf.claim()
        shelf.finish(row["id"], page_of(), looks_of(picture()))
        page.focus(".read a")
        page.keyboard.press("Enter")
        page.wait_for_selector(".columns button[aria-current]")
        page.keyboard.press("2")  # the second candidate, す in place of 戀; the next character is chosen
        text = page.locator(".columns")
        expect(text).to_have_text(re.compile("^す"))
        expect(page.locator(":focus")).to_have_text("の")
        page.keyboard.press("Enter")
        page.keyboard.type("乃")
        page.keyboard.press("Enter")
        expect(text).to_have_text(re.compile("^す乃"))
        page.keyboard.press("n")  # the last one is not sure
        expect(page.locator(":focus")).to_have_text("り")
        page.keyboard.press("Delete")
        expect(text).not_to_contain_text("り")
        page.keyboard.press("Control+z")
        expect(text).to_contain_text("り")
        shown = page.text_content(".columns")
        page.click("summary")
        with page.expect_download() as download:
            page.click("text=txt")
        assert shown == "す乃" + TEXT[2:]
        assert download.value.path().read_text(encoding="utf-8") == f"{shown}\n"
        assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert wrong == []
        browser.close()
    shelf.close()
