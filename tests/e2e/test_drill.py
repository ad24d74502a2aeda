"""Rehearsals of a rollback: what they report, and that nobody else notices."""
import json
import signal
import subprocess

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.weir import binary, settings, wait_for

KEY = b"0123456789abcdef0123456789abcdef-of-the-tests"


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "token.key"
    file.write_bytes(KEY)
    file.chmod(0o600)
    return file


def load(running):
    return Load(running.port, users=100, rate=300, paths=["/"], max_seconds=40,
                host="shop.example.com")


def drill(running, *options, check=True):
    done = running.cli("drill", "shop", *options, check=False)
    assert not check or done.returncode == 0, done.stderr + done.stdout
    return done


def as_json(running, *options, passes=True):
    done = drill(running, *options, "--json", check=False)
    assert (done.returncode == 0) == passes, done.stderr + done.stdout
    return json.loads(done.stdout)


def begin(running, query="fail_ppm=200000"):
    return running.admin("POST", f"/routes/shop/drill?{query}")


# On live counters.


def test_a_drill_says_when_the_release_would_have_been_rolled_back(arms, weir):
    running = weir(settings(*arms))
    with load(running):
        found = as_json(running, "--fail", "20%")
    assert (found["state"], found["verdict"], found["live"]) == ("passed", "ROLL_BACK", False)
    assert 3 <= found["simulated"] == found["failures"] <= 60
    assert found["requests"] > found["failures"]
    assert 0 < found["lasted_s"] < 20
    assert found["evidence"]["e"] >= found["evidence"]["threshold"]
    assert 1 <= found["least_failures"] <= 20
    assert found["users"]["canary"]["failures"] == 0
    assert f"failed {found['simulated']}" in found["text"]


def test_no_user_and_no_decision_feels_a_drill(arms, weir):
    running = weir(settings(*arms))
    before = running.route(), running.journal()
    with load(running) as traffic:
        drill(running, "--fail", "100%")
        traffic.wait(200)
    after = running.route(), running.journal()
    assert {r.status for r in traffic.results} == {200}
    for member in ("state", "weight_ppm", "verdict", "latched", "held", "release"):
        assert after[0][member] == before[0][member], member
    assert after[0]["cost"]["failures"] == 0
    assert after[1] == before[1]


def test_a_drill_is_reported_in_words(arms, weir):
    running = weir(settings(*arms))
    with load(running):
        done = drill(running, "--fail", "50%")
    assert "would have been rolled back after" in done.stdout
    assert "Users would have seen" in done.stdout


def test_too_little_traffic_is_said_to_be_that(arms, weir):
    running = weir(settings(*arms))
    with Client(running.port) as client:
        client.request()
    done = drill(running, "--fail", "20%", "--for", "1s", check=False)
    assert done.returncode == 1
    assert "0 canary requests" in done.stdout
    assert "Too little traffic" in " ".join(done.stdout.split())


def test_failures_that_do_not_matter_roll_nothing_back(arms, weir):
    running = weir(settings(*arms, route={"error_budget": "50%"}))
    with load(running):
        found = as_json(running, "--fail", "1%", "--for", "1s", passes=False)
    assert (found["state"], found["verdict"]) == ("failed", "CONTINUE")
    assert found["lasted_s"] >= 1


def test_a_drill_is_over_with_the_reload(arms, weir):
    running = weir(settings(*arms))
    assert begin(running).status == 200
    running.reload()
    found = json.loads(running.admin("GET", "/routes/shop/drill").body)
    assert found["state"] == "stopped"
    assert "reloaded" in found["text"]


def test_a_drill_is_over_with_the_release(arms, weir):
    running = weir(settings(*arms))
    assert begin(running).status == 200
    running.cli("rollback", "shop")

    def ended():
        found = json.loads(running.admin("GET", "/routes/shop/drill").body)
        return found if found["state"] != "running" else None

    assert "the release itself was rolled back" in wait_for("its end", ended)["text"]


def test_an_interrupted_drill_is_stopped(arms, weir):
    running = weir(settings(*arms))
    command = subprocess.Popen([binary(), "drill", "shop", "--fail", "5%", "--for", "1h",
                                "--socket", running.socket], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    wait_for("the begin", lambda: running.admin("GET", "/routes/shop/drill").status == 200)
    command.send_signal(signal.SIGINT)
    out, errors = command.communicate(timeout=20)
    assert command.returncode == 1, errors
    assert "stopped" in out
    found = json.loads(running.admin("GET", "/routes/shop/drill").body)
    assert (found["state"], found["for_s"]) == ("stopped", 3600)


# What cannot be rehearsed.


def test_there_is_one_drill_at_a_time(arms, weir):
    running = weir(settings(*arms))
    assert begin(running).status == 200
    refused = begin(running)
    assert refused.status == 409
    assert "under way" in json.loads(refused.body)["error"]
    assert running.admin("DELETE", "/routes/shop/drill").status == 200
    assert running.admin("DELETE", "/routes/shop/drill").status == 409
    assert begin(running).status == 200


def test_what_cannot_be_rehearsed_is_refused_in_words(upstream, arms, weir):
    rows = [(settings(upstream()), "has no canary", []),
            (settings(*arms, route={"weight": "0%"}), "weight 0", []),
            (settings(*arms), "rolled back already", ["rollback"]),
            (settings(*arms), "token_key_file", ["--live"])]
    for text, words, extra in rows:
        running = weir(text)
        if extra == ["rollback"]:
            running.cli("rollback", "shop")
        done = drill(running, "--fail", "5%", *(o for o in extra if o.startswith("-")),
                     check=False)
        assert (words, done.returncode) == (words, 1)
        assert words in done.stderr


def test_a_drill_that_makes_no_sense_is_no_drill(arms, weir):
    running = weir(settings(*arms))
    for options in [(), ("--fail", "0%"), ("--fail", "101%"), ("--fail", "5"),
                    ("--fail", "5%", "--for", "25h"), ("--fail", "5%", "--path", "/x")]:
        assert (options, drill(running, *options, check=False).returncode) == (options, 2)
    for query in ["", "fail_ppm=0", "fail_ppm=1000001", "fail_ppm=1&for_ms=999",
                  "fail_ppm=1&live=2"]:
        assert (query, begin(running, query).status) == (query, 400)
    assert running.admin("GET", "/routes/shop/drill").status == 404


def test_over_tcp_a_drill_is_only_to_be_read(arms, weir):
    running = weir(settings(*arms), weir={"admin_listen": "127.0.0.1:0"})
    port = int(running.wait_line(r"admin address=\S+:(\d+)")[1])
    assert begin(running).status == 200
    with Client(port) as client:
        assert client.request("GET", "/routes/shop/drill").status == 200
    for method in ("POST", "DELETE"):
        with Client(port) as client:
            assert client.request(method, "/routes/shop/drill?fail_ppm=1", body=b"").status == 404


# Live: the data plane fails synthetic requests.


@pytest.fixture
def live(arms, weir, key_file):
    return weir(settings(*arms, route={"host": "*.example.com"}),
                weir={"token_key_file": key_file})


def test_a_live_drill_goes_all_the_way_through_weir(live, arms):
    found = as_json(live, "--fail", "50%", "--live", "--for", "20s")
    assert (found["state"], found["verdict"], found["live"]) == ("passed", "ROLL_BACK", True)
    synthetic = found["synthetic"]
    assert synthetic["canary"]["failures"] == found["failures"] >= 3
    assert synthetic["legacy"]["requests"] > 0 == synthetic["legacy"]["failures"]
    assert arms[1].last.fields.get("Weir-Token") is None


def test_a_live_drill_touches_synthetic_requests_alone(live):
    before = live.journal()
    with load(live) as traffic:
        drill(live, "--fail", "100%", "--live")
        traffic.wait(200)
    assert {r.status for r in traffic.results} == {200}
    route = live.route()
    assert (route["state"], route["weight_ppm"], route["verdict"]) == (
        "fixed", 200_000, "CONTINUE")
    assert route["cost"]["failures"] == 0
    assert live.journal() == before


def synthetic_status(running, token):
    with Client(running.port) as client:
        return client.request(fields={"Weir-Token": token}).status


def begin_live(running):
    answer = begin(running, "fail_ppm=1000000&live=1&for_ms=1000")
    assert answer.status == 200
    return json.loads(answer.body)["traffic"]["tokens"]["canary"]


def test_what_a_live_drill_switched_on_goes_off_with_its_time(live):
    token = begin_live(live)
    assert synthetic_status(live, token) == 503
    wait_for("the end", lambda: synthetic_status(live, token) == 200)


def test_what_a_live_drill_switched_on_goes_off_with_a_reload(live):
    answer = begin(live, "fail_ppm=1000000&live=1&for_ms=60000")
    token = json.loads(answer.body)["traffic"]["tokens"]["canary"]
    assert synthetic_status(live, token) == 503
    live.reload()
    assert synthetic_status(live, token) == 200


def test_a_live_drill_that_nobody_asks_for_goes_off(live):
    answer = begin(live, "fail_ppm=1000000&live=1&for_ms=60000")
    token = json.loads(answer.body)["traffic"]["tokens"]["canary"]
    assert synthetic_status(live, token) == 503
    wait_for("the end", lambda: synthetic_status(live, token) == 200, timeout=15)


def test_a_live_drill_says_that_its_requests_go_elsewhere(live):
    done = drill(live, "--fail", "50%", "--live", "--for", "1s", "--header", "Host: elsewhere",
                 check=False)
    assert done.returncode == 1
    assert "none of them by this route" in done.stderr


# As the condition of a first stage.


def waiting(arms, **rollout):
    return settings(*arms, stages="20% 1h, 100%", rollout={"require_drill": "7d", **rollout})


def test_a_release_waits_for_a_drill_that_passes(arms, weir):
    running = weir(waiting(arms))
    assert (running.route()["state"], running.route()["weight_ppm"]) == ("waiting", 0)
    drill(running, "--fail", "20%", "--for", "1s", check=False)
    assert running.route()["state"] == "waiting"
    with load(running):
        found = as_json(running, "--fail", "20%")
    assert (found["state"], found["stands_in"], found["weight_ppm"]) == ("passed", True, 200_000)
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("running", 200_000)
    row = running.journal()[-1]
    assert (row["action"], row["from"]["weight_ppm"], row["to"]["weight_ppm"]) == (
        "drill", 0, 200_000)


def test_a_live_drill_serves_for_a_first_stage_too(arms, weir, key_file):
    running = weir(waiting(arms), weir={"token_key_file": key_file})
    found = as_json(running, "--fail", "50%", "--live")
    assert (found["state"], found["stands_in"]) == ("passed", True)
    assert running.route()["state"] == "running"


def test_a_drill_that_passed_is_remembered_over_a_restart(arms, weir):
    running = weir(waiting(arms, start="manual"))
    with load(running):
        drill(running, "--fail", "20%")
    assert running.route()["state"] == "waiting"
    running.restart()
    running.cli("promote", "shop")
    assert running.route()["state"] == "running"
