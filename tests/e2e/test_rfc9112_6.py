"""How long a body is, and who may have none (RFC 9112 6; RFC 9110 8.6, 15.3.5, 15.3.6, 15.4.5)."""
import pytest

from support.client import Client, ends_broken
from support.upstream import Reply
from support.wire import Ended

BODY = bytes(range(256)) * 400

# 6.2 Content-Length, 6.3 the length of a body.


def test_6_3_a_response_that_ends_with_its_connection_arrives_whole(shop):
    shop.legacy.on("/old", Reply(framing="close", body=BODY))
    with Client(shop.port) as client:
        response = client.request(target="/old")
        assert (response.status, response.body) == (200, BODY)
        if response.framing != "close":
            assert client.request(target="/next").status == 200


def test_6_2_an_empty_body_is_a_body(shop):
    shop.legacy.on("/empty", Reply(body=b""))
    with Client(shop.port) as client:
        assert client.request(target="/empty").framing == 0
        assert client.request(target="/next").status == 200


def test_6_3_the_answer_to_head_has_a_length_and_no_body(shop):
    shop.legacy.on("/page", Reply(body=BODY))
    with Client(shop.port) as client:
        response = client.request("HEAD", "/page")
        assert response.fields.get("Content-Length") == str(len(BODY))
        assert client.request(target="/next").body == b"legacy /next\n"
    assert shop.legacy.requests[0].method == "HEAD"


def test_6_3_the_answer_to_head_of_a_chunked_page_has_no_body(shop):
    shop.legacy.on("/page", Reply(framing="chunked", pieces=(b"x",)))
    with Client(shop.port) as client:
        assert client.request("HEAD", "/page").status == 200
        assert client.request(target="/next").body == b"legacy /next\n"


@pytest.mark.parametrize("status", [204, 304])
def test_6_3_a_response_that_cannot_have_a_body_ends_with_its_head(shop, status):
    shop.legacy.on("/none", Reply(status, fields=(("ETag", '"7"'),)))
    with Client(shop.port) as client:
        response = client.request(target="/none")
        assert (response.status, response.fields.get("ETag")) == (status, '"7"')
        assert client.request(target="/next").body == b"legacy /next\n"


def test_6_2_a_post_without_a_body_has_length_0(shop):
    with Client(shop.port) as client:
        assert client.request("POST", "/", body=b"").status == 200
    assert shop.legacy.last.fields.get("Content-Length", "0") == "0"


def test_6_3_a_response_that_is_cut_short_is_cut_short_for_the_client_too(shop):
    shop.legacy.on("/cut", Reply(body=b"x" * 1000, cut=500))
    with Client(shop.port) as client:
        assert ends_broken(client, "/cut")


def test_6_3_a_chunked_response_without_its_end_has_none_for_the_client(shop):
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    shop.legacy.on("/cut", Reply(raw=raw))
    with Client(shop.port) as client:
        assert ends_broken(client, "/cut")


HEADS = {
    "HEAD with the length of a GET": ("HEAD", b"200 OK\r\nContent-Length: 5", "5"),
    "HEAD without a length": ("HEAD", b"200 OK\r\nX-A: b", None),
    "HEAD of a chunked page": ("HEAD", b"200 OK\r\nTransfer-Encoding: chunked", None),
    "304 with the length of a 200": ("GET", b"304 Not Modified\r\nContent-Length: 5", "5"),
    "304 with a transfer coding": ("GET", b"304 Not Modified\r\nTransfer-Encoding: chunked", None),
    "204": ("GET", b"204 No Content\r\nX-A: b", None),
    "204 with a length": ("GET", b"204 No Content\r\nContent-Length: 0", None),
    "204 with the length of what is not there": ("GET", b"204 No Content\r\nContent-Length: 5", None),
    "204 with a transfer coding": ("GET", b"204 No Content\r\nTransfer-Encoding: chunked", None),
}


@pytest.mark.parametrize("name", HEADS)
def test_6_3_the_head_is_all_of(one_worker, name):
    """The connections on both sides are in step behind it, or closed."""
    method, head, length = HEADS[name]

    def answers(reader):
        reader.sock.sendall(b"HTTP/1.1 " + head + b"\r\n\r\n")
        reader.until(b"\r\n\r\n")
        reader.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Same: 1\r\n\r\nnext")

    one_worker.legacy.on("/none", Reply(talk=answers))
    with Client(one_worker.port) as client:
        response = client.request(method, "/none")
        assert response.status == int(head[:3])
        assert response.fields.get("Content-Length") == length
        assert client.request(target="/next").body in (b"next", b"legacy /next\n")


@pytest.mark.parametrize("head", [b"Content-Length: 0", b"Transfer-Encoding: chunked"])
def test_6_3_a_205_has_an_empty_body(shop, head):
    """RFC 9110 15.3.6: no content, but a body's end must be told."""
    raw = b"HTTP/1.1 205 Reset Content\r\n" + head + b"\r\n\r\n"
    shop.legacy.on("/reset", Reply(raw=raw + (b"0\r\n\r\n" if b"chunked" in head else b"")))
    with Client(shop.port) as client:
        response = client.request(target="/reset")
        assert (response.status, response.body) == (205, b"")
        assert client.request(target="/next").status == 200


def test_6_3_bytes_behind_a_response_without_a_body_reach_no_one(one_worker):
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    one_worker.legacy.on("/none", Reply(raw=b"HTTP/1.1 304 Not Modified\r\n\r\n" + evil))
    with Client(one_worker.port) as client:
        assert client.request(target="/none").status == 304
        assert client.request(target="/next").body == b"legacy /next\n"


def test_6_3_a_request_without_length_and_coding_has_no_body(shop):
    with Client(shop.port) as client:
        for method in ("GET", "POST", "PUT", "DELETE"):
            assert client.request(method, f"/{method}").body == f"legacy /{method}\n".encode()
    assert all(r.body == b"" and not r.fields.all("Transfer-Encoding") for r in shop.legacy.requests)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_6_3_a_body_has_the_length_it_says_whatever_the_method(shop, method):
    with Client(shop.port) as client:
        assert client.request(method, "/a", body=b"GET /evil HTTP/1.1\r\n\r\n").status == 200
        assert client.request(target="/b").status == 200
    assert [(r.path, len(r.body)) for r in shop.legacy.requests] == [("/a", 22), ("/b", 0)]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 16383, 16384, 65535, 65536, 65537])
def test_6_2_a_body_of_any_length_is_that_long(shop, size):
    body = (BODY * 2)[:size]
    shop.legacy.on("/down", Reply(body=body))
    with Client(shop.port) as client:
        response = client.request("POST", "/down", body=body)
        assert (response.framing, response.body) == (size, body)
        assert client.request(target="/next").status == 200
    assert shop.legacy.requests[0].body == body


# 6.3, 8: a response that ends with its connection.


def test_6_3_a_close_delimited_response_keeps_a_client_of_http_1_1(shop):
    shop.legacy.on("/old", Reply(framing="close", body=BODY))
    with Client(shop.port) as client:
        response = client.request(target="/old")
        assert (response.framing, response.body) == ("chunked", BODY)
        assert client.request(target="/next").body == b"legacy /next\n"


def test_6_3_a_close_delimited_response_ends_with_the_connection_of_http_1_0(shop):
    shop.legacy.on("/old", Reply(framing="close", minor=0, body=BODY))
    with Client(shop.port) as client:
        response = client.request(target="/old", version="1.0", fields={"Connection": "keep-alive"})
        assert (response.framing, response.body) == ("close", BODY)
        assert response.fields.elements("Connection") in ([], ["close"])


def test_6_3_an_empty_close_delimited_response_is_empty(shop):
    shop.legacy.on("/old", Reply(raw=b"HTTP/1.0 200 OK\r\n\r\n"))
    with Client(shop.port) as client:
        assert client.request(target="/old").body == b""
        assert client.request(target="/next").status == 200


def broken(port, target, version):
    """Whether the end of the answer is missing, and how: by what its connection did."""
    with Client(port) as client:
        try:
            client.request(target=target, version=version)
        except (Ended, ConnectionResetError) as error:
            return type(error)
    return None


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("framing", ["close", "chunked"])
def test_8_a_broken_response_cannot_be_taken_for_a_whole_one(shop, version, framing):
    """Where only the connection's end tells the body's, a broken one ends with a reset."""
    shop.legacy.on("/cut", Reply(framing=framing, body=BODY, cut=5000, reset=True))
    how = broken(shop.port, "/cut", version)
    assert how is ConnectionResetError or (how and version == "1.1")


def test_8_a_broken_response_of_known_length_is_shorter_than_it_says(shop):
    shop.legacy.on("/cut", Reply(body=BODY, cut=5000))
    for version in ("1.0", "1.1"):
        assert broken(shop.port, "/cut", version)


def test_8_a_broken_request_cannot_be_taken_for_a_whole_one(shop):
    for fields, part in (({"Content-Length": "10"}, b"half"), ({"Transfer-Encoding": "chunked"}, b"4\r\nhalf\r\n")):
        with Client(shop.port) as client:
            client.send(Client.format("POST", "/up", fields) + part)
            shop.legacy.wait_requests(1)
        shop.legacy.wait_open(0)
    assert not any(r.complete for r in shop.legacy.requests)
