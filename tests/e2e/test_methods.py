"""A stage may send some methods to the canary and leave the others with legacy: reads
first, writes later."""
import pytest

from support.client import Client
from support.cohort import is_canary
from support.weir import settings, wait_for

CANARY_USER = next(f"user-{n}" for n in range(1000) if is_canary("shop", f"user-{n}", 500_000))
LEGACY_USER = next(f"user-{n}" for n in range(1000) if not is_canary("shop", f"user-{n}", 500_000))
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


def arms_by_method(port, user):
    seen = {}
    with Client(port) as client:
        for method in METHODS:
            body = b"x" if method in ("POST", "PUT", "PATCH") else None
            seen[method] = client.request(method, fields={"X-User-Id": user}, body=body).arm
    return seen


def test_methods_that_the_stage_leaves_out_go_to_legacy(arms, weir):
    running = weir(settings(*arms, stages="50% 1h methods=GET,HEAD, 100%"))
    seen = arms_by_method(running.port, CANARY_USER)
    assert {m for m, arm in seen.items() if arm == "canary"} == {"GET", "HEAD"}
    assert set(arms_by_method(running.port, LEGACY_USER).values()) == {"legacy"}


def test_without_methods_a_stage_sends_them_all(arms, weir):
    running = weir(settings(*arms, stages="50% 1h, 100%"))
    assert set(arms_by_method(running.port, CANARY_USER).values()) == {"canary"}


def test_a_forced_user_is_the_canary_s_with_every_method(arms, weir):
    running = weir(settings(*arms, stages="50% 1h methods=GET, 100%",
                            route={"force": "canary address:127.0.0.1"}))
    assert set(arms_by_method(running.port, LEGACY_USER).values()) == {"canary"}


def test_the_next_stage_has_methods_of_its_own(arms, weir):
    running = weir(settings(*arms, stages="50% 1h methods=GET, 60% 1h, 100%"))
    assert arms_by_method(running.port, CANARY_USER)["POST"] == "legacy"
    running.cli("promote", "shop")
    wait_for("the second stage", lambda: running.route()["stage"] == 2)
    assert arms_by_method(running.port, CANARY_USER)["POST"] == "canary"


def test_what_a_stage_leaves_out_counts_but_is_no_evidence(arms, weir):
    """Legacy's writes fail: they are not what the canary's reads are compared with."""
    running = weir(settings(*arms, stages="50% 1h methods=GET, 100%"))
    arms[0].fail("/", 1)
    with Client(running.port) as client:
        for _ in range(20):
            client.request("POST", fields={"X-User-Id": CANARY_USER}, body=b"x")
    route = running.counted(20)
    assert route["arms"]["legacy"]["requests"] == 20
    assert route["state"] == "running"
