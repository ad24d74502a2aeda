"""The demo that scripts/run shows, with ports of its own."""
import re
import signal
import subprocess

import pytest

from support.servers import free_port
from support.weir import ROOT, binary


@pytest.fixture
def quickstart(tmp_path):
    """conf/quickstart.ini with other ports and a folder of its own."""
    text = (ROOT / "conf/quickstart.ini").read_text()
    for address in sorted(set(re.findall(r"127\.0\.0\.1:\d+", text))):
        text = text.replace(address, f"127.0.0.1:{free_port()}")
    text = text.replace("../build/quickstart", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    file = tmp_path / "quickstart.ini"
    file.write_text(text)
    return file


def demo(file, *options):
    return subprocess.Popen(["/usr/bin/python3", "-B", ROOT / "scripts/demo/demo.py", "--config", file,
                             "--weir", binary(), *options], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def test_the_demo_shows_a_rollback_in_under_a_minute(weir, quickstart):
    text, _ = demo(quickstart, "--once").communicate(timeout=60)
    assert "ROLLED BACK" in text, text
    assert re.search(r"5% .*\n(.*\n)*.*25% ", text), text
    for word in ("why", "evidence", "leaked", "took"):
        assert re.search(rf"^  {word} ", text, re.M), text


def test_the_demo_says_which_port_is_busy(weir, quickstart):
    running = demo(quickstart)
    try:
        running.stdout.readline()
        text, _ = demo(quickstart).communicate(timeout=20)
        assert "in use already" in text and "Traceback" not in text
    finally:
        running.send_signal(signal.SIGINT)
        text, _ = running.communicate(timeout=30)
    assert "Traceback" not in text
    assert running.returncode == 0
    assert not subprocess.run(["pgrep", "-f", str(quickstart)], capture_output=True).stdout
