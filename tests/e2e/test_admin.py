"""The admin side: status, metrics, commands, journal; and the commands without a daemon."""
import getpass
import json
import re
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from support.client import Client
from support.servers import free_port
from support.upstream import Reply
from support.weir import ROOT, run_weir, section, settings, wait_for

ARM_KEYS = {"upstream", "requests", "failures", "failures_by_kind", "p50_ms", "p99_ms", "status"}
ROUTE_KEYS = {"name", "release", "state", "stage", "stages", "stage_age_s", "weight_ppm", "weight",
              "verdict", "reason", "evidence", "latched", "arms", "path_classes", "budget"}


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def running(arms, weir):
    return weir(settings(*arms, stages="20% 1h, 50% 1h, 100%",
                         route={"path_class": "/orders/:id/items"}))


def send(running, target="/", count=1, prefix="user"):
    with Client(running.port) as client:
        return [client.request(target=target, fields={"X-User-Id": f"{prefix}-{n}"})
                for n in range(count)]


# The socket.


def test_the_socket_is_its_owners_alone(running):
    mode = running.socket.stat().st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600


def test_the_socket_is_gone_after_the_end(running):
    running.process.terminate()
    assert running.process.wait(timeout=20) == 0
    assert not running.socket.exists()


def test_a_socket_left_by_a_crash_is_taken_over(arms, weir):
    first = weir(settings(*arms), start=False)
    first.start()
    first.process.kill()
    first.process.wait()
    assert first.socket.exists()
    first.start()
    assert first.status()["workers"] == 2


def test_a_second_weir_on_the_same_socket_is_refused(running):
    done = run_weir("run", running.config, timeout=20)
    assert done.returncode == 1
    assert running.status()["workers"] == 2  # the first one still answers


def test_healthz_is_ok(running):
    response = running.admin("GET", "/healthz")
    assert (response.status, response.body.strip()) == (200, b"ok")


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("POST", "/status", 405), ("GET", "/reload", 405),
    ("POST", "/routes/nothing/pause", 404), ("POST", "/routes/shop/nothing", 404),
    ("GET", "/routes/shop/rollback", 405),
])
def test_what_the_admin_side_does_not_know_is_refused(running, method, path, status):
    assert running.admin(method, path).status == status


def test_admin_garbage_harms_no_one(running):
    for data in (b"\0\1\2\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000, b"GET /sta"):
        with Client(running.socket) as client:
            try:
                client.send(data)
                client.half_close()
                client.sock.recv(65536)
            except OSError:
                pass
    assert running.status()["workers"] == 2


# Status.


def test_the_status_tells_all_about_a_route(running):
    send(running, count=100)
    route = running.counted(100)
    assert {"version", "workers", "generation", "uptime_s", "routes"} <= running.status().keys()
    assert ROUTE_KEYS <= route.keys()
    assert (route["release"], route["state"], route["stages"]) == ("r1", "running", 3)
    assert (route["weight_ppm"], route["weight"]) == (200_000, "20%")
    assert route["evidence"]["threshold"] == 100
    assert 0 < route["evidence"]["e"] <= 1.5
    for name, upstream in (("legacy", "v1"), ("canary", "v2")):
        arm = route["arms"][name]
        assert ARM_KEYS <= arm.keys()
        assert (arm["upstream"], arm["failures"]) == (upstream, 0)
        assert 0 < arm["p50_ms"] <= arm["p99_ms"]
        assert arm["status"]["2xx"] == arm["requests"]
    assert sum(arm["requests"] for arm in route["arms"].values()) == 100


def test_a_route_without_a_canary_has_none_in_the_status(arms, weir):
    route = weir(settings(arms[0])).route()
    assert route["arms"]["canary"] is None
    assert route["arms"]["legacy"]["requests"] == 0


def test_path_classes_are_given_or_found(running):
    for target in ("/orders/77/items", "/orders/78/items?x=1", "/cart/12", "/cart/13",
                   "/u/0b8f8d64-7b44-4f8a-9c4e-1d5a3b0c9e11", "/b/9f86d081884c7d659a2feaa0c55ad015"):
        send(running, target)
    names = {c["name"] for c in running.counted(6)["path_classes"]}
    assert {"/orders/:id/items", "/cart/:id", "/u/:id", "/b/:id"} <= names
    assert not any("77" in n or "12" in n for n in names)


def test_path_classes_are_bounded(running):
    for n in range(200):
        send(running, "/page-" + "abcdefghijklmnopqrstuvwxyz"[n % 26] * (n // 26 + 1))
    classes = running.counted(200)["path_classes"]
    assert len(classes) <= 65
    assert "other" in {c["name"] for c in classes}
    requests = sum((c["arms"][a] or {}).get("requests", 0) for c in classes for a in c["arms"])
    assert requests == 200


def test_failures_are_told_by_kind(upstream, weir):
    legacy = upstream()
    for path, reply in (("/status", Reply(500)), ("/reset", Reply(cut=0)),
                        ("/malformed", Reply(raw=b"what\r\n\r\n")),
                        ("/truncated", Reply(body=b"x" * 100000, cut=50000))):
        legacy.on(path, reply)
    running = weir(settings(legacy))
    for path in ("/status", "/reset", "/malformed", "/truncated", "/fine"):
        with Client(running.port) as client:
            client.send(Client.format(target=path))
            while client.sock.recv(65536) and path == "/truncated":
                pass
    arm = running.counted(5)["arms"]["legacy"]
    kinds = {k: n for k, n in arm["failures_by_kind"].items() if n}
    assert kinds == {"status": 1, "reset": 1, "malformed": 1, "truncated": 1}
    assert (arm["requests"], arm["failures"]) == (5, 4)


def test_a_spent_budget_shows(arms, weir):
    arms[0].on("/bad", Reply(500))
    running = weir(settings(*arms, route={"weight": "0%", "error_budget": "1%"}))
    send(running, "/fine", 90)
    whole = running.counted(90)["budget"]["legacy"]
    assert whole["remaining"] == 1
    send(running, "/bad", 10)
    running.counted(100)
    budget = wait_for("a spent budget", lambda: (
        b := running.route()["budget"]["legacy"])["remaining"] < 0.5 and b)
    assert set(budget["burn"]) == {"5m", "30m", "1h", "6h"}
    assert budget["burn"]["5m"] > 5  # 10% fail where 1% may


def test_a_route_without_a_canary_has_a_budget_too(arms, weir):
    arms[0].on("/bad", Reply(500))
    running = weir(settings(arms[0], route={"error_budget": "1%"}))
    send(running, "/bad", 10)
    wait_for("a spent budget", lambda: running.route()["budget"]["legacy"]["remaining"] < 0.5)


# Metrics.


def test_metrics_are_valid(running):
    send(running, count=50)
    done = subprocess.run(["promtool", "check", "metrics"], input=running.metrics(), text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_metrics_count_what_was_asked(running):
    canary = sum(r.arm == "canary" for r in send(running, "/cart/7", 100))
    running.counted(100)
    text = running.metrics()
    for arm, count in (("legacy", 100 - canary), ("canary", canary)):
        samples = [line for line in text.splitlines()
                   if re.match(r'weir_requests_total\{(?=.*arm="%s")(?=.*route="shop")' % arm, line)]
        assert sum(float(s.rsplit(" ", 1)[1]) for s in samples) == count
        assert any('path_class="/cart/:id"' in s for s in samples)


def test_metrics_are_served_as_prometheus_asks(running):
    response = running.admin("GET", "/metrics")
    assert response.fields.get("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"


def test_the_admin_side_may_listen_on_loopback_tcp(arms, weir):
    port = free_port()
    running = weir(settings(*arms), weir={"admin_listen": f"127.0.0.1:{port}"})
    with Client(port) as client:
        assert client.request(target="/healthz").status == 200
        assert json.loads(client.request(target="/status").body)["routes"][0]["name"] == "shop"
        assert client.request(target="/metrics").status == 200
    for path in ("/routes/shop/rollback", "/reload"):
        with Client(port) as client:  # decisions need the socket
            assert client.request("POST", path, body=b"").status in (401, 403, 404, 405)
    assert running.route()["state"] != "rolled_back"


# Commands and journal.


def test_the_status_command_shows_the_route_to_a_person(running):
    send(running, count=20)
    text = running.cli("status").stdout
    assert "shop" in text and "20%" in text and "running" in text


@pytest.mark.parametrize("command, state", [
    ("pause", "paused"), ("rollback", "rolled_back"), ("promote", "running")])
def test_a_decision_of_a_person_is_in_the_journal(running, command, state):
    running.cli(command, "shop")
    row = running.journal()[-1]
    assert (row["action"], row["route"], row["release"]) == (command, "shop", "r1")
    assert row["who"] == f"user:{getpass.getuser()}"
    assert row["to"]["state"] == state
    assert row["from"] == {**row["from"], "state": "running", "weight_ppm": 200_000}
    assert row["reason"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"])
    assert {"requests", "failures"} <= row["counters"]["canary"].keys()
    assert {"e", "ln_e"} <= row["evidence"].keys()


def test_the_start_of_a_release_is_in_the_journal(running, arms):
    assert [r["action"] for r in running.journal()] == ["start"]
    running.reload(settings(*arms, stages="20% 1h, 100%", route={"release": "r2"}))
    starts = [r["release"] for r in running.journal() if r["action"] == "start"]
    assert starts == ["r1", "r2"]


@pytest.mark.parametrize("args", [
    ("promote", "nothing"), ("resume", "shop"), ("pause",), ("explode", "shop"),
    ("rollback", "shop", "extra")])
def test_a_command_that_makes_no_sense_is_refused_in_words(running, args):
    done = running.cli(*args, check=False)
    assert done.returncode != 0
    assert done.stderr.strip()
    assert [r["action"] for r in running.journal()] == ["start"]


def test_a_command_without_a_daemon_says_so(tmp_path):
    done = run_weir("status", "--socket", tmp_path / "none.sock")
    assert done.returncode != 0 and "none.sock" in done.stderr


@pytest.mark.skipif(Path("/run/weir/admin.sock").exists(), reason="a weir may run there")
def test_a_command_that_was_not_told_where_weir_is_says_how_to():
    done = run_weir("status")
    assert done.returncode == 3
    assert "no weir listens at /run/weir/admin.sock: No such file or directory" in done.stderr
    assert "--config FILE or --socket PATH" in done.stderr


def test_the_socket_may_be_found_by_the_configuration(running):
    done = run_weir("status", "--config", running.config)
    assert done.returncode == 0 and "shop" in done.stdout


# check, keys, run.


def check(tmp_path, text):
    file = tmp_path / "weir.ini"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return run_weir("check", file), file


GOOD = section("listen web", {"address": "127.0.0.1:8080"}) + section(
    "upstream v1", {"server": "127.0.0.1:8081"}) + section("route shop", {"legacy": "v1"})


def test_a_good_file_is_ok(tmp_path):
    done, _ = check(tmp_path, GOOD)
    assert (done.returncode, done.stdout.strip()) == (0, "ok")


def test_every_error_is_told_at_once_with_its_line(tmp_path):
    text = ("[listen web]\naddress = 127.0.0.1:8080\nhedaer_timeout = 10s\n"
            "[upstream v1]\nserver = 127.0.0.1:8081\nconnect_timeout = 10\n"
            "[route shop]\nlegacy = v1\ncanary = v3\nweight = 120%\n"
            "[route shop]\nlegacy = v1\n[routes x]\n")
    done, file = check(tmp_path, text)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 1
    for number, words in ((3, "header_timeout"), (6, "connect_timeout"), (9, "v3"), (10, "120%"),
                          (11, "shop"), (13, "routes")):
        assert [x for x in lines if x.startswith(f"{file}:{number}: ") and words in x], (number, lines)


@pytest.mark.parametrize("name, text", [
    ("a line that would be cut", GOOD.replace("legacy = v1", "legacy = v1\nhost = " + "a" * 300)),
    ("a section name that would be cut", GOOD + "[upstream " + "u" * 60 + "]\nserver = 127.0.0.1:1\n"),
    ("nothing", ""), ("binary", b"\x7fELF\0\0\0"), ("no listener", GOOD.partition("[upstream")[2]),
])
def test_a_file_is_refused_that_has(tmp_path, name, text):
    done, file = check(tmp_path, text)
    assert done.returncode == 1 and str(file) in done.stdout + done.stderr


def test_run_refuses_what_check_refuses(tmp_path):
    file = tmp_path / "weir.ini"
    file.write_text(GOOD.replace("legacy = v1", "legacy = v2"))
    checked, ran = run_weir("check", file), run_weir("run", file)
    assert ran.returncode == 1
    assert f"{file}:" in ran.stderr
    assert "v2" in ran.stderr and "v2" in checked.stdout + checked.stderr


def test_keys_prints_the_reference():
    text = run_weir("keys").stdout
    for key in ("header_timeout", "connect_timeout", "error_budget", "stages", "admin_socket"):
        assert key in text


@pytest.mark.parametrize("file", sorted(p.name for p in (ROOT / "conf").glob("*.ini")) or ["none"])
def test_the_samples_are_good(file):
    done = run_weir("check", ROOT / "conf" / file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_address_in_use_is_an_error_in_words(tmp_path):
    with socket.socket() as taken:  # without SO_REUSEPORT, as another program has it
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        file = tmp_path / "weir.ini"
        head = section("weir", {"state_dir": tmp_path, "admin_socket": tmp_path / "s"})
        file.write_text(head + GOOD.replace(":8080", f":{port}"))
        done = run_weir("run", file, timeout=20)
    assert done.returncode == 1 and str(port) in done.stderr


def test_without_arguments_it_tells_its_use():
    done = run_weir()
    assert done.returncode != 0 and "weir run" in done.stderr + done.stdout
