"""The client in the documentation does what it says."""

import re
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from kuzushiji.serving.app import Room, create
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, picture, with_page

GUIDE = Path(__file__).parents[2] / "docs" / "serving.md"


def test_the_client_of_the_guide(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.splitlines()) <= 55
    said: dict = {}
    exec(code, said)
    shelf = Shelf(tmp_path / "shelf")
    id = with_page(shelf)
    room = Room(tmp_path / "shelf", processes=0, token="long enough for this")
    server = uvicorn.Server(uvicorn.Config(create(room), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    client = said["Room"](f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/", room.token)
    page = client.wait(id)
    first = page["lines"][0]["characters"][0]["id"]
    assert client.correct(id, {"id": first, "text": "恋"}, who="Ono")["text"] == "恋" + TEXT[1:]
    assert client.export(id).decode().strip() == "恋" + TEXT[1:]
    (tmp_path / "b.png").write_bytes(picture())
    assert len(client.add(tmp_path / "b.png", "a book")) == 1
    assert client.name(picture())[0]["candidates"]
    with pytest.raises(RuntimeError, match="no page"):
        client.wait("nothing")
    server.should_exit = True
    thread.join()
    shelf.close()
