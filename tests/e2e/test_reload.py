"""A reload is whole or nothing, and costs no request."""
import re
import signal
import threading

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.upstream import Reply
from support.weir import section, settings, wait_for


@pytest.fixture
def blue_green(upstream):
    return upstream("blue"), upstream("green")


def test_editing_the_arm_and_reloading_cuts_over_without_a_failed_request(blue_green, weir):
    blue, green = blue_green
    running = weir(settings(blue))
    with Load(running.port, users=50, rate=400, paths=["/", "/cart"], max_seconds=60) as load:
        assert {r.arm for r in load.wait(200)} == {"blue"}
        for turn in range(10):
            now = blue_green[(turn + 1) % 2]
            running.reload(settings(now))
            load.wait(32)  # what was under way on 16 connections, and more
            assert {r.arm for r in load.wait(60)} == {now.arm}
    assert [r for r in load.results if r.status != 200] == []
    assert not blue.errors and not green.errors


def test_swapping_legacy_and_canary_cuts_over_too(blue_green, weir):
    blue, green = blue_green
    running = weir(settings(blue, green, route={"weight": "0%"}))
    with Load(running.port, users=50, rate=400, paths=["/"], max_seconds=30) as load:
        load.wait(100)
        running.reload(settings(green, blue, route={"weight": "0%"}))
        load.wait(32)
        assert {r.arm for r in load.wait(100)} == {"green"}
    assert [r for r in load.results if r.status != 200] == []


def test_a_request_under_way_finishes_where_it_started(blue_green, weir):
    blue, green = blue_green
    go = threading.Event()
    blue.on("/slow", Reply(framing="chunked", pieces=(b"one", go, b"two")))
    running = weir(settings(blue))
    with Client(running.port) as client:
        client.send(Client.format(target="/slow"))
        client.reader.until(b"one")
        running.reload(settings(green))
        with Client(running.port) as other:
            assert other.request().arm == "green"
        go.set()
        client.reader.until(b"two\r\n0\r\n\r\n")
        assert client.request().arm == "green"  # the same connection, the new upstream


def test_a_connection_that_was_open_before_takes_the_new_routes(blue_green, weir):
    blue, green = blue_green
    running = weir(settings(blue))
    with Client(running.port) as client:
        assert client.request().arm == "blue"
        running.reload(settings(green))
        assert client.request().arm == "green"


def test_hangup_reloads_too(blue_green, weir):
    blue, green = blue_green
    running = weir(settings(blue))
    running.write(settings(green))
    running.process.send_signal(signal.SIGHUP)
    with Client(running.port) as client:
        wait_for("the new upstream", lambda: client.request().arm == "green")


BAD = {
    "an unknown key": (lambda text: text.replace("path = /", "path = /\nstickyy = address"),
                       r"unknown key 'stickyy'.*'sticky'"),
    "a dangling reference": (lambda text: text.replace("legacy = v1", "legacy = v9"), r"v9"),
    "a weight over 100%": (lambda text: text.replace("path = /", "path = /\nweight = 101%"), r"101%"),
    "no route": (lambda text: text.partition("[route shop]")[0], r"route"),
    "garbage": (lambda text: text + "\n\0what\n", r"weir\.ini:\d+:"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_changes_nothing_and_says_why(blue_green, weir, name):
    blue, green = blue_green
    spoil, reason = BAD[name]
    running = weir(settings(blue, green, route={"weight": "0%"}))
    generation = running.status()["generation"]
    running.write(spoil(settings(green, blue, route={"weight": "0%"}).replace("weight = 0%\n", "")))
    done = running.cli("reload", check=False)
    assert done.returncode == 1
    assert re.search(reason, done.stderr + done.stdout), done
    assert running.status()["generation"] == generation
    with Client(running.port) as client:
        assert client.request().arm == "blue"


def test_a_file_that_is_gone_changes_nothing(blue_green, weir):
    running = weir(settings(blue_green[0]))
    running.config.unlink()
    assert running.cli("reload", check=False).returncode == 1
    with Client(running.port) as client:
        assert client.request().arm == "blue"


def test_a_bad_file_at_hangup_is_said_in_the_log(blue_green, weir):
    running = weir(settings(blue_green[0]))
    lines = len(running.lines)
    running.write("[weir\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_line(r"weir\.ini:\d+", since=lines)
    with Client(running.port) as client:
        assert client.request().arm == "blue"


def test_a_key_that_needs_a_restart_is_refused_by_name(blue_green, weir):
    running = weir(settings(blue_green[0]), workers=1)
    running.config.write_text(running.config.read_text().replace("workers = 1", "workers = 2"))
    done = running.cli("reload", check=False)
    assert done.returncode == 1 and "workers" in done.stderr + done.stdout


def test_counters_survive(blue_green, weir):
    running = weir(settings(*blue_green, route={"weight": "50%"}))
    with Client(running.port) as client:
        for n in range(40):
            client.request(fields={"X-User-Id": f"user-{n}"})
    before = counts(running.counted(40))
    running.reload(settings(*blue_green, route={"weight": "50%", "error_budget": "1%"}))
    assert counts(running.route()) == before


def counts(route):
    return {name: arm["requests"] for name, arm in route["arms"].items()}


def test_a_new_route_serves_and_a_removed_one_is_404(blue_green, weir):
    more = section("route cart", {"path": "/cart", "legacy": "v1"})
    running = weir(settings(blue_green[0], route={"path": "/api"}))
    with Client(running.port) as client:
        assert client.request(target="/cart").status == 404
        running.reload(settings(blue_green[0], route={"path": "/api"}, rest=more))
        assert client.request(target="/cart").status == 200
        running.reload(settings(blue_green[0], route={"path": "/api"}))
        assert client.request(target="/cart").status == 404


def test_connections_to_an_upstream_that_stays_are_kept(blue_green, weir):
    running = weir(settings(blue_green[0]), workers=1)
    with Client(running.port) as client:
        client.request()
        running.reload()
        client.request()
    assert blue_green[0].connections == 1


def test_many_reloads_leave_nothing_behind(blue_green, weir):
    running = weir(settings(*blue_green, route={"weight": "50%"}))
    for n in range(50):
        running.reload(settings(*blue_green, route={"weight": f"{n}%"}))
    with Client(running.port) as client:
        assert client.request().status == 200
    # The fixture asserts that nothing leaked.


def test_an_end_lets_requests_under_way_finish(blue_green, weir):
    go = threading.Event()
    blue_green[0].on("/slow", Reply(body=b"done", wait=go))
    running = weir(settings(blue_green[0]))
    with Client(running.port) as client:
        client.send(Client.format(target="/slow"))
        blue_green[0].wait_requests(1)
        lines = len(running.lines)
        running.process.send_signal(signal.SIGTERM)
        wait_for("a word about it", lambda: len(running.lines) > lines)
        go.set()
        assert client.read().body == b"done"
    assert running.process.wait(timeout=20) == 0
