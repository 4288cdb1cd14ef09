"""What the tests of pages share: a browser, which is not there everywhere."""

from shutil import which

import pytest


@pytest.fixture(scope="module")
def browser():
    chromium = which("chromium")
    if chromium is None:
        pytest.skip("no browser: Debian's package chromium is missing")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing")
    with api.sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
