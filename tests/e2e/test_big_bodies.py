"""A body of any length passes in bounded memory."""
import hashlib
import os

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import ROOT, binary, is_sanitized, settings

GIB = 1 << 30
PIECE = os.urandom(1 << 16)


def program():
    """The release build where there is one: it is what people run, and the
    sanitizers keep freed memory."""
    release = ROOT / "build/release/weir"
    return str(release) if release.exists() and "WEIR_BIN" not in os.environ else binary()


@pytest.fixture
def big(upstream, weir):
    class Big:
        legacy = upstream("legacy")

    Big.weir = weir(settings(Big.legacy), workers=1, program=program())
    with Client(Big.weir.port) as client:
        client.request()  # what a first request allocates is not the body's
    Big.before = Big.weir.memory_kib("VmHWM")
    yield Big
    grown = Big.weir.memory_kib("VmHWM") - Big.before
    limit_mib = 300 if is_sanitized(program()) else 8
    print(f"the peak grew by {grown} KiB")
    assert grown < limit_mib << 10


def digest(size):
    hashed = hashlib.sha256()
    for _ in range(size // len(PIECE)):
        hashed.update(PIECE)
    return hashed.hexdigest()


@pytest.mark.parametrize("framing, size", [("length", GIB), ("chunked", GIB // 4), ("close", GIB // 4)])
def test_a_long_download(big, framing, size):
    big.legacy.on("/down", lambda _: Reply(framing=framing, length=size,
                                           pieces=(PIECE for _ in range(size // len(PIECE)))))
    with Client(big.weir.port, timeout=120) as client:
        response = client.request(target="/down")
    assert (response.status, response.content.length) == (200, size)
    assert response.content.sha256 == digest(size)


@pytest.mark.parametrize("framing, size", [("length", GIB), ("chunked", GIB // 4)])
def test_a_long_upload(big, framing, size):
    fields = {"Content-Length": str(size)} if framing == "length" else {"Transfer-Encoding": "chunked"}
    with Client(big.weir.port, timeout=120) as client:
        client.send(Client.format("PUT", "/up", fields))
        for _ in range(size // len(PIECE)):
            client.send(PIECE if framing == "length" else b"%x\r\n%s\r\n" % (len(PIECE), PIECE))
        if framing == "chunked":
            client.send(b"0\r\n\r\n")
        assert client.read("PUT").status == 200
    content = big.legacy.last.content
    assert (content.length, content.sha256) == (size, digest(size))
