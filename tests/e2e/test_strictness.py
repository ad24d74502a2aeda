"""What can be read in two ways is refused and never forwarded (RFC 9112 2.2, 3, 5, 6, 7;
RFC 9110 5), and everything has a cap."""
import socket

import pytest

from support.client import Client, exchange
from support.upstream import Reply
from support.weir import settings

HOST = b"Host: shop.example.com\r\n"

# RFC, section and name: (request, allowed statuses). Whatever the status, the connection closes.
REFUSED = {
    "9112 6.3 a length and a transfer coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 6.3 a transfer coding and a length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        b"0\r\n\r\n", {400}),
    "9112 6.3 two lengths that differ": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {400}),
    "9112 6.3 two lengths that agree": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", {400}),
    "9112 6.3 two lengths in one line that agree": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 5\r\n\r\nhello", {400}),
    "9112 6.3 two transfer codings": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        {400, 501}),
    "9112 6.3 two lengths in one line that differ": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 6\r\n\r\nhello", {400}),
    "9110 8.6 a length with a sign": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nhello", {400}),
    "9110 8.6 a negative length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\nhello", {400}),
    "9110 8.6 a hexadecimal length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nhello", {400}),
    "9110 8.6 an empty length": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\nhello", {400}),
    "9110 8.6 a length beyond 64 bits": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 99999999999999999999\r\n\r\n", {400, 413}),
    "9112 6.1 an unknown transfer coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", {400, 501}),
    "9112 6.3 chunked that is not last": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", {400, 501}),
    "9112 6.1 chunked twice": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "9112 6.1 chunked, disguised": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "9112 6.1 chunked after a vertical tab": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "9112 6.1 chunked in HTTP/1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "9112 5.2 a folded line": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X-A: one\r\n two\r\n\r\n", {400}),
    "9112 2.2 a folded first line": (
        b"GET / HTTP/1.1\r\n X-A: one\r\n" + HOST + b"\r\n", {400}),
    "9112 5.1 a space before the colon": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X-A : one\r\n\r\n", {400}),
    "9112 5.1 a tab before the colon": (
        b"GET / HTTP/1.1\r\n" + HOST + b"X-A\t: one\r\n\r\n", {400}),
    "9112 5.1 a length with a space before the colon": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 5\r\n\r\nhello", {400}),
    "9110 5.1 a space in a name": (b"GET / HTTP/1.1\r\n" + HOST + b"X A: one\r\n\r\n", {400}),
    "9110 5.1 an empty name": (b"GET / HTTP/1.1\r\n" + HOST + b": one\r\n\r\n", {400}),
    "9112 5 a line without a colon": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A\r\n\r\n", {400}),
    "9112 2.2 a bare CR in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: one\rX-B: two\r\n\r\n", {400}),
    "9112 2.2 a bare LF as the end of a line": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", {400, 505}),
    "9112 2.2 bare LFs throughout": (b"GET / HTTP/1.1\nHost: shop.example.com\n\n", {400, 505}),
    "9110 5.5 a NUL in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: o\0ne\r\n\r\n", {400}),
    "9110 5.1 a NUL in a name": (b"GET / HTTP/1.1\r\n" + HOST + b"X\0A: one\r\n\r\n", {400}),
    "9112 3.2 a NUL in the target": (b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9110 5.5 a control character in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: o\x01ne\r\n\r\n", {400}),
    "9112 3.2 no host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "9112 3.2 two hosts": (b"GET / HTTP/1.1\r\n" + HOST + b"Host: other.example.com\r\n\r\n", {400}),
    "9112 3.2 two hosts that agree": (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", {400}),
    "9112 3.2 an absolute target and no host": (b"GET http://shop.example.com/ HTTP/1.1\r\n\r\n", {400}),
    "9112 3.2 a host with a user": (b"GET / HTTP/1.1\r\nHost: me@a.example\r\n\r\n", {400}),
    "9112 3.2 two hosts in one line": (b"GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", {400}),
    "9112 3.2 a host with a path": (b"GET / HTTP/1.1\r\nHost: a.example/b\r\n\r\n", {400}),
    "9112 3.2 a host with a space": (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", {400}),
    "9112 3 two spaces in the request line": (b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 3.2 a space in the target": (b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 3 a space after the version": (b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n", {400, 505}),
    "9112 3 a space before the method": (b" GET / HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 3.1 a method that is no token": (b"G(T / HTTP/1.1\r\n" + HOST + b"\r\n", {400, 501}),
    "9112 3.1 a method that no one knows": (b"BREW /pot HTTP/1.1\r\n" + HOST + b"\r\n", {501}),
    "9112 3.2.1 a target without a slash": (b"GET index.html HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 2.3 HTTP/0.9": (b"GET /\r\n\r\n", {400, 505}),
    "9112 2.3 HTTP/2.0 in the text": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", {400, 505}),
    "9112 2.3 HTTP/1.11": (b"GET / HTTP/1.11\r\n" + HOST + b"\r\n", {400, 505}),
    "9112 2.3 another protocol": (b"GET / RTSP/1.0\r\n" + HOST + b"\r\n", {400, 505}),
    "9112 2.3 RTSP": (b"DESCRIBE /a RTSP/1.0\r\n" + HOST + b"\r\n", {400, 501, 505}),
    "9112 2.3 ICE": (b"SOURCE /a ICE/1.0\r\n" + HOST + b"\r\n", {400, 501, 505}),
    "9112 3.2 a fragment in the target": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 3.2 a byte above 127 in the target": (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9112 3 a tab in the request line": (b"GET\t/ HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "9110 5.5 DEL in a value": (b"GET / HTTP/1.1\r\n" + HOST + b"X-A: o\x7fne\r\n\r\n", {400}),
    "9112 2.3 lower-case http": (b"GET / http/1.1\r\n" + HOST + b"\r\n", {400, 505}),
    "9112 2.3 the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 405, 501, 505}),
    "9112 3.2.3 CONNECT": (b"CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", {400, 405, 501}),
    "9112 3 a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"A" * 64 + b"\r\n\r\n", {400}),
}


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_that_has(shop, name, piece):
    data, allowed = REFUSED[name]
    with_end = exchange(shop.port, data, piece=piece)
    assert with_end is not None, "closed without an answer"
    assert with_end.status in allowed
    assert with_end.fields.elements("Connection") == ["close"]
    assert shop.legacy.requests == []


# After the head has been forwarded a bad chunk can only end the exchange: the
# upstream must not take what came for a whole request.
BAD_CHUNKS = {
    "9112 7.1 a size that is no number": b"xyz\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a size with a sign": b"+3\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a size with 0x": b"0x3\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a size beyond 64 bits": b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a negative size": b"-1\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 an empty size": b"\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a space before the size": b" 3\r\nabc\r\n0\r\n\r\n",
    "9112 7.1 a bare LF after the size": b"3\nabc\r\n0\r\n\r\n",
    "9112 7.1 more data than the size": b"3\r\nabcdef\r\n0\r\n\r\n",
    "9112 7.1 a bare LF after the data": b"3\r\nabc\n0\r\n\r\n",
    "9112 7.1 a bare CR after the size": b"3\rabc\r\n0\r\n\r\n",
    "9112 7.1.1 an endless size line": b"3;" + b"x" * 100000 + b"\r\nabc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_chunked_body_is_refused_that_has(shop, name, piece):
    if piece and len(BAD_CHUNKS[name]) > 1000:
        piece = 1000
    head = b"POST /up HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    response = exchange(shop.port, head + BAD_CHUNKS[name], method="POST", piece=piece)
    assert response is None or response.status in (400, 413, 431)
    assert not any(r.complete for r in shop.legacy.requests)


def test_nothing_after_a_refused_request_is_served(shop):
    with Client(shop.port) as client:
        client.send(b"GET / HTTP/1.1\r\nX : y\r\n\r\n" + Client.format(target="/next"))
        assert client.read().status == 400
        assert client.closed()
    assert shop.legacy.requests == []


def test_requests_before_a_refused_one_are_answered(shop):
    with Client(shop.port) as client:
        client.send(Client.format(target="/good") + b"GET / HTTP/1.1\r\nX : y\r\n\r\n")
        assert client.read().body == b"legacy /good\n"
        assert client.read().status == 400
        assert client.closed()


def test_a_refusal_says_why(shop):
    response = exchange(shop.port, b"GET / HTTP/1.1\r\n" + HOST + b"X-A : one\r\n\r\n")
    assert response.fields.get("Content-Type", "").startswith("text/plain")
    assert 0 < len(response.body) < 1000


# What looks odd and is fine.

SERVED = {
    "an empty line before the request": b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "names in any case": b"GET / HTTP/1.1\r\nhOsT: a.example\r\nX-a: b\r\n\r\n",
    "no space after the colon": b"GET / HTTP/1.1\r\nHost:a.example\r\nX-A:b\r\n\r\n",
    "spaces and tabs around a value": b"GET / HTTP/1.1\r\nHost: \t a.example \t \r\n\r\n",
    "an empty value": b"GET / HTTP/1.1\r\n" + HOST + b"X-A:\r\n\r\n",
    "bytes above 127 in a value": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: \xe9\r\n\r\n",
    "a method of WebDAV": b"PROPFIND /pot HTTP/1.1\r\n" + HOST + b"\r\n",
    "Chunked in any case": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    "leading zeros in a chunk size":
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0003\r\nabc\r\n0\r\n\r\n",
    "the absolute form": b"GET http://shop.example.com/a?b HTTP/1.1\r\n" + HOST + b"\r\n",
    "a host with a port": b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
    "an IPv6 host": b"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
}


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("name", SERVED)
def test_a_request_is_served_that_has(shop, name, piece):
    with Client(shop.port) as client:
        client.send(SERVED[name], piece)
        assert client.read().status == 200
        assert client.request(target="/next").status == 200


# Caps.


OVER = {
    "a head over 32k": b"X-A: " + b"a" * 40000 + b"\r\n",
    "a head that never ends": b"X-A: " + b"a" * 300000,
    "over 100 fields": b"".join(b"X-%d: a\r\n" % n for n in range(150)),
}


@pytest.mark.parametrize("name", OVER)
def test_a_head_over_its_cap_is_431(shop, name):
    response = exchange(shop.port, b"GET / HTTP/1.1\r\n" + HOST + OVER[name] + b"\r\n", piece=8192)
    assert response.status == 431
    assert shop.legacy.requests == []


def test_a_target_over_its_cap_is_refused(shop):
    response = exchange(shop.port, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert response.status in (414, 431)
    assert shop.legacy.requests == []


def test_a_head_just_under_its_caps_is_served(shop):
    head = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 250) for n in range(80))
    target = b"/" + b"a" * 7000
    response = exchange(shop.port, b"GET " + target + b" HTTP/1.1\r\n" + HOST + head + b"\r\n")
    assert response.status == 200
    assert len(shop.legacy.last.fields.all("X-79")[0]) == 250


def test_a_head_that_does_not_come_in_time_is_given_up(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"header_timeout": "200ms"}))
    with Client(running.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a")
        data = b""
        while True:
            piece = client.sock.recv(65536)
            if not piece:
                break
            data += piece
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")
    assert legacy.requests == []


# An empty line behind a body belongs to no request (RFC 9112 2.2), nor does an answer to it.

POST = Client.format("POST", "/", body=b"data")


@pytest.mark.parametrize("sends", [[POST + b"\r\n"], [POST, b"\r\n"], [POST + b"\r\n\r", b"\n\r\n"], [b"\r\n"]],
                         ids=["with it", "later", "more of them", "before any"])
def test_empty_lines_alone_are_answered_by_a_close_and_no_408(upstream, weir, sends):
    running = weir(settings(upstream("legacy"), listen={"header_timeout": "200ms", "keepalive_timeout": "500ms"}))
    with Client(running.port) as client:
        for piece in sends:
            client.send(piece)
            if piece.startswith(b"POST"):
                assert client.read("POST").status == 200
        assert client.closed()


def test_a_head_that_stops_behind_empty_lines_is_given_up_with_a_408(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"header_timeout": "200ms"}))
    with Client(running.port) as client:
        client.send(POST + b"\r\n")
        assert client.read("POST").status == 200
        client.send(b"GET / HT", piece=1)
        assert client.read().status == 408
        assert client.closed()
    assert len(legacy.requests) == 1


def test_a_request_behind_empty_lines_is_served(shop):
    with Client(shop.port) as client:
        client.send(POST + b"\r\n")
        assert client.read("POST").status == 200
        client.send(b"\r\n" + Client.format(target="/next"))
        assert client.read().body == b"legacy /next\n"


def test_a_body_that_does_not_come_in_time_is_given_up(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"body_timeout": "200ms"}))
    with Client(running.port) as client:
        client.send(Client.format("POST", "/up", {"Content-Length": "10"}) + b"half")
        data = b""
        while True:
            piece = client.sock.recv(65536)
            if not piece:
                break
            data += piece
    assert data == b"" or data.startswith(b"HTTP/1.1 408 ")
    assert not any(r.complete for r in legacy.requests)


def test_more_clients_than_configured_do_not_stop_those_that_are_served(upstream, weir):
    running = weir(settings(upstream("legacy"), listen={"max_connections": 4}), workers=1)
    kept = [Client(running.port) for _ in range(4)]
    assert all(c.request().status == 200 for c in kept)
    extra = socket.create_connection(("127.0.0.1", running.port))
    assert all(c.request().status == 200 for c in kept)
    extra.close()
    for client in kept:
        client.close()


def test_as_many_fields_as_may_be_asked_for_are_passed_on(upstream, weir):
    """With all that weir and the route's rules add to them, to the last one."""
    legacy = upstream("legacy")
    rules = {f"{way}_header_{how}": [f"X-{how}-{n}: 1" for n in range(32)]
             for way in ("request", "response") for how in ("set", "add")}
    running = weir(settings(legacy, listen={"max_fields": 256, "forwarded": "both"}, upstream={"max_fields": 256},
                            route=rules))
    fields = [(f"X-{n}", "a") for n in range(255)]  # and Host
    legacy.on("/", Reply(body=b"x", fields=tuple(fields[:254]), date=False))  # and X-Arm, Content-Length
    with Client(running.port) as client:
        response = client.request(fields=fields)
        assert response.status == 200 and response.fields.all("X-add-31") == ["1"]
        assert legacy.last.fields.all("X-254") == ["a"] and legacy.last.fields.all("X-add-31") == ["1"]
        assert client.request(fields=fields + [("X-255", "a")]).status == 431
