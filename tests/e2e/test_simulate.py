"""The guard keeps its promises in simulated traffic: bench/simulate in its short form."""
import subprocess

from support.weir import ROOT


def simulate():
    return subprocess.run([ROOT / "bench/simulate", "--quick"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=170)


def test_the_short_simulation_meets_its_bars_and_is_the_same_each_time():
    done = simulate()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": met") >= 30
    assert simulate().stdout == done.stdout


def test_the_guard_is_timed_over_a_thousand_routes():
    done = subprocess.run([ROOT / "bench/evaluate", "--ticks", "3"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all idle" in done.stdout
