import json
import socket

import pytest
import urllib3

from kuzushiji.serving import remote
from kuzushiji.serving.uploads import Refused

_ADDRESS = {"museum.example": "93.184.215.14", "localhost": "127.0.0.1", "2130706433": "127.0.0.1"}


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://[64:ff9b::7f00:1]/",
        "https://8.8.8.8:22/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://[/",
        "//example.org",
        "",
    ],
)
def test_what_is_not_public_is_not_asked(url, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [(0, 0, 0, "", (_ADDRESS.get(host, host), 80))])
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "request", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(Refused) as refused:
        remote.fetch(url)
    assert refused.value.status == 422


def test_a_redirection_into_the_house_is_not_followed(monkeypatch):
    asked = []

    class Moved:
        status, headers = 302, {"location": "http://192.168.0.1/secret"}

        def close(self):
            asked.append(self)

    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: [(0, 0, 0, "", (_ADDRESS.get(host, host), 80))])
    monkeypatch.setattr(urllib3.HTTPConnectionPool, "request", lambda *_, **__: Moved())
    with pytest.raises(Refused, match="no public address"):
        remote.fetch("http://museum.example/a.jpg")
    assert len(asked) == 1


def test_manifests_of_both_versions_name_their_images():
    third = {"items": [{"items": [{"items": [{"body": {"id": "https://a.example/1.jpg"}}]}]}]}
    second = {"sequences": [{"canvases": [{"images": [{"resource": {"@id": "https://a.example/1.jpg"}}]}]}]}
    for manifest in (third, second):
        assert remote.images_of(json.dumps(manifest).encode()) == [("001", "https://a.example/1.jpg")]
    for content in (b"", b"{}", b"[]", b'{"items": 3}', b"\xff\xd8"):
        assert remote.images_of(content) == []
