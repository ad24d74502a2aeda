"""What an operator sees and does: status, explain, forced arms, notices, and the judgement
of a recorded release."""
import datetime
import getpass
import hashlib
import hmac
import json
import re
import signal
import subprocess
import urllib.parse

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.cohort import bucket, is_canary
from support.weir import binary, run_weir, section, settings, wait_for

WEIGHT = 200_000
SECRET = b"a secret of the tests"
LEGACY_USER = next(f"user-{n}" for n in range(1000) if not is_canary("shop", f"user-{n}", WEIGHT))


@pytest.fixture
def arms(upstream):
    return upstream("legacy", seed=6), upstream("canary", seed=7)


def plan(arms, stages="20% 1h, 50% 1h, 100%", route=None, rest="", **rollout):
    return settings(*arms, stages=stages, route=route, rest=rest,
                    rollout={"min_requests": 5, **rollout})


def load(running, rate=200, users=2000):
    return Load(running.port, users=users, rate=rate, paths=["/", "/cart"], max_seconds=90)


def arm_of(running, user, target="/"):
    with Client(running.port) as client:
        return client.request(target=target, fields={"X-User-Id": user}).arm


# Status.


def test_the_table_names_every_route_and_the_json_says_the_same(arms, weir):
    more = section("route cart", {"path": "/cart", "legacy": "v1"})
    text = plan(arms, owner="team-shop")
    head, _, route = text.partition("[route shop]")
    running = weir(head + more + "[route shop]" + route)
    for n in range(50):
        arm_of(running, f"user-{n}")
    running.counted(50)
    table = running.cli("status").stdout
    told = json.loads(running.cli("status", "--json").stdout)
    assert [r["name"] for r in told["routes"]] == ["cart", "shop"]
    shop = next(line for line in table.splitlines() if line.startswith("shop"))
    for word in ("r1", "running", "20%", "1/3"):
        assert word in shop
    one = running.cli("status", "shop").stdout
    for word in ("r1", "20%", "team-shop", "v1", "v2"):
        assert word in one
    assert running.cli("status", "nothing", check=False).returncode == 1


def test_watch_draws_again_and_shows_what_has_changed(arms, weir):
    running = weir(plan(arms))
    command = [binary(), "status", "--watch", "1", "--socket", str(running.socket)]
    watching = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
    seen = []

    def until(pattern):
        while not re.search(pattern, seen[-1] if seen else ""):
            line = watching.stdout.readline()
            assert line, watching.stderr.read()
            seen.append(line)

    until(r"^shop.*running.*20%")
    running.cli("promote", "shop")
    until(r"^shop.*running.*50%")
    running.cli("rollback", "shop")
    until(r"^shop.*rolled_back.*0%")
    watching.send_signal(signal.SIGINT)
    watching.stdout.read()
    assert watching.wait(10) in (0, 130, -signal.SIGINT)
    watching.stdout.close()
    watching.stderr.close()


# Explain.


def test_explain_agrees_with_where_requests_go(arms, weir):
    running = weir(plan(arms, "20% 1h methods=GET, 50% 1h, 100%"))
    for n in range(300):
        user = f"user-{n}"
        query = urllib.parse.urlencode({"header": f"X-User-Id: {user}", "weight_ppm": 500_000})
        told = json.loads(running.admin("GET", f"/routes/shop/explain?{query}").body)
        assert told["arm"] == arm_of(running, user), user
        assert told["bucket"] == bucket("shop", user)
        assert told["at"]["arm"] == ("canary" if is_canary("shop", user, 500_000) else "legacy")
        assert is_canary("shop", user, told["canary_from_ppm"])


def test_explain_says_in_words_and_in_json_why(arms, weir):
    running = weir(plan(arms, "20% 1h methods=GET, 50% 1h, 100%",
                        route={"force": "canary address:192.0.2.0/24"}))
    canary_user = next(f"user-{n}" for n in range(1000) if is_canary("shop", f"user-{n}", WEIGHT))
    rows = [(["--header", f"X-User-Id: {LEGACY_USER}"], "legacy", "above_weight"),
            (["--header", f"X-User-Id: {canary_user}"], "canary", "below_weight"),
            (["--header", f"X-User-Id: {canary_user}", "--method", "POST"], "legacy", "method"),
            (["--header", f"X-User-Id: {LEGACY_USER}", "--ip", "192.0.2.7"], "canary", "rule")]
    for options, arm, why in rows:
        told = json.loads(running.cli("explain", "shop", "--json", *options).stdout)
        assert (told["arm"], told["why"]) == (arm, why), options
        words = running.cli("explain", "shop", *options).stdout
        assert arm in words and told["words"].split()[0] in words
    above = running.cli("explain", "shop", "--header", f"X-User-Id: {LEGACY_USER}", "--weight",
                        "100%").stdout
    assert "100%" in above and "canary" in above
    assert running.route()["arms"]["canary"]["requests"] == 0  # nothing was counted


def test_explain_follows_a_rollback(arms, weir):
    running = weir(plan(arms))
    canary_user = next(f"user-{n}" for n in range(1000) if is_canary("shop", f"user-{n}", WEIGHT))
    running.cli("rollback", "shop")
    told = json.loads(running.cli("explain", "shop", "--json", "--header",
                                  f"X-User-Id: {canary_user}").stdout)
    assert told["arm"] == arm_of(running, canary_user) == "legacy"


def test_explain_says_whose_request_it_really_is(arms, weir):
    running = weir(plan(arms, route={"path": "/shop"}) + section("route rest", {"path": "/help",
                                                                               "respond": "200 hi"}))
    rows = [("/shop/1", "shop", ""), ("/help", "rest", "such a request is for [route rest]"),
            ("/", None, "no route matches such a path and host: weir answers 404")]
    for path, route, words in rows:
        told = json.loads(running.cli("explain", "shop", "--json", "--path", path).stdout)
        assert told["chosen"] == {"route": route}
        text = running.cli("explain", "shop", "--path", path).stdout
        assert words in text and (words or "not here" not in text), text
    assert json.loads(running.cli("explain", "shop", "--json").stdout)["chosen"] is None
    told = running.cli("explain", "rest").stdout
    assert "weir answers by itself" in told and "counts" not in told and "legacy" not in told


# Forced arms, with an operator's tools.


def curl(running, *options):
    done = subprocess.run(["curl", "-sS", "-i", *options, f"http://127.0.0.1:{running.port}/"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return re.search(r"(?mi)^X-Arm: (\S+)", done.stdout)[1]


def test_a_tester_reaches_either_arm_with_curl(arms, weir, tmp_path):
    key_file = tmp_path / "token.key"
    key_file.write_bytes(b"0123456789abcdef0123456789abcdef-of-the-tests")
    key_file.chmod(0o600)
    running = weir(plan(arms, start="manual", route={"force": "canary cookie:beta=yes",
                                                     "force_from": "127.0.0.1"}),
                   weir={"token_key_file": key_file})
    user = ["-H", f"X-User-Id: {LEGACY_USER}"]
    token = run_weir("token", "--config", running.config, "--route", "shop", "--arm", "canary",
                     "--for", "5m").stdout.strip()
    assert curl(running, *user) == "legacy"
    assert curl(running, *user, "-b", "beta=yes") == "canary"
    assert curl(running, *user, "-H", f"Weir-Token: {token}") == "canary"
    assert curl(running, *user, "-b", f"weir_token={token}") == "canary"
    assert curl(running, *user, "-b", f"weir_token={token}x") == "legacy"
    running.counted(5)
    assert running.route()["cost"]["requests"] == 0


# Notices.


def test_a_webhook_is_told_of_a_release_s_whole_life(arms, weir, upstream, tmp_path):
    chat = upstream("chat")
    secret = tmp_path / "secret"
    secret.write_bytes(SECRET + b"\n")
    secret.chmod(0o600)
    hook = section("webhook chat", {"url": f"http://{chat.address}/hook", "secret_file": secret})

    def text(release):
        return plan(arms, "20% 200ms, 50% 200ms gate=manual, 100%", route={"release": release},
                    rest=hook, bake="200ms", owner="team-shop", hypothesis="fewer calls",
                    notify="chat")

    running = weir(text("r1"))
    with load(running):
        running.wait_route("the gate", lambda route: route["gate"], 30)
        running.cli("pause", "shop", "--why", "lunch")
        running.cli("resume", "shop")
        running.cli("promote", "shop")
        running.wait_state("done", 30)
    running.reload(text("r2"))
    arms[1].fail("/", 1)
    arms[1].fail("/cart", 1)
    with load(running):
        running.wait_state("rolled_back", 30)
    rows = running.journal()
    requests = chat.wait_requests(len(rows))
    wait_for("all delivered", lambda: running.status()["webhooks"]["pending"] == 0)
    notices = [json.loads(r.body) for r in requests]
    assert len(chat.requests) == len(rows)
    assert [(n["release"], n["from"], n["to"], n["time"], n["who"]) for n in notices] == [
        (r["release"], r["from"], r["to"], r["time"], r["who"]) for r in rows]
    events = [n["event"] for n in notices if n["event"] not in ("hold", "hold_end")]
    assert events == ["start", "advance", "gate_waits", "pause", "resume", "promote", "complete",
                      "start", "rollback"]
    assert len({n["id"] for n in notices}) == len(notices)
    for request, notice in zip(requests, notices):
        mac = hmac.new(SECRET, request.body, hashlib.sha256).hexdigest()
        assert request.fields.get("Weir-Signature") == f"sha256={mac}"
        assert request.fields.get("Weir-Event") == notice["event"]
        assert request.fields.get("Weir-Delivery") == notice["id"]
        assert (notice["route"], notice["owner"]) == ("shop", "team-shop")
        assert "shop" in notice["text"] and notice["release"] in notice["text"]
    paused, last = notices[events.index("pause")], notices[-1]
    assert paused["who"] == f"user:{getpass.getuser()}" and "lunch" in paused["text"]
    assert last["who"] == "guard" and last["verdict"] == "ROLL_BACK"
    assert last["evidence"]["e"] >= last["evidence"]["threshold"] == 100
    failed = last["cost"]["failed_seen"]
    assert failed >= 3 and f"{failed} failed requests" in last["text"]
    assert "team-shop" in last["text"] and last["why"] in last["text"]


def test_a_receiver_that_is_down_holds_nothing_up_and_is_told_later(arms, weir, upstream):
    chat = upstream("chat")
    chat.fail("/hook", 1)
    hook = section("webhook chat", {"url": f"http://{chat.address}/hook"})
    running = weir(plan(arms, rest=hook, notify="chat"))
    chat.wait_requests(1)
    running.cli("pause", "shop")
    running.cli("rollback", "shop")
    assert arm_of(running, "user-1") == "legacy"
    chat.heal()
    wait_for("three notices", lambda: running.status()["webhooks"]["delivered"] == 3, 20)
    delivered = [json.loads(r.body) for r in chat.requests[-3:]]
    assert [n["event"] for n in delivered] == ["start", "pause", "rollback"]
    assert len({n["id"] for n in delivered}) == 3
    assert chat.requests[0].body == chat.requests[-3].body  # the same, again


# What was recorded.


def wall(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_the_record_has_every_request_from_the_first_on(arms, weir):
    running = weir(plan(arms))
    with Client(running.port) as client:
        for n in range(300):
            client.request(fields={"X-User-Id": f"user-{n}"})
    running.counted(300)
    running.process.terminate()
    assert running.process.wait(timeout=20) == 0
    exported = run_weir("journal", "--export", "judge", "--route", "shop", "--state-dir",
                        running.state_dir)
    header, *rows = [line.split("\t") for line in exported.stdout.splitlines()]
    of_route = [dict(zip(header, row)) for row in rows]
    assert 300 == sum(int(row["n_canary"]) + int(row["n_legacy"]) for row in of_route
                      if not row["path"])


@pytest.mark.parametrize("share", [1, 0.1])
def test_judging_the_record_rolls_back_where_the_live_run_did(arms, weir, share):
    running = weir(plan(arms, "20% 2s, 40% 1h, 100%"))
    with load(running):
        running.wait_route("the second stage", lambda route: route["stage"] == 2, 30)
        arms[1].fail("/cart", share)
        running.wait_state("rolled_back", 40)
    rows = running.journal()
    live = next(r for r in rows if r["action"] == "rollback")
    running.process.terminate()  # what was recorded is on disk then
    assert running.process.wait(timeout=20) == 0
    exported = run_weir("journal", "--export", "judge", "--route", "shop", "--state-dir",
                        running.state_dir)
    assert exported.returncode == 0, exported.stderr
    done = subprocess.run([binary(), "judge", "--set", "hold=2s,min_requests=5,p_max=0%", "-"],
                          input=exported.stdout, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    judged = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    first = next(i for i, row in enumerate(judged) if row[2] == "ROLL_BACK")
    assert [row[2] for row in judged].count("ROLL_BACK") <= 3  # it ends there
    # Ticks of a tenth of a second are recorded as rows of about one.
    assert float(judged[first][1]) == pytest.approx(live["evidence"]["ln_e"], rel=0.05)
    header, *ticks = [line.split("\t") for line in exported.stdout.splitlines()]
    ticks = [t for t in ticks if "path" not in header or not t[header.index("path")]]
    assert len(ticks) == len(judged)
    assert first >= len(judged) - 3
    passed = sum(float(t[header.index("dt")]) for t in ticks[: first + 1])
    assert abs(passed - (wall(live["time"]) - wall(rows[0]["time"]))) < 1.3
