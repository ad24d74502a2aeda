"""A pooled connection that the server closed while a request was on its way
(RFC 9112 9.3.1, 9.5): repeated whole and unseen, or refused; never in part."""
import contextlib
import os
import select
import signal
import socket
import struct

import pytest

from support.client import Client
from support.weir import settings, wait_for

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
SMALL_POST = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
LARGE_POST = (b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50000)


@pytest.fixture
def server():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(10)
        yield listener


@contextlib.contextmanager
def stopped(pid):
    """weir sees all that happens meanwhile in one turn of its loop."""
    os.kill(pid, signal.SIGSTOP)
    wait_for("weir stops", lambda: open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
             == "T")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def read_request(connection, length):
    """All of it: a head that weir wrote, and its body."""
    connection.settimeout(10)
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length:
        more = connection.recv(262144)
        assert more, f"closed after {len(data)} bytes"
        data += more
    return data


ENDS = {"reset": reset, "close": lambda connection: connection.close(),
        "poison": lambda connection: connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")}
REQUESTS = {"GET": GET, "small POST": SMALL_POST, "large POST": LARGE_POST}


@pytest.mark.parametrize("order", ["request first", "server first"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
def test_a_request_on_a_stale_connection_is_repeated_whole(weir, server, request_bytes, end, order):
    port = server.getsockname()[1]
    running = weir(settings(f"127.0.0.1:{port}"), workers=1)
    with Client(running.port) as client:
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
        first, _ = server.accept()
        read_request(first, 0)
        first.sendall(OK)
        assert client.read("GET").body == b"ok"
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
