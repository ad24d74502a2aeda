"""Connections: which persist, what is pipelined, how they end (RFC 9112 9). Pools and
times stand in test_keepalive, repeated requests in test_rfc9110_9_2_2."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings
from support.wire import Ended, chunked

# 9.3 Persistence.


@pytest.mark.parametrize("version, options, persists", [
    ("1.1", None, True), ("1.1", "keep-alive", True), ("1.1", "close", False), ("1.1", "CLOSE", False),
    ("1.1", "keep-alive, close", False), ("1.1", "x, close", False), ("1.0", None, False),
    ("1.0", "keep-alive", True), ("1.0", "Keep-Alive", True), ("1.0", "keep-alive, close", False),
])
def test_9_3_a_connection_persists_as_version_and_options_say(shop, version, options, persists):
    with Client(shop.port) as client:
        fields = {"Connection": options} if options else {}
        response = client.request(version=version, fields=fields)
        assert response.status == 200
        told = response.fields.elements("Connection")
        if persists:
            assert told == (["keep-alive"] if version == "1.0" else [])
            assert client.request(target="/next", version=version, fields=fields).status == 200
        else:
            assert told == (["close"] if version == "1.1" else told) and "keep-alive" not in told
            assert client.closed()


@pytest.mark.parametrize("minor, options, persists", [
    (1, None, True), (1, "close", False), (1, "x, Close", False), (0, None, False), (0, "keep-alive", True),
])
def test_9_3_a_servers_connection_persists_as_version_and_options_say(one_worker, minor, options, persists):
    fields = (("Connection", options),) if options else ()
    one_worker.legacy.on("/", Reply(minor=minor, fields=fields, body=b"x"))
    with Client(one_worker.port) as client:
        for _ in range(3):
            assert client.request().body == b"x"
    assert one_worker.legacy.connections == (1 if persists else 3)


def test_9_3_weirs_own_answers_keep_the_connection(shop):
    """A refusal that leaves no doubt where the next request begins closes nothing."""
    with Client(shop.port) as client:
        response = client.request("OPTIONS", "/", {"Max-Forwards": "0"})
        assert "close" not in response.fields.elements("Connection")
        assert client.request(target="/next").status == 200


def test_9_3_an_http_1_0_client_is_served_and_its_connection_closed(shop):
    with Client(shop.port) as client:
        response = client.request(target="/old", version="1.0", fields={"Host": "a.example"})
        assert response.body == b"legacy /old\n"
        assert client.closed()


def test_9_3_an_http_1_0_client_needs_no_host(shop):
    with Client(shop.port) as client:
        assert client.request(version="1.0").status == 200


def test_9_3_a_client_that_asks_for_it_is_closed(one_worker):
    with Client(one_worker.port) as client:
        response = client.request(fields={"Connection": "close"})
        assert response.fields.elements("Connection") == ["close"]
        assert client.closed()
        assert one_worker.legacy.last.fields.elements("Connection") in ([], ["keep-alive"])


def test_9_3_a_connection_that_the_upstream_closes_is_not_used_again(one_worker):
    one_worker.legacy.on("/bye", Reply(close=True, body=b"bye"))
    with Client(one_worker.port) as client:
        response = client.request(target="/bye")
        assert response.body == b"bye"
        assert "close" not in response.fields.elements("Connection")
        assert client.request().status == 200
    assert one_worker.legacy.connections == 2


# 9.3.2 Pipelining.


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "byte-by-byte"])
def test_9_3_2_pipelined_requests_are_answered_in_their_order(shop, piece):
    targets = [f"/{n}" for n in range(8)]
    with Client(shop.port) as client:
        client.send(b"".join(Client.format(target=t) for t in targets), piece)
        assert [client.read().body for _ in targets] == [f"legacy {t}\n".encode() for t in targets]


def test_9_3_2_a_slow_answer_holds_back_those_after_it(shop):
    go = threading.Event()
    shop.legacy.on("/slow", Reply(body=b"slow", wait=go))
    with Client(shop.port) as client:
        client.send(Client.format(target="/slow") + Client.format(target="/fast"))
        shop.legacy.wait_requests(1)
        assert client.is_silent()
        go.set()
        assert client.read().body == b"slow"
        assert client.read().body == b"legacy /fast\n"


def test_9_3_2_pipelined_bodies_do_not_run_into_the_next_request(shop):
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/a", body=b"GET /evil HTTP/1.1\r\n\r\n")
                    + Client.format("POST", "/b", {"Transfer-Encoding": "chunked"}, chunked([b"xyz"]))
                    + Client.format(target="/c"))
        assert [client.read().body for _ in range(3)] == [b"legacy /a\n", b"legacy /b\n", b"legacy /c\n"]
    assert [r.path for r in shop.legacy.requests] == ["/a", "/b", "/c"]


def test_9_3_2_nothing_behind_a_request_that_asked_to_close_is_answered(shop):
    with Client(shop.port) as client:
        client.send(Client.format(target="/last", fields={"Connection": "close"}) + Client.format(target="/not"))
        assert client.read().body == b"legacy /last\n"
        assert client.closed()
    assert [r.path for r in shop.legacy.requests] == ["/last"]


def test_9_3_2_many_pipelined_requests_are_all_answered(shop):
    count = 500
    answers = []
    with Client(shop.port) as client:
        sender = threading.Thread(target=lambda: client.send(
            b"".join(Client.format(target=f"/{n}") for n in range(count))))
        sender.start()
        answers = [client.read().body for _ in range(count)]
        sender.join()
    assert answers == [f"legacy /{n}\n".encode() for n in range(count)]


# 9.5 Early answers: the answer comes while the request is still on its way.


@pytest.mark.parametrize("fields, first, rest", [
    ({"Content-Length": "10"}, b"hello", b"world"),
    ({"Transfer-Encoding": "chunked"}, b"5\r\nhello\r\n", b"5\r\nworld\r\n0\r\n\r\n"),
], ids=["length", "chunked"])
def test_9_5_an_answer_passes_while_the_request_goes_on(shop, fields, first, rest):
    shop.legacy.on("/up", Reply(413, body=b"enough", early=True))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", fields) + first)
        response = client.read()
        assert (response.status, response.body) == (413, b"enough")
        # The client may stop here, and then what follows has two readings.
        assert response.fields.elements("Connection") == ["close"]
        client.send(rest)
        shop.legacy.wait_complete(shop.legacy.last)
        assert client.closed()
    assert shop.legacy.last.body == b"helloworld"


def test_9_5_an_answer_can_stream_while_the_request_streams(shop):
    """Each side sees a piece of the other's before it sends its next."""

    def echoes(reader):
        reader.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            reader.sock.sendall(chunked([reader.until(b"!")])[:-5])
        reader.sock.sendall(b"0\r\n\r\n")

    shop.legacy.on("/echo", Reply(early=True, talk=echoes))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/echo", {"Content-Length": "120"}))
        assert client.read_head().status == 200
        for n in range(20):
            client.send(b"%05d!" % n)
            client.reader.until(b"%05d!\r\n" % n)
        client.reader.until(b"0\r\n\r\n")


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_9_5_an_early_answer_is_not_lost_when_the_server_then_closes(shop, reset):
    def answers_and_leaves(reader):
        reader.sock.sendall(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        if reset:
            left.wait(20)

    left = threading.Event()
    shop.legacy.on("/up", Reply(early=True, talk=answers_and_leaves, reset=reset))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", {"Content-Length": "5000000"}) + b"x" * 1000)
        response = client.read()
        left.set()
        assert (response.status, response.body) == (413, b"no")
    with Client(shop.port) as client:
        assert client.request(target="/next").status == 200


# 9.6 Tear-down.


def test_9_6_a_client_that_closed_its_half_gets_its_answer(shop):
    go = threading.Event()
    shop.legacy.on("/slow", Reply(wait=go, body=b"slow"))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/slow", body=b"data"))
        client.half_close()
        shop.legacy.wait_requests(1)
        go.set()
        assert client.read().body == b"slow"
        assert client.closed()


def test_9_6_a_client_that_closed_its_half_gets_all_its_answers(shop):
    with Client(shop.port) as client:
        client.send(b"".join(Client.format(target=f"/{n}") for n in range(50)))
        client.half_close()
        assert [client.read().body for _ in range(50)] == [f"legacy /{n}\n".encode() for n in range(50)]
        assert client.closed()


def test_9_6_a_client_that_closed_its_half_gets_a_long_answer(shop):
    body = bytes(range(256)) * 20000
    shop.legacy.on("/big", Reply(body=body))
    with Client(shop.port) as client:
        client.send(Client.format(target="/big"))
        client.half_close()
        assert client.read().body == body
        assert client.closed()


def test_9_6_half_a_request_before_the_close_reaches_no_one_as_a_whole(shop):
    with Client(shop.port) as client:
        client.send(Client.format(target="/good") + b"GET /half HTTP/1.1\r\nHo")
        client.half_close()
        assert client.read().body == b"legacy /good\n"
        try:
            assert client.read().status in (400, 408)
        except Ended:
            pass
    assert [r.path for r in shop.legacy.requests] == ["/good"]


def test_9_6_a_refused_client_can_read_why_though_it_is_still_sending(shop):
    """The close is staged: else the kernel's RST would take the answer with it."""
    with Client(shop.port) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n" + b"x" * 200_000)
        assert client.read().status == 400
        assert client.closed()


def test_9_6_after_close_is_said_nothing_more_is_read_as_a_request(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, listen={"max_requests": 1}))
    with Client(running.port) as client:
        client.send(Client.format(target="/a") + Client.format(target="/b"))
        response = client.read()
        assert response.fields.elements("Connection") == ["close"]
        assert client.closed()
    assert [r.path for r in legacy.requests] == ["/a"]
