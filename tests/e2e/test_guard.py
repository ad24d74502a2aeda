"""The main job: a canary that fails goes back to legacy, and only that one does."""
import datetime
import statistics

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.cohort import is_canary
from support.upstream import Reply
from support.weir import settings, wait_for

PATHS = ["/", "/cart", "/orders"]
RATE = 200


@pytest.fixture
def arms(upstream):
    return upstream("legacy", seed=1), upstream("canary", seed=2)


def rollout(arms, release="r1", stages="20% 1h, 100%", **route):
    return settings(*arms, stages=stages, route={"release": release, **route})


def wall(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def rollbacks(running):
    return [row for row in running.journal() if row["action"] == "rollback"]


def test_a_canary_that_fails_on_one_path_of_three_is_rolled_back_ten_times_of_ten(arms, weir):
    running = weir(rollout(arms, "run-0"))
    took, leaked = [], []
    with Load(running.port, users=100, rate=RATE, paths=PATHS, max_seconds=150) as load:
        load.wait(200)
        for n in range(1, 11):
            running.reload(rollout(arms, f"run-{n}"))
            assert running.route()["state"] == "running"
            load.wait(100)
            before = len(load.results)
            arms[1].fail("/cart", 0.3)
            wait_for("a rollback", lambda: running.route()["state"] == "rolled_back", 12)
            arms[1].heal()
            load.wait(20)  # what was under way
            failed = [r for r in load.results[before:] if r.status != 200]
            assert {(r.path, r.arm, r.status) for r in failed} == {("/cart", "canary", 503)}
            row = rollbacks(running)[-1]
            assert (row["release"], row["who"], row["to"]["weight_ppm"]) == (f"run-{n}", "guard", 0)
            took.append(wall(row["time"]) - failed[0].at)
            leaked.append(len(failed))
    print(f"seconds: {sorted(round(t, 2) for t in took)}; leaked: {sorted(leaked)}")
    assert len(rollbacks(running)) == 10
    assert statistics.median(took) < 3
    assert max(leaked) <= 25


def test_a_canary_is_not_blamed_for_what_legacy_suffers_too(arms, weir):
    running = weir(rollout(arms))
    for one in arms:
        one.fail("/cart", 0.3)
    with Load(running.port, users=100, rate=RATE, paths=PATHS, max_seconds=60) as load:
        results = load.wait(2500)
    assert len([r for r in results if r.status == 503]) > 150
    assert running.route()["state"] == "running"
    assert running.route()["weight_ppm"] == 200_000
    assert rollbacks(running) == []


def test_a_healthy_canary_is_left_alone(arms, weir):
    running = weir(rollout(arms))
    with Load(running.port, users=100, rate=400, paths=PATHS, max_seconds=30) as load:
        load.wait(1600)
    route = running.route()
    assert (route["state"], route["weight_ppm"], route["latched"]) == ("running", 200_000, False)
    assert route["evidence"]["e"] < 10


def test_a_failing_legacy_is_no_reason_to_leave_the_canary(arms, weir):
    running = weir(rollout(arms))
    arms[0].fail("/cart", 0.5)
    with Load(running.port, users=100, rate=400, paths=PATHS, max_seconds=30) as load:
        load.wait(1200)
    assert rollbacks(running) == []


def make_it_fail(running, arms):
    """Users enough of the canary's failures that it is rolled back."""
    arms[1].fail("/cart", 1)
    with Load(running.port, users=100, rate=RATE, paths=PATHS, max_seconds=20) as load:
        wait_for("a rollback", lambda: running.route()["state"] == "rolled_back", 15)
    arms[1].heal()
    return load.results


def arms_now(running, users=60):
    with Client(running.port) as client:
        return {client.request(fields={"X-User-Id": f"user-{n}"}).arm for n in range(users)}


@pytest.fixture
def rolled_back(arms, weir):
    running = weir(rollout(arms))
    make_it_fail(running, arms)
    return running


def test_after_a_rollback_every_user_is_on_legacy(rolled_back):
    assert arms_now(rolled_back) == {"legacy"}


def test_a_rollback_says_why_on_which_evidence_and_who_decided(rolled_back):
    row = rollbacks(rolled_back)[-1]
    assert (row["route"], row["release"], row["who"]) == ("shop", "r1", "guard")
    assert row["verdict"] == "ROLL_BACK"
    assert row["from"]["weight_ppm"] == 200_000 and row["from"]["state"] == "running"
    assert row["to"] == {**row["to"], "state": "rolled_back", "weight_ppm": 0}
    assert "canary" in row["reason"] and "legacy" in row["reason"]
    assert row["evidence"]["e"] >= 100
    assert row["counters"]["canary"]["failures"] >= 3
    assert row["counters"]["canary"]["requests"] >= row["counters"]["canary"]["failures"]
    assert row["counters"]["legacy"]["failures"] == 0


def test_a_rollback_is_announced_in_the_log(rolled_back):
    assert rolled_back.wait_line(r"(?i)roll.?ed.?back.*shop|shop.*roll.?ed.?back|rollback.*shop")


def test_a_rollback_shows_in_the_status(rolled_back):
    route = rolled_back.route()
    assert (route["state"], route["weight_ppm"], route["latched"]) == ("rolled_back", 0, True)
    assert route["reason"]


def test_weight_0_holds_across_a_reload(rolled_back, arms):
    rolled_back.reload()
    assert arms_now(rolled_back) == {"legacy"}
    rolled_back.reload(rollout(arms, stages="50% 1h, 100%", error_budget="1%"))
    assert arms_now(rolled_back) == {"legacy"}
    route = rolled_back.route()
    assert (route["state"], route["weight_ppm"], route["latched"]) == ("rolled_back", 0, True)


def test_weight_0_holds_while_traffic_goes_on(rolled_back):
    with Load(rolled_back.port, users=100, rate=400, paths=PATHS, max_seconds=20) as load:
        results = load.wait(800)
    assert {r.arm for r in results} == {"legacy"}


def test_a_person_can_resume_what_was_rolled_back(rolled_back):
    rolled_back.cli("resume", "shop")
    route = rolled_back.route()
    assert (route["state"], route["weight_ppm"], route["latched"]) == ("running", 200_000, False)
    assert arms_now(rolled_back) == {"legacy", "canary"}


def test_a_new_release_starts_afresh(rolled_back, arms):
    rolled_back.reload(rollout(arms, "r2"))
    route = rolled_back.route()
    assert (route["release"], route["state"], route["latched"]) == ("r2", "running", False)
    assert arms_now(rolled_back) == {"legacy", "canary"}


def test_a_resumed_release_is_judged_again(rolled_back, arms):
    rolled_back.cli("resume", "shop")
    make_it_fail(rolled_back, arms)
    assert len(rollbacks(rolled_back)) == 2


def test_a_weight_set_by_hand_is_guarded_too(arms, weir):
    running = weir(settings(*arms, route={"weight": "20%", "release": "r1"}))
    assert running.route()["state"] == "fixed"
    make_it_fail(running, arms)
    assert arms_now(running) == {"legacy"}
    running.reload(settings(*arms, route={"weight": "30%", "release": "r1"}))
    assert arms_now(running) == {"legacy"}


def test_a_user_who_fails_again_and_again_counts_once(arms, weir):
    """One broken user is not a broken canary (policy 2)."""
    broken = next(f"user-{n}" for n in range(1000) if is_canary("shop", f"user-{n}", 200_000))
    arms[1].on(lambda r: r.fields.get("X-User-Id") == broken, Reply(500))
    running = weir(rollout(arms))
    with Client(running.port) as client:
        for n in range(600):
            user = broken if n % 3 == 0 else f"other-{n % 97}"
            client.request(fields={"X-User-Id": user})
    assert rollbacks(running) == []


def test_a_canary_that_cannot_be_reached_is_rolled_back(upstream, unreachable, weir):
    running = weir(rollout((upstream("legacy"), unreachable("refused"))))
    with Load(running.port, users=100, rate=RATE, paths=PATHS, max_seconds=20):
        wait_for("a rollback", lambda: running.route()["state"] == "rolled_back", 15)
    assert arms_now(running) == {"legacy"}
