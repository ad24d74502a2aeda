"""Who was not told that its connection ends may send one more request, and is served:
also where weir ends, stops listening there, or lowers max_requests meanwhile."""
import contextlib
import signal
import socket
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import section, settings, wait_for


@pytest.fixture
def legacy(upstream):
    made = upstream("legacy")
    made.go = threading.Event()
    made.on("/slow", Reply(pieces=(b"half", made.go, b"rest")))
    yield made
    made.go.set()


@contextlib.contextmanager
def half_answered(port):
    """A client that has the head of its answer, without a word about a close."""
    with Client(port) as client:
        client.send(Client.format(target="/slow"))
        head = client.read_head()
        assert head.fields.elements("Connection") == []
        client.reader.until(b"half")
        yield client


def assert_one_more_is_served(client, legacy):
    legacy.go.set()
    client.reader.until(b"rest")
    response = client.request("POST", "/next", body=b"data")
    assert response.status == 200 and response.fields.elements("Connection") == ["close"]
    assert client.closed()
    assert legacy.last.path == "/next" and legacy.last.body == b"data"


def is_closed(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return False
    except ConnectionResetError:
        return False  # it was in the queue that went
    except ConnectionRefusedError:
        return True


def test_a_request_behind_an_answer_that_was_under_way_when_weir_ended(legacy, weir):
    running = weir(settings(legacy), workers=1)
    port = running.port
    with half_answered(port) as client:
        running.process.send_signal(signal.SIGTERM)
        wait_for("the listener's end", lambda: is_closed(port))
        assert_one_more_is_served(client, legacy)
    assert running.process.wait(timeout=20) == 0


def test_a_client_that_sends_no_more_does_not_keep_weir_from_its_end(legacy, weir):
    running = weir(settings(legacy), workers=1)
    port = running.port
    with half_answered(port) as client:
        running.process.send_signal(signal.SIGTERM)
        wait_for("the listener's end", lambda: is_closed(port))
        legacy.go.set()
        client.reader.until(b"rest")
        assert client.closed()
    assert running.process.wait(timeout=20) == 0


def test_a_request_behind_an_answer_that_was_under_way_when_its_listener_went(legacy, weir):
    running = weir(settings(legacy, rest=section("listen other", {"address": "127.0.0.2:0"})), workers=1)
    port = running.port_of("web")
    with half_answered(port) as client:
        running.reload(settings(legacy, listen={"address": "127.0.0.2:0"}))
        wait_for("the listener's end", lambda: is_closed(port))
        assert_one_more_is_served(client, legacy)


def test_a_request_behind_an_answer_that_was_under_way_when_max_requests_fell(legacy, weir):
    running = weir(settings(legacy), workers=1)
    with Client(running.port) as other:
        with half_answered(running.port) as client:
            running.reload(settings(legacy, listen={"max_requests": 1}))
            assert other.request().fields.elements("Connection") == ["close"]
            assert_one_more_is_served(client, legacy)
