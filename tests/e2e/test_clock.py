"""The wall clock is set back by an hour, or forward by a day, while weir runs: what counts
elapsed time does not notice; what a person wrote down as a date goes by the new time."""
import base64
import datetime
import hashlib
import hmac
import time

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.clock import Clock
from support.cohort import is_canary
from support.weir import run_weir, settings, wait_for

KEY = b"0123456789abcdef0123456789abcdef-of-the-tests"
HOUR, DAY = 3600, 86400
STEPS = pytest.mark.parametrize("step", [-HOUR, DAY], ids=["an hour back", "a day forward"])
LEGACY_USER = next(f"user-{n}" for n in range(1000) if not is_canary("shop", f"user-{n}", 200_000))


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def plan(arms, stages="20% 1h, 50% 1h, 100%", **rollout):
    return settings(*arms, stages=stages, rollout={"min_requests": 5, **rollout})


def load(running):
    return Load(running.port, users=100, rate=300, paths=["/"], max_seconds=60)


def wall(row):
    return datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp()


@STEPS
def test_a_stage_lasts_its_time_whatever_the_wall_clock_says(arms, weir, clock, step):
    running = weir(plan(arms, "20% 2s, 50% 1h, 100%"), env=clock.env)
    with load(running):
        began = time.monotonic()
        clock.set_wall(step)
        before = running.route()
        running.wait_route("the second stage", lambda route: route["stage"] == 2)
        took = time.monotonic() - began
    assert before["stage"] == 1 and 0.5 < before["hold_left_s"] <= 2
    assert 1 < took < 6
    route = running.route()
    assert route["stage_age_s"] < 5 and route["last"]["age_s"] < 5
    assert 3590 < route["hold_left_s"] <= 3600
    assert running.status()["uptime_s"] < 30


@STEPS
def test_what_was_decided_is_in_order_and_verifies(arms, weir, clock, step):
    running = weir(plan(arms), env=clock.env)
    running.cli("pause", "shop")
    clock.set_wall(step)
    running.cli("resume", "shop")
    running.cli("rollback", "shop", "--why", "after the step")
    rows = running.journal()
    assert [r["action"] for r in rows] == ["start", "pause", "resume", "rollback"]
    assert [r["seq"] for r in rows] == [1, 2, 3, 4]
    assert step - 30 < wall(rows[2]) - wall(rows[1]) < step + 30
    running.verify()
    running.restart()
    assert running.route()["state"] == "rolled_back"
    assert [r["action"] for r in running.journal()][:4] == [r["action"] for r in rows]
    running.verify()


@STEPS
def test_a_failing_canary_is_rolled_back_all_the_same(arms, weir, clock, step):
    running = weir(plan(arms), env=clock.env)
    with load(running) as traffic:
        traffic.wait(100)
        clock.set_wall(step)
        traffic.wait(50)
        arms[1].fail("/", 1)
        running.wait_state("rolled_back", 10)
    assert len([r for r in traffic.results if r.status != 200]) <= 20


@STEPS
def test_a_restart_after_the_step_goes_on_where_the_stage_was(arms, weir, clock, step):
    running = weir(plan(arms, "20% 1m, 50% 1h, 100%"), env=clock.env)
    with load(running) as traffic:
        traffic.wait(300)
    left = running.route()["hold_left_s"]
    clock.set_wall(step)
    running.restart()
    route = running.route()
    assert route["stage"] == 1 and route["evidence_was_lost"] is False
    assert left - 3 <= route["hold_left_s"] <= left + 1.5


def test_nothing_stalls_while_the_clock_goes_back_and_forth(arms, weir, clock):
    running = weir(plan(arms, "20% 500ms, 40% 500ms, 60% 500ms, 100%", bake="500ms"),
                   env=clock.env)
    with load(running) as traffic:
        for n in range(12):
            clock.set_wall(HOUR * (-1) ** n)
            traffic.wait(30)
            assert running.status()["store"]["ok"]
        running.wait_state("done", 30)
    assert [r for r in traffic.results if r.status != 200] == []
    wait_for("all on disk", lambda: running.status()["store"]["pending"] == 0)
    running.verify()


def test_a_window_goes_by_the_wall_clock(arms, weir, clock):
    now = datetime.datetime.now()
    ahead = now + datetime.timedelta(hours=3)
    window = f"{ahead:%H:%M}-{ahead + datetime.timedelta(hours=2):%H:%M}"
    running = weir(plan(arms, "20% 100ms, 50% 1h, 100%", only=window), env=clock.env)
    assert running.route()["waiting_for"]["what"] == "window"
    clock.set_wall(4 * HOUR)
    running.wait_state("running")
    clock.set_wall(0)  # and out of it again: the stage stays
    with load(running) as traffic:
        running.wait_route("the window", lambda route: route["waiting_for"]["what"] == "window")
        traffic.wait(60)
        assert running.route()["stage"] == 1
        clock.set_wall(4 * HOUR)
        running.wait_route("the second stage", lambda route: route["stage"] == 2)


def test_a_token_expires_by_the_wall_clock(arms, weir, clock, tmp_path):
    def arm():
        with Client(running.port) as client:
            return client.request(fields={"X-User-Id": LEGACY_USER, "Weir-Token": token}).arm

    key_file = tmp_path / "token.key"
    key_file.write_bytes(KEY)
    key_file.chmod(0o600)
    text = f"v1.shop.canary.{int(time.time()) + HOUR}.-"
    mac = base64.urlsafe_b64encode(hmac.new(KEY, text.encode(), hashlib.sha256).digest())
    token = f"{text}.{mac.decode().rstrip('=')}"
    running = weir(settings(*arms), weir={"token_key_file": key_file}, env=clock.env)
    assert arm() == "canary"
    clock.set_wall(HOUR + 1)
    wait_for("the token to be void", lambda: arm() == "legacy", 3)
    clock.set_wall(-HOUR)
    wait_for("the token to hold again", lambda: arm() == "canary", 3)


@STEPS
def test_recorded_ticks_carry_elapsed_time(arms, weir, clock, step):
    running = weir(plan(arms), env=clock.env)
    began = time.monotonic()
    with load(running) as traffic:
        traffic.wait(200)
        clock.set_wall(step)
        traffic.wait(200)
    running.process.terminate()  # what was recorded is on disk then
    assert running.process.wait(timeout=20) == 0
    took = time.monotonic() - began
    header, *ticks = [line.split("\t") for line in run_weir(
        "journal", "--export", "judge", "--route", "shop", "--state-dir",
        running.state_dir).stdout.splitlines()]
    # A path's row repeats the time of its tick.
    times = [float(tick[header.index("dt")] or 0) for tick in ticks
             if not tick[header.index("path")]]
    assert all(0 <= t < 5 for t in times)
    assert 1 < sum(times) < took + 1
