"""Whether the site reads in a browser what `read` reads, and how long that takes.

    python benchmarks/site.py --runtime node_modules/onnxruntime-web/dist
    python benchmarks/site.py --runtime node_modules/onnxruntime-web/dist --pages page.jpg

It needs Chromium and playwright.  The site is written into a temporary folder, each page is read on it and by Python on
one thread; what is printed is how many boxes, first answers and lists of candidates agree, and the processor time of
each, which other work on the machine changes little: on an idle machine a person waits about as long.  Browsers decode
the colours of a JPEG a little differently from Pillow, so that now and then a box or a candidate may differ.
"""

import argparse
import json
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from kuzushiji.document.page import Page
from kuzushiji.reading.reader import Reader
from kuzushiji.serving.site import write_site

PAGES = sorted((Path(__file__).parents[1] / "docs" / "pictures" / "pages").glob("*/*.jpg"))


class Files(SimpleHTTPRequestHandler):
    """A host of static files."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *arguments: Any) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runtime", type=Path, required=True, help="the folder dist of the npm package")
    parser.add_argument("--pages", type=Path, nargs="+", default=PAGES, help="the gallery's if not given")
    arguments = parser.parse_args()
    reader = Reader(threads=1)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name) / "site"
        write_site(folder, arguments.runtime, arguments.pages)
        print(f"the site has {sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6:.1f} MB")
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = play.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        try:
            for page in arguments.pages:
                begun = time.process_time()
                truth = reader(page)
                taken = time.process_time() - begun
                said, there = read_there(browser, f"http://127.0.0.1:{server.server_port}/", page.name)
                print(f"{page.name}: {agreement(truth, said)}")
                print(f"  browser {there:.1f} s, Python {taken:.1f} s, ratio {there / taken:.1f}", flush=True)
        finally:
            browser.close()
            server.shutdown()


def read_there(browser: Browser, address: str, name: str) -> tuple[dict[str, Any], float]:
    """What the site says of one of its pages, and the processor time that it took, without the networks' loading."""
    page = browser.new_page(locale="en-GB")
    page.set_default_timeout(600_000)
    page.goto(address)
    page.get_by_role("button", name=name).click()
    page.get_by_text("Finding the characters").wait_for()
    begun = processor_time(browser)
    page.wait_for_selector("#page:not([hidden])")
    taken = processor_time(browser) - begun
    with page.expect_download() as got:
        page.click("#json")
    said: dict[str, Any] = json.loads(got.value.path().read_bytes())
    page.close()
    return said, taken


def processor_time(browser: Browser) -> float:
    """Seconds of all processes of a browser."""
    session = browser.new_browser_cdp_session()
    found = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return float(sum(each["cpuTime"] for each in found))


def agreement(page: Page, said: dict[str, Any]) -> str:
    """How much of a page is the same."""
    here = {
        tuple(box): [each.character for each in one.candidates]
        for box, one in zip(page.characters.boxes[page.order].tolist(), page, strict=True)
    }
    there = {tuple(map(float, one["box"])): [each["text"] for each in one["candidates"]] for one in said["characters"]}
    both = here.keys() & there.keys()
    answers = sum(here[box][0] == there[box][0] for box in both)
    candidates = sum(here[box] == there[box] for box in both)
    return (
        f"{len(here)} and {len(there)} characters, {len(both)} boxes the same, of these {answers} first answers and "
        f"{candidates} lists of candidates; text {'the same' if said['text'] == page.text else 'differs'}"
    )


if __name__ == "__main__":
    main()
