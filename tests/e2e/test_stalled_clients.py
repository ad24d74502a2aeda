"""A server that loses its patience with a client has not failed: else any client could
have a canary rolled back by doing nothing."""
import socket

import pytest

from support.client import Client
from support.raw_server import passed_on, read_request, read_to_end
from support.weir import settings
from support.wire import Ended

PATIENCE_S = 1.2  # the server's own, with a client that does nothing
UPLOAD = b"POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"
LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n"


def lose_patience(connection):
    connection.settimeout(PATIENCE_S)
    with pytest.raises(socket.timeout):
        while connection.recv(65536):
            pass
    connection.close()


def send_until_patience_is_lost(connection):
    connection.settimeout(PATIENCE_S)
    connection.sendall(LONG)
    with pytest.raises(socket.timeout):
        for _ in range(300):
            connection.sendall(b"x" * 100000)
    connection.close()


def outcome(running):
    """Of the one request to legacy: its failures by kind, and whether the client is to blame."""
    arm = running.counted(1)["arms"]["legacy"]
    return {k: n for k, n in arm["failures_by_kind"].items() if n}, arm["client_gone"]


def test_a_server_that_gives_up_on_a_stalled_upload_has_not_failed(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        connection = passed_on(client, server, UPLOAD)
        lose_patience(connection)
        assert client.read("POST").status == 502
    assert outcome(running) == ({}, 1)


def test_a_server_that_closes_on_an_upload_that_goes_on_has_failed(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        connection = passed_on(client, server, UPLOAD)
        connection.close()
        assert client.read("POST").status == 502
    assert outcome(running) == ({"reset": 1}, 0)


def test_a_server_that_gives_up_on_a_stalled_download_has_not_failed(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port, receive_buffer=8192) as client:
        connection = passed_on(client, server, b"GET /down HTTP/1.1\r\nHost: a\r\n\r\n")
        send_until_patience_is_lost(connection)
        with pytest.raises((Ended, ConnectionResetError)):
            client.read()
    assert outcome(running) == ({}, 1)


def test_a_server_that_cuts_a_download_that_goes_on_has_failed(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        connection = passed_on(client, server, b"GET /down HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.sendall(LONG + b"x" * 100000)
        connection.close()
        with pytest.raises((Ended, ConnectionResetError)):
            client.read()
    assert outcome(running) == ({"truncated": 1}, 0)


def test_a_failing_status_stays_one_whoever_stalls_behind_it(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        connection = passed_on(client, server, UPLOAD)
        connection.sendall(b"HTTP/1.1 500 Broken\r\nContent-Length: 10\r\n\r\nhalf")
        assert client.read_head().status == 500
        lose_patience(connection)
        assert read_to_end(client.sock) == b""
    assert outcome(running) == ({"status": 1}, 0)


def test_a_client_that_was_slow_with_its_head_kept_no_server_waiting(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        client.send(UPLOAD[:20])
        client.sock.settimeout(PATIENCE_S)
        with pytest.raises(socket.timeout):
            client.sock.recv(1)
        client.send(UPLOAD[20:])
        connection, _ = server.accept()
        read_request(connection, 3)
        connection.close()
        client.sock.settimeout(20)
        assert client.read("POST").status == 502
    assert outcome(running) == ({"reset": 1}, 0)
