"""Upgrade: a tunnel where both sides agree on it, and nowhere else (RFC 9110 7.8, 15.2.2)."""
import threading

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import settings, wait_for

ASKS = {"Connection": "Upgrade", "Upgrade": "x-raw"}
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x-raw\r\n\r\n"
NOISE = bytes(range(256)) * 4096  # 1 MiB


def tunnel(talk, first=b""):
    """Agrees, with the first bytes of the new protocol, and then talks."""

    def agrees(reader):
        reader.sock.sendall(SWITCH + first)
        talk(reader)

    return Reply(talk=agrees)


def echo(reader):
    """Sends back what comes, until its end."""
    reader.sock.sendall(reader.take(len(reader.buffer)))
    while reader.fill():
        reader.sock.sendall(reader.take(len(reader.buffer)))


def opened(port, fields=None, early=b""):
    client = Client(port)
    client.send(Client.format(target="/tunnel", fields=fields or ASKS) + early)
    return client


def test_7_8_an_upgrade_is_a_tunnel_for_bytes_of_any_kind(shop):
    shop.legacy.on("/tunnel", tunnel(echo))
    with opened(shop.port) as client:
        response = client.read()
        assert response.status == 101
        assert response.fields.elements("Connection") == ["Upgrade"]
        assert response.fields.get("Upgrade") == "x-raw"
        for data in (b"\0", b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", NOISE[:70000]):
            client.send(data)
            while len(client.reader.buffer) < len(data):
                assert client.reader.fill()
            assert client.reader.take(len(data)) == data
    seen = shop.legacy.wait_requests(1)[0]
    assert seen.fields.get("Upgrade") == "x-raw"
    assert seen.fields.elements("Connection") == ["Upgrade"]
    assert len(shop.legacy.requests) == 1  # what looked like a request was none
    shop.legacy.wait_open(0)


def test_7_8_much_passes_both_ways_at_once(shop):
    shop.legacy.on("/tunnel", tunnel(echo))
    with opened(shop.port) as client:
        client.read()

        def sends():
            for _ in range(16):
                client.send(NOISE)
            client.half_close()

        sender = threading.Thread(target=sends)
        sender.start()
        got = bytearray()
        while client.reader.fill():
            got += client.reader.take(len(client.reader.buffer))
        sender.join()
    assert got == NOISE * 16


def test_15_2_2_bytes_that_come_with_the_101_arrive(shop):
    shop.legacy.on("/tunnel", tunnel(echo, first=b"hello from the server"))
    with opened(shop.port) as client:
        assert client.read().status == 101
        client.reader.until(b"hello from the server")


def test_7_8_bytes_that_the_client_sent_early_arrive_behind_the_101(shop):
    shop.legacy.on("/tunnel", tunnel(echo))
    with opened(shop.port, early=b"early bytes!") as client:
        assert client.read().status == 101
        client.reader.until(b"early bytes!")
        client.send(b"later")
        client.reader.until(b"later")


def test_7_8_bytes_that_the_client_sent_early_are_a_request_where_there_is_no_101(shop):
    with opened(shop.port, early=Client.format(target="/next")) as client:
        assert client.read().body == b"legacy /tunnel\n"
        assert client.read().body == b"legacy /next\n"


def test_7_8_a_client_that_closed_its_half_hears_the_server_out(shop):
    def answers_at_the_end(reader):
        while reader.fill():
            pass
        reader.sock.sendall(b"got " + reader.take(len(reader.buffer)))

    shop.legacy.on("/tunnel", tunnel(answers_at_the_end))
    with opened(shop.port) as client:
        client.read()
        client.send(b"all of it")
        client.half_close()
        client.reader.until(b"got all of it")
        assert client.closed()
    shop.legacy.wait_open(0)


def test_7_8_a_server_that_closed_its_half_hears_the_client_out(shop):
    heard = []

    def closes_first(reader):
        reader.sock.shutdown(1)  # SHUT_WR
        while reader.fill():
            pass
        heard.append(reader.take(len(reader.buffer)))

    shop.legacy.on("/tunnel", tunnel(closes_first, first=b"bye"))
    with opened(shop.port) as client:
        client.read()
        client.reader.until(b"bye")
        assert not client.reader.fill()
        client.send(b"one more thing")
        client.half_close()
        shop.legacy.wait_open(0)
    assert heard == [b"one more thing"]


def test_7_8_the_end_of_one_side_ends_the_other(shop):
    for ending in ("client", "server"):
        go = threading.Event()
        shop.legacy.on("/tunnel", tunnel(echo if ending == "client" else lambda _, go=go: go.wait(20)))
        with opened(shop.port) as client:
            client.read()
            if ending == "client":
                client.close()
            else:
                go.set()
                assert client.closed()
        shop.legacy.wait_open(0)


def test_7_8_a_reset_of_the_server_ends_the_client(shop):
    go = threading.Event()
    reply = tunnel(lambda _: go.wait(20))
    reply.reset = True
    shop.legacy.on("/tunnel", reply)
    with opened(shop.port) as client:
        client.read()
        go.set()
        assert client.closed()


def test_7_8_a_tunnel_where_no_one_speaks_ends_after_its_time(upstream, weir):
    legacy = upstream("legacy")
    legacy.on("/tunnel", tunnel(echo))
    running = weir(settings(legacy, upstream={"tunnel_timeout": "300ms", "body_timeout": "50ms"},
                            listen={"body_timeout": "50ms", "keepalive_timeout": "50ms"}))
    with opened(running.port) as client:
        assert client.read().status == 101
        client.send(b"x")
        client.reader.until(b"x")
        assert client.closed()
    legacy.wait_open(0)


def test_7_8_a_tunnel_outlives_the_times_of_requests(upstream, weir):
    legacy, go = upstream("legacy"), threading.Event()

    def late(reader):
        go.wait(20)
        reader.sock.sendall(b"late")

    legacy.on("/tunnel", tunnel(late))
    running = weir(settings(legacy, upstream={"response_timeout": "50ms", "body_timeout": "50ms"},
                            listen={"body_timeout": "50ms", "header_timeout": "50ms", "keepalive_timeout": "50ms"}))
    with opened(running.port) as client, Client(running.port) as idle:
        client.read()
        idle.request()
        assert idle.closed()  # so at least 50 ms have gone by
        go.set()
        client.reader.until(b"late")


@pytest.mark.parametrize("status", [200, 403, 404, 426, 500])
def test_7_8_a_server_that_does_not_agree_answers_as_usual(shop, status):
    shop.legacy.on("/tunnel", Reply(status, body=b"not here", fields=(("Upgrade", "y-raw"),)))
    with opened(shop.port) as client:
        response = client.read()
        assert (response.status, response.body) == (status, b"not here")
        assert client.request(target="/next").body == b"legacy /next\n"


def test_7_8_interim_responses_may_come_before_the_101(shop):
    shop.legacy.on("/tunnel", Reply(interim=(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",),
                                    talk=tunnel(echo).talk))
    with opened(shop.port) as client:
        response = client.read()
        assert (response.status, [i.status for i in response.interim]) == (101, [103])
        client.send(b"hello")
        client.reader.until(b"hello")


NOT_PASSED = {
    "h2c": {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABk"},
    "h2c in capitals": {"Connection": "upgrade", "Upgrade": "H2C"},
    "h2c behind another": {"Connection": "upgrade", "Upgrade": "websocket, h2c"},
    "a version of HTTP": {"Connection": "upgrade", "Upgrade": "HTTP/2.0"},
    "TLS": {"Connection": "upgrade", "Upgrade": "TLS/1.2"},
    "no option in Connection": {"Upgrade": "x-raw"},
    "another option in Connection": {"Connection": "x-raw", "Upgrade": "x-raw"},
    "no protocol": {"Connection": "upgrade"},
}


@pytest.mark.parametrize("name", NOT_PASSED)
def test_7_8_an_upgrade_is_not_passed_on_with(send, name):
    seen, response = send(NOT_PASSED[name])
    assert response.status == 200
    assert not seen.fields.all("Upgrade") and not seen.fields.all("HTTP2-Settings")
    assert "upgrade" not in [e.lower() for e in seen.fields.elements("Connection")]


def test_7_8_an_upgrade_of_http_1_0_is_ignored(send):
    seen, response = send(ASKS, version="1.0")
    assert response.status == 200 and not seen.fields.all("Upgrade")


def test_7_8_an_upgrade_behind_a_body_is_ignored(send):
    """The 101 could come before the body's end, and then no one knows whose bytes follow."""
    seen, response = send(ASKS, method="POST", body=b"data")
    assert response.status == 200 and not seen.fields.all("Upgrade")
    assert seen.body == b"data"


UNASKED = {
    "no upgrade was asked for": ({}, SWITCH),
    "an upgrade that was not passed on": (NOT_PASSED["h2c"], SWITCH),
    "no protocol is named": (ASKS, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"),
    "another protocol than asked for": (ASKS, SWITCH.replace(b"x-raw", b"y-raw")),
    "h2c instead": (ASKS, SWITCH.replace(b"x-raw", b"h2c")),
}


@pytest.mark.parametrize("name", UNASKED)
def test_7_8_a_101_is_502_where(shop, name):
    fields, answer = UNASKED[name]
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    shop.legacy.on("/tunnel", Reply(raw=answer + evil))
    with Client(shop.port) as client:
        assert client.request(target="/tunnel", fields=fields).status == 502
        assert client.request(target="/next").body == b"legacy /next\n"


def test_7_8_a_tunnel_counts_as_one_request_of_its_arm(upstream, weir):
    legacy, canary = upstream("legacy"), upstream("canary")
    for one in (legacy, canary):
        one.on("/tunnel", tunnel(echo))
    running = weir(settings(legacy, canary, route={"weight": "100%"}))
    with opened(running.port, {**ASKS, "X-User-Id": "user-1"}) as client:
        assert client.read().status == 101
        wait_for("the tunnel to be counted", lambda: running.route()["arms"]["canary"]["requests"] == 1)
    canary.wait_open(0)
    arms = running.counted(1)["arms"]
    assert (arms["canary"]["requests"], arms["legacy"]["requests"]) == (1, 0)
    assert len(canary.requests) == 1


def test_7_8_a_tunnel_survives_a_reload(upstream, weir):
    legacy, other = upstream("legacy"), upstream("other")
    legacy.on("/tunnel", tunnel(echo))
    running = weir(settings(legacy))
    with opened(running.port) as client:
        client.read()
        running.reload(settings(other))
        with Client(running.port) as after:
            assert after.request().arm == "other"
        client.send(b"still here")
        client.reader.until(b"still here")


def test_7_8_a_stale_connection_is_replaced_under_an_upgrade(one_worker):
    one_worker.legacy.on("/tunnel", tunnel(echo))
    one_worker.legacy.on(lambda r: r.nth > 1, Reply(cut=0))
    with Client(one_worker.port) as client:
        client.request(target="/first")
    with opened(one_worker.port, early=b"early") as client:
        assert client.read().status == 101
        client.reader.until(b"early")
    assert [r.connection for r in one_worker.legacy.requests] == [1, 1, 2]


def test_7_8_a_tunnel_holds_up_the_end_of_weir_no_longer_than_it_is_told(upstream, weir):
    legacy = upstream("legacy")
    legacy.on("/tunnel", tunnel(echo))
    running = weir(settings(legacy), weir={"shutdown_timeout": "200ms"})
    with opened(running.port) as client:
        client.read()
        running.process.terminate()
        assert client.closed()
        assert running.process.wait(timeout=20) == 0


def test_7_8_an_answer_101_has_the_cookie_and_the_fields_of_the_route(upstream, weir):
    """A user whose first request opens a tunnel comes back to the same arm, too."""
    legacy, canary = upstream("legacy"), upstream("canary")
    for arm in (legacy, canary):
        arm.on("/tunnel", tunnel(echo))
    running = weir(settings(legacy, canary, route={
        "sticky": "issue:who", "response_header_set": "X-Route: ${route}"}))
    with opened(running.port) as client:
        response = client.read()
    assert response.status == 101
    assert response.fields.get("Set-Cookie").startswith("who=")
    assert response.fields.get("X-Route") == "shop"
