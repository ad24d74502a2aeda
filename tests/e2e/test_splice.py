"""Large bodies of known length go from socket to socket: whole, in step with what
follows, and broken where the server breaks them."""
import fcntl
import hashlib
import os
import sys
import termios
from pathlib import Path

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings, wait_for
from support.wire import Ended

WORTH = 128 << 10  # from here on a body is spliced
NOISE = os.urandom(1 << 20)


def noise(size):
    return (NOISE * (size // len(NOISE) + 1))[:size]


def descriptors(weir):
    return len(os.listdir(f"/proc/{weir.pid}/fd"))


def pipes(weir):
    """Pipes of weir's own, of which it holds both ends."""
    ends = []
    for fd in Path(f"/proc/{weir.pid}/fd").iterdir():
        try:
            ends.append(os.readlink(fd))
        except FileNotFoundError:
            pass  # closed meanwhile
    return len({end for end in ends if end.startswith("pipe:") and ends.count(end) > 1})


def piped(weir):
    """The bytes that wait in each of them."""
    waiting = {}
    for fd in Path(f"/proc/{weir.pid}/fd").iterdir():
        try:
            if os.readlink(fd).startswith("pipe:"):
                with open(fd, "rb", opener=lambda path, _: os.open(path, os.O_RDONLY | os.O_NONBLOCK)) as end:
                    count = fcntl.ioctl(end, termios.FIONREAD, b"1234")
                waiting[os.readlink(fd)] = int.from_bytes(count, sys.byteorder)
        except OSError:
            pass  # closed meanwhile
    return list(waiting.values())


@pytest.mark.parametrize("most, listen", [(1 << 20, {}), (200 << 10, {"max_piped": "200k"}), (0, {"max_piped": 0}), (0, {"max_piped": 4095})])
def test_so_much_and_no_more_waits_in_a_pipe(upstream, weir, most, listen):
    legacy = upstream("legacy")
    body = noise(24 << 20)
    legacy.on("/big", lambda _: Reply(body=body))
    running = weir(settings(legacy, listen=listen), workers=1)
    with Client(running.port, receive_buffer=8192) as slow, Client(running.port) as other:
        slow.send(Client.format(target="/big"))
        wait_for("the answer waits", lambda: most == 0 or max(piped(running), default=0) > 0)
        assert other.request(target="/next").status == 200
        assert max(piped(running), default=0) <= most
        assert slow.read().content.sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [1, 5000, 70000, 1 << 20])
def test_small_buffers_change_nothing_but_the_pieces(upstream, weir, size):
    legacy = upstream("legacy")
    body = noise(size)
    legacy.on("/both", Reply(body=body))
    running = weir(settings(legacy, listen={"max_buffered": "4k", "max_piped": 0}), workers=1)
    with Client(running.port) as client:
        for _ in range(2):
            assert client.request("PUT", "/both", body=body).body == body
    assert [r.body for r in legacy.requests] == [body] * 2


@pytest.mark.parametrize("size", [WORTH - 1, WORTH, WORTH + 1, 2 * WORTH - 1, 2 * WORTH, (1 << 20) - 1, 1 << 20,
                                  (1 << 20) + 1, 5_000_001])
def test_a_body_of_any_length_arrives_and_the_next_answer_behind_it(shop, size):
    body = noise(size)
    shop.legacy.on("/big", Reply(body=body))
    with Client(shop.port) as client:
        client.send(Client.format(target="/big") * 2 + Client.format(target="/next"))
        for _ in range(2):
            response = client.read()
            assert response.framing == size and response.body == body
        assert client.read().body == b"legacy /next\n"
    assert shop.legacy.connections == 1


def test_a_body_that_comes_with_its_head_is_whole(shop):
    """What was read together with the head comes before what is spliced."""
    for first in (0, 1, 1000, 60000):
        body = noise(WORTH * 3 + first)

        def answers(reader, body=body, first=first):
            reader.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:first])
            reader.sock.sendall(body[first:])

        shop.legacy.on("/big", Reply(talk=answers))
        with Client(shop.port) as client:
            assert client.request(target="/big").body == body
            assert client.request(target="/next").status == 200


def test_a_slow_reader_gets_it_all(upstream, weir):
    legacy = upstream("legacy")
    body = noise(24 << 20)
    legacy.on("/big", lambda _: Reply(body=body))
    running = weir(settings(legacy), workers=1)
    with Client(running.port, receive_buffer=8192) as slow, Client(running.port) as other:
        before = pipes(running)
        slow.send(Client.format(target="/big"))
        slow.reader.until(b"\r\n\r\n")
        wait_for("a pipe between the two connections", lambda: pipes(running) > before)
        for _ in range(20):  # others are served between its reads
            slow.reader.fill(4096)
            assert other.request().status == 200
        while slow.reader.fill(1 << 16) and len(slow.reader.buffer) < len(body):
            pass
        assert slow.reader.buffer == body
        slow.reader.take(len(body))
        assert slow.request(target="/next").body == b"legacy /next\n"


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("cut", [WORTH, 1 << 20, 3_000_000])
def test_a_body_that_the_server_cuts_short_is_short_for_the_client(one_worker, cut, reset):
    one_worker.legacy.on("/cut", Reply(body=noise(4 << 20), cut=cut, reset=reset))
    with Client(one_worker.port) as client:
        with pytest.raises((Ended, ConnectionResetError)):
            client.request(target="/cut")
    with Client(one_worker.port) as client:
        assert client.request(target="/next").body == b"legacy /next\n"


def test_bytes_behind_a_body_reach_no_one(one_worker):
    body = noise(WORTH * 2)
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    one_worker.legacy.on("/big", Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body + evil))
    with Client(one_worker.port) as client:
        assert client.request(target="/big").body == body
        assert client.request(target="/next").body == b"legacy /next\n"


def test_a_client_that_leaves_takes_its_server_connection_and_its_pipe_along(one_worker):
    """Again and again, at different places: no descriptor is left behind."""
    body = noise(8 << 20)
    one_worker.legacy.on("/big", lambda _: Reply(body=body))
    with Client(one_worker.port) as client:
        client.request(target="/big")  # what one download keeps, it keeps
    one_worker.legacy.close_idle()
    before = descriptors(one_worker.weir)
    for n in range(40):
        client = Client(one_worker.port, receive_buffer=8192)
        client.send(Client.format(target="/big"))
        client.reader.until(b"\r\n\r\n")
        for _ in range(n % 4):
            client.reader.fill(1 << 16)
        client.close()
    one_worker.legacy.wait_open(0)
    wait_for("the descriptors to be back at their level", lambda: descriptors(one_worker.weir) <= before)
    with Client(one_worker.port) as client:
        assert client.request(target="/next").status == 200


def test_a_broken_download_leaves_no_bytes_to_the_next(one_worker):
    """The pipe of the one that broke is not the next one's with something in it."""
    good = bytes(reversed(noise(1 << 20)))
    for n in range(10):
        one_worker.legacy.on("/cut", Reply(body=noise(4 << 20), cut=(2 << 20) + n * 7919))
        one_worker.legacy.on("/good", Reply(body=good))
        slow = Client(one_worker.port, receive_buffer=8192)
        slow.send(Client.format(target="/cut"))
        slow.reader.until(b"\r\n\r\n")
        slow.close()
        with Client(one_worker.port) as client:
            assert client.request(target="/good").body == good


def test_head_of_a_large_body_has_none(shop):
    shop.legacy.on("/big", Reply(body=noise(WORTH * 2)))
    with Client(shop.port) as client:
        assert client.request("HEAD", "/big").fields.get("Content-Length") == str(WORTH * 2)
        assert client.request(target="/next").body == b"legacy /next\n"


def test_a_large_answer_that_comes_early_is_whole(shop):
    body = noise(2 << 20)
    shop.legacy.on("/up", Reply(413, body=body, early=True))
    with Client(shop.port) as client:
        client.send(Client.format("POST", "/up", {"Content-Length": "10"}) + b"half")
        assert client.read().body == body


def test_http_1_0_gets_a_large_body_too(shop):
    body = noise(2 << 20)
    shop.legacy.on("/big", Reply(body=body))
    with Client(shop.port) as client:
        assert client.request(target="/big", version="1.0").body == body
        assert client.closed()
