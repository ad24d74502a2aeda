"""Trailers, and the fields that every message has (RFC 9110 6.5, 6.6)."""
import re

import pytest

from support.client import Client, exchange
from support.upstream import Reply
from support.wire import Fields, chunked

CHUNKED = ("Transfer-Encoding", "chunked")


def body_with(trailers):
    return chunked([b"abc", b"def"])[:-2] + b"".join(b"%s: %s\r\n" % t for t in trailers) + b"\r\n"


# 6.5 Trailer fields.


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
def test_6_5_trailers_of_a_request_arrive(shop, announced, piece):
    fields = [CHUNKED] + [("Trailer", "X-Sum, X-More")] * announced
    body = body_with([(b"X-Sum", b"7"), (b"x-more", b"a, b"), (b"X-Sum", b"8")])
    with Client(shop.port) as client:
        assert client.request("POST", "/up", fields, body, piece=piece).status == 200
        assert client.request(target="/next").status == 200
    seen = shop.legacy.requests[0]
    assert (seen.body, seen.trailers) == (b"abcdef", [("X-Sum", "7"), ("x-more", "a, b"), ("X-Sum", "8")])
    assert seen.fields.elements("Trailer") == (["X-Sum", "X-More"] if announced else [])


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "unannounced"])
@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_6_5_trailers_of_a_response_arrive(shop, announced, asked):
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc", b"def"),
                                  fields=(("Trailer", "X-Sum"),) * announced,
                                  trailers=(("X-Sum", "7"), ("Server-Timing", "db;dur=3"))))
    with Client(shop.port) as client:
        fields = {"TE": "trailers", "Connection": "TE"} if asked else {}
        response = client.request(target="/down", fields=fields)
        assert response.body == b"abcdef"
        assert response.trailers == [("X-Sum", "7"), ("Server-Timing", "db;dur=3")]
        assert response.fields.elements("Trailer") == (["X-Sum"] if announced else [])
        assert client.request(target="/next").status == 200


def test_6_5_trailers_that_come_in_pieces_are_whole(shop):
    raw = (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
           b"X-Sum: 7\r\nX-More: 8\r\n\r\n")

    def in_pieces(reader):
        for byte in raw:
            reader.sock.sendall(bytes([byte]))

    shop.legacy.on("/down", Reply(talk=in_pieces))
    with Client(shop.port) as client:
        response = client.request(target="/down")
        assert (response.body, response.trailers) == (b"abc", [("X-Sum", "7"), ("X-More", "8")])


FORBIDDEN = ["Host", "Content-Encoding", "Content-Type",
             "Content-Range", "Trailer", "TE", "Connection", "Keep-Alive", "Upgrade", "Max-Forwards",
             "Authorization", "Cache-Control", "Expect", "Range", "Set-Cookie", "Cookie",
             "Proxy-Authorization", "WWW-Authenticate", "X-Forwarded-For", "Forwarded", "Via"]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_6_5_1_a_field_that_frames_routes_or_authenticates_does_not_trail(shop, name):
    bad = (name, "5")
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc",), trailers=(("X-A", "1"), bad, ("X-B", "2"))))
    body = body_with([(b"X-A", b"1"), (bad[0].encode(), bad[1].encode()), (b"X-B", b"2")])
    with Client(shop.port) as client:
        response = client.request("POST", "/down", [CHUNKED], body)
        assert (response.status, response.body) == (200, b"abc")
        assert response.trailers == [("X-A", "1"), ("X-B", "2")]
        assert client.request(target="/next").status == 200
    seen = shop.legacy.requests[0]
    assert (seen.body, seen.trailers) == (b"abcdef", [("X-A", "1"), ("X-B", "2")])


@pytest.mark.parametrize("field", [("Transfer-Encoding", "chunked"), ("Content-Length", "3")], ids=lambda f: f[0])
def test_6_5_1_framing_behind_the_body_is_an_attack(shop, field):
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc",), trailers=(field,)))
    body = body_with([(field[0].encode(), field[1].encode())])
    response = exchange(shop.port, Client.format("POST", "/up", [CHUNKED], body))
    assert response is None or response.status == 400
    assert not any(r.complete for r in shop.legacy.requests)
    response = exchange(shop.port, Client.format(target="/down"))
    assert response is None or response.status == 502 or (response.body, response.trailers) == (b"abc", [])


BAD_TRAILERS = {"a space before the colon": b"X-A : 1\r\n", "no colon": b"X-A\r\n", "a folded line": b"X-A: 1\r\n 2\r\n",
                "a NUL": b"X-A: \0\r\n", "an empty name": b": 1\r\n", "a bare CR": b"X-A: 1\rX-B: 2\r\n"}


@pytest.mark.parametrize("name", BAD_TRAILERS)
def test_6_5_malformed_trailers_are_not_passed_on(shop, name):
    shop.legacy.on("/down", Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
                                  + BAD_TRAILERS[name] + b"\r\n"))
    body = chunked([b"abc"])[:-2] + BAD_TRAILERS[name] + b"\r\n"
    response = exchange(shop.port, Client.format("POST", "/up", [CHUNKED], body))
    assert response is None or response.status in (200, 400)
    assert not any(r.trailers for r in shop.legacy.requests)
    response = exchange(shop.port, Client.format(target="/down"))
    assert response is None or (response.body, response.trailers) == (b"abc", [])


def test_6_5_endless_trailers_are_refused(shop):
    body = chunked([b"abc"])[:-2] + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(2000)) + b"\r\n"
    response = exchange(shop.port, Client.format("POST", "/up", [CHUNKED], body), piece=65536)
    assert response is None or response.status in (400, 431)
    assert not any(r.complete for r in shop.legacy.requests)


@pytest.mark.parametrize("n, passed", [(100, True), (101, False)])
def test_6_5_1_more_trailers_than_max_fields_are_left_out_altogether(shop, n, passed):
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc",),
                                  trailers=tuple((f"X-{i}", "1") for i in range(n))))
    with Client(shop.port) as client:
        response = client.request("POST", "/down", [CHUNKED], body_with([(b"X-%d" % i, b"1") for i in range(n)]))
        assert response.body == b"abc" and len(response.trailers) == n * passed
        assert client.request(target="/next").status == 200
    assert (shop.legacy.requests[0].body, len(shop.legacy.requests[0].trailers)) == (b"abcdef", n * passed)


def test_6_5_http_1_0_is_sent_no_trailers(shop):
    shop.legacy.on("/down", Reply(framing="chunked", pieces=(b"abc",), fields=(("Trailer", "X-Sum"),),
                                  trailers=(("X-Sum", "7"),)))
    with Client(shop.port) as client:
        response = client.request(target="/down", version="1.0")
    assert (response.framing, response.body) == ("close", b"abc")
    assert response.trailers == Fields() and not response.fields.all("Trailer")


def test_6_6_2_trailer_of_a_body_without_trailers_is_dropped(shop, send):
    shop.legacy.on("/", Reply(body=b"x", fields=(("Trailer", "X-Sum"),)))
    seen, response = send([("Trailer", "X-Sum")], method="POST", body=b"y")
    assert not seen.fields.all("Trailer") and not response.fields.all("Trailer")


# 6.6.1 Date.

DATE = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} 2\d{3} \d\d:\d\d:\d\d GMT")


@pytest.mark.parametrize("status", [200, 204, 304, 404, 500])
def test_6_6_1_a_response_without_a_date_is_given_one(shop, send, status):
    shop.legacy.on("/", Reply(status, date=False))
    _, response = send()
    assert DATE.fullmatch(response.fields.get("Date"))


def test_6_6_1_the_date_of_the_service_is_kept(shop, send):
    shop.legacy.on("/", Reply(raw=b"HTTP/1.1 200 OK\r\nDATE: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n"))
    _, response = send()
    assert response.fields.all("Date") == ["Sun, 06 Nov 1994 08:49:37 GMT"]


def test_6_6_1_weirs_own_answers_have_a_date(shop):
    with Client(shop.port) as client:
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        assert DATE.fullmatch(client.read().fields.get("Date"))


def test_6_6_1_an_interim_response_is_given_none(shop, send):
    shop.legacy.on("/", Reply(interim=(b"HTTP/1.1 103 Early Hints\r\n\r\n",), body=b"x"))
    _, response = send()
    assert response.interim[0].fields == []
