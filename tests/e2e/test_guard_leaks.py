"""What a bad canary costs before it is rolled back, at 200 requests/s over real sockets:
failures that users saw, and seconds. `-s` shows them. WEIR_LONG=20 repeats each case
20 times (bench/leaks does that with the release build)."""
import datetime
import os
import random
import statistics
import time

import pytest

from scripts.demo.load import Load
from support.clock import Clock
from support.upstream import Reply
from support.weir import settings, wait_for

RATE = 200
BASE = 0.001  # of legacy, and of a healthy canary
RUNS = int(os.environ.get("WEIR_LONG", "1"))
PATHS = [f"/page-{letter}" for letter in "abcdefghijklmnopqrst"]  # each 5% of the traffic


@pytest.fixture
def arms(upstream):
    return upstream("legacy", seed=3), upstream("canary", seed=4)


def plan(arms, release="r0", **route):
    return settings(*arms, stages="20% 1h, 100%", route={"release": release, **route},
                    listen={"keepalive_timeout": "10m", "max_requests": "0"},
                    upstream={"keepalive_timeout": "10m"})


def fail(upstream, share, paths=("/",)):
    for path in paths:
        upstream.fail(path, share)


def wall(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def until_rolled_back(running, arms, paths, breaks, timeout):
    """Breaks a new release under traffic; returns the failures of the canary that users
    saw, and the seconds from the first of them to the rollback."""
    leaked, took = [], []
    with Load(running.port, users=20000, rate=RATE, paths=paths, max_seconds=RUNS * timeout) as load:
        for n in range(1, RUNS + 1):
            for one in arms:
                one.clear()
                fail(one, BASE, paths)
            running.reload(plan(arms, f"r{n}"))
            load.wait(RATE)
            assert running.route()["state"] == "running"
            before = len(load.results)
            breaks()
            running.wait_state("rolled_back", timeout)
            arms[1].clear()
            load.wait(20)  # what was under way
            row = [r for r in running.journal() if r["action"] == "rollback"][-1]
            assert (row["release"], row["who"], row["verdict"]) == (f"r{n}", "guard", "ROLL_BACK")
            bad = [r for r in load.results[before:] if r.status != 200 and r.arm == "canary"]
            leaked.append(len(bad))
            took.append(wall(row["time"]) - bad[0].at if bad else 0)
            assert not load.results[-1].error
    return leaked, took


def report(what, leaked, took):
    def line(values, digits):
        return " ".join(f"{v:.{digits}f}" for v in sorted(values))

    print(f"\n{what}: leaked {line(leaked, 0)} failures (median {statistics.median(leaked):g}); "
          f"{line(took, 1)} s (median {statistics.median(took):.1f})")


# The bounds are about three times what is usual: policy 10 gives the distribution.
@pytest.mark.parametrize("share, most_leaked, most_seconds",
                         [(1, 15, 3), (0.2, 20, 6), (0.02, 30, 45)])
def test_a_failing_canary_is_rolled_back_after_few_failures(arms, weir, share, most_leaked,
                                                            most_seconds):
    running = weir(plan(arms))
    leaked, took = until_rolled_back(running, arms, ["/"], lambda: fail(arms[1], share),
                                     2 * most_seconds)
    report(f"{share:.0%} failing over {BASE:.1%}", leaked, took)
    assert max(leaked) <= most_leaked
    assert max(took) <= most_seconds


def test_one_bad_path_of_twenty_rolls_the_release_back(arms, weir):
    running = weir(plan(arms))
    leaked, took = until_rolled_back(running, arms, PATHS, lambda: fail(arms[1], 0.5, PATHS[:1]),
                                     40)
    report("one path of twenty, 50% failing", leaked, took)
    assert max(leaked) <= 25
    assert max(took) <= 20


def slow_down(upstream, times):
    """Lognormal, as services are: a median of 8 ms, and 1% above 32 ms; times `times`."""
    dice = random.Random(upstream.arm)
    upstream.clear()
    upstream.on("/", lambda _: Reply(seconds=times * 0.008 * min(5, dice.lognormvariate(0, 0.6))))


@pytest.fixture
def warm(arms, weir, tmp_path):
    """weir with latency thresholds in force, a minute after the start of the stage."""
    clock = Clock(tmp_path)
    running = weir(plan(arms), env=clock.env)
    for one in arms:
        slow_down(one, 1)
    with Load(running.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(3 * RATE)
    frozen = running.wait_route("thresholds", lambda route: route["latency"])["latency"]
    assert (frozen["handicap"], frozen["slack_ms"]) == (4, 1)  # caches are cold for a minute
    assert 7 < frozen["thresholds_ms"]["q50"] < 20
    clock.skip(61)
    running.wait_route("the end of the warm-up", lambda route: route["latency"]["handicap"] == 1.1)
    return running


def test_a_canary_that_becomes_twice_as_slow_is_rolled_back(warm, arms):
    with Load(warm.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(2 * RATE)
        assert warm.route()["state"] == "running"
        before = len(load.results)
        slow_down(arms[1], 2)
        began = time.time()
        warm.wait_state("rolled_back", 40)
        took = time.time() - began
    row = [r for r in warm.journal() if r["action"] == "rollback"][-1]
    slow = [r for r in load.results[before:] if r.arm == "canary"]
    report("twice as slow", [len(slow)], [took])
    assert (row["verdict"], row["counters"]["canary"]["failures"]) == ("ROLL_BACK", 0)
    assert "slow" in row["reason"]
    assert len(slow) <= 800


def test_both_arms_as_slow_are_left_alone(warm, arms):
    for one in arms:
        slow_down(one, 2)
    with Load(warm.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(5 * RATE)
    assert warm.route()["state"] == "running"


@pytest.mark.parametrize("share", [1, 0.05])
def test_what_both_arms_suffer_alike_rolls_nothing_back(arms, weir, share):
    running = weir(plan(arms))
    with Load(running.port, users=20000, rate=RATE, max_seconds=120) as load:
        load.wait(RATE)
        for one in arms:
            fail(one, share)
        results = load.wait((60 if RUNS > 1 else 5) * RATE)
    assert {r.arm for r in results if r.status != 200} == {"legacy", "canary"}
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("running", 200_000)
    held = wait_for("a word about it", lambda: running.route()["held"])
    assert held == "HOLD_SHARED"
