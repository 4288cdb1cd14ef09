"""What libraries publish as manifests of IIIF."""

import json
from typing import Any

import pytest

from kuzushiji.data.pages.iiif import name_of, read_manifest
from kuzushiji.errors import DataError

SERVICE = {"@id": "https://a.example/i/1", "@context": "http://iiif.io/api/image/2/context.json"}


def addresses(manifest: dict[str, Any], address: str = "") -> list[tuple[str, ...]]:
    return [each.addresses for each in read_manifest(json.dumps(manifest).encode(), address).images]


def second(*resources: Any) -> dict[str, Any]:
    canvases = [{"@type": "sc:Canvas", "images": [{"resource": resource}]} for resource in resources]
    return {"@type": "sc:Manifest", "sequences": [{"canvases": canvases}]}


def third(*bodies: Any) -> dict[str, Any]:
    canvases = [{"type": "Canvas", "items": [{"items": [{"body": body}]}]} for body in bodies]
    return {"type": "Manifest", "items": canvases}


def test_as_ndl_nijl_and_e_codices_have_them() -> None:
    ndl = "https://dl.ndl.go.jp/api/iiif/2537625/R0000001"
    nijl = "https://kotenseki.nijl.ac.jp/api/iiif/100179206/v4/0020/0020-52202/0020-52202-0003.tif"
    swiss = "https://www.e-codices.unifr.ch/loris/bge/bge-gr0044/bge-gr0044_e001.jp2"
    context = {"@context": "http://iiif.io/api/image/2/context.json"}
    profile = {"profile": "http://iiif.io/api/image/2/level2.json"}
    found = addresses(
        second(
            {"@id": f"{ndl}/full/full/0/default.jpg", "service": {"@id": ndl, **context, **profile}},
            {"@id": f"{nijl}/full/full/0/default.jpg", "service": {"@id": nijl, **profile}},
            {
                "@id": f"{swiss.replace('.ch/', '.ch:443/')}/full/full/0/default.jpg",
                "@type": "dctypes:Image",
                "service": {"@id": swiss, **context, "profile": [profile["profile"]]},
            },
        )
    )
    assert found[:2] == [
        (f"{ndl}/full/full/0/default.jpg", f"{ndl}/full/max/0/default.jpg"),
        (f"{nijl}/full/full/0/default.jpg", f"{nijl}/full/max/0/default.jpg"),
    ]
    assert found[2][0] == f"{swiss.replace('.ch/', '.ch:443/')}/full/full/0/default.jpg"


def test_a_preview_is_not_what_is_read() -> None:
    (found,) = addresses(second({"@id": "https://a.example/i/1/full/600,/0/default.jpg", "service": SERVICE}))
    assert found == (
        "https://a.example/i/1/full/full/0/default.jpg",
        "https://a.example/i/1/full/max/0/default.jpg",
        "https://a.example/i/1/full/600,/0/default.jpg",
    )


def test_versions_of_the_image_api() -> None:
    first = {
        "@id": "https://a.example/1/",
        "profile": "http://library.stanford.edu/iiif/image-api/1.1/compliance.html#level1",
    }
    newest = {"id": "https://a.example/3", "type": "ImageService3", "profile": "level2"}
    login = {"@id": "https://a.example/login", "profile": "http://iiif.io/api/auth/1/login"}
    assert addresses(second({"service": first})) == [("https://a.example/1/full/full/0/native.jpg",)]
    assert addresses(third({"type": "Image", "service": [login, newest]})) == [
        ("https://a.example/3/full/max/0/default.jpg",)
    ]


def test_what_is_larger_than_can_be_read_is_asked_for_smaller() -> None:
    image = {"@id": "https://a.example/i/1/full/full/0/default.jpg", "width": 20_000, "height": 10_000}
    (found,) = addresses(second(image | {"service": SERVICE}))
    width = int(found[0].removeprefix("https://a.example/i/1/full/").partition(",")[0])
    assert width * width / 2 == pytest.approx(2**26, rel=1e-3)


@pytest.mark.parametrize("width", [float("inf"), float("nan"), 10**400, -3, "20000"], ids=lambda width: str(width)[:5])
def test_sizes_that_no_image_has_are_none(width: object) -> None:
    image = {"@id": "https://a.example/i/1/full/full/0/default.jpg", "width": width, "height": 10_000}
    (found,) = addresses(second(image | {"service": SERVICE}))
    assert found[0] == image["@id"]


def test_lists_where_one_is_expected_and_one_in_place_of_a_list() -> None:
    url = "https://a.example/1.jpg"
    for body in (
        url,
        {"id": url},
        [{"id": url}, {"id": "https://a.example/other.jpg"}],
        {"type": "Choice", "items": [{"id": url, "type": "Image"}, {"id": "https://a.example/other.jpg"}]},
        {"type": "SpecificResource", "source": {"id": url, "type": "Image"}},
    ):
        assert addresses(third(body)) == [(url,)]
    assert addresses(second({"@type": "oa:Choice", "default": {"@id": url}, "item": [{"@id": "x"}]})) == [(url,)]
    one = {"sequences": {"canvases": {"images": {"resource": {"@id": url}}}}}
    assert addresses(one) == [(url,)]
    assert addresses(third({"id": "../1.jpg"}), "https://a.example/m/manifest") == [(url,)]


def test_canvases_without_an_image_of_the_web_keep_their_number() -> None:
    bodies = [{"id": "https://a.example/1.jpg"}, {"type": "TextualBody", "value": "x"}, {"id": "file:///etc/passwd"}]
    images = read_manifest(json.dumps(third(*bodies)).encode()).images
    assert [(each.number, len(each.addresses)) for each in images] == [(1, 1), (2, 0), (3, 0)]


def test_the_description_of_an_image() -> None:
    for info, size in (
        ({"@context": "http://iiif.io/api/image/2/context.json", "@id": "https://a.example/i/1"}, "full"),
        ({"type": "ImageService3", "protocol": "http://iiif.io/api/image", "id": "https://a.example/i/1"}, "max"),
    ):
        (found,) = addresses(info | {"width": 10, "height": 10})
        assert found[0] == f"https://a.example/i/1/full/{size}/0/default.jpg"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no whole JSON"),
        (b"\xff\xfe{", "no whole JSON"),
        (b"[" * 100_000, "no whole JSON"),
        (b"3", "without names"),
        (b"{}", "no canvases"),
        (b'{"items": 3, "sequences": [[]]}', "no canvases"),
        (b'{"items": [{"items": 3}, {"images": [4]}]}', "none of whose canvases"),
        (
            b'{"type": "Collection", "items": [{"id": "https://a.example/m"}]}',
            "collection of 1; .* https://a.example/m",
        ),
        (b'{"@type": "sc:Collection", "manifests": []}', "collection of 0"),
    ],
)
def test_what_is_no_manifest(content: bytes, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_manifest(content)


def test_names() -> None:
    for address, name in (
        ("https://dl.ndl.go.jp/api/iiif/2537625/manifest.json", "2537625"),
        ("https://a.example/%E6%9D%B1/01/manifest", "01"),
        ("https://a.example/iiif/abc.json", "abc"),
        ("https://a.example/i/0020-0003.tif/full/full/0/default.jpg", "0020-0003"),
        ("https://a.example/i/R1/1976,510,1496,2312/,766/0/default.jpg", "R1"),
        ("https://a.example/iipsrv.fcgi?IIIF=/k/0001s.tif/full/full/0/default.jpg", "0001s"),
        ("https://a.example/", "a.example"),
    ):
        assert name_of(address) == name
