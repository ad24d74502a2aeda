"""kill -9 at any instant: what was decided stays decided, and a plan goes on where it was."""
import random
import time

import pytest

from support.cohort import is_canary
from support.traffic import Traffic
from support.weir import settings

KILLS_IN_RAMP, KILLS_AT_ROLLBACK = 16, 40
USERS = [f"user-{n}" for n in range(60)]
WEIGHT = 300_000
CANARY_USERS = {u for u in USERS if is_canary("shop", u, WEIGHT)}

# A ramp: each stage is held for so long, before the bake.
HOLD_S = 1
WEIGHTS = [5, 10, 20, 30, 50, 70]
# What is not a decision is stored every second or so.
LOST_S = 1.5
# A tick, the way of an answer, and a busy machine.
SLACK_S = 0.5


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


def progress(route):
    """Seconds of hold that have passed, in all stages."""
    if route["state"] == "baking":
        return HOLD_S * (len(WEIGHTS) + 1)
    assert route["state"] == "running", route
    return HOLD_S * (route["stage"] - 1) + HOLD_S - route["hold_left_s"]


def ramp(arms):
    steps = ", ".join(f"{weight}% {HOLD_S * 1000:g}ms" for weight in WEIGHTS)
    return settings(*arms, stages=f"{steps}, 100% {HOLD_S * 1000:g}ms",
                    rollout={"min_requests": 1, "bake": "1h"})


def test_a_ramp_goes_on_where_it_was_however_often_it_is_killed(arms, weir):
    dice = random.Random(4)
    running = weir(ramp(arms))
    weights = [10_000 * weight for weight in WEIGHTS] + [1_000_000]
    lost = []
    with Traffic(USERS) as traffic:
        for _ in range(KILLS_IN_RAMP):
            traffic.go(running.port)
            traffic.wait(dice.randint(1, 500))
            asked = time.monotonic()
            before = progress(running.route())
            traffic.wait(dice.randint(0, 5))
            traffic.rest() if dice.random() < 0.2 else None
            running.kill()
            took = time.monotonic() - asked
            if dice.random() < 0.5:
                running.verify()
            started = time.monotonic()
            running.start()
            route = running.route()
            after, took = progress(route), took + time.monotonic() - started
            assert route["weight_ppm"] == weights[min(route["stage"], len(weights)) - 1]
            assert before - LOST_S <= after <= before + took + SLACK_S
            assert route["evidence_was_lost"] is False
            lost.append(before - after)
            running.verify()
        traffic.go(running.port)
        running.wait_state("baking", 40)
    print(f"\nhold lost by a kill: at most {max(lost):.2f} s, {sum(lost) / len(lost):.2f} s on average")
    rows = running.journal()
    assert [r["release"] for r in rows if r["action"] == "start"] == ["r1"]
    assert not [r for r in rows if r["action"] == "rollback"]
    assert {r.status for r in traffic.seen} == {200}


def is_seen_out(seen):
    """Who belongs to the canary is on legacy: it was rolled back, for all to see."""
    return any(s.user in CANARY_USERS and s.arm == "legacy" for s in seen)


def failing(arms, release):
    return settings(*arms, stages=f"{WEIGHT / 10_000:g}% 1h, 100%", route={"release": release})


def test_no_kill_brings_a_rolled_back_release_back(arms, weir):
    dice = random.Random(5)
    releases = 1
    running = weir(failing(arms, "r1"))
    arms[1].fail("/", 1)
    was_out = survived = surprises = 0

    def canary_requests():
        return len(arms[1].requests)

    with Traffic(USERS, pause_s=0.0005) as traffic:
        for _ in range(KILLS_AT_ROLLBACK):
            begun = len(traffic.seen)
            traffic.go(running.port)
            if was_out:
                traffic.wait(dice.randint(1, 2 * len(USERS)))
            else:
                # The guard decides at about the fifth failure: be there, or a bit later.
                failures = dice.randint(1, 12)
                traffic.wait_until(lambda seen: len([s for s in seen if s.status != 200])
                                   >= failures or is_seen_out(seen))
                time.sleep(dice.choice([0, 0.001, 0.01]) * dice.random())
            running.kill()
            traffic.rest()
            seen_out = is_seen_out(traffic.seen[begun:])
            if dice.random() < 0.5:
                running.verify()
            before = canary_requests()
            running.start()
            is_out = running.route()["state"] == "rolled_back"
            assert is_out or not (was_out or seen_out)
            surprises += is_out and not seen_out and not was_out
            if is_out:
                traffic.go(running.port)
                assert {s.arm for s in traffic.wait(2 * len(USERS))} == {"legacy"}
                traffic.rest()
                assert canary_requests() == before
                survived += 1
            running.verify()
            was_out = is_out
            if was_out and survived % 3 == 0:
                releases += 1
                running.reload(failing(arms, f"r{releases}"))
                assert running.route()["weight_ppm"] == WEIGHT
                was_out = False
    print(f"\n{releases} releases; rolled back before anyone could see it: {surprises}")
    assert releases >= 4
    # Nor does its name, from where it has been all along.
    last = f"r{releases}"
    for release in [f"r{n}" for n in range(1, releases)]:
        running.reload(failing(arms, release))
        route = running.route()
        assert (route["state"], route["weight_ppm"]) == ("rolled_back", 0), (release, last)


def test_a_rollback_in_steps_is_finished_after_a_kill(arms, weir):
    running = weir(settings(*arms, stages="60% 1h, 100%",
                            rollout={"rollback_steps": 3, "rollback_step": "500ms"}))
    running.cli("rollback", "shop")
    running.kill()
    running.start()
    route = running.route()
    assert route["latched"] and route["weight_ppm"] <= 400_000
    running.wait_state("rolled_back")
    weights = [r["to"]["weight_ppm"] for r in running.journal()]
    assert weights[-1] == 0 and weights[1:] == sorted(weights[1:], reverse=True)
    running.verify()
