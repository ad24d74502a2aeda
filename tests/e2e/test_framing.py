"""Messages keep their length and their bytes, whatever their framing (RFC 9112 6, 7)."""
import threading

import pytest

from support.client import Client, ends_broken
from support.upstream import Reply
from support.weir import settings
from support.wire import chunked

BODY = bytes(range(256)) * 400


def test_a_response_with_a_length_arrives_as_it_was_sent(shop):
    shop.legacy.on("/page", Reply(body=BODY, fields=(("Content-Type", "image/x"), ("ETag", '"7"'))))
    with Client(shop.port) as client:
        response = client.request(target="/page?a=1&b=%20")
    assert (response.status, response.framing, response.body) == (200, len(BODY), BODY)
    assert response.fields.get("Content-Type") == "image/x"
    assert response.fields.get("ETag") == '"7"'
    assert shop.legacy.last.target == "/page?a=1&b=%20"


def test_a_chunked_response_arrives_whole_and_keeps_the_connection(shop):
    shop.legacy.on("/stream", Reply(framing="chunked", pieces=(b"one", BODY, b"x")))
    with Client(shop.port) as client:
        response = client.request(target="/stream")
        assert (response.framing, response.body) == ("chunked", b"one" + BODY + b"x")
        assert client.request(target="/next").body == b"legacy /next\n"


def test_a_chunk_is_passed_on_when_it_comes_not_when_the_body_ends(shop):
    more = threading.Event()
    shop.legacy.on("/events", Reply(framing="chunked", pieces=(b"first", more, b"second")))
    with Client(shop.port) as client:
        client.send(Client.format(target="/events"))
        client.reader.until(b"first")
        more.set()
        client.reader.until(b"second")


def test_a_response_that_ends_with_its_connection_arrives_whole(shop):
    shop.legacy.on("/old", Reply(framing="close", body=BODY))
    with Client(shop.port) as client:
        response = client.request(target="/old")
        assert (response.status, response.body) == (200, BODY)
        if response.framing != "close":
            assert client.request(target="/next").status == 200


def test_an_empty_body_is_a_body(shop):
    shop.legacy.on("/empty", Reply(body=b""))
    with Client(shop.port) as client:
        assert client.request(target="/empty").framing == 0
        assert client.request(target="/next").status == 200


def test_the_answer_to_head_has_a_length_and_no_body(shop):
    shop.legacy.on("/page", Reply(body=BODY))
    with Client(shop.port) as client:
        response = client.request("HEAD", "/page")
        assert response.fields.get("Content-Length") == str(len(BODY))
        assert client.request(target="/next").body == b"legacy /next\n"
    assert shop.legacy.requests[0].method == "HEAD"


def test_the_answer_to_head_of_a_chunked_page_has_no_body(shop):
    shop.legacy.on("/page", Reply(framing="chunked", pieces=(b"x",)))
    with Client(shop.port) as client:
        assert client.request("HEAD", "/page").status == 200
        assert client.request(target="/next").body == b"legacy /next\n"


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_that_cannot_have_a_body_ends_with_its_head(shop, status):
    shop.legacy.on("/none", Reply(status, fields=(("ETag", '"7"'),)))
    with Client(shop.port) as client:
        response = client.request(target="/none")
        assert (response.status, response.fields.get("ETag")) == (status, '"7"')
        assert client.request(target="/next").body == b"legacy /next\n"


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_request_with_a_length_arrives_as_it_was_sent(shop, method, piece):
    with Client(shop.port) as client:
        assert client.request(method, "/orders", body=b"qty=2&sku=7", piece=piece).status == 200
    request = shop.legacy.last
    assert (request.method, request.body) == (method, b"qty=2&sku=7")
    assert request.fields.get("Content-Length") == "11"


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
def test_a_chunked_request_arrives_as_it_was_sent(shop, piece):
    body = chunked([b"a", b"bc" * 50, b"def"])
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Transfer-Encoding": "chunked"}, body, piece=piece)
        assert response.status == 200
        assert client.request(target="/next").body == b"legacy /next\n"
    assert shop.legacy.requests[0].body == b"a" + b"bc" * 50 + b"def"


def test_chunk_extensions_end_at_weir(shop):
    body = b"3;name=value\r\nabc\r\n0;last\r\n\r\n"
    with Client(shop.port) as client:
        assert client.request("POST", "/", {"Transfer-Encoding": "chunked"}, body).status == 200
    assert shop.legacy.last.body == b"abc"  # the upstream refuses extensions


def test_a_post_without_a_body_has_length_0(shop):
    with Client(shop.port) as client:
        assert client.request("POST", "/", body=b"").status == 200
    assert shop.legacy.last.fields.get("Content-Length", "0") == "0"


def test_large_bodies_pass_both_ways_unchanged(shop):
    body = BODY * 50  # 5 MB
    shop.legacy.on("/echo", lambda request: Reply(body=body))
    with Client(shop.port, timeout=60) as client:
        client.send(Client.format("PUT", "/echo", {"Content-Length": str(len(body))}))
        client.send(body)
        response = client.read()
    assert response.body == body
    assert shop.legacy.last.body == body


# Expect: 100-continue (RFC 9110 10.1.1).


def test_a_client_that_expects_100_is_told_to_continue(shop):
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", {"Expect": "100-continue", "Content-Length": "5"}))
        first, _ = client.reader.until(b"\r\n\r\n").split(b"\r\n", 1)
        assert first.startswith(b"HTTP/1.1 100")
        client.send(b"hello")
        assert client.read().status == 200
    assert shop.legacy.last.body == b"hello"


def test_a_client_that_does_not_wait_for_100_is_served_all_the_same(shop):
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Expect": "100-continue"}, b"hello")
        assert response.status == 200
        assert all(i.status == 100 for i in response.interim)
    assert shop.legacy.last.body == b"hello"


# HTTP/1.0 (RFC 9112 9.3, RFC 9110 6.2).


def test_an_http_1_0_client_is_served_and_its_connection_closed(shop):
    with Client(shop.port) as client:
        response = client.request(target="/old", version="1.0", fields={"Host": "a.example"})
        assert response.body == b"legacy /old\n"
        assert client.closed()


def test_an_http_1_0_client_needs_no_host(shop):
    with Client(shop.port) as client:
        assert client.request(version="1.0").status == 200


def test_an_http_1_0_client_is_never_sent_chunks(shop):
    shop.legacy.on("/stream", Reply(framing="chunked", pieces=(b"one", BODY)))
    with Client(shop.port) as client:
        response = client.request(target="/stream", version="1.0")
        assert (response.framing, response.body) == ("close", b"one" + BODY)


# Pipelining (RFC 9112 9.3.2).


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
def test_pipelined_requests_are_answered_in_their_order(shop, piece):
    targets = [f"/{n}" for n in range(8)]
    with Client(shop.port) as client:
        client.send(b"".join(Client.format(target=t) for t in targets), piece)
        assert [client.read().body for _ in targets] == [f"legacy {t}\n".encode() for t in targets]


def test_a_slow_answer_holds_back_those_after_it(shop):
    go = threading.Event()
    shop.legacy.on("/slow", Reply(body=b"slow", wait=go))
    with Client(shop.port) as client:
        client.send(Client.format(target="/slow") + Client.format(target="/fast"))
        shop.legacy.wait_requests(1)
        assert client.is_silent()
        go.set()
        assert client.read().body == b"slow"
        assert client.read().body == b"legacy /fast\n"


def test_pipelined_bodies_do_not_run_into_the_next_request(shop):
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/a", body=b"GET /evil HTTP/1.1\r\n\r\n")
                    + Client.format("POST", "/b", {"Transfer-Encoding": "chunked"}, chunked([b"xyz"]))
                    + Client.format(target="/c"))
        assert [client.read().body for _ in range(3)] == [b"legacy /a\n", b"legacy /b\n", b"legacy /c\n"]
    assert [r.path for r in shop.legacy.requests] == ["/a", "/b", "/c"]


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


def test_a_response_that_is_cut_short_is_cut_short_for_the_client_too(shop):
    shop.legacy.on("/cut", Reply(body=b"x" * 1000, cut=500))
    with Client(shop.port) as client:
        assert ends_broken(client, "/cut")


def test_a_chunked_response_without_its_end_has_none_for_the_client(shop):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    shop.legacy.on("/cut", Reply(raw=raw))
    with Client(shop.port) as client:
        assert ends_broken(client, "/cut")
