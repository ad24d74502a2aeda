"""An upstream that cannot be reached, does not answer in time or answers with garbage
is a 502 or 504 of weir's own making, and never more than that."""
import re
import threading

import pytest

from support.client import Client, ends_broken
from support.upstream import Reply
from support.weir import settings


def assert_own_answer(response, *statuses):
    """A short text that names the request, so that a person can find it."""
    assert response.status in statuses
    assert response.fields.get("Content-Type", "").startswith("text/plain")
    assert re.search(rb"request id: \S{16}", response.body)
    assert len(response.body) < 1000


def test_an_upstream_that_refuses_connections_is_502(unreachable, weir):
    running = weir(settings(unreachable("refused")))
    with Client(running.port) as client:
        assert_own_answer(client.request(), 502)
        assert_own_answer(client.request("POST", "/", body=b"data"), 502)


def test_an_upstream_that_does_not_take_a_connection_in_time_is_504(unreachable, weir):
    running = weir(settings(unreachable("silent"), upstream={"connect_timeout": "200ms"}))
    with Client(running.port) as client:
        assert_own_answer(client.request(), 504, 502)


def test_a_server_that_does_not_take_a_connection_in_time_is_passed_over(upstream, unreachable, weir):
    """Nothing was sent to it: any request may go to another server, once."""
    good = upstream("legacy")
    running = weir(settings([unreachable("silent"), good], upstream={"connect_timeout": "200ms"}), workers=1)
    with Client(running.port) as client, Client(running.port) as other:
        client.send(Client.format("POST", "/", body=b"data"))  # to the silent one
        assert other.request().status == 200  # which has taken the good one's turn
        assert client.read("POST").status == 200
        assert sorted(r.body for r in good.requests) == [b"", b"data"]
        arm = running.counted(2)["arms"]["legacy"]
    assert sum(arm["failures_by_kind"].values()) == 0
    assert arm["p99_ms"] > 150  # the wait is the arm's


def test_two_servers_that_take_no_connection_in_time_are_504(unreachable, weir):
    running = weir(settings([unreachable("silent"), unreachable("silent")], upstream={"connect_timeout": "200ms"}))
    with Client(running.port) as client:
        assert_own_answer(client.request(), 504)


def test_an_upstream_that_does_not_answer_in_time_is_504(upstream, weir):
    legacy, go = upstream("legacy"), threading.Event()
    legacy.on("/slow", Reply(wait=go))
    running = weir(settings(legacy, upstream={"response_timeout": "200ms"}))
    with Client(running.port) as client:
        assert_own_answer(client.request(target="/slow"), 504)
        assert client.request(target="/fast").status == 200
    go.set()


def test_an_upstream_that_stops_inside_its_answer_is_given_up(upstream, weir):
    legacy, go = upstream("legacy"), threading.Event()
    legacy.on("/stall", Reply(pieces=(b"half", go, b"rest")))
    running = weir(settings(legacy, upstream={"body_timeout": "200ms"}))
    with Client(running.port) as client:
        assert ends_broken(client, "/stall")
    go.set()


def test_the_request_id_of_the_client_is_in_the_answer(unreachable, weir):
    running = weir(settings(unreachable("refused")))
    with Client(running.port) as client:
        response = client.request(fields={"X-Request-Id": "abc-123"})
    assert b"request id: abc-123\n" in response.body


def test_head_is_refused_without_a_body(unreachable, weir):
    running = weir(settings(unreachable("refused")))
    with Client(running.port) as client:
        assert client.request("HEAD").status == 502
        assert client.request("HEAD").status == 502


# Answers that are not HTTP, or against its rules: 502, nothing of them relayed.

HEAD = b"HTTP/1.1 200 OK\r\n"
MALFORMED = {
    "nothing": b"",
    "garbage": b"\x00\x01\x02 what is this\r\n\r\n",
    "HTTP/0.9": b"<html>hello</html>\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "half a status line": b"HTTP/1.1 20",
    "half a head": HEAD + b"Content-Length: 5\r\nX-",
    "a status that is no number": b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
    "a status of four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a status below 100": b"HTTP/1.1 042 OK\r\nContent-Length: 0\r\n\r\n",
    "version 2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a length and a transfer coding":
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths that differ": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length that is no number": HEAD + b"Content-Length: five\r\n\r\nhello",
    "a folded line": HEAD + b"Content-Length: 0\r\nX-A: one\r\n two\r\n\r\n",
    "a space before the colon": HEAD + b"Content-Length: 0\r\nX-A : one\r\n\r\n",
    "a bare CR": HEAD + b"Content-Length: 0\r\nX-A: one\rX-B: two\r\n\r\n",
    "a NUL": HEAD + b"Content-Length: 0\r\nX-A: o\0ne\r\n\r\n",
    "a line without a colon": HEAD + b"Content-Length: 0\r\nX-A\r\n\r\n",
    "an unknown transfer coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nhello",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "two transfer codings": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LFs": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "an empty name": HEAD + b"Content-Length: 0\r\n: one\r\n\r\n",
    "a space in a name": HEAD + b"Content-Length: 0\r\nX A: one\r\n\r\n",
    "a field before the status line": b"Content-Length: 0\r\n" + HEAD + b"\r\n",
    "a space before the first field": HEAD + b" Content-Length: 5\r\n\r\nhello",
    "two spaces in the status line": b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
    "lower-case http": b"http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "ICY": b"ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
    "RTSP": b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a length with a sign": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "two lengths in one line that differ": HEAD + b"Content-Length: 5, 6\r\n\r\nhello",
    "a status of 600": b"HTTP/1.1 600 Odd\r\nContent-Length: 0\r\n\r\n",
    "a head over its cap": HEAD + b"X-A: " + b"a" * 100000 + b"\r\nContent-Length: 0\r\n\r\n",
    "too many fields": HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_answer_is_502_that_is_or_has(shop, name):
    shop.legacy.on("/bad", Reply(raw=MALFORMED[name]))
    with Client(shop.port) as client:
        assert_own_answer(client.request(target="/bad"), 502)
        assert client.request(target="/good").body == b"legacy /good\n"


def test_a_reset_before_the_answer_is_502(shop):
    shop.legacy.on("/reset", Reply(cut=0, reset=True))
    with Client(shop.port) as client:
        assert_own_answer(client.request(target="/reset"), 502)
        assert client.request().status == 200


def test_a_bad_chunk_inside_the_answer_ends_it(shop):
    raw = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n"
    shop.legacy.on("/bad", Reply(raw=raw))
    with Client(shop.port) as client:
        assert ends_broken(client, "/bad")


def test_what_follows_an_answer_unasked_reaches_no_one(upstream, weir):
    """A second response, in the hope that it answers the next client's request."""
    legacy = upstream("legacy")
    extra = HEAD + b"Content-Length: 4\r\n\r\nevil"
    answer = HEAD + b"Content-Length: 4\r\n\r\ngood"
    legacy.on("/two", Reply(raw=answer + extra))
    running = weir(settings(legacy), workers=1)
    with Client(running.port) as client:
        assert client.request(target="/two").body == b"good"
    with Client(running.port) as client:
        assert client.request(target="/next").body == b"legacy /next\n"


@pytest.mark.parametrize("status", [400, 404, 418, 429, 500, 501, 503])
def test_an_error_of_the_service_is_the_services_own(shop, status):
    shop.legacy.on("/error", Reply(status, body=b"its own words", fields=(("X-Why", "so"),)))
    with Client(shop.port) as client:
        response = client.request(target="/error")
    assert (response.status, response.body) == (status, b"its own words")
    assert response.fields.get("X-Why") == "so"
