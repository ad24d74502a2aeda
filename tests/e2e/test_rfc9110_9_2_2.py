"""Which requests are sent twice (RFC 9110 9.2.2, RFC 9112 9.3.1): what is not idempotent
never is, once a byte of it may have been processed. test_stale_connections has what
happens in one turn of weir's loop."""
import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings
from support.wire import chunked

@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_9_2_2_an_upstream_that_closed_an_idle_connection_is_not_noticed(one_worker, reset):
    with Client(one_worker.port) as client:
        for n in range(5):
            assert client.request(target=f"/{n}").body == f"legacy /{n}\n".encode()
            one_worker.legacy.close_idle(reset)
    assert one_worker.legacy.connections == 5


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_9_2_2_a_stale_connection_is_replaced_invisibly(one_worker, method, reset):
    one_worker.legacy.on(lambda r: r.nth > 1, Reply(cut=0, reset=reset))
    with Client(one_worker.port) as client:
        client.request(target="/first")
        body = b"data" if method == "PUT" else None
        assert client.request(method, "/second", body=body).status == 200
    seen = [(r.path, r.connection) for r in one_worker.legacy.requests]
    assert seen == [("/first", 1), ("/second", 1), ("/second", 2)]
    if method == "PUT":
        assert one_worker.legacy.last.body == b"data"


def test_9_2_2_a_stale_connection_never_makes_a_post_happen_twice(one_worker):
    """A proxy must not repeat what is not idempotent."""
    one_worker.legacy.on(lambda r: r.nth > 1, Reply(cut=0))
    with Client(one_worker.port) as client:
        client.request(target="/first")
        assert client.request("POST", "/pay", body=b"amount=5").status == 502
    assert [r.path for r in one_worker.legacy.requests].count("/pay") == 1


def test_9_2_2_a_request_is_repeated_once_and_no_more(one_worker):
    with Client(one_worker.port) as client:
        client.request(target="/first")
        one_worker.legacy.on("/second", Reply(cut=0))
        assert client.request(target="/second").status == 502
    assert [r.path for r in one_worker.legacy.requests].count("/second") == 2


def test_9_2_2_a_fresh_connection_that_fails_is_not_tried_again(one_worker):
    one_worker.legacy.on("/only", Reply(cut=0))
    with Client(one_worker.port) as client:
        assert client.request(target="/only").status == 502
    assert len(one_worker.legacy.requests) == 1


def test_9_2_2_a_response_that_began_is_not_asked_for_again(one_worker):
    with Client(one_worker.port) as client:
        client.request(target="/first")
        one_worker.legacy.on("/part", Reply(body=b"x" * 100, cut=20))
        assert client.request(target="/part").status == 502
    assert [r.path for r in one_worker.legacy.requests].count("/part") == 1


def test_9_2_2_a_chunked_body_is_repeated_with_its_trailers(one_worker):
    one_worker.legacy.on(lambda r: r.nth > 1, Reply(cut=0))
    body = chunked([b"da", b"ta"])[:-2] + b"X-Sum: 7\r\n\r\n"
    with Client(one_worker.port) as client:
        client.request(target="/first")
        assert client.request("PUT", "/second", {"Transfer-Encoding": "chunked"}, body).status == 200
    again = [r for r in one_worker.legacy.requests if r.path == "/second"]
    assert [(r.body, r.trailers) for r in again] == [(b"data", [("X-Sum", "7")])] * 2


def test_9_2_2_a_long_body_that_is_not_kept_is_not_sent_in_part(one_worker):
    """Kept for a replay are 64 KiB: a longer POST arrives whole and once, or is a 502."""
    body = b"x" * 300_000
    with Client(one_worker.port) as client:
        client.request(target="/first")
        one_worker.legacy.close_idle()
        response = client.request("POST", "/pay", body=body)
        assert response.status in (200, 502)
    seen = [r for r in one_worker.legacy.requests if r.path == "/pay"]
    assert len(seen) <= 1 and all(r.body == body for r in seen)


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_9_2_2_what_the_server_read_is_not_sent_again(one_worker, method, reset):
    with Client(one_worker.port) as client:
        client.request(target="/first")
        one_worker.legacy.on("/pay", Reply(cut=0, reset=reset))
        assert client.request(method, "/pay", body=b"amount=5").status == 502
        assert client.request(target="/next").status == 200
    assert [r.path for r in one_worker.legacy.requests].count("/pay") == 1


def test_9_2_2_what_the_server_began_to_read_is_not_sent_again(one_worker):
    """It read the head and half the body: who knows what it did with them."""

    def leaves(reader):
        reader.until(b"half")

    with Client(one_worker.port) as client:
        client.request(target="/first")
        one_worker.legacy.on("/pay", Reply(early=True, talk=leaves))
        client.send(Client.format("POST", "/pay", {"Content-Length": "8"}) + b"half")
        assert client.read().status == 502
    assert [r.path for r in one_worker.legacy.requests].count("/pay") == 1


def test_9_2_2_a_request_is_sent_to_another_server_where_one_refuses(upstream, unreachable, weir):
    """Nothing of it went anywhere: even a POST may be tried again."""
    legacy = upstream("legacy")
    running = weir(settings([unreachable("refused"), legacy]), workers=1)
    with Client(running.port) as client:
        for n in range(6):
            assert client.request("POST", f"/{n}", body=b"data").status == 200
    assert [r.path for r in legacy.requests] == [f"/{n}" for n in range(6)]


def test_9_2_2_a_request_that_was_answered_with_an_error_is_not_sent_again(one_worker):
    one_worker.legacy.on("/busy", Reply(503, body=b"busy"))
    with Client(one_worker.port) as client:
        client.request(target="/first")
        assert client.request(target="/busy").status == 503
    assert [r.path for r in one_worker.legacy.requests].count("/busy") == 1
