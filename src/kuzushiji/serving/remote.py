"""Fetching what a stranger names, from public addresses alone."""

import ipaddress
import socket
from urllib.parse import urljoin, urlsplit

import urllib3

from kuzushiji.data.pages.iiif import read_manifest
from kuzushiji.errors import DataError
from kuzushiji.serving.uploads import MOST_BYTES, Refused

MOST_PAGES = 100
"""Of a manifest."""
_REDIRECTS, _SECONDS = 3, 20
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "2002::/16", "2001::/32")))
"""Networks within which addresses of others hide."""


def fetch(url: str) -> bytes:
    """What stands at an address.

    The name is resolved once, what it resolves to is looked at, and that is asked: no second answer of a name server
    leads elsewhere.  So is each redirection.

    Raises:
        Refused: 422, it is no public address, or there is nothing to be had.
    """
    for _ in range(_REDIRECTS + 1):
        answer = _asked(url)
        try:
            location = answer.headers.get("location")
            if answer.status in (301, 302, 303, 307, 308) and location:
                url = urljoin(url, location)
                continue
            if answer.status != 200:
                raise Refused(422, f"{url} answers with {answer.status}")
            content = answer.read(MOST_BYTES + 1, decode_content=True)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Refused(422, f"{url} can't be fetched ({type(error).__name__})") from None
        finally:
            answer.close()
        if len(content) > MOST_BYTES:
            raise Refused(413, f"{url} has more than {MOST_BYTES:,} bytes")
        return bytes(content)
    raise Refused(422, f"{url} leads on and on")


def images_of(manifest: bytes) -> list[tuple[str, str]]:
    """The name and the address of each image of a IIIF manifest; none if it is no manifest."""
    try:
        images = read_manifest(manifest).images
    except DataError:
        return []
    found = [(f"{each.number:03}", each.addresses[0]) for each in images if each.addresses]
    if len(found) > MOST_PAGES:
        raise Refused(413, f"the manifest has {len(found)} pages; the most that is taken at once is {MOST_PAGES}")
    return found


def _asked(url: str) -> urllib3.BaseHTTPResponse:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise Refused(422, f"{url[:200]!r} is no address of the web") from None
    address = _public(host, port)
    timeout = urllib3.Timeout(connect=5, read=_SECONDS)
    pool: urllib3.HTTPConnectionPool
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(address, port, timeout=timeout, server_hostname=host, assert_hostname=host)
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "kuzushiji", "Accept": "*/*"}
    try:
        return pool.request("GET", path, headers=headers, redirect=False, preload_content=False, retries=False)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Refused(422, f"{url} can't be fetched ({type(error).__name__})") from None


def _public(host: str, port: int) -> str:
    """An address of a host, all of whose addresses are public."""
    if port not in (80, 443):
        raise Refused(422, f"{host}:{port} is no address of the web; ports 80 and 443 are")
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise Refused(422, f"nobody knows {host!r}") from None
    for each in found:
        address = ipaddress.ip_address(str(each).partition("%")[0])
        address = getattr(address, "ipv4_mapped", None) or address
        if not address.is_global or address.is_multicast or any(address in hidden for hidden in _NOT_PUBLIC):
            raise Refused(422, f"{host} is no public address")
    return str(min(found, key=lambda each: ":" in str(each)))  # one of version 4 if there is one
