"""Interim responses, 1xx (RFC 9110 15.2)."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply

LINKS = "</style.css>; rel=preload; as=style"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: " + LINKS.encode() + b"\r\n\r\n"
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def test_15_2_interim_responses_are_passed_on_in_their_order(shop):
    more = b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\nLink: </c>\r\n\r\n"
    shop.legacy.on("/page", Reply(interim=(PROCESSING, HINTS, more), body=b"page"))
    with Client(shop.port) as client:
        response = client.request(target="/page")
        assert [i.status for i in response.interim] == [102, 103, 103]
        assert response.interim[1].fields.all("Link") == [LINKS]
        assert response.interim[2].fields.all("Link") == ["</b>", "</c>"]
        assert (response.status, response.body) == (200, b"page")
        assert client.request(target="/next").interim == []


def test_15_2_an_interim_response_is_passed_on_before_the_final_one_comes(shop):
    go = threading.Event()

    def hints_first(reader):
        reader.sock.sendall(HINTS)
        go.wait(20)
        reader.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")

    shop.legacy.on("/page", Reply(talk=hints_first))
    with Client(shop.port) as client:
        client.send(Client.format(target="/page"))
        assert client.read_head().status == 103
        assert client.is_silent()
        go.set()
        assert client.read().body == b"page"


def test_15_2_an_interim_response_in_pieces_is_one(shop):
    def in_pieces(reader):
        for byte in HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage":
            reader.sock.sendall(bytes([byte]))

    shop.legacy.on("/page", Reply(talk=in_pieces))
    with Client(shop.port) as client:
        response = client.request(target="/page")
    assert [i.status for i in response.interim] == [103]
    assert response.body == b"page"


def test_15_2_an_unknown_interim_response_is_passed_on(shop):
    shop.legacy.on("/", Reply(interim=(b"HTTP/1.1 199 Soon\r\nX-A: b\r\n\r\n",), body=b"x"))
    with Client(shop.port) as client:
        response = client.request()
    assert [(i.status, i.reason, i.fields.get("X-A")) for i in response.interim] == [(199, "Soon", "b")]


def test_15_2_http_1_0_is_sent_no_interim_response(shop):
    shop.legacy.on("/page", Reply(interim=(CONTINUE, PROCESSING, HINTS), body=b"page"))
    with Client(shop.port) as client:
        response = client.request(target="/page", version="1.0")
    assert (response.status, response.interim, response.body) == (200, [], b"page")


def test_15_2_a_100_that_the_client_did_not_ask_for_is_passed_on_too(shop):
    """A proxy must forward 1xx unless it asked for it itself, and weir asks for none."""
    shop.legacy.on("/page", Reply(interim=(CONTINUE,), body=b"page"))
    with Client(shop.port) as client:
        response = client.request(target="/page")
    assert [i.status for i in response.interim] == [100]
    assert response.body == b"page"


def test_15_2_hop_by_hop_fields_of_an_interim_response_end_here(shop):
    interim = (b"HTTP/1.1 103 Early Hints\r\nConnection: X-Secret\r\nX-Secret: 1\r\n"
               b"Keep-Alive: timeout=5\r\nLink: </a>\r\n\r\n")
    shop.legacy.on("/", Reply(interim=(interim,), body=b"x"))
    with Client(shop.port) as client:
        fields = client.request().interim[0].fields
    assert fields.get("Link") == "</a>"
    assert not any(fields.all(n) for n in ("Connection", "X-Secret", "Keep-Alive"))


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_15_2_an_interim_response_never_has_a_body(shop, framing):
    interim = b"HTTP/1.1 103 Early Hints\r\n" + framing + b"\r\n\r\n"
    shop.legacy.on("/bad", Reply(interim=(interim,), body=b"page"))
    with Client(shop.port) as client:
        response = client.request(target="/bad")
        assert response.status == 502 or (response.status, response.body) == (200, b"page")
        assert all(not i.fields.all(framing.split(b":")[0].decode()) for i in response.interim)
        assert client.request(target="/next").body == b"legacy /next\n"


def test_15_2_interim_responses_without_end_are_502(shop):
    shop.legacy.on("/endless", Reply(interim=(HINTS * 200,), body=b"x"))
    with Client(shop.port) as client:
        response = client.request(target="/endless")
        assert response.status == 502 and len(response.interim) <= 64
        assert client.request(target="/next").status == 200


def test_15_2_nothing_behind_an_interim_response_is_502(shop):
    shop.legacy.on("/half", Reply(raw=HINTS))
    with Client(shop.port) as client:
        response = client.request(target="/half")
        assert (response.status, [i.status for i in response.interim]) == (502, [103])
        assert client.request(target="/next").status == 200
    assert [r.path for r in shop.legacy.requests] == ["/half", "/next"]  # and not asked again


def test_15_2_interim_responses_of_pipelined_requests_come_before_their_own(shop):
    shop.legacy.on("/a", Reply(interim=(HINTS,), body=b"a"))
    shop.legacy.on("/b", Reply(interim=(PROCESSING, PROCESSING), body=b"b"))
    with Client(shop.port) as client:
        client.send(Client.format(target="/a") + Client.format(target="/b"))
        a, b = client.read(), client.read()
    assert (a.body, [i.status for i in a.interim]) == (b"a", [103])
    assert (b.body, [i.status for i in b.interim]) == (b"b", [102, 102])
