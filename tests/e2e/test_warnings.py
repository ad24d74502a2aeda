"""What a configuration is warned of but not refused for: in check, run and reload."""
import os

import pytest
from support.client import Client
from support.weir import run_weir, section, settings

WARNING = "takes every request: none is left to [route shop]"


@pytest.fixture
def blue(upstream):
    return upstream("blue")


def under_maintenance(text):
    """The notice comes first, for an hour."""
    return text.replace("[route shop]", "[route maintenance]\nrespond = 503 back at noon\n[route shop]")


def test_check_prints_warnings_and_is_content(tmp_path, blue):
    file = tmp_path / "weir.ini"
    file.write_text(under_maintenance(settings(blue)))
    done = run_weir("check", file)
    line = file.read_text().splitlines().index("[route maintenance]") + 1
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert done.stderr.startswith(f"{file}:{line}: warning: [route maintenance] {WARNING}")
    assert len(done.stderr.splitlines()) == 1


def test_check_prints_warnings_beside_problems(tmp_path, blue):
    file = tmp_path / "weir.ini"
    file.write_text(settings(blue, rest=section("rollout r", {"stages": "100%", "drain_for": "5m",
                                                              "bake": "soon"})))
    done = run_weir("check", file)
    assert (done.returncode, done.stdout) == (1, "")
    assert "bake = soon" in done.stderr and "warning: [rollout r] has a 'drain_for'" in done.stderr


def test_run_logs_warnings_and_serves(blue, weir):
    running = weir(under_maintenance(settings(blue)))
    assert [x for x in running.lines if "warn" in x and WARNING in x]
    with Client(running.port) as client:
        assert client.request().status == 503


def test_reload_prints_warnings_logs_them_and_takes_the_file_over(blue, weir):
    running = weir(settings(blue))
    lines = len(running.lines)
    running.write(under_maintenance(settings(blue)))
    done = running.cli("reload")
    assert done.stdout == "reloaded: generation 2\n"
    assert WARNING in done.stderr and len(done.stderr.splitlines()) == 1
    running.wait_line("warn.*takes every request", since=lines)
    with Client(running.port) as client:
        assert client.request().status == 503
    running.write(settings(blue))
    done = running.cli("reload")
    assert (done.stdout, done.stderr) == ("reloaded: generation 3\n", "")
    with Client(running.port) as client:
        assert client.request().arm == "blue"


def test_a_key_that_is_not_here_is_a_warning_to_check_and_an_error_to_run(blue, weir, tmp_path):
    key = tmp_path / "token.key"
    running = weir(settings(blue), weir={"token_key_file": key}, start=False)
    checked, ran = run_weir("check", running.config), run_weir("run", running.config)
    assert (checked.returncode, checked.stdout) == (0, "ok\n")
    assert f"warning: token_key_file: {key} cannot be read here" in checked.stderr
    assert ran.returncode == 1 and f"token_key_file: {key}: No such file" in ran.stderr
    key.write_bytes(b"x" * 64)
    os.chmod(key, 0o644)
    assert "chmod 600" in run_weir("check", running.config).stderr
    os.chmod(key, 0o600)
    assert run_weir("check", running.config).stderr == ""


def test_a_key_that_is_gone_keeps_the_configuration_before(blue, weir, tmp_path):
    key = tmp_path / "token.key"
    key.write_bytes(b"x" * 64)
    os.chmod(key, 0o600)
    running = weir(settings(blue), weir={"token_key_file": key})
    key.unlink()
    done = running.cli("reload", check=False)
    assert done.returncode == 1
    assert ":" in done.stderr and f"token_key_file: {key}: No such file" in done.stderr
    with Client(running.port) as client:
        assert client.request().arm == "blue"
