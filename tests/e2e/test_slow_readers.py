"""An answer is delivered whole to whoever takes its time, though the connection ends with
it and the client has something more to say (RFC 9112 9.6)."""
import socket

import pytest

from support.client import Client
from support.raw_server import passed_on, read_to_end
from support.upstream import Reply
from support.weir import settings

BODY = b"x" * 3000000
GET = b"GET /big HTTP/1.1\r\nHost: a\r\n"
STRAY = b"\r\n"  # what some send behind a request (RFC 9112 2.2)
SMALL = b"GET /small HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
WAYS = {
    "close": (GET + b"Connection: close\r\n\r\n", STRAY, {}),
    "HTTP/1.0": (b"GET /big HTTP/1.0\r\nHost: a\r\n\r\n", STRAY, {}),
    "pipelined": (GET + b"\r\n" + SMALL, STRAY, {}),
    "the last request": (GET + b"\r\n", b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n", {"max_requests": 1}),
}


@pytest.mark.parametrize("request_bytes, more, listen", WAYS.values(), ids=WAYS)
def test_what_the_client_still_sends_does_not_destroy_its_answer(upstream, weir, request_bytes, more, listen):
    legacy = upstream("legacy")
    legacy.on("/big", Reply(body=BODY))
    running = weir(settings(legacy, listen=listen), workers=1)
    with Client(running.port, receive_buffer=16384) as client:
        client.send(request_bytes)
        client.reader.fill()  # it has begun, and weir has written all that the kernel takes
        running.counted(1)
        client.send(more)
        rest = bytes(client.reader.buffer) + read_to_end(client.sock)
    assert BODY in rest


def test_an_answer_is_not_destroyed_by_an_upload_that_goes_on(weir, server):
    """The server has answered early and closed; the client sends on for a while."""
    running = weir(settings(server), workers=1)
    with Client(running.port, receive_buffer=16384) as client:
        connection = passed_on(client, server, b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3000000\r\n\r\n" + BODY)
        connection.close()
        client.reader.fill()
        client.sock.settimeout(0.5)
        with pytest.raises(socket.timeout):
            for _ in range(2000):
                client.sock.sendall(b"x" * 10000)
        rest = bytes(client.reader.buffer) + read_to_end(client.sock)
    assert rest.endswith(BODY)
