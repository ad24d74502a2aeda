"""A real WebSocket client and server, npm's ws: what they say to each other through weir
is what they say without it."""
import json
import os
import shutil
import subprocess

import pytest

from support.client import Client
from support.weir import ROOT, is_sanitized, settings, wait_for

HERE = ROOT / "tests/e2e/websocket"
MODULES = ROOT / "build/websocket/node_modules"
CONNECTIONS = 500


def node(script, *args, **options):
    if not (MODULES / "ws").exists():
        pytest.skip("npm could not fetch ws: see scripts/setup test")
    env = dict(os.environ, NODE_PATH=str(MODULES))
    return subprocess.Popen([shutil.which("node"), str(HERE / script), *map(str, args)], env=env,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)


@pytest.fixture(scope="module")
def server():
    process = node("server.js")
    yield int(process.stdout.readline())
    process.terminate()
    process.wait(timeout=20)


def transcript(port, connections=CONNECTIONS):
    """What each connection saw, in its order."""
    process = node("client.js", port, connections)
    try:
        out, _ = process.communicate(timeout=90)
    finally:
        process.kill()
    assert process.returncode == 0
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def direct(server):
    return transcript(server)


def test_what_is_said_directly_is_what_is_meant_to_be_said(direct):
    """Else two transcripts would be equal for having nothing in them."""
    assert len(direct) == CONNECTIONS
    kinds = {event[0] for seen in direct for event in seen}
    assert kinds == {"upgrade", "text", "binary", "ping", "pong", "close"}
    assert all(len(seen) > 20 and seen[0][:2] == ["upgrade", 101] for seen in direct)
    closes = {seen[-1][1] for seen in direct}
    assert closes == {1000, 1001, 1006, 1008, 1011, 3000, 4999}


def test_500_connections_say_through_weir_what_they_say_directly(server, direct, weir):
    running = weir(settings(f"127.0.0.1:{server}"), workers=2)
    through = transcript(running.port)
    for n, (seen, expected) in enumerate(zip(through, direct)):
        assert seen == expected, f"connection {n}"
    assert len(through) == len(direct)
    running.counted(CONNECTIONS)


def test_both_arms_take_their_share_of_connections(server, weir):
    running = weir(settings(f"127.0.0.1:{server}", f"127.0.0.1:{server}",
                            route={"weight": "50%", "sticky": "header:X-Case"}), workers=1)
    assert transcript(running.port, 100) == transcript(server, 100)
    arms = running.counted(100)["arms"]
    assert min(arm["requests"] for arm in arms.values()) > 25


def test_a_page_of_the_same_server_is_served_as_usual(server, weir):
    running = weir(settings(f"127.0.0.1:{server}"))
    with Client(running.port) as client:
        for _ in range(3):
            assert client.request().body == b"no WebSocket"


def test_nothing_is_left_of_the_connections(server, weir):
    running = weir(settings(f"127.0.0.1:{server}"), workers=1)
    transcript(running.port, 50)  # what stays, stays from here on
    counted = lambda: len(os.listdir(f"/proc/{running.pid}/fd"))
    wait_for("the first connections to be closed", lambda: counted() < 40)
    before = counted()
    transcript(running.port, 200)
    wait_for("the descriptors to be back at their level", lambda: counted() <= before)
    if not is_sanitized(running.program):
        assert running.memory_kib("RssAnon") < 64 << 10
