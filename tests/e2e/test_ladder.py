"""A release's way up and down: stages, gates, windows, limits, and the kinds of rollback,
each with its time shortened."""
import datetime
import json

import pytest

from scripts.demo.load import Load
from support.client import Client
from support.clock import Clock
from support.cohort import is_canary
from support.upstream import Reply
from support.weir import section, settings, wait_for

USERS = [f"user-{n}" for n in range(100)]


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


@pytest.fixture
def board(upstream):
    """A webhook's receiver."""
    return upstream("board")


def plan(arms, stages, rest="", route=None, **rollout):
    return settings(*arms, stages=stages, route=route,
                    rollout={"min_requests": 5, "bake": "1h", **rollout},
                    listen={"keepalive_timeout": "10m"}, rest=rest)


def webhook(receiver, name="board", **options):
    return section(f"webhook {name}", {"url": f"http://{receiver.address}/{name}",
                                       "attempts": 1, "timeout": "1s", **options})


def load(running, paths=("/",), rate=300):
    return Load(running.port, users=100, rate=rate, paths=paths, max_seconds=60)


def arms_of(running, users=USERS, target="/", method="GET"):
    with Client(running.port) as client:
        return {u: client.request(method, target, {"X-User-Id": u}).arm for u in users}


def share(running):
    return list(arms_of(running).values()).count("canary")


def expected(weight_ppm):
    return sum(is_canary("shop", u, weight_ppm) for u in USERS)


def weights(running, action):
    return [r["to"]["weight_ppm"] // 10_000 for r in running.journal() if r["action"] == action]


# Up.


def test_a_healthy_canary_climbs_the_whole_ladder_unattended(arms, weir):
    running = weir(plan(arms, "5% 300ms methods=GET, 25% 300ms min_requests=20 p_max=20%, "
                        "50% 300ms p_max=10%, 90% 300ms, 100%", bake="300ms"))
    with load(running) as traffic:
        running.wait_state("done", 40)
        assert {r.arm for r in traffic.wait(30)[16:]} == {"canary"}
    rows = [r for r in running.journal() if r["action"] in ("advance", "complete")]
    assert [r["to"]["weight_ppm"] // 10_000 for r in rows] == [25, 50, 90, 100, 100]
    assert [r["to"]["state"] for r in rows] == ["running"] * 3 + ["baking", "done"]
    assert {r["who"] for r in rows} == {"guard"}
    assert all(r["verdict"] == "ADVANCE" for r in rows)
    assert [r.error for r in traffic.results if r.error] == []


def test_legacy_keeps_its_hold_back_until_the_last_stage(arms, weir):
    running = weir(plan(arms, "50% 200ms, 98% 200ms, 100%", hold_back="10%"))
    with load(running):
        running.wait_state("baking", 30)
    assert weights(running, "advance") == [90, 100]


def test_without_enough_requests_or_proof_nothing_advances(arms, weir):
    running = weir(plan(arms, "50% 1ms min_requests=50 p_max=1%, 100%"))
    arms_of(running, USERS[:40])
    waits = running.wait_route("a word", lambda route: (route["waiting_for"] or {}).get("what")
                               == "requests")
    assert waits["weight_ppm"] == 500_000
    arms_of(running, USERS)
    running.wait_route("proof", lambda route: route["waiting_for"]["what"] == "proof")


def test_a_manual_gate_waits_for_a_person(arms, weir):
    running = weir(plan(arms, "20% 200ms gate=manual, 50% 1h, 100%"))
    with load(running) as traffic:
        route = running.wait_route("the gate", lambda route: route["gate"])
        traffic.wait(200)
        assert running.route()["weight_ppm"] == 200_000
    assert (route["gate"]["state"], route["waiting_for"]["what"]) == ("waits", "gate")
    running.cli("promote", "shop", "--why", "looks good")
    assert running.route()["weight_ppm"] == 500_000
    row = running.journal()[-1]
    assert (row["action"], row["reason"]) == ("promote", "looks good")


def test_what_waits_for_a_gate_is_in_the_journal_and_no_hold_that_ends(arms, weir):
    running = weir(plan(arms, "20% 200ms gate=manual, 50% 1h, 100%"))
    with load(running):
        running.wait_route("the gate", lambda route: route["gate"])
    row = running.journal()[-1]
    assert "gate" in row["reason"] and row["action"] != "hold_end"


def test_a_webhook_that_denies_and_later_allows_opens_its_gate(arms, weir, board, clock):
    running = weir(plan(arms, "20% 200ms gate=webhook:board, 50% 1h, 100%", webhook(board)),
                   env=clock.env)
    board.on("/board", Reply(body=b'{"allow": false, "why": "freeze until Monday"}'))
    with load(running) as traffic:
        route = running.wait_route("no", lambda route: route["gate"] and
                                   route["gate"]["state"] == "denied")
        traffic.wait(100)
    assert "freeze until Monday" in route["gate"]["words"]
    assert running.route()["weight_ppm"] == 200_000
    question = json.loads(board.requests[0].body)
    assert (question["event"], question["route"], question["release"]) == ("gate", "shop", "r1")
    assert question["to"]["weight_ppm"] == 500_000
    board.on("/board", Reply(body=b"ok"))
    clock.skip(61)
    with load(running):
        running.wait_route("the next stage", lambda route: route["stage"] == 2)
    row = [r for r in running.journal() if r["to"]["stage"] == 2][0]
    assert row["who"] == "webhook:board"
    assert len(board.requests) == 2


@pytest.mark.parametrize("how", ["refused", "silent", "500", "html"])
def test_a_gate_whose_webhook_gives_no_answer_stays_shut(arms, weir, clock, unreachable, upstream,
                                                         how):
    if how in ("500", "html"):
        board = upstream("board")
        reply = Reply(500) if how == "500" else Reply(302, b"<html>log in</html>")
        board.on("/board", reply)
    else:
        board = type("Board", (), {"address": unreachable(how)})
    running = weir(plan(arms, "20% 100ms gate=webhook:board, 50% 1h, 100%",
                        webhook(board, timeout="100ms")), env=clock.env)
    for _ in range(3):
        with load(running) as traffic:
            running.wait_route("no", lambda route: route["gate"] and
                               route["gate"]["state"] == "denied")
            traffic.wait(30)
        clock.skip(61)
    route = running.route()
    assert (route["stage"], route["weight_ppm"]) == (1, 200_000)
    assert route["waiting_for"]["what"] == "webhook"


# When it may.


def other_day():
    """A window that is neither now nor soon."""
    return (datetime.date.today() + datetime.timedelta(days=3)).strftime("%a").lower()


def test_outside_its_window_nothing_advances_but_a_rollback_happens(arms, weir):
    stages = "20% 200ms, 50% 1h, 100%"
    running = weir(plan(arms, stages.replace("200ms", "1h")))
    running.reload(plan(arms, stages, only=other_day()))
    with load(running) as traffic:
        route = running.wait_route("the window", lambda route: route["waiting_for"]["what"] == "window")
        traffic.wait(200)
        assert running.route()["weight_ppm"] == route["weight_ppm"] == 200_000
        arms[1].fail("/", 1)
        running.wait_state("rolled_back")
    assert weights(running, "advance") == []


def test_a_release_begins_and_advances_once_its_window_opens(arms, weir, clock):
    running = weir(plan(arms, "20% 100ms, 50% 1h, 100%", only=other_day()), env=clock.env)
    route = running.route()
    assert (route["state"], route["weight_ppm"], route["waiting_for"]["what"]) == (
        "waiting", 0, "window")
    assert share(running) == 0
    clock.set_wall(3 * 86400)
    running.wait_state("running")
    with load(running):
        running.wait_route("the next stage", lambda route: route["stage"] == 2)


def test_a_manual_start_waits_at_0_for_a_person(arms, weir):
    running = weir(plan(arms, "20% 1h, 100%", start="manual"))
    route = running.route()
    assert (route["state"], route["weight_ppm"], route["waiting_for"]["what"]) == (
        "waiting", 0, "start")
    assert share(running) == 0
    running.cli("promote", "shop")
    assert running.route()["weight_ppm"] == 200_000
    assert share(running) == expected(200_000)


def test_a_rollout_that_takes_too_long_is_paused(arms, weir, clock):
    running = weir(plan(arms, "20% 1h, 100%", max_duration="2h"), env=clock.env)
    clock.skip(7300)
    route = running.wait_state("paused")
    assert (route["weight_ppm"], route["waiting_for"]["what"]) == (200_000, "resume")
    assert "max_duration" in route["reason"] + route["last"]["why"]
    running.cli("resume", "shop")
    assert running.route()["state"] == "running"


def test_a_release_at_100_percent_past_its_expiry_is_due_for_clean_up(arms, weir, clock):
    running = weir(plan(arms, "50% 100ms, 100%", bake="100ms", expires="14d"), env=clock.env)
    with load(running):
        running.wait_state("done", 30)
    assert running.route()["clean_up"]["due"] is False
    clock.skip(14 * 86400 + 60)
    running.wait_route("clean-up", lambda route: route["clean_up"]["due"])
    assert "clean-up" in running.journal()[-1]["reason"]
    assert "clean" in running.cli("status").stdout


# A person's weight.


def test_a_weight_that_a_person_sets_holds_and_pauses_the_plan(arms, weir):
    running = weir(plan(arms, "5% 1h, 100%"))
    running.cli("set-weight", "shop", "37%", "--why", "a closer look")
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("paused", 370_000)
    assert share(running) == expected(370_000)
    running.restart()
    assert (running.route()["state"], share(running)) == ("paused", expected(370_000))
    running.cli("resume", "shop")
    assert running.route()["state"] == "running"
    actions = [(r["action"], r["to"]["weight_ppm"], r["reason"]) for r in running.journal()]
    assert ("set_weight", 370_000, "a closer look") in actions


def test_a_weight_cannot_be_set_on_what_is_rolled_back(arms, weir):
    running = weir(plan(arms, "20% 1h, 100%"))
    running.cli("rollback", "shop")
    refused = running.cli("set-weight", "shop", "50%", check=False)
    assert refused.returncode == 1 and "resume" in refused.stderr
    assert share(running) == 0


@pytest.mark.parametrize("weight", ["101%", "-1%", "much", "50"])
def test_a_weight_that_is_none_is_refused(arms, weir, weight):
    running = weir(plan(arms, "20% 1h, 100%"))
    assert running.cli("set-weight", "shop", weight, check=False).returncode != 0
    assert running.route()["weight_ppm"] == 200_000


# Down.


@pytest.mark.parametrize("steps, falls", [(1, [0]), (2, [30, 0]), (3, [40, 20, 0])])
def test_a_rollback_goes_down_in_as_many_steps_as_asked(arms, weir, steps, falls):
    slowly = {"rollback_steps": steps, "rollback_step": "300ms"} if steps > 1 else {}
    running = weir(plan(arms, "60% 1h, 100%", **slowly))
    arms[1].fail("/", 1)
    with load(running):
        running.wait_route("a rollback", lambda route: route["latched"])
        running.wait_state("rolled_back")
    rows = [r for r in running.journal() if r["to"]["state"] in ("rolling_back", "rolled_back")]
    assert [r["to"]["weight_ppm"] // 10_000 for r in rows] == falls
    assert (rows[0]["action"], rows[0]["who"]) == ("rollback", "guard")
    assert share(running) == 0


def test_nothing_stops_a_rollback_half_way(arms, weir):
    running = weir(plan(arms, "60% 1h, 100%", rollback_steps=2, rollback_step="1m"))
    running.cli("rollback", "shop")
    assert (running.route()["state"], running.route()["weight_ppm"]) == ("rolling_back", 300_000)
    for command in ("resume", "promote", "pause"):
        assert running.cli(command, "shop", check=False).returncode == 1
    running.cli("rollback", "shop")  # and once more: now
    assert (running.route()["state"], share(running)) == ("rolled_back", 0)


def test_after_the_guard_s_rollback_a_drain_lets_users_finish(arms, weir, clock):
    running = weir(plan(arms, "50% 1h, 100%", on_rollback="drain", drain_for="10m"), env=clock.env)
    before = arms_of(running)
    arms[1].fail("/bad", 1)
    with load(running, ["/bad"]):
        route = running.wait_state("rolled_back")
    assert route["drain"]["below_ppm"] == 500_000
    assert arms_of(running) == before
    newcomers = [f"new-{n}" for n in range(100)]
    assert list(arms_of(running, newcomers).values()).count("canary") <= 1
    clock.skip(601)
    running.wait_route("the end of the drain", lambda route: route["drain"] is None)
    assert share(running) == 0


def test_one_bad_path_is_withdrawn_by_itself_where_the_plan_says_so(arms, weir):
    running = weir(plan(arms, "50% 1h, 100%", rollback_scope="path",
                        route={"path_class": ["/bad", "/good", "/fine"]}))
    arms[1].fail("/bad", 1)
    with load(running, ["/bad"] + ["/good", "/fine"] * 3):
        running.wait_route("a withdrawal", lambda route: route["withdrawn_paths"] == ["/bad"])
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("running", 500_000)
    assert set(arms_of(running, target="/bad").values()) == {"legacy"}
    assert list(arms_of(running, target="/good").values()).count("canary") == expected(500_000)
    row = running.journal()[-1]
    assert row["action"].startswith("withdraw") and "/bad" in row["reason"]
    running.restart()
    assert running.route()["withdrawn_paths"] == ["/bad"]
    assert set(arms_of(running, target="/bad").values()) == {"legacy"}


def test_several_routes_roll_out_each_by_itself(arms, weir, upstream):
    bad = upstream("bad")
    bad.fail("/cart", 1)
    more = section("upstream v3", {"server": bad.address}) + section(
        "route cart", {"path": "/cart", "legacy": "v1", "canary": "v3", "release": "c1",
                       "sticky": "header:X-User-Id", "rollout": "steps"})
    text = plan(arms, "20% 300ms, 50% 1h, 100%")
    head, _, route = text.partition("[route shop]")
    running = weir(head + more + "[route shop]" + route)
    with load(running, ["/", "/cart"]):
        running.wait_state("rolled_back", route="cart")
        running.wait_route("the second stage", lambda route: route["stage"] == 2)
    assert running.route("cart")["weight_ppm"] == 0
    wait_for("both in the journal", lambda: {(r["route"], r["action"]) for r in running.journal()}
             >= {("shop", "advance"), ("cart", "rollback")})
