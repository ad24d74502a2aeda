"""A pooled connection that the server closed while a request was on its way
(RFC 9112 9.3.1, 9.5): repeated whole and unseen, or refused; never in part."""
import select
import socket

import pytest

from support.client import Client
from support.raw_server import (OK, read_request, read_to_end, reset, served_once,
                                stopped)
from support.weir import settings

GET = b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
SMALL_POST = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
LARGE_POST = (b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000)


ENDS = {"reset": reset, "close": lambda connection: connection.close(),
        "poison": lambda connection: connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")}
REQUESTS = {"GET": GET, "small POST": SMALL_POST, "large POST": LARGE_POST}


@pytest.mark.parametrize("order", ["request first", "server first"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
def test_a_request_on_a_stale_connection_is_repeated_whole(weir, server, request_bytes, end, order):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        first = served_once(client, server)
        with stopped(running.process.pid):
            if order == "request first":
                client.send(request_bytes)
            ENDS[end](first)
            if order == "server first":
                client.send(request_bytes)
        ready, _, _ = select.select([server, client.sock], [], [], 10)
        if server not in ready:
            # The server was there and may have read it: never twice (RFC 9110 9.2.2).
            assert end == "poison" and request_bytes != GET
            assert client.read("POST").status == 502
            return
        second, _ = server.accept()
        with second:
            body = request_bytes.partition(b"\r\n\r\n")[2]
            seen = read_request(second, len(body))
            assert seen.startswith(request_bytes[:request_bytes.index(b"\r\n")])
            assert seen.partition(b"\r\n\r\n")[2] == body
            second.sendall(OK)
            assert client.read(request_bytes.split()[0].decode()).body == b"ok"
        first.close()


def test_a_post_that_a_half_closed_server_may_read_is_not_repeated(weir, server):
    """A FIN says that no answer will come, not that nobody reads (RFC 9110 9.2.2)."""
    running = weir(settings(server), workers=1)
    with Client(running.port) as client, served_once(client, server) as first:
        with stopped(running.process.pid):
            client.send(SMALL_POST)
            first.shutdown(socket.SHUT_WR)
        if server in select.select([server, client.sock], [], [], 10)[0]:
            # The FIN was seen first: nothing was sent on that connection.
            assert read_to_end(first) == b""
            return
        assert client.read("POST").status == 502
        assert read_request(first, 3).startswith(b"POST /b ")
    assert server not in select.select([server], [], [], 0)[0]


def test_a_post_of_which_the_server_read_a_part_before_its_reset_is_not_repeated(weir, server):
    """The rest of its body is written first, which fails: that is the reset's only sign."""
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        first = served_once(client, server)
        client.send(b"POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n" + b"y" * 10)
        read_request(first, 10)
        with stopped(running.process.pid):
            client.send(b"x" * 10)
            reset(first)
        assert client.read("POST").status == 502
    assert server not in select.select([server], [], [], 0)[0]
