import io
import zipfile
from xml.etree import ElementTree

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy.exc import OperationalError

import kuzushiji
from kuzushiji.document.formats import SUFFIXES
from kuzushiji.document.formats import json as page_json
from kuzushiji.errors import KuzushijiError, UsageError
from kuzushiji.serving.accounts import Accounts
from kuzushiji.serving.app import Room, create
from kuzushiji.serving.shelf import Shelf
from tests.serving.room import TEXT, character, picture, with_page

HERE = "http://localhost"


@pytest.fixture
def client(tmp_path):
    with TestClient(create(Room(tmp_path, processes=0, queue=3)), HERE) as opened:
        yield opened


@pytest.fixture
def page(tmp_path):
    shelf = Shelf(tmp_path)
    yield f"/api/pages/{with_page(shelf)}"
    shelf.close()


def test_a_page_waits_and_says_so(client):
    added = client.post("/api/pages", files={"image": ("../a.png", picture())})
    assert added.status_code == 202
    [entry] = added.json()
    assert (entry["name"], entry["state"], entry["ahead"]) == ("a.png", "queued", 0)
    assert client.post("/api/pages", files={"image": ("b.png", picture())}).json()[0]["ahead"] == 1
    assert client.get(f"/api/pages/{entry['id']}").status_code == 404
    client.post("/api/pages", files={"image": ("c.png", picture())})
    assert client.post("/api/pages", files={"image": ("d.png", picture())}).status_code == 503
    assert [each["name"] for each in client.get("/api/pages").json()] == ["a.png", "b.png", "c.png"]
    assert 'kuzushiji_pages{state="queued"} 3' in client.get("/metrics").text
    assert client.get("/healthz").json()["pages"] == 3


def test_a_page_is_corrected_and_downloaded(client, page):
    answer = client.get(page)
    read = page_json.read(answer.content)
    change = {"changes": [{"id": read[0].id, "text": "恋"}], "who": "Ono"}
    corrected = client.patch(page, json=change, headers={"If-Match": answer.headers["etag"]})
    assert corrected.headers["etag"] == '"2"'
    assert page_json.read(corrected.content).text == "恋" + TEXT[1:]
    assert client.patch(page, json=change, headers={"If-Match": answer.headers["etag"]}).status_code == 412
    assert client.get(f"{page}/text").text == "恋" + TEXT[1:] + "\n"
    assert client.get(f"{page}/history").json()[0]["who"] == "Ono"
    assert '"state": "corrected"' in client.get(f"{page}/events").text
    undone = client.post(f"{page}/undo", headers={"If-Match": corrected.headers["etag"]})
    assert page_json.read(undone.content).text == TEXT
    for size in ("view", "thumbnail", "original"):
        assert client.get(f"{page}/image", params={"size": size}).status_code == 200
    assert client.delete(page).status_code == 204
    assert client.get(page).status_code == 404


@pytest.mark.parametrize("format", SUFFIXES)
def test_every_format_is_downloaded(client, page, format):
    answer = client.get(f"{page}/export/{format}")
    assert answer.status_code == 200
    assert SUFFIXES[format] in answer.headers["content-disposition"]
    if SUFFIXES[format] == ".xml":
        ElementTree.fromstring(answer.content)


def test_texts_are_searched(client, page):
    [found] = client.get("/api/search", params={"q": "恋のうだ"}).json()
    assert found["found"][0]["text"] == "戀のうた"
    assert found["found"][0]["after"] == "がたり"
    assert client.get("/api/search", params={"q": "ない"}).json() == []


def test_characters_are_named_as_on_the_command_line(client):
    glyphs = [character(number) for number in range(3)]
    answers = client.post(
        "/api/recognize", files=[("images", (name, glyph)) for name, glyph in zip("abc", glyphs, strict=True)]
    )
    for answer, alone in zip(answers.json(), kuzushiji.recognize(glyphs), strict=True):
        best, expected = answer["candidates"], alone.recognition.to_dict()["candidates"]
        assert [each["character"] for each in best] == [each["character"] for each in expected]
        assert best[0]["probability"] == pytest.approx(expected[0]["probability"], abs=1e-3)
        assert answer["unsure"] == alone.recognition.unsure


def test_characters_are_named(client):
    answer = client.post("/api/recognize", files=[("images", ("a.png", picture()))] * 2)
    assert answer.status_code == 200
    assert len(answer.json()) == 2
    assert answer.json()[0]["candidates"]
    assert client.post("/api/recognize", files=[("images", ("a.png", picture()))] * 65).status_code == 422


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"<html>", 415), (b"%PDF-1.4", 415), (picture()[:40], 422), (picture()[:20], 415)],
)
def test_what_is_no_image_is_refused(client, content, status):
    for path, field in (("/api/pages", "image"), ("/api/recognize", "images")):
        refused = client.post(path, files={field: ("a.png", content)})
        assert refused.status_code in (status, 415, 422)
        assert refused.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", "/api/pages/..%2f..%2fetc", {}, 404),
        ("GET", "/api/pages/x/export/nope", {}, 422),
        ("GET", "/static/..%2fapp.py", {}, 404),
        ("GET", "/api/search", {}, 422),
        ("GET", "/api/search?q=%00", {}, 422),
        ("PATCH", "/api/pages/x", {"json": {"changes": [{}]}, "headers": {"If-Match": '"1"'}}, 404),
        ("PATCH", "/api/pages/x", {"json": {"changes": [{}]}, "headers": {"If-Match": "*"}}, 422),
        (
            "POST",
            "/api/login",
            {"content": b'{"password": 1e999}', "headers": {"Content-Type": "application/json"}},
            422,
        ),
        ("POST", "/api/login", {"content": b"[" * 20000, "headers": {"Content-Type": "application/json"}}, 400),
        ("PATCH", "/api/pages/x", {"json": {"changes": []}, "headers": {"If-Match": '"1"'}}, 422),
        ("POST", "/api/pages", {"content": b"x", "headers": {"Content-Length": "99999999999"}}, 413),
        ("POST", "/api/login", {"json": {"password": "x"}, "headers": {"Origin": "http://evil.example"}}, 403),
        ("DELETE", "/api/pages/x", {"headers": {"Sec-Fetch-Site": "cross-site"}}, 403),
        ("GET", "/", {"headers": {"Host": "evil.example"}}, 421),
    ],
)
def test_what_is_wrong_is_answered_clearly(client, method, path, more, status):
    answer = client.request(method, path, **more)
    assert answer.status_code == status
    assert "detail" in answer.json()


def test_pages_run_no_script_but_ours(client):
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script>" not in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_other_machines_are_not_let_in_without_a_key(tmp_path):
    with pytest.raises(UsageError, match="--token"):
        create(Room(tmp_path, host="0.0.0.0"))
    with pytest.raises(UsageError, match="short"):
        Room(tmp_path, host="0.0.0.0", token="x")


def test_a_token_lets_in(tmp_path):
    room = Room(tmp_path, host="0.0.0.0", token="long enough for this", processes=0)
    with TestClient(create(room), HERE) as client:
        assert client.get("/").status_code == 200
        assert client.get("/api/me").json()["known"] is False
        assert client.get("/api/pages").status_code == 401
        assert client.get("/iiif/manifest").status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/api/pages", headers={"Authorization": "Bearer wrong"}).status_code == 401
        bearer = {"Authorization": f"Bearer {room.token}"}
        assert client.get("/api/pages", headers=bearer).status_code == 200
        assert client.post("/api/pages", files={"image": ("a.png", picture())}, headers=bearer).status_code == 202
        assert client.post("/api/login", json={"password": "wrong"}).status_code == 401
        given = client.post("/api/login", json={"password": room.token}).headers["set-cookie"]
        assert "HttpOnly" in given
        assert "SameSite=strict" in given
        assert room.token not in given
        assert client.get("/api/pages").status_code == 200


def test_people_do_what_their_role_allows(tmp_path):
    shelf = Shelf(tmp_path)
    page = f"/api/pages/{with_page(shelf)}"
    for role in ("reader", "corrector", "keeper"):
        Accounts(shelf.engine).add(f"the {role}", f"password of a {role}", role)
    shelf.close()
    may = {}
    with TestClient(create(Room(tmp_path, processes=0)), HERE) as client:
        change = {"json": {"changes": [{"id": "c0", "text": "恋"}], "who": "somebody else"}}
        for role in ("reader", "corrector", "keeper"):
            login = {"name": f"the {role}", "password": f"password of a {role}"}
            assert client.post("/api/login", json=login | {"password": "another one"}).status_code == 401
            assert client.post("/api/login", json=login).status_code == 204
            me = client.get("/api/me").json()
            assert (me["name"], me["role"]) == (f"the {role}", role)
            tag = {"If-Match": client.get(page).headers["etag"]}
            assert client.patch(page, **change, headers=tag).status_code == 403  # the cookie alone proves nothing
            proof = {"X-Kuzushiji": me["proof"]}
            may[role] = [client.patch(page, **change, headers=tag | proof).status_code]
            may[role].append(client.delete(page if role == "keeper" else f"{page}x", headers=proof).status_code)
            if role == "corrector":
                assert client.get(f"{page}/history").json()[-1]["who"] == "the corrector"
            assert client.post("/api/logout", headers=proof).status_code == 204
            assert client.get("/api/pages").status_code == 401
    assert may == {"reader": [403, 403], "corrector": [200, 403], "keeper": [200, 204]}


def test_passwords_are_not_tried_for_long(tmp_path):
    with TestClient(create(Room(tmp_path, processes=0, token="long enough for this")), HERE) as client:
        answers = [client.post("/api/login", json={"password": "wrong"}) for _ in range(12)]
        assert answers[0].status_code == 401
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path):
    with TestClient(create(Room(tmp_path, processes=0, a_second=1)), HERE) as client:
        answers = [client.get("/healthz") for _ in range(4)]
        assert answers[0].status_code == 200
        assert answers[-1].status_code == 429
        assert answers[-1].headers["retry-after"] == "1"


def test_what_looks_alike_stands_beside_a_candidate(client, page):
    first = page_json.read(client.get(page).content)[0]
    found = client.get(f"{page}/examples/{first.id}").json()
    assert list(found) == [each.character for each in first.candidates]
    assert found["す"] == []  # the page has no sure one but the character itself
    change = {"changes": [{"after": first.id, "box": [40, 70, 40, 45], "text": first.text}]}
    client.patch(page, json=change, headers={"If-Match": '"1"'})
    [example] = client.get(f"{page}/examples/{first.id}").json()[first.text]
    assert example["of"] == "page"
    assert example["picture"].startswith("data:image/png;base64,")


def test_what_is_added_without_a_name_is_named(client, page):
    added = client.patch(page, json={"changes": [{"box": [40, 20, 40, 95]}]}, headers={"If-Match": '"1"'})
    assert added.status_code == 200
    last = page_json.read(added.content)[len(TEXT)]
    assert last.text
    assert 0 <= last.candidates[0].probability < 1
    for box in ([500, 20, 40, 95], [0, 0]):
        refused = client.patch(page, json={"changes": [{"box": box}]}, headers={"If-Match": '"2"'})
        assert refused.status_code == 422


def test_a_book_is_downloaded(client, page):
    answer = client.get("/api/export/txt")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.namelist() == ["001-a.txt"]
        assert packed.read("001-a.txt").decode().strip() == TEXT
    assert client.get("/api/export/txt", params={"book": "other"}).status_code == 404
    assert client.get("/api/export/nope").status_code == 422


def test_a_page_that_did_not_change_is_not_sent_again(client, page):
    assert client.get(page, headers={"If-None-Match": '"1"'}).status_code == 304
    assert client.get(page, headers={"If-None-Match": '"0"'}).status_code == 200


def test_the_pages_of_a_pdf_are_put_on_the_shelf(client):
    file = io.BytesIO()
    scan = Image.open(io.BytesIO(picture()))
    scan.save(file, "PDF", save_all=True, append_images=[scan])
    added = client.post("/api/pages", files={"image": ("a.pdf", file.getvalue())})
    assert [each["name"] for each in added.json()] == ["a-001.png", "a-002.png"]
    assert client.post("/api/pages", files={"image": ("a.pdf", file.getvalue()[:200])}).status_code == 422


def test_viewers_of_iiif_open_a_page(client, page):
    id = page.rpartition("/")[2]
    for manifest in (client.get("/iiif/manifest").json(), client.get(f"/iiif/{id}/manifest").json()):
        [canvas] = manifest["items"]
        assert (canvas["width"], canvas["height"]) == (120, 400)
        body = canvas["items"][0]["items"][0]["body"]
        assert Image.open(io.BytesIO(client.get(body["id"]).content)).size == (120, 400)
        info = client.get(f"{body['service'][0]['id']}/info.json").json()
        assert (info["profile"], info["width"], info["sizes"][0]["width"]) == ("level0", 120, 120)
        texts = client.get(canvas["annotations"][0]["id"]).json()["items"]
        assert {each["target"]["source"] for each in texts} == {canvas["id"]}
    tile = client.get(f"/iiif/{id}/0,0,100,200/50,100/0/default.jpg")
    assert Image.open(io.BytesIO(tile.content)).size == (50, 100)
    for part in ("500,0,1,1/max", "0,0,10,10/11,11", "0,0,10/max", "full/9999,9999", "full/^max", "-1,0,5,5/max"):
        assert client.get(f"/iiif/{id}/{part}/0/default.jpg").status_code == 400


def test_addresses_are_fetched_only_where_that_is_switched_on(client):
    assert client.post("/api/pages", data={"url": "https://example.org/a.jpg"}).status_code == 422


def test_requests_are_counted(client):
    client.get("/api/pages/nothing")
    said = client.get("/metrics").text
    assert 'kuzushiji_requests_total{status="404"} 1' in said
    assert "kuzushiji_request_seconds_count 1" in said


def test_a_page_is_read_by_a_process_of_its_own(tmp_path):
    with TestClient(create(Room(tmp_path)), HERE) as client:
        [entry] = client.post("/api/pages", files={"image": ("a.png", picture())}, data={"book": "a book"}).json()
        told = client.get(f"/api/pages/{entry['id']}/events").text  # which ends when the page is read
        assert '"state": "read"' in told
        assert client.get(f"/api/pages/{entry['id']}").json()["image"]["width"] == 120
        assert client.get(f"/api/pages/{entry['id']}/image").headers["content-type"] == "image/jpeg"


def test_examples_come_from_a_data_set_too(tmp_path):
    shelf = Shelf(tmp_path)
    page = f"/api/pages/{with_page(shelf)}"
    shelf.close()
    with TestClient(create(Room(tmp_path, processes=0, examples="brush:kmnist")), HERE) as client:
        found = client.get(f"{page}/examples/c0").json()
    assert [each["of"] for each in found["す"]] == ["data"] * 4
    assert found["戀"] == []  # which the data set does not have


def test_the_description_of_the_api_has_what_a_page_is(client, page):
    paths = client.get("/api/openapi").json()["paths"]
    described = paths["/api/pages/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert set(described["required"]) == set(client.get(page).json()) - {"format", "version", "text"}
    character = described["properties"]["lines"]["items"]["properties"]["characters"]["items"]
    assert character["properties"]["candidates"]["items"]["prefixItems"] == [{"type": "string"}, {"type": "number"}]
    assert described["properties"]["status"] == {"enum": ["read", "corrected"]}


@pytest.mark.parametrize(
    "error",
    [
        KuzushijiError("/home/me/shelf/files/ab could not be written: No space left on device; nothing was lost"),
        OperationalError("INSERT INTO pages", {}, Exception("database or disk is full")),
    ],
)
def test_a_full_disk_is_an_answer_and_the_room_goes_on(client, page, monkeypatch, error, caplog):
    def full(*arguments):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Shelf, "keep", full)
        answer = client.post("/api/pages", files={"image": ("a.png", picture())})
        assert (answer.status_code, answer.json()) == (503, {"detail": "the shelf can't be used now: its disk is full"})
        changes = {"changes": [{"id": "c0", "text": "恋"}]}
        assert client.patch(page, json=changes, headers={"If-Match": '"1"'}).status_code == 503
        assert client.get(page).status_code == 200
    assert "full" in caplog.text or "No space" in caplog.text
    assert client.post("/api/pages", files={"image": ("a.png", picture())}).status_code == 202
