"""However few files may be open: whatever one sort of connection takes, there is some
left for the others, and for the operator."""
import os
import threading
from pathlib import Path

import pytest

from support.client import Client
from support.upstream import Reply
from support.weir import binary, section, settings, wait_for

LIMIT = 256
CLIENTS = 80  # with a server each, less than one worker may have of these


@pytest.fixture
def narrow(tmp_path, weir):
    """Starts a weir of one worker with few descriptors."""
    program = tmp_path / "weir"
    program.write_text(f'#!/bin/sh\nulimit -n {LIMIT}\nexec {Path(binary()).resolve()} "$@"\n')
    program.chmod(0o755)
    return lambda text: weir(text, workers=1, program=str(program))


def pipe_ends(weir):
    ends = 0
    for fd in Path(f"/proc/{weir.pid}/fd").iterdir():
        try:
            ends += os.readlink(fd).startswith("pipe:")
        except FileNotFoundError:
            pass  # closed meanwhile
    return ends


def test_slow_downloads_leave_descriptors_to_everyone_else(upstream, narrow):
    legacy = upstream("legacy")
    body = os.urandom(1 << 20) * 24
    legacy.on("/big", lambda _: Reply(body=body))
    running = narrow(settings(legacy))
    before = pipe_ends(running)
    slow = [Client(running.port, receive_buffer=4096) for _ in range(62)]
    for client in slow:
        client.send(Client.format(target="/big"))
    for client in slow:
        client.reader.until(b"\r\n\r\n")
    wait_for("pipes between the connections", lambda: pipe_ends(running) - before > 16)
    others = [Client(running.port) for _ in range(10)]
    assert [client.request().status for client in others] == [200] * 10
    assert running.status()["store"]["pending"] >= 0
    # Who found no pipe gets its bytes all the same.
    assert all(client.reader.fill(1 << 16) for client in slow)
    assert pipe_ends(running) - before <= LIMIT // 8
    assert "cannot accept" not in running.log
    for client in slow + others:
        client.close()


def test_idle_connections_to_servers_give_way(upstream, narrow):
    arms = [upstream(name) for name in ("one", "two", "three")]
    rest = "".join(section(f"upstream u{n}", {"server": arm.address, "max_idle": 1000}) +
                   section(f"route r{n}", {"path": f"/{n}", "legacy": f"u{n}"})
                   for n, arm in enumerate(arms))
    running = narrow(settings(arms[0], route={"path": "/none"}, rest=rest))
    for n, arm in enumerate(arms):
        go = threading.Event()
        arm.on(f"/{n}/wait", Reply(wait=go))
        clients = [Client(running.port) for _ in range(CLIENTS)]
        for client in clients:
            client.send(Client.format(target=f"/{n}/wait"))
        arm.wait_requests(CLIENTS)  # all at once
        go.set()
        assert [client.read().status for client in clients] == [200] * CLIENTS
        for client in clients:
            client.close()
    assert running.status()["store"]["pending"] >= 0
    assert "cannot accept" not in running.log
