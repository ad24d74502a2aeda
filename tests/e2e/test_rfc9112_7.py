"""Transfer codings (RFC 9112 7). Malformed chunks stand in test_strictness."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.wire import chunked

BODY = bytes(range(256)) * 400

# 7.1 Chunked.


def test_7_1_a_chunked_response_arrives_whole_and_keeps_the_connection(shop):
    shop.legacy.on("/stream", Reply(framing="chunked", pieces=(b"one", BODY, b"x")))
    with Client(shop.port) as client:
        response = client.request(target="/stream")
        assert (response.framing, response.body) == ("chunked", b"one" + BODY + b"x")
        assert client.request(target="/next").body == b"legacy /next\n"


def test_7_1_a_chunk_is_passed_on_when_it_comes_not_when_the_body_ends(shop):
    more = threading.Event()
    shop.legacy.on("/events", Reply(framing="chunked", pieces=(b"first", more, b"second")))
    with Client(shop.port) as client:
        client.send(Client.format(target="/events"))
        client.reader.until(b"first")
        more.set()
        client.reader.until(b"second")


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
def test_7_1_a_chunked_request_arrives_as_it_was_sent(shop, piece):
    body = chunked([b"a", b"bc" * 50, b"def"])
    with Client(shop.port) as client:
        response = client.request("POST", "/up", {"Transfer-Encoding": "chunked"}, body, piece=piece)
        assert response.status == 200
        assert client.request(target="/next").body == b"legacy /next\n"
    assert shop.legacy.requests[0].body == b"a" + b"bc" * 50 + b"def"


def test_7_1_1_chunk_extensions_end_at_weir(shop):
    body = b"3;name=value\r\nabc\r\n0;last\r\n\r\n"
    with Client(shop.port) as client:
        assert client.request("POST", "/", {"Transfer-Encoding": "chunked"}, body).status == 200
    assert shop.legacy.last.body == b"abc"  # the upstream refuses extensions


def test_7_1_an_http_1_0_client_is_never_sent_chunks(shop):
    shop.legacy.on("/stream", Reply(framing="chunked", pieces=(b"one", BODY)))
    with Client(shop.port) as client:
        response = client.request(target="/stream", version="1.0")
        assert (response.framing, response.body) == ("close", b"one" + BODY)


def test_7_1_the_chunks_are_weirs_own(shop):
    """Size lines as long as they may be, and a chunk for each byte: all is framed anew."""
    raw = b"".join(b"000000001;x=y\r\n%c\r\n" % byte for byte in b"hello")
    shop.legacy.on("/", Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw + b"0;z\r\n\r\n"))
    with Client(shop.port) as client:
        response = client.request()  # which refuses extensions
        assert (response.framing, response.body) == ("chunked", b"hello")
        assert client.request(target="/next").status == 200


@pytest.mark.parametrize("size", [1, 15, 16, 17, 255, 256, 65535, 65536, 65537])
def test_7_1_a_chunk_of_any_size_arrives(shop, size):
    data = (BODY * 2)[:size]
    shop.legacy.on("/", Reply(framing="chunked", pieces=(data, data)))
    with Client(shop.port) as client:
        response = client.request("POST", "/", {"Transfer-Encoding": "chunked"}, chunked([data, data]))
        assert response.body == data * 2
        assert client.request(target="/next").status == 200
    assert shop.legacy.requests[0].body == data * 2


def test_7_1_an_empty_chunked_body_is_empty(shop):
    shop.legacy.on("/", Reply(framing="chunked"))
    with Client(shop.port) as client:
        response = client.request("POST", "/", {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n")
        assert (response.framing, response.body) == ("chunked", b"")
        assert client.request(target="/next").status == 200
    assert shop.legacy.requests[0].body == b""


def test_7_1_1_endless_extensions_are_refused(shop):
    body = b"".join(b"1;%s\r\na\r\n" % (b"x" * 1000) for _ in range(2000)) + b"0\r\n\r\n"
    with Client(shop.port) as client:
        try:
            response = client.request("POST", "/", {"Transfer-Encoding": "chunked"}, body)
            assert response.status == 400
        except ConnectionError:
            pass  # closed under what it was still sending
    assert not any(r.complete for r in shop.legacy.requests)


def test_7_1_2_a_request_with_trailers_is_in_step_with_the_next(shop):
    body = chunked([b"abc"])[:-2] + b"X-Sum: 1\r\nX-More: 2\r\n\r\n"
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/a", {"Transfer-Encoding": "chunked"}, body)
                    + Client.format(target="/b"))
        assert [client.read().body for _ in "ab"] == [b"legacy /a\n", b"legacy /b\n"]


# 7.3 Transfer coding registry, 7.4 TE.


@pytest.mark.parametrize("te, passed", [
    ("trailers", True), ("Trailers", True), ("gzip, trailers", True), ("trailers, deflate;q=0.5", True),
    ("gzip", False), ("chunked", False), ("", False), ("trailers-not", False),
])
def test_7_4_of_te_only_trailers_goes_on(send, te, passed):
    """RFC 9110 10.1.4: and whoever sends TE must nominate it in Connection."""
    seen, response = send([("TE", te), ("Connection", "TE")])
    assert response.status == 200
    assert seen.fields.all("TE") == (["trailers"] if passed else [])
    assert ("TE" in seen.fields.elements("Connection")) == passed


def test_7_4_te_of_http_1_0_means_nothing(send):
    seen, _ = send([("TE", "trailers"), ("Connection", "TE")], version="1.0")
    assert not seen.fields.all("TE")


def test_7_4_weir_asks_for_no_trailers_that_the_client_did_not_ask_for(send):
    seen, _ = send()
    assert not seen.fields.all("TE") and "TE" not in seen.fields.elements("Connection")
