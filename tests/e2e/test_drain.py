"""on_rollback = drain: whom the canary has served may finish there; nobody new comes."""
import pytest

from support.client import Client
from support.weir import settings, wait_for

USERS = [f"user-{n}" for n in range(200)]


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


def arms_of(port, users):
    with Client(port) as client:
        return {u: client.request(fields={"X-User-Id": u}).arm for u in users}


def start(arms, weir, **rollout):
    return weir(settings(*arms, stages="50% 1h, 100%", rollout=rollout))


def test_users_of_the_canary_stay_and_new_ones_go_to_legacy(arms, weir):
    running = start(arms, weir, on_rollback="drain", drain_for="1h")
    before = arms_of(running.port, USERS[:100])
    assert set(before.values()) == {"legacy", "canary"}
    running.cli("rollback", "shop")
    assert arms_of(running.port, USERS[:100]) == before
    # A bit may be shared: with 50 users seen, one in 20,000 others.
    new = list(arms_of(running.port, USERS[100:]).values())
    assert new.count("canary") <= 1


def test_a_drain_ends(arms, weir):
    running = start(arms, weir, on_rollback="drain", drain_for="1s")
    arms_of(running.port, USERS)
    running.cli("rollback", "shop")
    wait_for("the end of the drain",
             lambda: set(arms_of(running.port, USERS[:50]).values()) == {"legacy"})


def test_an_edit_that_evicts_ends_a_drain_for_good(arms, weir):
    def text(on_rollback):
        return settings(*arms, stages="50% 1h, 100%",
                        rollout={"on_rollback": on_rollback, "drain_for": "1h"})

    running = weir(text("drain"))
    arms_of(running.port, USERS)
    running.cli("rollback", "shop")
    assert running.route()["drain"] is not None
    for on_rollback in ("evict", "drain"):
        running.reload(text(on_rollback))
        assert running.route()["drain"] is None
        assert set(arms_of(running.port, USERS).values()) == {"legacy"}


def test_users_of_an_earlier_release_are_forgotten(arms, weir):
    def text(release):
        return settings(*arms, stages="50% 1h, 100%", rollout={"on_rollback": "drain"},
                        route={"release": release})

    running = weir(text("r1"))
    arms_of(running.port, USERS)
    running.reload(text("r2"))
    running.cli("rollback", "shop")
    assert list(arms_of(running.port, USERS).values()).count("canary") <= 1


def test_without_a_drain_everyone_goes_to_legacy_at_once(arms, weir):
    running = start(arms, weir, on_rollback="evict")
    arms_of(running.port, USERS)
    running.cli("rollback", "shop")
    assert set(arms_of(running.port, USERS).values()) == {"legacy"}
