"""The comparison in bench/ works: every proxy starts, splits 90/10 and is measured."""
import re
import subprocess

from support.weir import ROOT, binary


def test_a_short_run_of_the_benchmark(weir):
    done = subprocess.run(["/usr/bin/python3", "-B", ROOT / "bench/side_by_side.py", "--quick",
                           "--weir", binary()], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    for other in ("nginx", "haproxy"):
        assert re.search(rf"^weir / {other}: \d+\.\d+ ", done.stdout, re.M), done.stdout
