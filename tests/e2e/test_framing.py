"""Bodies keep their length and their bytes both ways, and wait for whoever reads them."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings

BODY = bytes(range(256)) * 400


def test_a_response_with_a_length_arrives_as_it_was_sent(shop):
    shop.legacy.on("/page", Reply(body=BODY, fields=(("Content-Type", "image/x"), ("ETag", '"7"'))))
    with Client(shop.port) as client:
        response = client.request(target="/page?a=1&b=%20")
    assert (response.status, response.framing, response.body) == (200, len(BODY), BODY)
    assert response.fields.get("Content-Type") == "image/x"
    assert response.fields.get("ETag") == '"7"'
    assert shop.legacy.last.target == "/page?a=1&b=%20"


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_with_a_length_arrives_as_it_was_sent(shop, method, piece):
    with Client(shop.port) as client:
        assert client.request(method, "/orders", body=b"qty=2&sku=7", piece=piece).status == 200
    request = shop.legacy.last
    assert (request.method, request.body) == (method, b"qty=2&sku=7")
    assert request.fields.get("Content-Length") == "11"


def test_large_bodies_pass_both_ways_unchanged(shop):
    body = BODY * 50  # 5 MB
    shop.legacy.on("/echo", lambda request: Reply(body=body))
    with Client(shop.port, timeout=60) as client:
        client.send(Client.format("PUT", "/echo", {"Content-Length": str(len(body))}))
        client.send(body)
        response = client.read()
    assert response.body == body
    assert shop.legacy.last.body == body


# Back-pressure.


def test_an_upstream_that_does_not_read_holds_the_client_back(upstream, weir):
    go = threading.Event()
    legacy = upstream("legacy", receive_buffer=16384)
    legacy.on("/up", Reply(reads=False, wait=go))
    running = weir(settings(legacy), workers=1)
    size = 64 << 20
    with Client(running.port, timeout=60) as client:
        client.send(Client.format("POST", "/up", {"Content-Length": str(size)}))
        legacy.wait_requests(1)
        client.sock.settimeout(1)
        sent = 0
        try:
            while sent < size:
                sent += client.sock.send(b"x" * min(65536, size - sent))
        except TimeoutError:
            pass  # held back, as it should be
        assert sent < size // 2
        go.set()
        client.sock.settimeout(60)
        while sent < size:
            sent += client.sock.send(b"x" * min(65536, size - sent))
        assert client.read().status == 200
    assert legacy.last.content.length == size


def test_a_client_that_does_not_read_holds_the_upstream_back(upstream, weir):
    legacy = upstream("legacy")
    sent = [0]

    def endless(_):
        def pieces():
            for _ in range(1024):
                yield b"x" * 65536
                sent[0] += 65536

        return Reply(framing="close", pieces=pieces())

    legacy.on("/down", endless)
    running = weir(settings(legacy), workers=1)
    with Client(running.port, receive_buffer=16384) as client:
        client.send(Client.format(target="/down"))
        client.reader.until(b"\r\n\r\n")
        before = -1
        while sent[0] != before:  # until nothing moves any more
            before = sent[0]
            threading.Event().wait(0.5)
        assert sent[0] < 32 << 20
        assert running.memory_kib("RssAnon") < 300 << 10
