"""Connections are kept and used again on both sides, and never at a request's cost
(RFC 9112 9)."""
import threading

from support.client import Client
from support.upstream import Reply
from support.weir import settings


def test_a_connection_serves_many_requests_on_both_sides(one_worker):
    with Client(one_worker.port) as client:
        for n in range(50):
            assert client.request(target=f"/{n}").body == f"legacy /{n}\n".encode()
    assert one_worker.legacy.connections == 1


def test_an_upstream_connection_is_used_for_the_next_client_too(one_worker):
    for _ in range(5):
        with Client(one_worker.port) as client:
            assert client.request().status == 200
    assert one_worker.legacy.connections == 1


def test_requests_at_the_same_time_have_connections_of_their_own(one_worker):
    clients = [Client(one_worker.port) for _ in range(5)]
    hold = threading.Event()
    one_worker.legacy.on("/wait", Reply(wait=hold))
    for client in clients:
        client.send(Client.format(target="/wait"))
    one_worker.legacy.wait_requests(5)
    assert one_worker.legacy.connections == 5
    hold.set()
    for client in clients:
        assert client.read().status == 200
        client.close()


def test_no_more_idle_connections_are_kept_than_configured(upstream, weir):
    legacy = upstream("legacy")
    hold = threading.Event()
    legacy.on("/wait", Reply(wait=hold))
    running = weir(settings(legacy, upstream={"max_idle": 2}), workers=1)
    clients = [Client(running.port) for _ in range(5)]
    for client in clients:
        client.send(Client.format(target="/wait"))
    legacy.wait_requests(5)
    hold.set()
    for client in clients:
        client.read()
        client.close()
    legacy.wait_open(2)


def test_an_idle_upstream_connection_ends_after_its_time(upstream, weir):
    legacy = upstream("legacy")
    running = weir(settings(legacy, upstream={"keepalive_timeout": "200ms"}), workers=1)
    with Client(running.port) as client:
        client.request()
        legacy.wait_open(0)
        assert client.request().status == 200
    assert legacy.connections == 2


def test_an_idle_client_is_closed_after_its_time(upstream, weir):
    running = weir(settings(upstream("legacy"), listen={"keepalive_timeout": "200ms"}))
    with Client(running.port) as client:
        client.request()
        assert client.closed()


def test_a_connection_serves_as_many_requests_as_configured(upstream, weir):
    running = weir(settings(upstream("legacy"), listen={"max_requests": 3}))
    with Client(running.port) as client:
        responses = [client.request() for _ in range(3)]
        assert [r.status for r in responses] == [200] * 3
        assert responses[-1].fields.elements("Connection") == ["close"]
        assert client.closed()


def test_every_worker_serves(upstream, weir):
    running = weir(settings(upstream("legacy")), workers=2)
    clients = [Client(running.port) for _ in range(32)]
    assert all(c.request().status == 200 for c in clients)
    for client in clients:
        client.close()


def test_servers_of_an_upstream_share_the_requests(upstream, weir):
    a, b = upstream("a"), upstream("b")
    running = weir(settings([a, b]), workers=1)
    with Client(running.port) as client:
        for _ in range(40):
            assert client.request().status == 200
    assert min(len(a.requests), len(b.requests)) >= 10


def test_a_client_that_goes_away_leaves_nothing_behind(one_worker):
    hold = threading.Event()
    one_worker.legacy.on("/slow", Reply(wait=hold))
    client = Client(one_worker.port)
    client.send(Client.format(target="/slow"))
    one_worker.legacy.wait_requests(1)
    client.close()
    hold.set()
    with Client(one_worker.port) as client:
        assert client.request().body == b"legacy /\n"
