"""A plan's stages: held for their time, with enough requests, one after the other."""
import pytest

from scripts.demo.load import Load
from support.weir import settings, wait_for

STAGES = "5% 500ms, 25% 500ms, 50% 1h, 100%"


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


def plan(arms, stages=STAGES, **rollout):
    return settings(*arms, stages=stages, rollout={"min_requests": 5, **rollout})


def load(running):
    return Load(running.port, users=100, rate=300, paths=["/"], max_seconds=40)


def test_a_plan_starts_at_its_first_stage(arms, weir):
    route = weir(plan(arms)).route()
    assert (route["state"], route["weight_ppm"], route["stage"], route["stages"]) == (
        "running", 50_000, 1, 4)


def test_a_healthy_canary_climbs_from_stage_to_stage(arms, weir):
    running = weir(plan(arms))
    with load(running):
        wait_for("the third stage", lambda: running.route()["weight_ppm"] == 500_000, 30)
    steps = [(r["from"]["weight_ppm"], r["to"]["weight_ppm"]) for r in running.journal()
             if r["action"] == "advance"]
    assert steps == [(50_000, 250_000), (250_000, 500_000)]
    assert all(r["who"] == "guard" for r in running.journal() if r["action"] == "advance")


def test_no_stage_ends_without_traffic(arms, weir):
    running = weir(plan(arms, stages="5% 1ms, 100%"))
    wait_for("many ticks of the guard", lambda: running.route()["stage_age_s"] > 1)
    assert running.route()["weight_ppm"] == 50_000


def test_a_plan_ends_with_its_bake(arms, weir):
    running = weir(plan(arms, stages="25% 200ms, 100%", bake="500ms"))
    with load(running):
        wait_for("the end", lambda: running.route()["state"] == "done", 30)
    assert running.route()["weight_ppm"] == 1_000_000
    states = [r["to"]["state"] for r in running.journal() if r["action"] == "complete"]
    assert states == ["done"]


def test_a_paused_plan_stays_where_it_is(arms, weir):
    running = weir(plan(arms))
    running.cli("pause", "shop")
    assert running.route()["state"] == "paused"
    with load(running) as traffic:
        traffic.wait(600)
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("paused", 50_000)
    running.cli("resume", "shop")
    assert running.route()["state"] == "running"


def test_a_paused_canary_is_guarded_all_the_same(arms, weir):
    running = weir(plan(arms, stages="25% 1h, 100%"))
    running.cli("pause", "shop")
    arms[1].fail("/", 1)
    with load(running):
        wait_for("a rollback", lambda: running.route()["state"] == "rolled_back", 15)


def test_a_person_can_promote_to_the_next_stage(arms, weir):
    running = weir(plan(arms, stages="5% 1h, 25% 1h, 100%"))
    running.cli("promote", "shop")
    route = running.route()
    assert (route["weight_ppm"], route["stage"]) == (250_000, 2)
    assert running.journal()[-1]["action"] == "promote"


def test_a_person_can_roll_back(arms, weir):
    running = weir(plan(arms))
    running.cli("rollback", "shop")
    route = running.route()
    assert (route["state"], route["weight_ppm"], route["latched"]) == ("rolled_back", 0, True)


def test_why_a_person_rolled_back_is_told_through_steps_drain_and_restart(arms, weir):
    running = weir(plan(arms, rollback_steps=2, rollback_step="1s", on_rollback="drain",
                        drain_for="1s"))
    running.cli("rollback", "shop", "--why", "too slow")
    words = running.route()["reason"]
    assert words.startswith("rolled back by user:") and ": too slow; in steps" in words
    route = running.wait_route("all to be over", lambda r: r["state"] == "rolled_back"
                               and r["drain"] is None)
    assert route["reason"] == words
    running.restart()
    assert running.route()["reason"] == words


def test_why_a_person_rolled_back_is_told_after_a_kill_between_steps(arms, weir):
    running = weir(plan(arms, rollback_steps=2, rollback_step="1m"))
    running.cli("rollback", "shop", "--why", "too slow")
    words = running.route()["reason"]
    wait_for("it to be stored", lambda: running.status()["store"]["pending"] == 0)
    running.kill()
    running.start()
    route = running.route()
    assert (route["state"], route["reason"]) == ("rolled_back", words)


def test_a_stage_survives_a_reload(arms, weir):
    running = weir(plan(arms, stages="5% 1h, 25% 1h, 100%"))
    running.cli("promote", "shop")
    running.reload()
    assert running.route()["weight_ppm"] == 250_000
