"""What a bad canary costs before it is rolled back, at 200 requests/s over real sockets:
failures that users saw, and seconds. `-s` shows them. WEIR_LONG=20 repeats each case
20 times (bench/leaks does that with the release build)."""
import datetime
import os
import statistics

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
                         [(1, 15, 3), (0.2, 25, 6), (0.02, 50, 60)])
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


def test_a_canary_twice_as_slow_is_rolled_back(arms, weir, tmp_path):
    def takes(base, request):
        # A spread of 1 to 2 times the least, by the user, and so the same in both arms.
        return Reply(seconds=base * (1 + hash(request.fields.get("X-User-Id")) % 100 / 100))

    clock = Clock(tmp_path)
    running = weir(plan(arms), env=clock.env)
    arms[0].on("/", lambda request: takes(0.010, request))
    arms[1].on("/", lambda request: takes(0.020, request))
    with Load(running.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(2 * RATE)
    running.wait_route("thresholds", lambda route: route["latency"])
    assert running.route()["latency"]["handicap"] == 4  # a cold canary has a minute
    clock.skip(61)
    running.wait_route("the canary to be warm", lambda route: route["latency"]["handicap"] < 1.2)
    with Load(running.port, users=2000, rate=RATE, max_seconds=60) as load:
        began = load.wait(1)[0].at
        running.wait_state("rolled_back", 40)
    row = [r for r in running.journal() if r["action"] == "rollback"][-1]
    slow = len([r for r in load.results if r.arm == "canary"])
    report("twice as slow", [slow], [wall(row["time"]) - 61 - began])
    assert (row["verdict"], row["counters"]["canary"]["failures"]) == ("ROLL_BACK", 0)
    assert "slow" in row["reason"]
    assert slow <= 800


def test_a_slow_canary_is_left_alone_where_legacy_is_as_slow(arms, weir, tmp_path):
    clock = Clock(tmp_path)
    running = weir(plan(arms), env=clock.env)
    with Load(running.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(2 * RATE)
    clock.skip(61)
    for one in arms:
        one.on("/", Reply(seconds=0.03))
    with Load(running.port, users=2000, rate=RATE, max_seconds=60) as load:
        load.wait(5 * RATE)
    assert running.route()["state"] == "running"


@pytest.mark.parametrize("share", [1, 0.05])
def test_what_both_arms_suffer_alike_rolls_nothing_back(arms, weir, share):
    running = weir(plan(arms))
    with Load(running.port, users=20000, rate=RATE, max_seconds=120) as load:
        load.wait(RATE)
        for one in arms:
            fail(one, share)
        results = load.wait(max(7, 30 * (RUNS > 1)) * RATE)
    assert {r.arm for r in results if r.status != 200} == {"legacy", "canary"}
    route = running.route()
    assert (route["state"], route["weight_ppm"]) == ("running", 200_000)
    held = wait_for("a word about it", lambda: running.route()["held"])
    assert held == "HOLD_SHARED"
