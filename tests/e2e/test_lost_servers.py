"""Servers that end a connection, or do not come to an end, while both sides are at work:
what was cut is seen to be cut, and what was sent arrives."""
import select
import socket
import threading
import time

import pytest

from support.client import Client
from support.raw_server import listening, passed_on, read_request, read_to_end, reset, stopped
from support.weir import settings, wait_for
from support.wire import Body, Ended


def test_an_answer_cut_by_a_reset_is_cut_though_a_write_failed_first(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 10)
        connection, _ = server.accept()
        read_request(connection, 10)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"z" * 500)  # until it closes
        assert client.read_head().status == 200
        with stopped(running.process.pid):
            client.send(b"more")
            reset(connection)
        with pytest.raises((Ended, ConnectionResetError)):
            client.reader.until(b"0\r\n\r\n")
    legacy = running.counted(1)["arms"]["legacy"]
    assert legacy["failures_by_kind"]["truncated"] == 1


def test_a_server_that_answers_early_and_reads_on_gets_the_whole_upload(weir):
    """However slowly. Of the first upload is learned how much weir can be rid of before it
    has to hold some back; the second ends with just that, and its end is what is held."""
    with listening(receive_buffer=4096) as server:
        running = weir(settings(server), workers=1)
        taken = upload(running, server, 1 << 30)[0]
        taken, connection = upload(running, server, taken)
        assert len(read_to_end(connection)) == taken


PIECE = b"x" * 16384


def upload(running, server, length):
    """Piece by piece, until all is sent or weir leaves one unread; the server has answered
    and reads nothing. How many bytes weir has read, and the server's connection."""
    client = Client(running.port)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
    connection, _ = server.accept()
    head = connection.recv(4096)
    assert head.endswith(b"\r\n\r\n")
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert client.read("POST").body == b"ok"
    sent = 0
    while sent < length:
        client.send(PIECE[:length - sent])
        if not is_read(running.port, client.sock.getsockname()[1]):
            break
        sent += len(PIECE[:length - sent])
    return sent, connection


def is_read(port, client_port):
    """Whether weir reads all that came from that client, soon."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        if unread(port, client_port) == 0:
            return True
    return False


def unread(port, client_port):
    with open("/proc/net/tcp") as table:
        for line in table:
            fields = line.split()
            if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{client_port:04X}"):
                return int(fields[4].partition(":")[2], 16)
    return 0


def test_the_time_for_a_response_is_for_its_whole_head(weir, server):
    """Not anew for each byte that drips."""
    running = weir(settings(server, upstream={"response_timeout": "300ms"}), workers=1)
    with Client(running.port) as client:
        connection = asked(client, server)
        drip(connection, b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200, 0.05)
        assert client.read("GET").status == 504


def test_an_interim_response_gives_a_server_its_time_anew(weir, server):
    running = weir(settings(server, upstream={"response_timeout": "600ms"}), workers=1)
    with Client(running.port) as client:
        connection = asked(client, server)
        for _ in range(4):
            assert not select.select([connection], [], [], 0.3)[0]
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            assert client.read_head().status == 103
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        assert client.read("GET").status == 200


def asked(client, server):
    """The connection on which the client's request has arrived."""
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    connection, _ = server.accept()
    read_request(connection, 0)
    return connection


def drip(connection, data, seconds):
    """A byte from time to time, as long as somebody is there."""
    for byte in data:
        if select.select([connection], [], [], seconds)[0]:
            return
        connection.sendall(bytes([byte]))
    raise AssertionError("nobody minds")


def test_an_upload_that_stalls_is_not_kept_waiting_by_the_answer(weir, server):
    running = weir(settings(server, listen={"body_timeout": "300ms"}), workers=1)
    with Client(running.port) as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        connection, _ = server.accept()
        read_request(connection, 1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        drip(connection, b"x" * 200, 0.05)
        assert client.read_head().status == 200
        client.sock.settimeout(10)
        with pytest.raises((Ended, ConnectionResetError)):
            client.reader.exactly(1000, Body())


def test_a_client_that_takes_nothing_is_not_kept_by_what_it_sends(weir, server):
    running = weir(settings(server, listen={"write_timeout": "300ms"}), workers=1)
    with Client(running.port, receive_buffer=4096) as client:
        connection = asked(client, server)
        answer = threading.Thread(target=stream, args=(connection, 64 << 20))
        answer.start()
        with pytest.raises(OSError):
            for _ in range(200):
                client.send(b"G")
                answer.join(0.05)
        answer.join(10)
        assert not answer.is_alive()


def stream(connection, length):
    try:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)
        for _ in range(length >> 16):
            connection.sendall(b"x" * 65536)
    except OSError:
        pass


def test_the_last_words_of_a_tunnel_s_server_arrive_though_it_reads_no_more(weir, server):
    running = weir(settings(server), workers=1)
    with Client(running.port) as client:
        connection = passed_on(client, server, b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: talk\r\nConnection: Upgrade\r\n\r\n")
        connection.sendall(b"HTTP/1.1 101 Yes\r\nUpgrade: talk\r\nConnection: Upgrade\r\n\r\n")
        assert client.read("GET").status == 101
        client.send(b"unread")
        wait_for("it has come", lambda: select.select([connection], [], [], 0)[0])
        with stopped(running.process.pid):
            client.send(b"more")
            connection.sendall(b"last words")
            connection.close()  # with something unread: a reset
        assert read_to_end(client.sock) == b"last words"
