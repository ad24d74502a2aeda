"""Expect: 100-continue (RFC 9110 10.1.1)."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.wire import chunked

EXPECTS = {"Expect": "100-continue", "Content-Length": "5"}


def test_10_1_1_a_client_that_expects_100_is_told_to_continue(shop):
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", {"Expect": "100-continue", "Content-Length": "5"}))
        first, _ = client.reader.until(b"\r\n\r\n").split(b"\r\n", 1)
        assert first.startswith(b"HTTP/1.1 100")
        client.send(b"hello")
        assert client.read().status == 200
    assert shop.legacy.last.body == b"hello"


def test_10_1_1_a_client_that_does_not_wait_for_100_is_served_all_the_same(shop):
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Expect": "100-continue"}, b"hello")
        assert response.status == 200
        assert all(i.status == 100 for i in response.interim)
    assert shop.legacy.last.body == b"hello"


@pytest.mark.parametrize("fields, body", [
    ({"Content-Length": "5"}, b"hello"),
    ({"Transfer-Encoding": "chunked"}, chunked([b"he", b"llo"])),
], ids=["length", "chunked"])
def test_10_1_1_the_expectation_is_the_servers_to_meet(shop, fields, body):
    go = threading.Event()

    def hesitates(reader):
        go.wait(20)
        reader.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        reader.until(b"hello" if "Content-Length" in fields else b"0\r\n\r\n")
        reader.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    shop.legacy.on("/up", Reply(early=True, talk=hesitates))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", {"Expect": "100-Continue", **fields}))
        seen = shop.legacy.wait_requests(1)[0]
        assert seen.fields.get("Expect") == "100-Continue"
        assert client.is_silent()  # weir promises nothing of its own
        go.set()
        assert client.read_head().status == 100
        client.send(body)
        assert client.read().body == b"ok"


@pytest.mark.parametrize("status", [200, 401, 413, 417])
def test_10_1_1_a_final_answer_instead_of_100_spares_the_body(shop, status):
    shop.legacy.on("/up", Reply(status, body=b"no", early=True))
    with Client(shop.port) as client:
        response = client.request("POST", "/up", EXPECTS, body=b"")
        assert (response.status, response.body, response.interim) == (status, b"no", [])
        # A body that may or may not come would have two readings.
        assert response.fields.elements("Connection") == ["close"]
        assert client.closed()
    assert not any(r.complete for r in shop.legacy.requests)


def test_10_1_1_a_server_that_never_says_100_gets_the_body_of_who_does_not_wait(shop):
    shop.legacy.on("/up", Reply(continues=False, body=b"ok"))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", EXPECTS))
        shop.legacy.wait_requests(1)
        client.send(b"hello")
        response = client.read()
    assert (response.body, response.interim) == (b"ok", [])
    assert shop.legacy.last.body == b"hello"


def test_10_1_1_the_expectation_of_http_1_0_is_ignored(shop):
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Expect": "100-continue"}, b"hello", "1.0")
    assert (response.status, response.interim) == (200, [])
    assert not shop.legacy.last.fields.all("Expect")


def test_10_1_1_no_100_is_made_up_for_a_request_without_a_body(shop):
    shop.legacy.on("/", Reply(continues=False, body=b"ok"))
    with Client(shop.port) as client:
        response = client.request("GET", "/", {"Expect": "100-continue"})
        assert (response.status, response.interim) == (200, [])
        assert client.request(target="/next").status == 200


def test_10_1_1_an_unknown_expectation_is_the_servers_to_judge(shop):
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Expect": "wonders"}, b"hello")
    assert response.status in (200, 417)
    if response.status == 200:
        assert shop.legacy.last.fields.get("Expect") == "wonders"


def test_10_1_1_the_next_request_is_not_taken_for_the_body(shop):
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/a", EXPECTS) + b"hello" + Client.format(target="/b"))
        assert client.read().body == b"legacy /a\n"
        assert client.read().body == b"legacy /b\n"
    assert shop.legacy.requests[0].body == b"hello"
