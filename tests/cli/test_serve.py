"""`kuzushiji serve`: what it opens the reading room with."""

import io

import pytest
import uvicorn
from fastapi.testclient import TestClient

from kuzushiji.cli import main
from kuzushiji.data.source import load
from kuzushiji.reading.recognizer import Recognizer
from kuzushiji.training.experiment import train


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """Opens a room as the command does; gives its app, which no server runs."""
    apps = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **how: apps.append(app))

    def opened(*options):
        code = main(["serve", "--folder", str(tmp_path / "shelf"), "--processes", "1", *options])
        return code, apps.pop() if apps else None

    return opened


def glyph() -> bytes:
    """A drawn character as a scan shows it: dark on light, with room around it."""
    from PIL import Image, ImageOps

    image = Image.fromarray(255 - load("brush:kmnist:2", "train").images[0]).resize((112, 112))
    content = io.BytesIO()
    ImageOps.expand(image, 40, 255).save(content, "PNG")
    return content.getvalue()


def test_a_run_names_in_the_room_what_it_was_trained_to(opened, capsys):
    run = train("lenet5", "brush:kmnist:20", run="own", epochs=1)
    code, app = opened("--model", "own")
    assert code == 0
    assert "exported to" in capsys.readouterr().err
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/api/recognize", files=[("images", ("a.png", glyph()))]).json()
    said = {each["character"] for each in answer[0]["candidates"]}
    assert said
    assert said <= set(Recognizer(run.path / "model.onnx").classes)


def test_a_network_that_is_not_there_opens_nothing(opened, capsys):
    code, app = opened("--model", "nowhere")
    assert (code, app) == (2, None)
    assert "nowhere" in capsys.readouterr().err
